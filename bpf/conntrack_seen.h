/* SPDX-License-Identifier: GPL-2.0-only */
/* What a packet changes in its connection: clocks, counters, TCP state, and its end. */
#ifndef FTPNAT_BPF_CONNTRACK_SEEN_H
#define FTPNAT_BPF_CONNTRACK_SEEN_H

#include "sweep.h"

/* A connection has ended: it may be removed early if room is needed. */
static __always_inline void flow_closed(struct ftpnat_tuple *key, __u8 kind)
{
	if (kind == FTPNAT_CONTROL)
		bpf_map_push_elem(&ftpnat_closed_c, key, BPF_EXIST);
	else
		bpf_map_push_elem(&ftpnat_closed_d, key, BPF_EXIST);
}

/* A flow has shown FIN or RST: is this the end of its connection? */
__noinline int flow_ends(__u32 before)
{
	struct scratch *s = scratch_get();
	struct ftpnat_session *session;
	struct ftpnat_tuple *other_key, *owner_key;
	struct ftpnat_flow *flow, *other, *owner;
	__u32 id;

	if (!s)
		return 0;
	other_key = &s->ended;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &s->packet.tuple);
	if (!flow)
		return 0;
	tuple_swap(other_key, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, other_key);
	if (!other)
		return 0;
	if (!flow_closing(flow->tcp, other->tcp) || flow_closing(before, other->tcp))
		return 0;
	owner = flow->flags & FTPNAT_FLOW_CLIENT ? flow : other;
	owner_key = flow->flags & FTPNAT_FLOW_CLIENT ? &s->packet.tuple : other_key;
	/* where that fails, its older entry holds */
	if (!expiry_enter(owner_key, flow->seen))
		owner->queued = flow->seen;
	flow_closed(owner_key, flow->kind);
	if (flow->kind != FTPNAT_CONTROL)
		return 0;
	id = flow->session;
	session = session_of_client(id, owner_key);
	if (session)
		session_close(session, id);
	return 0;
}

/* Updates clocks, counters and TCP state. Only a change of state does more. */
static __always_inline void flow_seen(struct scratch *s, struct ftpnat_flow *flow,
				      __u32 now)
{
	const struct packet *p = &s->packet;
	__u32 shown = 0, before;

	flow->packets++;
	flow->bytes += p->ip_len;
	if (flow->seen != now)
		flow->seen = now;
	if (p->flags & TH_SYN) {
		shown |= FTPNAT_TCP_SYN;
		flow->isn = p->seq; /* if it is retransmitted, the last one counts */
	}
	if (p->flags & TH_ACK)
		shown |= FTPNAT_TCP_ACK;
	if (p->flags & TH_FIN)
		shown |= FTPNAT_TCP_FIN;
	if (p->flags & TH_RST)
		shown |= FTPNAT_TCP_RST;
	if ((flow->tcp | shown) == flow->tcp)
		return;
	/* atomic and a barrier: with a FIN on two CPUs, each shows its own and then looks further */
	before = __sync_fetch_and_or(&flow->tcp, shown);
	if (shown & (FTPNAT_TCP_FIN | FTPNAT_TCP_RST))
		flow_ends(before);
}

#endif
