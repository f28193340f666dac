// SPDX-License-Identifier: GPL-2.0-only
/* For the loader's tests: all maps, and programs that the verifier accepts at once. */
#include "loaded.bpf.h"

SEC("tc")
int ftpnat_ingress(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}
