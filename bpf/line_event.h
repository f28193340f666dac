/* SPDX-License-Identifier: GPL-2.0-only */
/* The event of a line: as it came, and what is sent instead. */
#ifndef FTPNAT_BPF_LINE_EVENT_H
#define FTPNAT_BPF_LINE_EVENT_H

#include "edit.h"
#include "events.h"
#include "policy.h"

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
	__u64 verb = policy_verb(parser);
	__u32 i, len = 0;

	__builtin_memset(e->line, 0, sizeof(e->line));
	for (i = 0; i < FTP_VERB_LEN; i++) {
		e->line[i] = (__u8)(verb >> 8 * i);
		if (e->line[i])
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

#endif
