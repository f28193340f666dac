// SPDX-License-Identifier: GPL-2.0-only
/* The kernel waits a second before it retransmits a SYN or SYN-ACK; here much less. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define JIFFIES 25 /* 25 ms at 1000 Hz, 100 at 250, 250 at 100 */

SEC("sockops")
int quick_syn(struct bpf_sock_ops *ops)
{
	ops->reply = ops->op == BPF_SOCK_OPS_TIMEOUT_INIT ? JIFFIES : (__u32)-1;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
