/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The payload of one control segment: its new bytes are fed to the grammar, complete
 * lines to the session, and replacements go into the edit log. A retransmission has
 * nothing new and goes directly to compose.h.
 */
#ifndef FTPNAT_BPF_SEGMENT_H
#define FTPNAT_BPF_SEGMENT_H

#include "edit.h"
#include "events.h"
#include "kept.h"
#include "lines.h"
#include "logs.h"
#include "policy.h"
#include "tls.h"

/*
 * The most that a segment may grow: a held start of a line and some edits. The
 * MSS of control connections is lowered by it.
 */
#define SEGMENT_ROOM 320

/* Byte i of the line at seg->scan.line, for its event. */
static long shown_byte(__u32 i, struct scan *c)
{
	struct scratch *s = c->s;

	if (i >= sizeof(s->shown_line))
		return 1;
	s->shown_line[bounded(i, sizeof(s->shown_line))] =
		raw_byte(c, s->segment.scan.line + i);
	return 0;
}

/* Nothing is shown of the line but its verb. */
static __always_inline void event_verb_only(struct ftpnat_line_event *e,
					    const struct ftp_parser *parser)
{
	__u32 i, len = 0;

	__builtin_memset(e->line, 0, sizeof(e->line));
	for (i = 0; i < FTP_VERB_LEN; i++) {
		e->line[i] = parser->verb[i];
		if (parser->verb[i])
			len = i + 1;
	}
	e->line_from = 0;
	e->line_len = (__u16)len;
	e->span_start = 0;
	e->span_len = (__u16)len;
}

/*
 * Reports the line [seg->scan.line, stream->next): as received, and the part that is
 * replaced.
 */
static __noinline int event_line(struct scan *c, bool whole)
{
	struct ftpnat_line_event *e = &c->s->event.line;
	struct segment *seg = &c->s->segment;
	const struct ftp_line *line = &c->stream->parser.line;
	const struct payload *piece;
	__u32 shown = seg->scan.line;

	if (!seg->scan.releasing && seq_before(shown, seg->start))
		shown = seg->start; /* what came in earlier segments isn't kept */
	piece = piece_at(c, shown - seg->start);
	if (!event_begin(c->s, seg->outcome.why))
		return 0;
	c->s->event.is_line = true;
	e->event.session = seg->session;
	e->event.client = c->session->client;
	e->event.server = c->session->server;
	e->event.rule = c->session->rule;
	e->event.kind = FTPNAT_CONTROL;
	e->event.dir = seg->dir;
	e->line_len = (__u16)c->stream->parser.length;
	e->line_from = (__u16)(shown - seg->scan.line);
	e->span_start = whole ? 0 : line->span_start;
	e->span_len = whole ? e->line_len : line->span_len;
	e->text_len = (__u16)seg->outcome.text_len;
	bpf_probe_read_kernel(e->text, sizeof(e->text), seg->outcome.text);
	if (seg->scan.releasing) {
		bpf_loop(c->stream->parser.length, shown_byte, c, 0);
		bpf_probe_read_kernel(e->line, sizeof(e->line), c->s->shown_line);
	} else if (piece) {
		bpf_probe_read_kernel(e->line, sizeof(e->line),
				      piece->byte +
					      bounded(shown - seg->start, PAYLOAD_LEN));
	}
	if (seg->outcome.secret)
		event_verb_only(e, &c->stream->parser);
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	event_send();
	return 0;
}

static __always_inline bool has_address(const struct ftp_line *line)
{
	return line->form == FTP_FORM_ADDRESS || line->form == FTP_FORM_AMBIGUOUS;
}

/* The first byte of the line at hand that the receiver hasn't got. */
static __always_inline __u32 line_owned(const struct scan *c)
{
	const struct segment *seg = &c->s->segment;

	if (seg->scan.releasing)
		return seg->scan.held_from;
	return seq_before(seg->scan.line, seg->scan.fresh) ? seg->scan.fresh :
							     seg->scan.line;
}

/* What policy says of the line at hand, finished or not: POLICY_* or the refusal. */
static __noinline __u32 line_policy(struct scan *c)
{
	if (!c->s->policy.has)
		return POLICY_PASSES;
	if (c->s->segment.dir == FTPNAT_FROM_SERVER)
		return policy_of_reply(c->stream, c->s);
	return policy_asks(c->session);
}

/* Of what policy refuses, a part has left: only while nobody knows whether it is TLS. */
static __noinline bool line_is_late(struct scan *c)
{
	const struct segment *seg = &c->s->segment;

	return c->s->policy.has && c->session->flags & FTPNAT_SESSION_HELLO &&
	       seg->dir == FTPNAT_FROM_CLIENT && !seg->scan.releasing &&
	       !c->stream->dropping && seq_before(seg->scan.line, seg->scan.fresh) &&
	       line_policy(c) > POLICY_WAITS;
}

/* Enters into the log what the receiver gets instead of the line at hand, or of its address. */
static __noinline int line_replace(struct scan *c, bool whole)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	const struct ftp_line *line = &stream->parser.line;

	/* of a line whose start has left already, only a reply would still be replaced */
	if (whole && !seg->outcome.drops && !seg->scan.releasing &&
	    seq_before(seg->scan.line, seg->scan.fresh))
		seg->outcome.text_len = 0;
	if (seg->outcome.why)
		event_line(c, whole);
	if (!seg->outcome.text_len && !seg->scan.releasing && !seg->outcome.drops)
		return 0;
	seg->edit.text_len = seg->outcome.text_len;
	if (seg->outcome.drops) {
		seg->edit.text_from = line_owned(c);
		seg->edit.text_to = stream->next;
	} else if (whole || !seg->outcome.text_len) {
		seg->edit.text_from = seg->outcome.text_len ? seg->scan.line :
							      stream->next;
		seg->edit.text_to = stream->next;
	} else {
		seg->edit.text_from = seg->scan.line + line->span_start;
		seg->edit.text_to = seg->edit.text_from + line->span_len;
	}
	if (seg->scan.releasing) {
		seg->edit.from = seg->scan.held_from;
		seg->edit.to = stream->next;
	} else {
		seg->edit.from = seg->edit.text_from;
		seg->edit.to = seg->edit.text_to;
	}
	seg->scan.releasing = false;
	edit_add(c);
	return 0;
}

/* The line [seg->scan.line, stream->next) is complete. */
static __always_inline void line_end(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	const struct ftp_line *line = &stream->parser.line;
	bool client = seg->dir == FTPNAT_FROM_CLIENT;
	bool whole;

	/* an address whose start has left can't be replaced any more */
	if (has_address(line) && !seg->scan.releasing &&
	    !(c->session->flags & FTPNAT_SESSION_TRACKED) &&
	    seq_before(seg->scan.line + line->span_start, seg->scan.fresh)) {
		if (c->session->flags & FTPNAT_SESSION_HELLO) {
			seg->scan.full =
				true; /* nobody who speaks TLS writes such a line */
			return;
		}
		stream->parser.line.form = FTP_FORM_MALFORMED;
	}
	if (line_is_late(c)) {
		seg->scan.full = true;
		return;
	}
	/* an expectation opened for a line that can't be changed would be the wrong one */
	if ((seg->scan.releasing || has_address(line) || c->s->policy.has ||
	     (client &&
	      (line->command == FTP_COMMAND_AUTH || session_crosses(c->session))) ||
	     (!client && awaits_any(c->session))) &&
	    !stream_has_room(stream, FTPNAT_HELD_LEN + sizeof(seg->outcome.text))) {
		seg->scan.full = true;
		return;
	}
	if (client && ftp_has_argument(line->command))
		transfer_collect(c);
	whole = client ? session_client_line(c->skb, c->session) :
			 session_server_line(c->skb, c->session);
	line_replace(c, whole);
}

/* May the unfinished line of the client still have to be changed? */
static __always_inline bool command_undecided(const struct scan *c)
{
	const struct ftp_parser *p = &c->stream->parser;

	return !(c->session->flags & FTPNAT_SESSION_TRACKED) &&
	       (ftp_may_become_command_address(p) ||
		(ftp_may_become_auth(p) && c->s->policy.has & POLICY_NO_TLS) ||
		(ftp_may_become_xlat(p) && session_crosses(c->session)));
}

/* May the unfinished line of the server have an address that the client waits for? */
static __always_inline bool reply_matters(const struct scan *c)
{
	return awaits_any(c->session) && ftp_may_become_reply_address(&c->stream->parser);
}

/*
 * May a client read an address in the unfinished line of the server? Not in text before a
 * reply's last line that has no digit yet.
 */
static __always_inline bool reply_undecided(const struct scan *c)
{
	const struct ftp_parser *p = &c->stream->parser;

	return !(c->session->flags & (FTPNAT_SESSION_TRACKED | FTPNAT_SESSION_HELLO)) &&
	       p->state != FTP_STATE_INSIDE && reply_matters(c);
}

/* May the unfinished line still have to be changed, and can it be held back? */
static __always_inline bool line_undecided(const struct scan *c)
{
	const struct ftp_parser *p = &c->stream->parser;

	if (!p->length || p->length >= FTPNAT_HELD_LEN ||
	    c->session->flags & (FTPNAT_SESSION_TRACKED | FTPNAT_SESSION_HELLO))
		return false;
	if (c->s->segment.dir == FTPNAT_FROM_CLIENT)
		return command_undecided(c);
	if (command_first(c->session) & COMMAND_REFUSED && !c->stream->reply)
		return true;
	return reply_matters(c);
}

/*
 * Does the unfinished line have to be refused now, since it goes on and nothing of it can
 * be replaced later? One that is too long to be held, or whose verb says that it matters.
 */
static __always_inline bool line_must_break(const struct scan *c)
{
	const struct ftp_parser *p = &c->stream->parser;

	if (c->s->segment.dir == FTPNAT_FROM_SERVER)
		return p->length >= FTPNAT_HELD_LEN && reply_undecided(c);
	return (p->line.command || p->length >= FTPNAT_HELD_LEN) && command_undecided(c);
}

/* Refuses the unfinished line. What is held of it and what is new leaves with that. */
static __noinline int line_break(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	const struct ftp_line *line = &stream->parser.line;
	__u32 from = seg->scan.line + line->span_start;
	bool begun = line->span_start || !line->command; /* what the server would read */
	bool reply = seg->dir == FTPNAT_FROM_SERVER && line->final;
	bool inside = seg->dir == FTPNAT_FROM_SERVER && !line->final;

	if (reply)
		from = seg->scan.line;
	if (inside && !seg->scan.releasing && seq_before(from, seg->scan.fresh))
		from = seg->scan.fresh;
	/* of a reply, the rest may not go on without its start */
	if ((reply && !seg->scan.releasing && seq_before(from, seg->scan.fresh)) ||
	    !stream_has_room(stream, FTPNAT_HELD_LEN + sizeof(seg->outcome.text))) {
		seg->scan.full = true;
		return 0;
	}
	if ((!begun && !inside) ||
	    (!seg->scan.releasing && seq_before(from, seg->scan.fresh)))
		from = stream->next;
	session_line_break(c->session);
	event_line(c, false);
	if (!seg->outcome.text_len) { /* of a 227 without a PASV */
		if (seg->scan.releasing)
			release_held(c);
		return 0;
	}
	seg->edit.text_len = seg->outcome.text_len;
	seg->edit.text_from = from;
	seg->edit.text_to = stream->next;
	seg->edit.from = seg->scan.releasing ? seg->scan.held_from : from;
	if (seg->edit.from == stream->next)
		seg->edit.from--; /* an edit of no bytes would never leave */
	seg->edit.to = stream->next;
	seg->scan.releasing = false;
	edit_add(c);
	return 0;
}

/*
 * A verb that pyftpdlib may read has just ended, in a line that is something else for
 * everybody: the blank behind it becomes another byte, or policy refuses the line.
 */
static __noinline int line_overlong(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;

	if (c->session->flags & FTPNAT_SESSION_TRACKED || stream->dropping)
		return 0;
	if (c->session->flags & FTPNAT_SESSION_HELLO ||
	    !stream_has_room(stream, FTPNAT_HELD_LEN + sizeof(seg->outcome.text))) {
		seg->scan.full = true;
		return 0;
	}
	if (c->s->policy.has & POLICY_VERBS) {
		stream->dropping = 1;
		return 0;
	}
	if (seg->scan.releasing || line_undecided(c))
		return line_break(c);
	line_begin(c->s);
	line_is(c->s, FTPNAT_LINE_AMBIGUOUS);
	refusal_write(seg, OVERLONG_BLANK);
	event_line(c, false);
	seg->edit.text_len = seg->outcome.text_len;
	seg->edit.from = stream->next - 1;
	seg->edit.to = stream->next;
	seg->edit.text_from = seg->edit.from;
	seg->edit.text_to = seg->edit.to;
	edit_add(c);
	return 0;
}

/* Takes out what has come of a line that policy refuses; at its end the rest follows. */
static __noinline int line_drop(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;

	if (!stream_has_room(stream, 0)) {
		seg->scan.full = true;
		return 0;
	}
	stream->dropping = 1;
	seg->edit.from = line_owned(c);
	seg->edit.to = stream->next;
	seg->edit.text_from = seg->edit.from;
	seg->edit.text_to = seg->edit.to;
	seg->edit.text_len = 0;
	seg->scan.releasing = false;
	if (seg->edit.from != seg->edit.to)
		edit_add(c);
	return 0;
}

/* May pyftpdlib take what follows in the line for one of its own, see ftp_overlong_verb()? */
static __always_inline bool line_is_unended(const struct scan *c)
{
	return c->s->segment.dir == FTPNAT_FROM_CLIENT &&
	       c->s->policy.has & POLICY_VERBS &&
	       !(c->session->flags & FTPNAT_SESSION_HELLO) &&
	       c->stream->parser.unended >= POLICY_LINE_MAX;
}

/*
 * What becomes of the unfinished line at hand by policy: POLICY_DROPS, WAITS or PASSES. One
 * that is too long to be held is refused.
 */
static __noinline __u32 line_unfinished(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	__u32 asked;

	if (!stream->parser.length)
		return POLICY_PASSES;
	if (stream->dropping || line_is_unended(c))
		return POLICY_DROPS;
	if (c->session->flags & FTPNAT_SESSION_HELLO)
		return POLICY_PASSES;
	asked = line_policy(c);
	if (asked > POLICY_WAITS ||
	    (asked == POLICY_WAITS && stream->parser.length >= FTPNAT_HELD_LEN))
		return POLICY_DROPS;
	return asked;
}

/* Does the held start of the line at hand stay here by policy, until lines_scan() or its end? */
static __noinline bool line_stays(struct scan *c)
{
	__u32 policy = c->s->policy.has ? line_unfinished(c) : POLICY_PASSES;

	if (policy == POLICY_DROPS)
		c->stream->dropping = 1;
	return policy != POLICY_PASSES;
}

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
		edit_undo(c);
		return FTPNAT_LOG_FULL;
	}
	ftp_line_start(&stream->parser);
	stream->parser.reply = stream->reply;
	stream->next = seg->scan.line;
	seg->end = seg->scan.line;
	edit_undo(c);
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
	stream->parser.length = seg->end - seg->scan.fresh;
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
