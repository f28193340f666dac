/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The XDP program beside the TC programs of dataplane.h, with their maps. */
#ifndef FTPNAT_TEST_XDP_H
#define FTPNAT_TEST_XDP_H

#include "dataplane.h"

enum xdp_mode { NATIVE, GENERIC, XDP_MODES };

struct xdp_run {
	int action;
	struct packet packet;
};

/* Behind dataplane_fresh(): native XDP may send to both sides, no next hop is known. */
void xdp_fresh(void);
void xdp_unload(void);

void xdp_link(enum side side, bool transmits);

void xdp_run(struct xdp_run *run, enum xdp_mode mode, enum side side,
	     const struct packet *packet);

/* Does it leave as `out`, or, with `out` NULL, go on to TC untouched? And counted so? */
bool xdp_check(const char *says, enum xdp_mode mode, enum side side,
	       const struct packet *in, const struct packet *out);

/* ---- maps; times are those of the programs ---- */

__u32 xdp_now(void);
void xdp_set_flow(const struct ftpnat_tuple *key, const struct ftpnat_flow *flow);
void xdp_hop(__u32 index, struct ftpnat_hop *hop);
void xdp_set_hop(__u32 index, const struct ftpnat_hop *hop);
/* As if TC had just sent a packet to each. */
void xdp_confirm(void);
/* All of them the same. */
void xdp_set_hops(const struct ftpnat_hop *hop);

#endif
