/* SPDX-License-Identifier: GPL-2.0-only */
/* Which of a rule's servers a new control connection gets. */
#ifndef FTPNAT_BPF_BALANCE_H
#define FTPNAT_BPF_BALANCE_H

#include "addr.h"
#include "served.h"

/* Server i of the walk; NULL: behind the last. */
static __always_inline struct ftpnat_server *server_at(struct scratch *s, __u32 i)
{
	__u32 key = s->server_walk.first + i;

	if (i >= s->server_walk.number)
		return NULL;
	return bpf_map_lookup_elem(&ftpnat_servers, &key);
}

static __always_inline bool server_fits(const struct scratch *s,
					const struct ftpnat_server *server)
{
	return addr_is_v4(&server->addr) == s->server_walk.v4;
}

/* By weight: the server that the ticket leads to. */
static long pick_server(__u32 i, struct scratch **scratch)
{
	struct scratch *s = *scratch;
	struct ftpnat_server *server = server_at(s, i);

	if (!server)
		return 1;
	if (!server_fits(s, server))
		return 0;
	if (s->server_walk.ticket < server->weight) {
		s->server_walk.found = s->server_walk.first + i;
		return 1;
	}
	s->server_walk.ticket -= server->weight;
	return 0;
}

/*
 * The server with the fewest connections for its weight; of several, one at random by
 * weight.
 */
static long pick_least(__u32 i, struct scratch **scratch)
{
	struct scratch *s = *scratch;
	struct ftpnat_server *server = server_at(s, i);
	struct server_walk *walk = &s->server_walk;
	struct ftpnat_served *served;
	__u64 mine, least;
	__u32 has = 0;

	if (!server)
		return 1;
	if (!server_fits(s, server) || !server->weight)
		return 0;
	served = served_find(s->flow.rule, &server->addr, server->port);
	if (served && served->present > 0)
		has = (__u32)served->present;
	/* has / weight, both sides multiplied by both weights */
	mine = has * walk->least_weight;
	least = walk->least * server->weight;
	if (walk->found != WALK_NONE && mine > least)
		return 0;
	if (walk->found == WALK_NONE || mine < least)
		walk->weight = 0;
	walk->weight += server->weight;
	if (bpf_get_prandom_u32() % walk->weight < server->weight) {
		walk->found = walk->first + i;
		walk->least = has;
		walk->least_weight = server->weight;
	}
	return 0;
}

static __always_inline __u32 addr_hash(const struct ftpnat_addr *addr)
{
	__u32 hash = addr->w[0] * 0x9e3779b1 + addr->w[1];

	hash = (hash ^ hash >> 15) * 0x85ebca77 + addr->w[2];
	hash = (hash ^ hash >> 13) * 0xc2b2ae3d + addr->w[3];
	hash = (hash ^ hash >> 16) * 0x27d4eb2f;
	return hash ^ hash >> 15;
}

/* The number that picks the server: the same for the same client, where it has to be. */
static __always_inline __u32 server_ticket(const struct ftpnat_rule *rule,
					   const struct scratch *s)
{
	/* under TLS a data connection is identified by its client only */
	if (rule->tls_port_min || rule->balance == FTPNAT_BALANCE_SOURCE)
		return addr_hash(&s->flow.key.src);
	return bpf_get_prandom_u32();
}

/*
 * Which family the server for a client of family `v4` has: its own, or else the other one, if
 * the rule names the source that such a server sees.
 */
static __always_inline bool server_family(const struct ftpnat_rule *rule, bool v4)
{
	bool own = rule->weight[v4 ? FTPNAT_V4 : FTPNAT_V6];
	bool other = rule->weight[v4 ? FTPNAT_V6 : FTPNAT_V4] &&
		     rule->source == FTPNAT_SOURCE_ADDRESS;

	return own || !other ? v4 : !v4;
}

/*
 * The server for a new connection of s->flow, of the client's family if there is one; NULL:
 * none is left.
 */
static __always_inline struct ftpnat_server *server_for(const struct ftpnat_rule *rule,
							struct scratch *s, bool client_v4)
{
	bool v4 = server_family(rule, client_v4);
	__u32 weight = rule->weight[v4 ? FTPNAT_V4 : FTPNAT_V6];
	struct ftpnat_server *server;

	s->server_walk.v4 = v4;
	s->server_walk.first = (s->slot & 1) * FTPNAT_MAX_SERVERS + rule->first_server;
	s->server_walk.number = rule->servers;
	if (!weight) {
		__u32 fallback = s->server_walk.first + s->server_walk.number - 1;

		if (!(rule->flags & FTPNAT_RULE_FALLBACK))
			return NULL;
		server = bpf_map_lookup_elem(&ftpnat_servers, &fallback);
		if (!server || server->drained ||
		    (addr_is_v4(&server->addr) != v4 &&
		     rule->source != FTPNAT_SOURCE_ADDRESS))
			return NULL;
		return server;
	}
	s->server_walk.found = WALK_NONE;
	if (rule->balance == FTPNAT_BALANCE_LEAST) {
		bpf_loop(FTPNAT_MAX_RULE_SERVERS, pick_least, &s, 0);
	} else {
		s->server_walk.ticket = server_ticket(rule, s) % weight;
		bpf_loop(FTPNAT_MAX_RULE_SERVERS, pick_server, &s, 0);
	}
	return bpf_map_lookup_elem(&ftpnat_servers, &s->server_walk.found);
}

#endif
