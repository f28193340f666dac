// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of a packet: parse, look up its flow (or open one), translate it,
 * send it on. Ingress and egress take the same way; egress is where packets
 * of the gateway itself are first seen.
 */
#include "answer.h"
#include "data.h"
#include "guard.h"

/* Is this the first packet of a connection? */
static __always_inline int begins(const struct packet *p)
{
	return (p->flags & (TH_SYN | TH_ACK | TH_RST | TH_FIN)) == TH_SYN;
}

/* The SYN that opened a connection can't go on: as if it had never come. */
__noinline int flow_undo(void)
{
	struct scratch *s = scratch_get();
	struct ftpnat_flow *flow, *other;

	if (!s)
		return 0;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &s->packet.tuple);
	tuple_swap(&s->flow.reverse, &s->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, &s->flow.reverse);
	if (!flow || !other || other->tcp)
		return 0;
	if (flow->flags & FTPNAT_FLOW_CLIENT)
		flow_remove(&s->packet.tuple, flow);
	else
		flow_remove(&s->flow.reverse, other);
	return 0;
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
	other_key = &s->to;
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
	session = bpf_map_lookup_elem(&ftpnat_sessions, &id);
	if (session) {
		session->closing = 1;
		door_close(session, id, FTPNAT_EXPECTED_CLOSED);
		tls_forget(session, id);
	}
	return 0;
}

/* Clocks, counters and TCP state of a connection. Only a change of state looks further. */
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
		flow->isn = p->seq; /* the last one counts, should it be sent anew */
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

/* At egress: has another hook already made this tuple out of the one that came? */
static __always_inline int already_translated(const struct packet *p)
{
	struct ftpnat_tuple reverse;

	tuple_swap(&reverse, &p->tuple);
	return bpf_map_lookup_elem(&ftpnat_flows, &reverse) != 0;
}

/* Opens the flow that a SYN asks for: GO_ON, PASS, or the reason of the refusal. */
__noinline int flow_begin(struct __sk_buff *skb, int egress)
{
	struct scratch *s = scratch_get();
	struct packet *p;
	int verdict;

	if (!s)
		return FTPNAT_PASS;
	slot_take(s);
	p = &s->packet;
	if (egress && already_translated(p))
		return FTPNAT_SEEN;
	verdict = data_open(s, 0);
	if (verdict == FTPNAT_PASS)
		verdict = control_open(skb, s, egress);
	if (verdict == FTPNAT_PASS)
		verdict = guard_syn(skb);
	if (verdict == FTPNAT_PASS && egress)
		verdict = data_open(s, 1);
	if (verdict == GO_ON || verdict == FTPNAT_PASS || verdict == FTPNAT_GUARDED)
		return verdict;
	s->to = p->tuple;
	if (s->flow.flags & FTPNAT_FLOW_ACTIVE)
		tuple_swap(&s->to, &p->tuple);
	event_flow(verdict, &s->to, &s->to, 0, s->flow.rule, s->flow.kind);
	return verdict;
}

/* At egress: did a tracked packet come in by an interface of ours, up and down the stack? */
static __always_inline int already_tracked(struct __sk_buff *skb,
					   const struct ftpnat_flow *flow)
{
	__u32 from = skb->ingress_ifindex;

	return flow->flags & FTPNAT_FLOW_TRACKED && from &&
	       bpf_map_lookup_elem(&ftpnat_ifaddrs, &from);
}

/* Sends the packet in the scratch memory to s->to, with the sequence numbers of its segment. */
static __always_inline int send(struct __sk_buff *skb, struct scratch *s, int way,
				int egress)
{
	const struct segment *seg = &s->segment;
	struct ftpnat_hop *hop = !egress && s->known ? hop_at(s->hop - 1) : 0;
	int verdict;

	if (hop) {
		verdict = forward_front(skb, &s->packet, &s->to, hop, seg);
		if (verdict != GO_ON)
			return verdict;
	}
	if (write_headers(skb, &s->packet, &s->to, seg->seq, seg->ack))
		return FTPNAT_WRITE;
	return way == FTPNAT_FORWARDED ? forward(skb, s, egress) : FTPNAT_TRANSLATED;
}

static __always_inline int handle(struct __sk_buff *skb, int egress)
{
	struct ftpnat_flow *flow;
	struct ftpnat_hop *hop;
	struct scratch *s;
	struct packet *p;
	int verdict, way, fresh;
	__u32 now;

	if (skb->cb[4] == (egress ? SEEN_MARK : ANSWER_MARK)) {
		skb->cb[4] = 0;
		return FTPNAT_SEEN;
	}
	s = scratch_get();
	if (!s)
		return FTPNAT_PASS;
	p = &s->packet;
	if (!egress && skb->pkt_type != PACKET_HOST)
		return FTPNAT_OTHER_HOST;
	if (skb->vlan_present)
		return FTPNAT_VLAN;
	verdict = parse_packet(skb, p);
	if (verdict == FTPNAT_TRUNCATED && !pull_headers(skb))
		verdict = parse_packet(skb, p);
	if (verdict == FTPNAT_PASS)
		verdict = icmp_packet(skb, egress);
	if (verdict == FTPNAT_PASS || verdict == FTPNAT_FRAGMENT)
		return guard_hidden(skb, verdict);
	if (verdict != GO_ON)
		return verdict;

	flow = bpf_map_lookup_elem(&ftpnat_flows, &p->tuple);
	if (flow && egress && already_tracked(skb, flow))
		return FTPNAT_SEEN;
	if (!flow || (begins(p) && flow_makes_room(TUPLE_OF_PACKET))) {
		verdict = begins(p) ? flow_begin(skb, egress) : FTPNAT_PASS;
		if (verdict != GO_ON)
			return verdict;
		flow = bpf_map_lookup_elem(&ftpnat_flows, &p->tuple);
		if (!flow)
			return FTPNAT_NO_MEMORY;
	}
	now = clock_seconds(&s->clock);
	fresh = flow->seen == now;
	flow_seen(s, flow, now);
	count_packet(flow->rule,
		     flow->flags & FTPNAT_FLOW_CLIENT ? FTPNAT_FROM_CLIENT :
							FTPNAT_FROM_SERVER,
		     p->ip_len);
	hop = fresh ? route_known(skb, s, flow, egress) : 0;
	if (hop && flow->kind == FTPNAT_DATA) {
		verdict = forward_front(skb, p, &flow->to, hop, 0);
		if (verdict != GO_ON)
			return verdict;
	}
	s->to = flow->to;
	s->segment.seq = p->seq;
	s->segment.ack = p->ack;
	if (flow->flags & FTPNAT_FLOW_TRACKED)
		return flow->kind == FTPNAT_CONTROL ?
			       control_packet(skb, flow, FTPNAT_TRACKED, egress) :
			       FTPNAT_TRACKED;
	way = hop ? FTPNAT_FORWARDED : route(skb, egress);
	if (flow->hop != s->hop) {
		flow->hop = (__u16)s->hop;
		flow->xdp = FTPNAT_XDP_UNKNOWN; /* another interface, perhaps */
	}
	if (way == FTPNAT_TOO_BIG || way == FTPNAT_TTL) {
		if (begins(p))
			flow_undo();
		return answer_error(skb, way, egress);
	}
	if (flow->kind == FTPNAT_CONTROL) {
		verdict = control_packet(skb, flow, way, egress);
		if (verdict != GO_ON)
			return verdict;
	}
	return send(skb, s, way, egress);
}

/* The one exit: every packet is counted by its reason, which says what becomes of it. */
static __always_inline int leave(int reason)
{
	count(reason);
	switch (reason) {
	case FTPNAT_PASS:
	case FTPNAT_SEEN:
	case FTPNAT_TRANSLATED:
	case FTPNAT_TRUNCATED:
	case FTPNAT_FRAGMENT:
	case FTPNAT_VLAN:
	case FTPNAT_OTHER_HOST:
	case FTPNAT_TRACKED:
		return TC_ACT_UNSPEC;
	case FTPNAT_FORWARDED:
	case FTPNAT_ANSWERED:
	case FTPNAT_TOO_BIG:
	case FTPNAT_TTL:
		return TC_ACT_REDIRECT;
	default:
		return TC_ACT_SHOT;
	}
}

SEC("tc")
int ftpnat_ingress(struct __sk_buff *skb)
{
	return leave(handle(skb, 0));
}

SEC("tc")
int ftpnat_egress(struct __sk_buff *skb)
{
	return leave(handle(skb, 1));
}

/* Run by the loader: the timer of all connections gets its memory now, not with a packet. */
SEC("tc")
int ftpnat_wake(struct __sk_buff *skb)
{
	struct ftpnat_expiry *queue = expiry_get();

	(void)skb;
	expiry_wake();
	return queue && queue->running;
}

char LICENSE[] SEC("license") = "GPL";
