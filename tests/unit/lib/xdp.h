/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The XDP program beside the TC programs of dataplane.h, with their maps. */
#ifndef FTPNAT_TEST_XDP_H
#define FTPNAT_TEST_XDP_H

#include "talk.h"

enum xdp_mode { NATIVE, GENERIC, XDP_MODES };

struct xdp_run {
	int action;
	struct packet packet;
};

/* Behind dataplane_fresh(): native XDP may send to both sides, no next hop is known. */
void xdp_fresh(void);
/* In the place of dataplane_teardown(). */
int xdp_teardown(void **state);

/* Loads the programs once more, for rule 0 with these FTPNAT_QOS_*. */
void xdp_qos(__u8 does);

void xdp_link(enum side side, bool transmits);

/* Descriptor of the program, for what there is no function for. */
int xdp_program(enum side side, enum xdp_mode mode);
void xdp_run(struct xdp_run *run, enum xdp_mode mode, enum side side,
	     const struct packet *packet);

/*
 * Does it leave as `out`, or, with `out` NULL, pass to TC unchanged? And is it counted
 * so?
 */
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

/* ---- the data connection of a talk ---- */

/* data_open(), with nothing left of XDP either. */
void xdp_begin(struct talk *talk, enum scene_id id);
/* Neighbours of the lab, and the router of each side for all others. */
const uint8_t *xdp_mac_of(const char *addr, enum side side);
/* As it leaves: translated, one hop further, from our MAC address to the next one's. */
struct packet_spec xdp_leaves(const struct talk *talk, enum end from);
struct ftpnat_tuple xdp_key(const struct packet_spec *spec);
struct ftpnat_flow xdp_flow(const struct packet_spec *spec);
/* Does XDP forward an ordinary packet, or leave it to TC? */
bool xdp_takes(const char *says, const struct talk *talk, enum xdp_mode mode, bool yes);

#endif
