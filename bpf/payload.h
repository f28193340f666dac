/* SPDX-License-Identifier: GPL-2.0-only */
/* The payload of the control segment at hand, in pieces, and the bytes in front of it. */
#ifndef FTPNAT_BPF_PAYLOAD_H
#define FTPNAT_BPF_PAYLOAD_H

#include "scratch.h"

/* The piece that holds this byte of the payload. */
static __always_inline struct payload *piece_at(const struct scan *c, __u32 offset)
{
	__u32 key = offset / PAYLOAD_LEN & (PAYLOAD_PIECES - 1);

	return key ? bpf_map_lookup_elem(&ftpnat_payload, &key) : c->in;
}

static long piece_load(__u32 i, struct scan *c)
{
	struct payload *piece = piece_at(c, i * PAYLOAD_LEN);
	__u32 from = c->s->packet.payload + i * PAYLOAD_LEN;
	__u32 len = c->s->segment.len - i * PAYLOAD_LEN;
	long rc;

	if (!piece || i * PAYLOAD_LEN >= c->s->segment.len)
		return 1;
	if (len <= PAYLOAD_LEN) {
		rc = bpf_skb_load_bytes(c->skb, from, piece->byte,
					bounded_len(len, PAYLOAD_LEN));
	} else {
		len -= PAYLOAD_LEN;
		if (len > sizeof(piece->behind))
			len = sizeof(piece->behind);
		rc = bpf_skb_load_bytes(c->skb, from, piece->byte, PAYLOAD_LEN) ||
		     bpf_skb_load_bytes(c->skb, from + PAYLOAD_LEN, piece->behind,
					bounded_len(len, sizeof(piece->behind)));
	}
	c->s->segment.scan.broken = rc != 0;
	return rc != 0;
}

/* Reads the whole payload. 0 or -1. */
static __always_inline int pieces_load(struct scan *c)
{
	c->s->segment.scan.broken = false;
	bpf_loop(PAYLOAD_PIECES, piece_load, c, 0);
	return c->s->segment.scan.broken ? -1 : 0;
}

/* A byte as the sender sent it: in this segment, or in one before it and kept. */
static __always_inline __u8 raw_byte(const struct scan *c, __u32 seq)
{
	const struct segment *seg = &c->s->segment;
	const struct payload *piece;

	if (seq_before(seq, seg->start))
		return c->log->kept[bounded(seq, FTPNAT_KEPT_LEN)];
	piece = piece_at(c, seq - seg->start);
	return piece ? piece->byte[bounded(seq - seg->start, PAYLOAD_LEN)] : 0;
}

struct summing {
	struct payload *payload;
	struct scratch *s;
};

#define SUM_CHUNK 512 /* the helper's limit before 6.13 */

static long sum_chunk(__u32 i, struct summing *c)
{
	__u32 off = i * SUM_CHUNK, len;

	if (off >= c->s->payload_sum.len)
		return 1;
	len = (c->s->payload_sum.len - off + 3) & ~3U; /* padded with zeros */
	if (len > SUM_CHUNK)
		len = SUM_CHUNK;
	barrier_var(len);
	if (len > SUM_CHUNK)
		return 1;
	off = bounded(off, PAYLOAD_LEN) & ~(SUM_CHUNK - 1U);
	c->s->payload_sum.sum = (__u32)bpf_csum_diff(
		0, 0, (__be32 *)(c->payload->byte + off), len, c->s->payload_sum.sum);
	return 0;
}

/* Internet checksum of a payload, added to `seed`; pads the buffer with zeros. */
static __noinline __u32 payload_sum(struct scratch *s, struct payload *payload, __u32 len,
				    __u32 seed)
{
	struct summing c = { .payload = payload, .s = s };

	__u32 i;

	for (i = 0; i < 3 && (len + i) & 3; i++)
		payload->byte[bounded(len + i, PAYLOAD_LEN)] = 0;
	s->payload_sum.len = len;
	s->payload_sum.sum = seed;
	bpf_loop(PAYLOAD_LEN / SUM_CHUNK, sum_chunk, &c, 0);
	return s->payload_sum.sum;
}

#endif
