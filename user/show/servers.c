// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* servers: the published ones with weight, state and control connections now. */
#include <errno.h>

#include "base/log.h"
#include "base/table.h"
#include "dataplane/servers.h"
#include "dataplane/service_files.h"
#include "dataplane/view.h"

struct listed_server {
	struct published_server published;
	__u32 connections;
};

struct server_list {
	bool running; /* `run`, which checks them */
	int served_fd;
	size_t number;
	struct listed_server server[FTPNAT_MAX_SERVERS];
};

static int add_server(const struct published_server *published, void *arg)
{
	struct server_list *list = arg;

	if (list->number < FTPNAT_MAX_SERVERS)
		list->server[list->number++] = (struct listed_server){
			.published = *published,
			.connections = served_open(list->served_fd, published),
		};
	return 0;
}

static json_t *drained_by(const struct ftpnat_server *server)
{
	json_t *list = json_array();

	if (server->drained & FTPNAT_DRAINED_BY_HAND)
		json_array_append_new(list, json_string("hand"));
	if (server->drained & FTPNAT_DRAINED_BY_HEALTH)
		json_array_append_new(list, json_string("health"));
	return list;
}

static const char *state_of(const struct view *view, const struct server_list *list,
			    const struct published_server *published)
{
	return server_state(&published->server,
			    list->running && (view->rules[published->rule].flags &
					      FTPNAT_RULE_HEALTH));
}

static void print_text(const struct view *view, const struct server_list *list)
{
	static const char *const titles[] = { "RULE",	     "ADDRESS", "WEIGHT",
					      "CONNECTIONS", "STATE",	NULL };
	_cleanup_table_ struct table table;

	table_begin(&table, titles);
	for (size_t i = 0; i < list->number; i++) {
		const struct listed_server *listed = &list->server[i];
		const struct ftpnat_server *server = &listed->published.server;
		char text[FTPNAT_ENDPOINT_STRLEN];

		table_cell(&table, "%s", view_rule_name(view, listed->published.rule));
		table_cell(&table, "%s",
			   ftpnat_endpoint_str(text, &server->addr, server->port));
		table_cell(&table, "%u", server->full_weight);
		table_cell(&table, "%u", listed->connections);
		table_cell(&table, "%s", state_of(view, list, &listed->published));
	}
}

static json_t *to_json(const struct view *view, const struct server_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->number; i++) {
		const struct listed_server *listed = &list->server[i];
		const struct ftpnat_server *server = &listed->published.server;
		char text[FTPNAT_ENDPOINT_STRLEN];

		ftpnat_endpoint_str(text, &server->addr, server->port);
		json_array_append_new(
			array,
			json_pack("{s:s, s:s, s:i, s:I, s:s, s:o}", "rule",
				  view_rule_name(view, listed->published.rule), "address",
				  text, "weight", (int)server->full_weight, "connections",
				  (json_int_t)listed->connections, "state",
				  state_of(view, list, &listed->published), "drained_by",
				  drained_by(server)));
	}
	return json_pack("{s:i, s:o}", "schema", 1, "servers", array);
}

int verb_servers(const struct options *options)
{
	_cleanup_free_ struct server_list *list = calloc(1, sizeof(*list));
	_cleanup_close_ int served_fd = -1;
	_cleanup_view_ struct view view;
	struct service_state service;
	int err = view_open(&view, options);

	if (!err && !list)
		err = err_r(-ENOMEM, "out of memory");
	if (!err) {
		service_look(options->pin, &service);
		list->running = service.running;
	}
	served_fd = err ? err : view_map(&view, FTPNAT_MAP_SERVED);
	if (served_fd < 0)
		return EXIT_RUNTIME;
	list->served_fd = served_fd;
	err = servers_walk(&view, add_server, list);
	if (err)
		return EXIT_RUNTIME;
	if (options->json)
		return view_print_json(to_json(&view, list));
	print_text(&view, list);
	return 0;
}
