/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections of other gateways of a cluster, entered and kept up to date as they say in
 * ftpnat_inbox.
 */
#ifndef FTPNAT_BPF_REPLICA_APPLY_H
#define FTPNAT_BPF_REPLICA_APPLY_H

#include "replica.h"
#include "sweep.h"

/* Is what the record says of the session older than what is known? */
static __always_inline bool replica_is_stale(const struct ftpnat_session *had,
					     const struct ftpnat_session *new)
{
	if (had->epoch != new->epoch)
		return (__s32)(new->epoch - had->epoch) < 0;
	return seq_before(new->stream[0].next, had->stream[0].next) ||
	       seq_before(new->stream[1].next, had->stream[1].next);
}

/* Enters the record's expectation for the session, which is locked. */
static __noinline int replica_expects(struct ftpnat_record *r,
				      struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	struct ftpnat_expected *e;

	if (!s)
		return 0;
	e = (struct ftpnat_expected *)s->expectation.value;
	e->src = r->expected.src;
	e->dst = r->expected.dst;
	e->sport = r->expected.sport;
	e->dport = r->expected.dport;
	e->session = r->session;
	e->created = r->expected.created;
	e->rule = session->rule;
	e->mode = r->expected.mode;
	e->tracked = r->expected.tracked;
	s->replica_expectation = r->state.expectation;
	if (expectation_count(session) != GO_ON)
		return 0;
	if (map_insert(&ftpnat_expected, &s->replica_expectation, s->expectation.value)) {
		expectation_uncount();
		return 0;
	}
	session->expectation = s->replica_expectation;
	session->flags |= FTPNAT_SESSION_EXPECTS;
	if (!session->queued)
		expiry_put_session(session, r->session, now_seconds());
	return 0;
}

/* Is the session's expectation open, and is it the record's? */
static __always_inline bool replica_expects_already(const struct ftpnat_record *r,
						    const struct ftpnat_session *session,
						    struct scratch *s)
{
	const struct ftpnat_expected_key *a = &session->expectation;
	const struct ftpnat_expected_key *b = &r->state.expectation;
	struct ftpnat_expected *e;

	if (!(session->flags & FTPNAT_SESSION_EXPECTS) || a->dport != b->dport ||
	    !addr_equal(&a->peer, &b->peer) || !addr_equal(&a->dst, &b->dst))
		return false;
	s->replica_expectation = *a;
	e = bpf_map_lookup_elem(&ftpnat_expected, &s->replica_expectation);
	/* the same public port may have been promised for another of the end */
	return e && e->session == r->session && e->mode == r->expected.mode &&
	       e->sport == r->expected.sport && e->dport == r->expected.dport &&
	       addr_equal(&e->src, &r->expected.src) &&
	       addr_equal(&e->dst, &r->expected.dst);
}

/* With the session locked: its logs become the record's. 0 or -ENOMEM. */
static __noinline int replica_logs(struct ftpnat_record *r,
				   struct ftpnat_session *session)
{
	if (!(r->has & FTPNAT_RECORD_LOGS)) {
		logs_release(session);
	} else if (session->log == NO_LOGS) {
		session->log = logs_new();
		session->logged = now_seconds();
		if (session->log == NO_LOGS)
			return -ENOMEM;
	}
	r->state.log = session->log;
	r->state.logged = session->logged;
	r->state.keeps_logs = session->keeps_logs;
	if (!(r->has & FTPNAT_RECORD_LOGS))
		return 0;
	return (int)bpf_map_update_elem(&ftpnat_logs, &r->state.log, &r->logs, BPF_ANY);
}

/* With the session locked: it becomes what the record says. */
static __noinline int replica_write(struct ftpnat_record *r,
				    struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	bool expects;

	if (!s)
		return 0;
	expects = r->has & FTPNAT_RECORD_EXPECTED &&
		  replica_expects_already(r, session, s);
	if (!expects)
		expectation_close(session, r->session, FTPNAT_EXPECTED_REPLACED);
	if (session->flags & ~r->state.flags & FTPNAT_SESSION_OPAQUE)
		tls_forget(session, r->session);
	r->state.stream[0].unknown = r->state.stream[1].unknown = 0;
	r->state.lock = r->session; /* this lock */
	r->state.id = r->session;
	r->state.gone = 0;
	r->state.data_flows = session->data_flows;
	r->state.rule = session->rule;
	r->state.queued = session->queued;
	if (!(r->has & FTPNAT_RECORD_EXPECTED))
		r->state.flags &= (__u8)~FTPNAT_SESSION_EXPECTS;
	if (replica_logs(r, session))
		return -1;
	if (bpf_probe_read_kernel(session, sizeof(*session), &r->state))
		return -1;
	if (r->has & FTPNAT_RECORD_EXPECTED && !expects) {
		session->flags &= (__u8)~FTPNAT_SESSION_EXPECTS;
		replica_expects(r, session);
	}
	if (session->flags & FTPNAT_SESSION_OPAQUE)
		tls_claim(session, r->session);
	return 0;
}

/* The session of the record's control connection, which is entered. */
static __noinline enum ftpnat_applied replica_session(struct ftpnat_record *r,
						      bool claims)
{
	struct scratch *s = scratch_get();
	struct ftpnat_session *session, *blank;
	enum ftpnat_applied applied = FTPNAT_APPLIED;
	__u32 zero = 0;

	if (!s)
		return FTPNAT_APPLIED_FULL;
	session = session_of_client(r->session, &r->key);
	if (!session) {
		blank = bpf_map_lookup_elem(&ftpnat_blank, &zero);
		if (!blank)
			return FTPNAT_APPLIED_FULL;
		blank->id = r->session;
		blank->created = r->state.created;
		blank->rule = r->flow.rule;
		blank->flags = 0;
		blank->client = r->key;
		blank->server = r->flow.to;
		stream_begin(&blank->stream[0], r->state.stream[0].next);
		stream_begin(&blank->stream[1], r->state.stream[1].next);
		if (map_insert(&ftpnat_sessions, &r->session, blank))
			return FTPNAT_APPLIED_FULL;
		if (r->flow.flags & FTPNAT_FLOW_COUNTED) {
			client_of(s, &r->key.src, r->flow.rule);
			client_has_less(s, FTPNAT_HAS_HALF_OPEN);
		}
		session = session_of_client(r->session, &r->key);
	}
	if (!session || !session_lock(session, &r->session))
		return FTPNAT_APPLIED_FULL;
	if (!claims && replica_is_stale(session, &r->state))
		applied = FTPNAT_APPLIED_STALE;
	else if (replica_write(r, session))
		applied = FTPNAT_APPLIED_FULL;
	session_unlock(session, &r->session);
	return applied;
}

/* Counts a connection that is about to be entered for its rule and its client. */
static __noinline int replica_count(struct ftpnat_record *r)
{
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();

	if (!s || !usage)
		return 0;
	r->flow.flags &= (__u8)~FTPNAT_FLOW_COUNTED;
	__sync_fetch_and_add(&usage->flows[r->flow.kind & 1], 1);
	if (r->flow.kind != FTPNAT_CONTROL)
		return 0;
	__sync_fetch_and_add(&usage->sessions[bounded(r->flow.rule, FTPNAT_MAX_RULES)],
			     1);
	client_of(s, &r->key.src, r->flow.rule);
	client_more(s);
	if (s->client.counted)
		r->flow.flags |= FTPNAT_FLOW_COUNTED;
	return 0;
}

static __noinline int replica_uncount(struct ftpnat_record *r)
{
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();

	if (!s || !usage)
		return 0;
	__sync_fetch_and_sub(&usage->flows[r->flow.kind & 1], 1);
	if (r->flow.kind == FTPNAT_CONTROL) {
		s->left = r->key.src;
		control_left(r->flow.rule, r->flow.flags & FTPNAT_FLOW_COUNTED, true);
	}
	return 0;
}

/* An announced data connection has come: nobody else may. */
static __always_inline void replica_used(const struct ftpnat_record *r, struct scratch *s)
{
	const struct ftpnat_tuple *syn =
		r->flow.flags & FTPNAT_FLOW_ACTIVE ? &r->reverse : &r->key;
	struct ftpnat_expected *e;

	s->expected_key.peer = syn->src;
	s->expected_key.dst = syn->dst;
	s->expected_key.dport = syn->dport;
	s->expected_key.pad = 0;
	e = bpf_map_lookup_elem(&ftpnat_expected, &s->expected_key);
	if (e && e->session == r->session)
		expectation_remove(&s->expected_key, FTPNAT_EXPECTED_USED);
}

/* Enters the record's connection. */
static __noinline enum ftpnat_applied replica_enter(struct ftpnat_record *r, __u32 now)
{
	struct ftpnat_config *config = config_get();
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();
	int rc;

	if (!s || !config || !usage ||
	    usage->flows[r->flow.kind & 1] >= config->limit[r->flow.kind & 1])
		return FTPNAT_APPLIED_FULL;
	r->flow.queued = r->flow.seen = r->other.seen = now;
	replica_count(r);
	if (map_insert(&ftpnat_flows, &r->reverse, &r->other)) {
		replica_uncount(r);
		return FTPNAT_APPLIED_FULL;
	}
	rc = map_insert(&ftpnat_flows, &r->key, &r->flow);
	if (!rc && expiry_enter(&r->key, now)) {
		bpf_map_delete_elem(&ftpnat_flows, &r->key);
		rc = -ENOMEM;
	}
	if (rc) { /* perhaps a packet has just entered its own there */
		bpf_map_delete_elem(&ftpnat_flows, &r->reverse);
		replica_uncount(r);
		return FTPNAT_APPLIED_FULL;
	}
	if (r->flow.kind == FTPNAT_CONTROL) {
		if (!(r->flow.tcp & FTPNAT_TCP_TOLD)) /* else it is over already */
			served_change(&r->flow, 1,
				      r->flow.tcp & FTPNAT_TCP_OPENED ? 1 : 0);
		return FTPNAT_APPLIED;
	}
	session_data(&r->session, r->flow.created, 1);
	replica_used(r, s);
	return FTPNAT_APPLIED;
}

/* The TCP state that a replica gets from its owner. */
#define REPLICA_TCP                                                                      \
	(FTPNAT_TCP_ESTABLISHED | FTPNAT_TCP_FIN | FTPNAT_TCP_RST | FTPNAT_TCP_PEER |    \
	 FTPNAT_TCP_FINISHED)

/* One entry of a connection that is known becomes what the record says. */
static __always_inline void replica_update(struct ftpnat_flow *flow,
					   const struct ftpnat_flow *new, __u32 now)
{
	bool answered = flow->tcp & FTPNAT_TCP_ACK;

	if (!answered || seq_before(flow->end, new->end))
		flow->end = new->end;
	if (!answered || seq_before(flow->ack, new->ack))
		flow->ack = new->ack;
	flow->mss = new->mss;
	flow->wscale = new->wscale;
	flow->offers = new->offers;
	flow->ttl = new->ttl;
	flow->hop = 0; /* not of this second */
	flow->xdp = FTPNAT_XDP_UNKNOWN;
	flow->seen = now;
	flow->flags |= FTPNAT_FLOW_REPLICA;
	flow->flags &= (__u8)~FTPNAT_FLOW_UNPROTECTED;
	__sync_fetch_and_or(&flow->tcp, new->tcp &REPLICA_TCP);
	__sync_fetch_and_xor(&flow->tcp, (flow->tcp ^ new->tcp) & FTPNAT_TCP_OWNER);
}

/* Both FINs are known here, though perhaps no gateway has seen both, or their ACKs. */
static __always_inline void replica_ends(struct ftpnat_flow *flow,
					 struct ftpnat_flow *other)
{
	if (flow->kind == FTPNAT_DATA && flow->tcp & other->tcp & FTPNAT_TCP_FIN)
		__sync_fetch_and_or(&flow->tcp, FTPNAT_TCP_FINISHED);
}

/*
 * Does the record's connection take the place of the one of these ends that is known here? Of
 * a gateway's own one when that is over. If one SYN has come to two gateways before either
 * knew of the other, the lower slot has it, for all: nobody has forwarded it yet.
 */
static __noinline bool replica_replaces(const struct ftpnat_flow *flow,
					const struct ftpnat_record *r)
{
	struct scratch *s = scratch_get();
	struct ftpnat_flow *other;
	__u32 owner = ftpnat_slot;

	if (!s || !flow || !r)
		return false;
	tuple_swap(&s->looked, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &s->looked);
	if (flow->flags & FTPNAT_FLOW_REPLICA)
		owner = (flow->tcp & FTPNAT_TCP_OWNER) >> FTPNAT_TCP_OWNER_SHIFT;
	if (other && !(other->tcp & FTPNAT_TCP_SYN) && flow->end == r->flow.end)
		return (r->flow.tcp & FTPNAT_TCP_OWNER) >> FTPNAT_TCP_OWNER_SHIFT < owner;
	if (flow->flags & FTPNAT_FLOW_REPLICA)
		return true;
	return other && flow_closing(flow->tcp, other->tcp);
}

/*
 * Another gateway has claimed a data connection of this one, from a third: neither knew of the
 * other's claim. The lower slot keeps it, and says so once more to those that have heard the
 * other one last.
 */
static __noinline bool replica_keeps(const struct ftpnat_record *r)
{
	__u32 by = r->flow.tcp & FTPNAT_TCP_OWNER;
	__u32 mine = ftpnat_slot << FTPNAT_TCP_OWNER_SHIFT;
	struct scratch *s = scratch_get();

	if (!s || (r->has & FTPNAT_RECORD_FROM) == mine || by < mine)
		return false;
	s->record_key = r->key;
	record_publish(false, FTPNAT_RECORD_CLAIMED | by);
	return true;
}

static __noinline enum ftpnat_applied replica_connection(struct ftpnat_record *r)
{
	struct ftpnat_flow *flow = bpf_map_lookup_elem(&ftpnat_flows, &r->key);
	struct ftpnat_flow *other;
	struct ftpnat_session *session;
	enum ftpnat_applied applied = FTPNAT_APPLIED;
	__u32 now = now_seconds();
	bool own = false, claims = r->has & FTPNAT_RECORD_CLAIMED;

	r->flow.flags |= FTPNAT_FLOW_REPLICA;
	r->flow.flags &= (__u8)~FTPNAT_FLOW_UNPROTECTED;
	r->other.flags |= FTPNAT_FLOW_REPLICA;
	if (flow && (flow->session != r->flow.session || flow->kind != r->flow.kind)) {
		if (!replica_replaces(flow, r))
			return FTPNAT_APPLIED_STALE;
		flow_remove(&r->key);
		flow = NULL;
	}
	if (!flow) {
		applied = replica_enter(r, now);
		if (applied != FTPNAT_APPLIED)
			return applied;
	} else {
		other = bpf_map_lookup_elem(&ftpnat_flows, &r->reverse);
		own = !(flow->flags & FTPNAT_FLOW_REPLICA);
		if (own && flow->kind == FTPNAT_CONTROL) {
			session = session_of_client(r->session, &r->key);
			if (!session || !(r->has & FTPNAT_RECORD_SESSION) ||
			    (__s32)(r->state.epoch - session->epoch) <= 0)
				return FTPNAT_APPLIED_STALE;
		} else if (own && (!claims || replica_keeps(r))) {
			return FTPNAT_APPLIED_STALE;
		}
		if (!other)
			return FTPNAT_APPLIED_FULL;
		if (r->flow.tcp & FTPNAT_TCP_OPENED)
			replica_opened(flow);
		/* whether its client is counted here */
		r->flow.flags &= (__u8)~FTPNAT_FLOW_COUNTED;
		r->flow.flags |= flow->flags & FTPNAT_FLOW_COUNTED;
		replica_update(flow, &r->flow, now);
		replica_update(other, &r->other, now);
		replica_ends(flow, other);
	}
	if (r->flow.kind == FTPNAT_CONTROL && r->has & FTPNAT_RECORD_SESSION)
		applied = replica_session(r, own);
	return own ? FTPNAT_APPLIED_DEMOTED : applied;
}

/* What the record in ftpnat_inbox says: an enum ftpnat_applied. */
static __always_inline int replica_apply(void)
{
	struct scratch *s = scratch_get();
	struct ftpnat_record *r;
	struct ftpnat_flow *flow;
	__u32 zero = 0;

	r = bpf_map_lookup_elem(&ftpnat_inbox, &zero);
	if (!s || !r)
		return FTPNAT_APPLIED_FULL;
	slot_take(s);
	if (r->type == FTPNAT_RECORD_CONNECTION)
		return replica_connection(r);
	flow = bpf_map_lookup_elem(&ftpnat_flows, &r->key);
	if (!flow || flow->session != r->session ||
	    (flow->flags & (FTPNAT_FLOW_REPLICA | FTPNAT_FLOW_CLIENT)) !=
		    (FTPNAT_FLOW_REPLICA | FTPNAT_FLOW_CLIENT))
		return FTPNAT_APPLIED_STALE;
	flow_told(flow);
	flow_remove(&r->key);
	return FTPNAT_APPLIED;
}

#endif
