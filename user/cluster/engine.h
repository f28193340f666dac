/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a cluster needs of its engine: messages that all members get in the same order, and
 * who is a member, in that order too. Three functions: publish, and the two that it calls.
 */
#ifndef FTPNAT_ENGINE_H
#define FTPNAT_ENGINE_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define ENGINE_MEMBERS 128 /* of a group, at most */

struct engine_calls {
	/* A message of a member, one's own included. */
	void (*deliver)(void *arg, uint64_t from, const void *message, size_t len);
	/* The members from now on, one's own included; none: the engine is gone. */
	void (*view)(void *arg, const uint64_t *members, size_t n);
	void *arg;
};

struct engine;

struct engine_kind {
	/* Joins the group. 0; -EAGAIN: it can't be reached now; else reported. */
	int (*open)(struct engine **engine, sd_event *event, const char *group,
		    const struct engine_calls *calls);
	/* 0; -EAGAIN: later; -ENOTCONN: the engine is gone. */
	int (*publish)(struct engine *engine, const void *message, size_t len);
	/* One's own number among the members. */
	uint64_t (*self)(const struct engine *engine);
	void (*close)(struct engine *engine); /* leaves the group; NULL is fine */
};

extern const struct engine_kind engine_corosync;

#endif
