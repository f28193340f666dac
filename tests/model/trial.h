/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A conversation through gateways, and whether all came out as the model says. */
#ifndef FTPNAT_MODEL_TRIAL_H
#define FTPNAT_MODEL_TRIAL_H

#include <stdio.h>

#include "conversation.h"

/* Too large for the stack. */
struct trial {
	uint64_t seed;
	struct conversation conversation;
	struct wire wire;
	struct wire_event path[WIRE_EVENTS];
	struct alg_model model;
	bool over; /* the session */
	struct gateway_rest rest[GATEWAYS];
};

void trial_make(struct trial *t, uint64_t seed, unsigned steps, unsigned features);

/*
 * Holds it through `n` gateways: NULL, or what went wrong. `cluster` NULL: there is one. The
 * conversation and its packets go to `trace`, if that isn't NULL.
 */
const char *trial_hold(struct trial *t, struct gateway *gateways, unsigned n,
		       const struct wire_cluster *cluster, FILE *trace);

#endif
