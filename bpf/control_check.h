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

#define HEADER_WORDS 5	 /* of an IPv4 or a TCP header without options */
#define HEADER_AT    128 /* for its offset in a frame, power of two */

/* These words of the frame; NULL: it has no more, or they are not at hand. */
static __always_inline const __be32 *header_words(struct __sk_buff *skb, __u32 at)
{
	const __be32 *word = (void *)(long)skb->data + bounded(at, HEADER_AT);

	return (void *)(word + HEADER_WORDS) > (void *)(long)skb->data_end ? NULL : word;
}

/* Adds few words: a helper would take longer. */
static __always_inline __u64 words_sum(const __be32 *word, __u32 n)
{
	__u64 sum = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < n; i++)
		sum += word[i];
	return sum;
}

#define IP_HEADER_ROOM 64 /* IP_HEADER_MAX, up to a power of two */

/* Of an IPv4 header with options. */
static __always_inline bool ip_csum_long(struct scan *c, __u32 len)
{
	struct payload *header = payload_out(); /* composed later, free till then */

	len = bounded_len(len, IP_HEADER_ROOM);
	if (!header || bpf_skb_load_bytes(c->skb, c->s->packet.l3, header->byte, len))
		return false;
	return fold16((__u32)bpf_csum_diff(0, 0, (__be32 *)header->byte, len, 0)) ==
	       0xffff;
}

/* The IPv4 header's checksum: a router behind us, or the receiver, would discard the packet. */
static __always_inline bool ip_csum_holds(struct scan *c)
{
	const struct packet *p = &c->s->packet;
	const __be32 *word;

	if (p->v6)
		return true;
	if (p->l4 - p->l3 != sizeof(struct iphdr))
		return ip_csum_long(c, p->l4 - p->l3);
	word = header_words(c->skb, p->l3);
	return word && fold16(words_sum(word, HEADER_WORDS)) == 0xffff;
}

/*
 * The card or the kernel may have verified TCP's; of a GSO frame the kernel has. What is
 * longer than PAYLOAD_LEN otherwise has come by no wire.
 */
static __noinline bool control_csum(struct scan *c)
{
	struct scratch *s = c->s;
	const struct packet *p = &s->packet;
	const __be32 *tcp;
	__be16 check;
	__u64 sum;

	if (c->skb->gso_size)
		return true;
	if (!ip_csum_holds(c))
		return false;
	if (p->len > PAYLOAD_LEN || bpf_csum_level(c->skb, BPF_CSUM_LEVEL_QUERY) >= 0)
		return true;
	tcp = header_words(c->skb, p->l4);
	if (!tcp)
		return false;
	check = ((const struct tcphdr *)tcp)->check;
	sum = pseudo_sum(p, true) + words_sum(tcp, HEADER_WORDS);
	if (csum_unfinished(p, true, check) && csum_partial(c->skb, p, check))
		return true;
	if (s->options.len)
		sum += words_sum((const __be32 *)s->options.old, OPTIONS_MAX / 4);
	if (p->len)
		sum = payload_sum(s, c->in, p->len, fold32(sum));
	return fold16(sum) == 0xffff;
}

/* A segment of a control connection, both of whose ends the session knows. */
struct control_offer {
	__u32 seq; /* sender's */
	__u32 len; /* of its payload */
	__u32 ack; /* in the other direction's stream, as its receiver counts */
	__u32 tsval;
	__u32 said; /* what the sender may have acknowledged, see stream_said() */
	__u8 flags;
	bool has_ts;
	bool is_signed; /* TCP-MD5 or TCP-AO */
	__u8 pad;
};

/*
 * RFC 9293 section 3.10.7.4, RFC 7323 section 5.3, RFC 5961 section 5: GO_ON, or the reason
 * for which the receiver discards the segment. No RST, no SYN. Of a retransmission the
 * receiver takes nothing, but it has to see it.
 */
__noinline enum ftpnat_reason control_unacceptable(const struct control_offer *offer,
						   const struct ftpnat_session *session,
						   __u32 dir)
{
	const struct ftpnat_stream *stream, *other;
	__u8 receiver_shift, sender_shift;
	__u32 end;

	if (!offer || !session)
		return FTPNAT_NO_SESSION;
	stream = &session->stream[dir & 1];
	other = &session->stream[!(dir & 1)];
	receiver_shift = session->wscale[!(dir & 1)];
	sender_shift = session->wscale[dir & 1];
	end = offer->seq + offer->len;
	if (!(offer->flags & TH_ACK))
		return FTPNAT_BAD_FLAGS;
	if (offer->is_signed)
		return FTPNAT_BAD_OPTION;
	if (session->timestamps &&
	    (!offer->has_ts ||
	     (stream->clocked && seq_before(offer->tsval, stream->ts_recent))))
		return FTPNAT_BAD_TIMESTAMP;
	if (seq_before(offer->said, offer->ack) ||
	    (seq_before(offer->ack, other->acked) &&
	     other->acked - offer->ack > 0x10000U << (sender_shift & 15)))
		return FTPNAT_BAD_ACK;
	if (!seq_near(offer->seq, stream->next, 0x10000U << (receiver_shift & 15)))
		return FTPNAT_BAD_SEQUENCE;
	/* before its receiver has spoken, nobody knows its window */
	if (stream->heard && offer->len && seq_before(stream->edge, end))
		return FTPNAT_BAD_WINDOW;
	return GO_ON;
}

/* Would the session be another one after it? A bare ACK that repeats what was said isn't summed. */
static __always_inline bool control_says_news(const struct scan *c, __u32 tsval)
{
	const struct packet *p = &c->s->packet;
	const struct ftpnat_stream *other = other_stream(c);

	return p->len || p->flags & (TH_FIN | TH_RST) || p->ack != other->acked ||
	       bpf_htons(p->window) != other->window ||
	       (c->s->options.timestamp && tsval != c->stream->ts_recent);
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
	enum ftpnat_reason verdict;

	if (p->len && pieces_load(c))
		return FTPNAT_WRITE;
	if (o->timestamp)
		offer.tsval = bpf_ntohl(option_get32(o, o->timestamp - 1 + 2));
	if (control_says_news(c, offer.tsval) && !control_csum(c))
		return FTPNAT_BAD_CHECKSUM;
	if (p->flags & TH_RST)
		return GO_ON;
	offer.said = stream_said(other_stream(c), c->other_log);
	verdict = control_unacceptable(&offer, session, dir);
	if (verdict != GO_ON || !p->len)
		return verdict;
	if (kept_differs(c))
		return FTPNAT_INCONSISTENT;
	if (!c->stream->tls && !(session->flags & FTPNAT_SESSION_TRACKED) &&
	    !kept_fits(c->stream, p->seq + p->len))
		return FTPNAT_BAD_WINDOW;
	return GO_ON;
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

	if (!c->s->segment.len || c->s->segment.len > SYNCH_MAX ||
	    pointer > c->s->segment.len || stream->parser.length > SYNCH_MAX ||
	    stream->held_len != stream->parser.length)
		return false;
	for (i = 0; i < SYNCH_MAX; i++)
		if ((i < c->s->segment.len && c->in->byte[i] < TELNET_FIRST) ||
		    (c->log && i < stream->held_len &&
		     c->log->kept[bounded(held_from(stream) + i, FTPNAT_KEPT_LEN)] <
			     TELNET_FIRST))
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
