/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ethernet frames with one TCP segment: built, and taken apart and checked. */
#ifndef FTPNAT_MODEL_FRAME_H
#define FTPNAT_MODEL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alg_model.h"

#define FRAME_MAX 3520 /* what a test run takes */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct sack_block {
	uint32_t left, right;
};

struct segment {
	struct alg_addr src, dst;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint8_t ttl;
	uint16_t window;
	uint16_t mss; /* 0: no such option */
	int wscale;   /* -1: no such option */
	bool sack_permitted;
	bool has_ts;
	uint32_t tsval, tsecr;
	int sacks;
	struct sack_block sack[4];
	size_t options_len;
	const uint8_t *payload;
	size_t len;
};

/* Bytes of the frame. */
size_t frame_build(uint8_t *frame, const struct segment *seg, const uint8_t *dmac,
		   const uint8_t *smac);
/* NULL, or what is wrong with the frame: lengths and checksums too. */
const char *frame_parse(struct segment *seg, const uint8_t *frame, size_t len);
/* One line for people. */
void frame_text(char *text, size_t size, const struct segment *seg, uint32_t seq_base,
		uint32_t ack_base);

#endif
