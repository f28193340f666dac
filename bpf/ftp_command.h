/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The client's lines; see ftp_grammar.h. */
#ifndef FTPNAT_BPF_FTP_COMMAND_H
#define FTPNAT_BPF_FTP_COMMAND_H

#include "ftp_line.h"

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

#endif
