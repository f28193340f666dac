/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bans at run time: what is in ftpnat_bans. Those that change it hold the lock of the
 * instance's directory (pin_lock()).
 */
#ifndef FTPNAT_BANS_H
#define FTPNAT_BANS_H

#include "base/addr.h"
#include "dataplane/load.h"
#include "dataplane/view.h"

struct ban {
	struct ftpnat_prefix prefix;
	__u16 rule;			 /* id, or FTPNAT_BAN_ALL */
	__u64 refused;			 /* packets and lines */
	__u32 since;			 /* seconds of CLOCK_MONOTONIC */
	__u32 until;			 /* 0: for good */
	char rule_name[FTPNAT_NAME_LEN]; /* empty: all */
	char why[FTPNAT_BAN_WHY_LEN];
};

struct bans {
	struct ban *list;
	size_t number;
};

void bans_free(struct bans *bans);

#define _cleanup_bans_ _cleanup_(bans_free)

/* Those in force, in the order of the addresses. Reports its errors. */
int bans_read(const struct view *view, struct bans *bans);

/* Enter a ban, or replace the one of the same prefix and rule. Reports its errors. */
int bans_put(const struct view *view, const struct ban *ban);

/* Remove one. 0, or -ENOENT if there is none; reports other errors. */
int bans_remove(const struct view *view, const struct ban *ban);

/* The rule with this id is another one from now on. */
void bans_forget_rule(const struct dataplane *dataplane, __u16 rule);

/* Seconds until it ends, 0 for good. */
__u32 ban_left(const struct ban *ban, __u32 now);

#endif
