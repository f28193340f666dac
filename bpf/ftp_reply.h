/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server's lines; see ftp_grammar.h. */
#ifndef FTPNAT_BPF_FTP_REPLY_H
#define FTPNAT_BPF_FTP_REPLY_H

#include "ftp_line.h"

static __always_inline bool ftp_names_address(__u16 code)
{
	return code == 227 || code == 229;
}

/* A line that is not the last one, from here on as some client may read it. */
static __always_inline void ftp_stray(struct ftp_parser *p, __u32 from)
{
	p->line.form = FTP_FORM_AMBIGUOUS;
	p->line.span_start = (__u16)from;
	p->state = FTP_STATE_SKIP;
}

static __always_inline void ftp_address_begin(struct ftp_parser *p, __u16 code)
{
	p->line.code = code;
	p->line.final = 1;
	p->reply = 0;
	ftp_number_start(p);
	if (!ftp_names_address(code))
		return;
	p->line.form = FTP_FORM_MALFORMED;
	p->state = code == 227 ? FTP_STATE_227 : FTP_STATE_229;
}

/*
 * After the three digits of a code; RFC 959 section 4.2. Behind 227 and 229 some clients
 * take any byte for the blank. Inside of another reply some take them for its end.
 */
static __always_inline void ftp_code(struct ftp_parser *p, __u8 c)
{
	__u16 code = (__u16)p->value;
	bool address = ftp_names_address(code);

	p->state = FTP_STATE_SKIP;
	if (p->reply && p->reply != code) {
		if (address || ftp_names_address(p->reply))
			ftp_stray(p, 0);
	} else if (c == '-') {
		if (address)
			p->state = FTP_STATE_INSIDE;
		if (p->reply)
			return;
		p->line.code = code;
		p->reply = code;
	} else if (ftp_is_blank(c)) {
		ftp_address_begin(p, code);
	} else if (address) {
		ftp_address_begin(p, code);
		p->state = code == 227 ? FTP_STATE_227_ODD : FTP_STATE_229_ODD;
		p->separators = FTP_ENOUGH;
	}
}

/* A line inside of a reply that begins with something else than a code. */
static __always_inline void ftp_inside(struct ftp_parser *p, __u8 c)
{
	p->state = FTP_STATE_SKIP;
	if (!ftp_names_address(p->reply))
		return;
	if (ftp_is_digit(c) || c == '(')
		ftp_stray(p, p->length);
	else
		p->state = FTP_STATE_INSIDE;
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
		if (ftp_names_address(p->reply))
			ftp_stray(p, 0);
	}
}

#define FTP_227_COMMAS 5

/* Clients read the address before the byte at hand in different ways, or none at all. */
static __always_inline void ftp_227_differs(struct ftp_parser *p)
{
	p->line.form = FTP_FORM_AMBIGUOUS;
	p->state = FTP_STATE_SKIP;
}

/*
 * A number is over: is it none that all read alike? ftplib has C read the address, for
 * which a leading zero means octal.
 */
static __always_inline bool ftp_227_odd(const struct ftp_parser *p)
{
	bool zero = (p->digits == 2 && p->value < 10) ||
		    (p->digits == 3 && p->value < 100);

	return !p->digits || p->digits > 3 || p->value > FTP_OCTET_MAX ||
	       (zero && p->value > 7 && p->separators < 4);
}

/* After the sixth number. */
static __always_inline void ftp_227_address(struct ftp_parser *p, __u8 c)
{
	p->state = p->gap ? FTP_STATE_227_TAIL : FTP_STATE_SKIP;
	if (p->odd || ftp_227_odd(p) || (p->gap && c == ',') ||
	    !ftp_set_octets(p, p->value, p->length))
		ftp_227_differs(p);
}

/*
 * RFC 1123 section 4.1.2.6: no parentheses to rely on. The address is the first run of
 * numbers with commas between them that has six of them or more; most clients read the
 * first six. lftp, tnftp and curl take blanks and signs in front of a number, wget no number
 * at all, and some take numbers that are too large: p->odd. With a blank in front of one
 * of the numbers two to five, p->gap, neither wget nor ftplib takes these six, but ftplib
 * others behind them.
 */
static __always_inline void ftp_step_227(struct ftp_parser *p, __u8 c)
{
	bool blank = p->separators && !p->digits && ftp_is_blank(c);
	bool sixth = p->separators == FTP_227_COMMAS && !(blank && p->gap);

	if (c == FTP_TELNET_IAC) { /* a Telnet command, which some leave out */
		p->state = FTP_STATE_227_ODD;
	} else if (ftp_is_digit(c)) {
		if (!p->separators && !p->digits)
			p->line.span_start = (__u16)p->length;
		if (p->digits < 4) {
			p->value = p->value * 10 + (c - '0');
			p->digits++;
		}
	} else if (sixth) {
		ftp_227_address(p, c);
	} else if (c == ',' && (p->separators || p->digits)) {
		p->odd |= ftp_227_odd(p);
		*ftp_octet(p, p->separators) = (__u8)p->value;
		p->separators++;
		ftp_number_start(p);
	} else if (blank) {
		p->gap = 1;
	} else if (p->separators && !p->digits && (c == '+' || c == '-')) {
		p->odd = 1;
	} else {
		p->separators = 0;
		p->odd = 0;
		p->gap = 0;
		ftp_number_start(p);
	}
}

static __always_inline void ftp_step_227_tail(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_digit(c))
		ftp_227_differs(p);
}

static __always_inline void ftp_step_227_odd(struct ftp_parser *p, __u8 c)
{
	if (c == ',' && p->separators < FTP_227_COMMAS)
		p->separators++;
}

/* int() of Python takes digits of all scripts. */
static __always_inline void ftp_step_229_odd(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_digit(c) || c > 126)
		p->separators = FTP_ENOUGH;
}

static __always_inline void ftp_229_differs(struct ftp_parser *p, __u8 c)
{
	p->line.form = FTP_FORM_MALFORMED;
	p->state = FTP_STATE_229_ODD;
	if (p->digits)
		p->separators = FTP_ENOUGH;
	ftp_step_229_odd(p, c);
}

/* The first '(': an address begins behind it or nowhere, whatever is in front of it. */
static __always_inline void ftp_229_parenthesis(struct ftp_parser *p)
{
	p->line.form = FTP_FORM_MALFORMED;
	p->state = FTP_STATE_229;
	p->odd = 1;
	p->fields = 0;
	ftp_number_start(p);
}

/* Digits that are not an address, in front of a '(' or without any. */
static __always_inline void ftp_229_digits(struct ftp_parser *p, __u8 c)
{
	p->separators = FTP_ENOUGH;
	if (p->odd)
		ftp_229_differs(p, c);
	else if (c == '(')
		ftp_229_parenthesis(p);
	else
		p->state = FTP_STATE_229_TEXT;
}

/* A byte that is not a digit, in front of the port. */
static __always_inline void ftp_229_delimiter(struct ftp_parser *p, __u8 c)
{
	if (c == FTP_TELNET_IAC) { /* a Telnet command, which some leave out */
		ftp_229_differs(p, c);
		return;
	}
	if (c == '(' && !p->odd) {
		ftp_229_parenthesis(p);
		return;
	}
	if (p->fields && c != p->line.delimiter) {
		if (p->odd) {
			ftp_229_differs(p, c);
			return;
		}
		p->fields = 0;
	}
	p->line.delimiter = c;
	if (ftp_is_delimiter(c)) {
		if (p->fields < 3 || p->odd)
			p->fields++;
		if (p->fields > 3) { /* no port: 0 */
			p->separators = FTP_ENOUGH;
			ftp_229_differs(p, c);
		}
	} else if (p->odd) {
		ftp_229_differs(p, c);
	} else {
		p->fields = 0;
	}
}

/*
 * RFC 2428 section 3: d d d port d, right behind the first '('. Without any, the first in
 * the text, as lftp and others have it; there is no other digit before it then.
 */
static __always_inline void ftp_step_229(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_digit(c)) {
		if (!p->digits)
			p->line.span_start = (__u16)p->length;
		p->value = p->value * 10 + (c - '0');
		p->digits++;
		if (p->fields != 3 || p->digits > 5)
			ftp_229_digits(p, c);
	} else if (!p->digits) {
		ftp_229_delimiter(p, c);
	} else if (c != p->line.delimiter || !ftp_set_port(p, p->value, p->length)) {
		ftp_229_digits(p, c);
	} else {
		p->separators = FTP_ENOUGH;
		p->state = p->odd ? FTP_STATE_SKIP : FTP_STATE_229_TAIL;
	}
}

/* Only a '(' matters any more, and a Telnet command. */
static __always_inline void ftp_step_229_text(struct ftp_parser *p, __u8 c)
{
	if (c == '(')
		ftp_229_parenthesis(p);
	else if (c == FTP_TELNET_IAC)
		ftp_229_differs(p, c);
}

/* The end of a line: what some client may read in it. */
static __always_inline void ftp_reply_end(struct ftp_parser *p)
{
	if ((p->state == FTP_STATE_227_ODD || p->state == FTP_STATE_229_ODD ||
	     p->state == FTP_STATE_229_TEXT) &&
	    p->separators >= FTP_227_COMMAS)
		p->line.form = FTP_FORM_AMBIGUOUS;
	if (p->line.form == FTP_FORM_ADDRESS && p->length > FTP_LINE_MAX)
		p->line.form = FTP_FORM_AMBIGUOUS;
}

/* One byte of the server's stream. True: it ended a line, which p->line now describes. */
static __always_inline bool ftp_feed_reply(struct ftp_parser *p, __u8 c)
{
	switch (p->state) {
	case FTP_STATE_START:
		p->state = FTP_STATE_SKIP;
		if (c == FTP_TELNET_IAC) {
			p->state = FTP_STATE_IAC;
		} else if (c != '0' && ftp_is_digit(c)) {
			p->state = FTP_STATE_CODE;
			p->value = c - '0';
			p->digits = 1;
		} else {
			ftp_inside(p, c);
		}
		break;
	case FTP_STATE_INSIDE:
		if (ftp_is_digit(c) || c == '(')
			ftp_stray(p, p->length);
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
	case FTP_STATE_227_TAIL:
		ftp_step_227_tail(p, c);
		break;
	case FTP_STATE_227_ODD:
		ftp_step_227_odd(p, c);
		break;
	case FTP_STATE_229:
		ftp_step_229(p, c);
		break;
	case FTP_STATE_229_TEXT:
	case FTP_STATE_229_TAIL:
		ftp_step_229_text(p, c);
		break;
	case FTP_STATE_229_ODD:
		ftp_step_229_odd(p, c);
		break;
	}
	if (p->length < FTP_LENGTH_MAX)
		p->length++;
	if (c != '\n')
		return false;
	ftp_reply_end(p);
	return ftp_line_end(p);
}

/*
 * May the unfinished line in p still turn out to have an address that a client takes, however
 * long it is? Once false, it stays false for the rest of the line.
 */
static __always_inline bool ftp_may_become_reply_address(const struct ftp_parser *p)
{
	if (!p->length)
		return false;
	switch (p->state) {
	case FTP_STATE_OVER:
		return false;
	case FTP_STATE_SKIP:
		return p->line.form == FTP_FORM_ADDRESS ||
		       p->line.form == FTP_FORM_AMBIGUOUS;
	case FTP_STATE_CODE:
		break;
	default:
		return true;
	}
	if (ftp_names_address(p->reply))
		return true;
	if (p->digits < 3)
		return p->value == 2 || p->value == 22;
	return ftp_names_address((__u16)p->value);
}

#endif
