/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors (RFC 5508): an error that quotes a packet in its translated form goes to
 * the sender of that packet and quotes it as sent, sequence number included, because its
 * TCP accepts no other. One that quotes what the sender can't have in flight is dropped. An
 * error never updates a clock or ends a flow.
 */
#ifndef FTPNAT_BPF_ICMP_H
#define FTPNAT_BPF_ICMP_H

#include "extensions.h"
#include "icmp_xlat.h"
#include "qos.h"
#include "session.h"
#include "source.h"
#include "stream.h"

#define ICMP_LEN      8 /* header in front of the quoted packet */
#define ICMP_OFF_CSUM 2

static __always_inline bool icmp_is_error(const struct packet *p, __u8 type)
{
	if (p->v6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/* Fills *p with the outer and *q with the quoted header: GO_ON or PASS. */
static __always_inline enum ftpnat_reason parse_icmp(struct __sk_buff *skb,
						     struct packet *p, struct quoted *q)
{
	struct tcp_front front;
	__u8 type;

	p->flags = 0;
	p->df = 0;
	p->tuple.sport = 0;
	p->tuple.dport = 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (bpf_skb_load_bytes(skb, p->l3, &ip, sizeof(ip)) || ip.ihl != 5 ||
		    ip.protocol != IPPROTO_ICMP || ip.frag_off & bpf_htons(IP_FRAGMENTED))
			return FTPNAT_PASS;
		p->v6 = 0;
		p->ttl = ip.ttl;
		p->ip_len = bpf_ntohs(ip.tot_len);
		p->l4 = p->l3 + sizeof(ip);
		addr_from_v4(&p->tuple.src, ip.saddr);
		addr_from_v4(&p->tuple.dst, ip.daddr);
		q->ip = p->l4 + ICMP_LEN;
		if (bpf_skb_load_bytes(skb, q->ip, &ip, sizeof(ip)) || ip.ihl < 5 ||
		    ip.protocol != IPPROTO_TCP || ip.frag_off & bpf_htons(IP_OFFSET))
			return FTPNAT_PASS;
		q->l4 = q->ip + ip.ihl * 4;
		addr_from_v4(&q->tuple.src, ip.saddr);
		addr_from_v4(&q->tuple.dst, ip.daddr);
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ip6;

		if (bpf_skb_load_bytes(skb, p->l3, &ip6, sizeof(ip6)) ||
		    ip6.nexthdr != IPPROTO_ICMPV6)
			return FTPNAT_PASS;
		p->v6 = 1;
		p->ttl = ip6.hop_limit;
		p->ip_len = sizeof(ip6) + bpf_ntohs(ip6.payload_len);
		p->l4 = p->l3 + sizeof(ip6);
		addr_from_v6(&p->tuple.src, &ip6.saddr);
		addr_from_v6(&p->tuple.dst, &ip6.daddr);
		q->ip = p->l4 + ICMP_LEN;
		if (bpf_skb_load_bytes(skb, q->ip, &ip6, sizeof(ip6)))
			return FTPNAT_PASS;
		/* a router on the way may have put some in */
		q->l4 = ip6.nexthdr == IPPROTO_TCP ? q->ip + sizeof(ip6) :
						     tcp_behind(skb, q->ip);
		if (!q->l4)
			return FTPNAT_PASS;
		addr_from_v6(&q->tuple.src, &ip6.saddr);
		addr_from_v6(&q->tuple.dst, &ip6.daddr);
		if (addr_is_v4(&q->tuple.src) || addr_is_v4(&q->tuple.dst))
			return FTPNAT_PASS;
	} else {
		return FTPNAT_PASS;
	}
	if (bpf_skb_load_bytes(skb, p->l4, &type, sizeof(type)) ||
	    !icmp_is_error(p, type) || bpf_skb_load_bytes(skb, q->l4, &front, QUOTED_TCP))
		return FTPNAT_PASS;
	q->tuple.sport = front.sport;
	q->tuple.dport = front.dport;
	q->seq = bpf_ntohl(front.seq);
	p->payload = q->ip;
	p->len = 0;
	return GO_ON;
}

/*
 * RFC 5927 section 4.1: may the sender have the number in flight? It has sent nothing ahead of
 * `next`, which a segment without data has. What was acknowledged here may still be in flight
 * there, since the ACK may get lost: so much is allowed as an old ACK may be behind.
 */
static __always_inline bool in_flight(__u32 seq, __u32 acked, __u32 next, __u8 shift)
{
	return !seq_before(seq, acked - (0x10000U << (shift & 15))) &&
	       !seq_before(next, seq);
}

/* The same by what the flows of both directions have shown; `sender`: the quoted one's. */
static __always_inline bool flow_in_flight(const struct ftpnat_flow *sender,
					   const struct ftpnat_flow *reverse, __u32 seq)
{
	if (reverse->tcp & FTPNAT_TCP_ACK)
		return in_flight(seq, reverse->ack, sender->end, sender->wscale);
	/* only a SYN or SYN-ACK was sent, see accept.h */
	return seq + 1 == sender->end || seq + 1 == sender->ack;
}

/*
 * Sets *seq, the quoted sequence number, to what its sender counts. False: that has nothing
 * like it in flight.
 */
static __always_inline bool quoted_unmap(const struct ftpnat_tuple *key,
					 const struct ftpnat_flow *reverse,
					 const struct ftpnat_tuple *sent, __u32 *seq)
{
	struct ftpnat_session *session = NULL;
	struct ftpnat_stream *stream;
	struct ftpnat_flow *sender;
	struct ftpnat_logs *logs;
	struct ftpnat_log *log;
	bool plausible;
	__u8 dir;

	if (reverse->kind == FTPNAT_CONTROL)
		session = session_of_control(key, reverse);
	if (!session) {
		sender = bpf_map_lookup_elem(&ftpnat_flows, sent);
		return sender && flow_in_flight(sender, reverse, *seq);
	}
	if (!session_lock(session, &reverse->session))
		return false;
	/* the quoted packet went against the direction of this entry */
	dir = reverse->flags & FTPNAT_FLOW_CLIENT ? FTPNAT_FROM_SERVER :
						    FTPNAT_FROM_CLIENT;
	stream = &session->stream[dir];
	logs = logs_find(session);
	log = logs ? &logs->log[dir] : NULL;
	plausible = in_flight(*seq, stream->acked, stream_said(stream, log),
			      session->wscale[!dir]);
	*seq = stream_unmap(stream, log, *seq, false);
	session_unlock(session, &reverse->session);
	return plausible;
}

/*
 * Rewrites the addresses of an IP header at `ip`, quoted or outer; *diff is the change
 * of sums over them.
 */
static __always_inline long write_ip_addresses(struct __sk_buff *skb, bool v6, __u32 ip,
					       struct ftpnat_tuple *old,
					       struct ftpnat_tuple *new, __s64 *diff)
{
	*diff = bpf_csum_diff((__be32 *)&old->src, 32, (__be32 *)&new->src, 32, 0);
	if (v6)
		return bpf_skb_store_bytes(skb, ip + offsetof(struct ipv6hdr, saddr),
					   &new->src, 32, 0);
	if (bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, saddr), &new->src.w[3],
				4, 0) ||
	    bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, daddr), &new->dst.w[3],
				4, 0))
		return -1;
	return bpf_l3_csum_replace(skb, ip + offsetof(struct iphdr, check), 0, *diff, 0);
}

/* Rewrites outer and quoted headers. In IPv4 the IP checksums make up for the addresses. */
static __always_inline long write_icmp(struct __sk_buff *skb, struct scratch *s,
				       struct quoted *q, struct ftpnat_tuple *sent,
				       __u32 seq)
{
	struct packet *p = &s->packet;
	__u32 csum = p->l4 + ICMP_OFF_CSUM;
	struct tcp_front old, new;
	__s64 diff;

	tcp_front(&old, &q->tuple, q->seq, 0);
	tcp_front(&new, sent, seq, 0);
	diff = bpf_csum_diff((__be32 *)&old, QUOTED_TCP, (__be32 *)&new, QUOTED_TCP, 0);
	if (bpf_skb_store_bytes(skb, q->l4, &new, QUOTED_TCP, 0) ||
	    bpf_l4_csum_replace(skb, csum, 0, diff, 0) ||
	    write_ip_addresses(skb, p->v6, q->ip, &q->tuple, sent, &diff))
		return -1;
	if (p->v6 && bpf_l4_csum_replace(skb, csum, 0, diff, 0))
		return -1;
	if (write_ip_addresses(skb, p->v6, p->l3, &p->tuple, &s->to, &diff))
		return -1;
	if (p->v6 && bpf_l4_csum_replace(skb, csum, 0, diff, BPF_F_PSEUDO_HDR))
		return -1;
	p->tuple = s->to;
	return 0;
}

/*
 * Does the error come from where the packet that it quotes went? Its router's address
 * counts as any source, and the interface must be the one of the flow's answers.
 */
static __always_inline enum ftpnat_reason
icmp_source(struct __sk_buff *skb, struct scratch *s,
	    const struct ftpnat_tuple *reverse_key, const struct ftpnat_flow *reverse)
{
	enum ftpnat_reason verdict =
		source_of(skb, s, &s->packet.tuple, &reverse->to.dst, reverse->ifindex);

	if (verdict != GO_ON || reverse->ifindex == skb->ifindex)
		return verdict;
	return source_of(skb, s, reverse_key, &reverse->to.dst, reverse->ifindex);
}

/*
 * An error about a tracked flow passes unchanged. It gets the flow's mark if it may be
 * what its sender waits for: a firewall knows no better.
 */
static __always_inline enum ftpnat_reason
icmp_tracked(struct __sk_buff *skb, struct scratch *s,
	     const struct ftpnat_tuple *reverse_key, const struct ftpnat_flow *reverse,
	     bool egress)
{
	struct quoted *q = &s->quoted;
	__u32 seq = q->seq;

	if (!(qos_of(reverse->rule) & FTPNAT_QOS_MARK))
		return FTPNAT_PASS;
	tuple_swap(&q->sent, &reverse->to);
	if ((egress || icmp_source(skb, s, reverse_key, reverse) == GO_ON) &&
	    quoted_unmap(reverse_key, reverse, &q->sent, &seq))
		qos_error(skb, s, reverse->rule);
	return FTPNAT_PASS;
}

/* A packet that is not TCP: an ICMP error about one of our flows, or not ours at all. */
__noinline enum ftpnat_reason icmp_packet(struct __sk_buff *skb, bool egress)
{
	struct scratch *s = scratch_get();
	struct ftpnat_tuple *reverse_key, *sent;
	struct ftpnat_flow *reverse;
	struct quoted *q;
	enum ftpnat_reason verdict, routed;
	enum icmp_xlat xlat;
	__u32 seq;

	if (!s)
		return FTPNAT_PASS;
	q = &s->quoted;
	if (parse_icmp(skb, &s->packet, q) != GO_ON)
		return FTPNAT_PASS;
	seq = q->seq;
	/* a quoted packet is as we sent it: its replies have the other direction's key */
	reverse_key = &q->replies;
	tuple_swap(reverse_key, &q->tuple);
	reverse = bpf_map_lookup_elem(&ftpnat_flows, reverse_key);
	if (!reverse)
		return FTPNAT_PASS;
	if (reverse->flags & FTPNAT_FLOW_TRACKED)
		return icmp_tracked(skb, s, reverse_key, reverse, egress);
	if (!egress) {
		verdict = icmp_source(skb, s, reverse_key, reverse);
		if (verdict != GO_ON)
			return verdict;
	}
	sent = &q->sent;
	tuple_swap(sent, &reverse->to);
	/* errors do not reveal hosts behind a translated address */
	s->to.src = s->packet.tuple.src;
	if (!addr_equal(&reverse->to.src, &reverse_key->src))
		s->to.src = reverse->to.src;
	s->to.dst = reverse->to.dst;
	s->to.sport = 0;
	s->to.dport = 0;
	if (!quoted_unmap(reverse_key, reverse, sent, &seq))
		return FTPNAT_ICMP_SEQUENCE;
	if (!egress && untag(skb))
		return FTPNAT_WRITE;
	qos_error(skb, s, reverse->rule);
	routed = route(skb, egress);
	if (routed == FTPNAT_TOO_BIG || routed == FTPNAT_TTL)
		return FTPNAT_ICMP_DROPPED; /* RFC 1122 section 3.2.2: no error about an error */
	if (xlat_crosses(&s->packet, &s->to)) {
		xlat = icmp_xlat(skb, seq);
		if (xlat != ICMP_XLAT_DONE)
			return xlat == ICMP_XLAT_NONE ? FTPNAT_ICMP_DROPPED :
							FTPNAT_WRITE;
	} else if (write_icmp(skb, s, q, sent, seq)) {
		return FTPNAT_WRITE;
	}
	count(FTPNAT_ICMP);
	return routed == FTPNAT_FORWARDED ? forward(skb, s, egress) : FTPNAT_TRANSLATED;
}

#endif
