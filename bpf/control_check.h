/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Would the receiver take a control segment at all? Its checksum, and what the session
 * knows of both ends: see accept.h. Before that nothing of the segment is believed.
 */
#ifndef FTPNAT_BPF_CONTROL_CHECK_H
#define FTPNAT_BPF_CONTROL_CHECK_H

#include "compose.h"

/*
 * Is the checksum still to be computed (CHECKSUM_PARTIAL)? Where the field looks so, the
 * kernel tells: for such a packet its helper leaves the field alone when data change.
 */
static __noinline bool csum_partial(struct __sk_buff *skb, const struct packet *p,
				    __be16 check)
{
	__u32 at = p->l4 + TCP_OFF_CSUM;
	__be16 now = 0;

	if (bpf_l4_csum_replace(skb, at, 0, bpf_htons(1), 2) ||
	    bpf_skb_load_bytes(skb, at, &now, sizeof(now)))
		return false;
	if (now == check)
		return true;
	bpf_skb_store_bytes(skb, at, &check, sizeof(check), 0);
	return false;
}

/* The sum of the pseudo header and the whole segment, whose payload is in c->in. */
static __always_inline bool csum_holds(struct scan *c, const struct tcphdr *tcp)
{
	struct scratch *s = c->s;
	const struct packet *p = &s->packet;
	/* ::ffff twice, in front of IPv4 addresses, adds nothing */
	__u32 sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)&p->tuple.src, 32, 0);

	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)tcp, sizeof(*tcp), sum);
	if (s->options.len)
		sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)s->options.old, OPTIONS_MAX,
					   sum);
	if (p->len)
		sum = payload_sum(s, c->in, p->len, sum);
	return fold16((__u64)sum + bpf_htons(IPPROTO_TCP) +
		      bpf_htons((__u16)(p->ip_len - (p->l4 - p->l3)))) == 0xffff;
}

#define IP_HEADER_ROOM 64 /* IP_HEADER_MAX, up to a power of two */

/* The IPv4 header's checksum: a router behind us, or the receiver, would discard the packet. */
static __always_inline bool ip_csum_holds(struct scan *c)
{
	const struct packet *p = &c->s->packet;
	__u32 len = bounded_len(p->l4 - p->l3, IP_HEADER_ROOM);
	__be32 *header = (__be32 *)c->out->byte; /* composed later, free till then */

	if (p->v6)
		return true;
	if (bpf_skb_load_bytes(c->skb, p->l3, header, len))
		return false;
	return fold16((__u32)bpf_csum_diff(0, 0, header, len, 0)) == 0xffff;
}

/*
 * The card or the kernel may have verified TCP's; of a GSO frame the kernel has. What is
 * longer than PAYLOAD_LEN otherwise has come by no wire.
 */
static __noinline bool control_csum(struct scan *c)
{
	const struct packet *p = &c->s->packet;
	struct tcphdr tcp;

	if (c->skb->gso_size)
		return true;
	if (!ip_csum_holds(c))
		return false;
	if (p->len > PAYLOAD_LEN || bpf_csum_level(c->skb, BPF_CSUM_LEVEL_QUERY) >= 0)
		return true;
	if (bpf_skb_load_bytes(c->skb, p->l4, &tcp, sizeof(tcp)))
		return false;
	if (csum_unfinished(p, p->v6, tcp.check) && csum_partial(c->skb, p, tcp.check))
		return true;
	return csum_holds(c, &tcp);
}

/*
 * Notes the window that the sender of a stream is told. A receiver may take back what it
 * has offered, and then discards it (RFC 9293 section 3.8.6); what an older ACK says only
 * adds to it.
 */
static __always_inline void control_window(struct scan *c, struct ftpnat_stream *stream,
					   __u32 ack, __u16 window, bool newest)
{
	__u8 dir = c->s->segment.dir & 1;
	/* of who receives that stream */
	__u8 shift = c->session->wscale[stream == c->stream ? !dir : dir];
	__u32 edge = ack + ((__u32)window << (shift & 15));

	if (newest || !stream->heard || seq_before(stream->edge, edge))
		stream->edge = edge;
	stream->heard = 1;
}

/* GO_ON, or the reason for which the receiver discards the segment. */
static __noinline enum ftpnat_reason control_check(struct scan *c)
{
	struct packet *p = &c->s->packet;
	struct tcp_options *o = &c->s->options;
	struct ftpnat_session *session = c->session;
	__u8 dir = c->s->segment.dir & 1;
	struct control_offer offer = {
		.seq = p->seq,
		.len = p->len,
		.ack = p->ack,
		.flags = p->flags,
		.has_ts = !!o->timestamp,
		.is_signed = o->is_signed,
	};
	if (p->len && pieces_load(c))
		return FTPNAT_WRITE;
	if ((p->len || p->flags & (TH_FIN | TH_RST)) && !control_csum(c))
		return FTPNAT_BAD_CHECKSUM;
	if (p->flags & TH_RST)
		return GO_ON;
	if (o->timestamp)
		offer.tsval = bpf_ntohl(option_get32(o, o->timestamp - 1 + 2));
	offer.said = stream_said(c->other);
	return control_unacceptable(&offer, session, c->stream, c->other,
				    session->wscale[!dir], session->wscale[dir]);
}

/* RFC 7323 section 4.3: of a segment that is accepted, and not ahead of what is acknowledged. */
static __always_inline void control_clock(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct tcp_options *o = &c->s->options;

	if (!o->timestamp || seq_before(stream->acked, c->s->segment.send.seq))
		return;
	stream->ts_recent = bpf_ntohl(option_get32(o, o->timestamp - 1 + 2));
	stream->clocked = 1;
}

#define SYNCH_MAX    4	  /* bytes of IAC IP IAC DM (RFC 959 section 3.5, RFC 1123) */
#define TELNET_FIRST 0xf0 /* of Telnet's commands */

/* Is the urgent byte Telnet's Synch, in front of a line, which all receivers read the same way? */
static __always_inline bool urgent_is_synch(const struct scan *c, __u16 pointer)
{
	const struct ftpnat_stream *stream = c->stream;
	__u32 i;

	if (!c->len || c->len > SYNCH_MAX || pointer > c->len ||
	    stream->parser.length > SYNCH_MAX ||
	    stream->held_len != stream->parser.length)
		return false;
	for (i = 0; i < SYNCH_MAX; i++)
		if ((i < c->len && c->in->byte[i] < TELNET_FIRST) ||
		    (i < stream->held_len && stream->held[i] < TELNET_FIRST))
			return false;
	return true;
}

/*
 * RFC 6093: a receiver may take an urgent byte out of the stream, and another one not. So
 * a segment is urgent only for Telnet's Synch. 0 or -1.
 */
static __noinline int control_urgent(struct scan *c)
{
	struct packet *p = &c->s->packet;
	__be16 pointer;

	if (bpf_skb_load_bytes(c->skb, p->l4 + TCP_OFF_URGENT, &pointer, sizeof(pointer)))
		return -1;
	if (c->session->flags & FTPNAT_SESSION_TRACKED ||
	    urgent_is_synch(c, bpf_ntohs(pointer)))
		return 0;
	c->s->segment.tcp_flags &= ~TH_URG;
	return write_flags(c->skb, p, p->flags & ~TH_URG) ||
			       write_tcp16(c->skb, p, TCP_OFF_URGENT, pointer, 0) ?
		       -1 :
		       0;
}

/*
 * A segment with payload must get as far as those before it: else its sender could say
 * something else to the receiver than to us. Not in a loop: the translated packet is no
 * packet of this flow. 0 or -1.
 */
static __always_inline int control_ttl(struct scan *c)
{
	struct packet *p = &c->s->packet;
	__u8 highest = c->stream->ttl;

	if (!p->len || c->session->flags & FTPNAT_SESSION_TRACKED)
		return 0;
	if (p->ttl >= highest) {
		c->stream->ttl = p->ttl;
		return 0;
	}
	return write_ttl(c->skb, p, highest) ? -1 : 0;
}

#endif
