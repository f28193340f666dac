// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* flows: one line or entry per connection; entries are printed as they are read. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/table.h"
#include "dataplane/view.h"

/* One connection, from both of its entries. */
struct connection {
	const char *rule;
	const char *kind;
	const char *state;
	char client[FTPNAT_ENDPOINT_STRLEN];
	char public[FTPNAT_ENDPOINT_STRLEN];
	char real[FTPNAT_ENDPOINT_STRLEN];
	char source[FTPNAT_ENDPOINT_STRLEN]; /* what the server sees as the client */
	__u32 session;
	__u32 age;
	__u32 idle;
	__u64 packets[FTPNAT_DIR_MAX];
	__u64 bytes[FTPNAT_DIR_MAX];
};

struct listing {
	const struct view *view;
	const struct options *options;
	int flows_fd;
	__u32 now;
	size_t printed;
	struct table table;
};

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
	if ((client->tcp | server->tcp) & FTPNAT_TCP_RST)
		return "closed";
	if ((client->tcp | server->tcp) & FTPNAT_TCP_FIN)
		return "closing";
	return client->tcp & server->tcp & FTPNAT_TCP_ACK ? "established" : "new";
}

static __u32 seconds_since(__u32 then, __u32 now)
{
	return now > then ? now - then : 0;
}

static void describe(const struct listing *listing, const struct ftpnat_tuple *key,
		     const struct ftpnat_flow *client, const struct ftpnat_flow *server,
		     struct connection *c)
{
	c->rule = view_rule_name(listing->view, client->rule);
	c->kind = client->kind == FTPNAT_CONTROL ? "control" : "data";
	c->state = state_of(client, server);
	ftpnat_endpoint_str(c->client, &key->src, key->sport);
	ftpnat_endpoint_str(c->public, &key->dst, key->dport);
	ftpnat_endpoint_str(c->real, &client->to.dst, client->to.dport);
	ftpnat_endpoint_str(c->source, &client->to.src, client->to.sport);
	c->session = client->session;
	c->age = seconds_since(client->created, listing->now);
	c->idle = seconds_since(client->seen > server->seen ? client->seen : server->seen,
				listing->now);
	c->packets[FTPNAT_FROM_CLIENT] = client->packets;
	c->packets[FTPNAT_FROM_SERVER] = server->packets;
	c->bytes[FTPNAT_FROM_CLIENT] = client->bytes;
	c->bytes[FTPNAT_FROM_SERVER] = server->bytes;
}

static json_t *both_ways(const __u64 count[FTPNAT_DIR_MAX])
{
	return json_pack("{s:I, s:I}", "out", (json_int_t)count[FTPNAT_FROM_CLIENT], "in",
			 (json_int_t)count[FTPNAT_FROM_SERVER]);
}

static int print_json(struct listing *listing, const struct connection *c)
{
	json_t *entry = json_pack(
		"{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "rule",
		c->rule, "kind", c->kind, "session", (json_int_t)c->session, "client",
		c->client, "public", c->public, "real", c->real, "source", c->source,
		"state", c->state, "age", (json_int_t)c->age, "idle", (json_int_t)c->idle, "packets",
		both_ways(c->packets), "bytes", both_ways(c->bytes));
	int err = entry ? 0 : -ENOMEM;

	if (err)
		return err;
	printf("%s\n  ", listing->printed ? "," : "");
	err = json_dumpf(entry, stdout, 0) ? -EIO : 0;
	json_decref(entry);
	return err;
}

static void print_text(struct listing *listing, const struct connection *c)
{
	struct table *table = &listing->table;

	table_cell(table, "%s", c->rule);
	table_cell(table, "%s", c->kind);
	table_cell(table, "%s", c->client);
	table_cell(table, "%s", c->public);
	table_cell(table, "%s", c->real);
	table_cell(table, "%s", c->source);
	table_cell(table, "%s", c->state);
	table_cell(table, "%us", c->age);
	table_cell(table, "%us", c->idle);
	table_cell(table, "%llu/%llu", c->packets[FTPNAT_FROM_CLIENT],
		   c->packets[FTPNAT_FROM_SERVER]);
	table_cell(table, "%llu/%llu", c->bytes[FTPNAT_FROM_CLIENT],
		   c->bytes[FTPNAT_FROM_SERVER]);
}

static bool is_wanted(const struct listing *listing, const struct ftpnat_tuple *key,
		      const struct ftpnat_flow *flow)
{
	const struct filter *filter = &listing->options->filter;

	return (flow->flags & FTPNAT_FLOW_CLIENT) &&
	       filter_word(filter->rule, view_rule_name(listing->view, flow->rule)) &&
	       filter_ends(filter, key, &flow->to);
}

static int see_flow(const void *key_bytes, const void *value, void *arg)
{
	const struct ftpnat_tuple *key = key_bytes;
	const struct ftpnat_flow *client = value;
	struct listing *listing = arg;
	struct ftpnat_flow server;
	struct ftpnat_tuple back = other_direction(client);
	struct connection connection;
	int err = 0;

	if (!is_wanted(listing, key, client))
		return 0;
	/* It may have ended since: then only one half is shown. */
	if (bpf_map_lookup_elem(listing->flows_fd, &back, &server))
		memset(&server, 0, sizeof(server));
	describe(listing, key, client, &server, &connection);
	if (!filter_word(listing->options->filter.kind, connection.kind) ||
	    !filter_word(listing->options->filter.state, connection.state))
		return 0;
	if (listing->options->json)
		err = print_json(listing, &connection);
	else
		print_text(listing, &connection);
	listing->printed++;
	return err;
}

static bool rule_known(const struct view *view, const char *name)
{
	for (size_t i = 0; i < FTPNAT_MAX_RULES; i++)
		if (!strcmp(view->rules[i].name, name))
			return true;
	return false;
}

int verb_flows(const struct options *options)
{
	static const char *const titles[] = {
		"RULE",	 "KIND", "CLIENT", "PUBLIC",  "REAL",		"SOURCE",
		"STATE", "AGE",	 "IDLE",   "PACKETS", "BYTES (OUT/IN)", NULL
	};
	_cleanup_view_ struct view view;
	struct listing listing = { .view = &view, .options = options, .now = view_now() };
	_cleanup_close_ int flows_fd = -1;
	int err = view_open(&view, options);

	if (err)
		return EXIT_RUNTIME;
	if (options->filter.rule && !rule_known(&view, options->filter.rule)) {
		pr_err("no rule is named %s: see `ftpnat-load status`",
		       options->filter.rule);
		return EXIT_RUNTIME;
	}
	flows_fd = view_map(&view, FTPNAT_MAP_FLOWS);
	if (flows_fd < 0)
		return EXIT_RUNTIME;
	listing.flows_fd = flows_fd;
	if (options->json)
		printf("{\"schema\": 1, \"flows\": [");
	else
		table_begin(&listing.table, titles);
	err = view_walk(&view, FTPNAT_MAP_FLOWS, see_flow, &listing);
	if (options->json)
		printf("%s]}\n", listing.printed ? "\n" : "");
	else
		table_end(&listing.table);
	return err ? EXIT_RUNTIME : 0;
}
