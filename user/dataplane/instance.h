/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A pinned instance: its state map (ftpnat_state), finding it and others, and taking it
 * down.
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

/* Do the maps have the layout of this version? Reports if not. */
int instance_check_layout(const struct instance *instance);

/* For the listings: both of these, and a message when there is none. */
int instance_open_up(struct instance *instance, const char *dir);

int instance_save(struct instance *instance);

/* Is there an interface whose packets have no link-layer header? */
bool instance_has_bare(const struct ftpnat_state *state);

/*
 * Detach from interfaces, all filters in one step. If another instance still uses a
 * clsact of ours, that one will remove it. Reports its errors.
 */
int instance_leave(const struct instance *instance,
		   const struct ftpnat_interface *interfaces, __u32 n);

/*
 * Detach from all interfaces, unpin, remove the directories that we created: used by
 * `down` and to undo a failed `up`. Reports its errors; what can't be detached stays
 * pinned.
 */
int instance_remove(struct instance *instance);

enum instance_claim { INSTANCE_UNCLAIMED, INSTANCE_CLAIMED };

/*
 * Does another instance of this network namespace own the listen? An enum instance_claim,
 * or -errno. Its directory is copied to `dir` (as large as ftpnat_state.pin).
 */
int instance_claims(const struct instance *self, const struct ftpnat_listen_key *listen,
		    char *dir);

/*
 * Does another one claim clients and control port of the selector, on one of the
 * interfaces? As above, and the name of the interface.
 */
int instance_claims_clients(const struct instance *self,
			    const struct ftpnat_selector *selector,
			    const struct ftpnat_state *wanted, char *dir,
			    char interface[FTPNAT_IFNAME_LEN]);

#endif
