/* SPDX-License-Identifier: GPL-2.0-only */
/* Bans at run time: prefixes that a rule, or all rules, refuse until a time. */
#ifndef FTPNAT_BPF_BANS_H
#define FTPNAT_BPF_BANS_H

#include "config.h"
#include "verdict.h"

/* Bans within bans whose time is over, at most; a shorter prefix may still hold. */
#define BAN_LEVELS 8

/* Is the client of s->ban_key banned from this rule? */
static __always_inline bool ban_found(struct scratch *s, __u16 rule)
{
	struct ftpnat_ban_key *key = &s->ban_key;
	__u32 now = now_seconds(), i;
	struct ftpnat_ban *ban;

	key->len = FTPNAT_BAN_FIXED + 8 * sizeof(key->addr);
	key->rule = rule;
	key->family = addr_is_v4(&key->addr) ? FTPNAT_V4 : FTPNAT_V6;
#pragma clang loop unroll(disable) /* each lookup is one more piece of code */
	for (i = 0; i < BAN_LEVELS; i++) {
		ban = bpf_map_lookup_elem(&ftpnat_bans, key);
		if (!ban)
			return false;
		if (!ban->until || (__s32)(ban->until - now) > 0) {
			__sync_fetch_and_add(&ban->refused, 1);
			return true;
		}
		if (ban->len <= FTPNAT_BAN_FIXED)
			return false;
		key->len = ban->len - 1;
	}
	return false;
}

/* Is the client with the address in s->ban_key banned from the rule, or from all? */
static __always_inline bool bans_have(struct scratch *s, __u16 rule)
{
	struct ftpnat_banned *any;
	__u32 zero = 0;

	any = bpf_map_lookup_elem(&ftpnat_banned, &zero);
	return any && ((any->all && ban_found(s, FTPNAT_BAN_ALL)) ||
		       (any->rules && ban_found(s, rule)));
}

__noinline int client_banned(__u16 rule)
{
	struct scratch *s = scratch_get();

	return s && bans_have(s, rule);
}

#endif
