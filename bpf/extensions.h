/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP behind IPv6 extension headers. Across families a translator ignores those that a
 * router need not look at (RFC 7915 section 5.1): they are taken out, and the packet is one
 * as any other. So is the fragment header of a packet that is whole (RFC 6946). All else
 * about such packets is the kernel's business.
 */
#ifndef FTPNAT_BPF_EXTENSIONS_H
#define FTPNAT_BPF_EXTENSIONS_H

#include "rules.h"

#define EXTENSIONS_MAX 8

/* Of a routing header: its type, and how many segments it still leads to. */
#define EXTENSION_OFF_TYPE 2
#define EXTENSION_OFF_LEFT 3

#define ROUTING_SOURCE_ROUTE 0 /* obsolete: RFC 5095 */

/* Of a fragment header: offset, and whether more follow; but for two reserved bits. */
#define EXTENSION_OFF_PLACE 2
#define FRAGMENT_PLACE	    0xfff9
#define FRAGMENT_LEN	    8

/* May the header be ignored? `b` has its first bytes. */
static __always_inline bool extension_ignored(__u8 kind, const __u8 *b)
{
	switch (kind) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_DSTOPTS:
		return true;
	case IPPROTO_ROUTING:
		return !b[EXTENSION_OFF_LEFT] &&
		       b[EXTENSION_OFF_TYPE] != ROUTING_SOURCE_ROUTE;
	case IPPROTO_FRAGMENT:
		return !((b[EXTENSION_OFF_PLACE] << 8 | b[EXTENSION_OFF_PLACE + 1]) &
			 FRAGMENT_PLACE);
	default:
		return false;
	}
}

/*
 * Offset of the TCP header behind extension headers that may be ignored; 0: there is no such
 * header, or another one.
 */
__noinline __u32 tcp_behind(struct __sk_buff *skb, __u32 l3)
{
	__u32 at = l3 + sizeof(struct ipv6hdr), i;
	__u8 next, b[4];

	if (bpf_skb_load_bytes(skb, l3 + offsetof(struct ipv6hdr, nexthdr), &next, 1))
		return 0;
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (next == IPPROTO_TCP && i)
			return at;
		if (bpf_skb_load_bytes(skb, at, b, sizeof(b)) ||
		    !extension_ignored(next, b))
			return 0;
		at += next == IPPROTO_FRAGMENT ? FRAGMENT_LEN : ((__u32)b[1] + 1) * 8;
		next = b[0];
	}
	return 0;
}

/* Will the SYN with this tuple of IPv6 addresses be led to an IPv4 server or client? */
static __always_inline bool syn_crosses(struct scratch *s)
{
	struct ftpnat_expected_key *key = &s->expected_key;
	const struct ftpnat_tuple *t = &s->packet.tuple;
	const struct ftpnat_expected *e;
	const struct ftpnat_rule *rule;

	key->peer = t->src;
	key->dst = t->dst;
	key->dport = t->dport;
	key->pad = 0;
	e = bpf_map_lookup_elem(&ftpnat_expected, key);
	if (e)
		return addr_is_v4(&e->dst);
	slot_take(s);
	s->flow.key = *t;
	rule = rule_get(s, (__u16)control_rule(s));
	return rule && (rule->prefix64_len ||
			(rule->kind == FTPNAT_PUBLISH && server_family(rule, false)));
}

/*
 * Takes the extension headers out of a packet that will get an IPv4 header. False: there is
 * no such packet, or it stays as it is.
 */
__noinline bool extensions_remove(struct __sk_buff *skb, __u32 l3)
{
	struct scratch *s = scratch_get();
	struct ftpnat_flow *flow;
	__u8 tcp[TCP_OFF_FLAGS + 1], next = IPPROTO_TCP;
	struct ipv6hdr ip6;
	__u32 l4, len;

	if (!s || skb->protocol != bpf_htons(ETH_P_IPV6))
		return false;
	l4 = tcp_behind(skb, l3);
	if (!l4 || bpf_skb_load_bytes(skb, l4, tcp, sizeof(tcp)) ||
	    bpf_skb_load_bytes(skb, l3, &ip6, sizeof(ip6)))
		return false;
	addr_from_v6(&s->packet.tuple.src, &ip6.saddr);
	addr_from_v6(&s->packet.tuple.dst, &ip6.daddr);
	__builtin_memcpy(&s->packet.tuple.sport, tcp, 2);
	__builtin_memcpy(&s->packet.tuple.dport, tcp + 2, 2);
	flow = bpf_map_lookup_elem(&ftpnat_flows, &s->packet.tuple);
	if (flow ? !(flow->flags & FTPNAT_FLOW_XLAT) :
		   !may_begin(tcp[TCP_OFF_FLAGS]) || !syn_crosses(s))
		return false;
	len = l4 - l3 - sizeof(ip6);
	if (bpf_ntohs(ip6.payload_len) < len)
		return false;
	ip6.payload_len = bpf_htons((__u16)(bpf_ntohs(ip6.payload_len) - len));
	return !bpf_skb_adjust_room(skb, -(__s32)len, BPF_ADJ_ROOM_NET,
				    BPF_F_ADJ_ROOM_FIXED_GSO) &&
	       !bpf_skb_store_bytes(skb, l3 + offsetof(struct ipv6hdr, payload_len),
				    &ip6.payload_len, sizeof(ip6.payload_len),
				    BPF_F_RECOMPUTE_CSUM) &&
	       !bpf_skb_store_bytes(skb, l3 + offsetof(struct ipv6hdr, nexthdr), &next,
				    sizeof(next), BPF_F_RECOMPUTE_CSUM);
}

#endif
