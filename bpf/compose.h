/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the receiver gets instead of a control segment's payload: composed from packet,
 * held bytes and edit log, and sent in parts if it is too long.
 */
#ifndef FTPNAT_BPF_COMPOSE_H
#define FTPNAT_BPF_COMPOSE_H

#include "csum.h"
#include "forward.h"
#include "segment.h"

#define RUN_LEN 256 /* bytes copied at once; at most payload.behind */
/*
 * an edit has a run before it, two if its text wraps, one to end it; pieces end runs too
 */
#define MAX_RUNS (PAYLOAD_LEN / RUN_LEN + 8 * FTPNAT_MAX_EDITS)

/* Appends bytes to what the receiver gets; returns how many, at most RUN_LEN. */
static __always_inline __u32 out_add(struct scan *c, const void *bytes, __u32 len)
{
	struct segment *seg = &c->s->segment;
	struct payload *out = payload_out();

	if (!out)
		return 0;
	if (len > RUN_LEN)
		len = RUN_LEN;
	bpf_probe_read_kernel(out->byte + bounded(seg->compose.len, PAYLOAD_LEN),
			      bounded_len(len, RUN_LEN), bytes);
	seg->compose.len += len;
	return len;
}

/* The same with the sender's bytes, starting at seg->compose.at. */
static __always_inline __u32 out_add_raw(struct scan *c, __u32 len)
{
	const struct segment *seg = &c->s->segment;
	const struct payload *piece;
	__u32 at;

	if (seq_before(seg->compose.at, seg->start)) { /* of a segment before this one */
		if (len > seg->start - seg->compose.at)
			len = seg->start - seg->compose.at;
		at = bounded(seg->compose.at, FTPNAT_KEPT_LEN);
		if (len > FTPNAT_KEPT_LEN - at)
			len = FTPNAT_KEPT_LEN - at;
		return out_add(c, c->log->kept + at, len);
	}
	at = bounded(seg->compose.at - seg->start, PAYLOAD_LEN);
	if (len > PAYLOAD_LEN - at)
		len = PAYLOAD_LEN - at;
	piece = piece_at(c, seg->compose.at - seg->start);
	return piece ? out_add(c, piece->byte + at, len) : 0;
}

/* The next run of bytes from one place: an edit's replacement, held bytes, the packet. */
static long compose_run(__u32 i, struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	struct ftpnat_edit *e = edit_at(stream, c->log, seg->compose.edit);
	__u32 len = seg->compose.until - seg->compose.at, text;

	(void)i;
	if (!seq_before(seg->compose.at, seg->compose.until))
		return 1;
	if (seg->compose.edit < stream->edits && !seq_before(seg->compose.at, e->start)) {
		__u32 end = e->start + e->old_len;

		if (!seg->compose.text_done &&
		    (seq_before(seg->compose.until, end) ||
		     seg->compose.len + e->new_len > seg->compose.limit)) {
			seg->compose.until =
				seg->compose.at; /* all of an edit or nothing */
			return 1;
		}
		if (seg->compose.text_done < e->new_len) {
			text = bounded(e->text + seg->compose.text_done, FTPNAT_TEXT_LEN);
			len = e->new_len - seg->compose.text_done;
			if (len > FTPNAT_TEXT_LEN - text)
				len = FTPNAT_TEXT_LEN - text;
			seg->compose.text_done += out_add(c, c->log->text + text, len);
			return 0;
		}
		seg->compose.at = end;
		seg->compose.text_done = 0;
		seg->compose.edit++;
		return 0;
	}
	if (seg->compose.len >= seg->compose.limit)
		return 1;
	if (seg->compose.edit < stream->edits && e->start - seg->compose.at < len)
		len = e->start - seg->compose.at;
	if (len > seg->compose.limit - seg->compose.len)
		len = seg->compose.limit - seg->compose.len;
	len = out_add_raw(c, len);
	seg->compose.at += len;
	return !len;
}

/* First edit that doesn't end at or before `seq`. */
static long skip_edit(__u32 i, struct scan *c)
{
	struct segment *seg = &c->s->segment;
	struct ftpnat_edit *e = edit_at(c->stream, c->log, i);

	if (i >= c->stream->edits || seq_before(seg->compose.at, e->start + e->old_len))
		return 1;
	seg->compose.edit = i + 1;
	return 0;
}

/*
 * Does the receiver get the bytes [from, until) as they are in the packet? Sets
 * seg->compose.edit either way.
 */
static __always_inline bool segment_untouched(struct scan *c, __u32 from, __u32 until)
{
	struct segment *seg = &c->s->segment;

	seg->compose.at = from;
	seg->compose.edit = 0;
	if (c->stream->edits)
		bpf_loop(FTPNAT_MAX_EDITS, skip_edit, c, 0);
	if (until != seg->end || seq_before(from, seg->start))
		return false;
	return seg->compose.edit >= c->stream->edits ||
	       !seq_before(edit_at(c->stream, c->log, seg->compose.edit)->start, until);
}

/*
 * Replaces the packet's payload with what the receiver gets for [seg->compose.at,
 * until), as far as it fits; seg->compose.at then points to its end. GO_ON or
 * FTPNAT_WRITE.
 */
static __noinline enum ftpnat_reason segment_compose(struct scan *c, __u32 until)
{
	struct packet *p = &c->s->packet;
	struct segment *seg = &c->s->segment;
	struct payload *out = payload_out();
	__u32 len, old;

	if (!out)
		return FTPNAT_WRITE;
	seg->compose.until = until;
	seg->compose.len = 0;
	seg->compose.text_done = 0;
	bpf_loop(MAX_RUNS, compose_run, c, 0);

	len = seg->compose.len;
	old = seg->compose.in_sum;
	seg->compose.in_sum = payload_sum(c->s, out, len, 0);
	if (bpf_skb_change_tail(c->skb, p->payload + len, 0))
		return FTPNAT_WRITE;
	if (len && bpf_skb_store_bytes(c->skb, p->payload, out->byte,
				       bounded_len(len, PAYLOAD_LEN), 0))
		return FTPNAT_WRITE;
	if (fix_tcp_csum(c->skb, p, fold32((__u64)seg->compose.in_sum + (__u32)~old)) ||
	    write_ip_len(c->skb, p, p->payload - p->l3 + len))
		return FTPNAT_WRITE;
	p->len = len;
	return GO_ON;
}

#define MAX_PARTS 128

/*
 * Is there more after seg->compose.at that a part can take? It takes all of an edit or
 * nothing.
 */
static __always_inline bool part_follows(struct scan *c)
{
	struct segment *seg = &c->s->segment;
	struct ftpnat_edit *e = edit_at(c->stream, c->log, seg->compose.edit);

	if (seg->compose.at == seg->compose.end_of_parts)
		return false;
	if (seg->compose.edit >= c->stream->edits ||
	    seq_before(seg->compose.at, e->start))
		return true;
	return !seq_before(seg->compose.end_of_parts, e->start + e->old_len) &&
	       e->new_len <= seg->compose.limit;
}

static long send_part(__u32 i, struct scan *c)
{
	struct packet *p = &c->s->packet;
	struct segment *seg = &c->s->segment;
	__u8 flags = seg->tcp_flags & ~(TH_FIN | TH_PSH);
	enum copy copy;

	if (i)
		flags &= ~TH_CWR; /* RFC 3168 section 6.1.2 */
	seg->compose.broken = true;
	if (segment_compose(c, seg->compose.end_of_parts) != GO_ON)
		return 1;
	seg->compose.broken = false;
	if (!seg->compose.len || !part_follows(c) || i == MAX_PARTS - 1)
		return 1;
	seg->compose.broken = true;
	if (write_flags(c->skb, p, flags) ||
	    write_headers(c->skb, p, &c->s->to, seg->send.seq, seg->send.ack) ||
	    options_write(c->skb, p, &c->s->options))
		return 1;
	copy = send_copy(c->skb, c->s, seg->send.routed, seg->send.egress);
	seg->compose.broken = copy == COPY_BROKEN;
	if (copy != COPY_SENT)
		return 1;
	count(FTPNAT_SPLIT);
	seg->send.seq += seg->compose.len;
	return 0;
}

/*
 * Gives the receiver [from, until) instead of the packet's payload. A segment that
 * becomes too long, and a GSO frame whose length changes, leave in parts; this packet is
 * the last part. What can't be sent is left to retransmission, and so is the FIN. GO_ON
 * with seg->send.seq of the packet, or FTPNAT_WRITE.
 */
static __noinline enum ftpnat_reason segment_replace(struct scan *c, __u32 from,
						     __u32 until)
{
	struct packet *p = &c->s->packet;
	struct segment *seg = &c->s->segment;
	__u32 options = p->payload - p->l4 - sizeof(struct tcphdr);
	__u32 gso = c->skb->gso_size;
	__u32 mss =
		c->session->mss[!(seg->dir & 1)]; /* the receiver's, options included */

	seg->compose.at = from;
	seg->compose.limit = (gso ? gso : p->len) + SEGMENT_ROOM;
	if (mss > options && seg->compose.limit > mss - options)
		seg->compose.limit = mss - options;
	if (seg->compose.limit > PAYLOAD_LEN)
		seg->compose.limit = PAYLOAD_LEN;
	/* longer ones are GSO frames, whose checksum is still to be computed */
	seg->compose.in_sum = p->len > PAYLOAD_LEN ? 0 :
						     payload_sum(c->s, c->in, p->len, 0);
	seg->compose.end_of_parts = until;
	seg->compose.broken = false;
	bpf_loop(MAX_PARTS, send_part, c, 0);
	if (seg->compose.broken || write_flags(c->skb, p, seg->tcp_flags))
		return FTPNAT_WRITE;
	return GO_ON;
}

#endif
