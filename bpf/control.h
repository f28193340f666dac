/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets of a control connection: the session they belong to, the lock around
 * it, sequence numbers of both directions, and what is answered in the
 * receiver's place.
 */
#ifndef FTPNAT_BPF_CONTROL_H
#define FTPNAT_BPF_CONTROL_H

#include "segment.h"

#define LOCK_TRIES (1 << 16)

static long try_lock(__u32 i, struct ftpnat_session **session)
{
	(void)i;
	return !__sync_val_compare_and_swap(&(*session)->lock, 0, 1);
}

/*
 * A lock of our own and not bpf_spin_lock, under which no helper may be called
 * before 6.x. Its holder runs with bottom halves off and never waits, so the
 * other direction on another CPU is the only one ever seen waiting. 1 if held.
 */
static __always_inline int session_lock(struct ftpnat_session *session)
{
	return bpf_loop(LOCK_TRIES, try_lock, &session, 0) < LOCK_TRIES;
}

static __always_inline void session_unlock(struct ftpnat_session *session)
{
	__sync_fetch_and_and(&session->lock, 0);
}

static __always_inline void stream_begin(struct ftpnat_stream *stream, __u32 isn)
{
	stream->next = isn + 1;
	stream->acked = isn + 1;
	stream->taken = isn + 1;
}

/* The session of a control connection; made when both ends have shown their SYN. */
static __always_inline struct ftpnat_session *
session_get(const struct ftpnat_flow *client, const struct ftpnat_tuple *client_key,
	    const struct ftpnat_flow *server)
{
	struct ftpnat_session *session, *blank;
	__u32 id = client->session, zero = 0;

	session = bpf_map_lookup_elem(&ftpnat_sessions, &id);
	if (session)
		return session;
	if (!(client->tcp & server->tcp & FTPNAT_TCP_SYN))
		return 0;
	blank = bpf_map_lookup_elem(&ftpnat_blank, &zero);
	if (!blank)
		return 0;
	blank->rule = client->rule;
	blank->closing = !!flow_closing(client->tcp, server->tcp);
	blank->client = *client_key;
	blank->server = client->to;
	stream_begin(&blank->stream[FTPNAT_FROM_CLIENT], client->isn);
	stream_begin(&blank->stream[FTPNAT_FROM_SERVER], server->isn);
	bpf_map_update_elem(&ftpnat_sessions, &id, blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&ftpnat_sessions, &id);
}

#define MSS_DEFAULT 536 /* RFC 9293 section 3.7.1, of an end that names none */

/* Room for what a rewritten segment grows by. Returns what the sender of the SYN takes. */
static __always_inline __u16 lower_mss(struct tcp_options *o)
{
	__u32 i = o->mss - 1 + 2;
	__u32 mss, lower;

	if (!o->mss)
		return MSS_DEFAULT;
	mss = (__u32)option_byte(o, i) << 8 | option_byte(o, i + 1);
	lower = mss > 2 * SEGMENT_ROOM ? mss - SEGMENT_ROOM : mss / 2;
	o->new[bounded(i, OPTIONS_LEN)] = (__u8)(lower >> 8);
	o->new[bounded(i + 1, OPTIONS_LEN)] = (__u8)lower;
	return (__u16)mss;
}

static __noinline int forget_sack(struct tcp_options *o)
{
	__u32 i;

	for (i = 0; i < OPTIONS_MAX; i++)
		if (o->sack && i < o->sack_len)
			o->new[bounded(o->sack - 1 + i, OPTIONS_LEN)] = OPT_NOP;
	return 0;
}

#define SACK_BLOCKS 4

/* SACK blocks speak of the other direction's bytes, as ACK numbers do. */
__noinline int unmap_sack(struct tcp_options *o, struct ftpnat_stream *other)
{
	__u32 i;

	if (!o || !other || !o->sack)
		return 0;
	for (i = 0; i < SACK_BLOCKS; i++) {
		__u32 at = o->sack - 1 + 2 + i * 8;

		if (i * 8 + 10 > o->sack_len)
			break;
		option_set32(o, at,
			     bpf_htonl(stream_unmap(other, bpf_ntohl(option_get32(o, at)),
						    1)));
		option_set32(o, at + 4,
			     bpf_htonl(stream_unmap(
				     other, bpf_ntohl(option_get32(o, at + 4)), 0)));
	}
	return 0;
}

/* Flags of the packet become `flags`. 0 or -1. */
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

/* Our own ACK echoes the sender's timestamp and says nothing selective. */
static __always_inline void answer_options(struct tcp_options *o, __be32 tsval)
{
	__u32 at = o->timestamp - 1;

	forget_sack(o);
	if (!o->timestamp)
		return;
	option_set32(o, at + 6, option_get32(o, at + 2));
	option_set32(o, at + 2, tsval);
}

/*
 * Turns a segment that was held back whole into the receiver's ACK for it and
 * sends it back: a sender under Nagle's rule says nothing more until then.
 */
static __noinline int acknowledge(struct scan *c, __u32 upto, int egress)
{
	struct ftpnat_stream *stream = c->stream;
	struct __sk_buff *skb = c->skb;
	struct packet *p = &c->s->packet;
	struct tcp_options *o = &c->s->options;
	struct ftpnat_tuple back;

	if (seq_before(stream->taken, upto))
		stream->taken = upto;
	if (bpf_skb_change_tail(skb, p->payload, 0) ||
	    fix_tcp_csum(skb, p, ~payload_sum(c->s, c->in, p->len, 0)) ||
	    write_ip_len(skb, p, p->payload - ETH_HLEN))
		return FTPNAT_WRITE;
	tuple_swap(&back, &p->tuple);
	answer_options(o, stream->tsval);
	if (write_headers(skb, p, &back, p->ack, stream->taken) ||
	    write_flags(skb, p, TH_ACK) ||
	    write_tcp16(skb, p, TCP_OFF_WINDOW, bpf_htons(p->window), stream->window) ||
	    options_write(skb, p, o) || send_back(skb, egress))
		return FTPNAT_WRITE;
	return FTPNAT_ANSWERED;
}

/*
 * Nothing of the segment goes on: its bytes up to `upto` are in the session or
 * in the log, and leave with the last byte of what they belong to, `from`. If the
 * receiver has all that is before, they can be acknowledged.
 */
static __always_inline int held(struct scan *c, __u32 from, __u32 upto, int egress)
{
	struct ftpnat_stream *stream = c->stream;

	if (!stream->heard || seq_before(stream->acked, stream_map(stream, from)))
		return FTPNAT_HELD; /* the receiver's ACK of what is before will do */
	return acknowledge(c, upto, egress);
}

/*
 * A segment with payload, or the FIN behind held bytes. GO_ON with *seq for the
 * receiver, or the reason with which the packet ends here.
 */
static __always_inline int control_payload(struct scan *c, __u32 *seq, int egress)
{
	struct ftpnat_stream *stream = c->stream;
	struct packet *p = &c->s->packet;
	struct segment *seg = &c->s->segment;
	__u32 len = p->len > PAYLOAD_LEN ? PAYLOAD_LEN : p->len;
	int fin = p->flags & TH_FIN;
	__u32 from, until;
	int verdict;

	seg->start = p->seq;
	seg->end = p->seq + p->len;
	/* what is lost before it may hold an address line that moves it */
	if (seq_before(stream->next, p->seq) &&
	    !(c->session->flags & FTPNAT_SESSION_OPAQUE))
		return FTPNAT_AHEAD;
	if (len && bpf_skb_load_bytes(c->skb, p->payload, c->in->byte,
				      bounded_len(len, PAYLOAD_LEN)))
		return FTPNAT_WRITE;
	verdict = segment_scan(c);
	if (verdict != GO_ON)
		return verdict;

	from = seg->start;
	until = seg->end;
	if (stream->held_len) {
		if (fin && seg->end == stream->next) {
			/* no more will come: held bytes go out before the FIN */
			if (seq_before(held_from(stream), from))
				from = held_from(stream);
		} else if (seq_before(held_from(stream), until)) {
			until = held_from(stream);
		}
	}
	*seq = stream_map(stream, from);
	if (!seq_before(from, until)) {
		if (fin)
			return GO_ON;
		return held(c, held_from(stream), stream->next, egress);
	}
	if (segment_untouched(c, from, until) && until == p->seq + p->len)
		return GO_ON;
	verdict = segment_compose(c, from, until);
	if (verdict != GO_ON)
		return verdict;
	if (!c->s->segment.out_len)
		return held(c, from, p->seq + c->len, egress); /* cut inside an edit */
	if (fin && seg->at != p->seq + c->len &&
	    write_flags(c->skb, p, p->flags & ~TH_FIN))
		return FTPNAT_WRITE;
	return GO_ON;
}

/* With the session locked: GO_ON with seq and ack for the receiver, or a reason. */
static __always_inline int control_locked(struct scan *c, __u32 *seq, __u32 *ack,
					  int egress)
{
	struct packet *p = &c->s->packet;
	struct ftpnat_stream *other = c->other;
	struct tcp_options *o = &c->s->options;

	if (p->flags & TH_ACK) {
		if (!seq_before(stream_map(other, other->next) + 1, p->ack))
			stream_acked(other, p->ack);
		other->heard = 1;
		other->window = bpf_htons(p->window);
		if (o->timestamp)
			other->tsval = option_get32(o, o->timestamp - 1 + 2);
		if (seq_before(p->ack, other->acked)) {
			/* overtaken by a newer one: the edits that it would need are gone */
			*ack = stream_unmap_ack(other, other->acked);
			forget_sack(o);
		} else {
			*ack = stream_unmap_ack(other, p->ack);
			unmap_sack(o, other);
		}
	}
	*seq = stream_map_held(c->stream, p->seq);
	if (p->flags & TH_RST)
		return GO_ON;
	if (p->len || p->flags & TH_FIN)
		return control_payload(c, seq, egress);
	/* a keepalive would look like nothing new to a receiver that lacks the held bytes */
	if (c->stream->held_len && seq_before(p->seq, c->stream->next))
		return held(c, held_from(c->stream), c->stream->next, egress);
	return GO_ON;
}

/*
 * The packet in the scratch memory, of a control connection: its flow is up to
 * date, its way is known. Returns the final reason.
 */
__noinline int control_packet(struct __sk_buff *skb, int way, int egress)
{
	struct scratch *s = scratch_get();
	struct scan c = { .skb = skb };
	struct ftpnat_tuple *other_key;
	struct ftpnat_session *session;
	struct ftpnat_flow *flow, *other;
	struct tcp_options *o;
	struct packet *p;
	__u32 seq, ack, in = 0, out = 1;
	int from_client, verdict = GO_ON;

	if (!s)
		return FTPNAT_NO_MEMORY;
	c.s = s;
	p = &s->packet;
	o = &s->options;
	seq = p->seq;
	ack = p->ack;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &p->tuple);
	other_key = &s->flow.reverse;
	tuple_swap(other_key, &s->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, other_key);
	if (!flow || !other)
		return FTPNAT_NO_SESSION;
	from_client = flow->flags & FTPNAT_FLOW_CLIENT;
	options_read(skb, p, o);

	if (p->flags & TH_SYN) {
		flow->mss = lower_mss(o);
	} else {
		if (from_client)
			session = session_get(flow, &p->tuple, other);
		else
			session = session_get(other, other_key, flow);
		c.in = bpf_map_lookup_elem(&ftpnat_payload, &in);
		c.out = bpf_map_lookup_elem(&ftpnat_payload, &out);
		if (session && c.in && c.out) {
			s->segment.session = flow->session;
			s->segment.dir = from_client ? FTPNAT_FROM_CLIENT :
						       FTPNAT_FROM_SERVER;
			s->segment.now = flow->seen;
			c.session = session;
			c.len = p->len;
			c.mss = other->mss;
			c.stream = &session->stream[from_client ? FTPNAT_FROM_CLIENT :
								  FTPNAT_FROM_SERVER];
			c.other = &session->stream[from_client ? FTPNAT_FROM_SERVER :
								 FTPNAT_FROM_CLIENT];
			if (!session_lock(session))
				return FTPNAT_SESSION_BUSY;
			verdict = control_locked(&c, &seq, &ack, egress);
			session_unlock(session);
		} else if (!(p->flags & TH_RST)) {
			return FTPNAT_NO_SESSION;
		}
	}
	if (verdict != GO_ON)
		return verdict;
	if (write_headers(skb, p, &s->to, seq, ack) || options_write(skb, p, o))
		return FTPNAT_WRITE;
	return way == FTPNAT_FORWARDED ? forward(skb, s, egress) : FTPNAT_TRANSLATED;
}

#endif
