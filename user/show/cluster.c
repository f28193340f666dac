// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cluster: the members of the cluster, and what they know of each other. */
#include "show/cluster.h"

#include <errno.h>

#include "base/log.h"
#include "base/table.h"
#include "cluster/note.h"
#include "dataplane/service_files.h"
#include "show/sentences.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static void print_members(const json_t *members, int own)
{
	static const char *const titles[] = { "SLOT",	 "NAME",	  "SYNCED",
					      "VERSION", "CONFIGURATION", NULL };
	_cleanup_table_ struct table table;
	const json_t *member;
	size_t i;

	table_begin(&table, titles);
	json_array_foreach(members, i, member) {
		int slot = (int)json_integer_value(json_object_get(member, "slot"));

		table_cell(&table, "%d%s", slot, slot == own ? " (this one)" : "");
		table_cell(&table, "%s", text_of(member, "name"));
		table_cell(&table, "%s",
			   json_is_true(json_object_get(member, "synced")) ? "yes" :
									     "no");
		table_cell(&table, "%s", text_of(member, "version"));
		table_cell(&table, "%s", text_of(member, "configuration"));
	}
}

static void print_text(const json_t *doc)
{
	const json_t *sessions = json_object_get(doc, "sessions"), *said;
	size_t i;

	print_members(json_object_get(doc, "members"),
		      (int)json_integer_value(json_object_get(doc, "slot")));
	printf("\ngroup %s, commit %s, on_loss %s, lag %.3fs\n", text_of(doc, "group"),
	       text_of(doc, "commit"), text_of(doc, "on_loss"),
	       json_number_value(json_object_get(doc, "lag")));
	printf("sessions: %lld own, %lld replicas, %lld unprotected\n",
	       json_integer_value(json_object_get(sessions, "own")),
	       json_integer_value(json_object_get(sessions, "replica")),
	       json_integer_value(json_object_get(sessions, "unprotected")));
	json_array_foreach(json_object_get(doc, "degraded"), i, said)
		printf("degraded: %s\n", json_string_value(said));
	if (json_is_true(json_object_get(doc, "synced")))
		printf("synced\n");
}

struct sessions {
	int own;
	int replica;
	int unprotected; /* of the own ones */
};

static int see_flow(const void *key, const void *value, void *arg)
{
	const struct ftpnat_flow *flow = value;
	struct sessions *sessions = arg;

	(void)key;
	if (flow->kind != FTPNAT_CONTROL || !(flow->flags & FTPNAT_FLOW_CLIENT))
		return 0;
	if (flow->flags & FTPNAT_FLOW_REPLICA)
		sessions->replica++;
	else
		sessions->own++;
	if (flow->flags & FTPNAT_FLOW_UNPROTECTED)
		sessions->unprotected++;
	return 0;
}

/* Does another member have what this one has? */
static bool is_protected(const json_t *note)
{
	const json_t *member;
	size_t i, synced = 0;

	json_array_foreach(json_object_get(note, "members"), i, member)
		synced += json_is_true(json_object_get(member, "synced"));
	return synced > 1 && json_is_true(json_object_get(note, "synced"));
}

/* What `run` notes, with what only the maps know. NULL: no memory, or no cluster. */
static json_t *document(const struct view *view, const json_t *note,
			const struct sessions *sessions)
{
	json_t *degraded = json_array(), *list = json_array(), *doc, *said;
	size_t i;

	said = json_object_get(note, "degraded");
	if (said)
		json_array_extend(list, said);
	else
		sentences_cluster(view, degraded);
	json_array_foreach(degraded, i, said)
		json_array_append(list, json_object_get(said, "sentence"));
	json_decref(degraded);
	doc = json_pack("{s:i, s:{s:i, s:i, s:i}, s:o}", "schema", 1, "sessions", "own",
			sessions->own, "replica", sessions->replica, "unprotected",
			is_protected(note) ? sessions->unprotected : sessions->own,
			"degraded", list);
	if (doc)
		json_object_update_missing(doc, (json_t *)note);
	return doc;
}

static json_t *empty_note(void)
{
	return json_pack("{s:n, s:n, s:b, s:b, s:[], s:f, s:n, s:n}", "group", "slot",
			 "synced", 0, "ready", 0, "members", "lag", 0.0, "commit",
			 "on_loss");
}

int cluster_needed(const struct view *view)
{
	if (view->config.service & FTPNAT_SERVICE_CLUSTER)
		return 0;
	return err_r(-ENOENT,
		     "%s belongs to no cluster: add `cluster:` to its configuration "
		     "and reload",
		     view->instance.dir);
}

int verb_cluster(const struct options *options)
{
	_cleanup_view_ struct view view;
	json_auto_t *note = NULL, *doc = NULL;
	struct service_state service;
	struct sessions sessions = { 0 };
	bool ready;
	int err = view_open(&view, options) ?:
			  view_walk(&view, FTPNAT_MAP_FLOWS, see_flow, &sessions);

	if (err)
		return EXIT_RUNTIME;
	if (cluster_needed(&view))
		return EXIT_RUNTIME;
	service_look(view.instance.dir, &service);
	if (service.running) /* else it is old, perhaps */
		note = cluster_note_read(view.instance.dir);
	if (!note)
		note = empty_note();
	doc = document(&view, note, &sessions);
	ready = json_is_true(json_object_get(doc, "ready"));
	if (options->json)
		err = view_print_json(json_incref(doc));
	else
		print_text(doc);
	if (err)
		return err;
	return ready ? 0 : EXIT_DEGRADED;
}
