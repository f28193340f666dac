/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bytes of a stream that its receiver has not acknowledged, as they were parsed. A
 * sender that says something else in a retransmission could make its receiver read other
 * lines than we did: such a segment is dropped. No sender has more bytes on the way than
 * are kept, because no larger window is advertised to it.
 */
#ifndef FTPNAT_BPF_KEPT_H
#define FTPNAT_BPF_KEPT_H

#include "payload.h"

/* The first byte that is kept, or would be. */
static __always_inline __u32 kept_from(const struct ftpnat_stream *s)
{
	return s->kept_len ? s->kept : s->next;
}

/* Is there room for what the sender says up to `end`? */
static __always_inline bool kept_fits(const struct ftpnat_stream *s, __u32 end)
{
	return !seq_before(kept_from(s) + FTPNAT_KEPT_LEN, end);
}

/* The receiver has acknowledged what is in front of the sender's `seq`. */
__noinline int kept_release(struct ftpnat_stream *s, __u32 seq)
{
	__u32 acked;

	if (!s || !s->kept_len || !seq_before(s->kept, seq))
		return 0;
	acked = seq - s->kept;
	if (acked > s->kept_len)
		acked = s->kept_len;
	s->kept += acked;
	s->kept_len -= (__u16)acked;
	return 0;
}

/*
 * The shift of windows (RFC 7323 section 2) that the other end gets in place of this one:
 * no unit is larger than what is kept.
 */
static __always_inline __u8 shift_lowered(__u8 shift)
{
	return shift < FTPNAT_KEPT_SHIFT ? shift : FTPNAT_KEPT_SHIFT;
}

/* A window of so many bytes in units of 1 << shift: not more, and as the header has room. */
static __always_inline __u16 window_units(__u32 bytes, __u8 shift)
{
	bytes >>= shift & 15;
	return bytes < TCP_WINDOW_MAX ? (__u16)bytes : TCP_WINDOW_MAX;
}

/* Bytes of a window that the sender of direction `dir` has advertised. */
static __always_inline __u32 window_bytes(const struct ftpnat_session *session, __u32 dir,
					  __u16 window)
{
	return (__u32)window << (session->wscale[dir & 1] & 15);
}

/*
 * The window to advertise to the sender of a stream with `ack`, its first byte that is not
 * acknowledged: not above the receiver's own one, in units of 1 << shift.
 */
static __always_inline __u16 kept_window(const struct ftpnat_stream *s, __u8 shift,
					 __u32 ack, __u32 bytes)
{
	__u32 room = kept_from(s) + FTPNAT_KEPT_LEN - ack;

	if (s->tls || bytes <= room)
		return window_units(bytes, shift);
	room >>= shift & 15;
	return room ? (__u16)room : 1;
}

/*
 * The window to advertise to the sender of the stream of this direction, whose receiver has
 * advertised `window`. That is noted: a receiver may take back what it has offered, and then
 * discards it (RFC 9293 section 3.8.6); what an older ACK says only adds to it.
 */
__noinline __u32 stream_window(struct ftpnat_session *session, __u32 dir, __u32 ack,
			       __u16 window, bool newest)
{
	struct ftpnat_stream *stream;
	__u32 bytes;

	if (!session)
		return window;
	stream = &session->stream[dir & 1];
	bytes = window_bytes(session, !(dir & 1), window);
	if (newest || !stream->heard || seq_before(stream->edge, ack + bytes))
		stream->edge = ack + bytes;
	stream->heard = 1;
	if (session->flags & FTPNAT_SESSION_TRACKED)
		return window;
	return kept_window(stream, session->told[!(dir & 1)], ack, bytes);
}

/* A run of the bytes in front of stream->next that are not kept yet. */
static long keep_run(__u32 i, struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	__u32 from = stream->kept + stream->kept_len, len = stream->next - from;
	__u32 to = bounded(from, FTPNAT_KEPT_LEN);
	__u32 at = bounded(from - c->s->segment.start, PAYLOAD_LEN), over;
	const struct payload *piece = piece_at(c, from - c->s->segment.start);

	(void)i;
	if (!piece || !len)
		return 1;
	if (len > KEPT_RUN)
		len = KEPT_RUN;
	if (len > FTPNAT_KEPT_LEN - to)
		len = FTPNAT_KEPT_LEN - to;
	if (len > PAYLOAD_LEN - at)
		len = PAYLOAD_LEN - at;
	bpf_probe_read_kernel(c->log->kept + to, bounded_len(len, KEPT_RUN),
			      piece->byte + at);
	stream->kept_len += (__u16)len;
	if (stream->kept_len <= FTPNAT_KEPT_LEN)
		return 0;
	/* of a track rule, whose windows are left alone: the oldest are forgotten */
	over = stream->kept_len - FTPNAT_KEPT_LEN;
	stream->kept += over;
	stream->kept_len -= (__u16)over;
	return 0;
}

#define KEEP_RUNS (PAYLOAD_PIECES * PAYLOAD_LEN / KEPT_RUN + 2 * PAYLOAD_PIECES)

/* Keeps the bytes of the segment from `fresh` on that have been parsed. */
static __always_inline void keep(struct scan *c, __u32 fresh)
{
	struct ftpnat_stream *stream = c->stream;

	if (stream->tls)
		return;
	if (!stream->kept_len)
		stream->kept = fresh;
	bpf_loop(KEEP_RUNS, keep_run, c, 0);
}

/* Byte i of what is kept and in the segment, too: 1 where they differ. */
static long differing_byte(__u32 i, struct scan *c)
{
	struct segment *seg = &c->s->segment;
	__u32 seq = seg->overlap.from + i;
	const struct payload *piece = piece_at(c, seq - c->s->packet.seq);

	if (!seq_before(seq, seg->overlap.until))
		return 1;
	seg->overlap.differs =
		!piece || piece->byte[bounded(seq - c->s->packet.seq, PAYLOAD_LEN)] !=
				  c->log->kept[bounded(seq, FTPNAT_KEPT_LEN)];
	return seg->overlap.differs;
}

/* Does a segment say something else than one before it, which may have been lost? */
static __always_inline bool kept_differs(struct scan *c)
{
	const struct ftpnat_stream *stream = c->stream;
	const struct packet *p = &c->s->packet;
	struct overlap *overlap = &c->s->segment.overlap;

	overlap->from = p->seq;
	overlap->until = p->seq + p->len;
	overlap->differs = false;
	if (!stream->kept_len || !c->log)
		return false;
	if (seq_before(overlap->from, stream->kept))
		overlap->from = stream->kept;
	if (seq_before(stream->kept + stream->kept_len, overlap->until))
		overlap->until = stream->kept + stream->kept_len;
	bpf_loop(FTPNAT_KEPT_LEN, differing_byte, c, 0);
	return overlap->differs;
}

#endif
