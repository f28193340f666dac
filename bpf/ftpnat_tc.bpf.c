// SPDX-License-Identifier: GPL-2.0-only
/*
 * The path of a packet: parse, look up its flow (or open one), translate it, forward it.
 * Ingress and egress run the same code; packets of the gateway itself are first seen at
 * egress.
 */
#include "answer.h"
#include "call.h"
#include "conntrack_seen.h"
#include "control.h"
#include "extensions.h"
#include "fragment.h"
#include "guard.h"
#include "mss.h"
#include "open.h"
#include "qos.h"
#include "replica_apply.h"
#include "tags.h"

/* Is this the first packet of a connection? */
static __always_inline bool is_syn(const struct packet *p)
{
	return (p->flags & (TH_SYN | TH_ACK | TH_RST | TH_FIN)) == TH_SYN;
}

/* A packet without a flow: GO_ON where it has opened one. */
static __always_inline enum ftpnat_reason flow_none(struct __sk_buff *skb,
						    const struct packet *p, bool egress)
{
	if (is_syn(p))
		return flow_begin(skb, egress);
	return may_begin(p->flags) ? guard_stranger(skb, FTPNAT_PASS) : FTPNAT_PASS;
}

/* At egress: did a tracked packet arrive on an interface of ours, and go through the stack? */
static __always_inline bool already_tracked(struct __sk_buff *skb,
					    const struct ftpnat_flow *flow)
{
	__u32 from = skb->ingress_ifindex;

	return flow->flags & FTPNAT_FLOW_TRACKED && from &&
	       bpf_map_lookup_elem(&ftpnat_ifaddrs, &from);
}

/*
 * What parse_packet() has found no TCP in at first, but may: priority tags, headers in
 * pieces, extension headers.
 */
static __noinline enum ftpnat_reason parse_further(struct __sk_buff *skb, bool egress,
						   __u32 l3, struct packet *p,
						   enum ftpnat_reason verdict)
{
	if (!egress && has_inner_priority_tag(skb)) {
		if (untag_inner(skb))
			return FTPNAT_WRITE;
		if (in_vlan(skb))
			return FTPNAT_VLAN;
		verdict = parse_packet(skb, l3, p);
	}
	if (verdict == FTPNAT_TRUNCATED && !pull_headers(skb))
		verdict = parse_packet(skb, l3, p);
	if ((verdict == FTPNAT_PASS || verdict == FTPNAT_FRAGMENT) &&
	    extensions_remove(skb, l3))
		verdict = parse_packet(skb, l3, p);
	return verdict;
}

/*
 * Have the other gateways of the cluster to know what this packet did? Both SYNs: the answer
 * may come to another gateway. Of data connections that they are open, and each end's end.
 * What changes nothing tells nothing: else a flood of it would be multicast.
 */
static __always_inline bool packet_tells(const struct scratch *s,
					 const struct ftpnat_flow *flow, bool accepted)
{
	const struct packet *p = &s->packet;

	if (!accepted)
		return s->record_has;
	if (p->flags & TH_SYN)
		return !(p->flags & TH_ACK) == !(flow->tcp & FTPNAT_TCP_ACK);
	return flow->kind == FTPNAT_DATA &&
	       (s->record_has || s->turn.opened || s->turn.closing ||
		(p->flags & TH_FIN && !(flow->flags & FTPNAT_FLOW_REPLICA)));
}

static __always_inline enum ftpnat_reason handle(struct __sk_buff *skb, bool egress,
						 __u32 l3)
{
	const bool cluster = clustered(); /* asked once */
	struct ftpnat_flow *flow;
	struct ftpnat_hop *hop;
	struct scratch *s;
	struct packet *p;
	enum ftpnat_reason verdict, routed;
	bool fresh, tagged, accepted = false;
	__u32 now;

	if (skb->cb[4] == (egress ? SEEN_MARK : ANSWER_MARK)) {
		skb->cb[4] = 0;
		return FTPNAT_SEEN;
	}
	s = scratch_of_packet();
	if (!s)
		return FTPNAT_PASS;
	p = &s->packet;
	if (cluster) {
		s->injected = !egress && skb->cb[4] == ftpnat_inject_mark;
		s->sent_on = !egress && skb->cb[4] == ftpnat_inject_mark + 1;
		s->shared = false;
		s->record_has = 0;
		s->turn.opened = s->turn.closing = false;
		if (s->injected || s->sent_on)
			skb->cb[4] = 0;
	}
	if (!egress && skb->pkt_type != PACKET_HOST)
		return FTPNAT_OTHER_HOST;
	tagged = skb->vlan_present;
	if (tagged && in_vlan(skb))
		return FTPNAT_VLAN;
	verdict = parse_packet(skb, l3, p);
	if (verdict != GO_ON) {
		verdict = parse_further(skb, egress, l3, p, verdict);
		if (verdict == FTPNAT_PASS)
			verdict = icmp_packet(skb, egress);
		else if (verdict == FTPNAT_FRAGMENT && !egress)
			verdict = fragment_packet(skb);
		if (verdict == FTPNAT_PASS || verdict == FTPNAT_FRAGMENT)
			return guard_hidden(skb, verdict);
		if (verdict != GO_ON)
			return verdict;
	}
	if (source_routed(skb, p))
		return may_begin(p->flags) ? guard_stranger(skb, FTPNAT_SOURCE_ROUTED) :
					     FTPNAT_SOURCE_ROUTED;

	flow = bpf_map_lookup_elem(&ftpnat_flows, &p->tuple);
	if (flow && egress && already_tracked(skb, flow))
		return FTPNAT_SEEN;
	if (flow) {
		verdict = source_flow(skb, s, flow, egress);
		if (verdict != GO_ON)
			return verdict;
	}
	if (cluster && !egress && flow && flow->flags & FTPNAT_FLOW_REPLICA) {
		verdict = replica_packet(skb, flow);
		if (verdict != GO_ON)
			return verdict;
	}
	if (!flow)
		s->flow.had = 0;
	if (!flow || (is_syn(p) && flow_makes_room(TUPLE_OF_PACKET))) {
		verdict = flow_none(skb, p, egress);
		if (verdict != GO_ON)
			return verdict;
		flow = bpf_map_lookup_elem(&ftpnat_flows, &p->tuple);
		if (!flow)
			return FTPNAT_NO_MEMORY;
	}
	if (tagged && !egress && !(flow->flags & FTPNAT_FLOW_TRACKED) && untag(skb))
		return FTPNAT_WRITE;
	if (qos_of(flow->rule)) {
		verdict = qos_packet(skb, flow);
		if (verdict != GO_ON)
			return verdict;
	}
	now = clock_seconds(&s->clock);
	if (cluster && flow->flags & FTPNAT_FLOW_REPLICA && flow->kind == FTPNAT_DATA &&
	    !s->shared)
		replica_data(s, flow);
	fresh = flow->seen == now;
	if (!cluster || !s->injected) {
		flow->packets++;
		flow->bytes += p->ip_len;
	}
	if ((flow->kind == FTPNAT_DATA && !(cluster && s->shared)) || p->flags & TH_SYN ||
	    !(flow->tcp & FTPNAT_TCP_ACK))
		accepted = flow_seen(skb, s, flow, now);
	if (cluster && !accepted && !s->shared)
		replica_doubts(s, flow);
	if (cluster && !s->injected && packet_tells(s, flow, accepted)) {
		record_of_packet(s, flow);
		verdict = record_tell(skb, flow->session, false,
				      p->flags & TH_SYN && record_waits(s, egress),
				      s->record_has);
		if (verdict != GO_ON)
			return verdict;
	}
	count_packet(flow->rule,
		     flow->flags & FTPNAT_FLOW_CLIENT ? FTPNAT_FROM_CLIENT :
							FTPNAT_FROM_SERVER,
		     p->ip_len);
	hop = fresh && !(p->flags & TH_SYN) ? route_known(s, flow, egress) : NULL;
	if (hop && flow->kind == FTPNAT_DATA) {
		verdict = flow->flags & FTPNAT_FLOW_XLAT ?
				  forward_xlat(skb, p, &flow->to, hop) :
				  forward_data(skb, p, &flow->to, hop);
		if (verdict != GO_ON)
			return verdict;
	}
	s->to = flow->to;
	s->segment.send.seq = p->seq;
	s->segment.send.ack = p->ack;
	if (flow->kind == FTPNAT_DATA && p->flags & TH_SYN && data_fastopen(skb))
		return FTPNAT_WRITE;
	if (flow->flags & FTPNAT_FLOW_TRACKED)
		return flow->kind == FTPNAT_CONTROL ?
			       control_packet(skb, flow, FTPNAT_TRACKED, egress) :
			       FTPNAT_TRACKED;
	routed = hop ? FTPNAT_FORWARDED : route(skb, egress);
	if (flow->hop != s->route.hop) {
		flow->hop = (__u16)s->route.hop;
		flow->xdp = FTPNAT_XDP_UNKNOWN; /* another interface, perhaps */
	}
	if (routed == FTPNAT_TOO_BIG || routed == FTPNAT_TTL) {
		if (is_syn(p))
			flow_undo();
		return answer_error(skb, routed, egress);
	}
	if (routed == FTPNAT_FORWARDED && p->flags & TH_SYN && mss_clamp(skb))
		return FTPNAT_WRITE;
	if (flow->kind == FTPNAT_CONTROL) {
		verdict = control_packet(skb, flow, routed, egress);
		if (verdict != GO_ON)
			return verdict;
	}
	return send(skb, s, routed, egress);
}

/* The only exit: every packet is counted under a reason, which determines its verdict. */
static __always_inline int act(enum ftpnat_reason reason)
{
	count_exit(reason);
	switch (reason) {
	case FTPNAT_PASS:
	case FTPNAT_SEEN:
	case FTPNAT_TRANSLATED:
	case FTPNAT_TRUNCATED:
	case FTPNAT_FRAGMENT:
	case FTPNAT_VLAN:
	case FTPNAT_OTHER_HOST:
	case FTPNAT_TRACKED:
	case FTPNAT_SOURCE_ROUTED:
		return TC_ACT_UNSPEC;
	case FTPNAT_FORWARDED:
	case FTPNAT_ANSWERED:
	case FTPNAT_RESET:
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
	return act(handle(skb, false, ETH_HLEN));
}

SEC("tc")
int ftpnat_egress(struct __sk_buff *skb)
{
	return act(handle(skb, true, ETH_HLEN));
}

/* The same on interfaces whose packets have no link-layer header. */
SEC("tc")
int ftpnat_ip_in(struct __sk_buff *skb)
{
	return act(handle(skb, false, 0));
}

SEC("tc")
int ftpnat_ip_out(struct __sk_buff *skb)
{
	return act(handle(skb, true, 0));
}

/*
 * Run by the loader: allocates the memory of the connection timer, so that no packet has
 * to.
 */
SEC("tc")
int ftpnat_wake(struct __sk_buff *skb)
{
	struct ftpnat_expiry *queue = expiry_get();

	(void)skb;
	expiry_wake();
	return queue && queue->running;
}

/* Run by `run`, with `cluster`: applies the record in ftpnat_inbox; an enum ftpnat_applied. */
SEC("tc")
int ftpnat_replica(struct __sk_buff *skb)
{
	(void)skb;
	return replica_apply();
}

/*
 * The same: publishes the connection whose client's key is in ftpnat_inbox, for a gateway
 * that has just come; with FTPNAT_RECORD_CLAIMED it is taken over. 0, or 1: not now, or not
 * another's.
 */
SEC("tc")
int ftpnat_tell(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get();
	struct ftpnat_record *r;
	__u32 zero = 0;

	(void)skb;
	r = bpf_map_lookup_elem(&ftpnat_inbox, &zero);
	if (!s || !r)
		return 1;
	s->record_key = r->key;
	if (r->has & FTPNAT_RECORD_CLAIMED)
		return !!replica_take();
	return record_publish(false, 0) == -EAGAIN;
}

/*
 * The same: the frame comes in once more, by the interface in cb[0]: what it did is known to
 * the peers now; or, with 1 in cb[1], another gateway has sent it on.
 */
SEC("tc")
int ftpnat_inject(struct __sk_buff *skb)
{
	__u32 ifindex = skb->cb[0], mark = ftpnat_inject_mark + skb->cb[1];

	skb->cb[0] = 0;
	skb->cb[1] = 0;
	skb->cb[4] = mark;
	return !!bpf_clone_redirect(skb, ifindex, BPF_F_INGRESS);
}

/* Attached to tcx, in place of those above. */
SEC("tc")
int ftpnat_tcx_in(struct __sk_buff *skb)
{
	return call_in_force(skb, FTPNAT_ENTRY_IN);
}

SEC("tc")
int ftpnat_tcx_out(struct __sk_buff *skb)
{
	return call_in_force(skb, FTPNAT_ENTRY_OUT);
}

SEC("tc")
int ftpnat_tcx3_in(struct __sk_buff *skb)
{
	return call_in_force(skb, FTPNAT_ENTRY_IP_IN);
}

SEC("tc")
int ftpnat_tcx3_out(struct __sk_buff *skb)
{
	return call_in_force(skb, FTPNAT_ENTRY_IP_OUT);
}

char LICENSE[] SEC("license") = "GPL";
