/* SPDX-License-Identifier: GPL-2.0-only */
/* A complete line of a control connection: what the receiver gets for it. */
#ifndef FTPNAT_BPF_LINE_END_H
#define FTPNAT_BPF_LINE_END_H

#include "lines.h"
#include "line_event.h"
#include "policy.h"

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
			seg->scan.full = true; /* not a line of TLS */
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
	if (client && ftp_transfers(line->command) && !seg->outcome.drops)
		whole = session_transfer_line(c->skb, c->session);
	line_replace(c, whole);
}

#endif
