/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Network namespaces: entering and identifying them. */
#ifndef FTPNAT_NETNS_H
#define FTPNAT_NETNS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Move to the network namespace NAME (of /run/netns) or PATH; the mount namespace,
 * and with it bpffs, stays. Reports its errors.
 */
int netns_enter(const char *name_or_path);

/* Cookie of the network namespace that we are in: no other ever has the same. Reports. */
int netns_cookie(__u64 *cookie);

/*
 * Does another namespace with this cookie exist, by name in /run/netns or in a process?
 * `how` gets the argument for --netns.
 */
bool netns_find(__u64 cookie, char *how, size_t size);

#endif
