/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source ports on an address of the gateway itself. Its own sockets have ports there,
 * and a connection of ours must never have the tuple of one of theirs.
 */
#ifndef FTPNAT_BPF_HOST_PORTS_H
#define FTPNAT_BPF_HOST_PORTS_H

#include "config.h"

static __always_inline __u16 port_any(__u16 min, __u16 max, __u32 random)
{
	return (__u16)(min + random % ((__u32)max - min + 1));
}

/*
 * A port of min..max that `random` picks, outside ip_local_port_range where some of
 * them are: connect() of the host takes its ports there.
 */
static __always_inline __u16 port_pick(const struct ftpnat_config *config, __u16 min,
				       __u16 max, __u32 random)
{
	__u32 low = config->local_port_min, high = config->local_port_max;
	__u32 below = low > min ? low - min : 0;
	__u32 above = max > high ? max - high : 0;

	if (low > max || high < min || !(below + above))
		return port_any(min, max, random);
	random %= below + above;
	return (__u16)(random < below ? min + random : high + 1 + random - below);
}

static __always_inline bool port_is_local(const struct ftpnat_config *config, __u16 port)
{
	return port >= config->local_port_min && port <= config->local_port_max;
}

/* Has a socket of the host this tuple, as its incoming packets show it? Listening doesn't count. */
static __always_inline bool socket_has(struct __sk_buff *skb,
				       const struct ftpnat_tuple *incoming)
{
	bool v4 = addr_is_v4(&incoming->src), has = false;
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sock;

	if (v4) {
		tuple.ipv4.saddr = incoming->src.w[3];
		tuple.ipv4.daddr = incoming->dst.w[3];
		tuple.ipv4.sport = incoming->sport;
		tuple.ipv4.dport = incoming->dport;
		sock = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4),
					  BPF_F_CURRENT_NETNS, 0);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, &incoming->src, sizeof(incoming->src));
		__builtin_memcpy(tuple.ipv6.daddr, &incoming->dst, sizeof(incoming->dst));
		tuple.ipv6.sport = incoming->sport;
		tuple.ipv6.dport = incoming->dport;
		sock = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6),
					  BPF_F_CURRENT_NETNS, 0);
	}
	if (!sock)
		return false;
	has = sock->state != BPF_TCP_LISTEN;
	bpf_sk_release(sock);
	return has;
}

#endif
