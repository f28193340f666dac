/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The network: client, gateway and server in simulated time. Between each end
 * and the gateway packets are lost, doubled and overtake each other; at the
 * gateway each goes through the real program.
 */
#ifndef FTPNAT_MODEL_WIRE_H
#define FTPNAT_MODEL_WIRE_H

#include <setjmp.h>

#include "gateway.h"
#include "tcp_end.h"

struct wire_traits {
	unsigned loss;	    /* percent, on each of the two links */
	unsigned duplicate; /* percent */
	unsigned jitter;    /* microseconds; above 0 packets overtake each other */
	unsigned forged; /* percent of packets at the gateway that a forged one follows */
};

#define WIRE_FRAMES 2048
#define WIRE_EVENTS 16384

struct wire_frame {
	uint64_t at, serial;
	bool arriving; /* at `side`; else at the gateway, coming from there */
	bool forged;   /* its receiver discards it */
	enum alg_side side;
	unsigned gso_size;
	size_t len;
	uint8_t byte[FRAME_MAX];
};

/* The gateway has received what `from` sent up to offset `until`. */
struct wire_event {
	enum alg_side from;
	uint32_t until;
};

/* An application: speaks when it has something to say. */
struct wire_talker {
	void (*run)(void *arg, struct tcp_end *end);
	uint64_t (*next)(const void *arg); /* when to be run, whatever comes */
	void *arg;
};

struct wire {
	struct wire_traits traits;
	struct gateway *gateway;
	struct random random;
	bool verbose;
	uint64_t now, serial;
	struct tcp_end end[2];
	struct wire_talker talker[2];
	uint16_t dialled_port, seen_port; /* seen_port 0: not seen yet */
	struct alg_config config;

	struct wire_frame frame[WIRE_FRAMES];
	unsigned heap[WIRE_FRAMES], queued; /* indices, earliest first */
	unsigned spare[WIRE_FRAMES], spares;

	struct wire_event event[WIRE_EVENTS]; /* in order */
	unsigned events;
	bool reset_seen; /* and believed, at the gateway */
	bool dropped;	 /* a packet, for want of room in this model or in the edit log */
	uint64_t packets; /* through the gateway */
	uint64_t forged;  /* of these */

	jmp_buf failed;
	char failure[256];
};

void wire_init(struct wire *w, struct gateway *gateway, const struct wire_traits *traits,
	       uint64_t seed, bool verbose);
/* Until nothing happens any more. */
void wire_run(struct wire *w);
/* Ends the conversation: to w->failed with w->failure set. */
_Noreturn void wire_fail(struct wire *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
