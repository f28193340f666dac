/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses and tuples; IPv4 is ::ffff:a.b.c.d. */
#ifndef FTPNAT_BPF_ADDR_H
#define FTPNAT_BPF_ADDR_H

#include <linux/in6.h>

#include <bpf/bpf_endian.h>

#include "ftpnat_maps.h"
#include "verifier.h"

#define ADDR_BITS 128

static __always_inline void addr_from_v4(struct ftpnat_addr *a, __be32 v4)
{
	a->w[0] = 0;
	a->w[1] = 0;
	a->w[2] = bpf_htonl(FTPNAT_V4_MAPPED);
	a->w[3] = v4;
}

static __always_inline void addr_from_v6(struct ftpnat_addr *a, const struct in6_addr *v6)
{
	__builtin_memcpy(a, v6, sizeof(*a));
}

static __always_inline bool addr_is_v4(const struct ftpnat_addr *a)
{
	return !a->w[0] && !a->w[1] && a->w[2] == bpf_htonl(FTPNAT_V4_MAPPED);
}

/* 0: it is IPv4. Without branches, each of which the verifier would follow. */
static __always_inline __u32 addr_v4_diff(const struct ftpnat_addr *a)
{
	return a->w[0] | a->w[1] | (a->w[2] ^ bpf_htonl(FTPNAT_V4_MAPPED));
}

static __always_inline bool addr_is_zero(const struct ftpnat_addr *a)
{
	return !(a->w[0] | a->w[1] | a->w[2] | a->w[3]);
}

static __always_inline bool addr_equal(const struct ftpnat_addr *a,
				       const struct ftpnat_addr *b)
{
	return a->w[3] == b->w[3] && a->w[2] == b->w[2] && a->w[1] == b->w[1] &&
	       a->w[0] == b->w[0];
}

static __always_inline bool addr_within(const struct ftpnat_addr *addr,
					const struct ftpnat_addr *prefix,
					const struct ftpnat_addr *mask)
{
	return addr_is_v4(prefix) == addr_is_v4(addr) &&
	       !((addr->w[0] ^ prefix->w[0]) & mask->w[0]) &&
	       !((addr->w[1] ^ prefix->w[1]) & mask->w[1]) &&
	       !((addr->w[2] ^ prefix->w[2]) & mask->w[2]) &&
	       !((addr->w[3] ^ prefix->w[3]) & mask->w[3]);
}

/* 0: they are the same. Without branches, each of which the verifier would follow. */
static __always_inline __u32 addr_diff(const struct ftpnat_addr *a,
				       const struct ftpnat_addr *b)
{
	return (a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) | (a->w[2] ^ b->w[2]) |
	       (a->w[3] ^ b->w[3]);
}

static __always_inline bool tuple_equal(const struct ftpnat_tuple *a,
					const struct ftpnat_tuple *b)
{
	return !(addr_diff(&a->src, &b->src) | addr_diff(&a->dst, &b->dst) |
		 (a->sport ^ b->sport) | (a->dport ^ b->dport));
}

/* Are these the two directions of one connection? */
static __always_inline bool tuple_is_reply(const struct ftpnat_tuple *a,
					   const struct ftpnat_tuple *b)
{
	return !(addr_diff(&a->src, &b->dst) | addr_diff(&a->dst, &b->src) |
		 (a->sport ^ b->dport) | (a->dport ^ b->sport));
}

static __always_inline void tuple_swap(struct ftpnat_tuple *out,
				       const struct ftpnat_tuple *in)
{
	out->src = in->dst;
	out->dst = in->src;
	out->sport = in->dport;
	out->dport = in->sport;
}

#endif
