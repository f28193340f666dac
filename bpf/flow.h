/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections: entering both directions into ftpnat_flows, their TCP state,
 * and their end. A connection is removed where its client's entry is removed;
 * whoever succeeds in that does the accounting.
 */
#ifndef FTPNAT_BPF_FLOW_H
#define FTPNAT_BPF_FLOW_H

#include "events.h"
#include "expected.h"

/* Both directions have ended, or one was reset. RFC 7857: a reset may be spoofed, so this ages too. */
static __always_inline int flow_closing(__u32 one, __u32 other)
{
	return ((one | other) & FTPNAT_TCP_RST) || ((one & other) & FTPNAT_TCP_FIN);
}

static __always_inline int flow_established(__u32 one, __u32 other)
{
	return (one & other) & FTPNAT_TCP_ACK;
}

/* Idle seconds that a connection in this state may live. */
static __always_inline __u32 flow_timeout(const struct ftpnat_config *config, __u8 kind,
					  __u32 one, __u32 other)
{
	if (flow_closing(one, other) || !flow_established(one, other))
		return config->timeout_closing;
	return config->timeout[kind & 1];
}

static __always_inline void session_remove(__u32 id)
{
	struct ftpnat_session *session = bpf_map_lookup_elem(&ftpnat_sessions, &id);

	if (!session)
		return;
	door_close(session, id, FTPNAT_EXPECTED_CLOSED);
	tls_forget(session, id);
	bpf_map_delete_elem(&ftpnat_sessions, &id);
}

/* Removes a connection, given its client's entry. 0, or -errno: it is still there, or gone already. */
static __always_inline long flow_remove(struct ftpnat_tuple *key,
					struct ftpnat_flow *flow)
{
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();
	struct ftpnat_session *session;
	__u32 id = flow->session;
	__u8 kind = flow->kind;
	long rc;

	if (!s)
		return -ENOMEM;
	tuple_swap(&s->removed, &flow->to);
	event_flow(kind == FTPNAT_CONTROL ? FTPNAT_CONTROL_CLOSED : FTPNAT_DATA_CLOSED,
		   key, &flow->to, id, flow->rule, kind);
	rc = bpf_map_delete_elem(&ftpnat_flows, key);
	if (rc)
		return rc;
	bpf_map_delete_elem(&ftpnat_flows, &s->removed);
	if (usage)
		__sync_fetch_and_sub(&usage->flows[kind & 1], 1);
	if (kind == FTPNAT_CONTROL) {
		session_remove(id);
		count(FTPNAT_CONTROL_CLOSED);
		return 0;
	}
	session = bpf_map_lookup_elem(&ftpnat_sessions, &id);
	if (session)
		__sync_fetch_and_sub(&session->data_flows, 1);
	count(FTPNAT_DATA_CLOSED);
	return 0;
}

/* Whose: the packet's at hand, or that of the replies to the connection about to be opened. */
enum flow_tuple { TUPLE_OF_PACKET, TUPLE_OF_REPLIES };

/*
 * Has this SYN come before, and was answered by an ACK, which its sender has reset? So speaks
 * who is in TIME-WAIT of an earlier connection (RFC 9293 section 3.10.7.3): the connection is
 * still the same, and has not ended.
 */
static __always_inline int syn_again(const struct packet *p,
				     const struct ftpnat_flow *flow,
				     const struct ftpnat_flow *other)
{
	return flow->isn == p->seq && flow->tcp == (FTPNAT_TCP_SYN | FTPNAT_TCP_RST) &&
	       other->tcp == FTPNAT_TCP_ACK;
}

/*
 * A connection with this tuple that has ended makes room for another. 1: it did. A data
 * connection whose SYN comes again lives again, since its door is used; a control connection
 * begins anew, with a new session.
 */
__noinline int flow_makes_room(int whose)
{
	struct scratch *s = scratch_get();
	struct ftpnat_tuple *key, *other_key;
	struct ftpnat_flow *flow, *other;

	if (!s)
		return 0;
	key = &s->flow.reverse;
	other_key = &s->flow.closed;
	if (whose == TUPLE_OF_REPLIES)
		tuple_swap(key, &s->flow.to);
	else
		*key = s->packet.tuple;
	flow = bpf_map_lookup_elem(&ftpnat_flows, key);
	if (!flow)
		return 0;
	tuple_swap(other_key, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, other_key);
	if (!other || !flow_closing(flow->tcp, other->tcp))
		return 0;
	if (whose == TUPLE_OF_PACKET && flow->kind == FTPNAT_DATA &&
	    syn_again(&s->packet, flow, other)) {
		flow->tcp = 0;
		other->tcp = 0;
		return 0;
	}
	if (flow->flags & FTPNAT_FLOW_CLIENT)
		flow_remove(key, flow);
	else
		flow_remove(other_key, other);
	return 1;
}

/* Does the session of this control connection carry a transfer? */
static __always_inline int flow_has_data(const struct ftpnat_flow *flow)
{
	struct ftpnat_session *session;
	__u32 id = flow->session;

	if (flow->kind != FTPNAT_CONTROL)
		return 0;
	session = bpf_map_lookup_elem(&ftpnat_sessions, &id);
	return session && session->data_flows;
}

/*
 * A connection's time to be looked at has come: it is removed, or entered anew.
 * 0, or -errno: neither could be done, it has to be looked at again.
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
	idle = seconds_since(seen, now);
	if (idle >= limit && !flow_closing(flow->tcp, other) && flow_has_data(flow))
		idle = 0; /* it lives as long as its transfers */
	if (idle >= limit) {
		rc = (int)flow_remove(key, flow);
		return rc == -ENOENT ? 0 : rc;
	}
	rc = expiry_put(key, now);
	if (!rc)
		flow->queued = now;
	return rc;
}

struct sweep {
	struct ftpnat_expiry *queue;
	__u32 now;
	__u32 period;
	__u32 length; /* of the queue, from which on nothing waits for its time */
	__u32 waits;  /* for who has taken the first place */
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
		   flow_visit(&entry->key, since, sweep->now)) {
		return 1;
	}
	expiry_leave(queue);
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
	/* two entries each, but for connections that have made room before their time */
	sweep.length = 2 * (config->limit[FTPNAT_CONTROL] + config->limit[FTPNAT_DATA]);
	done = bpf_loop(EXPIRY_BATCH, sweep_one, &sweep, 0);
	if (sweep.waits)
		queue->stuck++;
	if (queue->head == queue->tail) {
		/* it sleeps; who enters one after this look at `tail` finds it so */
		__sync_lock_test_and_set(&queue->running, 0);
		if (queue->head == __sync_fetch_and_add(&queue->tail, 0))
			return 0;
		queue->running = 1;
	}
	bpf_timer_start(&queue->timer, done == EXPIRY_BATCH ? EXPIRY_BEHIND : SECOND, 0);
	return 0;
}

static __always_inline void flow_image(struct flow_new *new,
				       const struct ftpnat_tuple *to, __u8 flags,
				       __u32 tcp, __u32 isn)
{
	struct ftpnat_flow *flow = (struct ftpnat_flow *)new->entry;

	flow->to = *to;
	flow->session = new->session;
	flow->isn = isn;
	flow->created = new->now;
	flow->seen = new->now;
	flow->queued = new->now;
	flow->rule = new->rule;
	flow->kind = new->kind;
	flow->flags = flags;
	flow->tcp = tcp;
}

/* One try to enter the reverse direction: attempt 0 with the port as it is, then random ones. */
static long try_port(__u32 attempt, struct flow_new **search)
{
	struct flow_new *new = *search;
	int rc;

	if (attempt && new->flags & FTPNAT_FLOW_TRACKED)
		return 1;
	if (attempt) {
		__u32 range = (__u32) new->port_max - new->port_min + 1;

		new->to.sport = bpf_htons(new->port_min + bpf_get_prandom_u32() % range);
	}
	tuple_swap(&new->reverse, &new->to);
	flow_image(new, &new->key, new->flags ^ FTPNAT_FLOW_CLIENT, 0, 0);
	/* the other direction's `to` leads back: the key with its ends swapped */
	tuple_swap(&((struct ftpnat_flow *)new->entry)->to, &new->key);
	rc = map_insert(&ftpnat_flows, &new->reverse, new->entry);
	if (rc == -EEXIST)
		return 0;
	new->done = rc ? -1 : 1;
	return 1;
}

/* A connection has ended: it may be removed before its time where room is needed. */
static __always_inline void flow_closed(struct ftpnat_tuple *key, __u8 kind)
{
	if (kind == FTPNAT_CONTROL)
		bpf_map_push_elem(&ftpnat_closed_c, key, BPF_EXIST);
	else
		bpf_map_push_elem(&ftpnat_closed_d, key, BPF_EXIST);
}

/* Removes the connection that ended first; 1 when there is room now or nothing left to remove. */
static long try_reclaim(__u32 i, struct flow_new **reclaim)
{
	struct ftpnat_config *config = config_get();
	struct flow_new *new = *reclaim;
	struct ftpnat_flow *flow, *other;
	long rc;

	(void)i;
	if (!config)
		return 1;
	if (new->kind == FTPNAT_CONTROL)
		rc = bpf_map_pop_elem(&ftpnat_closed_c, &new->closed);
	else
		rc = bpf_map_pop_elem(&ftpnat_closed_d, &new->closed);
	if (rc)
		return 1;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &new->closed);
	if (!flow || flow->kind != new->kind || !(flow->flags & FTPNAT_FLOW_CLIENT))
		return 0;
	tuple_swap(&new->reverse, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &new->reverse);
	if (other && !flow_closing(flow->tcp, other->tcp))
		return 0; /* its tuple lives again */
	flow_remove(&new->closed, flow);
	return 1;
}

#define RECLAIM_TRIES 64

/* Counts one more connection of this kind, if need be in the place of one that has ended. */
static __always_inline int flow_reserve(struct ftpnat_usage *usage,
					const struct ftpnat_config *config,
					struct flow_new *new)
{
	__u32 *used = &usage->flows[new->kind & 1];

	if (__sync_fetch_and_add(used, 1) < config->limit[new->kind & 1])
		return 1;
	bpf_loop(RECLAIM_TRIES, try_reclaim, &new, 0);
	if (*used <= config->limit[new->kind & 1])
		return 1;
	__sync_fetch_and_sub(used, 1);
	return 0;
}

/*
 * Enters a connection whose first packet is at hand: reverse direction first,
 * on another source port where that one is taken. GO_ON, or the reason of the
 * refusal; nothing is left behind then.
 */
static __always_inline int flow_open(struct flow_new *new)
{
	struct ftpnat_config *config = config_get();
	struct ftpnat_usage *usage = usage_get();
	enum ftpnat_reason opened;
	struct ftpnat_tuple *key;
	long rc;

	if (!config || !usage)
		return FTPNAT_NO_MEMORY;
	opened = new->kind == FTPNAT_CONTROL ? FTPNAT_CONTROL_OPENED : FTPNAT_DATA_OPENED;
	if (!flow_reserve(usage, config, new))
		return new->kind == FTPNAT_CONTROL ? FTPNAT_CONTROL_FULL :
						     FTPNAT_DATA_FULL;
	new->done = 0;
	bpf_loop(PORT_TRIES, try_port, &new, 0);
	if (new->done != 1) {
		__sync_fetch_and_sub(&usage->flows[new->kind & 1], 1);
		return new->done ? FTPNAT_NO_MEMORY : FTPNAT_NO_PORT;
	}
	flow_image(new, &new->to, new->flags, FTPNAT_TCP_SYN, new->isn);
	rc = bpf_map_update_elem(&ftpnat_flows, &new->key, new->entry, BPF_NOEXIST);
	key = new->flags &FTPNAT_FLOW_CLIENT ? &new->key : &new->reverse;
	if (!rc && expiry_enter(key, new->now)) {
		bpf_map_delete_elem(&ftpnat_flows, &new->key);
		rc = -ENOMEM;
	}
	if (rc) {
		bpf_map_delete_elem(&ftpnat_flows, &new->reverse);
		__sync_fetch_and_sub(&usage->flows[new->kind & 1], 1);
		return FTPNAT_NO_MEMORY;
	}
	count(opened);
	if (new->flags & FTPNAT_FLOW_CLIENT) {
		event_flow(opened, &new->key, &new->to, new->session, new->rule,
			   new->kind);
	} else {
		tuple_swap(&new->closed, &new->key);
		event_flow(opened, &new->reverse, &new->closed, new->session, new->rule,
			   new->kind);
	}
	return GO_ON;
}

#endif
