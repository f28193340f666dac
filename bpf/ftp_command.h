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
	case FTP_WORD(0, 'G', 'E', 'T'):
	case FTP_WORD('H', 'E', 'A', 'D'):
	case FTP_WORD('P', 'O', 'S', 'T'):
	case FTP_WORD(0, 'P', 'U', 'T'):
	case FTP_WORD(0, 'P', 'R', 'I'): /* RFC 9113 section 3.4 */
		command = FTP_COMMAND_ALIEN;
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

static __always_inline int ftp_is_letter(__u8 c)
{
	return ftp_upper(c) >= 'A' && ftp_upper(c) <= 'Z';
}

/* RFC 9110 section 5.6.2, the part of it that names of header fields use */
static __always_inline int ftp_is_token(__u8 c)
{
	return ftp_is_letter(c) || ftp_is_digit(c) || c == '-' || c == '_';
}

static __always_inline int ftp_is_control(__u8 c)
{
	return c < ' ' || c >= 127;
}

/* The first word goes on in a way that none of ours does. */
static __always_inline void ftp_step_word(struct ftp_parser *p, __u8 c)
{
	int banner = p->state == FTP_STATE_VERB && p->digits == 4 && ftp_is_digit(c) &&
		     p->value == FTP_WORD('S', 'S', 'H', '-'); /* RFC 4253 section 4.2 */
	int header = c == ':' && p->digits;

	if (banner || header)
		p->line.command = FTP_COMMAND_ALIEN;
	else if (ftp_is_control(c) && !ftp_is_blank(c))
		p->line.command = FTP_COMMAND_BINARY;
	else
		p->line.command = FTP_COMMAND_OTHER;
	p->state = ftp_is_token(c) && p->line.command == FTP_COMMAND_OTHER ?
			   FTP_STATE_WORD :
			   FTP_STATE_SKIP;
}

/* proftpd ends a verb at NUL, too, and then sees no argument. */
static __always_inline void ftp_step_verb(struct ftp_parser *p, __u8 c)
{
	if (c == 255) {
		p->state = FTP_STATE_IAC;
	} else if (ftp_is_blank(c)) {
		ftp_verb(p);
	} else if (!c && p->digits) {
		ftp_verb(p);
		p->state = FTP_STATE_SKIP;
	} else if (c == ':' || ftp_is_control(c) || !ftp_word_add(p, c)) {
		ftp_step_word(p, c);
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

/* EPSV ALL, after which only blanks may follow; behind a whole address anything may. */
static __always_inline void ftp_step_tail(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_blank(c) || p->line.command != FTP_COMMAND_EPSV_ALL)
		return;
	p->line.command = FTP_COMMAND_EPSV;
	p->state = FTP_STATE_SKIP;
}

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
#define FTP_ENOUGH	    255 /* separators: whatever follows */

/*
 * From here on servers differ in what they read. The line is FTP_FORM_AMBIGUOUS if as
 * many separators come as any of them needs, else none takes it.
 */
static __always_inline int ftp_odd(struct ftp_parser *p, __u8 separators)
{
	p->state = FTP_STATE_ODD;
	p->separators = separators;
	return 1;
}

/* proftpd leaves Telnet commands out wherever they are. */
static __always_inline void ftp_step_odd(struct ftp_parser *p, __u8 c)
{
	int eprt = p->line.command == FTP_COMMAND_EPRT;
	int separator = eprt ? c == p->line.delimiter || c == '|' : c == ',';

	if (c == 255)
		p->separators = FTP_ENOUGH;
	else if (separator && p->separators < FTP_ENOUGH)
		p->separators++;
}

/* A byte that is no part of what was expected, after so many separators. */
static __always_inline int ftp_odd_byte(struct ftp_parser *p, __u8 c, __u8 separators)
{
	ftp_odd(p, separators);
	ftp_step_odd(p, c);
	return 1;
}

static __always_inline int ftp_odd_is_ambiguous(const struct ftp_parser *p)
{
	return p->separators >= (p->line.command == FTP_COMMAND_EPRT ?
					 FTP_EPRT_DELIMITERS :
					 FTP_PORT_COMMAS);
}

/* A digit. 0: the number is none that all read alike. */
static __always_inline int ftp_number_add(struct ftp_parser *p, __u8 c)
{
	if (p->number == FTP_NUMBER_OVER || p->value > FTP_NUMBER_MAX)
		return 0;
	p->value = p->value * 10 + (c - '0');
	p->number = FTP_NUMBER_DIGITS;
	return 1;
}

/* What may be in front of or behind the digits. 0: something else. */
static __always_inline int ftp_number_space(struct ftp_parser *p, __u8 c)
{
	if (c == '+' && p->number == FTP_NUMBER_NONE)
		p->number = FTP_NUMBER_SIGNED;
	else if (!ftp_is_blank(c) || p->number == FTP_NUMBER_SIGNED)
		return 0;
	else if (p->number == FTP_NUMBER_DIGITS)
		p->number = FTP_NUMBER_OVER;
	return 1;
}

/* The sixth number ends where its digits do, whatever follows. 0: nobody takes it. */
static __always_inline int ftp_port_end(struct ftp_parser *p, __u8 c)
{
	if (c == 255)
		return ftp_odd(p, FTP_ENOUGH);
	if (p->value > 255)
		return 0;
	p->octet[5] = (__u8)p->value;
	p->state = FTP_STATE_TAIL;
	return ftp_set_octets(p, p->length);
}

/*
 * A digit too many. Servers' integers wrap at 2^32 or 2^64 and some then take the number,
 * but all saturate and take none with more than HUGE_DIGITS after FTP_NUMBER_MAX.
 */
#define FTP_HUGE_DIGITS 12

static __always_inline int ftp_port_huge(struct ftp_parser *p)
{
	if (p->number == FTP_NUMBER_OVER)
		return ftp_odd(p, FTP_ENOUGH);
	p->digits++;
	return p->digits <= FTP_HUGE_DIGITS;
}

/* 0: malformed. */
static __always_inline int ftp_step_port(struct ftp_parser *p, __u8 c)
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
		p->octet[p->fields & 7] = (__u8)p->value;
		p->fields++;
		if (p->value > 255)
			return 0;
		ftp_number_start(p);
		return 1;
	}
	return ftp_number_space(p, c) || ftp_odd_byte(p, c, p->fields);
}

static __always_inline int ftp_is_hex_letter(__u8 c)
{
	return ftp_upper(c) >= 'A' && ftp_upper(c) <= 'F';
}

/* pure-ftpd takes a blank as delimiter: then we see the protocol first. */
static __always_inline int ftp_step_eprt(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_blank(c))
		return 1;
	p->line.span_start = (__u16)p->length;
	if (ftp_is_digit(c) || !c)
		return ftp_odd(p, FTP_ENOUGH);
	p->line.delimiter = c;
	p->state = FTP_STATE_EPRT_PROTOCOL;
	return c == 255 ? ftp_odd(p, FTP_ENOUGH) : 1;
}

/* The address that we write in the place of an IPv6 one might contain a hex letter. */
static __always_inline int ftp_step_eprt_protocol(struct ftp_parser *p, __u8 c)
{
	if (c == p->line.delimiter) {
		if (p->number < FTP_NUMBER_DIGITS || (p->value != 1 && p->value != 2))
			return 0;
		p->protocol = (__u8)p->value;
		ftp_number_start(p);
		p->line.span_start = (__u16)(p->length + 1);
		p->state = p->protocol == 1 ? FTP_STATE_EPRT_V4 : FTP_STATE_EPRT_V6;
		if (p->protocol == 2 && ftp_is_hex_letter(c))
			return ftp_odd(p, 2);
		return 1;
	}
	if (ftp_is_digit(c))
		return ftp_number_add(p, c) || ftp_odd(p, FTP_ENOUGH);
	return ftp_number_space(p, c) || ftp_odd_byte(p, c, 1);
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

/* No number of an IPv4 address: nobody takes it, but inside an IPv6 one. */
static __always_inline int ftp_eprt_v4_bad(struct ftp_parser *p, __u8 delimiters)
{
	return p->protocol == 2 ? ftp_odd(p, delimiters) : 0;
}

/* The delimiter behind a dotted quad. 0: malformed. */
static __always_inline int ftp_eprt_v4_end(struct ftp_parser *p)
{
	if (p->fields != 3 || p->number != FTP_NUMBER_DIGITS || p->value > 255)
		return ftp_eprt_v4_bad(p, 3);
	p->octet[3] = (__u8)p->value;
	ftp_number_start(p);
	p->state = FTP_STATE_EPRT_PORT;
	if (p->protocol == 1) {
		ftp_set_v4(p);
		return 1;
	}
	ftp_group_add(p, (__u16)(p->octet[0] << 8 | p->octet[1]));
	ftp_group_add(p, (__u16)(p->octet[2] << 8 | p->octet[3]));
	return ftp_set_v6(p) || ftp_odd(p, 3);
}

/*
 * Protocol 1, or the last 32 bits of protocol 2. Servers that take leading zeros read
 * them as decimal; inside IPv6 addresses they don't agree.
 */
static __always_inline int ftp_step_eprt_v4(struct ftp_parser *p, __u8 c)
{
	int number = p->number == FTP_NUMBER_DIGITS;

	if (ftp_is_digit(c)) {
		if (p->protocol == 2 && number && !p->value)
			return ftp_odd(p, 2);
		return ftp_number_add(p, c) ||
		       ftp_odd(p, p->protocol == 2 ? 2 : FTP_ENOUGH);
	}
	if (c == p->line.delimiter)
		return ftp_eprt_v4_end(p);
	if (c != '.' || !number || p->fields >= 3)
		return ftp_odd_byte(p, c, 2);
	p->octet[p->fields & 3] = (__u8)p->value;
	p->fields++;
	if (p->value > 255)
		return ftp_eprt_v4_bad(p, 2);
	ftp_number_start(p);
	return 1;
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

static __always_inline int ftp_eprt_v6_end(struct ftp_parser *p)
{
	int whole = p->digits || p->colons == 2;

	if (p->digits)
		ftp_group_add(p, (__u16)p->value);
	ftp_number_start(p);
	p->state = FTP_STATE_EPRT_PORT;
	return whole && ftp_set_v6(p);
}

/* RFC 4291 section 2.2. 0: some server reads it in its own way. */
static __always_inline int ftp_eprt_v6_byte(struct ftp_parser *p, __u8 c)
{
	__u32 nibble;

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

static __always_inline int ftp_step_eprt_v6(struct ftp_parser *p, __u8 c)
{
	if (c == p->line.delimiter)
		return ftp_eprt_v6_end(p) || ftp_odd(p, 3);
	if (p->groups >= 8 && (ftp_is_digit(c) || ftp_is_hex_letter(c)))
		return 0;
	return ftp_eprt_v6_byte(p, c) || ftp_odd_byte(p, c, 2);
}

/*
 * The port ends where its digits do: vsftpd needs no last delimiter. proftpd takes
 * one of more than 16 bits for its last 16, but none below 1024.
 */
static __always_inline int ftp_step_eprt_port(struct ftp_parser *p, __u8 c)
{
	__u32 port = p->value;

	if (ftp_is_digit(c))
		return ftp_number_add(p, c) || ftp_odd(p, FTP_ENOUGH);
	if (p->number != FTP_NUMBER_DIGITS) {
		if (c == p->line.delimiter)
			return 0;
		return ftp_number_space(p, c) || ftp_odd_byte(p, c, 3);
	}
	if (c == 255)
		return ftp_odd(p, FTP_ENOUGH);
	p->state = FTP_STATE_TAIL;
	if (port > 65535) {
		port &= 65535;
		if (port < FTP_FIRST_DATA_PORT)
			return 0;
	}
	return ftp_set_port(p, port, p->length);
}

/* 1: the word read so far is how `verb` begins; nothing read yet counts, too. */
static __always_inline int ftp_verb_begins(const struct ftp_parser *p, __u32 verb)
{
	return !p->digits || p->value == verb >> (8 * (4 - p->digits) & 31);
}

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
	case FTP_STATE_WORD:
		ftp_step_word(p, c);
		break;
	case FTP_STATE_IAC:
		if (!ftp_step_iac(p, c))
			p->line.command = FTP_COMMAND_OTHER;
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
	if (p->length < 65535)
		p->length++;
	if (c != '\n')
		return 0;
	if (p->state == FTP_STATE_ODD && ftp_odd_is_ambiguous(p))
		p->line.form = FTP_FORM_AMBIGUOUS;
	return ftp_line_end(p);
}

/*
 * 1: the unfinished line in p may still turn out to be PORT or EPRT with an address
 * that a server takes, however long it is. Once 0, it stays 0 for the rest of the line.
 */
static __always_inline int ftp_may_become_command_address(const struct ftp_parser *p)
{
	if (!p->length)
		return 0;
	switch (p->state) {
	case FTP_STATE_SKIP:
	case FTP_STATE_OVER:
	case FTP_STATE_WORD:
	case FTP_STATE_EPSV:
		return 0;
	case FTP_STATE_TAIL:
		return p->line.form == FTP_FORM_ADDRESS;
	case FTP_STATE_START:
	case FTP_STATE_IAC:
	case FTP_STATE_IAC_OPTION:
	case FTP_STATE_VERB:
		return ftp_verb_begins(p, FTP_WORD('P', 'O', 'R', 'T')) ||
		       ftp_verb_begins(p, FTP_WORD('E', 'P', 'R', 'T'));
	}
	return 1;
}

/* 1: the unfinished line in p is AUTH or may still turn out to be. Once 0, it stays 0. */
static __always_inline int ftp_may_become_auth(const struct ftp_parser *p)
{
	if (!p->length)
		return 0;
	switch (p->state) {
	case FTP_STATE_START:
	case FTP_STATE_IAC:
	case FTP_STATE_IAC_OPTION:
	case FTP_STATE_VERB:
		return ftp_verb_begins(p, FTP_WORD('A', 'U', 'T', 'H'));
	}
	return p->line.command == FTP_COMMAND_AUTH;
}

#endif
