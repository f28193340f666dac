/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines of an FTP control connection, one byte at a time (RFC 959, 1123, 2428).
 *
 * LF ends a line wherever it stands; CR counts as a blank. Telnet commands are
 * skipped before a verb or a reply code, and nowhere else. A line of PORT, EPRT,
 * 227 or 229 is FTP_FORM_MALFORMED until its address is complete, and again when
 * anything comes that must not follow. Where a peer might read it in two ways
 * (seven numbers in 227, octal-looking octets in EPRT), it is malformed.
 *
 * Every index into the parser is masked and all of its state is in the parser:
 * kept in a map value, the verifier sees unknown scalars and few paths.
 */
#ifndef FTPNAT_BPF_FTP_GRAMMAR_H
#define FTPNAT_BPF_FTP_GRAMMAR_H

#include <bpf/bpf_endian.h>

#include "ftpnat_ftp.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define FTP_LINE_MAX 255 /* bytes of an address line, its end included */

enum ftp_state {
	FTP_STATE_START, /* nothing but blanks and Telnet commands yet */
	FTP_STATE_IAC,
	FTP_STATE_IAC_OPTION,
	FTP_STATE_SKIP, /* nothing in the rest of the line matters */
	FTP_STATE_TAIL, /* only blanks may follow */
	FTP_STATE_OVER, /* until ftp_line_start() */
	/* commands */
	FTP_STATE_VERB,
	FTP_STATE_PORT,
	FTP_STATE_EPSV,
	FTP_STATE_EPRT,
	FTP_STATE_EPRT_PROTOCOL,
	FTP_STATE_EPRT_V4,
	FTP_STATE_EPRT_V6,
	FTP_STATE_EPRT_PORT,
	/* replies */
	FTP_STATE_CODE,
	FTP_STATE_227,
	FTP_STATE_229,
};

#define FTP_WORD(a, b, c, d) ((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static __always_inline int ftp_is_digit(__u8 c)
{
	return c >= '0' && c <= '9';
}

static __always_inline int ftp_is_blank(__u8 c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 2428 section 2; a digit would be ambiguous */
static __always_inline int ftp_is_delimiter(__u8 c)
{
	return c >= 33 && c <= 126 && !ftp_is_digit(c);
}

static __always_inline __u8 ftp_upper(__u8 c)
{
	return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
}

/* Ready for the next line; an open multi-line reply stays open. */
static __always_inline void ftp_line_start(struct ftp_parser *p)
{
	__builtin_memset(&p->line, 0, sizeof(p->line));
	p->length = 0;
	p->value = 0;
	p->state = FTP_STATE_START;
	p->digits = 0;
	p->fields = 0;
	p->protocol = 0;
	p->groups = 0;
	p->gap = 0;
	p->colons = 0;
}

/* ---- shared by commands and replies ---- */

static __always_inline void ftp_number_start(struct ftp_parser *p)
{
	p->value = 0;
	p->digits = 0;
}

static __always_inline void ftp_set_v4(struct ftp_parser *p)
{
	p->line.addr[0] = 0;
	p->line.addr[1] = 0;
	p->line.addr[2] = bpf_htonl(0xffff);
	p->line.addr[3] = bpf_htonl((__u32)p->octet[0] << 24 | (__u32)p->octet[1] << 16 |
				    (__u32)p->octet[2] << 8 | p->octet[3]);
}

/* The address ends before byte `end` of the line. */
static __always_inline int ftp_set_port(struct ftp_parser *p, __u32 port, __u32 end)
{
	if (!port || port > 65535)
		return 0;
	p->line.port = (__u16)port;
	p->line.span_len = (__u16)(end - p->line.span_start);
	p->line.form = FTP_FORM_ADDRESS;
	return 1;
}

/* h1,h2,h3,h4,p1,p2 of PORT and 227 */
static __always_inline int ftp_set_octets(struct ftp_parser *p, __u32 end)
{
	ftp_set_v4(p);
	return ftp_set_port(p, (__u32)p->octet[4] << 8 | p->octet[5], end);
}

/* After FF. RFC 854: FB..FE take an option, FF FF is data. 0: no Telnet command. */
static __always_inline int ftp_step_iac(struct ftp_parser *p, __u8 c)
{
	if (c < 240 || c == 255) {
		p->state = FTP_STATE_SKIP;
		return 0;
	}
	p->state = c > 250 ? FTP_STATE_IAC_OPTION : FTP_STATE_START;
	return 1;
}

static __always_inline int ftp_line_end(struct ftp_parser *p)
{
	p->state = FTP_STATE_OVER;
	if (p->line.form == FTP_FORM_ADDRESS) {
		if (p->length <= FTP_LINE_MAX)
			return 1;
		p->line.form = FTP_FORM_MALFORMED;
	}
	p->line.delimiter = 0;
	p->line.span_start = 0;
	p->line.span_len = 0;
	p->line.port = 0;
	__builtin_memset(p->line.addr, 0, sizeof(p->line.addr));
	return 1;
}

/* ---- commands ---- */

/* The whole verb is in p->value. */
static __always_inline void ftp_verb(struct ftp_parser *p)
{
	__u8 command = FTP_COMMAND_OTHER;

	p->state = FTP_STATE_SKIP;
	switch (p->value) {
	case FTP_WORD('P', 'O', 'R', 'T'):
		command = FTP_COMMAND_PORT;
		p->state = FTP_STATE_PORT;
		p->line.form = FTP_FORM_MALFORMED;
		break;
	case FTP_WORD('E', 'P', 'R', 'T'):
		command = FTP_COMMAND_EPRT;
		p->state = FTP_STATE_EPRT;
		p->line.form = FTP_FORM_MALFORMED;
		break;
	case FTP_WORD('E', 'P', 'S', 'V'):
		command = FTP_COMMAND_EPSV;
		p->state = FTP_STATE_EPSV;
		break;
	case FTP_WORD('P', 'A', 'S', 'V'):
		command = FTP_COMMAND_PASV;
		break;
	case FTP_WORD('L', 'P', 'R', 'T'):
		command = FTP_COMMAND_LPRT;
		break;
	case FTP_WORD('L', 'P', 'S', 'V'):
		command = FTP_COMMAND_LPSV;
		break;
	case FTP_WORD('A', 'U', 'T', 'H'):
		command = FTP_COMMAND_AUTH;
		break;
	case FTP_WORD(0, 'C', 'C', 'C'):
		command = FTP_COMMAND_CCC;
		break;
	case FTP_WORD('R', 'E', 'I', 'N'):
		command = FTP_COMMAND_REIN;
		break;
	case FTP_WORD('A', 'B', 'O', 'R'):
		command = FTP_COMMAND_ABOR;
		break;
	case FTP_WORD('S', 'T', 'A', 'T'):
		command = FTP_COMMAND_STAT;
		break;
	case FTP_WORD('Q', 'U', 'I', 'T'):
		command = FTP_COMMAND_QUIT;
		break;
	}
	p->line.command = command;
	ftp_number_start(p);
}

/* One more letter; 0: no word of ours is so long. A NUL would pass for a shorter one. */
static __always_inline int ftp_word_add(struct ftp_parser *p, __u8 c)
{
	if (!c || p->digits >= 4)
		return 0;
	p->digits++;
	p->value = p->value << 8 | ftp_upper(c);
	return 1;
}

static __always_inline void ftp_step_verb(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_blank(c)) {
		ftp_verb(p);
	} else if (!ftp_word_add(p, c)) {
		p->line.command = FTP_COMMAND_OTHER;
		p->state = FTP_STATE_SKIP;
	}
}

static __always_inline void ftp_step_epsv(struct ftp_parser *p, __u8 c)
{
	if (!ftp_is_blank(c)) {
		if (!ftp_word_add(p, c))
			p->state = FTP_STATE_SKIP;
	} else if (p->digits) {
		p->state = FTP_STATE_SKIP;
		if (p->value == FTP_WORD(0, 'A', 'L', 'L')) {
			p->line.command = FTP_COMMAND_EPSV_ALL;
			p->state = FTP_STATE_TAIL;
		}
	}
}

static __always_inline void ftp_step_tail(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_blank(c))
		return;
	p->state = FTP_STATE_SKIP;
	if (p->line.command == FTP_COMMAND_EPSV_ALL)
		p->line.command = FTP_COMMAND_EPSV;
	else
		p->line.form = FTP_FORM_MALFORMED;
}

/* 0: malformed. */
static __always_inline int ftp_step_port(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_digit(c)) {
		if (!p->fields && !p->digits)
			p->line.span_start = (__u16)p->length;
		p->value = p->value * 10 + (c - '0');
		p->digits++;
		return p->digits <= 3 && p->value <= 255;
	}
	if (!p->digits)
		return !p->fields && ftp_is_blank(c);
	p->octet[p->fields & 7] = (__u8)p->value;
	ftp_number_start(p);
	if (p->fields < 5) {
		p->fields++;
		return c == ',';
	}
	p->state = FTP_STATE_TAIL;
	return ftp_is_blank(c) && ftp_set_octets(p, p->length);
}

static __always_inline int ftp_is_hex_letter(__u8 c)
{
	return ftp_upper(c) >= 'A' && ftp_upper(c) <= 'F';
}

/* A hex digit can't delimit: the address that we write might contain it. */
static __always_inline int ftp_step_eprt(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_blank(c))
		return 1;
	p->line.delimiter = c;
	p->state = FTP_STATE_EPRT_PROTOCOL;
	return ftp_is_delimiter(c) && !ftp_is_hex_letter(c);
}

static __always_inline int ftp_step_eprt_protocol(struct ftp_parser *p, __u8 c)
{
	if (!p->protocol) {
		p->protocol = c - '0';
		return c == '1' || c == '2';
	}
	p->state = p->protocol == 1 ? FTP_STATE_EPRT_V4 : FTP_STATE_EPRT_V6;
	p->line.span_start = (__u16)(p->length + 1);
	return c == p->line.delimiter;
}

static __always_inline __u32 ftp_group(const struct ftp_parser *p, __u32 i, __u32 gap,
				       __u32 zeros)
{
	if (i < gap)
		return p->group[i & 7];
	return i < gap + zeros ? 0 : p->group[(i - zeros) & 7];
}

static __always_inline void ftp_group_add(struct ftp_parser *p, __u16 group)
{
	p->group[p->groups & 7] = group;
	p->groups++;
}

/*
 * Puts the zeros of '::' in. An IPv4-mapped address is refused: it would look
 * like protocol 1 to the caller.
 */
static __always_inline int ftp_set_v6(struct ftp_parser *p)
{
	__u32 zeros = 8 - p->groups;
	__u32 gap = p->gap ? p->gap - 1 : 8;
	__u32 i;

	if (p->groups > 8 || !p->gap != !zeros)
		return 0;
	for (i = 0; i < 4; i++)
		p->line.addr[i] = bpf_htonl(ftp_group(p, 2 * i, gap, zeros) << 16 |
					    ftp_group(p, 2 * i + 1, gap, zeros));
	return p->line.addr[0] || p->line.addr[1] || p->line.addr[2] != bpf_htonl(0xffff);
}

/* Protocol 1, or the last 32 bits of protocol 2. No leading zeros: some read them as octal. */
static __always_inline int ftp_step_eprt_v4(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_digit(c)) {
		if (p->digits && !p->value)
			return 0;
		p->value = p->value * 10 + (c - '0');
		p->digits++;
		return p->value <= 255;
	}
	if (!p->digits)
		return 0;
	p->octet[p->fields & 7] = (__u8)p->value;
	ftp_number_start(p);
	if (c != p->line.delimiter) {
		p->fields++;
		return c == '.' && p->fields < 4;
	}
	p->state = FTP_STATE_EPRT_PORT;
	if (p->fields != 3)
		return 0;
	if (p->protocol == 1) {
		ftp_set_v4(p);
		return 1;
	}
	ftp_group_add(p, (__u16)(p->octet[0] << 8 | p->octet[1]));
	ftp_group_add(p, (__u16)(p->octet[2] << 8 | p->octet[3]));
	return ftp_set_v6(p);
}

/* What was read as a group turns out to be the first octet of a dotted quad. */
static __always_inline int ftp_embedded_v4(struct ftp_parser *p)
{
	__u32 hundreds = p->value >> 8, tens = p->value >> 4 & 15, ones = p->value & 15;

	if (!p->digits || tens > 9 || ones > 9)
		return 0;
	/* as many characters as the number needs: no leading zero */
	if (p->digits != (hundreds ? 3 : tens ? 2 : 1))
		return 0;
	p->octet[0] = (__u8)(hundreds * 100 + tens * 10 + ones);
	p->fields = 1;
	ftp_number_start(p);
	p->state = FTP_STATE_EPRT_V4;
	return hundreds * 100 + tens * 10 + ones <= 255;
}

static __always_inline int ftp_step_colon(struct ftp_parser *p)
{
	if (p->digits) {
		ftp_group_add(p, (__u16)p->value);
		ftp_number_start(p);
		p->colons = 1;
		return 1;
	}
	p->colons++;
	if (p->colons == 1) /* the very first, and another must follow */
		return 1;
	if (p->gap)
		return 0;
	p->gap = p->groups + 1;
	return 1;
}

/* RFC 4291 section 2.2 */
static __always_inline int ftp_step_eprt_v6(struct ftp_parser *p, __u8 c)
{
	__u32 nibble;

	if (c == p->line.delimiter) {
		if (p->digits)
			ftp_group_add(p, (__u16)p->value);
		else if (p->colons != 2)
			return 0;
		ftp_number_start(p);
		p->state = FTP_STATE_EPRT_PORT;
		return ftp_set_v6(p);
	}
	if (c == ':')
		return ftp_step_colon(p);
	if (c == '.')
		return ftp_embedded_v4(p);
	if (ftp_is_digit(c))
		nibble = c - '0';
	else if (ftp_is_hex_letter(c))
		nibble = ftp_upper(c) - 'A' + 10;
	else
		return 0;
	if (p->digits >= 4 || p->groups >= 8 || (p->colons == 1 && !p->groups))
		return 0;
	p->value = p->value << 4 | nibble;
	p->digits++;
	return 1;
}

static __always_inline int ftp_step_eprt_port(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_digit(c)) {
		p->value = p->value * 10 + (c - '0');
		p->digits++;
		return p->digits <= 5;
	}
	p->state = FTP_STATE_TAIL;
	return c == p->line.delimiter && p->digits &&
	       ftp_set_port(p, p->value, p->length);
}

/* One byte of the client's stream. 1: it ended a line, which p->line now describes. */
static __always_inline int ftp_feed_command(struct ftp_parser *p, __u8 c)
{
	int ok = 1;

	switch (p->state) {
	case FTP_STATE_START:
		if (ftp_is_blank(c))
			break;
		if (c == 255) {
			p->state = FTP_STATE_IAC;
			break;
		}
		p->state = FTP_STATE_VERB;
		ftp_step_verb(p, c);
		break;
	case FTP_STATE_IAC:
		if (!ftp_step_iac(p, c))
			p->line.command = FTP_COMMAND_OTHER;
		break;
	case FTP_STATE_IAC_OPTION:
		p->state = FTP_STATE_START;
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
	}
	if (!ok)
		p->state = FTP_STATE_SKIP;
	if (p->length < 65535)
		p->length++;
	return c == '\n' ? ftp_line_end(p) : 0;
}

/*
 * 1: the unfinished line in p may still turn out to be PORT or EPRT with an
 * address. Once 0, it stays 0 for the rest of the line.
 */
static __always_inline int ftp_may_become_command_address(const struct ftp_parser *p)
{
	__u32 shift = 8 * (4 - p->digits) & 31;

	if (!p->length || p->length >= FTP_LINE_MAX)
		return 0;
	switch (p->state) {
	case FTP_STATE_SKIP:
	case FTP_STATE_OVER:
	case FTP_STATE_EPSV:
		return 0;
	case FTP_STATE_TAIL:
		return p->line.form == FTP_FORM_ADDRESS;
	case FTP_STATE_VERB:
		return p->value == FTP_WORD('P', 'O', 'R', 'T') >> shift ||
		       p->value == FTP_WORD('E', 'P', 'R', 'T') >> shift;
	}
	return 1;
}

/* 1: the unfinished line in p is AUTH or may still turn out to be. Once 0, it stays 0. */
static __always_inline int ftp_may_become_auth(const struct ftp_parser *p)
{
	__u32 shift = 8 * (4 - p->digits) & 31;

	if (!p->length || p->length >= FTP_LINE_MAX)
		return 0;
	switch (p->state) {
	case FTP_STATE_START:
	case FTP_STATE_IAC:
	case FTP_STATE_IAC_OPTION:
		return 1;
	case FTP_STATE_VERB:
		return p->value == FTP_WORD('A', 'U', 'T', 'H') >> shift;
	}
	return p->line.command == FTP_COMMAND_AUTH;
}

/* ---- replies ---- */

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

/* One byte of the server's stream. 1: it ended a line, which p->line now describes. */
static __always_inline int ftp_feed_reply(struct ftp_parser *p, __u8 c)
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
		p->state = FTP_STATE_START;
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
	return c == '\n' ? ftp_line_end(p) : 0;
}

/*
 * 1: the unfinished line in p may still turn out to be a final 227 or 229 with
 * an address. Once 0, it stays 0 for the rest of the line.
 */
static __always_inline int ftp_may_become_reply_address(const struct ftp_parser *p)
{
	if (!p->length || p->length >= FTP_LINE_MAX)
		return 0;
	switch (p->state) {
	case FTP_STATE_OVER:
		return 0;
	case FTP_STATE_SKIP:
		return p->line.form == FTP_FORM_ADDRESS;
	case FTP_STATE_227:
	case FTP_STATE_229:
		return 1;
	}
	if (p->reply && p->reply != 227 && p->reply != 229)
		return 0;
	if (p->state != FTP_STATE_CODE || p->digits < 3)
		return p->state != FTP_STATE_CODE || p->value == 2 || p->value == 22;
	return p->reply ? p->value == p->reply : p->value == 227 || p->value == 229;
}

#endif
