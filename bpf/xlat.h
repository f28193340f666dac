/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the families (RFC 7915): the IP header of a TCP packet becomes one of the other
 * family. Ports, numbers and payload are nat.h's business. Fragments and packets with IPv6
 * extension headers never get here, see packet.h.
 */
#ifndef FTPNAT_BPF_XLAT_H
#define FTPNAT_BPF_XLAT_H

#include "csum.h"
#include "packet.h"

#define XLAT_GROWTH 20U /* by which an IPv6 header is longer */

#define IPV6_MTU_MIN 1280 /* RFC 8200 section 5 */

/* RFC 7915 section 5.1: an IPv4 packet up to this may be fragmented on its way */
#define XLAT_MAY_FRAGMENT (IPV6_MTU_MIN - XLAT_GROWTH)

#define IPV6_TRAFFIC_CLASS_SHIFT 20
#define ETHERTYPE_LEN		 2 /* of the link-layer header: its end */

/* Does the packet leave as one of the other family? */
static __always_inline bool xlat_crosses(const struct packet *p,
					 const struct ftpnat_tuple *to)
{
	return p->v6 == !addr_v4_diff(&to->dst);
}

/* By how much a packet gets longer, modulo 2^32. */
static __always_inline __u32 xlat_growth(bool from_v6, bool to_v6)
{
	if (from_v6 == to_v6)
		return 0;
	return to_v6 ? XLAT_GROWTH : -XLAT_GROWTH;
}

/* Must a translated packet of this size not be cut on its way? */
static __always_inline bool xlat_df(bool to_v6, __u32 size)
{
	return to_v6 || size > XLAT_MAY_FRAGMENT;
}

/* The MTU of a link that takes packets of the family `v6`, as a sender of the other sees it. */
static __always_inline __u32 xlat_mtu(__u32 mtu, bool v6, bool sender_v6)
{
	mtu += xlat_growth(v6, sender_v6);
	/* what is shorter may be fragmented behind us */
	return v6 != sender_v6 && sender_v6 && mtu < IPV6_MTU_MIN ? IPV6_MTU_MIN : mtu;
}

/* IP length of the longest packet on the wire: GSO frames are segmented before. */
static __always_inline __u32 largest_packet(const struct __sk_buff *skb,
					    const struct packet *p)
{
	__u32 segment = p->payload - p->l3 + skb->gso_size;

	return skb->gso_size && p->ip_len > segment ? segment : p->ip_len;
}

/* An IPv6 header up to its addresses, which together are too long for the stack. */
struct ipv6_start {
	__be32 first; /* version, traffic class, flow label */
	__be16 payload_len;
	__u8 nexthdr;
	__u8 hop_limit;
};

static __always_inline __be32 ipv6_first(__u8 traffic_class)
{
	return bpf_htonl(6U << 28 | (__u32)traffic_class << IPV6_TRAFFIC_CLASS_SHIFT);
}

/* A header that takes the place of another, and the link layer's word for its family. */
static __always_inline long xlat_store(struct __sk_buff *skb, const struct packet *p,
				       const void *header, __u32 len, __be16 protocol)
{
	if (p->l3 && bpf_skb_store_bytes(skb, p->l3 - ETHERTYPE_LEN, &protocol,
					 sizeof(protocol), 0))
		return -1;
	return bpf_skb_store_bytes(skb, p->l3, header, len, BPF_F_RECOMPUTE_CSUM);
}

/* RFC 7915 section 4.1. IPv4 options are dropped; source routes never get here. */
static __always_inline long xlat_to_v6(struct __sk_buff *skb, struct packet *p,
				       const struct ftpnat_tuple *to, __u32 tcp_len)
{
	__u32 options = p->l4 - p->l3 - sizeof(struct iphdr);
	struct ipv6_start ip6 = {
		.payload_len = bpf_htons((__u16)tcp_len),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = p->ttl,
	};
	__u8 tos;

	if (bpf_skb_load_bytes(skb, p->l3 + offsetof(struct iphdr, tos), &tos,
			       sizeof(tos)))
		return -1;
	if (options && bpf_skb_adjust_room(skb, -(__s32)options, BPF_ADJ_ROOM_NET,
					   BPF_F_ADJ_ROOM_FIXED_GSO))
		return -1;
	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0))
		return -1;
	ip6.first = ipv6_first(tos);
	/* src and dst are neighbours in a tuple as in the header */
	return xlat_store(skb, p, &ip6, sizeof(ip6), bpf_htons(ETH_P_IPV6)) ||
	       bpf_skb_store_bytes(skb, p->l3 + sizeof(ip6), &to->src, 32,
				   BPF_F_RECOMPUTE_CSUM);
}

/* RFC 7915 section 5.1 */
static __always_inline long xlat_to_v4(struct __sk_buff *skb, struct packet *p,
				       const struct ftpnat_tuple *to, __u32 tcp_len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons((__u16)(sizeof(ip) + tcp_len)),
		.ttl = p->ttl,
		.protocol = IPPROTO_TCP,
		.saddr = to->src.w[3],
		.daddr = to->dst.w[3],
	};
	__be32 first;

	if (bpf_skb_load_bytes(skb, p->l3, &first, sizeof(first)))
		return -1;
	ip.tos = (__u8)(bpf_ntohl(first) >> IPV6_TRAFFIC_CLASS_SHIFT);
	if (xlat_df(false, largest_packet(skb, p) - XLAT_GROWTH))
		ip.frag_off = bpf_htons(IP_DONT_FRAGMENT);
	else
		ip.id = (__be16)bpf_get_prandom_u32();
	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0))
		return -1;
	ip.check =
		(__u16)~fold16((__u32)bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof(ip), 0));
	return xlat_store(skb, p, &ip, sizeof(ip), bpf_htons(ETH_P_IP));
}

/*
 * The IP header of the packet becomes one of the other family, with the addresses of `to`;
 * *p follows. 0, or -1: the packet is half written and must be dropped.
 */
__noinline int xlat_headers(struct __sk_buff *skb, struct packet *p,
			    const struct ftpnat_tuple *to)
{
	__u32 tcp_len, header;
	__s64 diff;

	if (!p || !to)
		return -1;
	tcp_len = p->ip_len - (p->l4 - p->l3);
	header = p->v6 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	if (p->v6 ? xlat_to_v4(skb, p, to, tcp_len) : xlat_to_v6(skb, p, to, tcp_len))
		return -1;
	p->payload = p->payload - p->l4 + p->l3 + header;
	p->l4 = p->l3 + header;
	p->ip_len = header + tcp_len;
	p->v6 = !p->v6;
	/* ::ffff twice, in front of IPv4 addresses, adds nothing */
	diff = bpf_csum_diff((__be32 *)&p->tuple.src, 32, (__be32 *)&to->src, 32, 0);
	p->tuple.src = to->src;
	p->tuple.dst = to->dst;
	return bpf_l4_csum_replace(skb, p->l4 + TCP_OFF_CSUM, 0, diff, BPF_F_PSEUDO_HDR) ?
		       -1 :
		       0;
}

#endif
