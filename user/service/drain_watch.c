// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/drain_watch.h"

#include <string.h>

#include "base/log.h"
#include "dataplane/servers.h"

struct watched_server {
	char rule[FTPNAT_NAME_LEN];
	struct ftpnat_endpoint endpoint;
	__u16 drained;
};

/* One look. */
struct looking {
	const struct view *view;
	const struct drain_watch *before;
	struct drain_watch now;
};

static bool is_same(const struct watched_server *a, const struct watched_server *b)
{
	return a->endpoint.port == b->endpoint.port && !strcmp(a->rule, b->rule) &&
	       ftpnat_addr_equal(&a->endpoint.addr, &b->endpoint.addr);
}

/* Mostly it is still the one with the same index. */
static const struct watched_server *find(const struct drain_watch *watch, size_t index,
					 const struct watched_server *server)
{
	if (index < watch->number && is_same(&watch->server[index], server))
		return &watch->server[index];
	for (size_t i = 0; i < watch->number; i++)
		if (is_same(&watch->server[i], server))
			return &watch->server[i];
	return NULL;
}

static void say(const struct watched_server *server)
{
	char text[FTPNAT_ENDPOINT_STRLEN];
	const char *state = "resumed";

	if (server->drained & FTPNAT_DRAINED_BY_HAND)
		state = "drained: it gets no new sessions until `servers resume`";
	else if (server->drained)
		state = "resumed, but down: it gets no new sessions until it is healthy";
	pr_info("server %s of rule %s is %s",
		ftpnat_endpoint_str(text, &server->endpoint.addr, server->endpoint.port),
		server->rule, state);
}

static int see_server(const struct published_server *published, void *arg)
{
	struct looking *looking = arg;
	const struct watched_server *before;
	struct watched_server *server;
	size_t index = looking->now.number;
	__u16 drained;

	if (index == FTPNAT_MAX_SERVERS)
		return 0;
	server = &looking->now.server[index];
	looking->now.number++;
	memcpy(server->rule, looking->view->rules[published->rule].name,
	       sizeof(server->rule));
	server->endpoint.addr = published->server.addr;
	server->endpoint.port = published->server.port;
	server->drained = published->server.drained;
	before = find(looking->before, index, server);
	drained = before ? before->drained : 0;
	if ((drained ^ server->drained) & FTPNAT_DRAINED_BY_HAND)
		say(server);
	return 0;
}

void drain_watch_look(struct drain_watch *watch, const struct options *options)
{
	_cleanup_view_ struct view view;
	struct looking looking = { .view = &view, .before = watch };
	int err = view_open(&view, options);

	if (err)
		return;
	looking.now.server = calloc(FTPNAT_MAX_SERVERS, sizeof(*looking.now.server));
	if (!looking.now.server || servers_walk(&view, see_server, &looking)) {
		free(looking.now.server);
		return;
	}
	free(watch->server);
	*watch = looking.now;
}

void drain_watch_close(struct drain_watch *watch)
{
	free(watch->server);
}
