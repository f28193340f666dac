/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rule matches a new control connection, and how it is translated. */
#ifndef FTPNAT_BPF_RULES_H
#define FTPNAT_BPF_RULES_H

#include "balance.h"
#include "config.h"
#include "forward.h"
#include "host_ports.h"
#include "prefix64.h"
#include "qos.h"

/* Is this an address of the gateway itself? */
static __always_inline bool is_local(struct __sk_buff *skb,
				     const struct ftpnat_tuple *key,
				     const struct ftpnat_addr *addr)
{
	struct ftpnat_tuple to = *key;
	struct bpf_fib_lookup fib;

	to.dst = *addr;
	return leads_here(skb, &fib, &to);
}

/* Will the new flow have an address of the gateway as its source, in place of its own? */
static __noinline bool is_own(struct __sk_buff *skb, const struct flow_new *new)
{
	return !addr_equal(&new->to.src, &new->key.src) &&
	       is_local(skb, &new->key, &new->to.src);
}

/*
 * Are client and server both on the interface on which the packet in the scratch memory
 * arrived? Then the server would answer the client directly. s->flow.to has the server; the
 * connection's packets have this mark.
 */
__noinline bool is_hairpin(struct __sk_buff *skb, __u32 mark)
{
	struct scratch *s = scratch_get();
	struct bpf_fib_lookup fib;
	struct ftpnat_tuple *t;
	struct packet *p;
	bool v6;

	if (!s)
		return false;
	p = &s->packet;
	v6 = p->v6;
	t = &s->hairpin;
	t->src = p->tuple.src;
	t->dst = s->flow.to.dst;
	t->sport = 0;
	t->dport = 0;
	fib_params(&fib, t, v6, skb->ifindex, 0);
	if (!fib_found(fib_lookup_marked(skb, &fib, mark)) || fib.ifindex != skb->ifindex)
		return false;
	t->src = s->flow.to.dst;
	t->dst = p->tuple.src;
	fib_params(&fib, t, v6, skb->ifindex, 0);
	if (!fib_found(fib_lookup_marked(skb, &fib, mark)) || fib.ifindex != skb->ifindex)
		return false;
	/* next hop: the client itself, not a router that may be behind us */
	return v6 ? addr_equal((const struct ftpnat_addr *)fib.ipv6_dst, &t->dst) :
		    fib.ipv4_dst == t->dst.w[3];
}

/* publish: to the server for this connection. */
static __always_inline enum ftpnat_reason publish(struct __sk_buff *skb,
						  const struct ftpnat_rule *rule,
						  struct scratch *s, bool egress)
{
	struct flow_new *new = &s->flow;
	struct ftpnat_server *server;
	bool v4 = addr_is_v4(&new->key.src);

	new->to = new->key;
	server = server_for(rule, s, v4);
	if (!server)
		return FTPNAT_NO_SERVER;
	new->to.src = new->key.src;
	/*
	 * a server on this host refuses packets that arrive with this host's address; one of
	 * the other family must get one of its own
	 */
	if (rule->source == FTPNAT_SOURCE_ADDRESS &&
	    (addr_is_v4(&server->addr) != v4 ||
	     !is_local(skb, &new->key, &server->addr))) {
		if (addr_is_zero(&server->source))
			return FTPNAT_NO_ADDRESS;
		new->to.src = server->source;
	}
	new->to.dst = server->addr;
	new->to.sport = new->key.sport;
	new->to.dport = server->port;
	new->flags |= FTPNAT_FLOW_SERVED;
	if (rule->source == FTPNAT_SOURCE_KEEP && !egress &&
	    is_hairpin(skb, marked(&rule->qos, skb->mark))) {
		struct ftpnat_ifaddr *own = ifaddr_get(s, skb->ifindex);

		if (own && !addr_is_zero(&own->addr[v4 ? FTPNAT_V4 : FTPNAT_V6]))
			new->to.src = own->addr[v4 ? FTPNAT_V4 : FTPNAT_V6];
	}
	return GO_ON;
}

/*
 * masquerade: the rule's address, or that of the interface through which the route
 * leaves. Connections to this host itself pass: they need no translation. So do those to
 * addresses behind prefix64 that stand for no server.
 */
static __always_inline enum ftpnat_reason masquerade(struct __sk_buff *skb,
						     const struct ftpnat_rule *rule,
						     struct scratch *s, bool egress)
{
	struct flow_new *new = &s->flow;
	__u32 family = addr_is_v4(&new->key.src) ? FTPNAT_V4 : FTPNAT_V6;
	__u32 ifindex = skb->ifindex;
	struct bpf_fib_lookup fib;

	new->to = new->key;
	if (rule->prefix64_len && family == FTPNAT_V6) {
		if (!prefix64_server(&new->to.dst, &new->key.dst, &rule->prefix64,
				     rule->prefix64_len))
			return FTPNAT_PASS;
		family = FTPNAT_V4;
	}
	if (!egress) {
		fib_params(&fib, &new->to, family == FTPNAT_V6, ifindex, 0);
		if (fib_lookup_marked(skb, &fib, marked(&rule->qos, skb->mark)) ==
		    BPF_FIB_LKUP_RET_NOT_FWDED)
			return FTPNAT_PASS;
		ifindex = fib.ifindex;
	}
	new->to.src = rule->address[family];
	if (addr_is_zero(&new->to.src)) {
		struct ftpnat_ifaddr *own = ifaddr_get(s, ifindex);

		if (own)
			new->to.src = own->addr[family];
	}
	return addr_is_zero(&new->to.src) ? FTPNAT_NO_ADDRESS : GO_ON;
}

static long try_selector(__u32 i, struct scratch **scratch)
{
	struct scratch *s = *scratch;
	const struct ftpnat_tuple *t = &s->flow.key;
	struct ftpnat_selector *selector;
	__u32 key = s->selector_walk.first + i;

	if (i >= s->selector_walk.number)
		return 1;
	selector = bpf_map_lookup_elem(&ftpnat_select, &key);
	if (!selector)
		return 1;
	if (selector->port != t->dport ||
	    (!selector->any_client &&
	     !addr_within(&t->src, &selector->addr, &selector->mask)) ||
	    (selector->by_server &&
	     !addr_within(&t->dst, &selector->server_addr, &selector->server_mask)))
		return 0;
	s->selector_walk.found = selector->rule;
	return 1;
}

/* The rule for a control connection with the tuple of s->flow.key, or WALK_NONE. */
static __noinline __u32 control_rule(struct scratch *s)
{
	struct ftpnat_config *config = config_get();
	struct ftpnat_listen_key listen_key = {
		.addr = s->flow.key.dst,
		.port = s->flow.key.dport,
		.slot = (__u16)s->slot,
	};
	struct ftpnat_listen *listen;

	if (!config)
		return WALK_NONE;
	listen = bpf_map_lookup_elem(&ftpnat_listens, &listen_key);
	if (listen)
		return listen->rule;
	s->selector_walk.first = (s->slot & 1) * FTPNAT_MAX_SELECTORS;
	s->selector_walk.number = config->selectors[s->slot & 1];
	s->selector_walk.found = WALK_NONE;
	if (s->selector_walk.number)
		bpf_loop(FTPNAT_MAX_SELECTORS, try_selector, &s, 0);
	return s->selector_walk.found;
}

#endif
