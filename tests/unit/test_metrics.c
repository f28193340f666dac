// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The text that Prometheus gets, for rules and counters made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "service/metrics.h"
#include "base/util.h"

struct scene {
	struct view view;
	struct stats stats;
	unsigned int faults[FAULT_MAX];
	char *text;
};

static int make_scene(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	*state = scene;
	return scene ? 0 : -1;
}

static int free_scene(void **state)
{
	struct scene *scene = *state;

	free(scene->text);
	free(scene);
	return 0;
}

static struct ftpnat_rule_stats *add_rule(struct scene *scene, int id, const char *name)
{
	snprintf(scene->view.rules[id].name, FTPNAT_NAME_LEN, "%s", name);
	return &scene->stats.rule[id];
}

static void print(struct scene *scene)
{
	json_t *families = metrics_build(&scene->view, &scene->stats, scene->faults);
	size_t size;
	FILE *out = open_memstream(&scene->text, &size);

	assert_non_null(out);
	metrics_print(out, families);
	fclose(out);
	json_decref(families);
}

/* How often the whole line stands in the text. */
static int count(const struct scene *scene, const char *line)
{
	size_t len = strlen(line);
	int found = 0;

	for (const char *at = scene->text; at; at = strchr(at, '\n')) {
		at += at != scene->text;
		found += !strncmp(at, line, len) && at[len] == '\n';
	}
	return found;
}

static void assert_line(const struct scene *scene, const char *line)
{
	if (count(scene, line) != 1)
		fail_msg("%d times '%s' in:\n%s", count(scene, line), line, scene->text);
}

static void counters_of_a_rule(void **state)
{
	struct scene *scene = *state;

	*add_rule(scene, 3, "files") = (struct ftpnat_rule_stats){
		.sessions = 1,
		.data_connections = 2,
		.lines = { 3, 4, 5, 6 },
		.packets = { 7, 8 },
		.bytes = { 9, (1ULL << 62) + 1 },
	};
	print(scene);
	assert_line(scene, "ftpnat_sessions_total{rule=\"files\"} 1");
	assert_line(scene, "ftpnat_data_connections_total{rule=\"files\"} 2");
	assert_line(scene, "ftpnat_lines_total{rule=\"files\",kind=\"PORT\"} 3");
	assert_line(scene, "ftpnat_lines_total{rule=\"files\",kind=\"EPRT\"} 4");
	assert_line(scene, "ftpnat_lines_total{rule=\"files\",kind=\"227\"} 5");
	assert_line(scene, "ftpnat_lines_total{rule=\"files\",kind=\"229\"} 6");
	assert_line(scene, "ftpnat_packets_total{rule=\"files\",direction=\"out\"} 7");
	assert_line(scene, "ftpnat_packets_total{rule=\"files\",direction=\"in\"} 8");
	assert_line(scene, "ftpnat_bytes_total{rule=\"files\",direction=\"out\"} 9");
	assert_line(
		scene,
		"ftpnat_bytes_total{rule=\"files\",direction=\"in\"} 4611686018427387905");
}

static void no_rule_no_sample_but_the_families_are_there(void **state)
{
	struct scene *scene = *state;

	print(scene);
	assert_line(scene, "# TYPE ftpnat_sessions_total counter");
	assert_line(scene, "# HELP ftpnat_sessions_total Control connections opened.");
	assert_null(strstr(scene->text, "rule="));
}

static void each_reason_is_a_time_series(void **state)
{
	static const char *const names[] = {
#define X(symbol, string, help, advice) string,
		FTPNAT_REASONS(X)
#undef X
	};
	struct scene *scene = *state;

	for (__u32 i = 0; i < FTPNAT_REASON_MAX; i++)
		scene->stats.reason[i] = 100 + i;
	print(scene);
	assert_line(scene, "# TYPE ftpnat_reasons_total counter");
	for (__u32 i = 0; i < FTPNAT_REASON_MAX; i++) {
		char line[128];

		snprintf(line, sizeof(line), "ftpnat_reasons_total{reason=\"%s\"} %u",
			 names[i], 100 + i);
		assert_line(scene, line);
	}
}

static void tables_losses_state_and_version(void **state)
{
	struct scene *scene = *state;
	char build[128];

	scene->stats.reason[FTPNAT_EVENTS_LOST] = 17;
	scene->faults[FAULT_ROUTE] = 1;
	scene->faults[FAULT_NO_SERVER] = 1;
	for (int i = 0; i < VIEW_TABLE_MAX; i++)
		scene->stats.tables[i] = (struct view_table){ "other", 0, 0 };
	scene->stats.tables[VIEW_TABLE_DATA] = (struct view_table){ "data", 5, 1048576 };
	print(scene);
	assert_line(scene, "ftpnat_table_used_entries{table=\"data\"} 5");
	assert_line(scene, "ftpnat_table_size_entries{table=\"data\"} 1048576");
	assert_line(scene, "ftpnat_events_lost_total 17");
	assert_line(scene, "ftpnat_degraded 2");
	assert_line(scene, "ftpnat_degraded_by_cause{cause=\"route\"} 1");
	assert_line(scene, "ftpnat_degraded_by_cause{cause=\"no_server\"} 1");
	assert_line(scene, "ftpnat_degraded_by_cause{cause=\"server_down\"} 0");
	snprintf(build, sizeof(build),
		 "ftpnat_build_info{version=\"%s\",layout=\"%d\"} 1", FTPNAT_VERSION,
		 FTPNAT_LAYOUT);
	assert_line(scene, build);
}

/* Two time series of one name would make Prometheus refuse all of them. */
static void removed_rule_gives_way_to_one_of_its_name(void **state)
{
	struct scene *scene = *state;

	add_rule(scene, 0, "files")->sessions = 5;
	scene->view.rules[0].flags = FTPNAT_RULE_RETIRED;
	add_rule(scene, 1, "files")->sessions = 6;
	add_rule(scene, 2, "gone")->sessions = 7;
	scene->view.rules[2].flags = FTPNAT_RULE_RETIRED;
	add_rule(scene, 3, "gone")->sessions = 8;
	scene->view.rules[3].flags = FTPNAT_RULE_RETIRED;
	print(scene);
	assert_line(scene, "ftpnat_sessions_total{rule=\"files\"} 6");
	assert_int_equal(count(scene, "ftpnat_sessions_total{rule=\"files\"} 5"), 0);
	assert_line(scene, "ftpnat_sessions_total{rule=\"gone\"} 7");
	assert_int_equal(count(scene, "ftpnat_sessions_total{rule=\"gone\"} 8"), 0);
}

static void label_values_are_escaped(void **state)
{
	struct scene *scene = *state;

	add_rule(scene, 0, "a\"b\\c\nd");
	print(scene);
	assert_line(scene, "ftpnat_sessions_total{rule=\"a\\\"b\\\\c\\nd\"} 0");
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, make_scene, free_scene)
	const struct CMUnitTest tests[] = {
		ROW(counters_of_a_rule),
		ROW(no_rule_no_sample_but_the_families_are_there),
		ROW(each_reason_is_a_time_series),
		ROW(tables_losses_state_and_version),
		ROW(removed_rule_gives_way_to_one_of_its_name),
		ROW(label_values_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
