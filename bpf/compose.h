/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the receiver gets in place of a control segment's payload: put together
 * from packet, held bytes and edit log, and sent in parts where it is too long.
 */
#ifndef FTPNAT_BPF_COMPOSE_H
#define FTPNAT_BPF_COMPOSE_H

#include "csum.h"
#include "forward.h"
#include "segment.h"

#define RUN_LEN 256 /* bytes copied at once; not more than payload.behind */
/* an edit has a run before it, two where its text wraps, one to end it; pieces end runs, too */
#define MAX_RUNS (PAYLOAD_LEN / RUN_LEN + 8 * FTPNAT_MAX_EDITS)

/* Appends bytes to what the receiver gets; how many of them: RUN_LEN at most. */
static __always_inline __u32 out_add(struct scan *c, const void *bytes, __u32 len)
{
	struct segment *seg = &c->s->segment;

	if (len > RUN_LEN)
		len = RUN_LEN;
	bpf_probe_read_kernel(c->out->byte + bounded(seg->out_len, PAYLOAD_LEN),
			      bounded_len(len, RUN_LEN), bytes);
	seg->out_len += len;
	return len;
}

/* The same with the sender's bytes from seg->at on. */
static __always_inline __u32 out_add_raw(struct scan *c, __u32 len)
{
	const struct segment *seg = &c->s->segment;
	__u32 held = seg->at - seg->held_from, at;
	const struct payload *piece;

	if (held < seg->held_len) {
		if (len > seg->held_len - held)
			len = seg->held_len - held;
		return out_add(c, c->stream->held + bounded(held, FTPNAT_HELD_LEN), len);
	}
	at = bounded(seg->at - seg->start, PAYLOAD_LEN);
	if (len > PAYLOAD_LEN - at)
		len = PAYLOAD_LEN - at;
	piece = piece_at(c, seg->at - seg->start);
	return piece ? out_add(c, piece->byte + at, len) : 0;
}

/* The next run of bytes from one place: an edit's replacement, held bytes, the packet. */
static long compose_run(__u32 i, struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	struct ftpnat_edit *e = edit_at(stream, seg->edit);
	__u32 len = seg->until - seg->at, text;

	(void)i;
	if (!seq_before(seg->at, seg->until))
		return 1;
	if (seg->edit < stream->edits && !seq_before(seg->at, e->start)) {
		__u32 end = e->start + e->old_len;

		if (!seg->text_done && (seq_before(seg->until, end) ||
					seg->out_len + e->new_len > seg->limit)) {
			seg->until = seg->at; /* all of an edit or nothing */
			return 1;
		}
		if (seg->text_done < e->new_len) {
			text = bounded(e->text + seg->text_done, FTPNAT_TEXT_LEN);
			len = e->new_len - seg->text_done;
			if (len > FTPNAT_TEXT_LEN - text)
				len = FTPNAT_TEXT_LEN - text;
			seg->text_done += out_add(c, stream->text + text, len);
			return 0;
		}
		seg->at = end;
		seg->text_done = 0;
		seg->edit++;
		return 0;
	}
	if (seg->out_len >= seg->limit)
		return 1;
	if (seg->edit < stream->edits && e->start - seg->at < len)
		len = e->start - seg->at;
	if (len > seg->limit - seg->out_len)
		len = seg->limit - seg->out_len;
	len = out_add_raw(c, len);
	seg->at += len;
	return !len;
}

/* First edit that doesn't end at or before `seq`. */
static long skip_edit(__u32 i, struct scan *c)
{
	struct segment *seg = &c->s->segment;
	struct ftpnat_edit *e = edit_at(c->stream, i);

	if (i >= c->stream->edits || seq_before(seg->at, e->start + e->old_len))
		return 1;
	seg->edit = i + 1;
	return 0;
}

/*
 * Does the receiver get the bytes [from, until) as they are in the packet? Sets
 * seg->edit either way.
 */
static __always_inline int segment_untouched(struct scan *c, __u32 from, __u32 until)
{
	struct segment *seg = &c->s->segment;

	seg->at = from;
	seg->edit = 0;
	if (c->stream->edits)
		bpf_loop(FTPNAT_MAX_EDITS, skip_edit, c, 0);
	if (until != seg->end || seq_before(from, seg->start))
		return 0;
	return seg->edit >= c->stream->edits ||
	       !seq_before(edit_at(c->stream, seg->edit)->start, until);
}

struct summing {
	struct payload *payload;
	struct scratch *s;
};

#define SUM_CHUNK 512 /* the helper's limit before 6.13 */

static long sum_chunk(__u32 i, struct summing *c)
{
	__u32 off = i * SUM_CHUNK, len;

	if (off >= c->s->sum_len)
		return 1;
	len = (c->s->sum_len - off + 3) & ~3U; /* padded with zeros */
	if (len > SUM_CHUNK)
		len = SUM_CHUNK;
	barrier_var(len);
	if (len > SUM_CHUNK)
		return 1;
	off = bounded(off, PAYLOAD_LEN) & ~(SUM_CHUNK - 1U);
	c->s->sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)(c->payload->byte + off), len,
					 c->s->sum);
	return 0;
}

/* Internet checksum of a payload, added to `seed`; pads the buffer with zeros. */
static __always_inline __u32 payload_sum(struct scratch *s, struct payload *payload,
					 __u32 len, __u32 seed)
{
	struct summing c = { .payload = payload, .s = s };

	__u32 i;

	for (i = 0; i < 3 && (len + i) & 3; i++)
		payload->byte[bounded(len + i, PAYLOAD_LEN)] = 0;
	s->sum_len = len;
	s->sum = seed;
	bpf_loop(PAYLOAD_LEN / SUM_CHUNK, sum_chunk, &c, 0);
	return s->sum;
}

/*
 * Replaces the packet's payload by what the receiver gets for [seg->at, until),
 * as far as it fits: seg->at is then the end of it. GO_ON or FTPNAT_WRITE.
 */
static __noinline int segment_compose(struct scan *c, __u32 until)
{
	struct packet *p = &c->s->packet;
	struct segment *seg = &c->s->segment;
	__u32 len, old;

	seg->until = until;
	seg->out_len = 0;
	seg->text_done = 0;
	bpf_loop(MAX_RUNS, compose_run, c, 0);

	len = seg->out_len;
	old = seg->in_sum;
	seg->in_sum = payload_sum(c->s, c->out, len, 0);
	if (bpf_skb_change_tail(c->skb, p->payload + len, 0))
		return FTPNAT_WRITE;
	if (len && bpf_skb_store_bytes(c->skb, p->payload, c->out->byte,
				       bounded_len(len, PAYLOAD_LEN), 0))
		return FTPNAT_WRITE;
	if (fix_tcp_csum(c->skb, p, fold32((__u64)seg->in_sum + (__u32)~old)) ||
	    write_ip_len(c->skb, p, p->payload - ETH_HLEN + len))
		return FTPNAT_WRITE;
	p->len = len;
	return GO_ON;
}

#define MAX_PARTS 128

/* Is there more behind seg->at that a part can take? Of an edit all or nothing. */
static __always_inline int part_follows(struct scan *c)
{
	struct segment *seg = &c->s->segment;
	struct ftpnat_edit *e = edit_at(c->stream, seg->edit);

	if (seg->at == seg->end_of_parts)
		return 0;
	if (seg->edit >= c->stream->edits || seq_before(seg->at, e->start))
		return 1;
	return !seq_before(seg->end_of_parts, e->start + e->old_len) &&
	       e->new_len <= seg->limit;
}

static long send_part(__u32 i, struct scan *c)
{
	struct packet *p = &c->s->packet;
	struct segment *seg = &c->s->segment;
	__u8 flags = seg->tcp_flags & ~(TH_FIN | TH_PSH);
	int sent;

	if (i)
		flags &= ~TH_CWR; /* RFC 3168 section 6.1.2 */
	seg->broken = 1;
	if (segment_compose(c, seg->end_of_parts) != GO_ON)
		return 1;
	seg->broken = 0;
	if (!seg->out_len || !part_follows(c) || i == MAX_PARTS - 1)
		return 1;
	seg->broken = 1;
	if (write_flags(c->skb, p, flags) ||
	    write_headers(c->skb, p, &c->s->to, seg->seq, seg->ack) ||
	    options_write(c->skb, p, &c->s->options))
		return 1;
	sent = send_copy(c->skb, c->s, seg->way, seg->egress);
	seg->broken = sent < 0;
	if (sent <= 0)
		return 1;
	count(FTPNAT_SPLIT);
	seg->seq += seg->out_len;
	return 0;
}

/*
 * Gives the receiver [from, until) in place of the packet's payload. What grows
 * too long for one segment, and a GSO frame whose length changes, leaves in parts,
 * of which the last is this packet. What can't be sent so is left to retransmission,
 * and the FIN with it. GO_ON with seg->seq of the packet, or FTPNAT_WRITE.
 */
static __noinline int segment_replace(struct scan *c, __u32 from, __u32 until)
{
	struct packet *p = &c->s->packet;
	struct segment *seg = &c->s->segment;
	__u32 options = p->payload - p->l4 - sizeof(struct tcphdr);
	__u32 gso = c->skb->gso_size;

	seg->at = from;
	seg->limit = (gso ? gso : p->len) + SEGMENT_ROOM;
	if (c->mss > options && seg->limit > c->mss - options)
		seg->limit = c->mss - options;
	if (seg->limit > PAYLOAD_LEN)
		seg->limit = PAYLOAD_LEN;
	/* longer ones are GSO frames, whose checksum is still to be computed */
	seg->in_sum = p->len > PAYLOAD_LEN ? 0 : payload_sum(c->s, c->in, p->len, 0);
	seg->end_of_parts = until;
	seg->broken = 0;
	bpf_loop(MAX_PARTS, send_part, c, 0);
	if (seg->broken || write_flags(c->skb, p, seg->tcp_flags))
		return FTPNAT_WRITE;
	return GO_ON;
}

#endif
