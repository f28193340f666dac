// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* flows: one line or entry per connection; flows --delete: of those that it ended. */
#include "show/flows.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/table.h"

/* The ends of a connection as text. */
struct ends {
	char client[FTPNAT_ENDPOINT_STRLEN];
	char public[FTPNAT_ENDPOINT_STRLEN];
	char real[FTPNAT_ENDPOINT_STRLEN];
	char source[FTPNAT_ENDPOINT_STRLEN]; /* what the server sees as the client */
};

static void ends_str(struct ends *ends, const struct connection *c)
{
	ftpnat_endpoint_str(ends->client, &c->client.src, c->client.sport);
	ftpnat_endpoint_str(ends->public, &c->client.dst, c->client.dport);
	ftpnat_endpoint_str(ends->real, &c->server.dst, c->server.dport);
	ftpnat_endpoint_str(ends->source, &c->server.src, c->server.sport);
}

static json_t *both_ways(const __u64 count[FTPNAT_DIR_MAX])
{
	return json_pack("{s:I, s:I}", "out", (json_int_t)count[FTPNAT_FROM_CLIENT], "in",
			 (json_int_t)count[FTPNAT_FROM_SERVER]);
}

static json_t *to_json(const struct connection *c)
{
	struct ends ends;

	ends_str(&ends, c);
	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o}",
			 "rule", c->rule, "kind", connection_kind(c), "session",
			 (json_int_t)c->session, "client", ends.client, "public",
			 ends.public, "real", ends.real, "source", ends.source, "state",
			 c->state, "age", (json_int_t)c->age, "idle", (json_int_t)c->idle,
			 "packets", both_ways(c->packets), "bytes", both_ways(c->bytes));
}

/* Entry by entry: the whole document may not fit the memory. */
static int print_json(const struct connections *all)
{
	printf("{\"schema\": 1, \"flows\": [");
	for (size_t i = 0; i < all->number; i++) {
		json_t *entry = to_json(&all->list[i]);
		int err;

		if (!entry)
			return err_r(-ENOMEM, "out of memory");
		printf("%s\n  ", i ? "," : "");
		err = json_dumpf(entry, stdout, 0);
		json_decref(entry);
		if (err)
			return -EIO; /* main() reports it */
	}
	printf("%s]}\n", all->number ? "\n" : "");
	return 0;
}

static void print_text(const struct connections *all)
{
	static const char *const titles[] = {
		"RULE",	 "KIND", "CLIENT", "PUBLIC",  "REAL",		"SOURCE",
		"STATE", "AGE",	 "IDLE",   "PACKETS", "BYTES (OUT/IN)", NULL
	};
	_cleanup_table_ struct table table;

	table_begin(&table, titles);
	for (size_t i = 0; i < all->number; i++) {
		const struct connection *c = &all->list[i];
		struct ends ends;

		ends_str(&ends, c);
		table_cell(&table, "%s", c->rule);
		table_cell(&table, "%s", connection_kind(c));
		table_cell(&table, "%s", ends.client);
		table_cell(&table, "%s", ends.public);
		table_cell(&table, "%s", ends.real);
		table_cell(&table, "%s", ends.source);
		table_cell(&table, "%s", c->state);
		table_cell(&table, "%us", c->age);
		table_cell(&table, "%us", c->idle);
		table_cell(&table, "%llu/%llu", c->packets[FTPNAT_FROM_CLIENT],
			   c->packets[FTPNAT_FROM_SERVER]);
		table_cell(&table, "%llu/%llu", c->bytes[FTPNAT_FROM_CLIENT],
			   c->bytes[FTPNAT_FROM_SERVER]);
	}
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
	_cleanup_connections_ struct connections all = { 0 };
	_cleanup_view_ struct view view;
	int err = view_open(&view, options);

	if (err)
		return EXIT_RUNTIME;
	if (options->filter.rule && !rule_known(&view, options->filter.rule))
		return err_r(EXIT_RUNTIME,
			     "no rule is named %s: see `ftpnat-load status`",
			     options->filter.rule);
	if (options->delete)
		err = flows_delete(&view, &options->filter, &all);
	else
		err = connections_read(&all, &view, &options->filter);
	if (err)
		return EXIT_RUNTIME;
	connections_group(&all);
	if (options->json)
		return print_json(&all) ? EXIT_RUNTIME : 0;
	if (!options->delete || all.number)
		print_text(&all);
	if (options->delete &&all.number)
		pr_info("ended %zu connection%s", all.number, all.number == 1 ? "" : "s");
	else if (options->delete)
		pr_info("no connection matches: nothing was ended");
	return 0;
}
