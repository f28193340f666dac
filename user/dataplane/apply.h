/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes the configuration into the maps: completely to the slot that is not in force,
 * then one write puts it in force. Until then nothing that runs has changed.
 */
#ifndef FTPNAT_APPLY_H
#define FTPNAT_APPLY_H

#include "dataplane/instance.h"
#include "dataplane/load.h"

struct apply {
	const struct dataplane *dataplane;
	const struct config *config;
	struct ftpnat_config now;      /* ftpnat_config[0] as it is ... */
	struct ftpnat_config next;     /* ... and as it will be */
	bool reused[FTPNAT_MAX_RULES]; /* ids given to another rule than before */
};

/* Write the slot not in force. Reports its errors. */
int apply_prepare(struct apply *apply, const struct dataplane *dataplane,
		  const struct config *config);

/* Put it in force with one write. Reports its errors. */
int apply_commit(struct apply *apply);

/* Put a half of ftpnat_programs in force with one write, 0: none. Reports its errors. */
int apply_programs(struct apply *apply, __u32 half);

/* After its programs were detached. */
void apply_forget_interface(const struct dataplane *dataplane, __u32 ifindex);

/*
 * Does another instance own one of the listens, or clients of a masquerade rule on one of
 * the `wanted` interfaces? Reports.
 */
int apply_check_claims(const struct instance *self, const struct config *config,
		       const struct ftpnat_state *wanted);

#endif
