/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Would its receiver accept a segment (RFC 9293 section 3.10.7.4, RFC 5961)? Only then
 * does it change the state of its connection. Pure functions over the two entries of
 * ftpnat_flows, compiled for BPF and for the host (tests); `tcp` is changed by the
 * caller, atomically.
 *
 * An entry keeps `end`, behind all that its direction has shown, and `ack`, the newest
 * number that it acknowledged. Until the handshake is over, the opener's `end` is behind
 * its first SYN and its `ack` behind its last one: the SYN-ACK says which was taken.
 */
#ifndef FTPNAT_BPF_ACCEPT_H
#define FTPNAT_BPF_ACCEPT_H

#include "tcp.h"
#include "verdict.h"

/* A TCP segment of a flow. */
struct tcp_segment {
	__u32 seq;
	__u32 end; /* behind it, SYN and FIN counted */
	__u32 ack;
	__u8 flags;  /* TH_* */
	__u8 offers; /* of a SYN: FTPNAT_OFFERS_*, the shift at most WINDOW_MAX_SHIFT */
	__u16 pad;
};

/* What becomes of both entries' `tcp`: FTPNAT_TCP_*. */
struct tcp_change {
	__u32 add; /* to the segment's direction */
	__u32 take;
	__u32 add_other; /* to the other one */
	__u32 take_other;
};

/* Does the segment lie within a window of what its direction has shown before? */
static __always_inline bool flow_near(const struct ftpnat_flow *flow, __u32 seq,
				      __u32 ack)
{
	__u32 window = 0x10000U << (flow->wscale & 15);

	return seq_near(seq, flow->end, window) && seq_near(ack, flow->ack, window);
}

/*
 * A segment of an established connection with ACK and no flag that matters: records it.
 * False: its receiver would not accept it, or it is too old to matter. An attacker that
 * can't see the connection must guess both numbers.
 */
static __always_inline bool flow_follows(struct ftpnat_flow *flow, __u32 seq, __u32 end,
					 __u32 ack)
{
	if (!flow_near(flow, seq, ack))
		return false;
	if (seq_before(flow->end, end))
		flow->end = end;
	if (seq_before(flow->ack, ack))
		flow->ack = ack;
	return true;
}

/* Is it all that flow_follows() needs? */
static __always_inline bool flow_plain(const struct ftpnat_flow *flow, __u8 flags)
{
	return (flow->tcp & ~FTPNAT_TCP_OPENED) == FTPNAT_TCP_ESTABLISHED &&
	       (flags & (TH_SYN | TH_FIN | TH_RST | TH_ACK)) == TH_ACK;
}

static __always_inline void accept_offers(const struct tcp_segment *seg,
					  struct ftpnat_flow *flow)
{
	flow->offers = seg->offers;
	flow->wscale = seg->offers & FTPNAT_OFFERS_SHIFT;
}

/*
 * RFC 5961 section 4: a SYN never changes an existing connection. Before any answer, a
 * SYN with another number may be the one that the receiver gets first.
 */
static __always_inline bool accept_syn(const struct tcp_segment *seg,
				       struct ftpnat_flow *flow,
				       const struct ftpnat_flow *other)
{
	if (seg->flags & (TH_RST | TH_FIN) || !(flow->tcp & FTPNAT_TCP_SYN) ||
	    flow->tcp & FTPNAT_TCP_ACK)
		return false;
	if (seg->seq + 1 == flow->end) {
		accept_offers(seg, flow);
		return true;
	}
	if (!(other->tcp & FTPNAT_TCP_SYN))
		flow->ack = seg->seq + 1;
	return false;
}

/* It must acknowledge a SYN; one that acknowledges the first SYN takes precedence. */
static __always_inline bool accept_syn_ack(const struct tcp_segment *seg,
					   struct ftpnat_flow *flow,
					   struct ftpnat_flow *other,
					   struct tcp_change *change)
{
	if (seg->flags & (TH_RST | TH_FIN) ||
	    (flow->tcp & FTPNAT_TCP_ESTABLISHED) == FTPNAT_TCP_SYN)
		return false;		 /* the opener sends none */
	if (other->tcp & FTPNAT_TCP_ACK) /* came twice */
		return flow->tcp & FTPNAT_TCP_SYN && flow_near(flow, seg->seq, seg->ack);
	if (seg->ack != other->end &&
	    (seg->ack != other->ack ||
	     (flow->tcp & FTPNAT_TCP_SYN && flow->ack == other->end)))
		return false;
	flow->end = seg->seq + 1;
	flow->ack = seg->ack;
	accept_offers(seg, flow);
	change->add = FTPNAT_TCP_ESTABLISHED;
	return true;
}

/*
 * The opener's first ACK, perhaps with data: it must acknowledge the SYN-ACK and follow
 * the SYN that was answered.
 */
static __always_inline bool accept_first_ack(const struct tcp_segment *seg,
					     struct ftpnat_flow *flow,
					     struct ftpnat_flow *other,
					     struct tcp_change *change)
{
	__u8 wscale = flow->wscale > other->wscale ? flow->wscale : other->wscale;

	if (!(flow->tcp & other->tcp & FTPNAT_TCP_SYN) || seg->ack != other->end)
		return false;
	if (other->ack != flow->end) { /* that SYN's options were not kept */
		wscale = WINDOW_MAX_SHIFT;
		flow->mss = MSS_DEFAULT;
		flow->offers = WINDOW_MAX_SHIFT;
	}
	if (seg->seq - other->ack > 0x10000U << (wscale & 15))
		return false;
	flow->wscale = wscale;
	other->wscale = wscale;
	flow->end = seq_before(other->ack, seg->end) ? seg->end : other->ack;
	flow->ack = seg->ack;
	change->add = FTPNAT_TCP_ACK;
	return true;
}

/*
 * RFC 5961 section 3: a reset must have exactly the number that its receiver expects:
 * the one that it has acknowledged, or the one after all that was sent. Before any
 * answer it must acknowledge the SYN (RFC 9293 section 3.10.7.3).
 */
static __always_inline bool accept_reset(const struct tcp_segment *seg,
					 const struct ftpnat_flow *flow,
					 const struct ftpnat_flow *other,
					 struct tcp_change *change)
{
	if (seg->flags & TH_SYN)
		return false;
	if (!(flow->tcp & FTPNAT_TCP_SYN)) {
		if (!(seg->flags & TH_ACK) || seg->ack != other->end)
			return false;
	} else if (seg->seq != flow->end &&
		   (!(other->tcp & FTPNAT_TCP_ACK) || seg->seq != other->ack)) {
		return false;
	}
	change->add = FTPNAT_TCP_RST;
	change->add_other = FTPNAT_TCP_PEER;
	return true;
}

/* An end that sends more after its own end has not ended. */
static __always_inline void speaks_on(const struct ftpnat_flow *flow, bool more,
				      bool news, struct tcp_change *change)
{
	if (more)
		change->take = flow->tcp & (FTPNAT_TCP_FIN | FTPNAT_TCP_FINISHED);
	if (news)
		change->take |= flow->tcp & FTPNAT_TCP_RST;
	if (change->take &&
	    !((flow->tcp & ~change->take) & (FTPNAT_TCP_FIN | FTPNAT_TCP_RST)))
		change->take_other = FTPNAT_TCP_PEER;
}

/*
 * Any segment: 0, it changes nothing; else `end`, `ack` and `wscale` are noted and *change
 * says the rest. A FIN counts as the end of its direction when the other one has
 * acknowledged it.
 */
static __always_inline bool flow_accepts(const struct tcp_segment *seg,
					 struct ftpnat_flow *flow,
					 struct ftpnat_flow *other,
					 struct tcp_change *change)
{
	__u32 end = flow->end, ack = flow->ack;

	change->add = 0;
	change->take = 0;
	change->add_other = 0;
	change->take_other = 0;
	if (seg->flags & TH_RST)
		return accept_reset(seg, flow, other, change);
	if (seg->flags & TH_SYN)
		return seg->flags & TH_ACK ? accept_syn_ack(seg, flow, other, change) :
					     accept_syn(seg, flow, other);
	if (!(seg->flags & TH_ACK))
		return false;
	if (!(flow->tcp & FTPNAT_TCP_ACK)) {
		if (!accept_first_ack(seg, flow, other, change))
			return false;
	} else if (!flow_follows(flow, seg->seq, seg->end, seg->ack)) {
		return false;
	}
	speaks_on(flow, end != flow->end, end != flow->end || ack != flow->ack, change);
	if (seg->flags & TH_FIN) {
		flow->end = seg->end;
		change->add |= FTPNAT_TCP_FIN;
		change->take &= ~(__u32)FTPNAT_TCP_FIN;
		change->add_other |= FTPNAT_TCP_PEER;
		change->take_other = 0;
	}
	if (other->tcp & FTPNAT_TCP_FIN && seg->ack == other->end)
		change->add_other |= FTPNAT_TCP_FINISHED;
	return true;
}

#endif
