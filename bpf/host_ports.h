/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports on an address of the gateway itself. Its own sockets have ports there: a connection
 * of ours must never have the tuple of one of theirs, nor hide a port on which one listens.
 */
#ifndef FTPNAT_BPF_HOST_PORTS_H
#define FTPNAT_BPF_HOST_PORTS_H

#include "config.h"
#include "hop.h"

/* Does the tuple lead to an address of the gateway itself? *fib is for the question. */
static __always_inline bool leads_here(struct __sk_buff *skb, struct bpf_fib_lookup *fib,
				       const struct ftpnat_tuple *to)
{
	fib_params(fib, to, !addr_is_v4(&to->dst), skb->ifindex, 0);
	return bpf_fib_lookup(skb, fib, sizeof(*fib), 0) == BPF_FIB_LKUP_RET_NOT_FWDED;
}

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

/*
 * The socket of the host for packets of this tuple, listening ones included; NULL: none.
 * *tuple is for the question.
 */
static __always_inline struct bpf_sock *socket_find(struct __sk_buff *skb,
						    struct bpf_sock_tuple *tuple,
						    const struct ftpnat_tuple *incoming)
{
	__u32 len = sizeof(tuple->ipv6);

	if (addr_is_v4(&incoming->src)) {
		len = sizeof(tuple->ipv4);
		tuple->ipv4.saddr = incoming->src.w[3];
		tuple->ipv4.daddr = incoming->dst.w[3];
		tuple->ipv4.sport = incoming->sport;
		tuple->ipv4.dport = incoming->dport;
	} else {
		__builtin_memcpy(tuple->ipv6.saddr, &incoming->src,
				 sizeof(incoming->src));
		__builtin_memcpy(tuple->ipv6.daddr, &incoming->dst,
				 sizeof(incoming->dst));
		tuple->ipv6.sport = incoming->sport;
		tuple->ipv6.dport = incoming->dport;
	}
	return bpf_skc_lookup_tcp(skb, tuple, len, BPF_F_CURRENT_NETNS, 0);
}

/* Has a socket of the host this tuple, as its incoming packets show it? Listening doesn't count. */
static __always_inline bool socket_has(struct __sk_buff *skb,
				       const struct ftpnat_tuple *incoming)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sock = socket_find(skb, &tuple, incoming);
	bool has;

	if (!sock)
		return false;
	has = sock->state != BPF_TCP_LISTEN;
	bpf_sk_release(sock);
	return has;
}

/* Does a socket of the host listen where s->expectation.incoming leads? */
__noinline bool socket_listens(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get();
	struct expectation_new *a;
	struct bpf_sock *sock;
	bool listens;

	if (!s)
		return true;
	a = &s->expectation;
	sock = socket_find(skb, &a->asked.socket, &a->incoming);
	if (!sock)
		return false;
	listens = sock->state == BPF_TCP_LISTEN;
	bpf_sk_release(sock);
	/* one that listens on any address counts only on the gateway's own */
	return listens && leads_here(skb, &a->asked.route, &a->incoming);
}

#endif
