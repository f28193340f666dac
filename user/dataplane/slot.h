/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules of a configuration, written to the slot of the maps that is not in force. */
#ifndef FTPNAT_SLOT_H
#define FTPNAT_SLOT_H

#include "dataplane/slot_rule.h"

/*
 * Writes what the rules and guards refer to; the rules themselves are in slot->ids
 * afterwards. Reports its errors.
 */
int slot_fill_rules(struct slot *slot);

#endif
