/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a translated packet goes. At ingress it leaves for its next hop at once and
 * bypasses the stack: source validation would refuse a packet whose source is the
 * gateway, and conntrack and NAT must not see half of a connection. Packets for the
 * gateway itself go up the stack; packets from it continue unless their destination was
 * translated.
 */
#ifndef FTPNAT_BPF_FORWARD_H
#define FTPNAT_BPF_FORWARD_H

#include "count.h"
#include "front.h"
#include "nat.h"
#include "scratch.h"

/* skb->cb[4] of a packet that an earlier hook of ours redirected */
#define SEEN_MARK   0x66e47b31
#define ANSWER_MARK 0x66e47b32 /* of one sent back to this host's own stack, at ingress */

/*
 * The route of the packet in the scratch memory with the tuple s->to, before it is
 * changed: FORWARDED (s->route.next_hop has the next hop, s->route.hop the index for
 * flows to keep; s->route.known if the neighbour layer needs no packet; s->route.mtu has
 * the MTU, or 0), TRANSLATED (up the stack or on its way), TOO_BIG (with the MTU) or TTL.
 */
__noinline enum ftpnat_reason route(struct __sk_buff *skb, bool egress)
{
	struct scratch *s = scratch_get();
	struct bpf_fib_lookup fib;
	struct packet *p;
	__u32 size, now;
	bool v6, df;
	long rc;

	if (!s)
		return FTPNAT_NO_MEMORY;
	p = &s->packet;
	now = clock_seconds(&s->clock);
	s->route.hop = 0;
	s->route.mtu = 0;
	s->route.known = false;
	if (egress && addr_equal(&p->tuple.dst, &s->to.dst))
		return FTPNAT_TRANSLATED;
	v6 = !addr_is_v4(&s->to.dst);
	size = largest_packet(skb, p) + xlat_growth(p->v6, v6);
	df = v6 == p->v6 ? p->df : xlat_df(v6, size);
	fib_params(&fib, &s->to, v6, skb->ifindex, size);
	/* also at egress as if it had come in: BPF_FIB_LOOKUP_OUTPUT would keep the interface */
	rc = fib_lookup_marked(skb, &fib, skb->mark);
	if (rc == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
		s->route.mtu = xlat_mtu(fib.mtu_result, v6, p->v6);
		/* the stack fragments a packet that may be fragmented */
		return df ? FTPNAT_TOO_BIG : FTPNAT_TRANSLATED;
	}
	if (rc != BPF_FIB_LKUP_RET_SUCCESS && rc != BPF_FIB_LKUP_RET_NO_NEIGH)
		return FTPNAT_TRANSLATED; /* for this host, or for the stack to refuse */
	if (!egress && p->ttl <= 1)
		return FTPNAT_TTL;
	if (rc == BPF_FIB_LKUP_RET_SUCCESS) {
		s->route.mtu = fib.mtu_result;
		s->route.hop = hop_index(&fib, now);
		s->route.known = !egress && hop_confirmed(s->route.hop, now);
	}
	s->route.ifindex = fib.ifindex;
	s->route.next_hop.nh_family = fib.family;
	__builtin_memcpy(s->route.next_hop.ipv6_nh, fib.ipv6_dst,
			 sizeof(s->route.next_hop.ipv6_nh));
	return FTPNAT_FORWARDED;
}

/* The route that its flow has stored during this second, as route() would return it. */
static __always_inline struct ftpnat_hop *
route_known(struct scratch *s, const struct ftpnat_flow *flow, bool egress)
{
	struct ftpnat_hop *hop = hop_get(flow);
	const struct packet *p = &s->packet;
	__u32 growth = flow->flags & FTPNAT_FLOW_XLAT ? xlat_growth(p->v6, !p->v6) : 0;

	if (egress || !hop || p->ttl <= 1 || largest_of(p, p->gso) + growth > hop->mtu)
		return NULL;
	s->route.hop = flow->hop;
	s->route.known = true;
	return hop;
}

static __always_inline enum ftpnat_reason redirect_neigh(struct __sk_buff *skb,
							 struct scratch *s)
{
	skb->cb[4] = SEEN_MARK;
	if (bpf_redirect_neigh(s->route.ifindex, &s->route.next_hop,
			       sizeof(s->route.next_hop), 0) != TC_ACT_REDIRECT)
		return FTPNAT_WRITE;
	return FTPNAT_FORWARDED;
}

static __always_inline enum ftpnat_reason redirect_hop(struct __sk_buff *skb,
						       const struct ftpnat_hop *hop)
{
	skb->cb[4] = SEEN_MARK;
	return bpf_redirect(hop->ifindex, 0) == TC_ACT_REDIRECT ? FTPNAT_FORWARDED :
								  FTPNAT_WRITE;
}

/*
 * Packets that are redirected need an Ethernet header, whatever device they go to; the
 * kernel takes it off if the device has none. 0, or -1: the packet is half written.
 */
static __always_inline long add_ethernet_header(struct __sk_buff *skb, struct packet *p)
{
	__be16 protocol = (__be16)skb->protocol;

	if (p->l3)
		return 0;
	if (bpf_skb_change_head(skb, ETH_HLEN, 0) ||
	    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &protocol,
				sizeof(protocol), 0))
		return -1;
	p->l3 += ETH_HLEN;
	p->l4 += ETH_HLEN;
	p->payload += ETH_HLEN;
	return 0;
}

/* Sends a packet that is routed and translated; `counted`: this hop is in its TTL. */
static __always_inline enum ftpnat_reason forward(struct __sk_buff *skb,
						  struct scratch *s, bool counted)
{
	struct ftpnat_hop *hop;

	if ((!counted && write_ttl(skb, &s->packet, s->packet.ttl - 1)) ||
	    add_ethernet_header(skb, &s->packet))
		return FTPNAT_WRITE;
	if (!s->route.known)
		return redirect_neigh(skb, s);
	hop = hop_at(s->route.hop - 1);
	if (!hop || bpf_skb_store_bytes(skb, 0, &hop->mac, sizeof(hop->mac), 0))
		return FTPNAT_WRITE;
	return redirect_hop(skb, hop);
}

enum front_result {
	FRONT_DONE,    /* checksum included */
	FRONT_NO_CSUM, /* without the TCP checksum */
	FRONT_SHORT,   /* nothing is written: the linear part is too short */
};

/* Sequence numbers and window of the front's TCP header; p->seq, ack and window follow. */
static __always_inline void front_move(void *tcp, struct packet *p, __u32 seq, __u32 ack,
				       struct front_change *change)
{
	__be32 *word = tcp + TCP_OFF_SEQ;
	__be16 *window = tcp + TCP_OFF_WINDOW;

	change->ports += word_change(word[0], bpf_htonl(seq));
	change->ports += word_change(word[1], bpf_htonl(ack));
	change->ports += word_change(*window, bpf_htons(p->told));
	word[0] = bpf_htonl(seq);
	word[1] = bpf_htonl(ack);
	*window = bpf_htons(p->told);
	p->seq = seq;
	p->ack = ack;
	p->window = p->told;
}

/*
 * Rewrites the front of a packet. The checksum is left to the helpers if the card may
 * still have to compute it.
 */
static __always_inline enum front_result
front_translate(struct __sk_buff *skb, struct packet *p, bool v6,
		const struct ftpnat_tuple *to, const struct ftpnat_hop *hop,
		const struct sending *moved, struct front_change *change)
{
	void *front = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 len = v6 ? FRONT_V6 : FRONT_V4;
	__be16 *check = front + len - sizeof(*check);
	bool finished;

	if ((void *)(check + 1) > end)
		return FRONT_SHORT;
	finished = !p->gso && !csum_unfinished(p, v6, *check);
	*change = front_write(front, v6, &p->tuple, to, hop);
	if (moved)
		front_move(front + len - FRONT_TCP, p, moved->seq, moved->ack, change);
	if (finished)
		*check = csum_changed(*check, change->addrs + change->ports);
	return finished ? FRONT_DONE : FRONT_NO_CSUM;
}

/* Sends a packet with a rewritten front: FORWARDED or WRITE. */
static __always_inline enum ftpnat_reason
front_send(struct __sk_buff *skb, const struct packet *p, const struct ftpnat_hop *hop,
	   enum front_result result, const struct front_change *change)
{
	if (result == FRONT_DONE)
		/* of a card that sums the whole packet (CHECKSUM_COMPLETE) */
		bpf_csum_update(skb, p->v6 ? HOP_LIMIT_LESS_ONE : ~fold32(change->addrs));
	else if (bpf_l4_csum_replace(skb, p->l4 + TCP_OFF_CSUM, 0, fold32(change->addrs),
				     BPF_F_PSEUDO_HDR) ||
		 bpf_l4_csum_replace(skb, p->l4 + TCP_OFF_CSUM, 0, fold32(change->ports),
				     0))
		return FTPNAT_WRITE;
	return redirect_hop(skb, hop);
}

/*
 * Translates and sends a packet whose next hop is known, with the sequence numbers of
 * `moved` if that is given: FORWARDED, WRITE, or GO_ON with nothing changed for the
 * long way. At ingress only: the kernel copies the headers of what it shares with
 * others before a program that writes to packets, and that is all that local sockets
 * send.
 */
static __always_inline enum ftpnat_reason
front_forward(struct __sk_buff *skb, struct packet *p, const struct ftpnat_tuple *to,
	      const struct ftpnat_hop *hop, const struct sending *moved)
{
	struct front_change change;
	enum front_result result;

	if (!front_usual(p))
		return GO_ON;
	result = p->v6 ? front_translate(skb, p, 1, to, hop, moved, &change) :
			 front_translate(skb, p, 0, to, hop, moved, &change);
	return result == FRONT_SHORT ? GO_ON : front_send(skb, p, hop, result, &change);
}

static __noinline enum ftpnat_reason
forward_front(struct __sk_buff *skb, struct packet *p, const struct ftpnat_tuple *to,
	      const struct ftpnat_hop *hop, const struct sending *moved)
{
	return front_forward(skb, p, to, hop, moved);
}

/* Of a data connection, whose numbers stay. */
static __noinline enum ftpnat_reason forward_data(struct __sk_buff *skb, struct packet *p,
						  const struct ftpnat_tuple *to,
						  const struct ftpnat_hop *hop)
{
	return front_forward(skb, p, to, hop, NULL);
}

/*
 * What the sum over the whole packet, that a card may have given (CHECKSUM_COMPLETE), grows
 * by once bpf_skb_change_proto() has made room, and counted that: an IPv4 header sums to
 * nothing, and so does TCP with its pseudo header.
 */
static __always_inline __u32 xlat_sum(const void *ip, bool v6,
				      const struct ftpnat_tuple *from,
				      const struct ftpnat_tuple *to)
{
	const __be32 *word = ip;

	if (v6)
		return fold32((__u64)word[0] + word[1] + from->src.w[3] + from->dst.w[3]);
	return fold32((__u64)from->src.w[0] + from->src.w[1] + from->src.w[2] +
		      (__u32)~to->src.w[3] + (__u32)~to->dst.w[3]);
}

/* forward_front() across families, for what has a finished checksum. `v6`: what it becomes. */
static __always_inline enum ftpnat_reason front_xlat(struct __sk_buff *skb,
						     struct packet *p, bool v6,
						     const struct ftpnat_tuple *to,
						     const struct ftpnat_hop *hop)
{
	void *front = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__be16 *check = front + (v6 ? FRONT_V4 : FRONT_V6) - sizeof(*check);
	__u16 sum;
	__u8 tos;

	if ((void *)(check + 1) > end || skb->gso_size || csum_unfinished(p, !v6, *check))
		return GO_ON;
	sum = csum_changed(*check,
			   addrs_change(&p->tuple, to) +
				   word_change(ports_word(&p->tuple), ports_word(to)));
	front += ETH_HLEN;
	tos = v6 ? ((struct iphdr *)front)->tos : ipv6_traffic_class(*(__be32 *)front);
	if (bpf_skb_change_proto(skb, bpf_htons(v6 ? ETH_P_IPV6 : ETH_P_IP), 0))
		return FTPNAT_WRITE;
	front = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	check = front + (v6 ? FRONT_V6 : FRONT_V4) - sizeof(*check);
	if ((void *)(check + 1) > end)
		return FTPNAT_WRITE;
	front_write_xlat(front, v6, to, hop, tos, p->ttl - 1,
			 p->ip_len - (p->l4 - p->l3));
	*check = sum;
	bpf_csum_update(skb, xlat_sum(front + ETH_HLEN, v6, &p->tuple, to));
	return redirect_hop(skb, hop);
}

static __noinline enum ftpnat_reason forward_xlat(struct __sk_buff *skb, struct packet *p,
						  const struct ftpnat_tuple *to,
						  const struct ftpnat_hop *hop)
{
	if (!front_usual(p))
		return GO_ON;
	return p->v6 ? front_xlat(skb, p, 0, to, hop) : front_xlat(skb, p, 1, to, hop);
}

/* What became of a copy. */
enum copy {
	COPY_SENT,   /* the packet is unchanged */
	COPY_NO_HOP, /* nowhere to send it */
	COPY_BROKEN, /* the packet is half written */
};

/* Sends a copy as it is; if that fails it is lost, as any packet may be. */
static __always_inline void clone_to(struct __sk_buff *skb, __u32 ifindex, __u32 mark,
				     __u64 flags)
{
	skb->cb[4] = mark;
	if (bpf_clone_redirect(skb, ifindex, flags))
		count(FTPNAT_WRITE);
	skb->cb[4] = 0;
}

/*
 * Sends a copy of the packet in its present form along the route found by route().
 */
static __noinline enum copy send_copy(struct __sk_buff *skb, struct scratch *s,
				      enum ftpnat_reason routed, bool egress)
{
	struct packet *p = &s->packet;
	struct ftpnat_macs mac, next;
	struct ftpnat_hop *hop;

	if (routed != FTPNAT_FORWARDED) {
		clone_to(skb, skb->ifindex, egress ? SEEN_MARK : ANSWER_MARK,
			 egress ? 0 : BPF_F_INGRESS);
		return COPY_SENT;
	}
	hop = s->route.hop ? hop_at(s->route.hop - 1) : NULL;
	if (!hop)
		return COPY_NO_HOP;
	next = hop->mac;
	if (add_ethernet_header(skb, p) ||
	    bpf_skb_load_bytes(skb, 0, &mac, sizeof(mac)) ||
	    bpf_skb_store_bytes(skb, 0, &next, sizeof(next), 0) ||
	    (!egress && write_ttl(skb, p, p->ttl - 1)))
		return COPY_BROKEN;
	clone_to(skb, hop->ifindex, SEEN_MARK, 0);
	if (bpf_skb_store_bytes(skb, 0, &mac, sizeof(mac), 0) ||
	    (!egress && write_ttl(skb, p, p->ttl + 1)))
		return COPY_BROKEN;
	return COPY_SENT;
}

static __always_inline long swap_macs(struct __sk_buff *skb)
{
	__u8 mac[2 * ETH_ALEN], swapped[2 * ETH_ALEN];

	if (bpf_skb_load_bytes(skb, 0, mac, sizeof(mac)))
		return -1;
	__builtin_memcpy(swapped, mac + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(swapped + ETH_ALEN, mac, ETH_ALEN);
	return bpf_skb_store_bytes(skb, 0, swapped, sizeof(swapped), 0);
}

/* Sends the rewritten packet back to its sender. 0 or -1. */
static __always_inline long send_back(struct __sk_buff *skb, const struct packet *p,
				      bool egress)
{
	if (p->l3 && swap_macs(skb))
		return -1;
	skb->cb[4] = egress ? ANSWER_MARK : SEEN_MARK;
	return bpf_redirect(skb->ifindex, egress ? BPF_F_INGRESS : 0) != TC_ACT_REDIRECT;
}

/* Sends the packet in the scratch memory to s->to, with the sequence numbers of its segment. */
static __always_inline enum ftpnat_reason send(struct __sk_buff *skb, struct scratch *s,
					       enum ftpnat_reason routed, bool egress)
{
	const struct sending *send = &s->segment.send;
	struct ftpnat_hop *hop = !egress && s->route.known ? hop_at(s->route.hop - 1) :
							     NULL;
	bool counted = egress, crosses = xlat_crosses(&s->packet, &s->to);
	enum ftpnat_reason verdict;

	if (hop && !crosses) {
		verdict = forward_front(skb, &s->packet, &s->to, hop, send);
		if (verdict != GO_ON)
			return verdict;
	}
	if (crosses && routed == FTPNAT_FORWARDED && !egress) {
		s->packet.ttl--; /* into the new header */
		counted = true;
	}
	if (write_headers(skb, &s->packet, &s->to, send->seq, send->ack))
		return FTPNAT_WRITE;
	return routed == FTPNAT_FORWARDED ? forward(skb, s, counted) : FTPNAT_TRANSLATED;
}

#endif
