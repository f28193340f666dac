/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Removing a connection: two entries of ftpnat_flows, one per direction. The CPU that
 * deletes its client's entry does the accounting. Opening is in conntrack_open.h, TCP
 * state in conntrack_seen.h.
 */
#ifndef FTPNAT_BPF_CONNTRACK_H
#define FTPNAT_BPF_CONNTRACK_H

#include <linux/errno.h>

#include "conntrack_told.h"
#include "record.h"
#include "session.h"

/* A control connection of the client of s->left, with this rule, is gone. */
__noinline int control_left(__u16 rule, bool counted, bool half_open)
{
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();

	if (!s || !usage)
		return 0;
	__sync_fetch_and_sub(&usage->sessions[bounded(rule, FTPNAT_MAX_RULES)], 1);
	if (!counted)
		return 0;
	client_of(s, &s->left, rule);
	if (half_open)
		client_has_less(s, FTPNAT_HAS_HALF_OPEN);
	client_less();
	return 0;
}

/*
 * Removes the connection whose client's entry is s->removing. 0, or -errno if it is still
 * there or already gone.
 */
__noinline int removing_remove(void)
{
	struct ftpnat_usage *usage = usage_get();
	struct scratch *s = scratch_get();
	struct ftpnat_flow *flow, *peer;
	struct ftpnat_tuple *key;
	bool counted, half_open;
	__u32 created;
	__u16 rule;
	__u8 kind, flags;
	int rc;

	if (!s || !usage)
		return -ENOMEM;
	key = &s->removing;
	flow = bpf_map_lookup_elem(&ftpnat_flows, key);
	if (!flow)
		return -ENOENT;
	counted = flow->flags & FTPNAT_FLOW_COUNTED;
	created = flow->created;
	rule = flow->rule;
	kind = flow->kind;
	flags = flow->flags;
	tuple_swap(&s->removed, &flow->to);
	s->removed_session = flow->session;
	peer = bpf_map_lookup_elem(&ftpnat_flows, &s->removed);
	flow_tell_end(key, flow, peer);
	if (kind == FTPNAT_DATA && transfers_on())
		session_transfer(key, flow, peer, DATA_OVER);
	rc = (int)bpf_map_delete_elem(&ftpnat_flows, key);
	if (rc)
		return rc;
	bpf_map_delete_elem(&ftpnat_flows, &s->removed);
	__sync_fetch_and_sub(&usage->flows[kind & 1], 1);
	if (clustered() && !(flags & FTPNAT_FLOW_REPLICA)) {
		s->record_key = *key;
		record_end(s->removed_session);
	}
	if (kind == FTPNAT_CONTROL) {
		half_open = !session_of_client(s->removed_session, key);
		session_remove(&s->removed_session, key);
		s->left = key->src;
		control_left(rule, counted, half_open);
		return 0;
	}
	s->left = key->src;
	session_data(&s->removed_session, created, -1);
	if (counted)
		client_data_less(&s->left, rule);
	return 0;
}

/* The same, given its key. */
static __always_inline int flow_remove(const struct ftpnat_tuple *key)
{
	struct scratch *s = scratch_get();

	if (!s)
		return -ENOMEM;
	s->removing = *key;
	return removing_remove();
}

/* Removes a connection that could not be opened, without counting or reporting its end. */
static __always_inline int flow_forget(const struct ftpnat_tuple *key,
				       struct ftpnat_flow *flow)
{
	flow_told(flow);
	return flow_remove(key);
}

/* Whose: the packet's at hand, or that of the replies to the connection about to be opened. */
enum flow_tuple { TUPLE_OF_PACKET, TUPLE_OF_REPLIES };

/* Removes a connection with this tuple that has ended, to make room for another. True if removed. */
__noinline bool flow_makes_room(enum flow_tuple whose)
{
	struct scratch *s = scratch_get();
	struct ftpnat_tuple *key, *other_key;
	struct ftpnat_flow *flow, *other;

	if (!s)
		return false;
	key = &s->room.key;
	other_key = &s->room.other;
	if (whose == TUPLE_OF_REPLIES)
		tuple_swap(key, &s->flow.to);
	else
		*key = s->packet.tuple;
	flow = bpf_map_lookup_elem(&ftpnat_flows, key);
	if (!flow)
		return false;
	tuple_swap(other_key, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, other_key);
	if (!other || !flow_closing(flow->tcp, other->tcp))
		return false;
	if (whose == TUPLE_OF_PACKET)
		s->flow.had = flow->to.sport;
	if (flow->flags & FTPNAT_FLOW_CLIENT)
		flow_remove(key);
	else
		flow_remove(other_key);
	return true;
}

/* The SYN that opened a connection can't be forwarded: undo it all. */
__noinline int flow_undo(void)
{
	struct scratch *s = scratch_get();
	struct ftpnat_flow *flow, *other;

	if (!s)
		return 0;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &s->packet.tuple);
	tuple_swap(&s->undo, &s->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &s->undo);
	if (!flow || !other || other->tcp)
		return 0;
	if (flow->flags & FTPNAT_FLOW_CLIENT)
		flow_forget(&s->packet.tuple, flow);
	else
		flow_forget(&s->undo, other);
	return 0;
}

#endif
