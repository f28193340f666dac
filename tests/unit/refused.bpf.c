// SPDX-License-Identifier: GPL-2.0-only
/* For the loader's tests: a program that the verifier refuses, after a long log. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "maps.h"

const volatile __u32 ftpnat_generation = 0; /* as the loader expects it */

SEC("tc")
int ftpnat_ingress(struct __sk_buff *skb)
{
	const __u8 *data = (const void *)(unsigned long)skb->data;

	return data[14]; /* without a look at data_end */
}

SEC("tc")
int ftpnat_egress(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ftpnat_wake(struct __sk_buff *skb)
{
	(void)skb;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
