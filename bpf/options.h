/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP options of control packets: found once, changed in a copy, written back whole. */
#ifndef FTPNAT_BPF_OPTIONS_H
#define FTPNAT_BPF_OPTIONS_H

#include "nat.h"

#define OPTIONS_MAX 40
#define OPTIONS_LEN 64 /* of the buffers: power of two */

#define OPT_END	       0
#define OPT_NOP	       1
#define OPT_MSS	       2
#define OPT_WSCALE     3
#define OPT_SACK       5
#define OPT_TIMESTAMP  8
#define OPT_MD5	       19 /* RFC 2385 */
#define OPT_AO	       29 /* RFC 5925 */
#define OPT_FASTOPEN   34 /* RFC 7413 */
#define OPT_EXPERIMENT 254

struct tcp_options {
	__u8 len; /* bytes of options in the packet */
	__u8 at;
	__u8 mss; /* offset of the option, plus one; 0: absent */
	__u8 sack;
	__u8 timestamp;
	__u8 sack_len; /* of the option, its two first bytes included */
	__u8 changed;
	__u8 wscale;
	__u8 is_signed; /* for whoever shares a key */
	__u8 fastopen;
	__u8 fastopen_len;
	__u8 old[OPTIONS_LEN] __attribute__((aligned(8)));
	__u8 new[OPTIONS_LEN] __attribute__((aligned(8)));
};

static __always_inline __u8 option_byte(const struct tcp_options *o, __u32 i)
{
	return o->new[bounded(i, OPTIONS_LEN)];
}

static __always_inline __be32 option_get32(const struct tcp_options *o, __u32 i)
{
	return bpf_htonl((__u32)option_byte(o, i) << 24 |
			 (__u32)option_byte(o, i + 1) << 16 |
			 (__u32)option_byte(o, i + 2) << 8 | option_byte(o, i + 3));
}

static __always_inline void option_set32(struct tcp_options *o, __u32 i, __be32 value)
{
	__u32 v = bpf_ntohl(value);

	o->changed = 1;
	o->new[bounded(i, OPTIONS_LEN)] = (__u8)(v >> 24);
	o->new[bounded(i + 1, OPTIONS_LEN)] = (__u8)(v >> 16);
	o->new[bounded(i + 2, OPTIONS_LEN)] = (__u8)(v >> 8);
	o->new[bounded(i + 3, OPTIONS_LEN)] = (__u8)v;
}

/* The MSS option of a SYN that has one. */
static __always_inline __u32 option_get_mss(const struct tcp_options *o)
{
	__u32 i = o->mss - 1 + 2;

	return (__u32)option_byte(o, i) << 8 | option_byte(o, i + 1);
}

static __always_inline void option_set_mss(struct tcp_options *o, __u32 mss)
{
	__u32 i = o->mss - 1 + 2;

	o->changed = 1;
	o->new[bounded(i, OPTIONS_LEN)] = (__u8)(mss >> 8);
	o->new[bounded(i + 1, OPTIONS_LEN)] = (__u8)mss;
}

/* The shift of the window option of a SYN that has one. */
static __always_inline __u8 option_get_shift(const struct tcp_options *o)
{
	__u8 shift = option_byte(o, o->wscale - 1 + 2);

	return shift < WINDOW_MAX_SHIFT ? shift :
					  WINDOW_MAX_SHIFT; /* RFC 7323 section 2.3 */
}

static __always_inline void option_set_shift(struct tcp_options *o, __u8 shift)
{
	if (shift == option_byte(o, o->wscale - 1 + 2))
		return;
	o->changed = 1;
	o->new[bounded(o->wscale - 1 + 2, OPTIONS_LEN)] = shift;
}

/* What a SYN offers: FTPNAT_OFFERS_*. */
static __always_inline __u8 options_offered(const struct tcp_options *o)
{
	__u8 offers = o->timestamp ? FTPNAT_OFFERS_TIMESTAMPS : 0;

	if (!o->wscale)
		return offers;
	return offers | FTPNAT_OFFERS_WINDOW | option_get_shift(o);
}

/* An option at `at`, one more than where it stands, becomes NOPs. */
__noinline int option_forget(struct tcp_options *o, __u32 at, __u32 len)
{
	__u32 i;

	if (!o || !at)
		return 0;
	o->changed = 1;
	for (i = 0; i < OPTIONS_MAX; i++)
		if (i < len)
			o->new[bounded(at - 1 + i, OPTIONS_LEN)] = OPT_NOP;
	return 0;
}

/* The options of nearly every segment: NOP, NOP, timestamp (RFC 7323 appendix A). */
#define USUAL_OPTIONS bpf_htonl(0x0101080a)
#define USUAL_LEN     12

static long walk_option(__u32 i, struct tcp_options **options)
{
	struct tcp_options *o = *options;
	__u8 kind, len, before = 0, before_len;

	(void)i;
	if (o->at >= o->len)
		return 1;
	kind = option_byte(o, o->at);
	if (kind == OPT_END)
		return 1;
	if (kind == OPT_NOP) {
		o->at++;
		return 0;
	}
	len = option_byte(o, o->at + 1);
	if (len < 2 || o->at + len > o->len)
		return 1;
	before_len = len;
	if (kind == OPT_MSS && len == 4) {
		before = o->mss;
		o->mss = o->at + 1;
	} else if (kind == OPT_WSCALE && len == 3) {
		before = o->wscale;
		o->wscale = o->at + 1;
	} else if (kind == OPT_FASTOPEN || kind == OPT_EXPERIMENT) {
		before = o->fastopen;
		before_len = o->fastopen_len;
		o->fastopen = o->at + 1;
		o->fastopen_len = len;
	} else if (kind == OPT_MD5 || kind == OPT_AO) {
		o->is_signed = 1;
	} else if (kind == OPT_TIMESTAMP && len == 10) {
		before = o->timestamp;
		o->timestamp = o->at + 1;
	} else if (kind == OPT_SACK && len >= 10) {
		before = o->sack;
		before_len = o->sack_len;
		o->sack = o->at + 1;
		o->sack_len = len;
	}
	/* receivers take the first or the last one */
	if (before)
		option_forget(o, before, before_len);
	o->at += len;
	return 0;
}

/* Reads the options of the packet; offsets in *o are one higher than the position. */
__noinline int options_read(struct __sk_buff *skb, struct packet *p,
			    struct tcp_options *o)
{
	__u32 len;

	if (!p || !o)
		return -1;
	len = p->payload - p->l4 - sizeof(struct tcphdr);
	o->len = 0;
	o->mss = 0;
	o->sack = 0;
	o->timestamp = 0;
	o->wscale = 0;
	o->is_signed = 0;
	o->fastopen = 0;
	o->changed = 0;
	if (!len || len > OPTIONS_MAX)
		return 0;
	__builtin_memset(o->new, 0, sizeof(o->new));
	if (bpf_skb_load_bytes(skb, p->l4 + sizeof(struct tcphdr), o->new,
			       bounded_len(len, OPTIONS_LEN)))
		return -1;
	__builtin_memcpy(o->old, o->new, sizeof(o->old));
	o->len = (__u8)len;
	if (len == USUAL_LEN && *(__be32 *)o->new == USUAL_OPTIONS) {
		o->timestamp = 2 + 1;
		return 0;
	}
	o->at = 0;
	bpf_loop(OPTIONS_MAX, walk_option, &o, 0);
	return 0;
}

/* Writes the options back if they were changed. 0 or -1. */
__noinline int options_write(struct __sk_buff *skb, struct packet *p,
			     struct tcp_options *o)
{
	__s64 diff;

	if (!p || !o)
		return -1;
	if (!o->changed)
		return 0;
	o->changed = 0;
	diff = bpf_csum_diff((__be32 *)o->old, OPTIONS_MAX, (__be32 *)o->new, OPTIONS_MAX,
			     0);
	if (bpf_skb_store_bytes(skb, p->l4 + sizeof(struct tcphdr), o->new,
				bounded_len(o->len, OPTIONS_LEN), 0))
		return -1;
	__builtin_memcpy(o->old, o->new, sizeof(o->old));
	return fix_tcp_csum(skb, p, diff) ? -1 : 0;
}

#endif
