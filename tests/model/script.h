/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What one end of a conversation says, and when. */
#ifndef FTPNAT_MODEL_SCRIPT_H
#define FTPNAT_MODEL_SCRIPT_H

#include "tcp_end.h"

#define SCRIPT_EVENTS 256
#define SCRIPT_BYTES  49152

/* Said once so many lines of the other side have been read. */
struct script_event {
	unsigned wait;
	uint32_t start, len;
};

enum ending { ENDING_CLOSE, ENDING_OPEN, ENDING_ABORT };

struct script {
	struct script_event event[SCRIPT_EVENTS];
	unsigned events;
	uint8_t byte[SCRIPT_BYTES];
	uint32_t bytes;
	unsigned lines;
	/* how it is spoken: in writes of so many bytes with so long pauses */
	unsigned write_min, write_max;
	unsigned pause; /* milliseconds */
	enum ending ending;
	/* where the speaker is */
	unsigned spoken;
	uint32_t ready, written; /* offsets into `byte` */
	uint32_t heard, heard_lines;
	uint64_t at;
	bool ended;
};

/* `len` bytes more, once `wait` lines of the other side have been read. */
void script_add(struct script *script, unsigned wait, const void *bytes, size_t len);

/* The speaker of a script, see struct wire_talker. */
void script_run(void *script, struct tcp_end *end);
uint64_t script_next(const void *script);

#endif
