/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets of connections of other gateways of a cluster: sent on to their owner, or the
 * connection is taken over. How it came here: see replica_apply.h.
 */
#ifndef FTPNAT_BPF_REPLICA_H
#define FTPNAT_BPF_REPLICA_H

#include "record.h"
#include "served.h"

/* ---- taking over ---- */

/* Both ends have answered; that was told where the connection was then. */
static __always_inline void replica_opened(struct ftpnat_flow *flow)
{
	__u32 before = __sync_fetch_and_or(&flow->tcp, FTPNAT_TCP_OPENED);

	if (!(before & (FTPNAT_TCP_OPENED | FTPNAT_TCP_TOLD)) &&
	    flow->kind == FTPNAT_CONTROL)
		served_change(flow, 0, 1);
}

/* Both entries of the connection of s->record_key are this gateway's from now on. */
static __noinline int replica_own(struct scratch *s, __u32 *seen)
{
	struct ftpnat_flow *flow = bpf_map_lookup_elem(&ftpnat_flows, &s->record_key);
	struct ftpnat_flow *other;

	if (!flow)
		return 0;
	flow->flags &= (__u8)~FTPNAT_FLOW_REPLICA;
	flow->seen = *seen;
	__sync_fetch_and_and(&flow->tcp, ~FTPNAT_TCP_OWNER);
	__sync_fetch_and_or(&flow->tcp, FTPNAT_TCP_ESTABLISHED | FTPNAT_TCP_OPENED);
	tuple_swap(&s->looked, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &s->looked);
	if (!other)
		return 0;
	other->flags &= (__u8)~FTPNAT_FLOW_REPLICA;
	__sync_fetch_and_and(&other->tcp, ~FTPNAT_TCP_OWNER);
	__sync_fetch_and_or(&other->tcp, FTPNAT_TCP_ESTABLISHED);
	count(FTPNAT_TAKEN_OVER);
	return 0;
}

/* With the session locked: it is this gateway's from now on. */
static __always_inline void replica_claim(struct ftpnat_session *session)
{
	__u32 i;

	session->epoch = (session->epoch | (FTPNAT_SLOTS - 1)) + ftpnat_slot;
	/* what else was acknowledged is not known, so neither are the exact windows */
	for (i = 0; i < FTPNAT_DIR_MAX; i++) {
		struct ftpnat_stream *stream = &session->stream[i];

		if (seq_before(stream->edge, stream->next + FTPNAT_KEPT_LEN))
			stream->edge = stream->next + FTPNAT_KEPT_LEN;
	}
}

/*
 * Takes the control connection of s->record_key over before a packet of it comes: 0, or
 * -errno: it isn't another gateway's. Its data connections follow with their packets, whose
 * numbers are needed for that.
 */
static __noinline int replica_take(void)
{
	struct ftpnat_record *r = record_get();
	struct scratch *s = scratch_get();
	struct ftpnat_session *session;
	struct ftpnat_flow *flow;
	__u32 now = now_seconds();
	int rc = -ENOENT;

	if (!s || !r)
		return -ENOMEM;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &s->record_key);
	if (!flow || flow->kind != FTPNAT_CONTROL ||
	    (flow->flags & (FTPNAT_FLOW_REPLICA | FTPNAT_FLOW_CLIENT)) !=
		    (FTPNAT_FLOW_REPLICA | FTPNAT_FLOW_CLIENT))
		return -ENOENT;
	r->session = flow->session;
	session = session_of_client(r->session, &s->record_key);
	if (!session || !session_lock(session, &r->session))
		return -ENOENT; /* its handshake isn't over: its next packet does it */
	if (flow->flags & FTPNAT_FLOW_REPLICA) {
		replica_claim(session);
		replica_own(s, &now);
		rc = record_publish(true, FTPNAT_RECORD_CLAIMED);
	}
	session_unlock(session, &r->session);
	return rc;
}

/* ---- packets of another gateway that is alive ---- */

/* Seconds in which a data connection changes hands at most once. */
#define REPLICA_SHARED 4

/* Does this packet, of another gateway's data connection, need only its translation? */
static __always_inline bool replica_shares(const struct scratch *s,
					   const struct ftpnat_flow *flow)
{
	return flow->kind == FTPNAT_DATA &&
	       (flow->tcp & ~(FTPNAT_TCP_OPENED | FTPNAT_TCP_OWNER)) ==
		       FTPNAT_TCP_ESTABLISHED &&
	       (s->packet.flags & (TH_SYN | TH_FIN | TH_RST | TH_ACK)) == TH_ACK &&
	       seconds_since(flow->seen, now_seconds()) < REPLICA_SHARED;
}

/*
 * Has the packet come here before? Then its owner has not made much of it, and it is taken
 * over. Of replicas `end` says where those were that were sent on.
 */
static __always_inline bool replica_again(const struct packet *p,
					  struct ftpnat_flow *flow)
{
	__u32 end = p->seq + p->len + !!(p->flags & TH_SYN) + !!(p->flags & TH_FIN);
	bool known = flow->tcp & FTPNAT_TCP_SYN;

	if (end == p->seq || !known)
		return false;
	/* a session that is still to come begins there */
	if (flow->kind == FTPNAT_CONTROL && !(p->flags & TH_SYN) &&
	    !session_of_control(&p->tuple, flow))
		return false;
	if (!seq_before(flow->end, end))
		return true;
	flow->end = end;
	return false;
}

/*
 * Is the packet at hand, of another's control connection, near what its session has said? Of
 * what isn't, its owner would make nothing either. So who knows ports only can't have its
 * packets multicast, nor move `end`.
 */
static __noinline bool replica_near(const struct scratch *s,
				    const struct ftpnat_flow *flow)
{
	__u32 dir = flow->flags & FTPNAT_FLOW_CLIENT ? FTPNAT_FROM_CLIENT :
						       FTPNAT_FROM_SERVER;
	const struct ftpnat_session *session = session_of_control(&s->packet.tuple, flow);

	return !session || seq_near(s->packet.seq, session->stream[dir].next,
				    0x10000U << (session->wscale[!dir] & 15));
}

/*
 * This packet, which arrived on an interface, belongs to another gateway. While that one is
 * alive, it gets the packets of control connections, of handshakes and resets; other packets
 * of data connections are translated here as well as there. GO_ON: it is this gateway's turn.
 */
static __noinline enum ftpnat_reason replica_packet(struct __sk_buff *skb,
						    struct ftpnat_flow *flow)
{
	struct scratch *s = scratch_get();
	__u32 owner;

	if (!s || !flow)
		return GO_ON;
	/* it waited for what another gateway has made stale since; its sender repeats it */
	if (s->injected && flow->kind == FTPNAT_CONTROL &&
	    session_of_control(&s->packet.tuple, flow))
		return FTPNAT_UNCOMMITTED;
	owner = (flow->tcp & FTPNAT_TCP_OWNER) >> FTPNAT_TCP_OWNER_SHIFT;
	if (s->injected || s->sent_on || !s->packet.l3 || !cluster_has(owner))
		return GO_ON;
	s->shared = replica_shares(s, flow);
	if (s->shared || (flow->kind == FTPNAT_CONTROL && !replica_near(s, flow)) ||
	    (flow->kind == FTPNAT_DATA && flow->tcp & FTPNAT_TCP_ACK &&
	     (s->packet.flags & (TH_SYN | TH_RST | TH_ACK)) == TH_ACK) ||
	    replica_again(&s->packet, flow))
		return GO_ON;
	return record_frame(skb, flow->session, owner) ? GO_ON : FTPNAT_SENT_ON;
}

/*
 * The numbers of the packet at hand are where both directions of its data connection are now.
 * Nobody can tell whether its sender has forged it: nothing is known of what passed elsewhere.
 * So if another packet has numbers of its own later, it is believed as this one is.
 */
static __noinline bool replica_learn(const struct scratch *s, struct ftpnat_flow *flow,
				     struct ftpnat_flow *other)
{
	const struct packet *p = &s->packet;

	if (!flow || !other)
		return false;
	flow->end = p->seq + p->len;
	flow->ack = p->ack;
	other->end = p->ack;
	other->ack = p->seq;
	flow->flags |= FTPNAT_FLOW_LEARNED;
	other->flags |= FTPNAT_FLOW_LEARNED;
	return true;
}

static __always_inline bool replica_teaches(const struct packet *p)
{
	return (p->flags & (TH_SYN | TH_RST | TH_ACK)) == TH_ACK;
}

/*
 * The packet at hand belongs to a data connection of another gateway, and is where that is
 * now. Whoever calls this tells the others.
 */
static __noinline int replica_data(struct scratch *s, struct ftpnat_flow *flow)
{
	__u32 now = now_seconds(), from = flow->tcp & FTPNAT_RECORD_FROM;
	struct ftpnat_flow *other;

	if (!replica_teaches(&s->packet))
		return 0;
	record_of_packet(s, flow);
	tuple_swap(&s->looked, &flow->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &s->looked);
	if (!replica_learn(s, flow, other))
		return 0;
	replica_own(s, &now);
	s->record_has = FTPNAT_RECORD_CLAIMED | from;
	return 0;
}

/*
 * The packet at hand is not what its receiver takes, by numbers that were learned: learns
 * its own, by which the next ones are measured.
 */
static __noinline int replica_doubts(struct scratch *s, struct ftpnat_flow *flow)
{
	if (flow->kind != FTPNAT_DATA || !(flow->flags & FTPNAT_FLOW_LEARNED) ||
	    s->packet.flags & TH_FIN || !replica_teaches(&s->packet))
		return 0;
	tuple_swap(&s->looked, &flow->to);
	replica_learn(s, flow, bpf_map_lookup_elem(&ftpnat_flows, &s->looked));
	return 0;
}

#endif
