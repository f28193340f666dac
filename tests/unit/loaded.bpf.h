/* SPDX-License-Identifier: GPL-2.0-only */
/* For the loader's tests: all that it expects of an object, except ftpnat_ingress. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "call.h"
#include "maps.h"

const volatile __u32 ftpnat_generation = 0;
const volatile __u32 ftpnat_slot = 0;
const volatile __u32 ftpnat_inject_mark = 0;
volatile __u8 ftpnat_rule_qos[FTPNAT_MAX_RULES];

SEC("tc")
int ftpnat_egress(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ftpnat_ip_in(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ftpnat_ip_out(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ftpnat_tcx_in(struct __sk_buff *skb)
{
	return call_in_force(skb, FTPNAT_ENTRY_IN);
}

SEC("tc")
int ftpnat_tcx_out(struct __sk_buff *skb)
{
	return call_in_force(skb, FTPNAT_ENTRY_OUT);
}

SEC("tc")
int ftpnat_tcx3_in(struct __sk_buff *skb)
{
	return call_in_force(skb, FTPNAT_ENTRY_IP_IN);
}

SEC("tc")
int ftpnat_tcx3_out(struct __sk_buff *skb)
{
	return call_in_force(skb, FTPNAT_ENTRY_IP_OUT);
}

SEC("tc")
int ftpnat_wake(struct __sk_buff *skb)
{
	(void)skb;
	return 1;
}

SEC("tc")
int ftpnat_replica(struct __sk_buff *skb)
{
	(void)skb;
	return 0;
}

SEC("tc")
int ftpnat_tell(struct __sk_buff *skb)
{
	(void)skb;
	return 0;
}

SEC("tc")
int ftpnat_inject(struct __sk_buff *skb)
{
	(void)skb;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
