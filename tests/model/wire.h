/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The network: client, gateway and server in simulated time. Between each end
 * and the gateway packets are lost, doubled and overtake each other; at the
 * gateway each goes through the real program.
 */
#ifndef FTPNAT_MODEL_WIRE_H
#define FTPNAT_MODEL_WIRE_H

#include <setjmp.h>
#include <stdio.h>

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

/*
 * A gateway that had parsed both ends' streams up to `before` has received what `from` sent
 * up to offset `until`. Several gateways may go on from the same point, and not all come to
 * anything.
 */
struct wire_event {
	enum alg_side from;
	uint32_t before[2];
	uint32_t until;
};

/* An application: speaks when it has something to say. */
struct wire_talker {
	void (*run)(void *arg, struct tcp_end *end);
	uint64_t (*next)(const void *arg); /* when to be run, whatever comes */
	void *arg;
};

struct wire;

/* The gateways as a cluster: which of them gets a packet, and what they tell each other. */
struct wire_cluster {
	void (*begin)(void *arg, struct wire *wire);
	struct gateway *(*pick)(void *arg); /* NULL: the packet is lost */
	/* this packet has run through that gateway, with this verdict */
	void (*ran)(void *arg, struct gateway *gateway, enum alg_side from,
		    const struct segment *seg, int verdict);
	uint64_t (*next)(const void *arg); /* when to be run */
	void (*run)(void *arg);
	void *arg;
	bool orphans; /* an expectation may outlive its session, until its time is over */
};

struct wire {
	struct wire_traits traits;
	struct gateway *gateway;
	unsigned gateways;
	struct wire_cluster cluster; /* pick NULL: there is one gateway */
	struct random random;
	FILE *trace; /* NULL: none */
	uint64_t now, serial;
	struct tcp_end end[2];
	struct wire_talker talker[2];
	uint16_t dialled_port, seen_port; /* seen_port 0: not seen yet */
	struct alg_config config;

	struct wire_frame frame[WIRE_FRAMES];
	unsigned heap[WIRE_FRAMES], queued; /* indices, earliest first */
	unsigned spare[WIRE_FRAMES], spares;

	struct wire_event event[WIRE_EVENTS]; /* as they happened */
	unsigned events;
	bool reset_seen; /* and believed, at the gateway */
	bool dropped;	 /* a packet, for want of room in this model or in the edit log */
	uint64_t packets; /* through the gateway */
	uint64_t forged;  /* of these */

	jmp_buf failed;
	char failure[256];
};

void wire_init(struct wire *w, struct gateway *gateway, const struct wire_traits *traits,
	       uint64_t seed, FILE *trace);
/*
 * What the gateways have read in the end, in this order, of a session that is where the one of
 * them that knows most has it: steps of `path`, of WIRE_EVENTS; their number.
 */
unsigned wire_path(struct wire *w, struct wire_event *path);
/* A frame comes in again, or from another gateway. */
void wire_inject(struct wire *w, struct gateway *gateway, enum alg_side from,
		 const uint8_t *frame, size_t len, unsigned mark);
/* A packet that this gateway has not sent comes to an end. */
void wire_deliver(struct wire *w, enum alg_side to, const struct segment *seg);
/* Until nothing happens any more. */
void wire_run(struct wire *w);
/* Ends the conversation: to w->failed with w->failure set. */
_Noreturn void wire_fail(struct wire *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
