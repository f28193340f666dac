/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The BPF object: sized, loaded (with new maps or the pinned ones), pinned. */
#ifndef FTPNAT_DATAPLANE_H
#define FTPNAT_DATAPLANE_H

#include <stdbool.h>

#include "base/rtnl.h"
#include "config/config.h"
#include "dataplane/map_names.h"

struct bpf_map;

struct ftpnat_tc; /* the skeleton */

struct dataplane {
	struct ftpnat_tc *skel;
};

void dataplane_close(struct dataplane *dataplane);

/*
 * Load programs and maps; with `dir`, reuse the maps pinned there after a check of their
 * layout and size; with `bare`, also load the programs for interfaces without link-layer
 * header. Changes nothing else. Reports its errors.
 */
int dataplane_load(struct dataplane *dataplane, const struct config *config,
		   const char *dir, bool bare);

/* FTPNAT_QOS_* of each rule, which its packets find without a lookup. */
void dataplane_set_qos(const struct dataplane *dataplane, __u32 rule, __u8 does);
void dataplane_get_qos(const struct dataplane *dataplane,
		       __u8 does[static FTPNAT_MAX_RULES]);

/* Descriptors, owned by the dataplane. */
int dataplane_map(const struct dataplane *dataplane, enum ftpnat_map map);

/*
 * Does it survive a reload? TC and XDP programs share these; all others are the programs'
 * own.
 */
bool dataplane_is_state(const struct bpf_map *map);
int dataplane_map_id(const struct dataplane *dataplane, enum ftpnat_map map, __u32 *id);
int dataplane_prog(const struct dataplane *dataplane, enum tc_hook hook, bool bare);
int dataplane_tcx_prog(const struct dataplane *dataplane, enum tc_hook hook, bool bare);

/*
 * Pin the maps that are not pinned yet, or all programs, in DIR; without `bare`, unpin
 * those that `bare` is about. Report their errors.
 */
int dataplane_pin_maps(const struct dataplane *dataplane, const char *dir);
int dataplane_pin_programs(const struct dataplane *dataplane, const char *dir, bool bare);

#endif
