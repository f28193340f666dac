/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A segment of which nothing is forwarded: the ACK that it carries goes on, and the gateway
 * acknowledges it in the receiver's place.
 */
#ifndef FTPNAT_BPF_CONTROL_ANSWER_H
#define FTPNAT_BPF_CONTROL_ANSWER_H

#include "compose.h"
#include "conntrack_seen.h"
#include "control_options.h"

/* Removes the payload; what remains is an acknowledgement. 0 or -1. */
static __noinline int strip_payload(struct scan *c)
{
	struct packet *p = &c->s->packet;
	__u32 len = p->len;

	p->len = 0;
	if (write_flags(c->skb, p, TH_ACK))
		return -1;
	if (!len)
		return 0;
	/* of a GSO frame the checksum is still to be computed */
	return bpf_skb_change_tail(c->skb, p->payload, 0) ||
	       fix_tcp_csum(c->skb, p, ~payload_sum(c->s, c->in, len, 0)) ||
	       write_ip_len(c->skb, p, p->payload - p->l3);
}

/*
 * Forwards the acknowledgement of a held segment: if it waited with the payload, the
 * receiver would retransmit. 0 or -1.
 */
static __noinline int pass_ack(struct scan *c)
{
	struct segment *seg = &c->s->segment;
	struct packet *p = &c->s->packet;
	enum copy copy;

	if (strip_payload(c) ||
	    write_headers(c->skb, p, &c->s->to, stream_said(c->stream, c->log),
			  seg->send.ack) ||
	    options_write(c->skb, p, &c->s->options))
		return -1;
	copy = send_copy(c->skb, c->s, seg->send.routed, seg->send.egress);
	if (copy == COPY_SENT)
		count(FTPNAT_ACK_PASSED);
	return copy == COPY_BROKEN ? -1 : 0;
}

/*
 * Turns a segment that is held as a whole into the receiver's ACK for it and sends it
 * back: a sender under Nagle's rule sends nothing until then.
 */
static __noinline enum ftpnat_reason acknowledge(struct scan *c, __u32 seq)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	struct __sk_buff *skb = c->skb;
	struct packet *p = &c->s->packet;
	struct tcp_options *o = &c->s->options;
	/* beyond all that the receiver has sent, seen or not */
	__u32 said = stream_said(other_stream(c), c->other_log);

	if (seq_before(seq, said))
		seq = said;
	if (seq_before(stream->taken, seg->send.upto))
		stream->taken = seg->send.upto;
	p->told = (__u16)stream_window(c->session, seg->dir, stream->taken,
				       bpf_ntohs(stream->window), true);
	tuple_swap(&c->s->acknowledged, &c->s->came);
	answer_options(o, stream->tsval);
	if (strip_payload(c) ||
	    write_headers(skb, p, &c->s->acknowledged, seq, stream->taken) ||
	    options_write(skb, p, o) || send_back(skb, p, seg->send.egress))
		return FTPNAT_WRITE;
	return FTPNAT_ANSWERED;
}

/*
 * Nothing of the segment is forwarded: its bytes up to `upto` are in the session or in
 * the log, and leave with the last byte of the line that starts at `from`. If the
 * receiver has everything before it, they can be acknowledged: ANSWERED, else HELD.
 */
static __always_inline enum ftpnat_reason held(struct scan *c, __u32 from, __u32 upto)
{
	struct ftpnat_stream *stream = c->stream;

	c->s->segment.send.upto = upto;
	if (!stream->heard || seq_before(stream->acked, stream_map(stream, c->log, from)))
		return FTPNAT_HELD; /* the receiver's ACK of the bytes before suffices */
	return FTPNAT_ANSWERED;
}

/*
 * A keepalive or zero-window probe while bytes are held: forwarded with the byte before
 * the one that the receiver expects. GO_ON or WRITE.
 */
static __always_inline enum ftpnat_reason ask(struct scan *c)
{
	c->s->segment.send.seq = stream_said(c->stream, c->log) - 1;
	return c->s->packet.len && strip_payload(c) ? FTPNAT_WRITE : GO_ON;
}

#endif
