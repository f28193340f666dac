/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many control connections each rule and each published server has now. The numbers
 * are atomic; the loader creates the entries of servers before their rules are in force.
 */
#ifndef FTPNAT_BPF_SERVED_H
#define FTPNAT_BPF_SERVED_H

#include "config.h"
#include "verifier.h"

/* The entry of a server of this rule, as connections have it behind them; or NULL. */
static __always_inline struct ftpnat_served *
served_find(__u16 rule, const struct ftpnat_addr *addr, __be16 port)
{
	struct scratch *s = scratch_get();
	struct ftpnat_served_key *key;

	if (!s)
		return NULL;
	key = &s->served_key;
	key->addr = *addr;
	key->rule = rule;
	key->port = port;
	return bpf_map_lookup_elem(&ftpnat_served, key);
}

/*
 * Changes the numbers of what a control connection belongs to: `present`, as long as it
 * isn't over, and `open`, from when both ends have answered. `owner` is its client's entry.
 */
static __noinline int served_change(const struct ftpnat_flow *owner, __s32 present,
				    __s32 open)
{
	struct ftpnat_usage *usage = usage_get();
	struct ftpnat_served *served;

	if (usage && open)
		__sync_fetch_and_add(&usage->open[bounded(owner->rule, FTPNAT_MAX_RULES)],
				     open);
	if (!(owner->flags & FTPNAT_FLOW_SERVED))
		return 0;
	served = served_find(owner->rule, &owner->to.dst, owner->to.dport);
	if (!served)
		return 0;
	if (present)
		__sync_fetch_and_add(&served->present, present);
	if (open)
		__sync_fetch_and_add(&served->open, open);
	return 0;
}

#endif
