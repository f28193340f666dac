/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tries of ftpnat_lists, one for each rule with `clients` or `deny`. */
#ifndef FTPNAT_LISTS_H
#define FTPNAT_LISTS_H

#include "config/config.h"
#include "dataplane/load.h"

/* Build the trie of a rule and put it at `index` of ftpnat_lists. Reports its errors. */
int lists_put(const struct dataplane *dataplane, __u32 index,
	      const struct config_admission *admission, const char *rule);

/* Remove what a configuration before left in this slot. */
void lists_clear(const struct dataplane *dataplane, __u32 slot);

#endif
