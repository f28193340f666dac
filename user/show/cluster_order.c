// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* cluster take | drain | resync: what `run` shall do, and what became of it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cluster/request.h"
#include "dataplane/service_files.h"
#include "show/cluster.h"

#define LOOKS	  100 /* at what is left, while sessions leave */
#define LOOK_USEC 50000

static int see_flow(const void *key, const void *value, void *arg)
{
	const struct ftpnat_flow *flow = value;
	size_t *own = arg;

	(void)key;
	*own += flow->kind == FTPNAT_CONTROL && flow->flags & FTPNAT_FLOW_CLIENT &&
		!(flow->flags & FTPNAT_FLOW_REPLICA);
	return 0;
}

/* Sessions that are still here some seconds after a drain; or -errno. */
static ssize_t left_here(const struct view *view)
{
	size_t own = 0;

	for (int i = 0; i < LOOKS; i++) {
		own = 0;
		if (view_walk(view, FTPNAT_MAP_FLOWS, see_flow, &own))
			return -EIO;
		if (!own)
			break;
		usleep(LOOK_USEC);
	}
	return (ssize_t)own;
}

static int explain(const char *order, const char *dir, int err)
{
	switch (err) {
	case -ECONNREFUSED:
		return err_r(
			EXIT_RUNTIME,
			"no `ftpnat-load run` of %s, which cluster %s needs: start it "
			"(systemctl start ftpnat)",
			dir, order);
	case -EBUSY:
		return err_r(EXIT_RUNTIME,
			     "`ftpnat-load run` is busy with another request or has "
			     "ended: try again");
	case -ETIMEDOUT:
		return err_r(EXIT_RUNTIME,
			     "no answer to cluster %s yet: see `ftpnat-load cluster "
			     "status`",
			     order);
	default:
		return err_r(EXIT_RUNTIME, "can't ask `ftpnat-load run` of %s: %s", dir,
			     strerror(-err));
	}
}

static void print_text(const char *order, const json_t *answer, ssize_t left)
{
	long long sessions = json_integer_value(json_object_get(answer, "sessions"));

	if (!strcmp(order, "take"))
		printf("took %lld session%s over\n", sessions, sessions == 1 ? "" : "s");
	else if (!strcmp(order, "resync"))
		printf("synced: %lld connections received\n",
		       json_integer_value(json_object_get(answer, "connections")));
	else
		printf("drained: %lld session%s given to slot %lld (%s)\n", sessions,
		       sessions == 1 ? "" : "s",
		       json_integer_value(json_object_get(answer, "to")),
		       json_string_value(json_object_get(answer, "name")));
	if (left > 0)
		printf("%zd still here or here again: their packets come to this gateway "
		       "until its addresses are elsewhere\n",
		       left);
}

int verb_cluster_order(const struct options *options)
{
	const char *order = options->cluster_order, *error;
	_cleanup_view_ struct view view;
	json_auto_t *answer = NULL;
	ssize_t left = 0;
	int err;

	if (view_open(&view, options))
		return EXIT_RUNTIME;
	if (cluster_needed(&view))
		return EXIT_RUNTIME;
	err = request_make(view.instance.dir, order, &answer);
	if (err)
		return explain(order, view.instance.dir, err);
	error = json_string_value(json_object_get(answer, "error"));
	if (error)
		return err_r(EXIT_RUNTIME, "cluster %s: %s", order, error);
	if (!strcmp(order, "drain")) {
		left = left_here(&view);
		if (left < 0)
			return EXIT_RUNTIME;
		json_object_set_new(answer, "left", json_integer(left));
	}
	if (!options->json) {
		print_text(order, answer, left);
		return 0;
	}
	json_object_set_new(answer, "schema", json_integer(1));
	json_object_set_new(answer, "done", json_string(order));
	return view_print_json(json_incref(answer));
}
