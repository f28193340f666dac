// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The engine of corosync: its closed process groups. */
#include <corosync/cpg.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "cluster/engine.h"

/*
 * Multicasts that corosync has taken and not yet given back to us. libqb tells it of each by
 * a byte on a socket, and once that is full (some 270) it waits for a corosync that answers.
 */
#define WINDOW 64

struct engine {
	cpg_handle_t handle;
	sd_event_source *source;
	struct engine_calls calls;
	uint64_t self;
	unsigned int under_way; /* of WINDOW */
	bool gone;
};

/* A node runs one process of a group, or several while one replaces another. */
static uint64_t number_of(uint32_t node, uint32_t pid)
{
	return (uint64_t)node << 32 | pid;
}

static struct engine *engine_of(cpg_handle_t handle)
{
	void *engine = NULL;

	cpg_context_get(handle, &engine);
	return engine;
}

static void see_message(cpg_handle_t handle, const struct cpg_name *group, uint32_t node,
			uint32_t pid, void *message, size_t len)
{
	struct engine *engine = engine_of(handle);
	uint64_t from = number_of(node, pid);

	(void)group;
	if (from == engine->self && engine->under_way)
		engine->under_way--;
	engine->calls.deliver(engine->calls.arg, from, message, len);
}

static void see_view(cpg_handle_t handle, const struct cpg_name *group,
		     const struct cpg_address *members, size_t n,
		     const struct cpg_address *left, size_t left_n,
		     const struct cpg_address *joined, size_t joined_n)
{
	struct engine *engine = engine_of(handle);
	uint64_t numbers[ENGINE_MEMBERS];

	(void)group;
	(void)left;
	(void)left_n;
	(void)joined;
	(void)joined_n;
	if (n > ENGINE_MEMBERS)
		n = ENGINE_MEMBERS;
	for (size_t i = 0; i < n; i++)
		numbers[i] = number_of(members[i].nodeid, members[i].pid);
	engine->calls.view(engine->calls.arg, numbers, n);
}

static int see_ready(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct engine *engine = arg;
	cs_error_t err = cpg_dispatch(engine->handle, CS_DISPATCH_ALL);

	(void)fd;
	(void)revents;
	if (err == CS_OK || err == CS_ERR_TRY_AGAIN)
		return 0;
	/* corosync has ended; the owner closes and opens again */
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	engine->gone = true;
	engine->calls.view(engine->calls.arg, NULL, 0);
	return 0;
}

static void corosync_close(struct engine *engine)
{
	if (!engine)
		return;
	sd_event_source_disable_unref(engine->source);
	cpg_finalize(engine->handle); /* the group sees us leave */
	free(engine);
}

static int join(struct engine *engine, sd_event *event, const char *group)
{
	struct cpg_name name = { .length = (uint32_t)strlen(group) };
	unsigned int node;
	int fd;

	memcpy(name.value, group, name.length);
	if (cpg_local_get(engine->handle, &node) != CS_OK ||
	    cpg_fd_get(engine->handle, &fd) != CS_OK ||
	    cpg_join(engine->handle, &name) != CS_OK)
		return -EAGAIN;
	engine->self = number_of(node, (uint32_t)getpid());
	return sd_event_add_io(event, &engine->source, fd, EPOLLIN, see_ready, engine);
}

static int corosync_open(struct engine **out, sd_event *event, const char *group,
			 const struct engine_calls *calls)
{
	static cpg_callbacks_t callbacks = { .cpg_deliver_fn = see_message,
					     .cpg_confchg_fn = see_view };
	struct engine *engine = calloc(1, sizeof(*engine));
	int err;

	if (!engine)
		return err_r(-ENOMEM, "out of memory");
	engine->calls = *calls;
	if (cpg_initialize(&engine->handle, &callbacks) != CS_OK) {
		free(engine);
		return -EAGAIN;
	}
	cpg_context_set(engine->handle, engine);
	err = join(engine, event, group);
	if (err < 0) {
		corosync_close(engine);
		return err;
	}
	*out = engine;
	return 0;
}

static int corosync_publish(struct engine *engine, const void *message, size_t len)
{
	struct iovec whole = { .iov_base = (void *)message, .iov_len = len };
	cs_error_t err;

	if (engine->gone)
		return -ENOTCONN;
	if (engine->under_way >= WINDOW)
		return -EAGAIN;
	err = cpg_mcast_joined(engine->handle, CPG_TYPE_AGREED, &whole, 1);
	if (err == CS_OK) {
		engine->under_way++;
		return 0;
	}
	/* what ends the connection shows in see_ready(), too */
	return err == CS_ERR_TRY_AGAIN ? -EAGAIN : -ENOTCONN;
}

static uint64_t corosync_self(const struct engine *engine)
{
	return engine->self;
}

const struct engine_kind engine_corosync = {
	.open = corosync_open,
	.publish = corosync_publish,
	.self = corosync_self,
	.close = corosync_close,
};
