// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limits: the minimum that forwards a packet at each hook: a route lookup, the TTL,
 * the two MAC addresses, and out.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2

/* Rewrites the frame for its next hop; returns that interface's index, or 0. */
static __always_inline __u32 bare(void *ctx, void *data, void *end, __u32 ifindex)
{
	struct bpf_fib_lookup fib = { .family = AF_INET, .ifindex = ifindex };
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	__u32 check;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ttl <= 1)
		return 0;
	fib.tos = ip->tos;
	fib.l4_protocol = ip->protocol;
	fib.tot_len = bpf_ntohs(ip->tot_len);
	fib.ipv4_src = ip->saddr;
	fib.ipv4_dst = ip->daddr;
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return 0;
	check = (__u32)ip->check + bpf_htons(0x0100);
	ip->check = (__u16)(check + (check >= 0xffff));
	ip->ttl--;
	__builtin_memcpy(eth->h_dest, fib.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, fib.smac, ETH_ALEN);
	return fib.ifindex;
}

SEC("tc")
int bench_bare_tc(struct __sk_buff *skb)
{
	__u32 ifindex = bare(skb, (void *)(long)skb->data, (void *)(long)skb->data_end,
			     skb->ifindex);

	return ifindex ? (int)bpf_redirect(ifindex, 0) : TC_ACT_UNSPEC;
}

SEC("xdp")
int bench_bare_xdp(struct xdp_md *ctx)
{
	__u32 ifindex = bare(ctx, (void *)(long)ctx->data, (void *)(long)ctx->data_end,
			     ctx->ingress_ifindex);

	return ifindex ? (int)bpf_redirect(ifindex, 0) : XDP_PASS;
}

/* Gives a veth a receive queue (NAPI), as a network card has. */
SEC("xdp")
int bench_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
