/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The logs of a session: entered with its first byte that is not acknowledged, removed
 * when all are. Only who holds the session's lock may use them.
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

/*
 * The logs, empty ones if nothing is in them and nothing will be entered. NULL: no memory.
 * All come from one lookup, or the verifier would follow two kinds of logs everywhere.
 */
static __always_inline struct ftpnat_logs *logs_get(const struct ftpnat_session *session,
						    __u32 id, bool enter)
{
	__u32 zero = 0, key = enter || logs_used(session) ? id : NO_SESSION;
	struct ftpnat_logs *logs = bpf_map_lookup_elem(&ftpnat_logs, &key);
	struct ftpnat_logs *blank;

	if (logs)
		return logs;
	blank = bpf_map_lookup_elem(&ftpnat_new_logs, &zero);
	if (!blank)
		return NULL;
	blank->begun = now_seconds();
	bpf_map_update_elem(&ftpnat_logs, &key, blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&ftpnat_logs, &key);
}

/* Sets the logs of the segment at hand. False: no memory. */
static __noinline bool logs_take(struct scan *c, bool enter)
{
	const struct segment *seg = &c->s->segment;
	struct ftpnat_logs *logs = logs_get(c->session, seg->session, enter);

	if (!logs)
		return false;
	c->log = &logs->log[seg->dir & 1];
	c->other_log = &logs->log[!(seg->dir & 1)];
	return true;
}

/*
 * Removes logs in which nothing is, if they have been there for a while or the session has
 * ended. Those of a busy session stay: it would need others at once.
 */
static __always_inline void logs_leave(const struct ftpnat_session *session,
				       const __u32 *id, __u32 now)
{
	struct ftpnat_logs *logs;

	if (logs_used(session))
		return;
	logs = bpf_map_lookup_elem(&ftpnat_logs, id);
	if (logs && (session->closing || logs->begun != now))
		bpf_map_delete_elem(&ftpnat_logs, id);
}

#endif
