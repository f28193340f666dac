/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which interfaces get the XDP program and in which mode, and to which of them it may
 * send. TC does all that XDP does, only slower: nothing here makes a command fail.
 */
#ifndef FTPNAT_FASTPATH_H
#define FTPNAT_FASTPATH_H

#include <stdbool.h>

#include "dataplane/load.h"

/*
 * Attach, replace or detach the XDP programs as the interfaces' xdp_asked say; writes
 * down mac and xdp_why. Warns where `native` or `generic` is not to be had.
 */
void fastpath_put(struct ftpnat_state *state, const struct dataplane *dataplane,
		  __u32 state_id);

/*
 * Does its driver send what native XDP redirects to it? Whether it does depends, with
 * some, on XDP on itself, so only interfaces with our own program count; with veth, on
 * its peer, which nobody but the kernel knows.
 */
bool fastpath_transmits(const struct ftpnat_interface *interface, __u32 state_id);

/* Has it another MAC address than its XDP program takes frames for? */
bool fastpath_mac_is_new(const struct ftpnat_interface *interface);

/* Detach from one interface. Reports its errors. */
int fastpath_leave(const struct ftpnat_interface *interface, __u32 state_id);

#endif
