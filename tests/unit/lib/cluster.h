/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two gateways of a cluster, with slots 1 and 2: their programs with maps of their own, and
 * between them what `run` does, message by message.
 */
#ifndef FTPNAT_TEST_CLUSTER_H
#define FTPNAT_TEST_CLUSTER_H

#include "cluster/message.h"
#include "ftpnat_maps.h"
#include "talk.h"

#define FIRST  1
#define SECOND 2

/*
 * Both gateways with the scene's configuration (NULL rule: scene_rule()); each tells what
 * changes, nothing waits. The first is at hand.
 */
void cluster_configure(const struct scene *scene, const struct ftpnat_rule *rule);
/* The same, and an open connection of the scene on the first gateway, which the second knows. */
void cluster_begin(struct talk *talk, enum scene_id id);

/* The gateway with this slot is at hand from now on. */
void cluster_go_to(__u32 slot);

/* What the programs of the gateway at hand are told; `alive` 0: now. */
void cluster_order(const struct ftpnat_cluster *order);
struct ftpnat_cluster cluster_told(void);

/* What a gateway has published. */
struct published {
	struct ftpnat_record record; /* of a frame only the type */
	struct packet frame;	     /* of FTPNAT_RECORD_FRAME and _SENT_ON */
	__u32 ifindex;
	__u32 owner; /* of FTPNAT_RECORD_SENT_ON */
};

#define PUBLISHED 64 /* at most */

/* All that the gateway at hand has published since the last call; their number. */
size_t cluster_published(const struct published **published);

/* The message that its peers get of this record. */
void cluster_message(struct message_row *row, const struct ftpnat_record *record);
/* A message, as it was read, goes into the gateway with this slot: enum ftpnat_applied or -1. */
int cluster_apply_message(__u32 slot, const struct message *message);
/* A record over the wire into the gateway with this slot: enum ftpnat_applied. */
int cluster_apply(__u32 slot, const struct ftpnat_record *record);

/*
 * All that the gateway at hand has published goes to the one with this slot; how many
 * records there had these results.
 */
struct passed {
	size_t result[FTPNAT_APPLIED_FULL + 1];
	size_t frames; /* that wait */
};
struct passed cluster_pass(__u32 slot);

#endif
