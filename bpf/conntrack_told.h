/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts and reports the two changes of a connection: both of its ends have answered, and
 * it has ended. An attempt that ends before both have answered was not answered.
 */
#ifndef FTPNAT_BPF_CONNTRACK_TOLD_H
#define FTPNAT_BPF_CONNTRACK_TOLD_H

#include "conntrack_state.h"
#include "events.h"
#include "served.h"

/* The event of a connection, with who opened it; `owner` is the client's entry, at `key`. */
static __always_inline struct ftpnat_event *flow_event(enum ftpnat_reason reason,
						       const struct ftpnat_tuple *key,
						       const struct ftpnat_flow *owner)
{
	struct ftpnat_event *e = event_of_flow(reason, key, &owner->to, owner->session,
					       owner->rule, owner->kind);

	if (e && owner->flags & FTPNAT_FLOW_ACTIVE)
		e->dir = FTPNAT_FROM_SERVER;
	return e;
}

/* `owner` is the client's entry, at `key`. */
static __noinline int flow_tell_open(const struct ftpnat_tuple *key,
				     const struct ftpnat_flow *owner)
{
	struct ftpnat_rule_stats *stats = rule_stats(owner->rule);
	bool control = owner->kind == FTPNAT_CONTROL;
	enum ftpnat_reason reason = control ? FTPNAT_CONTROL_OPENED : FTPNAT_DATA_OPENED;

	count(reason);
	if (stats && control)
		stats->sessions += 1;
	else if (stats)
		stats->data_connections += 1;
	if (flow_event(reason, key, owner))
		event_send();
	return 0;
}

/* Both ends have answered. Only the first call tells, and counts what isn't over. */
static __always_inline void flow_tell_opened(const struct ftpnat_tuple *key,
					     struct ftpnat_flow *owner)
{
	__u32 before = __sync_fetch_and_or(&owner->tcp, FTPNAT_TCP_OPENED);

	if (before & FTPNAT_TCP_OPENED)
		return;
	if (owner->kind == FTPNAT_CONTROL && !(before & FTPNAT_TCP_TOLD))
		served_change(owner, 0, 1);
	flow_tell_open(key, owner);
}

/* Its end was told, but it goes on: it is opened once more. */
static __always_inline void flow_tell_again(const struct ftpnat_tuple *key,
					    struct ftpnat_flow *owner)
{
	__u32 before = __sync_fetch_and_and(&owner->tcp, ~FTPNAT_TCP_TOLD);

	if (!(before & FTPNAT_TCP_TOLD))
		return;
	if (owner->kind == FTPNAT_CONTROL)
		served_change(owner, 1, before & FTPNAT_TCP_OPENED ? 1 : 0);
	if (before & FTPNAT_TCP_OPENED)
		flow_tell_open(key, owner);
}

static __always_inline enum ftpnat_reason flow_end_reason(__u8 kind, bool answered)
{
	if (kind == FTPNAT_CONTROL)
		return answered ? FTPNAT_CONTROL_CLOSED : FTPNAT_CONTROL_UNANSWERED;
	return answered ? FTPNAT_DATA_CLOSED : FTPNAT_DATA_UNANSWERED;
}

/* Marks its end as reported; was it before? Of two CPUs, one gets false. */
static __always_inline bool flow_told(struct ftpnat_flow *owner)
{
	__u32 before = __sync_fetch_and_or(&owner->tcp, FTPNAT_TCP_TOLD);

	if (before & FTPNAT_TCP_TOLD)
		return true;
	if (owner->kind == FTPNAT_CONTROL)
		served_change(owner, -1, before & FTPNAT_TCP_OPENED ? -1 : 0);
	return false;
}

/* It is over; `peer`, the other entry, may be gone: NULL. Only the first call tells. */
static __noinline int flow_tell_end(const struct ftpnat_tuple *key,
				    struct ftpnat_flow *owner,
				    const struct ftpnat_flow *peer)
{
	enum ftpnat_reason reason;
	struct ftpnat_event *e;

	if (flow_told(owner))
		return 0;
	reason = flow_end_reason(owner->kind, owner->tcp & FTPNAT_TCP_OPENED);
	count(reason);
	e = flow_event(reason, key, owner);
	if (!e)
		return 0;
	e->duration = seconds_since(owner->created, now_seconds());
	e->packets[FTPNAT_FROM_CLIENT] = owner->packets;
	e->bytes[FTPNAT_FROM_CLIENT] = owner->bytes;
	if (peer) {
		e->packets[FTPNAT_FROM_SERVER] = peer->packets;
		e->bytes[FTPNAT_FROM_SERVER] = peer->bytes;
	}
	event_send();
	return 0;
}

#endif
