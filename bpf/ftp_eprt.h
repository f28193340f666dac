/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The argument of EPRT: |protocol|address|port| (RFC 2428 section 2). */
#ifndef FTPNAT_BPF_FTP_EPRT_H
#define FTPNAT_BPF_FTP_EPRT_H

#include "ftp_number.h"

static __always_inline bool ftp_is_hex_letter(__u8 c)
{
	return ftp_upper(c) >= 'A' && ftp_upper(c) <= 'F';
}

/* pure-ftpd takes a blank as delimiter: then we see the protocol first. */
static __always_inline bool ftp_step_eprt(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_blank(c))
		return true;
	p->line.span_start = (__u16)p->length;
	if (ftp_is_digit(c) || !c)
		return ftp_odd(p, FTP_ENOUGH);
	p->line.delimiter = c;
	p->state = FTP_STATE_EPRT_PROTOCOL;
	return c == FTP_TELNET_IAC ? ftp_odd(p, FTP_ENOUGH) : true;
}

/* The address that we write in the place of an IPv6 one might contain a hex letter. */
static __always_inline bool ftp_step_eprt_protocol(struct ftp_parser *p, __u8 c)
{
	if (c == p->line.delimiter) {
		if (p->number < FTP_NUMBER_DIGITS || (p->value != 1 && p->value != 2))
			return false;
		p->protocol = (__u8)p->value;
		ftp_number_start(p);
		p->line.span_start = (__u16)(p->length + 1);
		p->state = p->protocol == 1 ? FTP_STATE_EPRT_V4 : FTP_STATE_EPRT_V6;
		if (p->protocol == 2 && ftp_is_hex_letter(c))
			return ftp_odd(p, 2);
		return true;
	}
	if (ftp_is_digit(c))
		return ftp_number_add(p, c) || ftp_odd(p, FTP_ENOUGH);
	return ftp_number_space(p, c) || ftp_odd_byte(p, c, 1);
}

static __always_inline __be16 ftp_group(const struct ftp_parser *p, __u32 i, __u32 gap,
					__u32 zeros)
{
	if (i < gap)
		return p->line.group[i & 7];
	return i < gap + zeros ? 0 : p->line.group[(i - zeros) & 7];
}

static __always_inline void ftp_group_add(struct ftp_parser *p, __u16 group)
{
	p->line.group[p->groups & 7] = bpf_htons(group);
	p->groups++;
}

/*
 * Puts the zeros of '::' in. An IPv4-mapped address is refused: it would look
 * like protocol 1 to the caller.
 */
static __always_inline bool ftp_set_v6(struct ftp_parser *p)
{
	__u32 zeros = 8 - p->groups;
	__u32 gap = p->gap ? p->gap - 1 : 8;
	__u32 i;

	if (p->groups > 8 || !p->gap != !zeros)
		return false;
	for (i = 8; i--;) /* from the end, since each moves there */
		p->line.group[i] = ftp_group(p, i, gap, zeros);
	return p->line.addr[0] || p->line.addr[1] ||
	       p->line.addr[2] != bpf_htonl(FTPNAT_V4_MAPPED);
}

/* Not a number of an IPv4 address: no server takes it, except inside an IPv6 one. */
static __always_inline bool ftp_eprt_v4_bad(struct ftp_parser *p, __u8 delimiters)
{
	return p->protocol == 2 ? ftp_odd(p, delimiters) : false;
}

/* The delimiter behind a dotted quad. False: malformed. */
static __always_inline bool ftp_eprt_v4_end(struct ftp_parser *p)
{
	if (p->fields != 3 || p->number != FTP_NUMBER_DIGITS || p->value > FTP_OCTET_MAX)
		return ftp_eprt_v4_bad(p, 3);
	*ftp_octet(p, 3) = (__u8)p->value;
	ftp_number_start(p);
	p->state = FTP_STATE_EPRT_PORT;
	if (p->protocol == 1) {
		ftp_set_v4(p);
		return true;
	}
	/* group 6 and 7 are where the octets are, and no address has eight and a quad */
	ftp_group_add(p, (__u16)(*ftp_octet(p, 0) << 8 | *ftp_octet(p, 1)));
	ftp_group_add(p, (__u16)(*ftp_octet(p, 2) << 8 | *ftp_octet(p, 3)));
	return ftp_set_v6(p) || ftp_odd(p, 3);
}

/*
 * Protocol 1, or the last 32 bits of protocol 2. Servers that take leading zeros read
 * them as decimal; inside IPv6 addresses they don't agree.
 */
static __always_inline bool ftp_step_eprt_v4(struct ftp_parser *p, __u8 c)
{
	bool number = p->number == FTP_NUMBER_DIGITS;

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
	*ftp_octet(p, p->fields & 3) = (__u8)p->value;
	p->fields++;
	if (p->value > FTP_OCTET_MAX)
		return ftp_eprt_v4_bad(p, 2);
	ftp_number_start(p);
	return true;
}

/* What was read as a group turns out to be the first octet of a dotted quad. */
static __always_inline bool ftp_embedded_v4(struct ftp_parser *p)
{
	__u32 hundreds = p->value >> 8, tens = p->value >> 4 & 15, ones = p->value & 15;
	__u8 needs = 1; /* characters */

	if (!p->digits || tens > 9 || ones > 9)
		return false;
	if (hundreds)
		needs = 3;
	else if (tens)
		needs = 2;
	if (p->digits != needs) /* a leading zero, say */
		return false;
	*ftp_octet(p, 0) = (__u8)(hundreds * 100 + tens * 10 + ones);
	p->fields = 1;
	ftp_number_start(p);
	p->state = FTP_STATE_EPRT_V4;
	return hundreds * 100 + tens * 10 + ones <= FTP_OCTET_MAX;
}

static __always_inline bool ftp_step_colon(struct ftp_parser *p)
{
	if (p->digits) {
		ftp_group_add(p, (__u16)p->value);
		ftp_number_start(p);
		p->colons = 1;
		return true;
	}
	p->colons++;
	if (p->colons == 1) /* the very first, and another must follow */
		return true;
	if (p->gap)
		return false;
	p->gap = p->groups + 1;
	return true;
}

static __always_inline bool ftp_eprt_v6_end(struct ftp_parser *p)
{
	bool whole = p->digits || p->colons == 2;

	if (p->digits)
		ftp_group_add(p, (__u16)p->value);
	ftp_number_start(p);
	p->state = FTP_STATE_EPRT_PORT;
	return whole && ftp_set_v6(p);
}

/* RFC 4291 section 2.2. False: some server reads it in its own way. */
static __always_inline bool ftp_eprt_v6_byte(struct ftp_parser *p, __u8 c)
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
		return false;
	if (p->digits >= 4 || p->groups >= 8 || (p->colons == 1 && !p->groups))
		return false;
	p->value = p->value << 4 | nibble;
	p->digits++;
	return true;
}

static __always_inline bool ftp_step_eprt_v6(struct ftp_parser *p, __u8 c)
{
	if (c == p->line.delimiter)
		return ftp_eprt_v6_end(p) || ftp_odd(p, 3);
	if (p->groups >= 8 && (ftp_is_digit(c) || ftp_is_hex_letter(c)))
		return false;
	return ftp_eprt_v6_byte(p, c) || ftp_odd_byte(p, c, 2);
}

/*
 * The port ends where its digits do: vsftpd needs no last delimiter. proftpd takes
 * one of more than 16 bits for its last 16, but none below 1024.
 */
static __always_inline bool ftp_step_eprt_port(struct ftp_parser *p, __u8 c)
{
	__u32 port = p->value;

	if (ftp_is_digit(c))
		return ftp_number_add(p, c) || ftp_odd(p, FTP_ENOUGH);
	if (p->number != FTP_NUMBER_DIGITS) {
		if (c == p->line.delimiter)
			return false;
		return ftp_number_space(p, c) || ftp_odd_byte(p, c, 3);
	}
	if (c == FTP_TELNET_IAC)
		return ftp_odd(p, FTP_ENOUGH);
	p->state = FTP_STATE_TAIL;
	if (port > FTP_PORT_MAX) {
		port &= FTP_PORT_MAX;
		if (port < FTP_FIRST_DATA_PORT)
			return false;
	}
	return ftp_set_port(p, port, p->length);
}

#endif
