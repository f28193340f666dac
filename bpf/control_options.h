/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP options of control packets: MSS, window shift, SACK, timestamps. */
#ifndef FTPNAT_BPF_CONTROL_OPTIONS_H
#define FTPNAT_BPF_CONTROL_OPTIONS_H

#include "kept.h"
#include "segment.h"

/* Lowers the MSS so that a rewritten segment may grow. Returns the sender's own MSS. */
static __always_inline __u16 lower_mss(struct tcp_options *o)
{
	__u32 mss;

	if (!o->mss)
		return MSS_DEFAULT;
	mss = option_get_mss(o);
	option_set_mss(o, mss > 2 * SEGMENT_ROOM ? mss - SEGMENT_ROOM : mss / 2);
	return (__u16)mss;
}

/* Lowers the shift of a SYN's windows; those that follow are converted. */
static __always_inline void lower_shift(struct tcp_options *o)
{
	if (o->wscale)
		option_set_shift(o, shift_lowered(option_get_shift(o)));
}

static __always_inline void forget_sack(struct tcp_options *o)
{
	if (o->sack)
		option_forget(o, o->sack, o->sack_len);
}

#define SACK_BLOCKS 4

/* See unmap_sack(). */
__noinline int unmap_sack_blocks(struct tcp_options *o, struct ftpnat_stream *other,
				 struct ftpnat_log *log)
{
	__u32 i;

	if (!o || !other)
		return 0;
	for (i = 0; i < SACK_BLOCKS; i++) {
		__u32 at = o->sack - 1 + 2 + i * 8;

		if (i * 8 + 10 > o->sack_len)
			break;
		option_set32(o, at,
			     bpf_htonl(stream_unmap(other, log,
						    bpf_ntohl(option_get32(o, at)), 1)));
		option_set32(o, at + 4,
			     bpf_htonl(stream_unmap(
				     other, log, bpf_ntohl(option_get32(o, at + 4)), 0)));
	}
	return 0;
}

/* SACK blocks refer to the other direction's bytes, as ACK numbers do. */
static __always_inline void unmap_sack(struct tcp_options *o, struct ftpnat_stream *other,
				       struct ftpnat_log *log)
{
	if (o->sack)
		unmap_sack_blocks(o, other, log);
}

/* Our own ACK echoes the sender's timestamp and has no SACK blocks. */
static __always_inline void answer_options(struct tcp_options *o, __be32 tsval)
{
	__u32 at = o->timestamp - 1;

	forget_sack(o);
	if (!o->timestamp)
		return;
	option_set32(o, at + 6, option_get32(o, at + 2));
	option_set32(o, at + 2, tsval);
}

#endif
