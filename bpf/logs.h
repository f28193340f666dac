/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The logs of a session: entered with its first byte that is not acknowledged, removed
 * when all are. Only the holder of the session's lock may use them.
 */
#ifndef FTPNAT_BPF_LOGS_H
#define FTPNAT_BPF_LOGS_H

#include "scratch.h"

/* Is there something in the logs? */
static __always_inline bool logs_used(const struct ftpnat_session *session)
{
	const struct ftpnat_stream *one = &session->stream[FTPNAT_FROM_CLIENT];
	const struct ftpnat_stream *two = &session->stream[FTPNAT_FROM_SERVER];

	return one->edits || one->kept_len || two->edits || two->kept_len;
}

#define NO_SESSION                                                                       \
	0 /* whose logs are those of all sessions that have nothing in theirs */

/* The logs, NULL if nothing is in them. */
static __always_inline struct ftpnat_logs *logs_find(const struct ftpnat_session *session,
						     const __u32 *id)
{
	return logs_used(session) ? bpf_map_lookup_elem(&ftpnat_logs, id) : NULL;
}

/* Enters the logs of this session, or those of NO_SESSION. */
static __noinline void logs_enter(const __u32 *id)
{
	__u32 zero = 0;
	struct ftpnat_logs *blank = bpf_map_lookup_elem(&ftpnat_new_logs, &zero);

	if (blank)
		bpf_map_update_elem(&ftpnat_logs, id, blank, BPF_NOEXIST);
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
	logs = bpf_map_lookup_elem(&ftpnat_logs, &seg->session);
	if (!logs)
		return false;
	c->log = &logs->log[seg->dir & 1];
	c->other_log = &logs->log[!(seg->dir & 1)];
	return true;
}

/*
 * Sets the logs of the segment at hand: where something will be entered or is, the session's
 * own ones, else those of NO_SESSION. All come from one lookup, or the verifier would follow
 * two kinds of logs everywhere. False: no memory.
 */
static __noinline bool logs_take(struct scan *c, bool enter)
{
	const struct segment *seg = &c->s->segment;
	struct ftpnat_session *session = c->session;
	__u32 key = enter || logs_used(session) ? seg->session : NO_SESSION;
	struct ftpnat_logs *logs = bpf_map_lookup_elem(&ftpnat_logs, &key);

	if (!logs) {
		logs_enter(&key);
		logs = bpf_map_lookup_elem(&ftpnat_logs, &key);
		if (!logs)
			return false;
		if (key)
			session->logged = seg->now ? seg->now : 1;
	}
	c->log = &logs->log[seg->dir & 1];
	c->other_log = &logs->log[!(seg->dir & 1)];
	return true;
}

/*
 * Removes logs in which nothing is, if they have been there for a while or the session has
 * ended. Those of a busy session stay: it would need others at once.
 */
static __always_inline void logs_leave(struct ftpnat_session *session, const __u32 *id,
				       __u32 now)
{
	if (!session->logged || logs_used(session) ||
	    (!session->closing && session->logged == now))
		return;
	bpf_map_delete_elem(&ftpnat_logs, id);
	session->logged = 0;
}

#endif
