/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a translated packet goes. At ingress it leaves for its next hop at
 * once, past the stack: the stack's source checks would refuse a packet whose
 * source is the gateway, and its conntrack and NAT must not see half of a
 * connection. What the gateway itself receives goes up the stack; what it
 * sends goes on unless its destination was translated.
 */
#ifndef FTPNAT_BPF_FORWARD_H
#define FTPNAT_BPF_FORWARD_H

#include "nat.h"

#define AF_INET  2
#define AF_INET6 10

/* skb->cb[4] of a packet that an earlier hook of ours redirected */
#define SEEN_MARK 0x66e47b31

static __always_inline void fib_params(struct bpf_fib_lookup *fib, const struct ftpnat_tuple *t,
				       int v6, __u32 ifindex, __u32 ip_len)
{
	__builtin_memset(fib, 0, sizeof(*fib));
	fib->ifindex = ifindex;
	fib->l4_protocol = IPPROTO_TCP;
	fib->sport = t->sport;
	fib->dport = t->dport;
	fib->tot_len = (__u16)ip_len;
	if (v6) {
		fib->family = AF_INET6;
		__builtin_memcpy(fib->ipv6_src, &t->src, sizeof(t->src));
		__builtin_memcpy(fib->ipv6_dst, &t->dst, sizeof(t->dst));
	} else {
		fib->family = AF_INET;
		fib->ipv4_src = t->src.w[3];
		fib->ipv4_dst = t->dst.w[3];
	}
}

/* Sends a translated packet on. Returns the reason with which the program ends. */
__noinline int forward(struct __sk_buff *skb, struct packet *p, int egress)
{
	struct bpf_redir_neigh nh = {};
	struct bpf_fib_lookup fib;
	__u32 size;
	long rc;

	if (!p)
		return FTPNAT_WRITE;
	size = p->ip_len;
	/* a GSO frame is cut before it meets the link's MTU */
	if (skb->gso_size && size > p->payload - ETH_HLEN + skb->gso_size)
		size = p->payload - ETH_HLEN + skb->gso_size;
	fib_params(&fib, &p->tuple, p->v6, skb->ifindex, size);
	rc = bpf_fib_lookup(skb, &fib, sizeof(fib), egress ? BPF_FIB_LOOKUP_OUTPUT : 0);
	if (rc == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return FTPNAT_TOO_BIG;
	if (rc != BPF_FIB_LKUP_RET_SUCCESS && rc != BPF_FIB_LKUP_RET_NO_NEIGH)
		return FTPNAT_TRANSLATED; /* ours to receive, or the stack's to refuse */

	if (!egress) {
		if (p->ttl <= 1)
			return FTPNAT_TTL;
		if (write_ttl(skb, p))
			return FTPNAT_WRITE;
	}
	nh.nh_family = fib.family;
	if (fib.family == AF_INET6)
		__builtin_memcpy(nh.ipv6_nh, fib.ipv6_dst, sizeof(nh.ipv6_nh));
	else
		nh.ipv4_nh = fib.ipv4_dst;
	skb->cb[4] = SEEN_MARK;
	if (bpf_redirect_neigh(fib.ifindex, &nh, sizeof(nh), 0) != TC_ACT_REDIRECT)
		return FTPNAT_WRITE;
	return FTPNAT_FORWARDED;
}

#endif
