/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A SYN that a rule refuses: dropped, or answered with the RST that a closed port sends
 * (RFC 9293 section 3.10.7.1). The SYN itself becomes the RST and returns to its sender.
 */
#ifndef FTPNAT_BPF_REFUSE_H
#define FTPNAT_BPF_REFUSE_H

#include "config.h"
#include "csum.h"
#include "events.h"
#include "forward.h"
#include "verdict.h"

#define RESET_TTL 64

struct reset_header {
	__be16 sport;
	__be16 dport;
	__be32 seq;
	__be32 ack;
	__u8 offset;
	__u8 flags;
	__be16 window;
	__be16 csum;
	__be16 urgent;
};

#define RESET_OFFSET (sizeof(struct reset_header) / 4 << 4)

/*
 * Whether the device has still to compute the checksum (CHECKSUM_PARTIAL) can't be seen.
 * Then the field holds the sum of the pseudo header, else the checksum. The window of a
 * RST means nothing, so it gets the value with which both are the same.
 */
static __always_inline void reset_sum(const struct packet *p, struct reset_header *tcp)
{
	__be32 protocol[2] = { bpf_htonl(sizeof(*tcp)), bpf_htonl(IPPROTO_TCP) };
	__u16 pseudo;
	__u32 sum;

	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)&p->tuple, 32, 0);
	pseudo = fold16((__u32)bpf_csum_diff(0, 0, protocol, sizeof(protocol), sum));
	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)tcp, sizeof(*tcp), 0);
	tcp->window = (__be16)~fold16((__u64)sum + 2ULL * pseudo);
	tcp->csum = pseudo;
}

static __always_inline long reset_ip(struct __sk_buff *skb, const struct packet *p)
{
	struct ipv6hdr ip6 = {
		.version = 6,
		.payload_len = bpf_htons(sizeof(struct reset_header)),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = RESET_TTL,
	};
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(sizeof(ip) + sizeof(struct reset_header)),
		.frag_off = bpf_htons(IP_DONT_FRAGMENT),
		.ttl = RESET_TTL,
		.protocol = IPPROTO_TCP,
		.saddr = p->tuple.dst.w[3],
		.daddr = p->tuple.src.w[3],
	};

	if (p->v6) {
		__builtin_memcpy(&ip6.saddr, &p->tuple.dst, sizeof(ip6.saddr));
		__builtin_memcpy(&ip6.daddr, &p->tuple.src, sizeof(ip6.daddr));
		return bpf_skb_store_bytes(skb, p->l3, &ip6, sizeof(ip6), 0);
	}
	ip.check =
		(__u16)~fold16((__u32)bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof(ip), 0));
	return bpf_skb_store_bytes(skb, p->l3, &ip, sizeof(ip), 0);
}

/*
 * Answers the SYN in the scratch memory: RESET, or `why` if that can't be done, and it is
 * dropped.
 */
__noinline enum ftpnat_reason refuse_reset(struct __sk_buff *skb, enum ftpnat_reason why,
					   bool egress)
{
	struct scratch *s = scratch_get();
	struct reset_header tcp = { .offset = RESET_OFFSET, .flags = TH_RST | TH_ACK };
	struct packet *p;

	if (!s)
		return why;
	p = &s->packet;
	/* a SYN with IP options gets no answer */
	if (p->l4 - p->l3 != (p->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) ||
	    (!egress && untag(skb)))
		return why;
	tcp.sport = p->tuple.dport;
	tcp.dport = p->tuple.sport;
	tcp.ack = bpf_htonl(p->seq + 1 + p->len);
	reset_sum(p, &tcp);
	if (bpf_skb_change_tail(skb, p->l4 + sizeof(tcp), 0) || reset_ip(skb, p) ||
	    bpf_skb_store_bytes(skb, p->l4, &tcp, sizeof(tcp), 0) ||
	    send_back(skb, p, egress))
		return why;
	count(why);
	return FTPNAT_RESET;
}

/*
 * The rule of s->flow refuses the SYN in the scratch memory: an event, and the RST if
 * the rule asks for it. The final reason.
 */
static __always_inline enum ftpnat_reason refuse(struct __sk_buff *skb, struct scratch *s,
						 enum ftpnat_reason why, bool egress)
{
	struct ftpnat_rule *rule = rule_get(s, s->flow.rule);
	__u16 resets = FTPNAT_ADMIT_RESET;

	event_rationed(s, why, s->flow.rule, FTPNAT_CONTROL);
	if (why == FTPNAT_NO_SERVER)
		resets |= FTPNAT_ADMIT_RESET_NO_SERVER;
	if (!rule || !(rule->admission & resets))
		return why;
	return refuse_reset(skb, why, egress);
}

#endif
