/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which interfaces get the XDP program, in which mode, and to which of them it may send.
 * TC does all that XDP does, only slower, so nothing here makes a command fail.
 */
#ifndef FTPNAT_FASTPATH_H
#define FTPNAT_FASTPATH_H

#include <stdbool.h>

#include "dataplane/load.h"

/*
 * Attach, replace or detach the XDP programs according to xdp_asked of the interfaces;
 * records mac and xdp_why. Warns if `native` or `generic` is not available.
 */
void fastpath_put(struct ftpnat_state *state, const struct dataplane *dataplane,
		  __u32 state_id);

/*
 * Does its driver transmit frames that native XDP redirects to it? With some drivers
 * that depends on XDP on the interface itself, so only interfaces with our own program
 * count; with veth it depends on the peer, which only the kernel knows.
 */
bool fastpath_transmits(const struct ftpnat_interface *interface, __u32 state_id);

/* Has it another MAC address than its XDP program takes frames for? */
bool fastpath_mac_is_new(const struct ftpnat_interface *interface);

/* Detach from one interface. Reports its errors. */
int fastpath_leave(const struct ftpnat_interface *interface, __u32 state_id);

#endif
