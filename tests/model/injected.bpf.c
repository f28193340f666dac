// SPDX-License-Identifier: GPL-2.0-only
/* In place of ftpnat_inject: what `run` injects goes to the model. */
#include "types.h"

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "injected.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} injected SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct injection);
} room SEC(".maps");

SEC("tc")
int inject(struct __sk_buff *skb)
{
	__u32 zero = 0, len = skb->len;
	struct injection *to = bpf_map_lookup_elem(&room, &zero);

	if (!to || !len || len > INJECTED_LEN)
		return 1;
	to->ifindex = skb->cb[0];
	to->sent_on = skb->cb[1];
	to->len = len;
	if (bpf_skb_load_bytes(skb, 0, to->frame, len))
		return 1;
	return !!bpf_ringbuf_output(&injected, to, sizeof(*to), 0);
}

char LICENSE[] SEC("license") = "GPL";
