/* SPDX-License-Identifier: GPL-2.0-only */
/* What the packets of a rule get by `mark`, `dscp` and `rate`. */
#ifndef FTPNAT_BPF_QOS_H
#define FTPNAT_BPF_QOS_H

#include "config.h"
#include "nat.h"
#include "pace.h"

/*
 * FTPNAT_QOS_* of each rule, written by the loader before it attaches the programs. It
 * saves all other rules the lookup of their configuration.
 */
volatile __u8 ftpnat_rule_qos[FTPNAT_MAX_RULES];

static __always_inline __u8 qos_of(__u16 rule)
{
	return ftpnat_rule_qos[bounded(rule, FTPNAT_MAX_RULES)];
}

/* The mark of a packet that has this one. */
static __always_inline __u32 marked(const struct ftpnat_qos *qos, __u32 mark)
{
	return qos->does & FTPNAT_QOS_MARK ? (mark & ~qos->mark_mask) | qos->mark : mark;
}

/* The packet in the scratch memory, of a flow whose rule has any of them: GO_ON, WRITE or RATE. */
__noinline enum ftpnat_reason qos_packet(struct __sk_buff *skb, struct ftpnat_flow *flow)
{
	struct scratch *s = scratch_get();
	const struct ftpnat_rule *rule;

	if (!s || !flow)
		return FTPNAT_NO_MEMORY;
	slot_take(s);
	rule = rule_get(s, flow->rule);
	if (!rule)
		return FTPNAT_NO_MEMORY;
	if (rule->qos.does & FTPNAT_QOS_MARK)
		skb->mark = marked(&rule->qos, skb->mark);
	if (rule->qos.does & FTPNAT_QOS_DSCP &&
	    write_dscp(skb, &s->packet, rule->qos.dscp))
		return FTPNAT_WRITE;
	if (rule->qos.does & FTPNAT_QOS_RATE && flow->kind == FTPNAT_DATA)
		return pace_packet(skb, flow);
	return GO_ON;
}

/* An ICMP error about a packet of this rule belongs to its connection. */
static __always_inline void qos_error(struct __sk_buff *skb, struct scratch *s, __u16 id)
{
	const struct ftpnat_rule *rule;

	if (!(qos_of(id) & FTPNAT_QOS_MARK))
		return;
	slot_take(s);
	rule = rule_get(s, id);
	if (rule)
		skb->mark = marked(&rule->qos, skb->mark);
}

#endif
