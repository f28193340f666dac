/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The argument of PORT: six numbers (RFC 959 section 4.1.2). */
#ifndef FTPNAT_BPF_FTP_PORT_H
#define FTPNAT_BPF_FTP_PORT_H

#include "ftp_number.h"

/*
 * The sixth number ends where its digits do, whatever follows. pyftpdlib takes one above 255,
 * and adds it to 256 times the fifth. False: no server takes it.
 */
static __always_inline bool ftp_port_end(struct ftp_parser *p, __u8 c)
{
	if (c == FTP_TELNET_IAC)
		return ftp_odd(p, FTP_ENOUGH);
	p->state = FTP_STATE_TAIL;
	return ftp_set_octets(p, p->value, p->length);
}

/*
 * A digit too many. Servers' integers wrap at 2^32 or 2^64 and some then take the number,
 * but all saturate and take none with more than HUGE_DIGITS after FTP_NUMBER_MAX.
 */
#define FTP_HUGE_DIGITS 12

static __always_inline bool ftp_port_huge(struct ftp_parser *p)
{
	if (p->number == FTP_NUMBER_OVER)
		return ftp_odd(p, FTP_ENOUGH);
	p->digits++;
	return p->digits <= FTP_HUGE_DIGITS;
}

/* False: malformed. */
static __always_inline bool ftp_step_port(struct ftp_parser *p, __u8 c)
{
	if (!p->line.span_start && !ftp_is_blank(c))
		p->line.span_start = (__u16)p->length;
	if (ftp_is_digit(c))
		return ftp_number_add(p, c) || ftp_port_huge(p);
	if (p->digits)
		return ftp_odd(p, FTP_ENOUGH);
	if (p->fields == 5 && p->number == FTP_NUMBER_DIGITS)
		return ftp_port_end(p, c);
	if (p->fields == 5 && c == '\n')
		return ftp_odd(p, FTP_ENOUGH); /* atoi() reads blanks as 0 */
	if (c == ',' && p->number >= FTP_NUMBER_DIGITS) {
		*ftp_octet(p, p->fields) = (__u8)p->value;
		p->fields++;
		if (p->value > FTP_OCTET_MAX)
			return false;
		ftp_number_start(p);
		return true;
	}
	return ftp_number_space(p, c) || ftp_odd_byte(p, c, p->fields);
}

#endif
