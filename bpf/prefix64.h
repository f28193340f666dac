/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv4 addresses behind an IPv6 prefix (RFC 6052), for BPF and for the host (tests). */
#ifndef FTPNAT_BPF_PREFIX64_H
#define FTPNAT_BPF_PREFIX64_H

#include "addr.h"

#define PREFIX64_U 8 /* octet that is always 0: RFC 6052 section 2.2 */

/* Which octet of an IPv6 address octet i of the IPv4 address is, behind a prefix of `len` bits. */
static __always_inline __u32 prefix64_octet(__u32 len, __u32 i)
{
	__u32 at = len / 8 + i;

	if (len < 96 && at >= PREFIX64_U)
		at++;
	return bounded(at, sizeof(struct ftpnat_addr));
}

static __always_inline void prefix64_extract(struct ftpnat_addr *v4,
					     const struct ftpnat_addr *addr, __u32 len)
{
	__u32 i;

	addr_from_v4(v4, 0);
	for (i = 0; i < 4; i++)
		v4->octet[12 + i] = addr->octet[prefix64_octet(len, i)];
}

static __always_inline void prefix64_embed(struct ftpnat_addr *addr,
					   const struct ftpnat_addr *prefix, __u32 len,
					   const struct ftpnat_addr *v4)
{
	__u32 i;

	*addr = *prefix;
	for (i = 0; i < 4; i++)
		addr->octet[prefix64_octet(len, i)] = v4->octet[12 + i];
}

/* 64:ff9b::/96, RFC 6052 section 2.1 */
static __always_inline bool prefix64_well_known(const struct ftpnat_addr *prefix)
{
	return prefix->w[0] == bpf_htonl(0x0064ff9b) && !(prefix->w[1] | prefix->w[2]);
}

#define V4_WITHIN(addr, a, b, c, len)                                                    \
	(!(((addr) ^ ((__u32)(a) << 24 | (b) << 16 | (c) << 8)) >> (32 - (len))))

/* RFC 6052 section 3.1: what the well-known prefix must not stand for (RFC 5735 section 3, RFC 6598). */
static __always_inline bool v4_is_global(const struct ftpnat_addr *v4)
{
	__u32 a = bpf_ntohl(v4->w[3]);

	return !V4_WITHIN(a, 10, 0, 0, 8) && !V4_WITHIN(a, 100, 64, 0, 10) &&
	       !V4_WITHIN(a, 169, 254, 0, 16) && !V4_WITHIN(a, 172, 16, 0, 12) &&
	       !V4_WITHIN(a, 192, 0, 0, 24) && !V4_WITHIN(a, 192, 0, 2, 24) &&
	       !V4_WITHIN(a, 192, 168, 0, 16) && !V4_WITHIN(a, 198, 18, 0, 15) &&
	       !V4_WITHIN(a, 198, 51, 100, 24) && !V4_WITHIN(a, 203, 0, 113, 24);
}

/*
 * The IPv4 server behind an address within the prefix. False: there can be none, or the
 * prefix must not be used for it.
 */
static __always_inline bool prefix64_server(struct ftpnat_addr *v4,
					    const struct ftpnat_addr *addr,
					    const struct ftpnat_addr *prefix, __u32 len)
{
	prefix64_extract(v4, addr, len);
	if (addr->octet[PREFIX64_U] || v4->octet[12] == 0 || v4->octet[12] == 127 ||
	    v4->octet[12] >= 224)
		return false;
	return !prefix64_well_known(prefix) || v4_is_global(v4);
}

#endif
