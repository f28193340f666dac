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

SEC("xdp")
int bench_sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct bench_capture *capture;
	struct bench_count *count;
	__u32 zero = 0;

	if (data + BENCH_HEADER > end ||
	    *(__be16 *)(data + BENCH_IP_ID) != bpf_htons(BENCH_MARK))
		return XDP_PASS;
	count = bpf_map_lookup_elem(&bench_counts, &zero);
	capture = bpf_map_lookup_elem(&bench_captured, &zero);
	if (!count || !capture)
		return XDP_PASS;
	count->packets++;
	count->bytes += (__u64)(end - data);
	if (capture->armed) {
		capture->length = (__u32)(end - data);
		bpf_xdp_load_bytes(ctx, 0, capture->frame, BENCH_HEADER);
		capture->armed = 0;
	}
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
