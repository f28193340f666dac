/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The connections of ftpnat_flows, each from both of its entries. */
#ifndef FTPNAT_CONNECTIONS_H
#define FTPNAT_CONNECTIONS_H

#include "base/filter.h"
#include "base/sort.h"
#include "dataplane/view.h"

struct connection {
	struct ftpnat_tuple client; /* client -> what it dialled */
	struct ftpnat_tuple server; /* the same connection as the server sees it */
	__u64 packets[FTPNAT_DIR_MAX];
	__u64 bytes[FTPNAT_DIR_MAX];
	__u32 session;
	__u32 created;
	__u32 age; /* seconds, as idle */
	__u32 idle;
	const char *rule;
	const char *state;
	const char *cluster; /* own, replica, unprotected; NULL: there is no cluster */
	enum ftpnat_kind kind;
};

struct connections {
	struct connection *list;
	size_t number;
	size_t room;
};

/* Appends those that match. Reports its errors. */
int connections_read(struct connections *all, const struct view *view,
		     const struct filter *filter);

/* 0 or -ENOMEM. */
int connections_add(struct connections *all, const struct connection *c);

void connections_free(struct connections *all);

#define _cleanup_connections_ _cleanup_(connections_free)

/* The first: by session, its control connection first. */
extern const struct sort_key connection_sorts[];

void connections_sort(struct connections *all, const struct sort_key *key);

const char *connection_kind(const struct connection *c);

#endif
