// SPDX-License-Identifier: GPL-2.0-only
/*
 * At egress of a host: each TCP packet goes to one of several gateways, as routers with equal
 * routes would send them.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "is_tcp.h" /* neighbour discovery of a gateway is answered to that gateway */

#define GATEWAYS 4
#define SECOND	 1000000000ULL

struct spray {
	__u32 n;      /* gateways; 0: as the stack says */
	__u32 random; /* packet by packet; else by connection, other ones each second */
	__u8 mac[GATEWAYS][8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct spray);
} spray_to SEC(".maps");

SEC("tc")
int spray(struct __sk_buff *skb)
{
	__u32 zero = 0, number;
	struct spray *to = bpf_map_lookup_elem(&spray_to, &zero);

	if (!to || !to->n || !is_tcp(skb))
		return TC_ACT_OK;
	if (to->random)
		number = bpf_get_prandom_u32();
	else
		number = bpf_get_hash_recalc(skb) + (__u32)(bpf_ktime_get_ns() / SECOND);
	number %= to->n;
	if (number < GATEWAYS)
		bpf_skb_store_bytes(skb, 0, to->mac[number], ETH_ALEN, 0);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
