/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The timer of all connections and expectations: it walks the queue of expiry.h and removes
 * those whose time is over.
 */
#ifndef FTPNAT_BPF_SWEEP_H
#define FTPNAT_BPF_SWEEP_H

#include "conntrack.h"
#include "expiry.h"

#define EXPIRY_BATCH  512		/* connections checked in one run */
#define EXPIRY_BEHIND (2 * MILLISECOND) /* until the next run, while more are due */
#define REPLICA_GRACE 3	 /* periods in which its owner should have repeated its record */
#define EXPIRY_STUCK  60 /* seconds that a slot may wait for its writer */

/*
 * Distinguishes these programs from those that they replace: the timer must run the
 * newest code.
 */
const volatile __u32 ftpnat_generation = 0;

/* Does the session of this control connection carry a transfer? */
static __always_inline bool flow_has_data(const struct ftpnat_tuple *key,
					  const struct ftpnat_flow *flow)
{
	struct ftpnat_session *session;

	if (flow->kind != FTPNAT_CONTROL)
		return false;
	session = session_of_client(flow->session, key);
	return session && session->data_flows;
}

/*
 * A connection is due: it is removed or entered again. 0, or -errno if neither was
 * possible and it must be checked again.
 */
static __noinline int flow_visit(struct ftpnat_tuple *key, __u32 since, __u32 now)
{
	struct ftpnat_flow *flow = bpf_map_lookup_elem(&ftpnat_flows, key);
	struct ftpnat_config *config = config_get();
	struct ftpnat_tuple reverse;
	struct ftpnat_flow *peer;
	__u32 idle, limit, seen;
	__u32 other = 0;
	int rc; /* see map_insert() */

	/* gone, or entered once more since then */
	if (!flow || !config || !(flow->flags & FTPNAT_FLOW_CLIENT) ||
	    flow->queued != since)
		return 0;
	seen = flow->seen;
	tuple_swap(&reverse, &flow->to);
	peer = bpf_map_lookup_elem(&ftpnat_flows, &reverse);
	if (peer) {
		other = peer->tcp;
		if ((__s32)(peer->seen - seen) > 0)
			seen = peer->seen;
	}
	limit = flow_timeout(config, flow->kind, flow->tcp, other);
	if (clustered() && flow->flags & FTPNAT_FLOW_REPLICA)
		limit += REPLICA_GRACE * config->period; /* its owner says when it ends */
	idle = seconds_since(seen, now);
	if (idle >= limit && !flow_closing(flow->tcp, other) && flow_has_data(key, flow))
		idle = 0; /* it lives as long as its transfers */
	if (idle >= limit) {
		rc = flow_remove(key);
		return rc == -ENOENT ? 0 : rc;
	}
	if (flow->kind == FTPNAT_CONTROL)
		session_rest(flow, key, now);
	rc = expiry_put(key, now);
	if (!rc)
		flow->queued = now;
	if (clustered() && !(flow->flags & FTPNAT_FLOW_REPLICA))
		record_again(key);
	return rc;
}

/* The same for any entry of the queue. */
static __always_inline int entry_visit(struct ftpnat_expiry_entry *entry, __u32 since,
				       __u32 now)
{
	return entry->key.dport ? flow_visit(&entry->key, since, now) :
				  session_due(&entry->key.src.w[0], since, now);
}

struct sweep {
	struct ftpnat_expiry *queue;
	__u32 now;
	__u32 period;
	__u32 length; /* of the queue, from which on nothing waits for its time */
	__u32 waits;  /* for the writer of the first slot */
};

static long sweep_one(__u32 i, struct sweep *sweep)
{
	struct ftpnat_expiry *queue = sweep->queue;
	struct ftpnat_expiry_entry *entry;
	__u32 since;

	(void)i;
	if (queue->head == queue->tail)
		return 1;
	entry = expiry_at(queue->head);
	since = entry ? __sync_fetch_and_add(&entry->since, 0) : 0;
	if (!since) {
		sweep->waits = 1;
		if (queue->stuck < EXPIRY_STUCK)
			return 1;
	} else if ((seconds_since(since, sweep->now) < sweep->period &&
		    queue->tail - queue->head <= sweep->length) ||
		   entry_visit(entry, since, sweep->now)) {
		return 1;
	}
	expiry_leave(queue);
	return 0;
}

/*
 * Closes the expectation of a client that was banned: `key` has its peer, destination and
 * port.
 */
static __always_inline void end_expected(const struct ftpnat_ending *ending)
{
	struct scratch *s = scratch_get();
	struct ftpnat_expected *e;

	if (!s)
		return;
	s->gone_expectation.peer = ending->key.src;
	s->gone_expectation.dst = ending->key.dst;
	s->gone_expectation.dport = ending->key.dport;
	s->gone_expectation.pad = 0;
	e = bpf_map_lookup_elem(&ftpnat_expected, &s->gone_expectation);
	if (e && e->session == ending->session && e->created == ending->created)
		expectation_gone(FTPNAT_EXPECTED_CLOSED);
}

/* Ends a connection, or closes an expectation, that the loader asked to end. */
static long end_one(__u32 i, struct sweep *sweep)
{
	struct ftpnat_ending ending;
	struct ftpnat_flow *flow;

	(void)i;
	(void)sweep;
	if (bpf_map_pop_elem(&ftpnat_ending, &ending))
		return 1;
	if (ending.expected) {
		end_expected(&ending);
		return 0;
	}
	flow = bpf_map_lookup_elem(&ftpnat_flows, &ending.key);
	if (flow && flow->flags & FTPNAT_FLOW_CLIENT && flow->created == ending.created &&
	    flow->session == ending.session)
		flow_remove(&ending.key);
	return 0;
}

/* The timer of all connections. */
static int expiry_sweep(void *map, __u32 *key, struct ftpnat_expiry *queue)
{
	struct ftpnat_config *config = config_get();
	struct sweep sweep = { .queue = queue, .now = now_seconds() };
	long done;

	(void)map;
	(void)key;
	if (!config)
		return 0;
	sweep.period = config->period;
	/*
	 * two entries each, and one of a session, but for connections that have made room before
	 * their time
	 */
	sweep.length = 3 * config->limit[FTPNAT_CONTROL] + 2 * config->limit[FTPNAT_DATA];
	done = bpf_loop(EXPIRY_BATCH, end_one, &sweep, 0);
	if (done < EXPIRY_BATCH)
		done = bpf_loop(EXPIRY_BATCH, sweep_one, &sweep, 0);
	if (sweep.waits)
		queue->stuck++;
	if (queue->head == queue->tail) {
		/* it sleeps; whoever adds an entry after this read of `tail` wakes it */
		__sync_lock_test_and_set(&queue->running, 0);
		if (queue->head == __sync_fetch_and_add(&queue->tail, 0))
			return 0;
		queue->running = 1;
	}
	bpf_timer_start(&queue->timer, done == EXPIRY_BATCH ? EXPIRY_BEHIND : SECOND, 0);
	return 0;
}

/* Makes sure that the timer runs, with this code. */
static __always_inline void expiry_wake(void)
{
	struct ftpnat_expiry *queue = expiry_get();

	if (!queue || (queue->running && queue->generation == ftpnat_generation))
		return;
	/* ftpnat_wake() allocated the memory */
	if (bpf_timer_init(&queue->timer, &ftpnat_expiry, CLOCK_MONOTONIC) == -ENOMEM ||
	    bpf_timer_set_callback(&queue->timer, expiry_sweep))
		return;
	queue->generation = ftpnat_generation;
	__sync_lock_test_and_set(&queue->running, 1);
	bpf_timer_start(&queue->timer, SECOND, 0);
}

/* Queues a connection to be checked when its time has passed from now. 0 or -ENOMEM. */
static __noinline int expiry_enter(const struct ftpnat_tuple *key, __u32 now)
{
	int rc = expiry_put(key, now);

	expiry_wake();
	return rc;
}

#endif
