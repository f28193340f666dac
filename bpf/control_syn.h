/* SPDX-License-Identifier: GPL-2.0-only */
/* The SYNs of a control connection, and TCP Fast Open. */
#ifndef FTPNAT_BPF_CONTROL_SYN_H
#define FTPNAT_BPF_CONTROL_SYN_H

#include "control_answer.h"

/*
 * TCP Fast Open (RFC 7413) would have lines in SYNs, before there is a session, and data
 * before a flow's handshake is seen: without its option and its data the connection works
 * as any other. 0 or -1.
 */
static __noinline int control_fastopen(struct scan *c)
{
	struct tcp_options *o = &c->s->options;
	__u8 flags = c->s->packet.flags;

	option_forget(o, o->fastopen, o->fastopen_len);
	if (!c->s->segment.len)
		return 0;
	return pieces_load(c) || strip_payload(c) ||
			       write_flags(c->skb, &c->s->packet, flags) ?
		       -1 :
		       0;
}

/* The same for the SYN in the scratch memory, of a data connection. True: it can't be done. */
__noinline bool data_fastopen(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get();
	struct scan c = { .skb = skb };
	__u32 in = 0;

	if (!s)
		return true;
	options_read(skb, &s->packet, &s->options);
	c.s = s;
	c.in = bpf_map_lookup_elem(&ftpnat_payload, &in);
	s->segment.len = s->packet.len;
	return !c.in || control_fastopen(&c) ||
	       options_write(skb, &s->packet, &s->options);
}

/* A SYN: what both ends may send is lowered. GO_ON or WRITE. */
static __noinline enum ftpnat_reason control_syn(struct scan *c, struct ftpnat_flow *flow)
{
	struct packet *p = &c->s->packet;
	__u16 mss;

	if (control_fastopen(c))
		return FTPNAT_WRITE;
	if (c->s->segment.send.routed == FTPNAT_TRACKED)
		return GO_ON;
	mss = lower_mss(&c->s->options);
	lower_shift(&c->s->options);
	if (p->told > FTPNAT_KEPT_LEN) /* of a SYN it has no shift */
		p->told = FTPNAT_KEPT_LEN;
	if (p->seq + 1 == flow->end) {
		flow->mss = mss;
		if (flow->ttl < p->ttl)
			flow->ttl = p->ttl;
	}
	return GO_ON;
}

#endif
