/* SPDX-License-Identifier: GPL-2.0-only */
/* Events for operators. Without a reader the ring buffer fills up and stays full. */
#ifndef FTPNAT_BPF_EVENTS_H
#define FTPNAT_BPF_EVENTS_H

#include "scratch.h"
#include "count.h"

#define REFUSED_PER_SECOND 10 /* events of strangers' packets, of each CPU */

static __always_inline void event_fill(struct ftpnat_event *e, enum ftpnat_reason reason)
{
	e->time = bpf_ktime_get_ns();
	e->reason = reason;
	e->pad = 0;
}

/* A connection was opened, refused or has ended; `key` and `to` are its client's entry. */
static __always_inline void event_flow(enum ftpnat_reason reason,
				       const struct ftpnat_tuple *key,
				       const struct ftpnat_tuple *to, __u32 session,
				       __u16 rule, __u8 kind)
{
	struct ftpnat_event *e = bpf_ringbuf_reserve(&ftpnat_events, sizeof(*e), 0);

	if (!e) {
		count(FTPNAT_EVENTS_LOST);
		return;
	}
	event_fill(e, reason);
	e->session = session;
	e->client = *key;
	e->server = *to;
	e->rule = rule;
	e->kind = kind;
	e->dir = 0;
	bpf_ringbuf_submit(e, 0);
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
