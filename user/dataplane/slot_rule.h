/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A slot of the maps that is being written, and what rules of all kinds write to it. */
#ifndef FTPNAT_SLOT_RULE_H
#define FTPNAT_SLOT_RULE_H

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

/* NULL, reported: no room is left for it. */
struct ftpnat_rule *slot_take_rule(struct slot *slot, const struct config_rule *rule,
				   enum ftpnat_rule_kind kind);

__u16 slot_rule_id(const struct slot *slot, const struct ftpnat_rule *rule);

/* Who may use the rule. Reports its errors. */
int slot_put_admission(struct slot *slot, const struct config_admission *admission,
		       struct ftpnat_rule *rule);

/* What its clients may say. Reports its errors. */
int slot_put_policy(const struct slot *slot, enum config_tls tls,
		    const struct config_commands *commands, struct ftpnat_rule *rule);

/* What its packets get. */
void slot_put_qos(const struct config_qos *qos, struct ftpnat_rule *rule);

#endif
