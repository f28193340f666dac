/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* This gateway as a member of its cluster: who the others are, and what they know. */
#ifndef FTPNAT_MEMBER_H
#define FTPNAT_MEMBER_H

#include <jansson.h>

#include "base/options.h"
#include "cluster/engine.h"
#include "cluster/exchange.h"
#include "cluster/message.h"
#include "config/config.h"
#include "config/print.h"

#define MEMBER_NAME_LEN 65

/* A member of the view, this gateway included. */
struct peer {
	uint64_t id; /* the engine's */
	bool known;  /* it has said hello */
	bool synced;
	bool fresh; /* it has not said hello in this view */
	uint32_t slot;
	char name[MEMBER_NAME_LEN];
	char form[CONFIG_FORM_LEN];
	char version[16];
	uint64_t got;	/* its newest message that was dealt with here */
	uint64_t told;	/* ... as it was told */
	uint64_t knows; /* the newest of ours that it has dealt with */
};

struct sharing; /* see share.h */

/* When a message went out, for the lag. */
struct sent {
	uint64_t number;
	uint64_t usec; /* CLOCK_MONOTONIC */
};

#define MEMBER_SENT 1024 /* remembered, power of two */

#define MEMBER_LATENCIES 12 /* bounds of the histogram, see member.c */

struct member_counts {
	uint64_t views;				/* changes of the view */
	uint64_t sent;				/* messages */
	uint64_t got;				/* of the others */
	uint64_t engine_lost;			/* times that the engine went away */
	uint64_t latency[MEMBER_LATENCIES + 1]; /* messages by the time until all knew */
	uint64_t latency_usec;			/* of all of them */
};

struct member {
	const struct options *options;
	sd_event *event;
	struct config_cluster config; /* .at.line 0: no cluster */
	char form[CONFIG_FORM_LEN];
	const struct engine_kind *kind;
	struct engine *engine; /* NULL: not reached */
	bool lost;	       /* the engine is to be closed */
	bool synced;
	struct peer peer[ENGINE_MEMBERS];
	size_t peers;
	struct message_row row; /* to be sent */
	sd_event_source *later; /* sends it */
	uint64_t number;	/* of the newest message */
	struct sent sent[MEMBER_SENT];
	uint64_t known; /* the newest message that all others have dealt with */
	struct member_counts counts;
	struct exchange exchange;
	sd_event_source *published; /* by the programs */
	sd_event_source *pulse;	    /* says to them that we live */
	uint64_t asked; /* member that was asked for all that it knows; 0: none */
	struct sharing *sharing; /* with members that have asked */
};

void member_open(struct member *member, sd_event *event, const struct options *options);
/* Joins, leaves, or tells the others of the new configuration. 0, or reported. */
int member_configure(struct member *member, const struct config *config);
void member_tend(struct member *member); /* once a second */
void member_close(struct member *member);

/* As `cluster status` prints it, but for the sessions. */
json_t *member_note(const struct member *member);
/* Age of the oldest message that some member hasn't dealt with. */
double member_lag(const struct member *member);
/* Upper bounds of member_counts.latency but the last, in seconds. */
extern const double member_latencies[MEMBER_LATENCIES];

#endif
