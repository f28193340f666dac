/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs at tcx (Linux 6.6), one per hook, which call those of ftpnat_programs: see "Up,
 * reload, down" in docs/design.md. A program there is ours as a tc filter is: by the state map.
 */
#ifndef FTPNAT_TCX_H
#define FTPNAT_TCX_H

#include <stdbool.h>

#include "base/rtnl.h"
#include "ftpnat_maps.h"

#define TCX_MAX 64 /* as many as the kernel accepts at one hook */

/* Ids of all programs at a hook, in their order; their number, or -errno: -EINVAL before 6.6. */
int tcx_list(__u32 ifindex, enum tc_hook hook, __u32 ids[static TCX_MAX]);

/* Ids of ours, 0 where there is none, also if the kernel has no tcx. */
void tcx_query(const struct ftpnat_interface *interface, __u32 state_id,
	       __u32 prog_ids[static TC_HOOK_MAX]);

/*
 * Does it use the maps that are pinned at DIR? If not, their pins were removed: it does nothing
 * any more, or not what the configuration says.
 */
bool tcx_is_current(__u32 prog_id, const char *dir);

/*
 * Have a program of ours at each hook; one that is there and current stays. A new one goes where
 * `place` says. Reports its errors.
 */
int tcx_put(const struct ftpnat_interface *interface, const int prog_fd[TC_HOOK_MAX],
	    enum ftpnat_tcx place, __u32 state_id, const char *dir);

/* Remove ours from both hooks. The interface may be gone. Reports its errors. */
int tcx_remove(const struct ftpnat_interface *interface, __u32 state_id);

#endif
