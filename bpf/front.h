/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The front of a frame, Ethernet header to TCP checksum, is rewritten as one piece.
 */
#ifndef FTPNAT_BPF_FRONT_H
#define FTPNAT_BPF_FRONT_H

#include "csum.h"
#include "hop.h"
#include "xlat_header.h"

#define FRONT_TCP (TCP_OFF_CSUM + 2) /* bytes of the TCP header */
#define FRONT_V4  (ETH_HLEN + sizeof(struct iphdr) + FRONT_TCP)
#define FRONT_V6  (ETH_HLEN + sizeof(struct ipv6hdr) + FRONT_TCP)

#define TTL_LESS_ONE ((__u16)~bpf_htons(0x0100)) /* as a change of the IP checksum */

#define HOP_LIMIT_LESS_ONE ((__u16)~bpf_htons(1)) /* as a change of the packet's sum */

/* Change of the words that the TCP checksum covers: RFC 1624, not folded. */
struct front_change {
	__u64 addrs; /* in the pseudo header */
	__u64 ports;
};

static __always_inline __u32 ports_word(const struct ftpnat_tuple *t)
{
	return (__u32)t->sport | (__u32)t->dport
					 << 16; /* as in memory, on little endian */
}

/* Is the TCP header where it is with an Ethernet header and without IP options? */
static __always_inline bool front_usual(const struct packet *p)
{
	return p->l4 == (p->v6 ? FRONT_V6 : FRONT_V4) - FRONT_TCP;
}

/* Is this an ordinary packet of a data transfer, with nothing unusual in its headers? */
static __always_inline bool front_plain(const struct packet *p)
{
	return front_usual(p) && p->ttl > 1 &&
	       (p->flags & (TH_SYN | TH_FIN | TH_RST | TH_ACK)) == TH_ACK;
}

/* The sum of TCP's pseudo header, not folded. `v6` may be true of both families. */
static __always_inline __u64 pseudo_sum(const struct packet *p, bool v6)
{
	__u64 sum = bpf_htons(IPPROTO_TCP) +
		    (__u64)bpf_htons((__u16)(p->ip_len - (p->l4 - p->l3)));
	__u32 i;

	if (v6) { /* ::ffff twice, in front of IPv4 addresses, adds nothing */
#pragma unroll
		for (i = 0; i < 4; i++)
			sum += (__u64)p->tuple.src.w[i] + p->tuple.dst.w[i];
	} else {
		sum += (__u64)p->tuple.src.w[3] + p->tuple.dst.w[3];
	}
	return sum;
}

/*
 * Is the checksum still to be computed (CHECKSUM_PARTIAL)? Then the field holds the
 * pseudo header's sum. A complete checksum looks the same once in 65,535 packets.
 */
static __always_inline bool csum_unfinished(const struct packet *p, bool v6, __u16 check)
{
	return fold16(pseudo_sum(p, v6)) == check;
}

/*
 * Rewrites `front`, FRONT_V4 or FRONT_V6 bytes of a frame that front_usual() is
 * true of: MAC addresses, hop limit, addresses, ports, IP checksum. The TCP
 * checksum is left to the caller.
 */
static __always_inline struct front_change front_write(void *front, bool v6,
						       const struct ftpnat_tuple *from,
						       const struct ftpnat_tuple *to,
						       const struct ftpnat_hop *hop)
{
	struct front_change change = { 0 };
	__be16 *ports;

	*(struct ftpnat_macs *)front = hop->mac;
	if (v6) {
		struct ipv6hdr *ip6 = front + ETH_HLEN;
		__u32 i;

#pragma unroll
		for (i = 0; i < 4; i++) {
			change.addrs += word_change(from->src.w[i], to->src.w[i]);
			change.addrs += word_change(from->dst.w[i], to->dst.w[i]);
		}
		*(struct ftpnat_addr *)&ip6->saddr = to->src;
		*(struct ftpnat_addr *)&ip6->daddr = to->dst;
		ip6->hop_limit--;
		ports = front + FRONT_V6 - FRONT_TCP;
	} else {
		struct iphdr *ip = front + ETH_HLEN;

		change.addrs = word_change(from->src.w[3], to->src.w[3]) +
			       word_change(from->dst.w[3], to->dst.w[3]);
		ip->saddr = to->src.w[3];
		ip->daddr = to->dst.w[3];
		/* the TTL is the high byte of its checksum word */
		ip->check = csum_changed(ip->check, change.addrs + TTL_LESS_ONE);
		ip->ttl--;
		ports = front + FRONT_V4 - FRONT_TCP;
	}
	change.ports = word_change(ports_word(from), ports_word(to));
	ports[0] = to->sport;
	ports[1] = to->dport;
	return change;
}

/* The words of both ends' addresses, which in a tuple are as many in each family. */
static __always_inline __u64 addrs_change(const struct ftpnat_tuple *from,
					  const struct ftpnat_tuple *to)
{
	__u64 change = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < 4; i++)
		change += word_change(from->src.w[i], to->src.w[i]) +
			  word_change(from->dst.w[i], to->dst.w[i]);
	return change;
}

/*
 * As front_write() across families: writes the whole front up to the ports, which become
 * those of `to`. `v6`: the family that the packet gets; tos, ttl and tcp_len as it leaves.
 */
static __always_inline void front_write_xlat(void *front, bool v6,
					     const struct ftpnat_tuple *to,
					     const struct ftpnat_hop *hop, __u8 tos,
					     __u8 ttl, __u32 tcp_len)
{
	struct ethhdr *eth = front;
	__be16 *ports = front + (v6 ? FRONT_V6 : FRONT_V4) - FRONT_TCP;

	*(struct ftpnat_macs *)front = hop->mac;
	if (v6) {
		struct ipv6hdr *ip6 = front + ETH_HLEN;

		eth->h_proto = bpf_htons(ETH_P_IPV6);
		*(struct ipv6_start *)ip6 = xlat_header_v6(tos, ttl, tcp_len);
		*(struct ftpnat_addr *)&ip6->saddr = to->src;
		*(struct ftpnat_addr *)&ip6->daddr = to->dst;
	} else {
		struct iphdr *ip = front + ETH_HLEN;

		eth->h_proto = bpf_htons(ETH_P_IP);
		*ip = xlat_header_v4(to, tos, ttl, tcp_len, sizeof(*ip) + tcp_len);
	}
	ports[0] = to->sport;
	ports[1] = to->dport;
}

/* Sets the DSCP in the front of a frame; no TCP checksum covers it. */
static __always_inline void front_dscp(void *front, bool v6, __u8 dscp)
{
	__be16 *word = front + ETH_HLEN, old = *word;
	struct iphdr *ip = front + ETH_HLEN;

	*word = dscp_word(old, v6, dscp);
	if (!v6)
		ip->check = csum_changed(ip->check, word_change(old, *word));
}

#endif
