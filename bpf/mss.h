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

#define MSS_ANY 0xffff

/*
 * The MTU of the way back to the packet's sender; 0: not known. Its neighbour may not be
 * known yet, and then the link says it.
 */
static __always_inline __u32 mtu_back(struct __sk_buff *skb, struct scratch *s)
{
	struct bpf_fib_lookup fib;
	__u32 mtu = 0;

	tuple_swap(&s->source.back, &s->packet.tuple);
	fib_params(&fib, &s->source.back, s->packet.v6, skb->ifindex, 1);
	if (fib_lookup_marked(skb, &fib, skb->mark) == BPF_FIB_LKUP_RET_SUCCESS)
		return fib.mtu_result;
	return bpf_check_mtu(skb, skb->ifindex, &mtu, 0, 0) < 0 ? 0 : mtu;
}

/*
 * The largest segment that the way back to the sender of a SYN carries. Across families the
 * answers change their length here, and a host that never sets DF may not heed an error
 * (RFC 7915 section 4 would cut its packets).
 */
static __always_inline __u32 mss_back(struct __sk_buff *skb, struct scratch *s)
{
	__u32 mtu, headers = s->packet.v6 ? HEADERS_V6 : HEADERS_V4;

	if (!xlat_crosses(&s->packet, &s->to))
		return MSS_ANY;
	mtu = mtu_back(skb, s);
	return mtu > headers ? mtu - headers : MSS_ANY;
}

/*
 * Lowers the MSS of the SYN in the scratch memory, which route() has routed, so that no
 * answer is longer than the link carries by which it will come. 0, or -1: half written.
 */
__noinline int mss_clamp(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get();
	struct tcp_options *o;
	__u32 mtu, headers, most;

	if (!s)
		return -1;
	o = &s->options;
	most = mss_back(skb, s);
	mtu = s->route.mtu;
	headers = addr_is_v4(&s->to.dst) ? HEADERS_V4 : HEADERS_V6;
	if (!mtu && bpf_check_mtu(skb, s->route.ifindex, &mtu, 0, 0) < 0)
		return 0;
	if (options_read(skb, &s->packet, o))
		return -1;
	if (mtu > headers && mtu - headers < most)
		most = mtu - headers;
	if (!o->mss || option_get_mss(o) <= most)
		return 0;
	option_set_mss(o, most);
	return options_write(skb, &s->packet, o);
}

#endif
