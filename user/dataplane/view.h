/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A running instance, opened for reading: what all listings read first. */
#ifndef FTPNAT_VIEW_H
#define FTPNAT_VIEW_H

#include <jansson.h>

#include "base/options.h"
#include "dataplane/instance.h"
#include "dataplane/map_names.h"

struct view {
	struct instance instance;
	struct ftpnat_config config;
	struct ftpnat_rule rules[FTPNAT_MAX_RULES]; /* in force */
};

struct view_table {
	const char *name;
	__u32 used;
	__u32 size;
};

enum view_table_id {
	VIEW_TABLE_CONTROL,
	VIEW_TABLE_DATA,
	VIEW_TABLE_EXPECTED,
	VIEW_TABLE_RULES,
	VIEW_TABLE_SERVERS,
	VIEW_TABLE_LISTENS,
	VIEW_TABLE_SELECTORS,
	VIEW_TABLE_MAX
};

/* Enter options->netns and open the instance at options->pin. Reports its errors. */
int view_open(struct view *view, const struct options *options);
void view_close(struct view *view);

#define _cleanup_view_ _cleanup_(view_close)

/* Descriptor of one of the instance's maps. Reports its errors. */
int view_map(const struct view *view, enum ftpnat_map map);

/* Calls map_walk() on one of the instance's maps. Reports its errors. */
int view_walk(const struct view *view, enum ftpnat_map map,
	      int (*each)(const void *key, const void *value, void *arg), void *arg);

/* 0 for the name of a rule and for NULL, else -ENOENT, reported. */
int view_check_rule(const struct view *view, const char *name);

/* "?" for an id without a rule. */
const char *view_rule_name(const struct view *view, __u16 id);

/* "?" for a number that this version doesn't know. */
const char *view_reason_name(__u32 reason);

/* Add up the values of all CPUs: `words` counters of 64 bits each, onto `sum`. */
int view_counters(int fd, __u32 key, __u64 *sum, size_t words);

/* {"out": from the client, "in": to it}. NULL: no memory. */
json_t *view_both_ways(const __u64 count[FTPNAT_DIR_MAX]);

/* Reports its errors. */
int view_usage(const struct view *view, struct ftpnat_usage *usage);

/* Occupancy of all tables. Reports its errors. */
int view_tables(const struct view *view, struct view_table tables[VIEW_TABLE_MAX]);
json_t *view_tables_json(const struct view_table tables[VIEW_TABLE_MAX]);
void view_tables_print(const struct view_table tables[VIEW_TABLE_MAX]);

/* Seconds of CLOCK_MONOTONIC, the clock of the maps. */
__u32 view_now(void);

/* Print the document, which may be NULL for lack of memory, and free it. An exit code. */
int view_print_json(json_t *doc);

#endif
