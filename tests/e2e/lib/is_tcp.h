/* SPDX-License-Identifier: GPL-2.0-only */
/* Is it TCP? For programs that tests attach to hosts and switches. */
#ifndef FTPNAT_TEST_IS_TCP_H
#define FTPNAT_TEST_IS_TCP_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static int is_tcp(struct __sk_buff *skb)
{
	__u8 protocol = 0;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		bpf_skb_load_bytes(skb,
				   ETH_HLEN + __builtin_offsetof(struct iphdr, protocol),
				   &protocol, 1);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		bpf_skb_load_bytes(skb,
				   ETH_HLEN + __builtin_offsetof(struct ipv6hdr, nexthdr),
				   &protocol, 1);
	return protocol == IPPROTO_TCP;
}

#endif
