/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Next hops. A flow asks the routing table once per second and stores the answer as an
 * index into ftpnat_hops. Its other packets leave without a lookup, and changes of
 * routes, neighbours and interfaces take effect within that second. There are many
 * routes but few neighbours: flows share the entries.
 */
#ifndef FTPNAT_BPF_HOP_H
#define FTPNAT_BPF_HOP_H

#include <linux/errno.h>

#include "clock.h"
#include "maps.h"
#include "packet.h"

#define AF_INET	 2
#define AF_INET6 10

#define FIB_LOOKUP_MARK (1U << 5) /* BPF_FIB_LOOKUP_MARK, newer than some headers */

#define GOLDEN_RATIO 0x9e3779b1U /* multiplicative hashing */
#define HOP_WAYS     4		 /* entries that one next hop may take */
#define HOP_FREE     3		 /* seconds unused: no flow relies on it any more */
#define HOP_CLAIMED  (~0U)	 /* `used` while its new owner writes it */
#define HOP_CONFIRM  1 /* seconds after which the neighbour layer sees a packet again */

/* A source of the other family, about to be translated, is left out. */
static __always_inline void fib_params(struct bpf_fib_lookup *fib,
				       const struct ftpnat_tuple *t, bool v6,
				       __u32 ifindex, __u32 ip_len)
{
	bool same = addr_is_v4(&t->src) != v6;

	__builtin_memset(fib, 0, sizeof(*fib));
	fib->ifindex = ifindex;
	fib->l4_protocol = IPPROTO_TCP;
	fib->sport = t->sport;
	fib->dport = t->dport;
	fib->tot_len = (__u16)ip_len;
	if (v6) {
		fib->family = AF_INET6;
		if (same)
			__builtin_memcpy(fib->ipv6_src, &t->src, sizeof(t->src));
		__builtin_memcpy(fib->ipv6_dst, &t->dst, sizeof(t->dst));
	} else {
		fib->family = AF_INET;
		fib->ipv4_src = same ? t->src.w[3] : 0;
		fib->ipv4_dst = t->dst.w[3];
	}
}

/*
 * The route, also by rules that ask for a mark. Before Linux 6.10 the helper can't. It
 * takes the mark from where it writes the MAC addresses.
 */
static __always_inline long fib_lookup_marked(struct __sk_buff *skb,
					      struct bpf_fib_lookup *fib, __u32 mark)
{
	long rc = -EINVAL;

	if (mark) {
		__builtin_memcpy(fib->smac, &mark, sizeof(mark));
		rc = bpf_fib_lookup(skb, fib, sizeof(*fib), FIB_LOOKUP_MARK);
	}
	return rc == -EINVAL ? bpf_fib_lookup(skb, fib, sizeof(*fib), 0) : rc;
}

/* Does the route lead to another host? */
static __always_inline bool fib_found(long rc)
{
	return rc == BPF_FIB_LKUP_RET_SUCCESS || rc == BPF_FIB_LKUP_RET_NO_NEIGH;
}

static __always_inline struct ftpnat_hop *hop_at(__u32 index)
{
	__u32 key = index & (FTPNAT_MAX_HOPS - 1);

	return bpf_map_lookup_elem(&ftpnat_hops, &key);
}

/* The next hop of a flow that was seen in this second; NULL: it has none. */
static __always_inline struct ftpnat_hop *hop_get(const struct ftpnat_flow *flow)
{
	return flow->hop ? hop_at(flow->hop - 1U) : 0;
}

/*
 * TC sends the first packet of each second through the neighbour layer, so that it knows
 * that the entry is in use. True: it knows already; false: this is that packet.
 */
static __always_inline bool hop_confirmed(__u32 index, __u32 now)
{
	struct ftpnat_hop *hop = index ? hop_at(index - 1) : 0;

	if (!hop)
		return false;
	if (hop->confirmed == now)
		return true;
	hop->confirmed = now;
	return false;
}

static __always_inline void hop_macs(struct ftpnat_macs *mac,
				     const struct bpf_fib_lookup *fib)
{
	__builtin_memcpy(mac->dst, fib->dmac, sizeof(mac->dst));
	__builtin_memcpy(mac->src, fib->smac, sizeof(mac->src));
}

static __always_inline bool hop_equal(const struct ftpnat_hop *hop,
				      const struct bpf_fib_lookup *fib,
				      const struct ftpnat_macs *mac)
{
	return hop->ifindex == fib->ifindex && hop->mtu == fib->mtu_result &&
	       hop->mac.w[0] == mac->w[0] && hop->mac.w[1] == mac->w[1] &&
	       hop->mac.w[2] == mac->w[2];
}

/* Is it behind a device without link-layer addresses, which sends no Ethernet headers? */
static __always_inline bool hop_bare(const struct ftpnat_hop *hop)
{
	return !(hop->mac.w[0] | hop->mac.w[1] | hop->mac.w[2]);
}

/*
 * Index + 1 of the next hop that a lookup has found, entered if it is new; 0 if all its
 * places are taken.
 */
static __always_inline __u16 hop_index(const struct bpf_fib_lookup *fib, __u32 now)
{
	__u32 i, used, first;
	struct ftpnat_macs mac;
	struct ftpnat_hop *hop;

	hop_macs(&mac, fib);
	first = (mac.w[0] ^ mac.w[1] ^ fib->ifindex) * GOLDEN_RATIO >> 16;
	for (i = 0; i < HOP_WAYS; i++) {
		hop = hop_at(first + i);
		if (!hop)
			return 0;
		used = hop->used;
		if (used == HOP_CLAIMED || !hop_equal(hop, fib, &mac))
			continue;
		/* fails where another CPU has just claimed it as unused */
		if (used == now ||
		    __sync_val_compare_and_swap(&hop->used, used, now) == used)
			return (__u16)(((first + i) & (FTPNAT_MAX_HOPS - 1)) + 1);
	}
	for (i = 0; i < HOP_WAYS; i++) {
		hop = hop_at(first + i);
		if (!hop)
			return 0;
		used = hop->used;
		if (used == HOP_CLAIMED ||
		    (used && seconds_since(used, now) <= HOP_FREE) ||
		    __sync_val_compare_and_swap(&hop->used, used, HOP_CLAIMED) != used)
			continue;
		hop->ifindex = fib->ifindex;
		hop->mtu = fib->mtu_result;
		hop->confirmed = now;
		hop->mac = mac;
		__sync_val_compare_and_swap(&hop->used, HOP_CLAIMED, now);
		return (__u16)(((first + i) & (FTPNAT_MAX_HOPS - 1)) + 1);
	}
	return 0;
}

#endif
