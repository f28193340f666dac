/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A publish rule, written to a slot. */
#ifndef FTPNAT_SLOT_PUBLISH_H
#define FTPNAT_SLOT_PUBLISH_H

#include "dataplane/slot_rule.h"

/* With its listens, servers and classes. Reports its errors. */
int slot_put_publish(struct slot *slot, const struct config_publish *publish);

/* For a rule that was removed: what its sessions still need of the other slot. Reports. */
int slot_keep_classes(struct slot *slot, struct ftpnat_rule *rule);

#endif
