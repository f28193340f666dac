/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules of a configuration, written to the slot of the maps that is not in force. */
#ifndef FTPNAT_SLOT_H
#define FTPNAT_SLOT_H

#include "dataplane/load.h"
#include "dataplane/rule_ids.h"

/* One writing of a slot. */
struct slot {
	const struct dataplane *dataplane;
	const struct config *config;
	__u32 number;
	__u32 servers;
	__u32 selectors;
	__u32 classes;
	__u32 guards;
	struct rule_ids ids;
};

/* Writes an entry of a map. Reports its errors. */
int slot_put(const struct dataplane *dataplane, enum ftpnat_map map, const void *key,
	     const void *value);

/*
 * Writes what the rules and guards refer to; the rules themselves are in slot->ids
 * afterwards. Reports its errors.
 */
int slot_fill_rules(struct slot *slot);

/* Forgets servers that are no more, and have no connections left. */
void slot_clear_served(const struct slot *slot);

/* For a rule that was removed: what its sessions still need of the other slot. Reports. */
int slot_keep_classes(struct slot *slot, struct ftpnat_rule *rule);

#endif
