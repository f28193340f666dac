// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stats: counters per rule and per reason, occupancy; all CPUs summed up. With --watch,
 * the totals once, then what has been added, per second.
 */
#include <errno.h>
#include <string.h>

#include "base/human.h"
#include "base/log.h"
#include "base/table.h"
#include "events/print.h"
#include "show/counters.h"

/* Counters since `up`, or what was added in some time. */
struct counts {
	const struct stats *stats;
	double seconds; /* 0: since `up` */
};

/* ---- JSON ---- */

static json_t *number(const struct counts *counts, __u64 count)
{
	if (!counts->seconds)
		return json_integer((json_int_t)count);
	return json_real((double)count / counts->seconds);
}

static json_t *both_ways(const struct counts *counts, const __u64 count[FTPNAT_DIR_MAX])
{
	return json_pack("{s:o, s:o}", "out", number(counts, count[FTPNAT_FROM_CLIENT]),
			 "in", number(counts, count[FTPNAT_FROM_SERVER]));
}

static json_t *rule_json(const struct counts *counts, const char *name,
			 const struct ftpnat_rule_stats *rule)
{
	json_t *lines = json_object();

	for (int line = 0; line < FTPNAT_LINE_MAX; line++)
		json_object_set_new(lines, stats_line_names[line],
				    number(counts, rule->lines[line]));
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "name", name, "sessions",
			 number(counts, rule->sessions), "data_connections",
			 number(counts, rule->data_connections), "lines", lines, "bytes",
			 both_ways(counts, rule->bytes), "packets",
			 both_ways(counts, rule->packets));
}

static json_t *rules_json(const struct view *view, const struct counts *counts)
{
	json_t *rules = json_array();

	for (int id = 0; id < FTPNAT_MAX_RULES; id++)
		if (view->rules[id].name[0])
			json_array_append_new(rules,
					      rule_json(counts, view->rules[id].name,
							&counts->stats->rule[id]));
	return rules;
}

static json_t *reasons_json(const struct counts *counts)
{
	json_t *reasons = json_object();

	for (__u32 i = 0; i < FTPNAT_REASON_MAX; i++)
		json_object_set_new(reasons, view_reason_name(i),
				    number(counts, counts->stats->reason[i]));
	return reasons;
}

static json_t *to_json(const struct view *view, const struct stats *stats)
{
	const struct counts counts = { .stats = stats };

	return json_pack("{s:i, s:o, s:o, s:o}", "schema", 1, "rules",
			 rules_json(view, &counts), "reasons", reasons_json(&counts),
			 "tables", view_tables_json(stats->tables));
}

/* ---- text ---- */

static void cell_count(struct table *table, const struct counts *counts, __u64 count)
{
	char text[HUMAN_STRLEN];

	if (counts->seconds)
		table_cell(table, "%s",
			   human_rate(text, (double)count / counts->seconds));
	else
		table_cell(table, "%llu", count);
}

static void cell_both(struct table *table, const struct counts *counts,
		      const __u64 count[FTPNAT_DIR_MAX])
{
	char out[HUMAN_STRLEN], in[HUMAN_STRLEN];

	if (counts->seconds)
		table_cell(table, "%s/%s",
			   human_rate(out, (double)count[FTPNAT_FROM_CLIENT] /
						   counts->seconds),
			   human_rate(in, (double)count[FTPNAT_FROM_SERVER] /
						  counts->seconds));
	else
		table_cell(table, "%llu/%llu", count[FTPNAT_FROM_CLIENT],
			   count[FTPNAT_FROM_SERVER]);
}

static void print_rules(const struct view *view, const struct counts *counts)
{
	static const char *const titles[] = { "RULE", "SESSIONS", "DATA",
					      "PORT", "EPRT",	  "227",
					      "229",  "PACKETS",  "BYTES (OUT/IN)",
					      NULL };
	_cleanup_table_ struct table table;

	table_begin(&table, titles);
	table_limit(&table, TABLE_WIDTH);
	for (int id = 0; id < FTPNAT_MAX_RULES; id++) {
		const struct ftpnat_rule_stats *rule = &counts->stats->rule[id];

		if (!view->rules[id].name[0])
			continue;
		table_cell(&table, "%s", view->rules[id].name);
		cell_count(&table, counts, rule->sessions);
		cell_count(&table, counts, rule->data_connections);
		for (int line = 0; line < FTPNAT_LINE_MAX; line++)
			cell_count(&table, counts, rule->lines[line]);
		cell_both(&table, counts, rule->packets);
		cell_both(&table, counts, rule->bytes);
	}
}

/* Only what has happened. */
static void print_reasons(const struct counts *counts)
{
	static const char *const titles[] = { "REASON", "COUNT", NULL };
	static const char *const rates[] = { "REASON", "PER SECOND", NULL };
	_cleanup_table_ struct table table;

	table_begin(&table, counts->seconds ? rates : titles);
	for (__u32 i = 0; i < FTPNAT_REASON_MAX; i++) {
		if (!counts->stats->reason[i])
			continue;
		table_cell(&table, "%s", view_reason_name(i));
		cell_count(&table, counts, counts->stats->reason[i]);
	}
}

static void print_text(const struct view *view, const struct stats *stats)
{
	const struct counts counts = { .stats = stats };

	print_rules(view, &counts);
	putchar('\n');
	print_reasons(&counts);
	putchar('\n');
	view_tables_print(stats->tables);
}

/* ---- --watch ---- */

struct watch {
	const struct options *options;
	struct stats before;
	struct stats now;
	struct stats added;
	__u64 before_ns;
	__u64 now_ns;
	bool begun;
};

/* A counter that is smaller than before began again: another instance, or a new rule. */
static void subtract(__u64 *added, const __u64 *now, const __u64 *before, size_t words)
{
	for (size_t i = 0; i < words; i++)
		added[i] = now[i] < before[i] ? now[i] : now[i] - before[i];
}

static struct counts since_before(struct watch *watch)
{
	for (int id = 0; id < FTPNAT_MAX_RULES; id++)
		subtract((__u64 *)&watch->added.rule[id],
			 (const __u64 *)&watch->now.rule[id],
			 (const __u64 *)&watch->before.rule[id],
			 sizeof(watch->now.rule[id]) / sizeof(__u64));
	subtract(watch->added.reason, watch->now.reason, watch->before.reason,
		 FTPNAT_REASON_MAX);
	return (struct counts){ .stats = &watch->added,
				.seconds = (double)(watch->now_ns - watch->before_ns) /
					   1e9 };
}

static int watch_json(struct watch *watch, const struct view *view)
{
	json_t *doc = to_json(view, &watch->now), *rates = json_null();
	char when[EVENT_TIME_STRLEN];
	struct counts counts;
	int err;

	event_time_str(when, watch->now_ns, true);
	json_object_set_new(doc, "time", json_string(when));
	if (watch->begun) {
		counts = since_before(watch);
		rates = json_pack("{s:f, s:o, s:o}", "seconds", counts.seconds, "rules",
				  rules_json(view, &counts), "reasons",
				  reasons_json(&counts));
	}
	if (json_object_set_new(doc, "rates", rates))
		err = err_r(-ENOMEM, "out of memory");
	else
		err = json_dumpf(doc, stdout, JSON_REAL_PRECISION(6)) ? -EIO : 0;
	putchar('\n');
	json_decref(doc);
	return err;
}

static void watch_text(struct watch *watch, const struct view *view)
{
	char when[EVENT_TIME_STRLEN];
	struct counts counts;

	if (!watch->begun) {
		print_text(view, &watch->now);
		return;
	}
	counts = since_before(watch);
	printf("\n%s, per second:\n", event_time_str(when, watch->now_ns, false));
	print_rules(view, &counts);
	print_reasons(&counts);
}

static int watch_once(struct watch *watch)
{
	_cleanup_view_ struct view view;
	int err = view_open(&view, watch->options) ?: stats_read(&view, &watch->now);

	if (err)
		return err;
	watch->now_ns = event_clock_ns(CLOCK_MONOTONIC);
	if (watch->options->json)
		err = watch_json(watch, &view);
	else
		watch_text(watch, &view);
	watch->before = watch->now;
	watch->before_ns = watch->now_ns;
	watch->begun = true;
	if (!err && fflush(stdout))
		return err_r(-errno, "can't write to standard output: %s",
			     strerror(errno));
	return err;
}

static int watch_on(const struct options *options)
{
	_cleanup_free_ struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_r(EXIT_RUNTIME, "out of memory");
	watch->options = options;
	while (!watch_once(watch))
		sleep(options->watch);
	return EXIT_RUNTIME;
}

int verb_stats(const struct options *options)
{
	_cleanup_free_ struct stats *stats = NULL;
	_cleanup_view_ struct view view = { .instance = INSTANCE_INIT };
	int err;

	if (options->watch)
		return watch_on(options);
	stats = calloc(1, sizeof(*stats));
	if (!stats)
		return err_r(EXIT_RUNTIME, "out of memory");
	err = view_open(&view, options) ?: stats_read(&view, stats);
	if (err)
		return EXIT_RUNTIME;
	if (options->json)
		return view_print_json(to_json(&view, stats));
	print_text(&view, stats);
	return 0;
}
