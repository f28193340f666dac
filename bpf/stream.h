/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stream edit log: what keeps both ends of a control connection in step
 * although lines changed their length between them. Pure functions over struct
 * ftpnat_stream and its log. Sequence arithmetic is modulo 2^32.
 *
 * An edit is atomic: the segment that holds its last byte carries all of its
 * replacement, a segment that ends before that carries none of it, and an ACK
 * inside a replacement acknowledges nothing of it. Bytes held back from the
 * receiver count as an edit whose replacement is not there yet.
 */
#ifndef FTPNAT_BPF_STREAM_H
#define FTPNAT_BPF_STREAM_H

#include "tcp.h"

static __always_inline struct ftpnat_edit *edit_at(const struct ftpnat_stream *s,
						   struct ftpnat_log *log, __u32 i)
{
	return &log->edit[bounded(s->first + i, FTPNAT_MAX_EDITS)];
}

static __always_inline __u32 held_from(const struct ftpnat_stream *s)
{
	return s->next - s->held_len;
}

/* See stream_map(). */
__noinline __u32 stream_map_edits(struct ftpnat_stream *s, struct ftpnat_log *log,
				  __u32 seq)
{
	__u32 growth, i;

	if (!s || !log)
		return seq;
	growth = s->base;
	for (i = 0; i < FTPNAT_MAX_EDITS; i++) {
		struct ftpnat_edit *e = edit_at(s, log, i);

		if (i >= s->edits || !seq_before(e->start, seq))
			return seq + growth;
		if (seq_before(seq, e->start + e->old_len))
			return e->start + growth;
		growth += (__u32)e->new_len - e->old_len;
	}
	return seq + growth;
}

/* Sender's sequence number -> receiver's; inside an edit: the start of its replacement. */
static __always_inline __u32 stream_map(struct ftpnat_stream *s, struct ftpnat_log *log,
					__u32 seq)
{
	return s->edits ? stream_map_edits(s, log, seq) : seq + s->base;
}

/* The same for a sequence number that may lie within or behind held bytes. */
static __always_inline __u32 stream_map_held(struct ftpnat_stream *s,
					     struct ftpnat_log *log, __u32 seq)
{
	if (s->held_len && !s->fin && seq_before(held_from(s), seq))
		seq = seq_before(s->next, seq) ? seq - s->held_len : held_from(s);
	return stream_map(s, log, seq);
}

/* Receiver's: where the next byte of the sender goes, after all that went on. */
static __always_inline __u32 stream_said(struct ftpnat_stream *s, struct ftpnat_log *log)
{
	return s->fin ? stream_map(s, log, s->next) + 1 :
			stream_map(s, log, held_from(s));
}

/* See stream_unmap(). */
__noinline __u32 stream_unmap_edits(struct ftpnat_stream *s, struct ftpnat_log *log,
				    __u32 seq, bool up)
{
	__u32 growth, i;

	if (!s || !log)
		return seq;
	growth = s->base;
	for (i = 0; i < FTPNAT_MAX_EDITS; i++) {
		struct ftpnat_edit *e = edit_at(s, log, i);

		if (i >= s->edits || !seq_before(e->start + growth, seq))
			return seq - growth;
		if (seq_before(seq, e->start + growth + e->new_len))
			return up ? e->start + e->old_len : e->start;
		growth += (__u32)e->new_len - e->old_len;
	}
	return seq - growth;
}

/*
 * Receiver's sequence number -> sender's, for ACK numbers and the edges of SACK
 * blocks. Inside a replacement: the start of the edit, or its end if `up`.
 */
static __always_inline __u32 stream_unmap(struct ftpnat_stream *s, struct ftpnat_log *log,
					  __u32 seq, bool up)
{
	return s->edits ? stream_unmap_edits(s, log, seq, up) : seq - s->base;
}

/* An ACK number of the receiver, as the sender must see it. */
static __always_inline __u32 stream_unmap_ack(struct ftpnat_stream *s,
					      struct ftpnat_log *log, __u32 ack)
{
	__u32 seq = stream_unmap(s, log, ack, false);

	/*
	 * held bytes are acknowledged with the bytes before them, unless the peers of a
	 * cluster don't know them yet; an ACK is never taken back
	 */
	if (s->held_len && seq == held_from(s) &&
	    seq_before(s->taken, s->next - s->unknown))
		s->taken = s->next - s->unknown;
	return seq_before(seq, s->taken) ? s->taken : seq;
}

/* Drops the edits that are acknowledged completely. */
__noinline int stream_drop_edits(struct ftpnat_stream *s, struct ftpnat_log *log)
{
	__u32 i;

	if (!s || !log)
		return 0;
	for (i = 0; i < FTPNAT_MAX_EDITS; i++) {
		struct ftpnat_edit *e = edit_at(s, log, 0);

		if (!s->edits || seq_before(s->acked, e->start + s->base + e->new_len))
			return 0;
		s->base += (__u32)e->new_len - e->old_len;
		s->text_used -= e->new_len;
		s->first++;
		s->edits--;
	}
	return 0;
}

/* Records the receiver's ACK and drops the edits that it covers completely. */
static __always_inline void stream_acked(struct ftpnat_stream *s, struct ftpnat_log *log,
					 __u32 ack)
{
	if (seq_before(s->acked, ack))
		s->acked = ack;
	if (s->edits)
		stream_drop_edits(s, log);
}

/* Is there room for one more edit whose replacement has `len` bytes? */
static __always_inline bool stream_has_room(const struct ftpnat_stream *s, __u32 len)
{
	return s->edits < FTPNAT_MAX_EDITS && s->text_used + len <= FTPNAT_TEXT_LEN;
}

#endif
