// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* metrics: the counters for Prometheus. */
#include "service/metrics.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/servers.h"
#include "show/status.h"

static const char *const direction_names[] = {
	[FTPNAT_FROM_CLIENT] = "out",
	[FTPNAT_FROM_SERVER] = "in",
};
_Static_assert(ARRAY_SIZE(direction_names) == FTPNAT_DIR_MAX, "each way has a name");

json_t *metrics_family(json_t *families, const char *name, const char *type,
		       const char *help)
{
	json_t *samples = json_array();

	json_array_append_new(families,
			      json_pack("{s:s, s:s, s:s, s:o}", "name", name, "type",
					type, "help", help, "samples", samples));
	return samples;
}

void metrics_sample(json_t *family, json_t *labels, __u64 value)
{
	json_array_append_new(family, json_pack("{s:o, s:I}", "labels",
						labels ? labels : json_object(), "value",
						(json_int_t)value));
}

void metrics_part(json_t *family, const char *part, json_t *labels, double value)
{
	json_array_append_new(family, json_pack("{s:o, s:f, s:s}", "labels",
						labels ? labels : json_object(), "value",
						value, "part", part));
}

/*
 * A removed rule with remaining connections may have the name of a rule in force (of
 * another kind): one time series can't be both.
 */
static bool is_named_by_another(const struct view *view, int id)
{
	bool retired = view->rules[id].flags & FTPNAT_RULE_RETIRED;

	for (int other = 0; other < FTPNAT_MAX_RULES; other++) {
		bool other_retired = view->rules[other].flags & FTPNAT_RULE_RETIRED;

		if (other == id || strncmp(view->rules[other].name, view->rules[id].name,
					   FTPNAT_NAME_LEN))
			continue;
		if (retired == other_retired ? other < id : retired)
			return true;
	}
	return false;
}

static json_t *rule_label(const struct ftpnat_rule *rule)
{
	return json_pack("{s:s}", "rule", rule->name);
}

static json_t *rule_label_and(const struct ftpnat_rule *rule, const char *label,
			      const char *value)
{
	return json_pack("{s:s, s:s}", "rule", rule->name, label, value);
}

static void add_rules(json_t *families, const struct view *view,
		      const struct stats *stats)
{
	json_t *sessions = metrics_family(families, "ftpnat_sessions_total", "counter",
					  "Control connections opened.");
	json_t *open = metrics_family(families, "ftpnat_sessions", "gauge",
				      "Control connections now.");
	json_t *data = metrics_family(families, "ftpnat_data_connections_total",
				      "counter", "Data connections opened.");
	json_t *lines = metrics_family(families, "ftpnat_lines_total", "counter",
				       "Address lines read and understood, by kind.");
	json_t *packets = metrics_family(
		families, "ftpnat_packets_total", "counter",
		"Packets translated, by direction as seen from the client.");
	json_t *bytes = metrics_family(
		families, "ftpnat_bytes_total", "counter",
		"Bytes translated, IP headers included, by direction as seen from the client.");

	for (int id = 0; id < FTPNAT_MAX_RULES; id++) {
		const struct ftpnat_rule *rule = &view->rules[id];
		const struct ftpnat_rule_stats *counted = &stats->rule[id];

		if (!rule->name[0] || is_named_by_another(view, id))
			continue;
		metrics_sample(sessions, rule_label(rule), counted->sessions);
		metrics_sample(open, rule_label(rule), stats->open[id]);
		metrics_sample(data, rule_label(rule), counted->data_connections);
		for (int line = 0; line < FTPNAT_LINE_MAX; line++)
			metrics_sample(lines,
				       rule_label_and(rule, "kind",
						      stats_line_names[line]),
				       counted->lines[line]);
		for (int dir = 0; dir < FTPNAT_DIR_MAX; dir++) {
			json_t *labels =
				rule_label_and(rule, "direction", direction_names[dir]);

			metrics_sample(packets, json_incref(labels),
				       counted->packets[dir]);
			metrics_sample(bytes, labels, counted->bytes[dir]);
		}
	}
}

static void add_tables(json_t *families, const struct view_table *tables)
{
	json_t *used = metrics_family(families, "ftpnat_table_used_entries", "gauge",
				      "Entries in use, by table.");
	json_t *size = metrics_family(families, "ftpnat_table_size_entries", "gauge",
				      "Size of the table, in entries.");

	for (int i = 0; i < VIEW_TABLE_MAX; i++) {
		json_t *labels = json_pack("{s:s}", "table", tables[i].name);

		metrics_sample(used, json_incref(labels), tables[i].used);
		metrics_sample(size, labels, tables[i].size);
	}
}

static void add_faults(json_t *families, const unsigned int faults[FAULT_MAX])
{
	json_t *degraded = metrics_family(
		families, "ftpnat_degraded", "gauge",
		"Number of things that are wrong; `ftpnat-load status` lists them.");
	json_t *causes = metrics_family(families, "ftpnat_degraded_by_cause", "gauge",
					"The same, by cause.");
	__u64 sum = 0;

	for (enum fault_cause cause = 0; cause < FAULT_MAX; cause++) {
		sum += faults[cause];
		metrics_sample(causes,
			       json_pack("{s:s}", "cause", fault_cause_str(cause)),
			       faults[cause]);
	}
	metrics_sample(degraded, NULL, sum);
}

json_t *metrics_build(const struct view *view, const struct stats *stats,
		      const unsigned int faults[FAULT_MAX])
{
	json_t *families = json_array();
	json_t *family;

	family = metrics_family(families, "ftpnat_build_info", "gauge",
				"Always 1; the labels give the version.");
	metrics_sample(family,
		       json_pack("{s:s, s:o}", "version", FTPNAT_VERSION, "layout",
				 json_sprintf("%d", FTPNAT_LAYOUT)),
		       1);
	add_rules(families, view, stats);
	family = metrics_family(families, "ftpnat_reasons_total", "counter",
				"Packets, lines and connections, by reason.");
	for (__u32 i = 0; i < FTPNAT_REASON_MAX; i++)
		metrics_sample(family, json_pack("{s:s}", "reason", view_reason_name(i)),
			       stats->reason[i]);
	family = metrics_family(
		families, "ftpnat_events_lost_total", "counter",
		"Events lost because the ring buffer of a reader was full.");
	metrics_sample(family, NULL, stats->reason[FTPNAT_EVENTS_LOST]);
	add_tables(families, stats->tables);
	add_faults(families, faults);
	return families;
}

struct server_sessions {
	const struct view *view;
	json_t *family;
	int served_fd;
};

static int see_server(const struct published_server *published, void *arg)
{
	const struct server_sessions *sessions = arg;
	char text[FTPNAT_ENDPOINT_STRLEN];

	ftpnat_endpoint_str(text, &published->server.addr, published->server.port);
	metrics_sample(sessions->family,
		       rule_label_and(&sessions->view->rules[published->rule], "server",
				      text),
		       served_open(sessions->served_fd, published));
	return 0;
}

static int add_servers(json_t *families, const struct view *view)
{
	_cleanup_close_ int served_fd = view_map(view, FTPNAT_MAP_SERVED);
	struct server_sessions sessions = { .view = view, .served_fd = served_fd };

	if (served_fd < 0)
		return served_fd;
	sessions.family = metrics_family(families, "ftpnat_server_sessions", "gauge",
					 "Control connections now, by published server.");
	return servers_walk(view, see_server, &sessions);
}

int metrics_read(const struct options *options, json_t **families)
{
	_cleanup_free_ struct stats *stats = calloc(1, sizeof(*stats));
	_cleanup_view_ struct view view;
	unsigned int faults[FAULT_MAX] = { 0 };
	json_t *degraded = NULL, *fault;
	size_t i;
	int err = view_open(&view, options);

	if (!err && !stats)
		err = err_r(-ENOMEM, "out of memory");
	if (!err)
		err = stats_read(&view, stats);
	if (!err)
		err = status_degraded(&view, &degraded);
	if (err)
		return err;
	json_array_foreach(degraded, i, fault)
		faults[json_integer_value(json_object_get(fault, "cause"))]++;
	*families = metrics_build(&view, stats, faults);
	json_decref(degraded);
	return add_servers(*families, &view);
}

/* A JSON string escapes what a label's value must, in the same way. */
static void print_sample(FILE *out, const char *name, json_t *sample)
{
	json_t *labels = json_object_get(sample, "labels"), *value;
	const char *label;
	bool first = true;

	fputs(name, out);
	if (json_object_get(sample, "part"))
		fputs(json_string_value(json_object_get(sample, "part")), out);
	json_object_foreach(labels, label, value) {
		fprintf(out, "%s%s=", first ? "{" : ",", label);
		json_dumpf(value, out, JSON_ENCODE_ANY);
		first = false;
	}
	value = json_object_get(sample, "value");
	if (json_is_real(value))
		fprintf(out, "%s %.9g\n", first ? "" : "}", json_real_value(value));
	else
		fprintf(out, "%s %lld\n", first ? "" : "}", json_integer_value(value));
}

void metrics_print(FILE *out, const json_t *families)
{
	json_t *family, *sample;
	size_t i, j;

	json_array_foreach(families, i, family) {
		const char *name = json_string_value(json_object_get(family, "name"));

		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name,
			json_string_value(json_object_get(family, "help")), name,
			json_string_value(json_object_get(family, "type")));
		json_array_foreach(json_object_get(family, "samples"), j, sample)
			print_sample(out, name, sample);
	}
}

int verb_metrics(const struct options *options)
{
	json_t *families = NULL;

	if (metrics_read(options, &families))
		return EXIT_RUNTIME;
	if (options->json)
		return view_print_json(
			json_pack("{s:i, s:o}", "schema", 1, "metrics", families));
	metrics_print(stdout, families);
	json_decref(families);
	return 0;
}
