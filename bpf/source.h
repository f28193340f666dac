/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a packet may come from. These programs run before the kernel validates a
 * packet's source, so they do it themselves: fib_validate_source() with the available
 * helper, according to rp_filter and accept_local of the interface. A packet that opens
 * a flow is validated. A packet of a flow is compared with the interface on which its
 * direction arrives, and validated again only if that differs.
 */
#ifndef FTPNAT_BPF_SOURCE_H
#define FTPNAT_BPF_SOURCE_H

#include "config.h"
#include "hop.h"
#include "verdict.h"

#define LOOPBACK_IFINDEX 1 /* in every network namespace */

/*
 * Lookups of a multipath route. The kernel checks all next hops; the helper returns one,
 * chosen by a hash. With two paths one packet in 2^32 is wrongly refused, with four one
 * in 10,000; the sender's next SYN is looked up again.
 */
#define SOURCE_TRIES 32

/* Of the dialled address, varied for the hash: within a /24. */
#define SOURCE_DST_BITS 0xff

#define IPOPT_LIST_END 0
#define IPOPT_NO_OP    1
#define IPOPT_LOOSE    131 /* LSRR, RFC 791 section 3.1 */
#define IPOPT_STRICT   137 /* SSRR */
#define IPOPTS_MAX     40

/*
 * Is this address invalid for any host, whatever the routes are? RFC 1812 section 5.3.7,
 * RFC 4291.
 */
static __always_inline bool addr_is_martian(const struct ftpnat_addr *a)
{
	if (addr_is_v4(a))
		return a->octet[12] == 0 || a->octet[12] == 127 || a->octet[12] >= 224;
	if (a->octet[0] == 0xff)
		return true;
	return !(a->w[0] | a->w[1] | a->w[2]) && (a->w[3] & ~bpf_htonl(1)) == 0;
}

/* Such a source says by itself that it is on the link. */
static __always_inline bool addr_is_link_local(const struct ftpnat_addr *a)
{
	return a->octet[0] == 0xfe && (a->octet[1] & 0xc0) == 0x80;
}

/* The route to back->dst, for a packet that arrives on `ifindex`. */
static __always_inline long source_lookup(struct __sk_buff *skb,
					  struct bpf_fib_lookup *fib,
					  const struct ftpnat_tuple *back, __u32 ifindex,
					  __u32 flags)
{
	fib_params(fib, back, !addr_is_v4(&back->dst), ifindex, 0);
	return bpf_fib_lookup(skb, fib, sizeof(*fib), flags);
}

/* The search for another next hop of a route. */
struct source_walk {
	struct __sk_buff *skb;
	struct scratch *s;
};

/* Perhaps another next hop of the route: varies the inputs of the hash. */
static long source_try(__u32 i, struct source_walk *walk)
{
	struct ftpnat_tuple *back = &walk->s->source.back;
	__u32 random = bpf_get_prandom_u32();
	struct bpf_fib_lookup fib;
	long rc;

	(void)i;
	back->sport = (__be16)random;
	fib_params(&fib, back, !addr_is_v4(&back->dst), walk->skb->ifindex, 0);
	if (fib.family == AF_INET)
		fib.ipv4_src ^= bpf_htonl(random >> 16 & SOURCE_DST_BITS);
	else
		fib.flowinfo = bpf_htonl(random & 0xfffff); /* its flow label */
	rc = bpf_fib_lookup(walk->skb, &fib, sizeof(fib), 0);
	walk->s->source.found = fib_found(rc) && fib.ifindex == walk->skb->ifindex;
	return walk->s->source.found;
}

/*
 * strict, and the route that the helper chose leads elsewhere. Does it lead to this
 * interface from where the packet goes on to, as policy routing may have it? Or by
 * another of its next hops? *fib, what it chose, is used up (the stack has no room).
 */
static __always_inline bool source_by_other_path(struct __sk_buff *skb, struct scratch *s,
						 struct bpf_fib_lookup *fib, bool found)
{
	struct source_walk walk = { .skb = skb, .s = s };
	struct source *source = &s->source;
	__u32 metric = fib->rt_metric;

	if (source_lookup(skb, fib, &source->on, skb->ifindex, 0) >= 0 &&
	    fib->ifindex != skb->ifindex &&
	    fib_found(source_lookup(skb, fib, &source->back, fib->ifindex, 0)) &&
	    fib->ifindex == skb->ifindex)
		return true;
	if (!found ||
	    !fib_found(source_lookup(skb, fib, &source->back, skb->ifindex,
				     BPF_FIB_LOOKUP_OUTPUT)) ||
	    fib->ifindex != skb->ifindex || fib->rt_metric != metric)
		return false;
	source->found = false;
	bpf_loop(SOURCE_TRIES, source_try, &walk, 0);
	return source->found;
}

/*
 * May a packet like the one in s->source arrive on this interface, as the kernel decides
 * it? GO_ON, MARTIAN or SPOOFED. `bound`: 0 if the direction has no interface yet.
 */
__noinline enum ftpnat_reason source_check(struct __sk_buff *skb, __u32 bound)
{
	struct scratch *s = scratch_get();
	struct bpf_fib_lookup fib;
	struct ftpnat_ifaddr *own;
	__u32 ifindex = skb->ifindex;
	struct ftpnat_tuple *back;
	__u8 filter;
	long rc;

	if (!s)
		return FTPNAT_SPOOFED;
	back = &s->source.back;
	if (ifindex == LOOPBACK_IFINDEX)
		return GO_ON;
	if (addr_is_martian(&back->dst) || addr_equal(&back->src, &back->dst))
		return FTPNAT_MARTIAN;
	if (addr_is_link_local(&back->dst))
		return GO_ON;
	own = bpf_map_lookup_elem(&ftpnat_ifaddrs, &ifindex);
	filter = own ? own->rp_filter : FTPNAT_RP_OFF;
	rc = source_lookup(skb, &fib, back, ifindex, 0);
	if (fib_found(rc) && (filter != FTPNAT_RP_STRICT || fib.ifindex == ifindex))
		return GO_ON;
	switch (rc) {
	case BPF_FIB_LKUP_RET_UNSUPP_LWT: /* a tunnel: there is a route, more is unknown */
		return GO_ON;
	case BPF_FIB_LKUP_RET_FWD_DISABLED: /* not a router: the helper returns no routes */
		return bound && filter == FTPNAT_RP_STRICT ? FTPNAT_SPOOFED : GO_ON;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		if (filter == FTPNAT_RP_OFF)
			return GO_ON;
		break;
	case BPF_FIB_LKUP_RET_NOT_FWDED: /* an own address, or no route */
		if (own && own->accept_local)
			return GO_ON;
		break;
	}
	if (source_by_other_path(skb, s, &fib, fib_found(rc)))
		return GO_ON;
	return rc == BPF_FIB_LKUP_RET_NOT_FWDED ? FTPNAT_MARTIAN : FTPNAT_SPOOFED;
}

/*
 * Is the source of a packet with tuple `t`, which leaves as `to`, valid on this
 * interface?
 */
static __always_inline enum ftpnat_reason
source_of(struct __sk_buff *skb, struct scratch *s, const struct ftpnat_tuple *t,
	  const struct ftpnat_addr *to, __u32 bound)
{
	tuple_swap(&s->source.back, t);
	s->source.on = *t;
	s->source.on.dst = *to;
	return source_check(skb, bound);
}

/* At ingress: the flow that s->flow is about to become. */
static __always_inline enum ftpnat_reason source_opens(struct __sk_buff *skb,
						       struct scratch *s, bool egress)
{
	s->flow.ifindex = egress ? 0 : skb->ifindex;
	return egress ? GO_ON : source_of(skb, s, &s->flow.key, &s->flow.to.dst, 0);
}

/*
 * A packet of a flow arrived on another interface than the ones before, or is the first
 * of its direction: routes change, and so may the interface of the direction.
 */
static __noinline enum ftpnat_reason
source_moves(struct __sk_buff *skb, struct scratch *s, struct ftpnat_flow *flow)
{
	enum ftpnat_reason verdict =
		source_of(skb, s, &s->packet.tuple, &flow->to.dst, flow->ifindex);

	if (verdict == GO_ON)
		flow->ifindex = skb->ifindex;
	return verdict;
}

/*
 * GO_ON if the packet of a flow arrives where its sender is. At egress the kernel has
 * validated it.
 */
static __always_inline enum ftpnat_reason source_flow(struct __sk_buff *skb,
						      struct scratch *s,
						      struct ftpnat_flow *flow,
						      bool egress)
{
	if (egress || flow->ifindex == skb->ifindex)
		return GO_ON;
	return source_moves(skb, s, flow);
}

static long walk_ip_option(__u32 i, struct ip_options **options)
{
	struct ip_options *o = *options;
	__u8 type, size;

	(void)i;
	if (o->at >= o->len)
		return 1;
	type = o->byte[bounded(o->at, sizeof(o->byte))];
	size = o->byte[bounded(o->at + 1, sizeof(o->byte))];
	o->routed = type == IPOPT_LOOSE || type == IPOPT_STRICT;
	if (o->routed || type == IPOPT_LIST_END || (type != IPOPT_NO_OP && size < 2))
		return 1;
	o->at += type == IPOPT_NO_OP ? 1 : size;
	return 0;
}

/* See source_routed(). */
__noinline bool options_routed(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get();
	struct ip_options *o;

	if (!s)
		return false;
	o = &s->ip_options;
	o->len = s->packet.l4 - s->packet.l3 - sizeof(struct iphdr);
	o->at = 0;
	o->routed = false;
	if (!o->len || o->len > IPOPTS_MAX)
		return false;
	__builtin_memset(o->byte, 0, sizeof(o->byte));
	if (bpf_skb_load_bytes(skb, s->packet.l3 + sizeof(struct iphdr), o->byte,
			       bounded_len(o->len, sizeof(o->byte))))
		return false;
	bpf_loop(IPOPTS_MAX, walk_ip_option, &o, 0);
	return o->routed;
}

/* Does an IPv4 packet have a source route? Then it is left to the kernel. */
static __always_inline bool source_routed(struct __sk_buff *skb, const struct packet *p)
{
	return !p->v6 && p->l4 - p->l3 > sizeof(struct iphdr) && options_routed(skb);
}

#endif
