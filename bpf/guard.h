/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard: on some interfaces a new TCP connection to or from certain ports may enter or
 * leave only if a rule or a session announced it. Packets that get here have no flow and
 * could not open one. Only SYNs are checked: established connections are never touched.
 */
#ifndef FTPNAT_BPF_GUARD_H
#define FTPNAT_BPF_GUARD_H

#include "config.h"
#include "events.h"
#include "tags.h"

#define GUARD_HEADERS 8	 /* IPv6 extension headers that are skipped */
#define GUARD_TCP_LEN 14 /* ports to flags of a TCP header */

static __always_inline struct ftpnat_guard *guard_get(struct __sk_buff *skb,
						      const struct scratch *s)
{
	struct ftpnat_config *config = config_get();
	struct ftpnat_guard_key key = { .ifindex = skb->ifindex, .slot = s->slot & 1 };

	if (!config || !config->guards[key.slot])
		return NULL;
	return bpf_map_lookup_elem(&ftpnat_guards, &key);
}

/* Is it to port `dport` or from port 20, and are these in the list? */
__noinline bool guard_has(const struct ftpnat_guard *guard, __u16 sport, __u16 dport)
{
	__u32 i;

	if (!guard)
		return false;
	for (i = 0; i < FTPNAT_MAX_GUARD_PORTS; i++) {
		__u16 min = guard->ports[i].min, max = guard->ports[i].max;

		if (i >= guard->number)
			break;
		if (dport >= min && dport <= max)
			return true;
		if (sport == FTP_DATA_PORT && sport >= min && sport <= max)
			return true;
	}
	return false;
}

/* The SYN in the scratch memory, which nothing announced: GUARDED or PASS. */
__noinline enum ftpnat_reason guard_syn(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get();
	struct ftpnat_guard *guard;
	struct packet *p;

	if (!s)
		return FTPNAT_PASS;
	guard = guard_get(skb, s);
	if (!guard)
		return FTPNAT_PASS;
	p = &s->packet;
	if (!guard_has(guard, bpf_ntohs(p->tuple.sport), bpf_ntohs(p->tuple.dport)))
		return FTPNAT_PASS;
	event_refused(s, FTPNAT_GUARDED);
	return FTPNAT_GUARDED;
}

/* The same of a SYN that can't have a flow, whatever was announced: GUARDED or `verdict`. */
__noinline enum ftpnat_reason guard_stranger(struct __sk_buff *skb,
					     enum ftpnat_reason verdict)
{
	struct scratch *s = scratch_get();

	if (!s)
		return verdict;
	slot_take(s);
	return guard_syn(skb) == FTPNAT_GUARDED ? FTPNAT_GUARDED : verdict;
}

/*
 * What parse_packet() doesn't read: packets that hide a TCP header or show only part of
 * it.
 */
struct guard_hidden {
	__u32 l4;
	__u32 room;   /* bytes of it that are in this packet */
	__u16 offset; /* of the fragment, in units of 8 bytes */
	__u8 next;    /* protocol */
	bool more;    /* fragments follow */
	bool unknown; /* too many headers, or a fragment that doesn't have them all */
};

static __always_inline bool guard_v4(struct __sk_buff *skb, struct packet *p,
				     struct guard_hidden *h)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, p->l3, &ip, sizeof(ip)) || ip.ihl < 5)
		return false;
	h->next = ip.protocol;
	h->l4 = p->l3 + ip.ihl * 4;
	h->room = p->l3 + bpf_ntohs(ip.tot_len) - h->l4;
	h->offset = bpf_ntohs(ip.frag_off) & IP_OFFSET;
	h->more = ip.frag_off & bpf_htons(IP_MORE);
	addr_from_v4(&p->tuple.src, ip.saddr);
	addr_from_v4(&p->tuple.dst, ip.daddr);
	return true;
}

/* IANA's IPv6 extension header types that have no constant in linux/in6.h */
#define IPPROTO_MOBILITY 135 /* RFC 6275 */
#define IPPROTO_HIP	 139 /* RFC 7401 */
#define IPPROTO_SHIM6	 140 /* RFC 5533 */

/* Extension headers that a TCP header may be behind; RFC 7112 wants them in the first fragment. */
static __always_inline bool guard_skips(__u8 next)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MOBILITY:
	case IPPROTO_HIP:
	case IPPROTO_SHIM6:
		return true;
	}
	return false;
}

static __always_inline bool guard_v6(struct __sk_buff *skb, struct packet *p,
				     struct guard_hidden *h)
{
	struct ipv6hdr ip6;
	__u32 i, end;
	__u8 b[4];

	if (bpf_skb_load_bytes(skb, p->l3, &ip6, sizeof(ip6)))
		return false;
	h->next = ip6.nexthdr;
	h->l4 = p->l3 + sizeof(ip6);
	end = ip6.payload_len ? h->l4 + bpf_ntohs(ip6.payload_len) :
				skb->len; /* BIG TCP */
	for (i = 0; i < GUARD_HEADERS && guard_skips(h->next) && !h->offset; i++) {
		if (h->l4 + sizeof(b) > end ||
		    bpf_skb_load_bytes(skb, h->l4, b, sizeof(b)))
			break;
		if (h->next == IPPROTO_FRAGMENT) {
			h->offset = (__u16)(b[2] << 8 | b[3]) >> 3;
			h->more = b[3] & 1;
			h->l4 += 8;
		} else if (h->next == IPPROTO_AH) {
			h->l4 += ((__u32)b[1] + 2) * 4;
		} else {
			h->l4 += ((__u32)b[1] + 1) * 8;
		}
		h->next = b[0];
	}
	h->unknown = guard_skips(h->next) && !h->offset &&
		     (i == GUARD_HEADERS || h->more);
	h->room = end > h->l4 ? end - h->l4 : 0;
	addr_from_v6(&p->tuple.src, &ip6.saddr);
	addr_from_v6(&p->tuple.dst, &ip6.daddr);
	return true;
}

/* Could this be the first packet of a connection to a port in the list, with what it shows? */
static __always_inline bool guard_suspects(struct __sk_buff *skb, struct packet *p,
					   const struct ftpnat_guard *guard,
					   const struct guard_hidden *h)
{
	__u8 tcp[16] = {};

	if (h->unknown)
		return true;
	/* the number of the protocol is the first fragment's in IPv6 (RFC 8200 section 4.5) */
	if (h->offset)
		return h->offset == 1 && (h->next == IPPROTO_TCP || p->v6);
	if (h->next != IPPROTO_TCP)
		return false;
	if (h->room < 4 || bpf_skb_load_bytes(skb, h->l4, tcp, 4))
		return h->more;
	if (h->room >= GUARD_TCP_LEN &&
	    !bpf_skb_load_bytes(skb, h->l4, tcp, GUARD_TCP_LEN) &&
	    !may_begin(tcp[TCP_OFF_FLAGS]))
		return false;
	__builtin_memcpy(&p->tuple.sport, tcp, 2);
	__builtin_memcpy(&p->tuple.dport, tcp + 2, 2);
	return guard_has(guard, bpf_ntohs(p->tuple.sport), bpf_ntohs(p->tuple.dport));
}

/*
 * A fragment, or TCP after IPv6 extension headers: may it begin a connection that the
 * guard refuses? RFC 1858, RFC 3128: a packet without its flags counts as a SYN, and a
 * fragment that would overwrite them is refused. GUARDED or `verdict`.
 */
__noinline enum ftpnat_reason guard_hidden(struct __sk_buff *skb,
					   enum ftpnat_reason verdict)
{
	struct scratch *s = scratch_get();
	struct guard_hidden h = {};
	struct ftpnat_guard *guard;
	struct packet *p;
	bool suspect;

	if (!s)
		return verdict;
	slot_take(s);
	guard = guard_get(skb, s);
	if (!guard)
		return verdict;
	p = &s->packet;
	__builtin_memset(&p->tuple, 0, sizeof(p->tuple));
	p->v6 = skb->protocol == bpf_htons(ETH_P_IPV6);
	if (has_inner_priority_tag(skb)) /* more than untag_inner() takes off */
		suspect = true;
	else if (p->v6)
		suspect = guard_v6(skb, p, &h) && guard_suspects(skb, p, guard, &h);
	else if (skb->protocol == bpf_htons(ETH_P_IP))
		suspect = guard_v4(skb, p, &h) && guard_suspects(skb, p, guard, &h);
	else
		suspect = false;
	if (!suspect)
		return verdict;
	event_refused(s, FTPNAT_GUARDED);
	return FTPNAT_GUARDED;
}

#endif
