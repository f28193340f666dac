// SPDX-License-Identifier: GPL-2.0-only
/*
 * On the switch's ports of a gateway: with TCP packet number `at` that goes to it or comes
 * from it, all its links are cut; or with a step of its `run`, see power_steps.c.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "is_tcp.h"
#include "power_cut.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct power_cut);
} power_cut SEC(".maps");

/* Its links to clients and servers. */
SEC("tc")
int power_counted(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct power_cut *cut = bpf_map_lookup_elem(&power_cut, &zero);

	if (!cut)
		return TC_ACT_OK;
	if (cut->done)
		return TC_ACT_SHOT;
	if (!is_tcp(skb) || __sync_fetch_and_add(&cut->seen, 1) + 1 != cut->at)
		return TC_ACT_OK;
	cut->done = 1;
	return cut->after ? TC_ACT_OK : TC_ACT_SHOT;
}

/* Its link to the other gateways. */
SEC("tc")
int power_peers(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct power_cut *cut = bpf_map_lookup_elem(&power_cut, &zero);

	(void)skb;
	return cut && cut->done ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
