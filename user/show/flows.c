// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* flows: one line or entry per connection; flows --delete: of those that it ended. */
#include "show/flows.h"

#include <errno.h>

#include "base/human.h"
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

static json_t *to_json(const struct connection *c)
{
	struct ends ends;

	ends_str(&ends, c);
	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, "
			 "s:s*}",
			 "rule", c->rule, "kind", connection_kind(c), "session",
			 (json_int_t)c->session, "client", ends.client, "public",
			 ends.public, "real", ends.real, "source", ends.source, "state",
			 c->state, "age", (json_int_t)c->age, "idle", (json_int_t)c->idle,
			 "packets", view_both_ways(c->packets), "bytes",
			 view_both_ways(c->bytes), "cluster", c->cluster);
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

/* Is it a data connection of the session at hand? `head`: its control connection. */
static bool is_below(const struct connection *head, const struct connection *c)
{
	return head && c->kind == FTPNAT_DATA && c->session == head->session;
}

static void cell_both(struct table *table, const __u64 count[FTPNAT_DIR_MAX], bool exact)
{
	char out[HUMAN_STRLEN], in[HUMAN_STRLEN];

	if (exact)
		table_cell(table, "%llu/%llu", count[FTPNAT_FROM_CLIENT],
			   count[FTPNAT_FROM_SERVER]);
	else
		table_cell(table, "%s/%s",
			   human_size(out, (double)count[FTPNAT_FROM_CLIENT]),
			   human_size(in, (double)count[FTPNAT_FROM_SERVER]));
}

static void print_row(struct table *table, const struct connection *c, bool below,
		      bool wide)
{
	char age[HUMAN_STRLEN], idle[HUMAN_STRLEN];
	struct ends ends;

	ends_str(&ends, c);
	table_cell(table, "%s", c->rule);
	table_cell(table, "%s%s", below ? "  " : "", connection_kind(c));
	table_cell(table, "%s", ends.client);
	if (wide)
		table_cell(table, "%s", ends.public);
	table_cell(table, "%s", ends.real);
	if (wide)
		table_cell(table, "%s", ends.source);
	table_cell(table, "%s", c->state);
	table_cell(table, "%s", human_time(age, c->age));
	if (wide) {
		table_cell(table, "%s", c->cluster ? c->cluster : "-");
		table_cell(table, "%s", human_time(idle, c->idle));
		table_cell(table, "%u", c->session);
		cell_both(table, c->packets, true);
	}
	cell_both(table, c->bytes, wide);
}

static void print_text(const struct connections *all, bool wide)
{
	static const char *const titles[] = { "RULE",  "KIND", "CLIENT", "REAL",
					      "STATE", "AGE",  "OUT/IN", NULL };
	static const char *const all_titles[] = { "RULE",	    "KIND",    "CLIENT",
						  "PUBLIC",	    "REAL",    "SOURCE",
						  "STATE",	    "AGE",     "CLUSTER",
						  "IDLE",	    "SESSION", "PACKETS",
						  "BYTES (OUT/IN)", NULL };
	const struct connection *head = NULL;
	_cleanup_table_ struct table table;

	table_begin(&table, wide ? all_titles : titles);
	if (!wide)
		table_limit(&table, TABLE_WIDTH);
	for (size_t i = 0; i < all->number; i++) {
		const struct connection *c = &all->list[i];
		bool below = is_below(head, c);

		if (!below)
			head = c->kind == FTPNAT_CONTROL ? c : NULL;
		print_row(&table, c, below, wide);
	}
}

int verb_flows(const struct options *options)
{
	_cleanup_connections_ struct connections all = { 0 };
	const struct sort_key *sort = sort_find(connection_sorts, options->sort);
	_cleanup_view_ struct view view = { .instance = INSTANCE_INIT };
	int err;

	if (!sort)
		return EXIT_USAGE;
	err = view_open(&view, options) ?: view_check_rule(&view, options->filter.rule);
	if (err)
		return EXIT_RUNTIME;
	if (options->delete_flows)
		err = flows_delete(&view, &options->filter, &all);
	else
		err = connections_read(&all, &view, &options->filter);
	if (err)
		return EXIT_RUNTIME;
	connections_sort(&all, sort);
	if (options->json)
		return print_json(&all) ? EXIT_RUNTIME : 0;
	if (!options->delete_flows || all.number)
		print_text(&all, options->wide);
	if (options->delete_flows && all.number)
		pr_info("ended %zu connection%s", all.number, all.number == 1 ? "" : "s");
	else if (options->delete_flows)
		pr_info("no connection matches: nothing was ended");
	return 0;
}
