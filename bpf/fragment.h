/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fragments of a session's packets. TCP makes none, but routers cut IPv4 packets without DF.
 * Lines, numbers and checksums need the whole segment, and only its first fragment says
 * whose it is. That one goes no further, or the stack would put the segment together and
 * reset a connection that it doesn't know. Its sender is told to send no longer packets than
 * this one, which has come in one piece. What follows it stays incomplete.
 */
#ifndef FTPNAT_BPF_FRAGMENT_H
#define FTPNAT_BPF_FRAGMENT_H

#include "answer.h"
#include "extensions.h"
#include "source.h"

/* Both addresses and the place of the TCP header, if this is the first fragment of a TCP segment. */
static __always_inline bool fragment_first_v4(struct __sk_buff *skb, struct packet *p)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, p->l3, &ip, sizeof(ip)) || ip.ihl < 5 ||
	    ip.protocol != IPPROTO_TCP || ip.frag_off & bpf_htons(IP_OFFSET))
		return false;
	p->v6 = 0;
	p->l4 = p->l3 + ip.ihl * 4;
	p->ip_len = bpf_ntohs(ip.tot_len);
	addr_from_v4(&p->tuple.src, ip.saddr);
	addr_from_v4(&p->tuple.dst, ip.daddr);
	return true;
}

#define FRAGMENT_MORE 1

struct fragment_header { /* RFC 8200 section 4.5 */
	__u8 next;
	__u8 reserved;
	__be16 place;
	__be32 id;
};

static __always_inline bool fragment_first_v6(struct __sk_buff *skb, struct packet *p)
{
	struct fragment_header fragment;
	struct ipv6hdr ip6;

	if (bpf_skb_load_bytes(skb, p->l3, &ip6, sizeof(ip6)) ||
	    bpf_skb_load_bytes(skb, p->l3 + sizeof(ip6), &fragment, sizeof(fragment)) ||
	    fragment.next != IPPROTO_TCP ||
	    (fragment.place & bpf_htons(FRAGMENT_PLACE)) != bpf_htons(FRAGMENT_MORE))
		return false;
	p->v6 = 1;
	p->l4 = p->l3 + sizeof(ip6) + sizeof(fragment);
	p->ip_len = sizeof(ip6) + bpf_ntohs(ip6.payload_len);
	addr_from_v6(&p->tuple.src, &ip6.saddr);
	addr_from_v6(&p->tuple.dst, &ip6.daddr);
	/* as in parse_frame() */
	return !addr_is_v4(&p->tuple.src) && !addr_is_v4(&p->tuple.dst);
}

/*
 * What the sender of a first fragment is told: its length, but never less than any link must
 * carry, since a router may have cut it into pieces that are smaller still.
 */
static __always_inline __u32 fragment_mtu(const struct packet *p)
{
	__u32 least = p->v6 ? IPV6_MTU_MIN : IPV4_MTU_MIN;

	return p->ip_len < least ? least : p->ip_len;
}

/*
 * A fragment at ingress: FRAGMENT, with nothing changed, if it is not known for a session's;
 * else what became of it.
 */
__noinline enum ftpnat_reason fragment_packet(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get();
	struct ftpnat_flow *flow;
	enum ftpnat_reason verdict;
	struct packet *p;
	__be16 port[2];

	if (!s)
		return FTPNAT_FRAGMENT;
	p = &s->packet;
	if (skb->protocol == bpf_htons(ETH_P_IP) ? !fragment_first_v4(skb, p) :
						   !fragment_first_v6(skb, p))
		return FTPNAT_FRAGMENT;
	/* what an answer quotes */
	if (p->ip_len < p->l4 - p->l3 + QUOTED_HEADER || p->l3 + p->ip_len > skb->len ||
	    bpf_skb_load_bytes(skb, p->l4, port, sizeof(port)))
		return FTPNAT_FRAGMENT;
	p->tuple.sport = port[0];
	p->tuple.dport = port[1];
	flow = bpf_map_lookup_elem(&ftpnat_flows, &p->tuple);
	if (!flow || flow->flags & FTPNAT_FLOW_TRACKED)
		return FTPNAT_FRAGMENT;
	verdict = source_flow(skb, s, flow, false);
	if (verdict != GO_ON)
		return verdict;
	if (untag(skb))
		return FTPNAT_WRITE;
	count(FTPNAT_FRAGMENT);
	s->route.mtu = fragment_mtu(p);
	return answer_error(skb, FTPNAT_TOO_BIG, false);
}

#endif
