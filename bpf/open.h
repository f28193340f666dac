/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A SYN without a flow: announced, or to a port of `tls_data_ports`, it becomes a data
 * connection; to a rule's control port it becomes a control connection; a guard may
 * refuse it.
 */
#ifndef FTPNAT_BPF_OPEN_H
#define FTPNAT_BPF_OPEN_H

#include "guard.h"
#include "refuse.h"
#include "room.h"
#include "rules.h"
#include "source.h"
#include "tls_sessions.h"

/*
 * Is the SYN in the scratch memory for a port of `tls_data_ports`, from a client that
 * holds a session under TLS? Or does it leave without such a port? Sets its destination
 * in s->flow.
 */
__noinline bool tls_expects(bool outbound)
{
	struct scratch *s = scratch_get();
	struct ftpnat_session *session = NULL;
	struct ftpnat_tls *known;
	struct flow_new *new;
	struct packet *p;
	__u32 i;

	if (!s)
		return false;
	p = &s->packet;
	new = &s->flow;
	s->tls_expected.peer = p->tuple.src;
	s->tls_expected.dst = p->tuple.dst;
	known = bpf_map_lookup_elem(&ftpnat_tls, &s->tls_expected);
	new->key = p->tuple;
	if (!known || control_rule(s) != WALK_NONE)
		return false;
	for (i = 0; i < FTPNAT_TLS_SESSIONS && !session; i++) {
		new->session = known->session[i];
		session = tls_leads(s, &new->session, outbound);
	}
	if (!session)
		return false;
	new->to.src = session->server.src;
	new->to.dst = session->server.dst;
	new->to.sport = p->tuple.sport;
	new->to.dport = p->tuple.dport;
	new->rule = session->rule;
	if (session->flags & FTPNAT_SESSION_TRACKED)
		new->flags |= FTPNAT_FLOW_TRACKED;
	return true;
}

/*
 * Is the client of the data connection in s->flow banned? Then the expectation that it
 * came by, if any, is closed; its key is s->expected_key.
 */
__noinline int data_banned(const struct ftpnat_expected *e)
{
	struct scratch *s = scratch_get();

	if (!s)
		return false;
	s->ban_key.addr = e ? e->client : s->packet.tuple.src;
	if (!client_banned(s->flow.rule))
		return false;
	if (e)
		expectation_remove(&s->expected_key, FTPNAT_EXPECTED_CLOSED);
	return true;
}

/*
 * GO_ON when opened, PASS when nothing was expected, else the reason of the refusal.
 * outbound: every filter has accepted it, and it is about to leave unchanged.
 */
__noinline enum ftpnat_reason data_open(struct __sk_buff *skb, bool egress, bool outbound)
{
	struct scratch *s = scratch_get();
	struct ftpnat_expected_key *key;
	const struct packet *p;
	struct flow_new *new;
	struct ftpnat_expected *e;
	enum ftpnat_reason verdict;

	if (!s)
		return FTPNAT_PASS;
	key = &s->expected_key;
	p = &s->packet;
	new = &s->flow;
	key->peer = p->tuple.src;
	key->dst = p->tuple.dst;
	key->dport = p->tuple.dport;
	key->pad = 0;
	e = bpf_map_lookup_elem(&ftpnat_expected, key);
	if (e && expectation_stale(e)) {
		expectation_remove(key, FTPNAT_EXPECTED_EXPIRED);
		e = 0;
	}
	new->flags = FTPNAT_FLOW_CLIENT;
	if (e) {
		new->to.src = e->src;
		new->to.dst = e->dst;
		new->to.sport = e->sport ? e->sport : p->tuple.sport;
		new->to.dport = e->dport;
		new->session = e->session;
		new->rule = e->rule;
		if (e->mode == FTPNAT_ACTIVE)
			new->flags = FTPNAT_FLOW_ACTIVE;
		if (e->tracked)
			new->flags |= FTPNAT_FLOW_TRACKED;
	} else if (!tls_expects(outbound)) {
		return FTPNAT_PASS;
	}
	new->key = p->tuple;
	new->isn = p->seq;
	new->port_min = PORT_UNPRIVILEGED;
	new->port_max = PORT_MAX;
	new->kind = FTPNAT_DATA;
	new->now = now_seconds();
	verdict = source_opens(skb, s, egress);
	if (verdict != GO_ON)
		return verdict;
	if (data_banned(e))
		return FTPNAT_BANNED;
	new->own = is_own(skb, new);
	/* RFC 959: from port 20, to a port that the client may use again and again */
	if (e && e->sport)
		flow_makes_room(TUPLE_OF_REPLIES);
	verdict = data_admit();
	if (limit_makes_room(new, verdict))
		verdict = data_admit();
	if (verdict == GO_ON) {
		verdict = flow_open(skb, new);
		if (verdict != GO_ON)
			data_undo(s);
	}
	if (verdict != GO_ON)
		return verdict;

	session_data(&new->session, new->now, 1);
	if (!e) {
		count(FTPNAT_TLS_DATA);
	} else if (expectation_remove(key, FTPNAT_EXPECTED_USED)) {
		/* another SYN was faster through the same expectation */
		struct ftpnat_tuple *owner_key =
			new->flags &FTPNAT_FLOW_CLIENT ? &new->key : &new->reverse;
		struct ftpnat_flow *owner = bpf_map_lookup_elem(&ftpnat_flows, owner_key);

		if (owner)
			flow_forget(owner_key, owner);
		return FTPNAT_PASS;
	}
	return GO_ON;
}

/*
 * A SYN without flow or expectation: opens a control connection if a rule matches. GO_ON
 * if it did, PASS if no rule matches, else the reason of the refusal.
 */
__noinline enum ftpnat_reason control_open(struct __sk_buff *skb, bool egress)
{
	struct scratch *s = scratch_get();
	const struct packet *p;
	struct flow_new *new;
	struct ftpnat_rule *rule;
	__u32 id;
	enum ftpnat_reason verdict;

	if (!s)
		return FTPNAT_PASS;
	p = &s->packet;
	new = &s->flow;
	if (!ifaddr_get(s, skb->ifindex))
		return FTPNAT_PASS;
	new->key = p->tuple;
	new->kind = FTPNAT_CONTROL;
	new->flags = FTPNAT_FLOW_CLIENT;
	id = control_rule(s);
	if (id >= FTPNAT_MAX_RULES)
		return FTPNAT_PASS;
	new->rule = (__u16)id;
	rule = rule_get(s, new->rule);
	if (!rule)
		return FTPNAT_PASS;
	if (rule->kind == FTPNAT_PUBLISH) {
		verdict = publish(skb, rule, s, egress);
	} else if (rule->kind == FTPNAT_MASQUERADE) {
		verdict = masquerade(skb, rule, s, egress);
	} else {
		new->to = new->key;
		new->flags |= FTPNAT_FLOW_TRACKED;
		verdict = GO_ON;
	}
	if (verdict == GO_ON || verdict == FTPNAT_NO_SERVER) {
		enum ftpnat_reason source = source_opens(skb, s, egress);

		if (source != GO_ON)
			return source;
	}
	if (verdict == GO_ON)
		verdict = lists_admit(s, rule, new->rule) ? client_admit(rule) :
							    FTPNAT_CLIENT_DENIED;
	if (limit_makes_room(new, verdict))
		verdict = client_admit(rule);
	if (verdict != GO_ON)
		return verdict;
	new->own = is_own(skb, new);

	new->session = 0; /* flow_open() finds one */
	new->isn = p->seq;
	new->port_min = PORT_UNPRIVILEGED;
	new->port_max = PORT_MAX;
	new->now = now_seconds();
	verdict = flow_open(skb, new);
	if (verdict != GO_ON)
		client_undo();
	return verdict;
}

/* At egress: has another hook already made this tuple out of the one that came? */
static __noinline bool already_translated(const struct packet *p)
{
	struct ftpnat_tuple reverse;

	tuple_swap(&reverse, &p->tuple);
	return bpf_map_lookup_elem(&ftpnat_flows, &reverse) != NULL;
}

/*
 * A health check of this host: no session of any rule, and no guard's business. Cookies of
 * sockets are unique, and forwarded packets have none.
 */
static __always_inline bool is_probe(struct __sk_buff *skb)
{
	__u64 cookie = bpf_get_socket_cookie(skb);

	return cookie && bpf_map_lookup_elem(&ftpnat_probes, &cookie);
}

/* Opens the flow that a SYN asks for: GO_ON, PASS, or the reason of the refusal. */
__noinline enum ftpnat_reason flow_begin(struct __sk_buff *skb, bool egress)
{
	struct scratch *s = scratch_get();
	struct packet *p;
	enum ftpnat_reason verdict;

	if (!s)
		return FTPNAT_PASS;
	if (egress && is_probe(skb))
		return FTPNAT_PASS;
	slot_take(s);
	p = &s->packet;
	if (egress && already_translated(p))
		return FTPNAT_SEEN;
	verdict = data_open(skb, egress, false);
	if (verdict == FTPNAT_PASS)
		verdict = control_open(skb, egress);
	if (verdict == FTPNAT_PASS)
		verdict = guard_syn(skb);
	if (verdict == FTPNAT_PASS && egress)
		verdict = data_open(skb, egress, true);
	if (verdict == GO_ON || verdict == FTPNAT_PASS || verdict == FTPNAT_GUARDED)
		return verdict;
	if (verdict == FTPNAT_SPOOFED || verdict == FTPNAT_MARTIAN) {
		event_refused(s, verdict);
		return verdict;
	}
	if (s->flow.kind == FTPNAT_CONTROL)
		return refuse(skb, s, verdict, egress);
	s->refused = p->tuple;
	if (s->flow.flags & FTPNAT_FLOW_ACTIVE)
		tuple_swap(&s->refused, &p->tuple);
	event_flow(verdict, &s->refused, &s->refused, 0, s->flow.rule, s->flow.kind);
	return verdict;
}

#endif
