/* SPDX-License-Identifier: GPL-2.0-only */
/* Priority tags (VLAN 0) behind the outermost one. */
#ifndef FTPNAT_BPF_TAGS_H
#define FTPNAT_BPF_TAGS_H

#include "packet.h"

#define TAGS_MAX 4

/* Is the tag that the kernel has taken off one of a VLAN? */
static __always_inline bool in_vlan(const struct __sk_buff *skb)
{
	return skb->vlan_present && skb->vlan_tci & VLAN_ID_MASK;
}

/* Is the frame's next tag, behind one that the kernel has taken off, a priority tag, too? */
static __always_inline bool has_inner_priority_tag(struct __sk_buff *skb)
{
	__be16 tci;

	return (skb->protocol == bpf_htons(ETH_P_8021Q) ||
		skb->protocol == bpf_htons(ETH_P_8021AD)) &&
	       !bpf_skb_load_bytes(skb, ETH_HLEN, &tci, sizeof(tci)) &&
	       !(tci & bpf_htons(VLAN_ID_MASK));
}

/*
 * The kernel takes off all priority tags, one after another, but the programs run when only
 * the outermost is off. Leaves one at most, and as the kernel keeps it: not in the frame.
 */
static __noinline int untag_inner(struct __sk_buff *skb)
{
	__u32 i;

	for (i = 0; i < TAGS_MAX && has_inner_priority_tag(skb); i++)
		if (bpf_skb_vlan_pop(skb))
			return -1;
	return 0;
}

#endif
