// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* servers: the published ones with weight, state and control connections now. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "log.h"
#include "table.h"
#include "view.h"

struct listed_server {
	__u16 rule;
	__u32 connections;
	struct ftpnat_server server;
};

struct server_list {
	size_t number;
	struct listed_server server[FTPNAT_MAX_SERVERS];
};

static int read_servers(const struct view *view, struct server_list *list)
{
	_cleanup_close_ int fd = view_map(view, "ftpnat_servers");
	__u32 slot = (view->config.slot & 1) * FTPNAT_MAX_SERVERS;

	if (fd < 0)
		return fd;
	for (__u16 id = 0; id < FTPNAT_MAX_RULES; id++) {
		const struct ftpnat_rule *rule = &view->rules[id];

		for (__u32 i = 0; i < rule->servers && list->number < FTPNAT_MAX_SERVERS;
		     i++) {
			struct listed_server *listed = &list->server[list->number++];
			__u32 key = slot + rule->first_server + i;

			listed->rule = id;
			if (bpf_map_lookup_elem(fd, &key, &listed->server))
				return err_r(-errno, "can't read ftpnat_servers: %s",
					     strerror(errno));
		}
	}
	return 0;
}

static int count_flow(const void *key, const void *value, void *arg)
{
	const struct ftpnat_flow *flow = value;
	struct server_list *list = arg;

	(void)key;
	if (!(flow->flags & FTPNAT_FLOW_CLIENT) || flow->kind != FTPNAT_CONTROL)
		return 0;
	for (size_t i = 0; i < list->number; i++) {
		struct listed_server *listed = &list->server[i];

		if (listed->rule == flow->rule && listed->server.port == flow->to.dport &&
		    ftpnat_addr_equal(&listed->server.addr, &flow->to.dst)) {
			listed->connections++;
			return 0;
		}
	}
	return 0;
}

static const char *state(const struct listed_server *listed)
{
	return listed->server.weight ? "up" : "drained";
}

static void print_text(const struct view *view, const struct server_list *list)
{
	static const char *const titles[] = { "RULE",	     "ADDRESS", "WEIGHT",
					      "CONNECTIONS", "STATE",	NULL };
	_cleanup_table_ struct table table;

	table_begin(&table, titles);
	for (size_t i = 0; i < list->number; i++) {
		const struct listed_server *listed = &list->server[i];
		char text[FTPNAT_ENDPOINT_STRLEN];

		table_cell(&table, "%s", view_rule_name(view, listed->rule));
		table_cell(&table, "%s",
			   ftpnat_endpoint_str(text, &listed->server.addr,
					       listed->server.port));
		table_cell(&table, "%u", listed->server.full_weight);
		table_cell(&table, "%u", listed->connections);
		table_cell(&table, "%s", state(listed));
	}
}

static json_t *to_json(const struct view *view, const struct server_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->number; i++) {
		const struct listed_server *listed = &list->server[i];
		char text[FTPNAT_ENDPOINT_STRLEN];

		ftpnat_endpoint_str(text, &listed->server.addr, listed->server.port);
		json_array_append_new(
			array, json_pack("{s:s, s:s, s:i, s:I, s:s}", "rule",
					 view_rule_name(view, listed->rule), "address",
					 text, "weight", (int)listed->server.full_weight,
					 "connections", (json_int_t)listed->connections,
					 "state", state(listed)));
	}
	return json_pack("{s:i, s:o}", "schema", 1, "servers", array);
}

int verb_servers(const struct options *options)
{
	_cleanup_free_ struct server_list *list = calloc(1, sizeof(*list));
	_cleanup_view_ struct view view;
	int err = view_open(&view, options);

	if (!err && !list)
		err = err_r(-ENOMEM, "out of memory");
	err = err				?:
		      read_servers(&view, list) ?:
		      view_walk(&view, "ftpnat_flows", count_flow, list);
	if (err)
		return EXIT_RUNTIME;
	if (options->json)
		return view_print_json(to_json(&view, list));
	print_text(&view, list);
	return 0;
}
