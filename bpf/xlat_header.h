/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IP header that takes the place of one of the other family (RFC 7915 sections 4.1 and
 * 5.1), for TC and XDP.
 */
#ifndef FTPNAT_BPF_XLAT_HEADER_H
#define FTPNAT_BPF_XLAT_HEADER_H

#include "csum.h"
#include "packet.h"

#define XLAT_GROWTH 20U /* by which an IPv6 header is longer */

#define IPV4_MTU_MIN 68	  /* RFC 791 section 3.2 */
#define IPV6_MTU_MIN 1280 /* RFC 8200 section 5 */

/* RFC 7915 section 5.1: an IPv4 packet up to this may be fragmented on its way */
#define XLAT_MAY_FRAGMENT (IPV6_MTU_MIN - XLAT_GROWTH)

#define IPV6_TRAFFIC_CLASS_SHIFT 20

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

static __always_inline __u8 ipv6_traffic_class(__be32 first)
{
	return (__u8)(bpf_ntohl(first) >> IPV6_TRAFFIC_CLASS_SHIFT);
}

static __always_inline struct ipv6_start xlat_header_v6(__u8 tos, __u8 ttl, __u32 tcp_len)
{
	return (struct ipv6_start){
		.first = ipv6_first(tos),
		.payload_len = bpf_htons((__u16)tcp_len),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = ttl,
	};
}

/* `size`: of the longest packet on the wire, as IPv4. */
static __always_inline struct iphdr xlat_header_v4(const struct ftpnat_tuple *to,
						   __u8 traffic_class, __u8 hop_limit,
						   __u32 tcp_len, __u32 size)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tos = traffic_class,
		.tot_len = bpf_htons((__u16)(sizeof(ip) + tcp_len)),
		.ttl = hop_limit,
		.protocol = IPPROTO_TCP,
		.saddr = to->src.w[3],
		.daddr = to->dst.w[3],
	};

	if (xlat_df(false, size))
		ip.frag_off = bpf_htons(IP_DONT_FRAGMENT);
	else
		ip.id = (__be16)bpf_get_prandom_u32();
	ip.check =
		(__u16)~fold16((__u32)bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof(ip), 0));
	return ip;
}

#endif
