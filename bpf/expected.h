/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Expectations: an announced data connection is accepted once, from one peer, while its
 * session lives, and for a time. A session has at most one.
 */
#ifndef FTPNAT_BPF_EXPECTED_H
#define FTPNAT_BPF_EXPECTED_H

#include <linux/errno.h>

#include "bans.h"
#include "cluster.h"
#include "clients.h"
#include "config.h"
#include "count.h"
#include "expiry.h"
#include "host_ports.h"
#include "verdict.h"

#define EXPECTATION_TRIES 64 /* random ports */

/* Removes the expectation of s->gone_expectation; 0 for the one caller that did. */
static __always_inline int expectation_drop(struct scratch *s, enum ftpnat_reason why)
{
	struct ftpnat_expected *e =
		bpf_map_lookup_elem(&ftpnat_expected, &s->gone_expectation);
	struct ftpnat_usage *usage = usage_get();
	bool counted;

	if (!e || !usage)
		return -ENOENT;
	counted = e->counted;
	client_of(s, &e->client, e->rule);
	if (bpf_map_delete_elem(&ftpnat_expected, &s->gone_expectation))
		return -ENOENT;
	__sync_fetch_and_sub(&usage->expected, 1);
	if (counted)
		client_has_less(s, FTPNAT_HAS_EXPECTED);
	count(why);
	return 0;
}

__noinline int expectation_gone(enum ftpnat_reason why)
{
	struct scratch *s = scratch_get();

	return s ? expectation_drop(s, why) : -ENOENT;
}

/* Removes an expectation; 0 for the one caller that did. */
static __always_inline int expectation_remove(const struct ftpnat_expected_key *key,
					      enum ftpnat_reason why)
{
	struct scratch *s = scratch_get();

	if (!s)
		return -ENOENT;
	s->gone_expectation = *key;
	return expectation_gone(why);
}

/* Has it expired? The timer removes it later. */
static __always_inline bool expectation_stale(const struct ftpnat_expected *e)
{
	struct ftpnat_config *config = config_get();

	return !config ||
	       seconds_since(e->created, now_seconds()) > config->timeout_expected;
}

/* Closes the session's expectation if it is still open; another session's is left alone. */
static __always_inline void expectation_close(struct ftpnat_session *session, __u32 id,
					      enum ftpnat_reason why)
{
	struct scratch *s = scratch_get();
	struct ftpnat_expected *e;

	if (!s || !(session->flags & FTPNAT_SESSION_EXPECTS))
		return;
	session->flags &= ~FTPNAT_SESSION_EXPECTS;
	s->closed_expectation = session->expectation;
	e = bpf_map_lookup_elem(&ftpnat_expected, &s->closed_expectation);
	if (e && e->session == id)
		expectation_remove(&s->closed_expectation, why);
}

/* Has what the session announced still to come? */
static __always_inline bool expectation_stands(const struct ftpnat_session *session,
					       __u32 id)
{
	struct scratch *s = scratch_get();
	struct ftpnat_expected *e;

	if (!s || !(session->flags & FTPNAT_SESSION_EXPECTS))
		return false;
	s->due_expectation = session->expectation;
	e = bpf_map_lookup_elem(&ftpnat_expected, &s->due_expectation);
	return e && e->session == id;
}

/*
 * Another data connection is announced. What a transfer has expected from the default data
 * port is closed at once, since nothing may come from there any more.
 */
static __noinline int expectation_of_port(struct ftpnat_session *session, __u32 id)
{
	struct scratch *s = scratch_get();

	if (s && expectation_stands(session, id) &&
	    session->expectation.dport == session->server.sport)
		expectation_close(session, id, FTPNAT_EXPECTED_REPLACED);
	return 0;
}

/*
 * The session is due, and locked: its expectation is closed if its time is over. True: it
 * has one whose time is still to come.
 */
static __always_inline bool expectation_lives(struct ftpnat_session *session, __u32 id,
					      __u32 now)
{
	struct ftpnat_config *config = config_get();
	struct scratch *s = scratch_get();
	struct ftpnat_expected *e;

	if (!s || !config || !(session->flags & FTPNAT_SESSION_EXPECTS))
		return false;
	s->due_expectation = session->expectation;
	e = bpf_map_lookup_elem(&ftpnat_expected, &s->due_expectation);
	if (!e || e->session != id)
		return false; /* it has come */
	if (seconds_since(e->created, now) < config->timeout_expected)
		return true;
	expectation_close(session, id, FTPNAT_EXPECTED_EXPIRED);
	return false;
}

/* Is this a published control port? Such a port can't be a data port. */
static __always_inline bool is_listen(const struct ftpnat_expected_key *key)
{
	struct ftpnat_listen_key listen = { .addr = key->dst, .port = key->dport };
	struct scratch *s = scratch_get();

	if (!s)
		return false;
	listen.slot = (__u16)s->slot;
	return bpf_map_lookup_elem(&ftpnat_listens, &listen) != NULL;
}

/*
 * Does the gateway itself listen there? Its service must stay where it is, unless it is the
 * one that was announced: server or client may be on the gateway.
 */
static __always_inline bool port_is_taken(struct __sk_buff *skb,
					  struct expectation_new *a)
{
	const struct ftpnat_expected *e = (const struct ftpnat_expected *)a->value;

	a->incoming.src = a->key.peer;
	a->incoming.dst = a->key.dst;
	a->incoming.sport = 0;
	a->incoming.dport = a->key.dport;
	if (!socket_listens(skb))
		return false;
	a->incoming.src = e->src;
	a->incoming.dst = e->dst;
	return e->dport != a->key.dport || !socket_listens(skb);
}

/* Enters s->expectation with the port that is in its key. 1: the search is over. */
static __always_inline long expect_port(struct __sk_buff *skb, struct expectation_new *a)
{
	int rc;

	if (is_listen(&a->key) || port_is_taken(skb, a))
		return 0;
	rc = map_insert(&ftpnat_expected, &a->key, a->value);
	if (rc == -EEXIST)
		return 0;
	a->done = rc ? SEARCH_NO_MEMORY : SEARCH_FOUND;
	return 1;
}

/* May the announced port stay as it is? A port of the end's own address is nobody else's. */
static __always_inline bool expect_keeps(const struct expectation_new *a, __u16 port)
{
	const struct ftpnat_expected *e = (const struct ftpnat_expected *)a->value;

	return port_in_slice(port) || a->own || addr_equal(&a->key.dst, &e->dst);
}

/* Attempt 0: the port as it is, if it is in the range; then random ones. */
static long try_expect(__u32 attempt, struct __sk_buff **skb)
{
	struct scratch *s = scratch_get();
	struct expectation_new *a;
	__u16 port;

	if (!s)
		return 1;
	a = &s->expectation;
	port = bpf_ntohs(a->key.dport);
	if (attempt) {
		__u32 range = (__u32)a->port_max - a->port_min + 1;

		port = (__u16)(a->port_min + bpf_get_prandom_u32() % range);
		port = port_to_slice(port, a->port_min, a->port_max);
		a->key.dport = bpf_htons(port);
	} else if (port < a->port_min || port > a->port_max || !expect_keeps(a, port)) {
		return 0;
	}
	return expect_port(*skb, a);
}

/* Small ranges are searched completely after the random tries. */
static long try_next(__u32 i, struct __sk_buff **skb)
{
	struct scratch *s = scratch_get();
	struct expectation_new *a;
	__u32 port;

	if (!s)
		return 1;
	a = &s->expectation;
	port = a->port_min + i;
	if (port > a->port_max)
		return 1;
	a->key.dport = bpf_htons(port);
	return port_in_slice((__u16)port) ? expect_port(*skb, a) : 0;
}

#define PORTS_SEARCHED 1024

/*
 * Counts one more expectation, of the session's client, in the one about to be opened:
 * GO_ON, or why there can't be more.
 */
__noinline enum ftpnat_reason expectation_count(struct ftpnat_session *session)
{
	struct ftpnat_config *config = config_get();
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();
	enum ftpnat_reason verdict = GO_ON;
	struct ftpnat_expected *e;
	struct ftpnat_rule *rule;
	__u32 used, had = 0;

	if (!session || !s || !config || !usage)
		return FTPNAT_LINE_FULL;
	s->ban_key.addr = session->client.src;
	if (bans_have(s, session->rule))
		return FTPNAT_BANNED;
	used = __sync_fetch_and_add(&usage->expected, 1);
	if (used >= config->limit_expected) {
		__sync_fetch_and_sub(&usage->expected, 1);
		return FTPNAT_LINE_FULL;
	}
	e = (struct ftpnat_expected *)s->expectation.value;
	e->client = session->client.src;
	client_of(s, &e->client, session->rule);
	e->counted = client_has_more(s, FTPNAT_HAS_EXPECTED, &had);
	rule = rule_get(s, session->rule);
	if (rule && rule->per_client.expected && had >= rule->per_client.expected)
		verdict = FTPNAT_CLIENT_EXPECTED;
	else if (under_pressure(used, config->limit_expected) &&
		 share_used(had, config->limit_expected, SHARE_EXPECTED))
		verdict = FTPNAT_CLIENT_SHARE;
	if (verdict == GO_ON)
		return GO_ON;
	__sync_fetch_and_sub(&usage->expected, 1);
	if (e->counted)
		client_has_less(s, FTPNAT_HAS_EXPECTED);
	return verdict;
}

/* The expectation that expectation_count() has counted did not come about. */
__noinline int expectation_uncount(void)
{
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();
	struct ftpnat_expected *e;

	if (!s || !usage)
		return 0;
	__sync_fetch_and_sub(&usage->expected, 1);
	e = (struct ftpnat_expected *)s->expectation.value;
	client_of(s, &e->client, e->rule);
	if (e->counted)
		client_has_less(s, FTPNAT_HAS_EXPECTED);
	return 0;
}

/*
 * Opens an expectation for the session: GO_ON, or why not. The expectation that the
 * session had is closed first, so its port is free again.
 */
static __always_inline enum ftpnat_reason expectation_open(struct __sk_buff *skb,
							   struct ftpnat_session *session,
							   __u32 id,
							   struct expectation_new *a)
{
	struct scratch *s = scratch_get();
	enum ftpnat_reason verdict;

	if (!s)
		return FTPNAT_LINE_FULL;
	expectation_close(session, id, FTPNAT_EXPECTED_REPLACED);
	if (clustered() && cluster_refuses())
		return FTPNAT_LINE_UNPROTECTED;
	verdict = expectation_count(session);
	if (verdict != GO_ON)
		return verdict;
	a->done = SEARCH_ON;
	bpf_loop(EXPECTATION_TRIES, try_expect, &skb, 0);
	if (a->done == SEARCH_ON)
		bpf_loop(PORTS_SEARCHED, try_next, &skb, 0);
	if (a->done != SEARCH_FOUND) {
		expectation_uncount();
		return a->done == SEARCH_NO_MEMORY ? FTPNAT_LINE_FULL :
						     FTPNAT_LINE_NO_PORT;
	}
	session->expectation = a->key;
	session->flags |= FTPNAT_SESSION_EXPECTS;
	/* where that fails, it closes with its session, and expectation_stale() sees to its time */
	if (!session->queued)
		expiry_put_session(session, id, s->segment.now);
	count(FTPNAT_EXPECTED);
	return GO_ON;
}

#endif
