/* SPDX-License-Identifier: GPL-2.0-only */
/* The payload of a segment of a control connection: read, held back, or replaced. */
#ifndef FTPNAT_BPF_CONTROL_PAYLOAD_H
#define FTPNAT_BPF_CONTROL_PAYLOAD_H

#include "control_answer.h"
#include "record.h"

/*
 * A segment with payload, or the FIN after held bytes. GO_ON with seg->send.seq for the
 * receiver, or the reason why nothing of it is forwarded.
 */
static __always_inline enum ftpnat_reason control_payload(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct packet *p = &c->s->packet;
	struct segment *seg = &c->s->segment;
	bool fin = p->flags & TH_FIN;
	__u32 from, until;
	enum ftpnat_reason verdict;

	/* only now: memory for what its receiver discards would be anybody's to take */
	if (!logs_take(c, p->len && !stream->tls))
		return FTPNAT_NO_MEMORY;
	seg->start = p->seq;
	seg->end = p->seq + p->len;
	/* what is lost before it may hold an address line that moves it */
	if (seq_before(stream->next, p->seq) && stream->tls != FTPNAT_TLS_LOST)
		return FTPNAT_AHEAD;
	line_prepare(c->session);
	verdict = segment_scan(c);
	if (clustered())
		stream->unknown += stream->next - seg->scan.first;
	if (verdict != GO_ON)
		return verdict;
	if (fin && seg->end == stream->next)
		stream->fin = 1;
	if (clustered() && c->s->waits) {
		c->s->waits = false;
		verdict = record_tell(c->skb, seg->session, true, true, c->s->record_has);
		if (verdict != GO_ON)
			return verdict;
	}

	if (clustered() && seq_before(stream->next - stream->unknown, seg->end))
		stream->unknown = stream->next - seg->end;
	from = seg->start;
	until = seg->end;
	if (stream->held_len) {
		if (stream->fin) {
			/* no more will come: held bytes go out before the FIN */
			if (seq_before(held_from(stream), from))
				from = held_from(stream);
		} else if (seq_before(held_from(stream), until)) {
			until = held_from(stream);
		}
	}
	seg->send.seq = stream_map(stream, c->log, from);
	if (!seq_before(from, until)) {
		if (fin)
			return GO_ON;
		if (!stream->window && !seq_before(stream->taken, seg->end))
			return ask(c); /* we would not know when it opens */
		return held(c, held_from(stream), stream->next - stream->unknown);
	}
	if (segment_untouched(c, from, until) && until == seg->start + c->s->segment.len)
		return GO_ON;
	verdict = segment_replace(c, from, until);
	if (verdict != GO_ON)
		return verdict;
	if (!seg->compose.len)
		return held(c, from,
			    seg->start + c->s->segment.len); /* cut inside an edit */
	if (fin && seg->compose.at != seg->start + c->s->segment.len &&
	    write_flags(c->skb, p, p->flags & ~TH_FIN))
		return FTPNAT_WRITE;
	return GO_ON;
}

#endif
