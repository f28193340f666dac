/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The logs of a session: it has them from its first byte that is not acknowledged until all
 * are. Only the holder of the session's lock may use them. A kernel's cache has few pieces of
 * their size, and new ones are copied whole; so those that a session leaves wait for the next
 * one.
 */
#ifndef FTPNAT_BPF_LOGS_H
#define FTPNAT_BPF_LOGS_H

#include <linux/errno.h>

#include "scratch.h"

/* Is there something in the logs? */
static __always_inline bool logs_used(const struct ftpnat_session *session)
{
	const struct ftpnat_stream *one = &session->stream[FTPNAT_FROM_CLIENT];
	const struct ftpnat_stream *two = &session->stream[FTPNAT_FROM_SERVER];

	return one->edits || one->kept_len || two->edits || two->kept_len;
}

#define NO_LOGS 0 /* the key of those of all sessions that have nothing in theirs */

/* The logs, NULL if nothing is in them. */
static __always_inline struct ftpnat_logs *logs_find(const struct ftpnat_session *session)
{
	return logs_used(session) ? bpf_map_lookup_elem(&ftpnat_logs, &session->log) :
				    NULL;
}

static __noinline int logs_enter(const __u32 *key)
{
	__u32 zero = 0;
	struct ftpnat_logs *blank = bpf_map_lookup_elem(&ftpnat_new_logs, &zero);

	return blank ? map_insert(&ftpnat_logs, key, blank) : -ENOMEM;
}

#define LOGS_TRIES 4 /* random keys */

/* The key of logs that no session has. NO_LOGS: no memory. */
static __noinline __u32 logs_new(void)
{
	__u32 key, i;

	if (!bpf_map_pop_elem(&ftpnat_spare, &key))
		return key;
	for (i = 0; i < LOGS_TRIES; i++) {
		key = bpf_get_prandom_u32();
		if (key != NO_LOGS && !logs_enter(&key))
			return key;
	}
	return NO_LOGS;
}

/* The session needs its logs no more: nothing of it is in them. */
static __noinline void logs_release(struct ftpnat_session *session)
{
	__u32 key = session->log;

	session->log = NO_LOGS;
	if (key != NO_LOGS && bpf_map_push_elem(&ftpnat_spare, &key, BPF_ANY))
		bpf_map_delete_elem(&ftpnat_logs, &key);
}

/* Sets the logs of the segment at hand if something is in them. False: it never happens. */
static __always_inline bool logs_look(struct scan *c)
{
	const struct segment *seg = &c->s->segment;
	struct ftpnat_logs *logs;

	c->log = NULL;
	c->other_log = NULL;
	if (!logs_used(c->session))
		return true;
	logs = bpf_map_lookup_elem(&ftpnat_logs, &c->session->log);
	if (!logs)
		return false;
	c->log = &logs->log[seg->dir & 1];
	c->other_log = &logs->log[!(seg->dir & 1)];
	return true;
}

/*
 * Sets the logs of the segment at hand: the session's own ones, or where it has none and
 * nothing will be entered those of NO_LOGS. All come from one lookup, or the verifier would
 * follow two kinds of logs everywhere. False: no memory.
 */
static __noinline bool logs_take(struct scan *c, bool enter)
{
	const struct segment *seg = &c->s->segment;
	struct ftpnat_session *session = c->session;
	struct ftpnat_logs *logs;
	__u32 key;

	if (enter && session->log == NO_LOGS) {
		session->log = logs_new();
		if (session->log == NO_LOGS)
			return false;
		session->keeps_logs = session->logged == seg->now;
		session->logged = seg->now;
	}
	key = session->log;
	logs = bpf_map_lookup_elem(&ftpnat_logs, &key);
	if (!logs) { /* the first of NO_LOGS */
		logs_enter(&key);
		logs = bpf_map_lookup_elem(&ftpnat_logs, &key);
		if (!logs)
			return false;
	}
	c->log = &logs->log[seg->dir & 1];
	c->other_log = &logs->log[!(seg->dir & 1)];
	return true;
}

/*
 * Takes the logs in which nothing is from a session. A busy one, which needed some again within
 * a second, keeps them for the rest of it: the next line would take some from ftpnat_spare,
 * whose lock all CPUs share.
 */
static __always_inline void logs_leave(struct ftpnat_session *session, __u32 now)
{
	if (session->log != NO_LOGS && !logs_used(session) &&
	    (session->closing || !session->keeps_logs || session->logged != now))
		logs_release(session);
}

#endif
