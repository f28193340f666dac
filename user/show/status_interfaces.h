/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* status: what is attached to the interfaces, and what is wrong with them. */
#ifndef FTPNAT_STATUS_INTERFACES_H
#define FTPNAT_STATUS_INTERFACES_H

#include <jansson.h>
#include <sys/utsname.h>

#include "dataplane/view.h"

/* The document; text is printed from it. */
struct status {
	const struct view *view;
	json_t *interfaces;
	json_t *programs;
	json_t *rules;
	json_t *guards;
	json_t *degraded;
	json_t *hints;
	struct view_table tables[VIEW_TABLE_MAX];
	struct utsname host;
	bool elsewhere; /* not in the instance's network namespace */
};

/* Their rows, and whether they are in this network namespace. 0 or -errno. */
int status_add_interfaces(struct status *status);

#endif
