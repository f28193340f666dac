/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opening a connection: both directions are entered into ftpnat_flows, replacing one
 * that has ended if the table is full.
 */
#ifndef FTPNAT_BPF_CONNTRACK_OPEN_H
#define FTPNAT_BPF_CONNTRACK_OPEN_H

#include "host_ports.h"
#include "sweep.h"

#define PORT_TRIES    64 /* source ports, the random ones after the packet's own */
#define RECLAIM_TRIES 64

/*
 * The whole queue: it may begin with connections that are established by now. Each SYN
 * adds one entry, so this costs one try per SYN in the long run.
 */
#define HALF_OPEN_TRIES FTPNAT_MAX_HALF_OPEN

/* In a table that is over three quarters full: seconds, and how many a SYN looks at. */
#define HALF_OPEN_SHORT	 10
#define HALF_OPEN_CHECKS 8

static __always_inline void flow_image(struct flow_new *new,
				       const struct ftpnat_tuple *to, __u8 flags,
				       __u32 tcp, __u32 isn, __u32 ifindex)
{
	struct ftpnat_flow *flow = (struct ftpnat_flow *)new->entry;

	flow->to = *to;
	flow->session = new->session;
	flow->end = tcp ? isn + 1 : 0;
	flow->ack = flow->end; /* of other SYNs with this tuple there is none yet */
	flow->created = new->now;
	flow->seen = new->now;
	flow->queued = new->now;
	flow->ifindex = ifindex;
	flow->rule = new->rule;
	flow->kind = new->kind;
	flow->flags = flags;
	flow->tcp = tcp;
}

/* The search for a source port, see try_port(). */
struct port_search {
	struct __sk_buff *skb;
	struct flow_new *new;
};

/*
 * One try to enter the reverse direction: attempt 0 keeps the port, the others take
 * random ones. On an own address, the first half of them spares the ports of connect().
 */
static long try_port(__u32 attempt, struct port_search *search)
{
	struct ftpnat_config *config = config_get();
	struct flow_new *new = search->new;
	int rc;

	if (!config || (attempt && new->flags &FTPNAT_FLOW_TRACKED))
		return 1;
	if (clustered() && !attempt && !port_in_slice(bpf_ntohs(new->to.sport)) &&
	    !addr_equal(&new->key.src, &new->to.src))
		return 0;
	if (attempt && new->own && attempt < PORT_TRIES / 2)
		new->to.sport = bpf_htons(port_pick(config, new->port_min, new->port_max,
						    bpf_get_prandom_u32()));
	else if (attempt)
		new->to.sport = bpf_htons(
			port_any(new->port_min, new->port_max, bpf_get_prandom_u32()));
	else if (new->own && port_is_local(config, bpf_ntohs(new->to.sport)))
		return 0;
	if (clustered() && attempt)
		new->to.sport = bpf_htons(port_to_slice(bpf_ntohs(new->to.sport),
							new->port_min, new->port_max));
	tuple_swap(&new->reverse, &new->to);
	if (new->own && socket_has(search->skb, &new->reverse))
		return 0;
	flow_image(new, &new->key, new->flags ^ FTPNAT_FLOW_CLIENT, 0, 0, 0);
	/* the other direction's `to` leads back: the key with its ends swapped */
	tuple_swap(&((struct ftpnat_flow *)new->entry)->to, &new->key);
	rc = map_insert(&ftpnat_flows, &new->reverse, new->entry);
	if (rc == -EEXIST)
		return 0;
	new->done = rc ? SEARCH_NO_MEMORY : SEARCH_FOUND;
	return 1;
}

/*
 * Has either end of a data connection that is closing sent more than a FIN that the other one
 * has not acknowledged? It may have to come again.
 */
static __always_inline bool data_under_way(const struct ftpnat_flow *one,
					   const struct ftpnat_flow *other)
{
	return one->kind == FTPNAT_DATA && !((one->tcp | other->tcp) & FTPNAT_TCP_RST) &&
	       (one->end - other->ack > 1 || other->end - one->ack > 1);
}

enum ended { ENDED_NONE, ENDED_NOT, ENDED_GONE };

/*
 * Takes the connection that ended first from its queue, and removes it if it has not begun again
 * and nothing of it is under way.
 */
static __always_inline enum ended ended_remove(struct flow_new *new)
{
	struct ftpnat_flow *flow, *other;
	long rc;

	if (new->kind == FTPNAT_CONTROL)
		rc = bpf_map_pop_elem(&ftpnat_closed_c, &new->closed);
	else
		rc = bpf_map_pop_elem(&ftpnat_closed_d, &new->closed);
	if (rc)
		return ENDED_NONE;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &new->closed);
	if (!flow || flow->kind != new->kind || !(flow->flags & FTPNAT_FLOW_CLIENT))
		return ENDED_NOT;
	tuple_swap(&new->closed_other, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &new->closed_other);
	if (other && (!flow_closing(flow->tcp, other->tcp) /* its tuple lives again */ ||
		      data_under_way(flow, other)))
		return ENDED_NOT;
	flow_remove(&new->closed);
	return ENDED_GONE;
}

/* 1 if there is room now or nothing left to remove. */
static long try_reclaim(__u32 i, struct flow_new **reclaim)
{
	(void)i;
	return ended_remove(*reclaim) != ENDED_NOT;
}

/*
 * Takes the oldest control connection from the queue and removes it if its handshake is
 * not complete; true if it did, or the queue is empty.
 */
static __always_inline bool half_open_end(struct flow_new *new)
{
	struct ftpnat_flow *flow, *other;

	if (bpf_map_pop_elem(&ftpnat_half_open, &new->closed))
		return true;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &new->closed);
	if (!flow || flow->kind != FTPNAT_CONTROL || !(flow->flags & FTPNAT_FLOW_CLIENT))
		return false;
	tuple_swap(&new->closed_other, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &new->closed_other);
	if (other && flow_established(flow->tcp, other->tcp))
		return false;
	if (flow_remove(&new->closed))
		return false;
	count(FTPNAT_HALF_OPEN_RECLAIMED);
	return true;
}

/*
 * Removes the oldest one that is half open, as conntrack's early drop does; 1 if there is
 * room now or nothing left to remove.
 */
static long try_half_open(__u32 i, struct flow_new **reclaim)
{
	(void)i;
	return half_open_end(*reclaim);
}

/* The same if it is older than HALF_OPEN_SHORT; 1 if there is none, or it was removed. */
static long try_old_half_open(__u32 i, struct flow_new **reclaim)
{
	struct flow_new *new = *reclaim;
	struct ftpnat_flow *flow;

	(void)i;
	if (bpf_map_peek_elem(&ftpnat_half_open, &new->closed))
		return 1;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &new->closed);
	if (flow && seconds_since(flow->created, new->now) < HALF_OPEN_SHORT)
		return 1;
	return half_open_end(new);
}

/*
 * Counts one more connection of this kind, if necessary instead of one that has ended
 * or, of control connections, one that is half open.
 */
static __always_inline bool flow_reserve(struct ftpnat_usage *usage,
					 const struct ftpnat_config *config,
					 struct flow_new *new)
{
	__u32 *used = &usage->flows[new->kind & 1];
	__u32 before = __sync_fetch_and_add(used, 1);

	if (new->kind == FTPNAT_CONTROL &&
	    under_pressure(before, config->limit[FTPNAT_CONTROL]))
		bpf_loop(HALF_OPEN_CHECKS, try_old_half_open, &new, 0);
	if (before < config->limit[new->kind & 1])
		return true;
	bpf_loop(RECLAIM_TRIES, try_reclaim, &new, 0);
	if (*used > config->limit[new->kind & 1] && new->kind == FTPNAT_CONTROL)
		bpf_loop(HALF_OPEN_TRIES, try_half_open, &new, 0);
	if (*used <= config->limit[new->kind & 1])
		return true;
	__sync_fetch_and_sub(used, 1);
	return false;
}

/* Gives a control connection that is entered the id of its session. 0 or -ENOMEM. */
static __always_inline int session_begin(struct flow_new *new)
{
	struct ftpnat_flow *flow = bpf_map_lookup_elem(&ftpnat_flows, &new->key);
	struct ftpnat_flow *reply = bpf_map_lookup_elem(&ftpnat_flows, &new->reverse);

	if (!flow || !reply || session_id(&new->session))
		return -ENOMEM;
	flow->session = new->session;
	reply->session = new->session;
	return 0;
}

/*
 * Enters the connection of the current packet: reverse direction first, with another
 * source port if the packet's is taken. GO_ON, or the reason of the refusal, in which
 * case nothing is left behind.
 */
static __always_inline enum ftpnat_reason flow_open(struct __sk_buff *skb,
						    struct flow_new *new)
{
	struct port_search search = { .skb = skb, .new = new };
	struct ftpnat_config *config = config_get();
	struct ftpnat_usage *usage = usage_get();
	struct ftpnat_tuple *key;
	long rc;

	if (!config || !usage)
		return FTPNAT_NO_MEMORY;
	if (addr_is_v4(&new->key.dst) != addr_is_v4(&new->to.dst))
		new->flags |= FTPNAT_FLOW_XLAT;
	if (!flow_reserve(usage, config, new))
		return new->kind == FTPNAT_CONTROL ? FTPNAT_CONTROL_FULL :
						     FTPNAT_DATA_FULL;
	/*
	 * The server may remember the connection before this one (TIME-WAIT) and accept only
	 * from the same client what begins with its tuple (RFC 6191): no other gets the port.
	 */
	if (new->had &&new->own &&new->flags & FTPNAT_FLOW_CLIENT)
		new->to.sport = new->had;
	new->done = SEARCH_ON;
	bpf_loop(PORT_TRIES, try_port, &search, 0);
	if (new->done != SEARCH_FOUND) {
		__sync_fetch_and_sub(&usage->flows[new->kind & 1], 1);
		return new->done == SEARCH_NO_MEMORY ? FTPNAT_NO_MEMORY : FTPNAT_NO_PORT;
	}
	flow_image(new, &new->to, new->flags, FTPNAT_TCP_SYN, new->isn, new->ifindex);
	rc = bpf_map_update_elem(&ftpnat_flows, &new->key, new->entry, BPF_NOEXIST);
	key = new->flags &FTPNAT_FLOW_CLIENT ? &new->key : &new->reverse;
	if (!rc && expiry_enter(key, new->now)) {
		bpf_map_delete_elem(&ftpnat_flows, &new->key);
		rc = -ENOMEM;
	}
	if (!rc && new->kind == FTPNAT_CONTROL && session_begin(new)) {
		bpf_map_delete_elem(&ftpnat_flows, &new->key);
		rc = -ENOMEM;
	}
	if (rc) {
		bpf_map_delete_elem(&ftpnat_flows, &new->reverse);
		__sync_fetch_and_sub(&usage->flows[new->kind & 1], 1);
		return FTPNAT_NO_MEMORY;
	}
	if (new->kind == FTPNAT_CONTROL) {
		served_change((struct ftpnat_flow *)new->entry, 1, 0);
		bpf_map_push_elem(&ftpnat_half_open, &new->key, BPF_EXIST);
	}
	return GO_ON;
}

#endif
