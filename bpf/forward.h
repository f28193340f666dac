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

#include "scratch.h"

#define AF_INET	 2
#define AF_INET6 10

/* skb->cb[4] of a packet that an earlier hook of ours redirected */
#define SEEN_MARK   0x66e47b31
#define ANSWER_MARK 0x66e47b32 /* of one sent back to this host's own stack, at ingress */

static __always_inline void fib_params(struct bpf_fib_lookup *fib,
				       const struct ftpnat_tuple *t, int v6,
				       __u32 ifindex, __u32 ip_len)
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

/*
 * Where the packet in the scratch memory goes as s->to, before anything of it
 * is written: FORWARDED (s->next_hop says where), TRANSLATED (up the stack or on
 * its way), TOO_BIG (s->mtu says for what) or TTL.
 */
__noinline int route(struct __sk_buff *skb, int egress)
{
	struct scratch *s = scratch_get();
	struct bpf_fib_lookup fib;
	struct packet *p;
	__u32 size;
	long rc;

	if (!s)
		return FTPNAT_NO_MEMORY;
	p = &s->packet;
	if (egress && addr_equal(&p->tuple.dst, &s->to.dst))
		return FTPNAT_TRANSLATED;
	size = p->ip_len;
	/* a GSO frame is cut before it meets the link's MTU */
	if (skb->gso_size && size > p->payload - ETH_HLEN + skb->gso_size)
		size = p->payload - ETH_HLEN + skb->gso_size;
	fib_params(&fib, &s->to, p->v6, skb->ifindex, size);
	/* also at egress as if it had come in: BPF_FIB_LOOKUP_OUTPUT would keep the interface */
	rc = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	if (rc == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
		s->mtu = fib.mtu_result;
		/* a packet that may be cut is the stack's to cut */
		return p->df ? FTPNAT_TOO_BIG : FTPNAT_TRANSLATED;
	}
	if (rc != BPF_FIB_LKUP_RET_SUCCESS && rc != BPF_FIB_LKUP_RET_NO_NEIGH)
		return FTPNAT_TRANSLATED; /* ours to receive, or the stack's to refuse */
	if (!egress && p->ttl <= 1)
		return FTPNAT_TTL;
	s->ifindex = fib.ifindex;
	s->next_hop.nh_family = fib.family;
	__builtin_memcpy(s->next_hop.ipv6_nh, fib.ipv6_dst, sizeof(s->next_hop.ipv6_nh));
	return FTPNAT_FORWARDED;
}

/* Sends a packet that route() found a way for and that is translated now. */
static __always_inline int forward(struct __sk_buff *skb, struct scratch *s, int egress)
{
	if (!egress && write_ttl(skb, &s->packet))
		return FTPNAT_WRITE;
	skb->cb[4] = SEEN_MARK;
	if (bpf_redirect_neigh(s->ifindex, &s->next_hop, sizeof(s->next_hop), 0) !=
	    TC_ACT_REDIRECT)
		return FTPNAT_WRITE;
	return FTPNAT_FORWARDED;
}

/* Sends what the packet was turned into back to where it came from. 0 or -1. */
static __always_inline long send_back(struct __sk_buff *skb, int egress)
{
	__u8 mac[2 * ETH_ALEN], swapped[2 * ETH_ALEN];

	if (bpf_skb_load_bytes(skb, 0, mac, sizeof(mac)))
		return -1;
	__builtin_memcpy(swapped, mac + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(swapped + ETH_ALEN, mac, ETH_ALEN);
	if (bpf_skb_store_bytes(skb, 0, swapped, sizeof(swapped), 0))
		return -1;
	skb->cb[4] = egress ? ANSWER_MARK : SEEN_MARK;
	return bpf_redirect(skb->ifindex, egress ? BPF_F_INGRESS : 0) != TC_ACT_REDIRECT;
}

#endif
