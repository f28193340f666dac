// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/view.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/netns.h"
#include "base/table.h"
#include "dataplane/map_walk.h"
#include "dataplane/pin.h"

static const __u32 first = 0;

static const char *const reason_names[] = {
#define X(symbol, string, meaning, advice) [FTPNAT_##symbol] = string,
	FTPNAT_REASONS(X)
#undef X
};
_Static_assert(ARRAY_SIZE(reason_names) == FTPNAT_REASON_MAX, "each reason has a name");

int view_map(const struct view *view, enum ftpnat_map map)
{
	int fd = pin_open(view->instance.dir, map_name(map));

	if (fd < 0)
		pr_err("can't open %s/%s: %s (`ftpnat-load up` repairs it)",
		       view->instance.dir, map_name(map), strerror(-fd));
	return fd;
}

static int read_rules(struct view *view)
{
	_cleanup_close_ int config_fd = view_map(view, FTPNAT_MAP_CONFIG);
	_cleanup_close_ int rules_fd = view_map(view, FTPNAT_MAP_RULES);
	int err = 0;

	if (config_fd < 0 || rules_fd < 0)
		return -ENOENT;
	err = bpf_map_lookup_elem(config_fd, &first, &view->config);
	for (__u32 id = 0; !err && id < FTPNAT_MAX_RULES; id++) {
		__u32 key = (view->config.slot & 1) * FTPNAT_MAX_RULES + id;

		err = bpf_map_lookup_elem(rules_fd, &key, &view->rules[id]);
	}
	return err ? err_r(-errno, "can't read the rules: %s", strerror(errno)) : 0;
}

int view_open(struct view *view, const struct options *options)
{
	int err = 0;

	*view = (struct view){ .instance = INSTANCE_INIT };
	if (options->netns)
		err = netns_enter(options->netns);
	if (!err)
		err = instance_open_up(&view->instance, options->pin);
	return err ?: read_rules(view);
}

void view_close(struct view *view)
{
	instance_close(&view->instance);
}

int view_walk(const struct view *view, enum ftpnat_map map,
	      int (*each)(const void *key, const void *value, void *arg), void *arg)
{
	_cleanup_close_ int fd = view_map(view, map);
	int err;

	if (fd < 0)
		return fd;
	err = map_walk(fd, each, arg);
	return err ? err_r(err, "can't read %s: %s", map_name(map), strerror(-err)) : 0;
}

int view_check_rule(const struct view *view, const char *name)
{
	if (!name)
		return 0;
	for (size_t i = 0; i < FTPNAT_MAX_RULES; i++)
		if (!strcmp(view->rules[i].name, name))
			return 0;
	return err_r(-ENOENT, "no rule is named %s: see `ftpnat-load status`", name);
}

const char *view_rule_name(const struct view *view, __u16 id)
{
	return id < FTPNAT_MAX_RULES && view->rules[id].name[0] ? view->rules[id].name :
								  "?";
}

const char *view_reason_name(__u32 reason)
{
	return reason < FTPNAT_REASON_MAX ? reason_names[reason] : "?";
}

int view_counters(int fd, __u32 key, __u64 *sum, size_t words)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ __u64 *values = cpus > 0 ? calloc((size_t)cpus * words, 8) : NULL;

	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &key, values))
		return -errno;
	for (size_t i = 0; i < (size_t)cpus * words; i++)
		sum[i % words] += values[i];
	return 0;
}

json_t *view_both_ways(const __u64 count[FTPNAT_DIR_MAX])
{
	return json_pack("{s:I, s:I}", "out", (json_int_t)count[FTPNAT_FROM_CLIENT], "in",
			 (json_int_t)count[FTPNAT_FROM_SERVER]);
}

struct listens_count {
	__u16 slot;
	__u32 number;
};

static int count_listen(const void *key, const void *value, void *arg)
{
	const struct ftpnat_listen_key *listen = key;
	struct listens_count *count = arg;

	(void)value;
	count->number += listen->slot == count->slot;
	return 0;
}

int view_usage(const struct view *view, struct ftpnat_usage *usage)
{
	_cleanup_close_ int usage_fd = view_map(view, FTPNAT_MAP_USAGE);

	if (usage_fd < 0)
		return usage_fd;
	if (bpf_map_lookup_elem(usage_fd, &first, usage))
		return err_r(-errno, "can't read ftpnat_usage: %s", strerror(errno));
	return 0;
}

int view_tables(const struct view *view, struct view_table tables[VIEW_TABLE_MAX])
{
	const struct ftpnat_config *config = &view->config;
	struct listens_count listens = { .slot = (__u16)config->slot };
	struct ftpnat_usage usage;
	__u32 rules = 0, servers = 0;
	int err = view_usage(view, &usage);

	if (err)
		return err;
	err = view_walk(view, FTPNAT_MAP_LISTENS, count_listen, &listens);
	for (int id = 0; id < FTPNAT_MAX_RULES; id++) {
		rules += view->rules[id].name[0] != '\0';
		servers += view->rules[id].servers;
	}
	tables[VIEW_TABLE_CONTROL] = (struct view_table){ "control",
							  usage.flows[FTPNAT_CONTROL],
							  config->limit[FTPNAT_CONTROL] };
	tables[VIEW_TABLE_DATA] = (struct view_table){ "data", usage.flows[FTPNAT_DATA],
						       config->limit[FTPNAT_DATA] };
	tables[VIEW_TABLE_EXPECTED] =
		(struct view_table){ "expected", usage.expected, config->limit_expected };
	tables[VIEW_TABLE_RULES] =
		(struct view_table){ "rules", rules, FTPNAT_MAX_RULES };
	tables[VIEW_TABLE_SERVERS] =
		(struct view_table){ "servers", servers, FTPNAT_MAX_SERVERS };
	tables[VIEW_TABLE_LISTENS] =
		(struct view_table){ "listens", listens.number, FTPNAT_MAX_LISTENS };
	tables[VIEW_TABLE_SELECTORS] =
		(struct view_table){ "selectors", config->selectors[config->slot & 1],
				     FTPNAT_MAX_SELECTORS };
	return err;
}

json_t *view_tables_json(const struct view_table tables[VIEW_TABLE_MAX])
{
	json_t *list = json_array();

	for (int i = 0; i < VIEW_TABLE_MAX; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I}", "name", tables[i].name,
						"used", (json_int_t)tables[i].used,
						"size", (json_int_t)tables[i].size));
	return list;
}

void view_tables_print(const struct view_table tables[VIEW_TABLE_MAX])
{
	static const char *const titles[] = { "TABLE", "USED", "SIZE", NULL };
	_cleanup_table_ struct table table;

	table_begin(&table, titles);
	for (int i = 0; i < VIEW_TABLE_MAX; i++) {
		table_cell(&table, "%s", tables[i].name);
		table_cell(&table, "%u", tables[i].used);
		table_cell(&table, "%u", tables[i].size);
	}
}

__u32 view_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u32)now.tv_sec;
}

int view_print_json(json_t *doc)
{
	int err;

	if (!doc)
		return err_r(EXIT_RUNTIME, "out of memory");
	err = json_dumpf(doc, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(doc);
	return err ? EXIT_RUNTIME : 0;
}
