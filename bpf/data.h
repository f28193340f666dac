/* SPDX-License-Identifier: GPL-2.0-only */
/* A SYN that was announced, or that TLS hides the announcement of, becomes a data connection. */
#ifndef FTPNAT_BPF_DATA_H
#define FTPNAT_BPF_DATA_H

#include "tls.h"

/*
 * GO_ON when opened, PASS when nothing was expected, else the reason of the refusal.
 * leaves: every filter has let it through, it is about to leave as it is.
 */
static __noinline int data_open(struct scratch *s, int leaves)
{
	struct ftpnat_expected_key *key = &s->expected_key;
	const struct packet *p = &s->packet;
	struct flow_new *new = &s->flow;
	struct ftpnat_rule_stats *stats;
	struct ftpnat_session *session;
	struct ftpnat_expected *e;
	int verdict;

	key->peer = p->tuple.src;
	key->dst = p->tuple.dst;
	key->dport = p->tuple.dport;
	key->pad = 0;
	e = bpf_map_lookup_elem(&ftpnat_expected, key);
	if (e && expected_stale(e)) {
		expected_remove(key, FTPNAT_EXPECTED_EXPIRED);
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
	} else if (!tls_door(leaves)) {
		return FTPNAT_PASS;
	}
	new->key = p->tuple;
	new->isn = p->seq;
	new->port_min = 1024;
	new->port_max = 65535;
	new->kind = FTPNAT_DATA;
	new->now = now_seconds();
	/* RFC 959: from port 20, to a port that the client may use again and again */
	if (e && e->sport)
		flow_makes_room(TUPLE_OF_REPLIES);
	verdict = flow_open(new);
	if (verdict != GO_ON)
		return verdict;

	session = bpf_map_lookup_elem(&ftpnat_sessions, &new->session);
	if (session)
		__sync_fetch_and_add(&session->data_flows, 1);
	if (!e) {
		count(FTPNAT_TLS_DATA);
	} else if (expected_remove(key, FTPNAT_EXPECTED_USED)) {
		/* another SYN was faster through the same door */
		struct ftpnat_tuple *owner_key =
			new->flags &FTPNAT_FLOW_CLIENT ? &new->key : &new->reverse;
		struct ftpnat_flow *owner = bpf_map_lookup_elem(&ftpnat_flows, owner_key);

		if (owner)
			flow_remove(owner_key, owner);
		return FTPNAT_PASS;
	}
	stats = rule_stats(new->rule);
	if (stats)
		stats->data_connections += 1;
	return GO_ON;
}

#endif
