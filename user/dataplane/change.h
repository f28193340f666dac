/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What up, reload and down have in common. Every step that changes the system is first
 * recorded in the pinned state map, so that the next up, reload or down can finish or
 * undo what a killed one left behind. What packets see changes in one step, see
 * docs/design.md. All functions report their errors and return 0 or -errno.
 */
#ifndef FTPNAT_CHANGE_H
#define FTPNAT_CHANGE_H

#include "base/options.h"
#include "base/util.h"
#include "config/config.h"
#include "dataplane/apply.h"
#include "dataplane/instance.h"
#include "dataplane/load.h"

/* One run of up, reload or down. */
struct change {
	const struct config *config; /* NULL: down */
	int lock_fd;
	__u64 netns;
	__u64 bpffs;
	struct instance instance;
	struct dataplane dataplane;
	struct apply apply;
	struct ftpnat_state wanted; /* interfaces of the configuration */
};

#define CHANGE_INIT                                                                      \
	{                                                                                \
		.lock_fd = -1, .instance = INSTANCE_INIT                                 \
	}

#define _cleanup_change_ _cleanup_(change_end)

/*
 * The start of up, reload and down: namespace, interfaces, bpffs, lock. With `mount`,
 * mounts a missing bpffs.
 */
int change_begin(struct change *change, const struct options *options, bool mount);
void change_end(struct change *change);

/* 0: an instance is up at the pin directory; -ENOENT: none, and no remains of one. */
int change_open(struct change *change, const struct options *options);

/*
 * An instance of another network namespace can be changed only there, or when that is
 * gone.
 */
int change_check_namespace(struct change *change);

/* Does another instance own one of the listens or clients? */
int change_check_claims(struct change *change);

/* Fill the state map's image with what is recorded before anything is created. */
int change_record(struct change *change, const struct options *options);

/*
 * Load programs and maps, and pin the programs in DIR, as dataplane_load() and
 * dataplane_pin_programs(), for the interfaces that there are.
 */
int change_load(struct change *change, const char *dir);
int change_pin_programs(struct change *change, const char *dir);

/* Attach the new programs to all interfaces that the instance has, in one step. */
int change_attach(struct change *change);

/* Attach XDP, the last step; no error in it makes the command fail. */
void change_fast_path(struct change *change);

/* The interface of the state, or NULL. */
struct ftpnat_interface *state_interface(struct ftpnat_state *state, __u32 ifindex);

#endif
