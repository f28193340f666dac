/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Logs which servers are drained and resumed by hand, whoever does it. */
#ifndef FTPNAT_DRAIN_WATCH_H
#define FTPNAT_DRAIN_WATCH_H

#include <stddef.h>

#include "base/options.h"

struct watched_server;

struct drain_watch {
	struct watched_server *server; /* as they were when last looked at */
	size_t number;
};

/* Logs what has changed since the last look; the first one logs who is drained. */
void drain_watch_look(struct drain_watch *watch, const struct options *options);

void drain_watch_close(struct drain_watch *watch);

#endif
