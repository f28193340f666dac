/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP program on interfaces, through libxdp: beside the programs of others if the
 * kernel lets its dispatcher chain them (freplace), else alone. A program is ours if it
 * uses the instance's ftpnat_state map.
 */
#ifndef FTPNAT_XDP_H
#define FTPNAT_XDP_H

#include "dataplane/load.h"

struct xdp_attached {
	enum ftpnat_xdp_mode mode; /* of our program; FTPNAT_XDP_MODE_OFF: there is none */
	__u32 prog_id;
	bool chained;	/* there is libxdp's dispatcher */
	int others;	/* programs that aren't ours */
	char other[16]; /* name of one of them */
};

/* What is attached. 0 or -errno. */
int xdp_query(const struct ftpnat_interface *interface, __u32 state_id,
	      struct xdp_attached *attached);

/*
 * Load the program for this interface (its `mac`), with the maps of the dataplane, and
 * attach it: FTPNAT_XDP_MODE_NATIVE or FTPNAT_XDP_MODE_GENERIC. It replaces the instance's program
 * in this mode without a gap. -errno without a message, but with the kernel's message,
 * if any, in `why`.
 */
int xdp_put(const struct ftpnat_interface *interface, const struct dataplane *dataplane,
	    enum ftpnat_xdp_mode mode, __u32 state_id, char why[FTPNAT_XDP_WHY_LEN]);

/* Detach the instance's program, if there is one. 0 or -errno. */
int xdp_remove(const struct ftpnat_interface *interface, __u32 state_id);

#endif
