// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* stats: counters per rule and per reason, occupancy; all CPUs summed up. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/table.h"
#include "show/counters.h"

static json_t *both_ways(const __u64 count[FTPNAT_DIR_MAX])
{
	return json_pack("{s:I, s:I}", "out", (json_int_t)count[FTPNAT_FROM_CLIENT], "in",
			 (json_int_t)count[FTPNAT_FROM_SERVER]);
}

static json_t *rule_json(const char *name, const struct ftpnat_rule_stats *rule)
{
	json_t *lines = json_object();

	for (int line = 0; line < FTPNAT_LINE_MAX; line++)
		json_object_set_new(lines, stats_line_names[line],
				    json_integer((json_int_t)rule->lines[line]));
	return json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "name", name, "sessions",
			 (json_int_t)rule->sessions, "data_connections",
			 (json_int_t)rule->data_connections, "lines", lines, "bytes",
			 both_ways(rule->bytes), "packets", both_ways(rule->packets));
}

static json_t *to_json(const struct view *view, const struct stats *stats)
{
	json_t *rules = json_array(), *reasons = json_object();

	for (int id = 0; id < FTPNAT_MAX_RULES; id++)
		if (view->rules[id].name[0])
			json_array_append_new(rules, rule_json(view->rules[id].name,
							       &stats->rule[id]));
	for (__u32 i = 0; i < FTPNAT_REASON_MAX; i++)
		json_object_set_new(reasons, view_reason_name(i),
				    json_integer((json_int_t)stats->reason[i]));
	return json_pack("{s:i, s:o, s:o, s:o}", "schema", 1, "rules", rules, "reasons",
			 reasons, "tables", view_tables_json(stats->tables));
}

static void print_rules(const struct view *view, const struct stats *stats)
{
	static const char *const titles[] = { "RULE", "SESSIONS", "DATA",
					      "PORT", "EPRT",	  "227",
					      "229",  "PACKETS",  "BYTES (OUT/IN)",
					      NULL };
	_cleanup_table_ struct table table;

	table_begin(&table, titles);
	for (int id = 0; id < FTPNAT_MAX_RULES; id++) {
		const struct ftpnat_rule_stats *rule = &stats->rule[id];

		if (!view->rules[id].name[0])
			continue;
		table_cell(&table, "%s", view->rules[id].name);
		table_cell(&table, "%llu", rule->sessions);
		table_cell(&table, "%llu", rule->data_connections);
		for (int line = 0; line < FTPNAT_LINE_MAX; line++)
			table_cell(&table, "%llu", rule->lines[line]);
		table_cell(&table, "%llu/%llu", rule->packets[FTPNAT_FROM_CLIENT],
			   rule->packets[FTPNAT_FROM_SERVER]);
		table_cell(&table, "%llu/%llu", rule->bytes[FTPNAT_FROM_CLIENT],
			   rule->bytes[FTPNAT_FROM_SERVER]);
	}
}

/* Only what has happened. */
static void print_reasons(const struct stats *stats)
{
	static const char *const titles[] = { "REASON", "COUNT", NULL };
	_cleanup_table_ struct table table;

	table_begin(&table, titles);
	for (__u32 i = 0; i < FTPNAT_REASON_MAX; i++) {
		if (!stats->reason[i])
			continue;
		table_cell(&table, "%s", view_reason_name(i));
		table_cell(&table, "%llu", stats->reason[i]);
	}
}

static int show(const struct options *options)
{
	_cleanup_free_ struct stats *stats = calloc(1, sizeof(*stats));
	_cleanup_view_ struct view view;
	int err = view_open(&view, options);

	if (!err && !stats)
		err = err_r(-ENOMEM, "out of memory");
	err = err ?: stats_read(&view, stats);
	if (err)
		return EXIT_RUNTIME;
	if (options->json)
		return view_print_json(to_json(&view, stats));
	print_rules(&view, stats);
	putchar('\n');
	print_reasons(stats);
	putchar('\n');
	view_tables_print(stats->tables);
	return 0;
}

int verb_stats(const struct options *options)
{
	int err;

	if (options->watch && options->json)
		return err_r(EXIT_USAGE, "--watch prints text: leave out --json");
	for (;;) {
		err = show(options);
		if (err || !options->watch)
			return err;
		putchar('\n');
		if (fflush(stdout))
			return err_r(EXIT_RUNTIME, "can't write to standard output: %s",
				     strerror(errno));
		sleep(options->watch);
	}
}
