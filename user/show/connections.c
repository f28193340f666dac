// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "show/connections.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* One reading. */
struct reading {
	struct connections *all;
	const struct view *view;
	const struct filter *filter;
	int flows_fd;
	__u32 now;
};

const char *connection_kind(const struct connection *c)
{
	return c->kind == FTPNAT_CONTROL ? "control" : "data";
}

static struct ftpnat_tuple other_direction(const struct ftpnat_flow *flow)
{
	return (struct ftpnat_tuple){ .src = flow->to.dst,
				      .dst = flow->to.src,
				      .sport = flow->to.dport,
				      .dport = flow->to.sport };
}

static const char *state_of(const struct ftpnat_flow *client,
			    const struct ftpnat_flow *server)
{
	if ((client->tcp | server->tcp) & (FTPNAT_TCP_RST | FTPNAT_TCP_TOLD))
		return "closed";
	if ((client->tcp | server->tcp) & FTPNAT_TCP_FIN)
		return "closing";
	return client->tcp & server->tcp & FTPNAT_TCP_ACK ? "established" : "new";
}

static __u32 seconds_since(__u32 then, __u32 now)
{
	return now > then ? now - then : 0;
}

/* What other gateways know of it; `flow` is the client's entry. */
static const char *cluster_of(const struct view *view, const struct ftpnat_flow *flow)
{
	if (!(view->config.service & FTPNAT_SERVICE_CLUSTER))
		return NULL;
	if (flow->flags & FTPNAT_FLOW_REPLICA)
		return "replica";
	return flow->flags & FTPNAT_FLOW_UNPROTECTED ? "unprotected" : "own";
}

static void describe(const struct reading *reading, const struct ftpnat_tuple *key,
		     const struct ftpnat_flow *client, const struct ftpnat_flow *server,
		     struct connection *c)
{
	__u32 seen = client->seen > server->seen ? client->seen : server->seen;

	*c = (struct connection){
		.client = *key,
		.server = client->to,
		.packets = { client->packets, server->packets },
		.bytes = { client->bytes, server->bytes },
		.session = client->session,
		.created = client->created,
		.age = seconds_since(client->created, reading->now),
		.idle = seconds_since(seen, reading->now),
		.rule = view_rule_name(reading->view, client->rule),
		.state = state_of(client, server),
		.cluster = cluster_of(reading->view, client),
		.kind = client->kind == FTPNAT_CONTROL ? FTPNAT_CONTROL : FTPNAT_DATA,
	};
}

static bool is_wanted(const struct filter *filter, const struct connection *c)
{
	return filter_word(filter->rule, c->rule) &&
	       filter_word(filter->kind, connection_kind(c)) &&
	       filter_word(filter->state, c->state) &&
	       filter_ends(filter, &c->client, &c->server);
}

int connections_add(struct connections *all, const struct connection *c)
{
	if (all->number == all->room) {
		size_t room = all->room ? 2 * all->room : 64;
		struct connection *list = reallocarray(all->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		all->list = list;
		all->room = room;
	}
	all->list[all->number++] = *c;
	return 0;
}

static int see_flow(const void *key, const void *value, void *arg)
{
	const struct ftpnat_flow *client = value;
	const struct reading *reading = arg;
	struct ftpnat_tuple back = other_direction(client);
	struct ftpnat_flow server;
	struct connection c;

	if (!(client->flags & FTPNAT_FLOW_CLIENT))
		return 0;
	/* It may have ended since: then only one half is shown. */
	if (bpf_map_lookup_elem(reading->flows_fd, &back, &server))
		memset(&server, 0, sizeof(server));
	describe(reading, key, client, &server, &c);
	return is_wanted(reading->filter, &c) ? connections_add(reading->all, &c) : 0;
}

int connections_read(struct connections *all, const struct view *view,
		     const struct filter *filter)
{
	_cleanup_close_ int flows_fd = view_map(view, FTPNAT_MAP_FLOWS);
	struct reading reading = { .all = all,
				   .view = view,
				   .filter = filter,
				   .flows_fd = flows_fd,
				   .now = view_now() };

	if (flows_fd < 0)
		return flows_fd;
	return view_walk(view, FTPNAT_MAP_FLOWS, see_flow, &reading);
}

void connections_free(struct connections *all)
{
	free(all->list);
}

/* ---- sorting ---- */

static int by_session(const void *one, const void *two)
{
	const struct connection *a = one, *b = two;

	int order = sort_numbers(a->session, b->session) ?:
							   sort_numbers(a->kind, b->kind);

	if (!order)
		order = sort_numbers(a->created, b->created);
	return order ?: memcmp(&a->client, &b->client, sizeof(a->client));
}

static int by_age(const void *one, const void *two)
{
	const struct connection *a = one, *b = two;

	return sort_numbers(b->age, a->age) ?: by_session(one, two);
}

static int by_bytes(const void *one, const void *two)
{
	const struct connection *a = one, *b = two;

	return sort_numbers(b->bytes[0] + b->bytes[1], a->bytes[0] + a->bytes[1]) ?:
		       by_session(one, two);
}

static int by_end(const struct ftpnat_addr *one, __be16 one_port,
		  const struct ftpnat_addr *two, __be16 two_port)
{
	return memcmp(one, two, sizeof(*one)) ?:
		       sort_numbers(ntohs(one_port), ntohs(two_port));
}

static int by_client(const void *one, const void *two)
{
	const struct connection *a = one, *b = two;

	return by_end(&a->client.src, a->client.sport, &b->client.src, b->client.sport) ?:
		       by_session(one, two);
}

static int by_idle(const void *one, const void *two)
{
	const struct connection *a = one, *b = two;

	return sort_numbers(b->idle, a->idle) ?: by_session(one, two);
}

static int by_packets(const void *one, const void *two)
{
	const struct connection *a = one, *b = two;

	return sort_numbers(b->packets[0] + b->packets[1], a->packets[0] + a->packets[1]) ?:
		       by_session(one, two);
}

static int by_rule(const void *one, const void *two)
{
	const struct connection *a = one, *b = two;

	return strcmp(a->rule, b->rule) ?: by_session(one, two);
}

static int by_server(const void *one, const void *two)
{
	const struct connection *a = one, *b = two;

	return by_end(&a->server.dst, a->server.dport, &b->server.dst, b->server.dport) ?:
		       by_session(one, two);
}

static int by_state(const void *one, const void *two)
{
	const struct connection *a = one, *b = two;

	return strcmp(a->state, b->state) ?: by_session(one, two);
}

const struct sort_key connection_sorts[] = {
	{ "session", by_session }, { "age", by_age },
	{ "bytes", by_bytes },	   { "client", by_client },
	{ "idle", by_idle },	   { "packets", by_packets },
	{ "rule", by_rule },	   { "server", by_server },
	{ "state", by_state },	   { NULL, NULL },
};

void connections_sort(struct connections *all, const struct sort_key *key)
{
	sort_by(key, all->list, all->number, sizeof(*all->list));
}
