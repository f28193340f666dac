/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An attacker who writes in the name of both ends: segments that their receiver would
 * discard. None of them may change anything.
 */
#ifndef FTPNAT_MODEL_FORGER_H
#define FTPNAT_MODEL_FORGER_H

#include "frame.h"
#include "random.h"

struct forgery {
	struct segment segment;
	bool damaged; /* its checksum is to be wrong */
	uint8_t payload[FRAME_MAX];
};

/*
 * Makes a segment of the sender of `real`, which has just been at the gateway. `parsed`:
 * the gateway has read all of its bytes, so it may be contradicted.
 */
void forge(struct forgery *f, struct random *random, const struct segment *real,
	   bool parsed);

#endif
