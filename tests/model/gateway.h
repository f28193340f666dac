/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The real programs, in a network namespace of their own, one packet at a time. */
#ifndef FTPNAT_MODEL_GATEWAY_H
#define FTPNAT_MODEL_GATEWAY_H

#include "alg_model.h"
#include "ftpnat_maps.h"
#include "ftpnat_reasons.h"

#define GATEWAY_MTU 1500

struct ftpnat_tc;

#define GATEWAYS 3 /* of a cluster, at most; the slot is the number from 1 */
#define GATEWAY_INJECT                                                                   \
	0x696e6a31 /* skb->cb[4] of frames that have waited; sent on: one more */

struct gateway {
	struct ftpnat_tc *skel;
	unsigned slot;	     /* in a cluster; 0: none */
	bool dead;	     /* powered off */
	unsigned ifindex[2]; /* towards the client, towards the server */
	uint8_t mac[2][6];
	int tap;
	uint64_t log_full;
	uint64_t counted[FTPNAT_REASON_MAX]; /* gateway_reasons() */
	struct ftpnat_listen_key listen;
};

/*
 * Loads the programs, in a new network namespace or in the one of another gateway, for a
 * member of a cluster (`slot` 0: without one). 0 or -1, with a message.
 */
int gateway_open(struct gateway *g, unsigned slot, const struct gateway *beside);
void gateway_close(struct gateway *g);

/* One rule, for one conversation. `port`: the control port that the client dials. */
void gateway_configure(struct gateway *g, const struct alg_config *config, uint16_t port,
		       uint16_t server_port);

/*
 * A frame comes in on the side of `from`. Returns the verdict of the program;
 * the frame is changed in place, in a buffer of FRAME_MAX bytes. `mark`: 0, GATEWAY_INJECT or
 * one more.
 */
int gateway_run(struct gateway *g, enum alg_side from, uint8_t *frame, size_t *len,
		unsigned gso_size, unsigned mark);

/* The next packet that the program has sent by itself in the last run; false: no more. */
bool gateway_sent(struct gateway *g, uint8_t *frame, size_t *len);

/* Has the program dropped a packet because its edit log was full, since it was last asked? */
bool gateway_log_full(struct gateway *g);

/* How often the program has done this to a packet, or with a line. */
uint64_t gateway_counted(struct gateway *g, enum ftpnat_reason reason);

/* The reasons counted since it was last asked, with a space before each. Slow. */
void gateway_reasons(struct gateway *g, char *text, size_t size);

/* Sequence numbers up to which both directions are parsed. false: no session yet. */
bool gateway_progress(struct gateway *g, uint32_t next[2]);

/* Does the program believe that the connection was reset? */
bool gateway_reset(struct gateway *g);

/* What is left of the conversation, which is then removed. */
struct gateway_rest {
	unsigned flows, sessions, expectations;
	struct alg_expectation expectation; /* the last of them */
};

void gateway_forget(struct gateway *g, struct gateway_rest *rest);

#endif
