/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When a rule or a client has reached its limit of connections, ended and half-open ones make
 * room. They still have their entries, and an attacker who forges SYNs makes any number of
 * them in the name of any client.
 */
#ifndef FTPNAT_BPF_ROOM_H
#define FTPNAT_BPF_ROOM_H

#include "admission.h"
#include "conntrack_open.h"

#define LIMIT_TRIES 64 /* connections that a refused SYN looks at */

static long try_ended(__u32 i, struct flow_new **reclaim)
{
	(void)i;
	return ended_remove(*reclaim) == ENDED_NONE;
}

/*
 * Removes the oldest control connection if it is a half-open one of the same rule; that of
 * another rule goes to the end of the queue. 1: one was removed, or there is none.
 */
static long try_half_open_of_rule(__u32 i, struct flow_new **reclaim)
{
	struct flow_new *new = *reclaim;
	struct ftpnat_flow *flow, *other;

	(void)i;
	if (bpf_map_pop_elem(&ftpnat_half_open, &new->closed))
		return 1;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &new->closed);
	if (!flow || flow->kind != FTPNAT_CONTROL || !(flow->flags & FTPNAT_FLOW_CLIENT))
		return 0;
	tuple_swap(&new->closed_other, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &new->closed_other);
	if (other && flow_established(flow->tcp, other->tcp))
		return 0;
	if (flow->rule != new->rule) {
		bpf_map_push_elem(&ftpnat_half_open, &new->closed, BPF_EXIST);
		return 0;
	}
	if (flow_remove(&new->closed))
		return 0;
	count(FTPNAT_HALF_OPEN_RECLAIMED);
	return 1;
}

/* Has the rule connections that are half open, or over? Else a search would only cost time. */
static __always_inline bool rule_has_others(const struct flow_new *new)
{
	const struct ftpnat_usage *usage = usage_get();
	__u32 rule = bounded(new->rule, FTPNAT_MAX_RULES);

	return usage && usage->sessions[rule] > usage->open[rule];
}

/* May there be room behind the limit that refuses the connection of `new`? */
static __always_inline bool limit_makes_room(struct flow_new *new,
					     enum ftpnat_reason limit)
{
	if (limit != FTPNAT_RULE_SESSIONS && limit != FTPNAT_CLIENT_SESSIONS &&
	    limit != FTPNAT_CLIENT_HALF_OPEN && limit != FTPNAT_CLIENT_SHARE)
		return false;
	bpf_loop(LIMIT_TRIES, try_ended, &new, 0);
	if (limit == FTPNAT_RULE_SESSIONS && rule_has_others(new))
		bpf_loop(LIMIT_TRIES, try_half_open_of_rule, &new, 0);
	return true;
}

#endif
