/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gateways of a cluster in simulated time: their programs, and the members that `run` is,
 * with an engine in place of corosync. At a random instant one of them is powered off.
 */
#ifndef FTPNAT_MODEL_CLUSTER_H
#define FTPNAT_MODEL_CLUSTER_H

#include "cluster/member.h"
#include "injected.h"
#include "trial.h"

struct injected;

/* What breaks the rule, so that the model must find it. */
enum mutation {
	MUTATION_NONE,
	MUTATION_NO_COMMIT,  /* frames go on before the peers know */
	MUTATION_SEEN_EARLY, /* peers say that they know what they haven't got */
	MUTATION_LOGS_LOST,  /* records have no held bytes and no edits */
	MUTATION_ACK_EARLY,  /* frames that wait are acknowledged */
	MUTATION_MAX
};

extern const char *const mutation_names[MUTATION_MAX];

/* A message of a member, or who the members are from now on; all get them in one order. */
struct post {
	unsigned from;
	unsigned members; /* bits; 0: it is a message */
	bool lost;	  /* its sender died first */
	uint64_t at[GATEWAYS];
	uint8_t *bytes;
	size_t len;
};

#define POSTS	   65536
#define INJECTIONS 512

struct engine {
	struct cluster *cluster;
	struct engine_calls calls;
	unsigned number;
};

struct cluster_member {
	struct member member;
	struct options options;
	char dir[32];
	sd_event *event;
	struct engine engine;
	bool joined;
	unsigned next;	   /* post to be delivered */
	uint64_t last_at;  /* ... of the newest post */
	uint64_t wake_at;  /* `run` looks at what its programs have published */
	uint64_t pretends; /* MUTATION_SEEN_EARLY: what the peers say that they have */
	uint64_t parked;   /* MUTATION_ACK_EARLY: packets so far */
};

struct cluster {
	struct gateway gateway[GATEWAYS];
	struct cluster_member member[GATEWAYS];
	struct injected *injected;
	struct ring_buffer *injections;
	struct injection frame[INJECTIONS]; /* to come in again */
	unsigned frames;
	struct config config;
	enum mutation mutation;
	struct random random;
	struct wire *wire;
	struct post post[POSTS];
	unsigned posts;
	bool joining; /* nothing takes time */

	/* of the conversation */
	unsigned gateways;
	unsigned moves; /* percent of packets that come to another gateway than before */
	unsigned delay; /* microseconds, at most: until `run` looks, until a message comes */
	unsigned dies;	  /* after so many packets */
	unsigned gap;	  /* microseconds in which packets to the dead one are lost */
	unsigned notice;  /* ... until the others know */
	unsigned current; /* gateway of the newest packet */
	unsigned packets;
	unsigned victim;
	uint64_t death_at, gap_until;
};

/* Loads the programs GATEWAYS times. 0 or -1, with a message. */
int cluster_open(struct cluster *c);
void cluster_close(struct cluster *c);

/*
 * A cluster for the conversation, by its seed, and the conversation for a cluster; `commit`
 * of the configuration is one of what was asked for.
 */
void cluster_make(struct cluster *c, struct trial *trial);

/* trial_hold() through the cluster. */
const char *cluster_hold(struct cluster *c, struct trial *trial, FILE *trace);

#endif
