/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A line whose end has not come: may it still have to be changed, is it held back, refused
 * as it is, or taken out.
 */
#ifndef FTPNAT_BPF_LINE_UNFINISHED_H
#define FTPNAT_BPF_LINE_UNFINISHED_H

#include "line_end.h"

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

#endif
