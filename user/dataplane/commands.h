/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ftpnat_commands: `commands` of the rules, by slot. */
#ifndef FTPNAT_COMMANDS_H
#define FTPNAT_COMMANDS_H

#include "config/config.h"
#include "dataplane/load.h"

/* Write `commands` of the rule with this id to the slot; the number of its list, or -errno (reported). */
int commands_put(const struct dataplane *dataplane, __u32 slot, __u16 rule,
		 const struct config_commands *commands);

/* A rule that was removed keeps its list of the other slot. 0 or -errno, reported. */
int commands_keep(const struct dataplane *dataplane, __u32 slot, __u16 list);

/* Remove what a configuration before left in this slot. 0 or -errno. */
int commands_clear(const struct dataplane *dataplane, __u32 slot);

#endif
