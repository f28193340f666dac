/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of dataplane.h need of each other. */
#ifndef FTPNAT_TEST_DATAPLANE_PARTS_H
#define FTPNAT_TEST_DATAPLANE_PARTS_H

#include "dataplane.h"
#include "ftpnat_tc.skel.h"

#define LIMIT 64 /* of flows, sessions, expectations */

/* The programs of the gateway at hand; NULL: not loaded yet. */
struct ftpnat_tc *dataplane_skel(void);
/* Interfaces, addresses, routes and neighbours. */
void dataplane_make_network(void);
/* From now on dataplane_copy() sees what the programs send. */
void dataplane_open_tap(void);

#endif
