/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `rate`: the departure times of data packets, by rule and direction and by client (EDT). The
 * qdisc fq of the outgoing interface sends each at its time.
 */
#ifndef FTPNAT_BPF_PACE_H
#define FTPNAT_BPF_PACE_H

#include "clients.h"
#include "config.h"

#define PACE_HORIZON (2 * SECOND) /* what would leave later is dropped */

/*
 * Reserves what a packet takes of a clock that gives when the next may leave: when this one
 * may. Of two CPUs each gets a time of its own.
 */
static __always_inline __u64 pace_take(__u64 *clock, __u64 takes, __u64 now)
{
	__u64 before = *clock;

	if (before < now) /* nothing was saved while nothing left */
		__sync_val_compare_and_swap(clock, before, now);
	return __sync_fetch_and_add(clock, takes);
}

/* The clock of a client's packets of one direction; NULL: no memory. */
static __always_inline __u64 *
pace_client(struct scratch *s, const struct ftpnat_flow *flow, enum ftpnat_dir dir)
{
	__u64 zero = 0, *clock;

	client_of(s, dir == FTPNAT_FROM_CLIENT ? &s->packet.tuple.src : &flow->to.dst,
		  flow->rule);
	s->client_key.pad = (__u16)dir;
	clock = bpf_map_lookup_elem(&ftpnat_client_paces, &s->client_key);
	if (!clock) {
		bpf_map_update_elem(&ftpnat_client_paces, &s->client_key, &zero,
				    BPF_NOEXIST);
		clock = bpf_map_lookup_elem(&ftpnat_client_paces, &s->client_key);
	}
	s->client_key.pad = 0;
	return clock;
}

/* Bytes of the frame, or of all frames that become of it. */
static __always_inline __u64 pace_bytes(const struct __sk_buff *skb,
					const struct packet *p)
{
	__u32 more = skb->gso_segs > 1 ? skb->gso_segs - 1 : 0;

	return skb->len + (__u64)more * p->payload;
}

/* The data packet in the scratch memory, of a rule with rates: GO_ON or RATE. */
__noinline enum ftpnat_reason pace_packet(struct __sk_buff *skb, struct ftpnat_flow *flow)
{
	struct scratch *s = scratch_get();
	const struct ftpnat_rule *rule;
	__u64 now, at = 0, takes, *clock, own;
	enum ftpnat_dir dir;
	__u32 key;

	if (!s || !flow)
		return FTPNAT_NO_MEMORY;
	rule = rule_get(s, flow->rule);
	if (!rule)
		return FTPNAT_NO_MEMORY;
	dir = flow->flags & FTPNAT_FLOW_CLIENT ? FTPNAT_FROM_CLIENT : FTPNAT_FROM_SERVER;
	now = bpf_ktime_get_ns();
	if (rule->qos.client_rate) {
		clock = pace_client(s, flow, dir);
		takes = pace_bytes(skb, &s->packet) * SECOND / rule->qos.client_rate;
		if (clock) {
			at = pace_take(clock, takes, now);
			if (at > now + PACE_HORIZON) {
				__sync_fetch_and_sub(clock, takes);
				return FTPNAT_RATE;
			}
		}
	}
	key = flow->rule * FTPNAT_DIR_MAX + dir;
	clock = rule->qos.rule_rate ? bpf_map_lookup_elem(&ftpnat_paces, &key) : NULL;
	if (clock) {
		takes = pace_bytes(skb, &s->packet) * SECOND / rule->qos.rule_rate;
		own = pace_take(clock, takes, now);
		if (own > now + PACE_HORIZON) {
			__sync_fetch_and_sub(clock, takes);
			return FTPNAT_RATE;
		}
		if (own > at)
			at = own;
	}
	if (at > now && bpf_skb_set_tstamp(skb, at, BPF_SKB_TSTAMP_DELIVERY_MONO))
		return FTPNAT_WRITE;
	return GO_ON;
}

#endif
