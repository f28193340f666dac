/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which clients may open a control connection of a rule, by its lists and its limits, and
 * which ones a data connection.
 */
#ifndef FTPNAT_BPF_ADMISSION_H
#define FTPNAT_BPF_ADMISSION_H

#include "bans.h"
#include "clients.h"
#include "config.h"
#include "verdict.h"

/* By `clients` and `deny` of the rule. */
static __always_inline bool lists_admit(struct scratch *s, const struct ftpnat_rule *rule,
					__u16 id)
{
	__u32 at = (s->slot & 1) * FTPNAT_MAX_RULES + id;
	struct ftpnat_prefix_key *key = &s->prefix_key;
	__u32 *admitted;
	void *trie;

	if (!(rule->admission & FTPNAT_ADMIT_LISTS))
		return true;
	trie = bpf_map_lookup_elem(&ftpnat_lists, &at);
	if (!trie)
		return false;
	key->len = ADDR_BITS;
	key->addr = s->flow.key.src;
	admitted = bpf_map_lookup_elem(trie, key);
	return admitted ? *admitted : rule->admission & FTPNAT_ADMIT_DEFAULT;
}

/* Does the client of s->client_key open control connections faster than it may? */
static __always_inline bool client_too_fast(struct scratch *s,
					    const struct ftpnat_per_client *limit)
{
	struct ftpnat_client *client;
	__u64 now, next, interval;

	if (!limit->new_sessions)
		return false;
	client = bpf_map_lookup_elem(&ftpnat_clients, &s->client_key);
	if (!client)
		return false;
	/* the generic cell rate algorithm: one number holds the whole state */
	interval = limit->new_time * SECOND / limit->new_sessions;
	now = bpf_ktime_get_coarse_ns();
	next = client->next > now ? client->next : now;
	if (next + interval > now + limit->new_time * SECOND)
		return true;
	client->next = next + interval;
	return false;
}

/* Of the client of s->client_key, which had these numbers before: GO_ON, or why not. */
static __always_inline enum ftpnat_reason
client_limits(struct scratch *s, const struct ftpnat_per_client *limit, __u32 had,
	      __u32 half_open, bool pressure, __u32 table)
{
	if (limit->sessions && had >= limit->sessions)
		return FTPNAT_CLIENT_SESSIONS;
	if (limit->half_open && half_open >= limit->half_open)
		return FTPNAT_CLIENT_HALF_OPEN;
	if (pressure && (share_used(had, table, SHARE_SESSIONS) ||
			 share_used(half_open, table, SHARE_HALF_OPEN)))
		return FTPNAT_CLIENT_SHARE;
	return client_too_fast(s, limit) ? FTPNAT_CLIENT_NEW_SESSIONS : GO_ON;
}

/* The control connection that client_admit() has counted did not come about. */
__noinline int client_undo(void)
{
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();

	if (!s || !usage)
		return 0;
	__sync_fetch_and_sub(&usage->sessions[bounded(s->flow.rule, FTPNAT_MAX_RULES)],
			     1);
	if (!(s->flow.flags & FTPNAT_FLOW_COUNTED))
		return 0;
	s->flow.flags &= (__u8)~FTPNAT_FLOW_COUNTED;
	client_of(s, &s->flow.key.src, s->flow.rule);
	client_has_less(s, FTPNAT_HAS_HALF_OPEN);
	client_less();
	return 0;
}

/*
 * Counts the control connection that s->flow describes for its rule and its client:
 * GO_ON, or which limit refuses it.
 */
__noinline enum ftpnat_reason client_admit(const struct ftpnat_rule *rule)
{
	struct ftpnat_config *config = config_get();
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();
	enum ftpnat_reason verdict = GO_ON;
	__u32 rule_had, table;

	if (!config || !usage || !s || !rule)
		return FTPNAT_NO_MEMORY;
	s->ban_key.addr = s->flow.key.src;
	if (client_banned(s->flow.rule))
		return FTPNAT_BANNED;
	table = config->limit[FTPNAT_CONTROL];
	rule_had = __sync_fetch_and_add(
		&usage->sessions[bounded(s->flow.rule, FTPNAT_MAX_RULES)], 1);
	client_of(s, &s->flow.key.src, s->flow.rule);
	client_more(s);
	if (s->client.counted)
		s->flow.flags |= FTPNAT_FLOW_COUNTED;
	if (rule->max_sessions && rule_had >= rule->max_sessions)
		verdict = FTPNAT_RULE_SESSIONS;
	else if (s->client.counted)
		verdict = client_limits(
			s, &rule->per_client, s->client.had, s->client.half_open,
			under_pressure(usage->flows[FTPNAT_CONTROL], table), table);
	if (verdict != GO_ON)
		client_undo();
	return verdict;
}

/* The client's address in the data connection that s->flow describes. */
static __always_inline const struct ftpnat_addr *data_client(const struct flow_new *new)
{
	return new->flags &FTPNAT_FLOW_CLIENT ? &new->key.src : &new->to.dst;
}

/* The data connection that data_admit() has counted did not come about. */
static __always_inline void data_undo(struct scratch *s)
{
	if (!(s->flow.flags & FTPNAT_FLOW_COUNTED))
		return;
	s->flow.flags &= (__u8)~FTPNAT_FLOW_COUNTED;
	client_data_less(data_client(&s->flow), s->flow.rule);
}

/*
 * Counts the data connection that s->flow describes for its client: GO_ON, or it has its
 * share of a table that is nearly full.
 */
__noinline enum ftpnat_reason data_admit(void)
{
	struct ftpnat_config *config = config_get();
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();
	__u32 had, table;

	if (!config || !usage || !s)
		return FTPNAT_NO_MEMORY;
	client_of(s, data_client(&s->flow), s->flow.rule);
	if (!client_data_more(s, &had))
		return GO_ON;
	s->flow.flags |= FTPNAT_FLOW_COUNTED;
	table = config->limit[FTPNAT_DATA];
	if (!under_pressure(usage->flows[FTPNAT_DATA], table) ||
	    !share_used(had, table, SHARE_DATA))
		return GO_ON;
	data_undo(s);
	return FTPNAT_CLIENT_SHARE;
}

#endif
