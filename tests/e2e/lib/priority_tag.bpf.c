// SPDX-License-Identifier: GPL-2.0-only
/* What leaves here has a priority tag: 802.1Q, VLAN 0, priority 3. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static long tag(struct __sk_buff *skb)
{
	return bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 3 << 13);
}

SEC("tc")
int priority_tag(struct __sk_buff *skb)
{
	return tag(skb) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc/two")
int two_priority_tags(struct __sk_buff *skb)
{
	return tag(skb) || tag(skb) ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
