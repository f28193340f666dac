/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ftpnat_programs: what the programs at tcx call, in two halves. A reload fills the half that is
 * not in force; one write to ftpnat_config, apply_programs(), then switches all hooks.
 */
#ifndef FTPNAT_PROGRAMS_H
#define FTPNAT_PROGRAMS_H

#include "dataplane/load.h"
#include "ftpnat_maps.h"

/* Fill the half that is not in force; it, or -errno. Reports its errors. */
int programs_fill(const struct dataplane *dataplane, __u32 in_force);

/* Let go of the programs in the half that is not in force. */
void programs_forget(const struct dataplane *dataplane, __u32 in_force);

/* Before the hooks are removed one by one: with one write nothing at tcx acts any more. */
void programs_stop(const struct ftpnat_state *state);

#endif
