// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts and drops generated frames where they arrive, or answers those with payload; all
 * others pass.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>

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

static __always_inline int sink(struct xdp_md *ctx)
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

SEC("xdp")
int bench_sink(struct xdp_md *ctx)
{
	return sink(ctx);
}

static __always_inline __u16 folded(__s64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/*
 * The server's end of connections that no socket has: an IPv4 segment with payload (PSH) goes back
 * as its ACK, and is counted where that arrives.
 */
SEC("xdp")
int bench_answer(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data, was;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	__be32 address, ack;
	__be16 port;

	if ((void *)(tcp + 1) > end || generated(eth, end) != BENCH_HEADER || !tcp->psh)
		return sink(ctx);
	was = *eth;
	__builtin_memcpy(eth->h_dest, was.h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, was.h_dest, ETH_ALEN);
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	port = tcp->source;
	tcp->source = tcp->dest;
	tcp->dest = port;
	ack = bpf_htonl(bpf_ntohl(tcp->seq) + bpf_ntohs(ip->tot_len) - sizeof(*ip) -
			sizeof(*tcp));
	tcp->seq = tcp->ack_seq;
	tcp->ack_seq = ack;
	tcp->psh = 0;
	/* the payload stays behind it, as Ethernet's padding */
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(*tcp));
	ip->ttl = 64;
	ip->check = 0;
	ip->check = folded(bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0));
	tcp->check = 0;
	tcp->check = folded(bpf_csum_diff(
		NULL, 0, (__be32 *)tcp, sizeof(*tcp),
		(__u32)bpf_csum_diff(NULL, 0, &ip->saddr, 2 * sizeof(ip->saddr),
				     bpf_htons(ip->protocol + sizeof(*tcp)))));
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
