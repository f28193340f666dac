/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The client's lines; see ftp_grammar.h. */
#ifndef FTPNAT_BPF_FTP_COMMAND_H
#define FTPNAT_BPF_FTP_COMMAND_H

#include "ftp_argument.h"
#include "ftp_eprt.h"
#include "ftp_port.h"

/* LF ends the line for all but proftpd, for which it is the option of a Telnet command. */
static __always_inline void ftp_step_option(struct ftp_parser *p, __u8 c)
{
	if (c == '\n' && p->digits) {
		p->line.command = FTP_COMMAND_OTHER;
		if (ftp_verb_begins(p, FTP_WORD('P', 'O', 'R', 'T')) ||
		    ftp_verb_begins(p, FTP_WORD('E', 'P', 'R', 'T')) ||
		    ftp_verb_begins(p, FTP_WORD('A', 'U', 'T', 'H')))
			p->line.form = FTP_FORM_AMBIGUOUS;
	}
	ftp_step_iac_over(p);
}

/*
 * pyftpdlib ends lines at CR LF only. More than 2048 bytes without it are discarded as
 * they have come by then, and what follows is read as a line.
 */
#define FTP_OVERLONG 2048

/*
 * The byte about to be fed: does it end a verb that matters, where pyftpdlib may take it for
 * the beginning of a line, and only pyftpdlib?
 */
static __always_inline bool ftp_overlong_verb(const struct ftp_parser *p, __u8 c)
{
	if (c != ' ' || p->unended < FTP_OVERLONG ||
	    (p->state == FTP_STATE_VERB && p->value == p->word))
		return false;
	return p->word == FTP_WORD('P', 'O', 'R', 'T') ||
	       p->word == FTP_WORD('E', 'P', 'R', 'T') ||
	       p->word == FTP_WORD('A', 'U', 'T', 'H') ||
	       p->word == FTP_WORD('P', 'A', 'S', 'S');
}

static __always_inline void ftp_unended(struct ftp_parser *p, __u8 c)
{
	if (c == '\n' && (p->word & 0xff) == '\r')
		p->unended = 0;
	else if (p->unended < FTP_LENGTH_MAX)
		p->unended++;
	p->word = p->word << 8 | ftp_upper(c);
}

/* One byte of the client's stream. True: it ended a line, which p->line now describes. */
static __always_inline bool ftp_feed_command(struct ftp_parser *p, __u8 c)
{
	bool ok = true;

	ftp_unended(p, c);
	ftp_behind_cr(p, c);
	switch (p->state) {
	case FTP_STATE_START:
		if (ftp_is_blank(c))
			break;
		if (c == FTP_TELNET_IAC) {
			p->state = FTP_STATE_IAC;
			break;
		}
		p->state = FTP_STATE_VERB;
		ftp_step_verb(p, c);
		break;
	case FTP_STATE_WORD:
		ftp_step_long(p, c);
		break;
	case FTP_STATE_IAC:
		ftp_step_command_iac(p, c);
		break;
	case FTP_STATE_SITE:
		ftp_step_site(p, c);
		break;
	case FTP_STATE_IAC_OPTION:
		ftp_step_option(p, c);
		break;
	case FTP_STATE_VERB:
		ftp_step_verb(p, c);
		break;
	case FTP_STATE_TAIL:
		ftp_step_tail(p, c);
		break;
	case FTP_STATE_PORT:
		ok = ftp_step_port(p, c);
		break;
	case FTP_STATE_EPSV:
		ftp_step_epsv(p, c);
		break;
	case FTP_STATE_ALGS:
		ftp_step_algs(p, c);
		break;
	case FTP_STATE_EPRT:
		ok = ftp_step_eprt(p, c);
		break;
	case FTP_STATE_EPRT_PROTOCOL:
		ok = ftp_step_eprt_protocol(p, c);
		break;
	case FTP_STATE_EPRT_V4:
		ok = ftp_step_eprt_v4(p, c);
		break;
	case FTP_STATE_EPRT_V6:
		ok = ftp_step_eprt_v6(p, c);
		break;
	case FTP_STATE_EPRT_PORT:
		ok = ftp_step_eprt_port(p, c);
		break;
	case FTP_STATE_ODD:
		ftp_step_odd(p, c);
		break;
	}
	if (!ok)
		p->state = FTP_STATE_SKIP;
	if (p->length < FTP_LENGTH_MAX)
		p->length++;
	if (c != '\n')
		return false;
	if (p->state == FTP_STATE_ODD && ftp_odd_is_ambiguous(p))
		p->line.form = FTP_FORM_AMBIGUOUS;
	return ftp_line_end(p);
}

#endif
