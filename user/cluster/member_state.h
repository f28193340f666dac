/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The state of a member of a cluster: who the others are, and what they know. */
#ifndef FTPNAT_MEMBER_STATE_H
#define FTPNAT_MEMBER_STATE_H

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
	bool drained;	/* it gives its sessions away */
	uint64_t got;	/* its newest message that was dealt with here */
	uint64_t told;	/* ... as it was told */
	uint64_t knows; /* the newest of ours that it has dealt with */
};

struct sharing;	 /* see share.h */
struct requests; /* see request.h */

/* When a message went out, for the lag. */
struct sent {
	uint64_t number;
	uint64_t usec; /* CLOCK_MONOTONIC */
};

#define MEMBER_SENT 1024 /* remembered, power of two */

#define MEMBER_LATENCIES 12 /* bounds of the histogram, see member_latencies */

struct member_counts {
	uint64_t views;				/* changes of the view */
	uint64_t sent;				/* messages */
	uint64_t got;				/* of the others */
	uint64_t engine_lost;			/* times that the engine went away */
	uint64_t late;				/* times that the others were late */
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
	uint64_t joined_usec;  /* CLOCK_MONOTONIC, when it was reached */
	bool synced;
	bool late;	  /* what `on_loss` says is in force */
	bool note_failed; /* other commands know nothing */
	struct peer peer[ENGINE_MEMBERS];
	size_t peers;
	struct message_row row; /* to be sent */
	sd_event_source *later; /* sends it */
	uint64_t number;	/* of the newest message */
	struct sent sent[MEMBER_SENT];
	/* when the oldest unknown message went out of which `sent` has no entry any more; 0: none */
	uint64_t forgotten_usec;
	uint64_t known; /* the newest message that all others have dealt with */
	struct member_counts counts;
	struct exchange exchange;
	sd_event_source *published; /* by the programs */
	sd_event_source *pulse;	    /* says to them that we live */
	uint64_t asked; /* member that was asked for all that it knows; 0: none */
	struct sharing *sharing;   /* with members that have asked */
	struct requests *requests; /* orders from other commands */
	bool drained;		   /* `cluster drain` */
	struct sharing *taking;	   /* `cluster take` */
	bool resyncing;		   /* `cluster resync` */
	uint64_t applied;	   /* exchange.counts.applied when it began */
};

/* NULL: not in the view. */
struct peer *member_peer(struct member *member, uint64_t id);
bool member_is_self(const struct member *member, const struct peer *peer);
/* Is there another member; one that is synced? */
bool member_has_peer(const struct member *member, bool synced);
/* The synced member with the lowest slot, or the lowest of all; not this one. NULL: none. */
struct peer *member_lowest(struct member *member, bool synced);
/* The member that gets what this one gives away: synced, not drained, lowest slot; or NULL. */
const struct peer *member_heir(const struct member *member);
/*
 * Alone, but for so short a time that the others may only not have been found yet? An engine
 * that has just started does not see them at once.
 */
bool member_waits_for_others(const struct member *member);
/* Has every member said who it is? */
bool member_knows_all(const struct member *member);
/*
 * Does no other member say that it has the same slot? One that isn't synced takes nothing from
 * one that is.
 */
bool member_has_own_slot(const struct member *member);
/*
 * Has a peer other rules, limits or timeouts? Not told of one of another version: it writes the
 * same file with other defaults.
 */
bool member_differs(const struct member *member, const struct peer *peer);
uint64_t member_now(void); /* CLOCK_MONOTONIC, microseconds */

#endif
