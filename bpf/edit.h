/* SPDX-License-Identifier: GPL-2.0-only */
/* Edits of the segment at hand: how they get into the log, see stream.h. */
#ifndef FTPNAT_BPF_EDIT_H
#define FTPNAT_BPF_EDIT_H

#include "payload.h"
#include "stream.h"

#define EDIT_LONGEST 0xffff /* old_len has no room for more */

static long edit_byte(__u32 i, struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	__u32 before = seg->edit.text_from - seg->edit.from;
	__u8 byte;

	if (i < before)
		byte = raw_byte(c, seg->edit.from + i);
	else if (i < before + seg->edit.text_len)
		byte = seg->outcome.text[bounded(i - before, sizeof(seg->outcome.text))];
	else
		byte = raw_byte(c, seg->edit.text_to + (i - before - seg->edit.text_len));
	c->log->text[bounded(stream->text_head + i, FTPNAT_TEXT_LEN)] = byte;
	return 0;
}

/* Bytes that are taken out right behind others: both are one edit. */
static __always_inline bool edit_extend(struct ftpnat_stream *stream,
					struct ftpnat_log *log, __u32 len, __u32 from)
{
	struct ftpnat_edit *last = edit_at(stream, log, stream->edits - 1U);

	if (!stream->edits || last->new_len || last->start + last->old_len != from ||
	    len + last->old_len > EDIT_LONGEST)
		return false;
	last->old_len += (__u16)len;
	return true;
}

/* Enters an edit: raw bytes up to text_from, `text`, raw bytes from text_to. Room was checked. */
static __noinline void edit_add(struct scan *c)
{
	struct ftpnat_stream *stream = c->stream;
	struct segment *seg = &c->s->segment;
	struct ftpnat_edit *e = edit_at(stream, c->log, stream->edits);
	__u32 old_len = seg->edit.to - seg->edit.from;
	__u32 new_len =
		old_len - (seg->edit.text_to - seg->edit.text_from) + seg->edit.text_len;

	if (!new_len && edit_extend(stream, c->log, old_len, seg->edit.from))
		return;
	e->start = seg->edit.from;
	e->old_len = (__u16)old_len;
	e->new_len = (__u16)new_len;
	e->text = (__u16)bounded(stream->text_head, FTPNAT_TEXT_LEN);
	if (new_len == seg->edit.text_len &&
	    e->text <= FTPNAT_TEXT_LEN - sizeof(seg->outcome.text))
		bpf_probe_read_kernel(c->log->text + e->text,
				      bounded_len(new_len, sizeof(seg->outcome.text)),
				      seg->outcome.text);
	else
		bpf_loop(new_len & (FTPNAT_TEXT_LEN - 1), edit_byte, c, 0);
	stream->text_head += new_len;
	stream->text_used += new_len;
	stream->edits++;
}

/* Takes back the edits of a line that has to come again. */
__noinline int edit_undo(struct ftpnat_stream *stream, struct ftpnat_log *log)
{
	__u32 i;

	if (!stream || !log)
		return 0;
	for (i = 0; i < FTPNAT_MAX_EDITS && stream->edits; i++) {
		struct ftpnat_edit *e = edit_at(stream, log, stream->edits - 1U);

		if (!seq_before(stream->next, e->start + e->old_len))
			break;
		if (!e->new_len && seq_before(e->start, stream->next)) {
			/* as before edit_extend() */
			e->old_len = (__u16)(stream->next - e->start);
			break;
		}
		stream->text_head -= e->new_len;
		stream->text_used -= e->new_len;
		stream->edits--;
	}
	return 0;
}

/*
 * Held bytes are not an address line after all: they leave unchanged with what follows.
 */
static __always_inline void release_held(struct scan *c)
{
	struct segment *seg = &c->s->segment;

	seg->scan.releasing = false;
	if (!stream_has_room(c->stream, FTPNAT_HELD_LEN)) {
		seg->scan.full = true;
		return;
	}
	seg->edit.from = seg->scan.held_from;
	seg->edit.to = c->stream->next;
	seg->edit.text_from = seg->edit.to;
	seg->edit.text_to = seg->edit.to;
	seg->edit.text_len = 0;
	edit_add(c);
}

#endif
