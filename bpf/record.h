/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What goes to the other gateways of a cluster: a record of a connection as it is now, and
 * its end. Frames wait until the others have them.
 */
#ifndef FTPNAT_BPF_RECORD_H
#define FTPNAT_BPF_RECORD_H

#include "cluster.h"
#include "payload.h"
#include "session.h"

static __always_inline void *record_ring(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ftpnat_records, &zero);
}

static __always_inline struct ftpnat_record *record_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ftpnat_record, &zero);
}

/* 0, or -errno: nobody was told. */
static __noinline int record_send(struct ftpnat_record *r)
{
	struct ftpnat_cluster *cluster = cluster_get();
	void *ring = record_ring();
	long rc;

	if (!ring)
		return -ENOENT;
	if (r->has & FTPNAT_RECORD_LOGS)
		rc = bpf_ringbuf_output(ring, r, sizeof(*r), 0);
	else
		rc = bpf_ringbuf_output(ring, r, offsetof(struct ftpnat_record, logs), 0);
	if (rc && cluster)
		__sync_fetch_and_add(&cluster->lost, 1);
	return (int)rc;
}

/* The session's expectation, if it is open. */
static __noinline int record_expected(struct ftpnat_record *r)
{
	struct scratch *s = scratch_get();
	struct ftpnat_expected *e;

	if (!s || !(r->state.flags & FTPNAT_SESSION_EXPECTS))
		return 0;
	s->record_expectation = r->state.expectation;
	e = bpf_map_lookup_elem(&ftpnat_expected, &s->record_expectation);
	if (!e || e->session != r->session)
		return 0;
	r->expected.src = e->src;
	r->expected.dst = e->dst;
	r->expected.sport = e->sport;
	r->expected.dport = e->dport;
	r->expected.created = e->created;
	r->expected.mode = e->mode;
	r->expected.tracked = e->tracked;
	r->has |= FTPNAT_RECORD_EXPECTED;
	return 0;
}

/* With the session locked: its state, its logs and its expectation. */
static __noinline int record_session(struct ftpnat_record *r,
				     const struct ftpnat_session *session)
{
	struct ftpnat_logs *logs;

	if (bpf_probe_read_kernel(&r->state, sizeof(r->state), session))
		return -1;
	r->has |= FTPNAT_RECORD_SESSION;
	if (logs_used(&r->state)) {
		logs = bpf_map_lookup_elem(&ftpnat_logs, &r->state.log);
		if (logs && !bpf_probe_read_kernel(&r->logs, sizeof(r->logs), logs))
			r->has |= FTPNAT_RECORD_LOGS;
	}
	return record_expected(r);
}

/*
 * The record's connection as its session knows it: of a FIN that waits, its entries get to
 * know only later.
 */
static __noinline int record_ends(struct ftpnat_record *r)
{
	if (!(r->has & FTPNAT_RECORD_SESSION))
		return 0;
	if (r->state.stream[FTPNAT_FROM_CLIENT].fin) {
		r->flow.tcp |= FTPNAT_TCP_FIN;
		r->other.tcp |= FTPNAT_TCP_PEER;
	}
	if (r->state.stream[FTPNAT_FROM_SERVER].fin) {
		r->other.tcp |= FTPNAT_TCP_FIN;
		r->flow.tcp |= FTPNAT_TCP_PEER;
	}
	return 0;
}

/* The connection of s->record_key goes on, and the peers don't know its newest change. */
static __noinline int record_mark(void)
{
	struct scratch *s = scratch_get();
	struct ftpnat_flow *flow;

	flow = s ? bpf_map_lookup_elem(&ftpnat_flows, &s->record_key) : NULL;
	if (flow)
		flow->flags |= FTPNAT_FLOW_UNPROTECTED;
	return 0;
}

/* A frame that waited goes on: do the peers know by now what it did? */
static __noinline int record_released(void)
{
	struct ftpnat_cluster *cluster = cluster_get();

	return cluster && cluster_late(cluster) ? record_mark() : 0;
}

/*
 * Publishes the connection of s->record_key, with its session if it has one; `locked`: the
 * caller has locked that. `has` may be FTPNAT_RECORD_CLAIMED. 0, or -errno: nobody was told.
 * While the peers are on time, the connection is no longer unprotected then.
 */
__noinline int record_publish(bool locked, __u32 has)
{
	struct ftpnat_cluster *cluster = cluster_get();
	struct ftpnat_record *r = record_get();
	struct scratch *s = scratch_get();
	struct ftpnat_session *session;
	struct ftpnat_flow *flow;

	if (!r || !s)
		return -ENOMEM;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &s->record_key);
	if (!flow || !(flow->flags & FTPNAT_FLOW_CLIENT))
		return -ENOENT;
	if (cluster && !cluster->late)
		flow->flags &= (__u8)~FTPNAT_FLOW_UNPROTECTED;
	r->type = FTPNAT_RECORD_CONNECTION;
	r->has = has;
	r->key = s->record_key;
	tuple_swap(&r->reverse, &flow->to);
	r->flow = *flow;
	r->session = flow->session;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &r->reverse);
	if (!flow)
		return -ENOENT;
	r->other = *flow;
	if (!(r->flow.flags & FTPNAT_FLOW_REPLICA)) {
		r->flow.tcp |= ftpnat_slot << FTPNAT_TCP_OWNER_SHIFT;
		r->other.tcp |= ftpnat_slot << FTPNAT_TCP_OWNER_SHIFT;
	}
	if (r->flow.kind == FTPNAT_CONTROL) {
		session = session_of_client(r->session, &r->key);
		if (session && locked) {
			record_session(r, session);
		} else if (session && session_lock(session, &r->session)) {
			record_session(r, session);
			session_unlock(session, &r->session);
		}
		record_ends(r);
	}
	return record_send(r);
}

/* The connection that s->removed was the other half of is gone. */
__noinline int record_end(__u32 session)
{
	struct ftpnat_record *r = record_get();
	struct ftpnat_cluster *cluster = cluster_get();
	struct scratch *s = scratch_get();

	if (!r || !s || !cluster || !cluster->tell)
		return 0;
	r->type = FTPNAT_RECORD_END;
	r->has = 0;
	r->key = s->record_key;
	r->session = session;
	return record_send(r);
}

/* It goes on: so that others keep it, and to mend what they may have missed. */
static __noinline int record_again(const struct ftpnat_tuple *key)
{
	struct ftpnat_cluster *cluster = cluster_get();
	struct scratch *s = scratch_get();

	if (!s || !cluster || !cluster->tell)
		return 0;
	s->record_key = *key;
	return record_publish(false, 0);
}

/* Makes the client's entry of the packet's connection the one to publish. */
static __always_inline void record_of_packet(struct scratch *s,
					     const struct ftpnat_flow *flow)
{
	if (flow->flags & FTPNAT_FLOW_CLIENT)
		s->record_key = s->packet.tuple;
	else
		tuple_swap(&s->record_key, &flow->to);
}

/*
 * The frame as it came: to be injected when the records before it are known, or, with an
 * `owner`, at that gateway. 0 or -errno.
 */
static __noinline int record_frame(struct __sk_buff *skb, __u32 session, __u32 owner)
{
	struct payload *room = payload_out();
	struct ftpnat_parked *parked = (struct ftpnat_parked *)room;
	void *ring = record_ring();
	__u32 len = skb->len;

	if (!room || !ring || !len || len > FTPNAT_PARKED_LEN)
		return -E2BIG;
	parked->type = owner ? FTPNAT_RECORD_SENT_ON : FTPNAT_RECORD_FRAME;
	parked->owner = owner;
	parked->ifindex = skb->ifindex;
	parked->session = session;
	parked->gso = skb->gso_size;
	parked->len = len;
	len = bounded_len(len, PAYLOAD_LEN);
	if (len > FTPNAT_PARKED_LEN || bpf_skb_load_bytes(skb, 0, parked->frame, len))
		return -EFAULT;
	return (int)bpf_ringbuf_output(ring, parked, sizeof(*parked) + len, 0);
}

/* May the packet at hand wait? Not one of this host, nor one that has waited. */
static __always_inline bool record_waits(const struct scratch *s, bool egress)
{
	struct ftpnat_cluster *cluster;

	if (!clustered() || egress || s->injected || !s->packet.l3)
		return false;
	cluster = cluster_get();
	return cluster && cluster->commit;
}

/*
 * The packet at hand has changed the connection of s->record_key: tells the others. GO_ON,
 * or why it does not go on now.
 */
static __noinline enum ftpnat_reason record_tell(struct __sk_buff *skb, __u32 session,
						 bool locked, bool waits, __u32 has)
{
	struct ftpnat_cluster *cluster = cluster_get();

	if (!cluster || !cluster->tell)
		return GO_ON;
	if (cluster_alive(cluster) && !record_publish(locked, has)) {
		if (!waits)
			return GO_ON;
		if (!cluster_late(cluster) && !record_frame(skb, session, 0))
			return FTPNAT_PARKED;
	}
	if (!waits)
		return GO_ON;
	if (!cluster->go_on)
		return FTPNAT_UNCOMMITTED;
	__sync_fetch_and_add(&cluster->unprotected, 1);
	record_mark();
	return GO_ON;
}

#endif
