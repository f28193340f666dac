// SPDX-License-Identifier: GPL-2.0-only
/* For the loader's tests: all maps, and programs that the verifier is through with at once. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "maps.h"

SEC("tc")
int ftpnat_ingress(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ftpnat_egress(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
