/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The published servers in force. A drained server gets no new connections; existing
 * ones continue. Each cause of a drain has a bit (FTPNAT_DRAINED_BY_*); the server is
 * back when no bit is set.
 */
#ifndef FTPNAT_SERVERS_H
#define FTPNAT_SERVERS_H

#include "base/addr.h"
#include "base/options.h"
#include "dataplane/view.h"

struct published_server {
	__u16 rule;
	__u32 key; /* in ftpnat_servers */
	struct ftpnat_server server;
};

/* A return of `each` other than 0 ends the walk and is returned. Reports its errors. */
int servers_walk(const struct view *view,
		 int (*each)(const struct published_server *published, void *arg),
		 void *arg);

/* Sets the weight that goes with it. */
void server_set_drained(struct ftpnat_server *server, __u16 drained);

/* What has drained it, else "up", or "unchecked" if nobody checks it. */
const char *server_state(const struct ftpnat_server *server, bool checked);

/* Control connections that both ends have answered and that are not over; by ftpnat_served. */
__u32 served_open(int served_fd, const struct published_server *published);

struct servers_drain {
	const char *rule;
	struct ftpnat_endpoint server; /* port 0: any */
	__u16 by;		       /* FTPNAT_DRAINED_BY_* */
	bool drain;		       /* or resume */

	/* what came of it */
	bool rule_found;
	unsigned int found;
	unsigned int changed;
	__u16 drained; /* the servers found, by whom now */
	bool fallback; /* the rule has one */
	__u32 weight;  /* of the rule's servers left for new connections of this family */
};

/* In force when it returns, and over a reload. Reports its errors. */
int servers_drain(const struct options *options, struct servers_drain *drain);

#endif
