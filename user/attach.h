/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc filters on interfaces. A filter is ours when its program holds the instance's
 * ftpnat_state map, whoever wrote down what: so a killed command leaves nothing that
 * the next one would not recognise.
 */
#ifndef FTPNAT_ATTACH_H
#define FTPNAT_ATTACH_H

#include "ftpnat_maps.h"
#include "rtnl.h"

/* Does the program hold the map? With the state map: is it the instance's? */
bool prog_holds(__u32 prog_id, __u32 map_id);

extern const char *const tc_hook_names[TC_HOOK_MAX];

/*
 * Make sure that the interface has a clsact; sets made_clsact if it had none, which the
 * caller has to write down before: `save` is called in between. Reports its errors.
 */
int attach_clsact(struct ftpnat_interface *interface, int (*save)(void *arg), void *arg);

/*
 * Attach `prog_fd`, in place of the instance's filter if there is one (a packet meets
 * the old program or the new, never none). Reports its errors.
 */
int attach_filter(const struct ftpnat_interface *interface, enum tc_hook hook,
		  int prog_fd, __u32 state_id);

/* Program ids of the instance's filters, 0 where there is none; -errno if tc can't be asked. */
int attach_query(const struct ftpnat_interface *interface, __u32 state_id,
		 __u32 prog_ids[TC_HOOK_MAX]);

/*
 * Remove the instance's filters, and the clsact if we made it and nothing else uses it.
 * An interface that is gone took them along. 1: the clsact is ours, but others use it
 * now. Reports its errors.
 */
int attach_remove(const struct ftpnat_interface *interface, __u32 state_id);

#endif
