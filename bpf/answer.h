/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors that a router must send: packet too big for the next link, hop limit
 * exceeded. The packet itself, still as its sender sent it, becomes the error: it is cut
 * to its headers, gets new ones in front, and returns to its sender.
 */
#ifndef FTPNAT_BPF_ANSWER_H
#define FTPNAT_BPF_ANSWER_H

#include "csum.h"
#include "icmp.h"

#define ANSWER_TTL    64
#define QUOTED_HEADER 20 /* of TCP: the helpers refuse to cut below it */
#define QUOTED_MAX    (IP_HEADER_MAX + QUOTED_HEADER)
#define QUOTED_ROOM   128 /* for QUOTED_MAX, power of two */
#define QUOTED_FROM   64  /* for the offset of the TCP header, power of two */

/*
 * RFC 1812 section 4.3.2.8, RFC 4443 section 2.4(f): errors are rationed, of each kind and
 * on each CPU, a hundred a second and fifty at once. What one costs is random, so that
 * an attacker can't count the errors of others by those that it gets (CVE-2020-25705).
 */
#define ANSWER_TOKENS 75	 /* at most; an error costs one or two of them */
#define ANSWER_EARNS  6666667ULL /* nanoseconds for each */

/*
 * A sender that leaves its TCP checksum to the device (CHECKSUM_PARTIAL, which
 * we can't see) leaves the quoted one to it too, after our sum was taken. So
 * the quoted checksum gets the value q for which both give the same sum:
 * rest + q = -q modulo 65535, and 32768 is the half of 1 there.
 */
static __always_inline __u16 neutral_csum(__u16 rest)
{
	return (__u16)((65535U - rest % 65535U) % 65535U * 32768ULL % 65535U);
}

/* Sum of `len` bytes of the quoted packet in s->answer, a multiple of 4. */
static __always_inline __u32 quoted_sum(struct scratch *s, __u32 from, __u32 len,
					__u32 seed)
{
	return (__u32)bpf_csum_diff(
		0, 0, (__be32 *)(s->answer + bounded(from, QUOTED_FROM)), len, seed);
}

static __always_inline bool answer_allowed(struct answer_ration *ration)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	__u64 earned = (now - ration->since) / ANSWER_EARNS;
	__u32 cost = 1 + (bpf_get_prandom_u32() & 1);

	if (earned) {
		ration->since = now;
		earned += ration->tokens;
		ration->tokens = earned < ANSWER_TOKENS ? (__u32)earned : ANSWER_TOKENS;
	}
	if (ration->tokens < cost)
		return false;
	ration->tokens -= cost;
	return true;
}

/*
 * Answers the packet in the scratch memory; returns `why` (TOO_BIG or TTL) unless it
 * fails.
 */
__noinline enum ftpnat_reason answer_error(struct __sk_buff *skb, enum ftpnat_reason why,
					   bool egress)
{
	struct scratch *s = scratch_get();
	struct icmp_header icmp = {};
	struct packet *p;
	__u32 tcp, len, sum, room;
	__u16 csum;

	if (!s)
		return FTPNAT_NO_MEMORY;
	if (!answer_allowed(why == FTPNAT_TOO_BIG ? &s->answer_ration.size :
						    &s->answer_ration.hops))
		return FTPNAT_UNANSWERED;
	p = &s->packet;
	tcp = p->l4 - p->l3; /* length of the IP header */
	len = tcp + QUOTED_HEADER;
	if (tcp < sizeof(struct iphdr) || tcp > IP_HEADER_MAX || tcp & 3)
		return FTPNAT_WRITE;
	__builtin_memset(s->answer, 0, sizeof(s->answer));
	if (bpf_skb_load_bytes(skb, p->l3, s->answer, bounded_len(len, QUOTED_ROOM)))
		return FTPNAT_WRITE;
	*(__be16 *)(s->answer + (bounded(tcp + TCP_OFF_CSUM, QUOTED_ROOM) & ~1U)) = 0;
	csum = neutral_csum(fold16(quoted_sum(s, tcp, QUOTED_HEADER, 0)));
	*(__be16 *)(s->answer + (bounded(tcp + TCP_OFF_CSUM, QUOTED_ROOM) & ~1U)) = csum;
	sum = quoted_sum(s, 0, QUOTED_MAX, 0); /* zeros behind it */

	if (why == FTPNAT_TOO_BIG) {
		icmp.type = p->v6 ? ICMPV6_PKT_TOOBIG : ICMP_DEST_UNREACH;
		icmp.code = p->v6 ? 0 : ICMP_FRAG_NEEDED;
		icmp.mtu = bpf_htonl(s->route.mtu);
	} else {
		icmp.type = p->v6 ? ICMPV6_TIME_EXCEED : ICMP_TIME_EXCEEDED;
	}
	room = sizeof(icmp) + (p->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	if (bpf_skb_change_tail(skb, p->l3 + len, 0) ||
	    bpf_skb_store_bytes(skb, p->l4 + TCP_OFF_CSUM, &csum, sizeof(csum), 0) ||
	    bpf_skb_adjust_room(skb, (__s32)room, BPF_ADJ_ROOM_MAC, 0))
		return FTPNAT_WRITE;
	tuple_swap(&s->answered, &p->tuple);
	if (p->v6 ? icmp_write_v6(skb, p->l3, &s->answered, ANSWER_TTL, len, sum, &icmp) :
		    icmp_write_v4(skb, p->l3, &s->answered, ANSWER_TTL, len, sum, &icmp))
		return FTPNAT_WRITE;
	return send_back(skb, p, egress) ? FTPNAT_WRITE : why;
}

#endif
