/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The payload of one control segment: its new bytes are fed to the grammar, complete
 * lines to the session, and replacements go into the edit log. A retransmission has
 * nothing new and goes directly to compose.h.
 */
#ifndef FTPNAT_BPF_SEGMENT_H
#define FTPNAT_BPF_SEGMENT_H

#include "kept.h"
#include "line_unfinished.h"
#include "logs.h"
#include "tls.h"

/*
 * The most that a segment may grow: a held start of a line and some edits. The
 * MSS of control connections is lowered by it.
 */
#define SEGMENT_ROOM 320

#define SKIP_RUN 16

/* Skips bytes that the grammar ignores: those after `offset`, up to the LF. */
static __always_inline void skip_bytes(struct scan *c, const struct payload *piece,
				       __u32 offset)
{
	struct ftpnat_stream *stream = c->stream;
	__u32 left = c->s->segment.end - stream->next, i;
	__u8 last = 0;

	if (stream->parser.unended >= FTP_OVERLONG - 2 * SKIP_RUN &&
	    c->s->segment.dir == FTPNAT_FROM_CLIENT)
		return;
	for (i = 0; i < SKIP_RUN && i < left; i++) {
		offset = bounded(offset + 1, PAYLOAD_LEN);
		if (!offset || piece->byte[offset] == '\n')
			break; /* in the next piece, or the line's end */
		last = piece->byte[offset];
	}
	if (i)
		ftp_skip(&stream->parser, i, last);
	stream->next += i;
}

static long scan_byte(__u32 i, struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	__u32 offset = stream->next - seg->start;
	const struct payload *piece;
	bool done, overlong;
	__u8 byte;

	(void)i;
	if (stream->next == seg->end)
		return 1;
	piece = piece_at(c, offset);
	if (!piece)
		return 1;
	byte = piece->byte[bounded(offset, PAYLOAD_LEN)];
	overlong = seg->dir == FTPNAT_FROM_CLIENT &&
		   ftp_overlong_verb(&stream->parser, byte);
	done = feed_byte(&stream->parser, byte, seg->dir);
	stream->next++;
	if (overlong) {
		line_overlong(c);
		if (seg->scan.full)
			return 1;
	} else if (done) {
		line_end(c);
		if (seg->scan.full)
			return 1;
		if (stream->tls == FTPNAT_TLS_LOST)
			stream->next = seg->end; /* no FTP */
		ftp_line_start(&stream->parser);
		seg->scan.line = stream->next;
		stream->reply = stream->parser.reply;
		stream->dropping = 0;
	} else if (seg->scan.releasing && line_stays(c)) {
		return 0;
	} else if (seg->scan.releasing && !line_undecided(c)) {
		if (line_must_break(c))
			line_break(c);
		else
			release_held(c);
		if (seg->scan.full)
			return 1;
	} else if (!seg->scan.releasing && ftp_skips(&stream->parser)) {
		skip_bytes(c, piece, offset);
	}
	return 0;
}

/* The whole line at seg->scan.line has to come again: as if the segment had ended before it. */
static __noinline enum ftpnat_reason line_repeat(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;

	seg->scan.releasing = false;
	if (seq_before(seg->scan.line, seg->scan.fresh)) {
		stream->parser = seg->scan.before;
		stream->held_len = seg->scan.held_len;
		stream->next = seg->scan.fresh;
		edit_undo(c->stream, c->log);
		return FTPNAT_LOG_FULL;
	}
	ftp_line_start(&stream->parser);
	stream->parser.reply = stream->reply;
	stream->next = seg->scan.line;
	seg->end = seg->scan.line;
	edit_undo(c->stream, c->log);
	if (!seq_before(seg->start, seg->end))
		return FTPNAT_LOG_FULL;
	count(FTPNAT_LOG_FULL); /* of its end */
	return GO_ON;
}

/* After the segment's last byte: what becomes of the unfinished line, if there is one. */
static __noinline int line_left(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	__u32 policy = c->s->policy.has ? line_unfinished(c) : POLICY_PASSES, owned;
	bool hold = line_undecided(c) &&
		    (seg->scan.releasing || !seq_before(seg->scan.line, seg->scan.fresh));

	if (policy != POLICY_PASSES)
		hold = policy == POLICY_WAITS;
	if (c->s->packet.flags & TH_URG)
		hold = false;
	if (policy == POLICY_DROPS)
		line_drop(c);
	else if (!hold && line_must_break(c))
		line_break(c);
	if (seg->scan.full)
		return 0;
	if (c->s->packet.flags & TH_URG) {
		/* the mark would be lost with the segment (Telnet Synch before ABOR) */
		if (seg->scan.releasing)
			release_held(c);
	} else if (hold) {
		owned = line_owned(c);
		stream->held_len = (__u16)(stream->next - owned);
		seg->scan.held_from = owned;
		/* Nagle's rule: the rest comes once the bytes before are acknowledged */
		seg->send.twice = c->s->packet.flags & TH_PSH &&
				  seq_before(seg->start, seg->scan.line);
	}
	return 0;
}

/* Parses the segment from seg->scan.fresh on, as segment_scan(). */
static __always_inline enum ftpnat_reason lines_scan(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;

	seg->scan.before = stream->parser;
	stream->held_len = 0;
	bpf_loop((seg->end - stream->next) & 0xffff, scan_byte, c, 0);
	if (seg->dir == FTPNAT_FROM_CLIENT && stream->parser.length &&
	    ftp_has_argument(stream->parser.line.command))
		transfer_collect(c); /* of a line that isn't complete yet */
	if (!seg->scan.full)
		line_left(c);
	return seg->scan.full ? line_repeat(c) : GO_ON;
}

/*
 * A segment under TLS: nothing is parsed, held bytes leave with the next byte. True: lines
 * begin again at stream->next.
 */
static __noinline bool tls_scan(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	bool clear = tls_follow(c->skb, stream);

	stream->next++;
	if (seg->scan.releasing && stream->next - seg->start == 1)
		release_held(c);
	stream->held_len = 0;
	stream->next = seg->end;
	if (seg->dir == FTPNAT_FROM_SERVER)
		tls_claim(c->session, seg->session);
	if (!clear)
		return false;
	tls_end(c->session);
	ftp_line_start(&stream->parser);
	stream->parser.reply = 0;
	stream->reply = 0;
	stream->next = stream->tls_record;
	stream->kept_len = 0;
	seg->scan.releasing = false;
	seg->scan.line = stream->next;
	seg->scan.fresh = stream->next;
	seg->scan.held_from = stream->next;
	seg->scan.held_len = 0;
	return true;
}

/* `tls: deny`: nothing of a ClientHello reaches the server, see session_hello_refuse(). */
static __always_inline void hello_refuse(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	__u32 len = seg->end - stream->next;

	session_hello_refuse(c->session);
	seg->edit.text_len = seg->outcome.text_len;
	seg->edit.from = stream->next;
	seg->edit.to = seg->end;
	seg->edit.text_from = stream->next;
	seg->edit.text_to = seg->end;
	stream->next = seg->end;
	edit_add(c);
	event_line(c, true);
	keep(c, seg->scan.fresh);
	/* what follows is of no interest */
	stream->parser.state = FTP_STATE_SKIP;
	stream->parser.length = (__u16)(len < FTP_LENGTH_MAX ? len : FTP_LENGTH_MAX);
}

/* The first bytes of the client. True: they are refused, and done with. */
static __noinline bool client_begins(struct scan *c, __u32 fresh)
{
	c->session->flags |= FTPNAT_SESSION_SPOKEN;
	if (c->s->policy.has & POLICY_NO_TLS) {
		if (!policy_is_tls(raw_byte(c, c->stream->next)))
			return false;
		hello_refuse(c);
		return true;
	}
	if (tls_hello(c->session, c->in, fresh))
		c->session->flags |= FTPNAT_SESSION_HELLO;
	return false;
}

/*
 * Parses the new bytes of the segment and decides which are held back. GO_ON, or the
 * reason why nothing of the segment can be forwarded.
 */
static __always_inline enum ftpnat_reason segment_scan(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	__u32 fresh = seg->end - stream->next;
	enum ftpnat_reason verdict;

	seg->scan.full = false;
	seg->scan.first = stream->next;
	seg->scan.fresh = stream->next;
	seg->scan.held_len = stream->held_len;
	seg->scan.held_from = held_from(stream);
	seg->scan.line = stream->next - stream->parser.length;
	seg->scan.releasing = stream->held_len > 0;
	if ((__s32)fresh <= 0)
		return GO_ON;
	if (seg->dir == FTPNAT_FROM_CLIENT &&
	    !(c->session->flags & FTPNAT_SESSION_SPOKEN) && client_begins(c, fresh))
		return GO_ON;
	if (seg->dir == FTPNAT_FROM_SERVER && c->session->flags & FTPNAT_SESSION_HELLO)
		tls_answer(c->session, raw_byte(c, stream->next));
	if (stream->tls) {
		if (!tls_scan(c))
			return GO_ON;
		if (!logs_take(c, true))
			return FTPNAT_NO_MEMORY;
	}
	verdict = lines_scan(c);
	keep(c, seg->scan.fresh);
	return verdict;
}

#endif
