/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MSS of a SYN that leaves by a narrower link than it came by: what nftables does with
 * `tcp option maxseg size set rt mtu`, which our packets bypass.
 */
#ifndef FTPNAT_BPF_MSS_H
#define FTPNAT_BPF_MSS_H

#include "forward.h"
#include "options.h"

/* Without options, which are the sender's concern (RFC 6691). */
#define HEADERS_V4 (sizeof(struct iphdr) + sizeof(struct tcphdr))
#define HEADERS_V6 (sizeof(struct ipv6hdr) + sizeof(struct tcphdr))

/*
 * Lowers the MSS of the SYN in the scratch memory, which route() has routed, so that no
 * answer is longer than the link carries by which it will come. 0, or -1: half written.
 */
__noinline int mss_clamp(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get();
	struct tcp_options *o;
	__u32 mtu, headers;

	if (!s)
		return -1;
	o = &s->options;
	mtu = s->route.mtu;
	headers = addr_is_v4(&s->to.dst) ? HEADERS_V4 : HEADERS_V6;
	if (!mtu && bpf_check_mtu(skb, s->route.ifindex, &mtu, 0, 0) < 0)
		return 0;
	if (options_read(skb, &s->packet, o))
		return -1;
	if (!o->mss || mtu <= headers || option_get_mss(o) <= mtu - headers)
		return 0;
	option_set_mss(o, mtu - headers);
	return options_write(skb, &s->packet, o);
}

#endif
