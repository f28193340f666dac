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

/* Is there one of the same prefix and rule? Of bans_read(). */
bool bans_have(const struct bans *bans, const struct ban *ban);

/*
 * Enter bans, each in place of the one of the same prefix and rule. If it fails, those
 * before the one that failed hold. Reports its errors.
 */
int bans_put(const struct view *view, const struct bans *bans);

/* Remove one, if it is there. Reports its errors. */
int bans_remove(const struct view *view, const struct ban *ban);

/*
 * Forget those that are over, and tell the programs whether there are any: until then they
 * only look in vain. Reports its errors.
 */
int bans_recount(const struct view *view);

/* The rule with this id is another one from now on. */
void bans_forget_rule(const struct dataplane *dataplane, __u16 rule);

/* Seconds until it ends, 0 for good. */
__u32 ban_left(const struct ban *ban, __u32 now);

#endif
