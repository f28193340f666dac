// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/share.h"

#include <stdlib.h>

#include "dataplane/map_walk.h"

#define STEP	  128  /* connections at once */
#define STEP_USEC 1000 /* until the next ones */

struct sharing {
	struct exchange *exchange;
	struct share_calls calls;
	enum share_what what;
	uint32_t asked; /* bit per slot */
	size_t number;
	struct ftpnat_tuple *keys;
	size_t n;
	size_t size;
	size_t at;
	sd_event_source *step;
};

static bool is_wanted(enum share_what what, const struct ftpnat_flow *flow)
{
	if (!(flow->flags & FTPNAT_FLOW_CLIENT))
		return false;
	switch (what) {
	case SHARE_UNPROTECTED:
		return flow->flags & FTPNAT_FLOW_UNPROTECTED;
	case SHARE_TAKE:
		return flow->flags & FTPNAT_FLOW_REPLICA && flow->kind == FTPNAT_CONTROL;
	case SHARE_ALL:
		break;
	}
	return true;
}

static void share_one(struct sharing *sharing, const struct ftpnat_tuple *key)
{
	bool done = true;

	if (sharing->what == SHARE_TAKE)
		done = exchange_take(sharing->exchange, key);
	else
		exchange_tell(sharing->exchange, key);
	sharing->number += done;
}

static int see_flow(const void *key, const void *value, void *arg)
{
	const struct ftpnat_flow *flow = value;
	struct sharing *sharing = arg;

	if (!is_wanted(sharing->what, flow))
		return 0;
	if (sharing->n == sharing->size) {
		size_t size = 2 * sharing->size + 1024;
		void *more = reallocarray(sharing->keys, size, sizeof(*sharing->keys));

		if (!more)
			return -1;
		sharing->keys = more;
		sharing->size = size;
	}
	sharing->keys[sharing->n++] = *(const struct ftpnat_tuple *)key;
	return 0;
}

/* Some connections more, if the engine has taken those before. */
static int see_step(sd_event_source *source, uint64_t usec, void *arg)
{
	struct sharing *sharing = arg;
	const struct share_calls *calls = &sharing->calls;

	(void)usec;
	if (!calls->busy(calls->arg)) {
		for (size_t i = 0; i < STEP && sharing->at < sharing->n; i++)
			share_one(sharing, &sharing->keys[sharing->at++]);
		exchange_consume(sharing->exchange);
	}
	calls->flush(calls->arg);
	if (sharing->at == sharing->n) {
		calls->done(calls->arg, sharing->asked);
		return 0;
	}
	return sd_event_source_set_time_relative(source, STEP_USEC) ?:
		       sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

struct sharing *share_begin(sd_event *event, struct exchange *exchange,
			    const struct share_calls *calls, enum share_what what,
			    uint32_t asked)
{
	struct sharing *sharing = calloc(1, sizeof(*sharing));

	if (!sharing)
		return NULL;
	sharing->what = what;
	sharing->asked = asked;
	sharing->exchange = exchange;
	sharing->calls = *calls;
	if (map_walk(exchange->flows_fd, see_flow, sharing) ||
	    sd_event_add_time_relative(event, &sharing->step, CLOCK_MONOTONIC, 0, 0,
				       see_step, sharing) < 0) {
		share_end(sharing);
		return NULL;
	}
	return sharing;
}

uint32_t share_asked(const struct sharing *sharing)
{
	return sharing ? sharing->asked : 0;
}

size_t share_number(const struct sharing *sharing)
{
	return sharing->number;
}

void share_end(struct sharing *sharing)
{
	if (!sharing)
		return;
	sd_event_source_disable_unref(sharing->step);
	free(sharing->keys);
	free(sharing);
}
