/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses and ports as FTP writes them. `buf` has FTP_TEXT_MAX bytes, in BPF
 * a map value or the stack; the text is not terminated, its length is returned.
 */
#ifndef FTPNAT_BPF_FTP_TEXT_H
#define FTPNAT_BPF_FTP_TEXT_H

#include <bpf/bpf_endian.h>

#include "ftpnat_types.h"
#include "types.h"

/* Power of two; the longest text is 56: an EPRT with an IPv6 address. */
#define FTP_TEXT_MAX 64

/*
 * The verifier takes a global function by itself and its result as unknown, so
 * the paths of one number don't multiply with those of the next. Such a function
 * can't be called while a bpf_spin_lock is held.
 */
#ifdef __bpf__
#define FTP_GLOBAL __attribute__((noinline, weak))
#else
#define FTP_GLOBAL static inline
#endif

struct ftp_text {
	__u8 b[FTP_TEXT_MAX];
};

struct ftp_text_address {
	__be32 w[4];
};

static __always_inline void ftp_put(struct ftp_text *text, __u32 at, __u8 c)
{
	text->b[at & (FTP_TEXT_MAX - 1)] = c;
}

FTP_GLOBAL int ftp_put_number(struct ftp_text *text, __u32 at, __u16 number)
{
	if (!text)
		return 0;
	if (number >= 10000)
		ftp_put(text, at++, '0' + number / 10000);
	if (number >= 1000)
		ftp_put(text, at++, '0' + number / 1000 % 10);
	if (number >= 100)
		ftp_put(text, at++, '0' + number / 100 % 10);
	if (number >= 10)
		ftp_put(text, at++, '0' + number / 10 % 10);
	ftp_put(text, at++, '0' + number % 10);
	return at;
}

static __always_inline __u8 ftp_hex_digit(__u32 nibble)
{
	return (__u8)(nibble < 10 ? '0' + nibble : 'a' - 10 + nibble);
}

FTP_GLOBAL int ftp_put_group(struct ftp_text *text, __u32 at, __u16 group)
{
	if (!text)
		return 0;
	if (group >= 0x1000)
		ftp_put(text, at++, ftp_hex_digit(group >> 12));
	if (group >= 0x100)
		ftp_put(text, at++, ftp_hex_digit(group >> 8 & 15));
	if (group >= 0x10)
		ftp_put(text, at++, ftp_hex_digit(group >> 4 & 15));
	ftp_put(text, at++, ftp_hex_digit(group & 15));
	return at;
}

static __always_inline __u16 ftp_address_group(const struct ftp_text_address *addr,
					       __u32 i)
{
	return (__u16)(bpf_ntohl(addr->w[i >> 1]) >> (i & 1 ? 0 : 16));
}

/* The groups that '::' stands for: first | end << 4; 0 if none. RFC 5952 section 4.2. */
FTP_GLOBAL int ftp_zero_groups(const struct ftp_text_address *addr)
{
	__u32 best = 0, best_len = 1, len = 0;
	__u32 i;

	if (!addr)
		return 0;
	for (i = 0; i < 8; i++) {
		if (ftp_address_group(addr, i)) {
			len = 0;
			continue;
		}
		len++;
		if (len > best_len) {
			best_len = len;
			best = (i + 1 - len) | (i + 1) << 4;
		}
	}
	return best;
}

static __always_inline __u32 ftp_put_octets(struct ftp_text *text, __u32 at, __be32 addr,
					    __u8 separator)
{
	__u32 host = bpf_ntohl(addr);

	at = ftp_put_number(text, at, host >> 24);
	ftp_put(text, at++, separator);
	at = ftp_put_number(text, at, host >> 16 & 255);
	ftp_put(text, at++, separator);
	at = ftp_put_number(text, at, host >> 8 & 255);
	ftp_put(text, at++, separator);
	return ftp_put_number(text, at, host & 255);
}

/* IPv6, in the form of RFC 5952 */
FTP_GLOBAL int ftp_put_v6(struct ftp_text *text, __u32 at,
			  const struct ftp_text_address *addr)
{
	__u32 zeros = ftp_zero_groups(addr);
	__u32 first = zeros & 15, end = zeros >> 4 & 15;
	__u32 i;

	if (!text || !addr)
		return 0;
	for (i = 0; i < 8; i++) {
		if (i >= first && i < end) {
			if (i == first) {
				ftp_put(text, at++, ':');
				ftp_put(text, at++, ':');
			}
			continue;
		}
		if (i && i != end)
			ftp_put(text, at++, ':');
		at = ftp_put_group(text, at, ftp_address_group(addr, i));
	}
	return at;
}

static __always_inline __u32 ftp_put_port(struct ftp_text *text, __u32 at,
					  const __be32 *addr, __u16 port)
{
	at = ftp_put_octets(text, at, addr[3], ',');
	ftp_put(text, at++, ',');
	at = ftp_put_number(text, at, port >> 8);
	ftp_put(text, at++, ',');
	return ftp_put_number(text, at, port & 255);
}

/* "h1,h2,h3,h4,p1,p2" of PORT and 227; addr is IPv4-mapped, port in host order. */
static __always_inline __u32 ftp_write_port(__u8 *buf, const __be32 *addr, __u16 port)
{
	return ftp_put_port((struct ftp_text *)buf, 0, addr, port);
}

/* "address<delimiter>port" of EPRT; IPv6 in the form of RFC 5952, IPv4-mapped as IPv4. */
static __always_inline __u32 ftp_write_eprt(__u8 *buf, const __be32 *addr, __u16 port,
					    __u8 delimiter)
{
	struct ftp_text *text = (struct ftp_text *)buf;
	__u32 at;

	if (!addr[0] && !addr[1] && addr[2] == bpf_htonl(FTPNAT_V4_MAPPED))
		at = ftp_put_octets(text, 0, addr[3], '.');
	else
		at = ftp_put_v6(text, 0, (const struct ftp_text_address *)addr);
	ftp_put(text, at++, delimiter);
	return ftp_put_number(text, at, port);
}

/* The port of 229. */
static __always_inline __u32 ftp_write_epsv_port(__u8 *buf, __u16 port)
{
	return ftp_put_number((struct ftp_text *)buf, 0, port);
}

/* ---- whole lines, for a reader of the other family: RFC 6384 ---- */

/* The line begins with `literal`; its length. */
#define ftp_begin(text, literal)                                                         \
	(__builtin_memcpy((text)->b, literal, sizeof(literal) - 1), sizeof(literal) - 1)

static __always_inline __u32 ftp_put_end(struct ftp_text *text, __u32 at)
{
	ftp_put(text, at++, '\r');
	ftp_put(text, at++, '\n');
	return at;
}

/* PORT, or EPRT if addr is IPv6 */
static __always_inline __u32 ftp_write_port_line(struct ftp_text *text,
						 const struct ftp_text_address *addr,
						 __u16 port)
{
	__u32 at;

	if (!addr->w[0] && !addr->w[1] && addr->w[2] == bpf_htonl(FTPNAT_V4_MAPPED)) {
		at = ftp_begin(text, "PORT ");
		at = ftp_put_port(text, at, addr->w, port);
		return ftp_put_end(text, at);
	}
	at = ftp_begin(text, "EPRT |2|");
	at = ftp_put_v6(text, at, addr);
	ftp_put(text, at++, '|');
	at = ftp_put_number(text, at, port);
	ftp_put(text, at++, '|');
	return ftp_put_end(text, at);
}

FTP_GLOBAL int ftp_write_227_line(struct ftp_text *text,
				  const struct ftp_text_address *addr, __u16 port)
{
	__u32 at;

	if (!text || !addr)
		return 0;
	at = ftp_begin(text, "227 Entering Passive Mode (");
	at = ftp_put_port(text, at, addr->w, port);
	ftp_put(text, at++, ')');
	return ftp_put_end(text, at);
}

FTP_GLOBAL int ftp_write_229_line(struct ftp_text *text, __u16 port)
{
	__u32 at;

	if (!text)
		return 0;
	at = ftp_begin(text, "229 Entering Extended Passive Mode (|||");
	at = ftp_put_number(text, at, port);
	ftp_put(text, at++, '|');
	ftp_put(text, at++, ')');
	return ftp_put_end(text, at);
}

static __always_inline __u32 ftp_write_pasv_line(__u8 *buf)
{
	return ftp_begin((struct ftp_text *)buf, "PASV\r\n");
}

static __always_inline __u32 ftp_write_epsv_line(__u8 *buf)
{
	return ftp_begin((struct ftp_text *)buf, "EPSV\r\n");
}

#endif
