/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server's lines; see ftp_grammar.h. */
#ifndef FTPNAT_BPF_FTP_REPLY_H
#define FTPNAT_BPF_FTP_REPLY_H

#include "ftp_line.h"

/* After the three digits of a code; RFC 959 section 4.2. */
static __always_inline void ftp_code(struct ftp_parser *p, __u8 c)
{
	__u16 code = (__u16)p->value;

	p->state = FTP_STATE_SKIP;
	if (c == '-' && !p->reply) {
		p->line.code = code;
		p->reply = code;
		return;
	}
	if (!ftp_is_blank(c) || (p->reply && p->reply != code))
		return;
	p->line.code = code;
	p->line.final = 1;
	p->reply = 0;
	ftp_number_start(p);
	if (code == 227 || code == 229) {
		p->line.form = FTP_FORM_MALFORMED;
		p->state = code == 227 ? FTP_STATE_227 : FTP_STATE_229;
	}
}

static __always_inline void ftp_step_code(struct ftp_parser *p, __u8 c)
{
	if (p->digits == 3) {
		ftp_code(p, c);
	} else if (ftp_is_digit(c)) {
		p->value = p->value * 10 + (c - '0');
		p->digits++;
	} else {
		p->state = FTP_STATE_SKIP;
	}
}

/*
 * RFC 1123 section 4.1.2.6: no parentheses to rely on. The address is the first
 * maximal run of comma-separated numbers that has exactly six of them, none
 * above 255 or longer than three digits. p->fields is 7 for a run that has more
 * or can't count any more.
 */
static __always_inline void ftp_step_227(struct ftp_parser *p, __u8 c)
{
	__u32 end = p->length;

	if (ftp_is_digit(c)) {
		if (!p->fields && !p->digits)
			p->line.span_start = (__u16)p->length;
		p->value = p->value * 10 + (c - '0');
		p->digits++;
		if (p->digits > 3 || p->value > 255) {
			p->fields = 7;
			p->value = 0;
			p->digits = 1;
		}
		return;
	}
	if (p->digits) {
		p->octet[p->fields & 7] = (__u8)p->value;
		ftp_number_start(p);
		if (p->fields < 7)
			p->fields++;
		if (c == ',')
			return;
	} else {
		end--; /* the run, if any, ended before a comma too many */
	}
	if (p->fields == 6) {
		p->state = FTP_STATE_SKIP;
		ftp_set_octets(p, end);
	}
	p->fields = 0;
}

/* RFC 2428 section 3, without relying on the parentheses: d d d port d, the first in the text. */
static __always_inline void ftp_step_229(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_digit(c)) {
		if (p->fields < 3) {
			p->fields = 0;
			return;
		}
		if (!p->digits)
			p->line.span_start = (__u16)p->length;
		if (p->digits < 6) {
			p->value = p->value * 10 + (c - '0');
			p->digits++;
		}
		return;
	}
	if (p->digits && c == p->line.delimiter) {
		p->state = FTP_STATE_SKIP;
		if (p->digits < 6)
			ftp_set_port(p, p->value, p->length);
		return;
	}
	ftp_number_start(p);
	if (c != p->line.delimiter)
		p->fields = 0;
	p->line.delimiter = c;
	if (!ftp_is_delimiter(c))
		p->fields = 0;
	else if (p->fields < 3)
		p->fields++;
}

/* One byte of the server's stream. True: it ended a line, which p->line now describes. */
static __always_inline bool ftp_feed_reply(struct ftp_parser *p, __u8 c)
{
	switch (p->state) {
	case FTP_STATE_START:
		p->state = FTP_STATE_SKIP;
		if (c == 255) {
			p->state = FTP_STATE_IAC;
		} else if (c != '0' && ftp_is_digit(c)) {
			p->state = FTP_STATE_CODE;
			p->value = c - '0';
			p->digits = 1;
		}
		break;
	case FTP_STATE_IAC:
		ftp_step_iac(p, c);
		break;
	case FTP_STATE_IAC_OPTION:
		ftp_step_iac_over(p);
		break;
	case FTP_STATE_CODE:
		ftp_step_code(p, c);
		break;
	case FTP_STATE_227:
		ftp_step_227(p, c);
		break;
	case FTP_STATE_229:
		ftp_step_229(p, c);
		break;
	}
	if (p->length < 65535)
		p->length++;
	if (c != '\n')
		return false;
	if (p->line.form == FTP_FORM_ADDRESS && p->length > FTP_LINE_MAX)
		p->line.form = FTP_FORM_MALFORMED;
	return ftp_line_end(p);
}

/*
 * May the unfinished line in p still turn out to be a final 227 or 229 with an address?
 * Once false, it stays false for the rest of the line.
 */
static __always_inline bool ftp_may_become_reply_address(const struct ftp_parser *p)
{
	if (!p->length || p->length >= FTP_LINE_MAX)
		return false;
	switch (p->state) {
	case FTP_STATE_OVER:
		return false;
	case FTP_STATE_SKIP:
		return p->line.form == FTP_FORM_ADDRESS;
	case FTP_STATE_227:
	case FTP_STATE_229:
		return true;
	}
	if (p->reply && p->reply != 227 && p->reply != 229)
		return false;
	if (p->state != FTP_STATE_CODE || p->digits < 3)
		return p->state != FTP_STATE_CODE || p->value == 2 || p->value == 22;
	return p->reply ? p->value == p->reply : p->value == 227 || p->value == 229;
}

#endif
