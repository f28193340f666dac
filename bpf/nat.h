/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only place that writes headers. Checksums are updated incrementally, in the order
 * addresses, IP, TCP. The helpers update the TCP checksum, because they know
 * CHECKSUM_PARTIAL, which a program can't see.
 */
#ifndef FTPNAT_BPF_NAT_H
#define FTPNAT_BPF_NAT_H

#include "xlat.h"

/* The first 12 bytes of a TCP header. */
struct tcp_front {
	__be16 sport;
	__be16 dport;
	__be32 seq;
	__be32 ack;
};

static __always_inline void tcp_front(struct tcp_front *f, const struct ftpnat_tuple *t,
				      __u32 seq, __u32 ack)
{
	f->sport = t->sport;
	f->dport = t->dport;
	f->seq = bpf_htonl(seq);
	f->ack = bpf_htonl(ack);
}

/* Changes the addresses of p->tuple to those of `to`. 0 or -errno. */
static __always_inline long write_addresses(struct __sk_buff *skb, struct packet *p,
					    const struct ftpnat_tuple *to)
{
	__s64 diff;

	if (addr_equal(&p->tuple.src, &to->src) && addr_equal(&p->tuple.dst, &to->dst))
		return 0;

	/* src and dst are neighbours in a tuple as in both IP headers */
	diff = bpf_csum_diff((__be32 *)&p->tuple.src, 32, (__be32 *)&to->src, 32, 0);
	if (p->v6) {
		if (bpf_skb_store_bytes(skb, p->l3 + offsetof(struct ipv6hdr, saddr),
					&to->src, 32, 0))
			return -1;
	} else {
		__be32 addrs[2] = { to->src.w[3], to->dst.w[3] };

		if (bpf_skb_store_bytes(skb, p->l3 + offsetof(struct iphdr, saddr), addrs,
					sizeof(addrs), 0) ||
		    bpf_l3_csum_replace(skb, p->l3 + offsetof(struct iphdr, check), 0,
					diff, 0))
			return -1;
	}
	return bpf_l4_csum_replace(skb, p->l4 + TCP_OFF_CSUM, 0, diff, BPF_F_PSEUDO_HDR);
}

/* One 16-bit word of the TCP header, at an even offset. */
static __always_inline long write_tcp16(struct __sk_buff *skb, struct packet *p,
					__u32 off, __be16 old, __be16 new)
{
	if (old == new)
		return 0;
	if (bpf_skb_store_bytes(skb, p->l4 + off, &new, sizeof(new), 0))
		return -1;
	return bpf_l4_csum_replace(skb, p->l4 + TCP_OFF_CSUM, old, new, 2);
}

/*
 * Writes addresses, ports, sequence numbers and window; p->tuple, seq, ack and window follow.
 * 0, or -1: the packet is half written and must be dropped.
 */
__noinline int write_tuple(struct __sk_buff *skb, struct packet *p,
			   struct ftpnat_tuple *to, __u32 seq, __u32 ack)
{
	struct tcp_front old, new;

	if (!p || !to)
		return -1;
	if (write_addresses(skb, p, to))
		return -1;

	tcp_front(&old, &p->tuple, p->seq, p->ack);
	tcp_front(&new, to, seq, ack);
	if (old.sport != new.sport || old.dport != new.dport || old.seq != new.seq ||
	    old.ack != new.ack) {
		__s64 diff = bpf_csum_diff((__be32 *)&old, sizeof(old), (__be32 *)&new,
					   sizeof(new), 0);

		if (bpf_skb_store_bytes(skb, p->l4, &new, sizeof(new), 0) ||
		    bpf_l4_csum_replace(skb, p->l4 + TCP_OFF_CSUM, 0, diff, 0))
			return -1;
	}
	if (write_tcp16(skb, p, TCP_OFF_WINDOW, bpf_htons(p->window), bpf_htons(p->told)))
		return -1;
	p->tuple = *to;
	p->seq = seq;
	p->ack = ack;
	p->window = p->told;
	return 0;
}

/* The same where `to` may be of the other family: then *p follows as for xlat_headers(), too. */
static __always_inline int write_headers(struct __sk_buff *skb, struct packet *p,
					 struct ftpnat_tuple *to, __u32 seq, __u32 ack)
{
	if (xlat_crosses(p, to) && xlat_headers(skb, p, to))
		return -1;
	return write_tuple(skb, p, to, seq, ack);
}

/* Sets the flags of the packet to `flags`. 0 or -1. */
static __always_inline long write_flags(struct __sk_buff *skb, struct packet *p,
					__u8 flags)
{
	__be16 old, new; /* data offset and flags */

	if (bpf_skb_load_bytes(skb, p->l4 + TCP_OFF_FLAGS - 1, &old, sizeof(old)))
		return -1;
	new = (__be16)((old & ~bpf_htons(0xff)) | bpf_htons(flags));
	p->flags = flags;
	return write_tcp16(skb, p, TCP_OFF_FLAGS - 1, old, new);
}

/* Bytes of the TCP header or payload that were `old` became `new`: checksum only. */
static __always_inline long fix_tcp_csum(struct __sk_buff *skb, struct packet *p,
					 __s64 diff)
{
	return bpf_l4_csum_replace(skb, p->l4 + TCP_OFF_CSUM, 0, diff, 0);
}

/* Changes the length of the IP packet: both length fields and the pseudo header. */
static __always_inline long write_ip_len(struct __sk_buff *skb, struct packet *p,
					 __u32 ip_len)
{
	__be16 old, new;

	if (p->v6) {
		__be16 len = bpf_htons(ip_len - sizeof(struct ipv6hdr));

		if (bpf_skb_store_bytes(skb,
					p->l3 + offsetof(struct ipv6hdr, payload_len),
					&len, sizeof(len), 0))
			return -1;
	} else {
		old = bpf_htons(p->ip_len);
		new = bpf_htons(ip_len);
		if (bpf_skb_store_bytes(skb, p->l3 + offsetof(struct iphdr, tot_len),
					&new, sizeof(new), 0) ||
		    bpf_l3_csum_replace(skb, p->l3 + offsetof(struct iphdr, check), old,
					new, 2))
			return -1;
	}
	/* TCP length of the pseudo header */
	old = bpf_htons(p->ip_len - (p->l4 - p->l3));
	new = bpf_htons(ip_len - (p->l4 - p->l3));
	p->ip_len = ip_len;
	return bpf_l4_csum_replace(skb, p->l4 + TCP_OFF_CSUM, old, new,
				   BPF_F_PSEUDO_HDR | 2);
}

/*
 * The DSCP. In IPv6 no checksum covers it but that of a card that sums the whole packet
 * (CHECKSUM_COMPLETE). 0 or -1.
 */
static __always_inline long write_dscp(struct __sk_buff *skb, const struct packet *p,
				       __u8 dscp)
{
	__be16 old, new;

	if (bpf_skb_load_bytes(skb, p->l3, &old, sizeof(old)))
		return -1;
	new = dscp_word(old, p->v6, dscp);
	if (old == new)
		return 0;
	if (p->v6)
		return bpf_skb_store_bytes(skb, p->l3, &new, sizeof(new),
					   BPF_F_RECOMPUTE_CSUM);
	return bpf_skb_store_bytes(skb, p->l3, &new, sizeof(new), 0) ||
			       bpf_l3_csum_replace(skb,
						   p->l3 + offsetof(struct iphdr, check),
						   old, new, 2) ?
		       -1 :
		       0;
}

/* TTL or hop limit. */
static __always_inline long write_ttl(struct __sk_buff *skb, struct packet *p, __u8 ttl)
{
	__u8 old = p->ttl;

	p->ttl = ttl;
	if (p->v6)
		return bpf_skb_store_bytes(skb,
					   p->l3 + offsetof(struct ipv6hdr, hop_limit),
					   &ttl, sizeof(ttl), 0);
	if (bpf_skb_store_bytes(skb, p->l3 + offsetof(struct iphdr, ttl), &ttl,
				sizeof(ttl), 0))
		return -1;
	/* the TTL is the high byte of its checksum word */
	return bpf_l3_csum_replace(skb, p->l3 + offsetof(struct iphdr, check),
				   bpf_htons((__u16)(old << 8)),
				   bpf_htons((__u16)(ttl << 8)), 2);
}

#endif
