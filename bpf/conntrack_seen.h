/* SPDX-License-Identifier: GPL-2.0-only */
/* What a packet changes of its connection: clocks, TCP state, and its end. */
#ifndef FTPNAT_BPF_CONNTRACK_SEEN_H
#define FTPNAT_BPF_CONNTRACK_SEEN_H

#include "accept.h"
#include "options.h"
#include "sweep.h"

/* A connection has ended: it may be removed early if room is needed. */
static __always_inline void flow_closed(struct ftpnat_tuple *key, __u8 kind)
{
	if (kind == FTPNAT_CONTROL)
		bpf_map_push_elem(&ftpnat_closed_c, key, BPF_EXIST);
	else
		bpf_map_push_elem(&ftpnat_closed_d, key, BPF_EXIST);
}

/*
 * An established connection has ended: its entry of the client's direction ages from now on,
 * and its session opens no more data connections.
 */
static __always_inline void flow_ended(struct ftpnat_tuple *owner_key,
				       struct ftpnat_flow *owner, __u32 now)
{
	struct ftpnat_session *session;
	__u32 id = owner->session;

	/* where that fails, its older entry holds */
	if (!expiry_enter(owner_key, now))
		owner->queued = now;
	flow_closed(owner_key, owner->kind);
	if (owner->kind != FTPNAT_CONTROL)
		return;
	session = session_of_client(id, owner_key);
	if (session)
		session_close(session, id);
}

/* What a turn of a data connection is for its transfer. */
static __always_inline enum data_turn data_turned(const struct tcp_turn *turn)
{
	if (turn->opened)
		return DATA_OPENED;
	return turn->over || turn->closing ? DATA_OVER : DATA_FINISHES;
}

/* The TCP state of the connection with this client's entry has changed. */
static __always_inline void flow_turned(struct ftpnat_tuple *key,
					struct ftpnat_flow *owner,
					const struct ftpnat_flow *peer,
					const struct tcp_turn *turn)
{
	if (owner->kind == FTPNAT_DATA && (turn->opened || turn->ends) && transfers_on())
		session_transfer(key, owner, peer, data_turned(turn));
	if (turn->lives_on && !turn->over)
		flow_tell_again(key, owner);
	if (turn->opened)
		flow_tell_opened(key, owner);
	if (turn->over)
		flow_tell_end(key, owner, peer);
	if (turn->closing)
		flow_ended(key, owner, now_seconds());
}

/* Changes the TCP states of the connection of s->came as s->change says, with its event. */
__noinline int flow_change(void)
{
	struct scratch *s = scratch_get();
	struct ftpnat_flow *flow, *other;
	struct tcp_change *change;
	struct tcp_turn *turn;
	__u32 one, two;
	bool was, had;

	if (!s)
		return 0;
	change = &s->change;
	turn = &s->turn;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &s->came);
	if (!flow)
		return 0;
	tuple_swap(&s->changed, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &s->changed);
	if (!other)
		return 0;
	was = flow_closing(flow->tcp, other->tcp);
	if (change->take)
		__sync_fetch_and_and(&flow->tcp, ~change->take);
	if (change->take_other)
		__sync_fetch_and_and(&other->tcp, ~change->take_other);
	/* atomic: of two CPUs with a FIN each, one at least sees both */
	one = __sync_fetch_and_or(&flow->tcp, change->add);
	two = __sync_fetch_and_or(&other->tcp, change->add_other);
	had = flow_established(one, two);
	one |= change->add;
	two |= change->add_other;
	turn->opened = !had && flow_established(one, two);
	turn->over = flow_over(one, two);
	turn->closing = !was && flow_closing(one, two);
	turn->ends = change->add & (FTPNAT_TCP_FIN | FTPNAT_TCP_RST) || turn->over ||
		     turn->closing;
	turn->lives_on = change->take;
	if (flow->flags & FTPNAT_FLOW_CLIENT)
		flow_turned(&s->came, flow, other, turn);
	else
		flow_turned(&s->changed, other, flow, turn);
	return 0;
}

/*
 * A packet that may change the TCP state of its connection; a control connection's only
 * until it is established. False: it changes nothing.
 */
__noinline bool flow_look(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get();
	struct ftpnat_flow *flow, *other;
	struct tcp_segment seg = {};
	const struct packet *p;

	if (!s)
		return false;
	p = &s->packet;
	s->came = p->tuple;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &s->came);
	if (!flow)
		return false;
	tuple_swap(&s->looked, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &s->looked);
	if (!other)
		return false;
	seg.seq = p->seq;
	seg.end = p->seq + p->len;
	if (p->flags & TH_FIN)
		seg.end++;
	seg.ack = p->ack;
	seg.flags = p->flags;
	if (p->flags & TH_SYN && !options_read(skb, &s->packet, &s->options))
		seg.offers = options_offered(&s->options);
	if (!flow_accepts(&seg, flow, other, &s->change))
		return false;
	flow_change();
	return true;
}

/*
 * The packet in the scratch memory is one of the flow's: clocks and TCP state. False: its
 * receiver would not accept it, and it changes nothing.
 */
static __always_inline bool flow_seen(struct __sk_buff *skb, struct scratch *s,
				      struct ftpnat_flow *flow, __u32 now)
{
	const struct packet *p = &s->packet;
	bool accepted;

	if (flow_plain(flow, p->flags))
		accepted = flow_follows(flow, p->seq, p->seq + p->len, p->ack);
	else
		accepted = flow_look(skb);
	if (!accepted)
		count(FTPNAT_IGNORED);
	else if (flow->seen != now)
		flow->seen = now;
	return accepted;
}

#endif
