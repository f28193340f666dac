/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An instance as it is pinned: its notes (ftpnat_state), finding it, finding the
 * others, and taking it down.
 */
#ifndef FTPNAT_INSTANCE_H
#define FTPNAT_INSTANCE_H

#include <stdbool.h>

#include "base/util.h"
#include "ftpnat_maps.h"

struct instance {
	const char *dir;
	int state_fd;
	__u32 state_id;
	bool unpinned; /* only its filters are left */
	struct ftpnat_state state;
};

#define INSTANCE_INIT                                                                    \
	{                                                                                \
		.state_fd = -1                                                           \
	}

static inline void instance_close(struct instance *instance)
{
	close_fd(&instance->state_fd);
}

#define _cleanup_instance_ _cleanup_(instance_close)

/*
 * The instance pinned at DIR; -ENOENT if none is, without a message. Also finds one
 * whose pins were removed while its filters still run. `netns` 0: in any namespace.
 * Reports other errors.
 */
int instance_open(struct instance *instance, const char *dir, __u64 netns, __u64 bpffs);

/* Are the maps as this version knows them? Reports if not. */
int instance_check_layout(const struct instance *instance);

/* For the listings: both of these, and a message when there is none. */
int instance_open_up(struct instance *instance, const char *dir);

int instance_save(struct instance *instance);

/*
 * Detach from interfaces, the filters of all in one step. A clsact of ours that another
 * instance still uses becomes that one's to remove. Reports its errors.
 */
int instance_leave(const struct instance *instance,
		   const struct ftpnat_interface *interfaces, __u32 n);

/*
 * Detach from all interfaces, unpin, remove the folders that we made: `down`, and what
 * undoes a failed `up`. Reports its errors; what can't be detached stays pinned.
 */
int instance_remove(struct instance *instance);

/*
 * Does another instance of this network namespace claim the listen? Its folder is
 * copied to `dir` (as large as ftpnat_state.pin). -errno on failure.
 */
int instance_claims(const struct instance *self, const struct ftpnat_listen_key *listen,
		    char *dir);

#endif
