/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors between the families (RFC 7915 sections 4.2, 4.3, 5.2 and 5.3): what an error
 * says and what it quotes, as the sender of the quoted packet understands it. The error is
 * written as a whole, and quotes no more than a TCP header.
 */
#ifndef FTPNAT_BPF_ICMP_XLAT_H
#define FTPNAT_BPF_ICMP_XLAT_H

#include "forward.h"
#include "icmp_write.h"
#include "payload.h"

#define QUOTED_TCP     8  /* bytes that every error quotes: ports and sequence number */
#define QUOTED_TCP_ALL 20 /* without options */

#define XLAT_QUOTED_MAX 64 /* IPv6 and TCP header, up to a power of two */

#define POINTER_NONE 0xff

/* Where a field of the IPv4 header is in the IPv6 header: RFC 7915 section 4.2. */
static __always_inline __u32 pointer_to_v6(__u32 pointer)
{
	switch (pointer) {
	case 0:
	case 1:
		return pointer;
	case 2:
	case 3:
		return 4; /* length */
	case 8:
		return 7; /* TTL */
	case 9:
		return 6; /* protocol */
	case 12 ... 15:
		return 8; /* source */
	case 16 ... 19:
		return 24; /* destination */
	default:
		return POINTER_NONE;
	}
}

/* The other way: section 5.2. */
static __always_inline __u32 pointer_to_v4(__u32 pointer)
{
	switch (pointer) {
	case 0:
	case 1:
		return pointer;
	case 4:
	case 5:
		return 2;
	case 6:
		return 9;
	case 7:
		return 8;
	case 8 ... 23:
		return 12;
	case 24 ... 39:
		return 16;
	default:
		return POINTER_NONE;
	}
}

static __always_inline void icmp_is(struct icmp_header *icmp, __u8 type, __u8 code,
				    __u32 rest)
{
	icmp->type = type;
	icmp->code = code;
	icmp->mtu = bpf_htonl(rest);
}

/*
 * What a router that names no MTU is likely to carry: the greatest plateau of RFC 1191
 * section 7.1 below the length of the packet that it refuses; 0: less than IPv6 has.
 */
static __always_inline __u32 mtu_plateau(__u32 len)
{
	static const __u16 plateau[] = { 32000, 17914, 8166, 4352, 2002, 1492 };
	__u32 i;

#pragma unroll
	for (i = 0; i < sizeof(plateau) / sizeof(*plateau); i++)
		if (len > plateau[i])
			return plateau[i];
	return 0;
}

/*
 * Destination unreachable about a packet of `len` bytes, RFC 7915 section 4.2. False:
 * nobody is told.
 */
static __always_inline bool unreachable_to_v6(struct icmp_header *icmp, __u32 len)
{
	__u32 mtu;

	switch (icmp->code) {
	case 2: /* protocol: next header, whose place is 6 */
		icmp_is(icmp, ICMPV6_PARAMPROB, 1, 6);
		return true;
	case 3: /* port */
		icmp_is(icmp, ICMPV6_DEST_UNREACH, 4, 0);
		return true;
	case ICMP_FRAG_NEEDED:
		mtu = bpf_ntohl(icmp->mtu) & 0xffff;
		icmp_is(icmp, ICMPV6_PKT_TOOBIG, 0,
			xlat_mtu(mtu ? mtu : mtu_plateau(len), false, true));
		return true;
	case 9: /* administratively prohibited, precedence */
	case 10:
	case 13:
	case 15:
		icmp_is(icmp, ICMPV6_DEST_UNREACH, 1, 0);
		return true;
	case 14:
		return false;
	default: /* no route */
		if (icmp->code > 12)
			return false;
		icmp_is(icmp, ICMPV6_DEST_UNREACH, 0, 0);
		return true;
	}
}

static __always_inline bool icmp_to_v6(struct icmp_header *icmp, __u32 len)
{
	__u32 pointer;

	switch (icmp->type) {
	case ICMP_DEST_UNREACH:
		return unreachable_to_v6(icmp, len);
	case ICMP_TIME_EXCEEDED:
		icmp_is(icmp, ICMPV6_TIME_EXCEED, icmp->code, 0);
		return true;
	case ICMP_PARAMETERPROB:
		pointer = pointer_to_v6(bpf_ntohl(icmp->mtu) >> 24);
		/* code 1: a missing option; 2: a bad length */
		if (pointer == POINTER_NONE || (icmp->code && icmp->code != 2))
			return false;
		icmp_is(icmp, ICMPV6_PARAMPROB, 0, pointer);
		return true;
	default:
		return false;
	}
}

static __always_inline bool icmp_to_v4(struct icmp_header *icmp)
{
	__u32 pointer;
	__u8 code = icmp->code;

	switch (icmp->type) {
	case ICMPV6_DEST_UNREACH:
		if (code > 4)
			return false;
		if (code == 1) /* administratively prohibited */
			code = 10;
		else
			code = code == 4 ? 3 : 1; /* port; host */
		icmp_is(icmp, ICMP_DEST_UNREACH, code, 0);
		return true;
	case ICMPV6_PKT_TOOBIG:
		icmp_is(icmp, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
			xlat_mtu(bpf_ntohl(icmp->mtu), true, false) & 0xffff);
		return true;
	case ICMPV6_TIME_EXCEED:
		icmp_is(icmp, ICMP_TIME_EXCEEDED, code, 0);
		return true;
	case ICMPV6_PARAMPROB:
		if (code == 1) {
			icmp_is(icmp, ICMP_DEST_UNREACH, 2, 0); /* protocol */
			return true;
		}
		pointer = pointer_to_v4(bpf_ntohl(icmp->mtu));
		if (pointer == POINTER_NONE || code)
			return false;
		icmp_is(icmp, ICMP_PARAMETERPROB, 0, pointer << 24);
		return true;
	default:
		return false;
	}
}

/* What is quoted was an IPv4 packet: its header as its sender wrote it, in s->answer. */
static __always_inline long quoted_to_v6(struct __sk_buff *skb, struct scratch *s)
{
	struct ipv6hdr *ip6 = (struct ipv6hdr *)s->answer;
	const struct quoted *q = &s->quoted;
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, q->ip, &ip, sizeof(ip)))
		return -1;
	*(__be32 *)ip6 = ipv6_first(ip.tos);
	ip6->payload_len = bpf_htons((__u16)(bpf_ntohs(ip.tot_len) - (q->l4 - q->ip)));
	ip6->nexthdr = IPPROTO_TCP;
	ip6->hop_limit = ip.ttl;
	__builtin_memcpy(&ip6->saddr, &q->sent.src, sizeof(ip6->saddr));
	__builtin_memcpy(&ip6->daddr, &q->sent.dst, sizeof(ip6->daddr));
	return 0;
}

static __always_inline long quoted_to_v4(struct __sk_buff *skb, struct scratch *s)
{
	struct iphdr *ip = (struct iphdr *)s->answer;
	const struct quoted *q = &s->quoted;
	struct ipv6hdr ip6;

	if (bpf_skb_load_bytes(skb, q->ip, &ip6, sizeof(ip6)))
		return -1;
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = ipv6_traffic_class(*(__be32 *)&ip6);
	/* extension headers are ignored as in packets: extensions.h */
	ip->tot_len = bpf_htons((__u16)(bpf_ntohs(ip6.payload_len) + q->ip + sizeof(ip6) -
					q->l4 + sizeof(*ip)));
	ip->frag_off = bpf_htons(IP_DONT_FRAGMENT);
	ip->ttl = ip6.hop_limit;
	ip->protocol = IPPROTO_TCP;
	ip->saddr = q->sent.src.w[3];
	ip->daddr = q->sent.dst.w[3];
	ip->check = (__u16)~fold16(
		(__u32)bpf_csum_diff(0, 0, (__be32 *)s->answer, sizeof(*ip), 0));
	return 0;
}

/* The quoted TCP header behind an IP header of `inner` bytes in s->answer; its length, or 0. */
static __always_inline __u32 quoted_tcp(struct __sk_buff *skb, struct scratch *s,
					__u32 inner, __u32 seq)
{
	const struct packet *p = &s->packet;
	struct quoted *q = &s->quoted;
	__u32 len = QUOTED_TCP_ALL;
	struct tcp_front front;

	if (q->l4 + QUOTED_TCP_ALL > p->l3 + p->ip_len ||
	    bpf_skb_load_bytes(skb, q->l4, s->answer + inner, QUOTED_TCP_ALL))
		len = QUOTED_TCP;
	tcp_front(&front, &q->sent, seq, 0);
	__builtin_memcpy(s->answer + inner, &front, QUOTED_TCP);
	return len;
}

/*
 * Is the checksum of the error right? It gets a new one, which would be right whatever it
 * says: nobody behind us could tell any more.
 */
static __always_inline bool icmp_csum_holds(struct __sk_buff *skb, struct scratch *s)
{
	struct payload *message = payload_out();
	const struct packet *p = &s->packet;
	__u32 len = p->ip_len - (p->l4 - p->l3), seed = 0;

	if (!message || !len || len > PAYLOAD_LEN ||
	    bpf_skb_load_bytes(skb, p->l4, message->byte, bounded_len(len, PAYLOAD_LEN)))
		return false;
	if (p->v6)
		seed = (__u32)bpf_csum_diff(0, 0, (__be32 *)&p->tuple.src, 32,
					    bpf_htonl(len + IPPROTO_ICMPV6));
	return fold16(payload_sum(s, message, len, seed)) == 0xffff;
}

enum icmp_xlat { ICMP_XLAT_DONE, ICMP_XLAT_NONE, ICMP_XLAT_BROKEN };

/*
 * The error in the scratch memory, which quotes a packet of s->quoted, becomes one of the
 * other family with the addresses of s->to; `seq` as the sender of the quoted packet counts.
 * NONE: there is no such error, or its checksum is wrong; nothing is changed. BROKEN: half written.
 */
__noinline enum icmp_xlat icmp_xlat(struct __sk_buff *skb, __u32 seq)
{
	struct scratch *s = scratch_get();
	struct icmp_header icmp;
	__u32 header, len, sum;
	__be16 protocol, quoted_len;
	struct packet *p;
	bool v6;

	if (!s)
		return ICMP_XLAT_BROKEN;
	p = &s->packet;
	v6 = !p->v6;
	header = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	protocol = v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	if (!icmp_csum_holds(skb, s) ||
	    bpf_skb_load_bytes(skb, p->l4, &icmp, sizeof(icmp)) ||
	    bpf_skb_load_bytes(skb, s->quoted.ip + offsetof(struct iphdr, tot_len),
			       &quoted_len, sizeof(quoted_len)) ||
	    !(v6 ? icmp_to_v6(&icmp, bpf_ntohs(quoted_len)) : icmp_to_v4(&icmp)))
		return ICMP_XLAT_NONE;
	icmp.csum = 0;
	__builtin_memset(s->answer, 0, sizeof(s->answer));
	if (v6 ? quoted_to_v6(skb, s) : quoted_to_v4(skb, s))
		return ICMP_XLAT_NONE;
	len = v6 ? sizeof(struct ipv6hdr) +
			      quoted_tcp(skb, s, sizeof(struct ipv6hdr), seq) :
		   sizeof(struct iphdr) + quoted_tcp(skb, s, sizeof(struct iphdr), seq);
	/* zeros behind it */
	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)s->answer, XLAT_QUOTED_MAX, 0);
	if (bpf_skb_change_proto(skb, protocol, 0) ||
	    bpf_skb_change_tail(skb, p->l3 + header + sizeof(icmp) + len, 0) ||
	    (p->l3 && bpf_skb_store_bytes(skb, p->l3 - ETHERTYPE_LEN, &protocol,
					  sizeof(protocol), 0)) ||
	    (v6 ? icmp_write_v6(skb, p->l3, &s->to, p->ttl, len, sum, &icmp) :
		  icmp_write_v4(skb, p->l3, &s->to, p->ttl, len, sum, &icmp)) ||
	    bpf_skb_store_bytes(skb, p->l3 + header + sizeof(icmp), s->answer,
				bounded_len(len, XLAT_QUOTED_MAX), BPF_F_RECOMPUTE_CSUM))
		return ICMP_XLAT_BROKEN;
	p->v6 = v6;
	p->l4 = p->l3 + header;
	p->payload = p->l4 + sizeof(icmp);
	p->ip_len = header + sizeof(icmp) + len;
	p->tuple = s->to;
	return ICMP_XLAT_DONE;
}

#endif
