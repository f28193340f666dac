// SPDX-License-Identifier: GPL-2.0-only
/* For the loader's tests: a program that the verifier refuses, after a long log. */
#include "loaded.bpf.h"

SEC("tc")
int ftpnat_ingress(struct __sk_buff *skb)
{
	const __u8 *data = (const void *)(unsigned long)skb->data;

	return data[14]; /* without a look at data_end */
}
