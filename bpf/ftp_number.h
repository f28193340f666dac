/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers in the argument of PORT and EPRT, and arguments that servers read differently. */
#ifndef FTPNAT_BPF_FTP_NUMBER_H
#define FTPNAT_BPF_FTP_NUMBER_H

#include "ftp_line.h"

/*
 * Numbers of PORT and EPRT, as servers read them with atoi(), strtoul() or sscanf():
 * blanks, '+' and any number of zeros may be in front.
 */
enum ftp_number {
	FTP_NUMBER_NONE, /* nothing but blanks yet */
	FTP_NUMBER_SIGNED,
	FTP_NUMBER_DIGITS,
	FTP_NUMBER_OVER, /* blanks behind it */
};

#define FTP_NUMBER_MAX 99999999 /* with one more digit, servers' integers still hold it */

#define FTP_PORT_COMMAS	    5
#define FTP_EPRT_DELIMITERS 3

/*
 * From here on servers differ in what they read. The line is FTP_FORM_AMBIGUOUS if as
 * many separators come as any of them needs, else none takes it.
 */
static __always_inline bool ftp_odd(struct ftp_parser *p, __u8 separators)
{
	p->state = FTP_STATE_ODD;
	p->separators = separators;
	return true;
}

/* proftpd leaves Telnet commands out wherever they are. */
static __always_inline void ftp_step_odd(struct ftp_parser *p, __u8 c)
{
	bool eprt = p->line.command == FTP_COMMAND_EPRT;
	bool separator = eprt ? c == p->line.delimiter || c == '|' : c == ',';

	if (c == FTP_TELNET_IAC)
		p->separators = FTP_ENOUGH;
	else if (separator && p->separators < FTP_ENOUGH)
		p->separators++;
}

/* A byte that is not part of what was expected, after so many separators. */
static __always_inline bool ftp_odd_byte(struct ftp_parser *p, __u8 c, __u8 separators)
{
	ftp_odd(p, separators);
	ftp_step_odd(p, c);
	return true;
}

static __always_inline bool ftp_odd_is_ambiguous(const struct ftp_parser *p)
{
	return p->separators >= (p->line.command == FTP_COMMAND_EPRT ?
					 FTP_EPRT_DELIMITERS :
					 FTP_PORT_COMMAS);
}

/* A digit. False: clients read this number in different ways. */
static __always_inline bool ftp_number_add(struct ftp_parser *p, __u8 c)
{
	if (p->number == FTP_NUMBER_OVER || p->value > FTP_NUMBER_MAX)
		return false;
	p->value = p->value * 10 + (c - '0');
	p->number = FTP_NUMBER_DIGITS;
	return true;
}

/* What may be in front of or behind the digits. False: something else. */
static __always_inline bool ftp_number_space(struct ftp_parser *p, __u8 c)
{
	if (c == '+' && p->number == FTP_NUMBER_NONE)
		p->number = FTP_NUMBER_SIGNED;
	else if (!ftp_is_blank(c) || p->number == FTP_NUMBER_SIGNED)
		return false;
	else if (p->number == FTP_NUMBER_DIGITS)
		p->number = FTP_NUMBER_OVER;
	return true;
}

#endif
