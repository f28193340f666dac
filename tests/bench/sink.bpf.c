// SPDX-License-Identifier: GPL-2.0-only
/* Counts and drops generated frames where they arrive; all others pass. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_count);
} bench_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_capture);
} bench_captured SEC(".maps");

/* The headers' length of a generated frame, 0 of any other. */
static __always_inline __u32 generated(void *data, void *end)
{
	if (data + BENCH_HEADER > end)
		return 0;
	if (*(__be16 *)(data + BENCH_IP_ID) == bpf_htons(BENCH_MARK))
		return BENCH_HEADER;
	if (*(__be16 *)(data + BENCH_ETH_TYPE) != bpf_htons(0x86dd) ||
	    data + BENCH_HEADER_V6 > end ||
	    *(__be16 *)(data + BENCH_URGENT_V6) != bpf_htons(BENCH_MARK))
		return 0;
	return BENCH_HEADER_V6;
}

SEC("xdp")
int bench_sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct bench_capture *capture;
	struct bench_count *count;
	__u32 zero = 0, header = generated(data, end);

	if (!header)
		return XDP_PASS;
	count = bpf_map_lookup_elem(&bench_counts, &zero);
	capture = bpf_map_lookup_elem(&bench_captured, &zero);
	if (!count || !capture)
		return XDP_PASS;
	count->packets++;
	count->bytes += (__u64)(end - data);
	if (capture->armed) {
		capture->length = (__u32)(end - data);
		if (header == BENCH_HEADER)
			bpf_xdp_load_bytes(ctx, 0, capture->frame, BENCH_HEADER);
		else
			bpf_xdp_load_bytes(ctx, 0, capture->frame, BENCH_HEADER_V6);
		capture->armed = 0;
	}
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
