// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a program repeatedly on the same packet, for BPF_PROG_TEST_RUN with `repeat`:
 * restores what the previous run has written, then calls the program. The null programs
 * show what that alone costs.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "frame.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

__u64 header[7];

static __always_inline int put_back(void *data, void *end)
{
	__u64 *words = data;

	if (data + BENCH_HEADER > end)
		return -1;
	for (int i = 0; i < 6; i++)
		words[i] = header[i];
	*(__u32 *)&words[6] = (__u32)header[6];
	*(__u16 *)(data + 52) = (__u16)(header[6] >> 32);
	return 0;
}

SEC("tc")
int replay_tc(struct __sk_buff *skb)
{
	if (put_back((void *)(long)skb->data, (void *)(long)skb->data_end))
		return TC_ACT_SHOT;
	for (int i = 0; i < 5; i++)
		skb->cb[i] = 0;
	bpf_tail_call(skb, &target, 0);
	return TC_ACT_SHOT;
}

SEC("xdp")
int replay_xdp(struct xdp_md *ctx)
{
	if (put_back((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

SEC("tc")
int null_tc(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_OK;
}

SEC("xdp")
int null_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
