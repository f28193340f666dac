// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet generator, for BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES: each run
 * writes the headers of one frame and sends it out of the interface. Pages come back as
 * the gateway left them, so everything that it may have changed is written again. An
 * instance belongs to one thread.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

struct bench_template template[BENCH_TEMPLATES];
__u32 templates;
__u32 flows = 1; /* each template stands for so many, numbered from 0 */
__u32 in_order;	 /* number after number; else spread over all of them */

__u32 turn;
__u32 number;
__u64 sent;

static __always_inline __be16 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return bpf_htons((__u16)~sum);
}

static __always_inline __u32 flow_number(void)
{
	__u32 i = number++;

	if (!in_order) /* multiples of 2^32 / golden ratio never cluster */
		return (__u32)(((__u64)(__u32)(i * 2654435769u) * flows) >> 32);
	if (number >= flows)
		number = 0;
	return i;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	const struct bench_template *t;
	__u32 flow, high, low, i;
	__u16 sport, dport;
	__be16 check;
	void *data, *end;
	__u64 *words;

	if (bpf_xdp_adjust_head(ctx, BENCH_ROOM))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	words = data;
	if (data + BENCH_HEADER + BENCH_PAYLOAD > end) /* no frame is shorter */
		return XDP_ABORTED;
	i = turn;
	if (i >= BENCH_TEMPLATES)
		i = 0;
	turn = i + 1 < templates ? i + 1 : 0;
	t = &template[i];

	flow = flow_number();
	high = flow >> BENCH_LOW_BITS;
	low = flow & ((1 << BENCH_LOW_BITS) - 1);
	sport = (__u16)(t->sport + (t->vary & BENCH_SPORT_HIGH ? high : 0) +
			(t->vary & BENCH_SPORT_LOW ? low : 0));
	dport = (__u16)(t->dport + (t->vary & BENCH_DPORT_HIGH ? high : 0) +
			(t->vary & BENCH_DPORT_LOW ? low : 0));
	if (!(t->vary & BENCH_SADDR_HIGH))
		high = 0;
	for (i = 0; i < sizeof(t->header) / sizeof(*words); i++)
		words[i] = t->header[i];
	check = folded(t->tcp_sum + ((t->saddr + high) & 0xffff) + (t->saddr >> 16) +
		       sport + dport);
	if (t->v6) {
		if (data + BENCH_HEADER_V6 > end)
			return XDP_ABORTED;
		for (i = 0; i < sizeof(t->rest) / sizeof(*words); i++)
			words[sizeof(t->header) / sizeof(*words) + i] = t->rest[i];
		*(__be16 *)(data + BENCH_URGENT_V6) = bpf_htons(BENCH_MARK);
		*(__be32 *)(data + BENCH_V6_SOURCE) = bpf_htonl(t->saddr + high);
		*(__be16 *)(data + BENCH_V6_SPORT) = bpf_htons(sport);
		*(__be16 *)(data + BENCH_V6_DPORT) = bpf_htons(dport);
		*(__be16 *)(data + BENCH_V6_CHECK) = check;
	} else {
		*(__u32 *)(data + sizeof(t->header)) = *(const __u32 *)t->rest;
		*(__be32 *)(data + BENCH_IP_SOURCE) = bpf_htonl(t->saddr + high);
		*(__be16 *)(data + BENCH_IP_CHECK) = folded(
			t->ip_sum + ((t->saddr + high) & 0xffff) + (t->saddr >> 16));
		*(__be16 *)(data + BENCH_TCP_SPORT) = bpf_htons(sport);
		*(__be16 *)(data + BENCH_TCP_DPORT) = bpf_htons(dport);
		*(__be16 *)(data + BENCH_TCP_CHECK) = check;
	}
	sent++;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
