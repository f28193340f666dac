/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The servers of a publish rule, written to a slot. */
#ifndef FTPNAT_SLOT_SERVERS_H
#define FTPNAT_SLOT_SERVERS_H

#include "dataplane/slot_rule.h"

/* The next server of the rule. Reports its errors. */
int slot_put_server(struct slot *slot, const struct config_publish *publish,
		    const struct config_server *from, struct ftpnat_rule *rule);

/* Forgets servers that are no longer configured, and have no connections left. */
void slot_clear_served(const struct slot *slot);

#endif
