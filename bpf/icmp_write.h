/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors that are written as a whole: headers, checksums, the start of a packet. */
#ifndef FTPNAT_BPF_ICMP_WRITE_H
#define FTPNAT_BPF_ICMP_WRITE_H

#include "csum.h"
#include "packet.h"

/* linux/icmp.h would bring in the C library */
#define ICMP_DEST_UNREACH   3
#define ICMP_FRAG_NEEDED    4
#define ICMP_TIME_EXCEEDED  11
#define ICMP_PARAMETERPROB  12
#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PKT_TOOBIG   2
#define ICMPV6_TIME_EXCEED  3
#define ICMPV6_PARAMPROB    4

#define ICMP_ERROR_TOS 0xc0 /* RFC 1812 section 4.3.2.5: precedence 6 */

struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 csum;
	__be32 mtu; /* or the pointer of a parameter problem */
};

/* The sum of the pseudo header and all that ICMPv6 covers begins with this. */
struct icmp6_pseudo {
	__be32 len;
	__be32 next_header;
};

/*
 * Writes the headers of an error at l3, from t->src to t->dst. `len` bytes follow, whose sum
 * is `sum`. 0, or -errno: half written.
 */
static __always_inline long icmp_write_v4(struct __sk_buff *skb, __u32 l3,
					  const struct ftpnat_tuple *t, __u8 ttl,
					  __u32 len, __u32 sum, struct icmp_header *icmp)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tos = ICMP_ERROR_TOS,
		.tot_len = bpf_htons((__u16)(sizeof(ip) + sizeof(*icmp) + len)),
		.ttl = ttl,
		.protocol = IPPROTO_ICMP,
		.saddr = t->src.w[3],
		.daddr = t->dst.w[3],
	};

	ip.check =
		(__u16)~fold16((__u32)bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof(ip), 0));
	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)icmp, sizeof(*icmp), sum);
	icmp->csum = (__u16)~fold16(sum);
	return bpf_skb_store_bytes(skb, l3, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM) ||
	       bpf_skb_store_bytes(skb, l3 + sizeof(ip), icmp, sizeof(*icmp),
				   BPF_F_RECOMPUTE_CSUM);
}

static __always_inline long icmp_write_v6(struct __sk_buff *skb, __u32 l3,
					  const struct ftpnat_tuple *t, __u8 ttl,
					  __u32 len, __u32 sum, struct icmp_header *icmp)
{
	struct icmp6_pseudo pseudo = {
		.len = bpf_htonl(sizeof(*icmp) + len),
		.next_header = bpf_htonl(IPPROTO_ICMPV6),
	};
	struct ipv6hdr ip6 = {
		.version = 6,
		.payload_len = bpf_htons((__u16)(sizeof(*icmp) + len)),
		.nexthdr = IPPROTO_ICMPV6,
		.hop_limit = ttl,
	};

	__builtin_memcpy(&ip6.saddr, &t->src, sizeof(ip6.saddr));
	__builtin_memcpy(&ip6.daddr, &t->dst, sizeof(ip6.daddr));
	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)t, 32, sum);
	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)&pseudo, sizeof(pseudo), sum);
	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)icmp, sizeof(*icmp), sum);
	icmp->csum = (__u16)~fold16(sum);
	return bpf_skb_store_bytes(skb, l3, &ip6, sizeof(ip6), BPF_F_RECOMPUTE_CSUM) ||
	       bpf_skb_store_bytes(skb, l3 + sizeof(ip6), icmp, sizeof(*icmp),
				   BPF_F_RECOMPUTE_CSUM);
}

#endif
