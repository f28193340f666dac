/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of connections, and of sessions with an expectation, in the order in which they
 * were entered; sweep.h checks those that have waited long enough. It is stored in blocks of ftpnat_queue, so its memory
 * follows its use. Programs on all CPUs add entries; only the timer removes them.
 */
#ifndef FTPNAT_BPF_EXPIRY_H
#define FTPNAT_BPF_EXPIRY_H

#include <linux/errno.h>

#include "scratch.h"

static __always_inline struct ftpnat_expiry *expiry_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ftpnat_expiry, &zero);
}

/* The slot of the entry with this number; NULL: its block does not exist. */
static __always_inline struct ftpnat_expiry_entry *expiry_at(__u64 number)
{
	__u32 block = (__u32)(number / FTPNAT_EXPIRY_BLOCK);
	__u64 i = number % FTPNAT_EXPIRY_BLOCK;
	struct ftpnat_expiry_block *b;

	barrier_var(i); /* else the compiler drops the check that the verifier needs */
	if (i >= FTPNAT_EXPIRY_BLOCK)
		return 0;
	b = bpf_map_lookup_elem(&ftpnat_queue, &block);
	return b ? &b->entry[i] : 0;
}

static __always_inline struct ftpnat_expiry_entry *expiry_make(__u64 number)
{
	__u32 block = (__u32)(number / FTPNAT_EXPIRY_BLOCK), zero = 0;
	struct ftpnat_expiry_entry *entry = expiry_at(number);
	void *blank;

	if (entry)
		return entry;
	blank = bpf_map_lookup_elem(&ftpnat_empty, &zero);
	if (blank)
		bpf_map_update_elem(&ftpnat_queue, &block, blank, BPF_NOEXIST);
	return expiry_at(number);
}

/* Puts the client's key of a connection at the end. 0 or -ENOMEM. */
static __noinline int expiry_put(const struct ftpnat_tuple *key, __u32 now)
{
	struct ftpnat_expiry *queue = expiry_get();
	struct ftpnat_expiry_entry *entry;

	if (!queue || !expiry_make(queue->tail))
		return -ENOMEM;
	entry = expiry_make(__sync_fetch_and_add(&queue->tail, 1));
	if (!entry)
		return -ENOMEM; /* the timer steps over it */
	entry->key = *key;
	__sync_lock_test_and_set(&entry->since, now);
	return 0;
}

/*
 * Puts the session of this id at the end, which has an expectation. Its connection is in the
 * queue, too, so the timer runs. 0 or -ENOMEM.
 */
static __always_inline int expiry_put_session(struct ftpnat_session *session, __u32 id,
					      __u32 now)
{
	struct scratch *s = scratch_get();

	if (!s)
		return -ENOMEM;
	__builtin_memset(&s->queued_session, 0, sizeof(s->queued_session));
	s->queued_session.src.w[0] = id;
	if (expiry_put(&s->queued_session, now))
		return -ENOMEM;
	session->queued = now;
	return 0;
}

/* Removes the first entry. */
static __always_inline void expiry_leave(struct ftpnat_expiry *queue)
{
	__u32 block = (__u32)(queue->head / FTPNAT_EXPIRY_BLOCK);

	queue->stuck = 0;
	queue->head++;
	if (queue->head % FTPNAT_EXPIRY_BLOCK == 0)
		bpf_map_delete_elem(&ftpnat_queue, &block);
}

#endif
