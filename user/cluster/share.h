/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All that this gateway knows, for members that have just come. */
#ifndef FTPNAT_SHARE_H
#define FTPNAT_SHARE_H

#include <systemd/sd-event.h>

#include "cluster/exchange.h"

struct share_calls {
	bool (*busy)(void *arg);  /* do messages wait for the engine? */
	void (*flush)(void *arg); /* sends them */
	void (*done)(void *arg, uint32_t asked);
	void *arg;
};

struct sharing;

enum share_what {
	SHARE_ALL,	   /* publish all connections */
	SHARE_UNPROTECTED, /* ... those that are unprotected */
	SHARE_TAKE,	   /* take over the sessions of others */
};

/*
 * Begins; `asked`: the slots that all are for, a bit each. NULL: it can't. done() is called
 * at the end.
 */
struct sharing *share_begin(sd_event *event, struct exchange *exchange,
			    const struct share_calls *calls, enum share_what what,
			    uint32_t asked);
size_t share_number(const struct sharing *sharing);  /* of connections so far */
uint32_t share_asked(const struct sharing *sharing); /* 0 of NULL */
void share_end(struct sharing *sharing);	     /* NULL is fine */

#endif
