/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the families (RFC 7915): the IP header of a TCP packet becomes one of the other
 * family. Ports, numbers and payload are nat.h's business. Fragments and packets with IPv6
 * extension headers never get here, see packet.h.
 */
#ifndef FTPNAT_BPF_XLAT_H
#define FTPNAT_BPF_XLAT_H

#include "xlat_header.h"

#define ETHERTYPE_LEN 2 /* of the link-layer header: its end */

/* Does the packet leave as one of the other family? */
static __always_inline bool xlat_crosses(const struct packet *p,
					 const struct ftpnat_tuple *to)
{
	return p->v6 == !addr_v4_diff(&to->dst);
}

/* IP length of the longest packet on the wire: GSO frames are segmented before. */
static __always_inline __u32 largest_of(const struct packet *p, __u32 gso)
{
	__u32 segment = p->payload - p->l3 + gso;

	return gso && p->ip_len > segment ? segment : p->ip_len;
}

static __always_inline __u32 largest_packet(const struct __sk_buff *skb,
					    const struct packet *p)
{
	return largest_of(p, skb->gso_size);
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
	struct ipv6_start ip6;
	__u8 tos;

	if (bpf_skb_load_bytes(skb, p->l3 + offsetof(struct iphdr, tos), &tos,
			       sizeof(tos)))
		return -1;
	if (options && bpf_skb_adjust_room(skb, -(__s32)options, BPF_ADJ_ROOM_NET,
					   BPF_F_ADJ_ROOM_FIXED_GSO))
		return -1;
	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0))
		return -1;
	ip6 = xlat_header_v6(tos, p->ttl, tcp_len);
	/* src and dst are neighbours in a tuple as in the header */
	return xlat_store(skb, p, &ip6, sizeof(ip6), bpf_htons(ETH_P_IPV6)) ||
	       bpf_skb_store_bytes(skb, p->l3 + sizeof(ip6), &to->src, 32,
				   BPF_F_RECOMPUTE_CSUM);
}

/* RFC 7915 section 5.1 */
static __always_inline long xlat_to_v4(struct __sk_buff *skb, struct packet *p,
				       const struct ftpnat_tuple *to, __u32 tcp_len)
{
	struct iphdr ip;
	__be32 first;

	if (bpf_skb_load_bytes(skb, p->l3, &first, sizeof(first)))
		return -1;
	ip = xlat_header_v4(to, ipv6_traffic_class(first), p->ttl, tcp_len,
			    largest_packet(skb, p) - XLAT_GROWTH);
	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0))
		return -1;
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
