/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc filters on interfaces. A filter is ours if its program uses the instance's
 * ftpnat_state map. No other record is needed, so the next command recognises whatever a
 * killed one left.
 */
#ifndef FTPNAT_ATTACH_H
#define FTPNAT_ATTACH_H

#include "base/rtnl.h"
#include "ftpnat_maps.h"

/* Does the program use the map? With the state map: does it belong to the instance? */
bool prog_holds(__u32 prog_id, __u32 map_id);

extern const char *const tc_hook_names[TC_HOOK_MAX];

/*
 * Make sure that the interface has a clsact; sets made_clsact if it had none, and calls
 * `save` before it adds one, so that the caller can record it. Reports its errors.
 */
int attach_clsact(struct ftpnat_interface *interface, int (*save)(void *arg), void *arg);

/* Program ids of the instance's filters, 0 where there is none; -errno if tc can't be asked. */
int attach_query(const struct ftpnat_interface *interface, __u32 state_id,
		 __u32 prog_ids[TC_HOOK_MAX]);

/* The programs that an interface should have; -1: none. */
struct attach_wish {
	const struct ftpnat_interface *interface;
	int prog_fd[TC_HOOK_MAX];
};

/*
 * Make all changes in one step, which a kill can't interrupt. A packet meets the old
 * program or the new one, never none. Interfaces that should have none may be gone.
 * Reports its errors.
 */
int attach_switch(const struct attach_wish *wishes, size_t n, __u32 state_id);

enum attach_released { ATTACH_RELEASED, ATTACH_IN_USE };

/*
 * After the filters: remove the clsact, if we made it and nobody else uses it now. An enum
 * attach_released, or -errno. Reports its errors.
 */
int attach_release(const struct ftpnat_interface *interface);

#endif
