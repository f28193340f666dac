/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of interfaces: what the loader found out, and its own notes. */
#ifndef FTPNAT_STATE_H
#define FTPNAT_STATE_H

#include <linux/types.h>

#include "ftpnat_types.h"

/* ---- ftpnat_links: ifindex -> what the loader found out about an interface ---- */

#define FTPNAT_LINK_XMIT 0x01 /* its driver sends frames that native XDP redirects */

struct ftpnat_link {
	__u32 flags;
};

/* Constants of the XDP program, which is loaded once per interface. */
struct ftpnat_xdp_self {
	__u8 mac[6];
	__u8 generic; /* in generic mode any interface takes what is redirected */
	__u8 pad;
	__u8 qos[FTPNAT_MAX_RULES]; /* FTPNAT_QOS_* of each rule */
};

/* ---- ftpnat_programs: what the programs at tcx call, in two halves, as ftpnat_config says ---- */

enum ftpnat_entry {
	FTPNAT_ENTRY_IN,
	FTPNAT_ENTRY_OUT,
	FTPNAT_ENTRY_IP_IN, /* of interfaces without link-layer header */
	FTPNAT_ENTRY_IP_OUT,
	FTPNAT_ENTRY_MAX
};

/* ---- the loader's own notes: ftpnat_state[0], for the next up, reload or down ---- */

#define FTPNAT_MAX_INTERFACES 32
#define FTPNAT_IFNAME_LEN     16
#define FTPNAT_XDP_WHY_LEN    128

/* `xdp` of the configuration; also kept in the pinned state, so never renumber */
enum ftpnat_xdp_mode {
	FTPNAT_XDP_MODE_AUTO,
	FTPNAT_XDP_MODE_NATIVE,
	FTPNAT_XDP_MODE_GENERIC,
	FTPNAT_XDP_MODE_OFF,
	FTPNAT_XDP_MODE_MAX
};

/* `tcx` of the configuration: where TC programs are. Kept in ftpnat_config. */
enum ftpnat_tcx {
	FTPNAT_TCX_OFF,	  /* clsact */
	FTPNAT_TCX_FIRST, /* tcx, before the programs of others */
	FTPNAT_TCX_LAST,
	FTPNAT_TCX_MAX
};

struct ftpnat_interface {
	char name[FTPNAT_IFNAME_LEN];
	__u32 ifindex;
	__u32 made_clsact;		  /* the qdisc is ours to remove */
	__u8 mac[6];			  /* to which XDP takes frames */
	__u8 xdp_asked;			  /* enum ftpnat_xdp_mode */
	__u8 bare;			  /* its packets have no link-layer header */
	char xdp_why[FTPNAT_XDP_WHY_LEN]; /* why data connections go through TC */
};

/*
 * Bound to every program of the instance: a tc filter is ours if its program uses this
 * map, and the map lives as long as one of our filters. Written before the step that it
 * announces, so that a killed `up` can be cleaned up. It does not change with
 * FTPNAT_LAYOUT: every version can take down every other's instance.
 */
struct ftpnat_state {
	__u32 layout;
	__u32 interfaces;
	__u64 netns;	 /* cookie of the network namespace */
	__u64 bpffs;	 /* device of the bpffs that holds the pins */
	__u32 config_id; /* map ids, for the other instances to look into */
	__u32 listens_id;
	__u32 complete;	 /* all is created; before that, `up` starts afresh */
	__u32 select_id; /* 0: of a version without it */
	char pin[128];
	struct ftpnat_interface interface[FTPNAT_MAX_INTERFACES];
};

_Static_assert(sizeof(struct ftpnat_state) == 5288, "of all layouts");

#endif
