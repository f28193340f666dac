/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events for operators: composed in the scratch memory, then copied to the ring buffer
 * of each reader. Without a reader there are no events.
 */
#ifndef FTPNAT_BPF_EVENTS_H
#define FTPNAT_BPF_EVENTS_H

#include "scratch.h"
#include "count.h"

#define REFUSED_PER_SECOND 10 /* events of strangers' packets, of each CPU */

/* One bit for each slot of ftpnat_events that has a reader. */
static __always_inline __u32 event_readers(void)
{
	__u32 zero = 0;
	struct ftpnat_readers *readers = bpf_map_lookup_elem(&ftpnat_readers, &zero);

	return readers ? readers->slots : 0;
}

static __always_inline void event_lost(__u32 slot)
{
	__u32 zero = 0;
	struct ftpnat_readers *readers = bpf_map_lookup_elem(&ftpnat_readers, &zero);

	count(FTPNAT_EVENTS_LOST);
	if (readers && slot < FTPNAT_READERS)
		__sync_fetch_and_add(&readers->lost[slot], 1);
}

static __always_inline void event_to_reader(const struct event_making *event, __u32 slot)
{
	void *ring = bpf_map_lookup_elem(&ftpnat_events, &slot);
	long rc;

	if (!ring)
		return;
	if (event->is_line)
		rc = bpf_ringbuf_output(ring, (void *)&event->line, sizeof(event->line),
					0);
	else
		rc = bpf_ringbuf_output(ring, (void *)&event->line.event,
					sizeof(event->line.event), 0);
	if (rc)
		event_lost(slot);
}

/*
 * Copies the event in the scratch memory to all readers. Not by bpf_loop: its callback
 * would be one more frame at the end of the longest chains of calls, and kernel 6.1 rounds
 * each up to 32 of the 512 bytes that they have together.
 */
__noinline int event_send(void)
{
	struct scratch *s = scratch_get();
	__u32 slot;

	if (!s)
		return 0;
	for (slot = 0; slot < FTPNAT_READERS; slot++)
		if (s->event.readers & 1U << slot)
			event_to_reader(&s->event, slot);
	return 0;
}

/*
 * The event in the scratch memory, its reason and time set, the rest of its first part
 * zero; NULL: nobody reads.
 */
static __always_inline struct ftpnat_event *event_begin(struct scratch *s,
							enum ftpnat_reason reason)
{
	struct ftpnat_event *e = &s->event.line.event;

	s->event.readers = event_readers();
	if (!s->event.readers)
		return NULL;
	s->event.is_line = false;
	__builtin_memset(e, 0, sizeof(*e));
	e->time = bpf_ktime_get_ns();
	e->reason = reason;
	return e;
}

/* Of a connection; `key` and `to` are its client's entry. NULL: nobody reads. */
static __always_inline struct ftpnat_event *
event_of_flow(enum ftpnat_reason reason, const struct ftpnat_tuple *key,
	      const struct ftpnat_tuple *to, __u32 session, __u16 rule, __u8 kind)
{
	struct scratch *s = scratch_get();
	struct ftpnat_event *e = s ? event_begin(s, reason) : NULL;

	if (!e)
		return NULL;
	e->session = session;
	e->client = *key;
	e->server = *to;
	e->rule = rule;
	e->kind = kind;
	return e;
}

/* A connection was opened or refused. */
static __always_inline void event_flow(enum ftpnat_reason reason,
				       const struct ftpnat_tuple *key,
				       const struct ftpnat_tuple *to, __u32 session,
				       __u16 rule, __u8 kind)
{
	if (event_of_flow(reason, key, to, session, rule, kind))
		event_send();
}

/* The packet in the scratch memory, which was refused: not each one of a flood. */
static __always_inline void event_rationed(struct scratch *s, enum ftpnat_reason reason,
					   __u16 rule, __u8 kind)
{
	const struct ftpnat_tuple *tuple = &s->packet.tuple;
	__u32 now = now_seconds();

	if (s->refused_events.second != now) {
		s->refused_events.second = now;
		s->refused_events.number = 0;
	}
	if (s->refused_events.number++ < REFUSED_PER_SECOND)
		event_flow(reason, tuple, tuple, 0, rule, kind);
}

/* The same of a stranger's. */
static __always_inline void event_refused(struct scratch *s, enum ftpnat_reason reason)
{
	event_rationed(s, reason, FTPNAT_NO_RULE, FTPNAT_DATA);
}

#endif
