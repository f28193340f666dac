/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs of others that see the packets of an interface before ours. Each of them may
 * keep a packet to itself; a tc program does so with TC_ACT_OK (TCX_PASS) too.
 */
#ifndef FTPNAT_BEFORE_H
#define FTPNAT_BEFORE_H

#include <stddef.h>

#include "ftpnat_maps.h"

/* As "first at ingress: tcx NAME, tc pref 1", hook by hook; empty where there is none. */
void before_text(const struct ftpnat_interface *interface, __u32 state_id, char *text,
		 size_t size);

#endif
