/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets of a control connection: sequence numbers of both directions, and ACKs in the
 * receiver's place.
 */
#ifndef FTPNAT_BPF_CONTROL_H
#define FTPNAT_BPF_CONTROL_H

#include "control_check.h"
#include "control_payload.h"
#include "control_syn.h"
#include "replica.h"
#include "session.h"

/* A segment that isn't believed goes on as if it were of no interest. */
static __always_inline void control_unread(struct scan *c)
{
	struct packet *p = &c->s->packet;

	if (!(p->flags & TH_ACK))
		return;
	c->s->segment.send.ack =
		stream_unmap(other_stream(c), c->other_log, p->ack, false);
	unmap_sack(&c->s->options, other_stream(c), c->other_log);
}

/*
 * The ACK of a packet: updates the other direction and sets seg->send.ack for the
 * receiver.
 */
static __noinline int control_ack(struct scan *c)
{
	struct packet *p = &c->s->packet;
	struct ftpnat_stream *other = other_stream(c);
	struct ftpnat_log *log = c->other_log;
	struct tcp_options *o = &c->s->options;
	struct segment *seg = &c->s->segment;
	bool overtaken;

	seg->send.news = seq_before(other->acked, p->ack) ||
			 other->window != bpf_htons(p->window);
	if (!seq_before(stream_map(other, log, other->next) + 1, p->ack)) {
		stream_acked(other, log, p->ack);
		if (other->kept_len)
			kept_release(other,
				     stream_unmap(other, log, other->acked, false));
	}
	other->window = bpf_htons(p->window);
	if (o->timestamp)
		other->tsval = option_get32(o, o->timestamp - 1 + 2);
	overtaken = seq_before(p->ack, other->acked);
	if (overtaken) {
		/* by a newer one: its edits are gone */
		seg->send.ack = stream_unmap_ack(other, log, other->acked);
		forget_sack(o);
	} else {
		seg->send.ack = stream_unmap_ack(other, log, p->ack);
		unmap_sack(o, other, log);
	}
	p->told = (__u16)stream_window(c->session, !(seg->dir & 1), seg->send.ack,
				       p->window, !overtaken);
	return 0;
}

/* RST: does it have the number that its receiver waits for, or follow all that was sent? */
static __always_inline void control_reset(struct scan *c)
{
	const struct ftpnat_stream *stream = c->stream;
	struct tcp_change *change = &c->s->change;

	if (c->s->segment.send.seq != stream->acked &&
	    c->s->packet.seq != stream->next + stream->fin) {
		count(FTPNAT_IGNORED);
		return;
	}
	change->add = FTPNAT_TCP_RST;
	change->add_other = FTPNAT_TCP_PEER;
	flow_change();
}

/*
 * FIN, its acknowledgement, and news from an end that has reset its connection, which then
 * was another's reset. In the session all that is exact: see accept.h.
 */
static __always_inline void control_change(struct scan *c, const struct ftpnat_flow *flow,
					   __u32 ack, bool news)
{
	struct tcp_change *change = &c->s->change;

	if (c->stream->fin && !(flow->tcp & FTPNAT_TCP_FIN)) {
		change->add = FTPNAT_TCP_FIN;
		change->add_other = FTPNAT_TCP_PEER;
	}
	if (flow->tcp & FTPNAT_TCP_PEER && other_stream(c)->fin &&
	    ack == stream_said(other_stream(c), c->other_log))
		change->add_other |= FTPNAT_TCP_FINISHED;
	if (flow->tcp & FTPNAT_TCP_RST && news) {
		change->take = FTPNAT_TCP_RST;
		c->session->closing = 0;
	}
	if (change->add | change->add_other | change->take)
		flow_change();
}

/* A probe of a window, or a keepalive, whose one byte no receiver takes? */
static __always_inline bool control_probes(const struct scan *c,
					   enum ftpnat_reason verdict)
{
	return (verdict == FTPNAT_BAD_WINDOW && !c->stream->window) ||
	       (verdict == FTPNAT_INCONSISTENT && c->s->packet.len == 1);
}

/*
 * A FIN with an old timestamp? It takes room in the stream, as payload does, and its receiver
 * may have a younger clock than we have seen: it has to come again.
 */
static __always_inline bool control_ends_late(const struct scan *c,
					      enum ftpnat_reason verdict)
{
	return verdict == FTPNAT_BAD_TIMESTAMP && c->s->packet.flags & TH_FIN;
}

/* Its packets come here, and not to the gateway that owned the session: it is ours. */
static __noinline int control_claim(struct scan *c, const struct ftpnat_flow *flow)
{
	struct ftpnat_flow *client;

	replica_claim(c->session);
	record_of_packet(c->s, flow);
	/* session_begins_here(): nobody else has counted it as open */
	client = bpf_map_lookup_elem(&ftpnat_flows, &c->s->record_key);
	if (client)
		replica_opened(client);
	replica_own(c->s, &c->s->segment.now);
	c->s->record_has = FTPNAT_RECORD_CLAIMED;
	return 0;
}

/*
 * With the session locked: GO_ON with seg->send.seq and seg->send.ack, or the final
 * reason.
 */
static __always_inline enum ftpnat_reason control_locked(struct scan *c,
							 struct ftpnat_flow *flow)
{
	struct packet *p = &c->s->packet;
	struct segment *seg = &c->s->segment;
	__u32 ack = p->ack, next = c->stream->next, acked = other_stream(c)->acked;
	__u16 window = window_units(window_bytes(c->session, seg->dir, p->window),
				    c->session->told[seg->dir & 1]);
	enum ftpnat_reason verdict = GO_ON;

	p->told = window;
	seg->send.news = false;
	seg->send.twice = false;
	seg->tcp_flags = p->flags;
	seg->send.seq = stream_map_held(c->stream, c->log, p->seq);
	__builtin_memset(&c->s->change, 0, sizeof(c->s->change));
	verdict = control_check(c);
	if (clustered() && c->s->injected && verdict != FTPNAT_WRITE)
		verdict = GO_ON; /* it was checked when it came */
	if (verdict != GO_ON || p->flags & TH_RST) {
		control_unread(c);
		if (verdict == GO_ON)
			control_reset(c);
		else if (control_probes(c, verdict))
			return ask(c);
		else if (p->len || control_ends_late(c, verdict))
			return verdict;
		else
			count(FTPNAT_IGNORED);
		return GO_ON;
	}
	c->s->tells = true;
	if (control_ttl(c) || (p->flags & TH_URG && control_urgent(c)))
		return FTPNAT_WRITE;
	control_ack(c);
	control_clock(c);
	if (flow->seen != seg->now)
		flow->seen = seg->now;
	if (clustered() && flow->flags & FTPNAT_FLOW_REPLICA)
		control_claim(c, flow);
	if (clustered() && c->s->injected)
		seg->send.news = true; /* the first time it was not forwarded */
	if (p->len || p->flags & TH_FIN)
		verdict = control_payload(c);
	else if (c->stream->held_len && !c->stream->fin &&
		 seq_before(p->seq, c->stream->next) &&
		 /* a keepalive is one also when the window has changed since */
		 (!seg->send.news || p->seq == c->stream->next - 1))
		verdict = ask(c);
	if (p->len &&
	    other_stream(c)->tls) /* since this segment, perhaps: any window will do */
		p->told = window;
	control_change(c, flow, ack,
		       next != c->stream->next || acked != other_stream(c)->acked);
	if (verdict == GO_ON || verdict == FTPNAT_WRITE)
		return verdict;
	if (clustered() && (verdict == FTPNAT_PARKED || verdict == FTPNAT_UNCOMMITTED))
		return verdict;
	if (seg->send.news && pass_ack(c))
		return FTPNAT_WRITE;
	return verdict == FTPNAT_ANSWERED ? acknowledge(c, ack) : verdict;
}

/* A change that did not wait is told afterwards, and that the session announces nothing more. */
static __noinline int control_tell(struct scan *c, enum ftpnat_reason verdict)
{
	struct scratch *s = c->s;

	if ((verdict == FTPNAT_PARKED || verdict == FTPNAT_UNCOMMITTED) &&
	    !s->turn.closing)
		return 0;
	s->waits = false;
	return record_tell(c->skb, s->segment.session, true, false, s->record_has);
}

/* Sends a copy of the translated packet in front of it. GO_ON or WRITE. */
static __noinline enum ftpnat_reason control_repeat(struct scan *c)
{
	const struct sending *send = &c->s->segment.send;
	enum copy copy;

	if (write_headers(c->skb, &c->s->packet, &c->s->to, send->seq, send->ack))
		return FTPNAT_WRITE;
	copy = send_copy(c->skb, c->s, send->routed, send->egress);
	if (copy == COPY_SENT)
		count(FTPNAT_REPEATED);
	return copy == COPY_BROKEN ? FTPNAT_WRITE : GO_ON;
}

/*
 * The packet in the scratch memory, of a control connection: its flow is updated and its
 * route is known. GO_ON with s->segment.send.seq and ack for the receiver, or the final
 * reason.
 */
__noinline enum ftpnat_reason control_packet(struct __sk_buff *skb,
					     struct ftpnat_flow *flow,
					     enum ftpnat_reason routed, bool egress)
{
	struct scratch *s = scratch_of_packet();
	struct scan c = { .skb = skb };
	struct ftpnat_session *session;
	struct packet *p;
	struct segment *seg;
	__u32 key = 0;
	enum ftpnat_reason verdict = GO_ON;
	__u8 dir;

	if (!s || !flow)
		return FTPNAT_NO_MEMORY;
	slot_take(s);
	c.s = s;
	p = &s->packet;
	seg = &s->segment;
	seg->send.routed = routed;
	seg->send.egress = egress;
	seg->send.twice = false;
	seg->len = p->len;
	s->came = p->tuple;
	options_read(skb, p, &s->options);
	c.in = bpf_map_lookup_elem(&ftpnat_payload, &key);
	if (!c.in)
		return FTPNAT_NO_MEMORY;

	if (p->flags & TH_SYN) {
		verdict = control_syn(&c, flow);
	} else {
		session = session_get(s, flow);
		if (session) {
			dir = flow->flags & FTPNAT_FLOW_CLIENT ? FTPNAT_FROM_CLIENT :
								 FTPNAT_FROM_SERVER;
			seg->session = flow->session;
			seg->dir = dir;
			seg->now = clock_seconds(&s->clock);
			c.session = session;
			c.stream = &session->stream[dir];
			if (!session_lock(session, &seg->session))
				return FTPNAT_SESSION_BUSY;
			if (clustered()) {
				record_of_packet(s, flow);
				s->record_has = 0;
				s->waits = record_waits(s, egress);
				s->tells = false;
				if (s->injected)
					record_released();
			}
			if (logs_look(&c)) {
				verdict = control_locked(&c, flow);
				if (clustered() &&
				    ((s->tells && (p->len || s->record_has)) ||
				     s->turn.closing))
					control_tell(&c, verdict);
				if (!p->len)
					logs_leave(session, seg->now);
			} else {
				verdict = FTPNAT_NO_MEMORY;
			}
			session_unlock(session, &seg->session);
		} else if (p->len) {
			return FTPNAT_NO_SESSION;
		} else if (p->flags & TH_RST && flow->tcp & FTPNAT_TCP_ACK) {
			flow_look(skb);
		} /* else perhaps of a connection before it: RFC 9293 section 3.5.2 */
	}
	if (verdict != GO_ON)
		return verdict;
	if (seg->send.routed == FTPNAT_TRACKED && !(p->flags & TH_SYN))
		return FTPNAT_TRACKED;
	if (s->options.changed && options_write(skb, p, &s->options))
		return FTPNAT_WRITE;
	if (seg->send.routed == FTPNAT_TRACKED)
		return FTPNAT_TRACKED;
	return seg->send.twice ? control_repeat(&c) : GO_ON;
}

#endif
