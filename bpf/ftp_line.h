/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What commands and replies share: the states, numbers, addresses, the end of a line. */
#ifndef FTPNAT_BPF_FTP_LINE_H
#define FTPNAT_BPF_FTP_LINE_H

#include <bpf/bpf_endian.h>

#include "ftpnat_ftp.h"
#include "types.h"

#define FTP_LINE_MAX   255   /* bytes of a 227 or 229, its end included */
#define FTP_LENGTH_MAX 65535 /* bytes of a line that are counted */
#define FTP_PORT_MAX   65535
#define FTP_OCTET_MAX  255 /* of an address or port as decimal numbers */
#define FTP_ENOUGH     255 /* separators: whatever follows */

enum ftp_state {
	FTP_STATE_START, /* nothing but blanks and Telnet commands yet */
	FTP_STATE_IAC,
	FTP_STATE_IAC_OPTION,
	FTP_STATE_SKIP, /* nothing in the rest of the line matters */
	FTP_STATE_TAIL, /* only blanks may follow */
	FTP_STATE_OVER, /* until ftp_line_start() */
	/* commands */
	FTP_STATE_VERB,
	FTP_STATE_WORD, /* a first word that is too long to be a verb of ours */
	FTP_STATE_PORT,
	FTP_STATE_EPSV,
	FTP_STATE_ALGS,
	FTP_STATE_SITE, /* the first argument of SITE or MDTM */
	FTP_STATE_EPRT,
	FTP_STATE_EPRT_PROTOCOL,
	FTP_STATE_EPRT_V4,
	FTP_STATE_EPRT_V6,
	FTP_STATE_EPRT_PORT,
	FTP_STATE_ODD, /* something that only some servers read over, see ftp_number.h */
	/* replies */
	FTP_STATE_CODE,
	FTP_STATE_INSIDE, /* of a 227 or 229 of several lines, before the last one */
	FTP_STATE_227,
	FTP_STATE_227_TAIL, /* an address, behind which some clients may read another one */
	FTP_STATE_227_ODD, /* no address that all clients read alike; commas count */
	FTP_STATE_229,
	FTP_STATE_229_TEXT, /* digits, but no address unless a '(' comes */
	FTP_STATE_229_TAIL, /* an address without '(', which may still come */
	FTP_STATE_229_ODD,  /* the same as of 227; digits count */
};

/* Telnet commands (RFC 854); behind a subnegotiation come WILL, WONT, DO, DONT. */
#define FTP_TELNET_FIRST 240
#define FTP_TELNET_SB	 250
#define FTP_TELNET_IAC	 255

#define FTP_WORD(a, b, c, d) ((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static __always_inline bool ftp_is_digit(__u8 c)
{
	return c >= '0' && c <= '9';
}

/* As isspace() has it: that is what servers split lines with. */
static __always_inline bool ftp_is_blank(__u8 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* RFC 2428 section 3; a digit would be ambiguous */
static __always_inline bool ftp_is_delimiter(__u8 c)
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
	p->number = 0;
	p->separators = 0;
	p->odd = 0;
	p->fields = 0;
	p->protocol = 0;
	p->groups = 0;
	p->gap = 0;
	p->colons = 0;
}

static __always_inline void ftp_number_start(struct ftp_parser *p)
{
	p->value = 0;
	p->digits = 0;
	p->number = 0;
}

/* Octet i of PORT, 227 or a dotted quad; the first four are where addr[3] has them. */
static __always_inline __u8 *ftp_octet(struct ftp_parser *p, __u32 i)
{
	return &p->line.octet[(i + 4) & 7];
}

/* The address of the first four octets. */
static __always_inline void ftp_set_v4(struct ftp_parser *p)
{
	p->line.addr[0] = 0;
	p->line.addr[1] = 0;
	p->line.addr[2] = bpf_htonl(FTPNAT_V4_MAPPED);
}

/* The address ends before byte `end` of the line. */
static __always_inline bool ftp_set_port(struct ftp_parser *p, __u32 port, __u32 end)
{
	if (!port || port > FTP_PORT_MAX)
		return false;
	p->line.port = (__u16)port;
	p->line.span_len = (__u16)(end - p->line.span_start);
	p->line.form = FTP_FORM_ADDRESS;
	return true;
}

/* h1,h2,h3,h4,p1 have been read: the address, and a port of p1 and p2. */
static __always_inline bool ftp_set_octets(struct ftp_parser *p, __u32 p2, __u32 end)
{
	__u32 port = ((__u32)*ftp_octet(p, 4) << 8) + p2;

	ftp_set_v4(p);
	return ftp_set_port(p, port, end);
}

static __always_inline void ftp_step_iac_over(struct ftp_parser *p)
{
	p->state = p->digits ? FTP_STATE_VERB : FTP_STATE_START;
}

/*
 * After FF, before a verb or code or (proftpd) inside of a verb. RFC 854: FB..FE take
 * an option, FF FF is data. False: no Telnet command.
 */
static __always_inline bool ftp_step_iac(struct ftp_parser *p, __u8 c)
{
	if (c < FTP_TELNET_FIRST || c == FTP_TELNET_IAC) {
		p->state = FTP_STATE_SKIP;
		return false;
	}
	if (c > FTP_TELNET_SB)
		p->state = FTP_STATE_IAC_OPTION;
	else
		ftp_step_iac_over(p);
	return true;
}

static __always_inline bool ftp_line_end(struct ftp_parser *p)
{
	p->state = FTP_STATE_OVER;
	if (p->line.form == FTP_FORM_ADDRESS)
		return true;
	if (p->line.form == FTP_FORM_AMBIGUOUS) {
		p->line.span_len = (__u16)(p->length - p->line.span_start);
	} else {
		p->line.span_start = 0;
		p->line.span_len = 0;
	}
	if (p->line.command != FTP_COMMAND_EPSV && p->line.command != FTP_COMMAND_ALGS &&
	    p->line.command != FTP_COMMAND_TRANSFER)
		p->line.delimiter = 0;
	p->line.port = 0;
	return true;
}

/* Does nothing up to the LF matter any more? Then ftp_skip() is as good as feeding it. */
static __always_inline bool ftp_skips(const struct ftp_parser *p)
{
	return p->state == FTP_STATE_SKIP && !(p->odd & FTP_ODD_CR);
}

/* `last` is the last one of the bytes. */
static __always_inline void ftp_skip(struct ftp_parser *p, __u32 bytes, __u8 last)
{
	p->length = (__u16)(p->length + bytes < FTP_LENGTH_MAX ? p->length + bytes :
								 FTP_LENGTH_MAX);
	p->unended = (__u16)(p->unended + bytes < FTP_LENGTH_MAX ? p->unended + bytes :
								   FTP_LENGTH_MAX);
	p->word = last;
}

#endif
