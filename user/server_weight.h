/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FTPNAT_SERVER_WEIGHT_H
#define FTPNAT_SERVER_WEIGHT_H

#include "addr.h"
#include "options.h"

/*
 * Give a server of a rule in force another weight; 0: no new connections, the living go
 * on. 1: that was a change, 0: it had this weight, -ENOENT: no such rule or server.
 * Reports other errors.
 */
int server_weight(const struct options *options, const char *rule,
		  const struct ftpnat_endpoint *server, __u16 weight);

#endif
