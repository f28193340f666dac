/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sessions of two gateways do in several tests: their data connections, comparing them. */
#ifndef FTPNAT_TEST_CLUSTER_TALK_H
#define FTPNAT_TEST_CLUSTER_TALK_H

#include "cluster.h"

#define FIRST_PORT 2560 /* of the slice of slot 1 */

/* Counted with the first packet of a connection that another gateway opened. */
extern const enum ftpnat_reason taken_over[];

struct data {
	bool active;
	uint16_t port[2];  /* of the client and of the server, the same for both */
	uint32_t first[2]; /* sequence number of the first byte */
};

/* The packet as it is sent, of this data connection. */
struct packet_spec cluster_data_ports(const struct data *data, struct packet_spec spec,
				      enum end from);
/* A packet of it, which goes through; `data` counts on. */
bool cluster_data(const char *says, const struct talk *talk, struct data *data,
		  enum end from, uint8_t flags, const char *payload,
		  const enum ftpnat_reason *also);

/*
 * The frame that has waited comes in again, or that was sent on comes in at its owner, which is
 * at hand: does the other end get `text`?
 */
bool cluster_injected(const char *says, struct talk *talk, enum end from,
		      const struct published *waited, const char *text,
		      enum ftpnat_reason reason, const enum ftpnat_reason *also);

/* The last that the gateway at hand has published of a control connection. */
void cluster_newest(struct ftpnat_record *record);
/*
 * As a timer of the programs, or `run`, has the conversation published at the gateway at hand;
 * FTPNAT_RECORD_CLAIMED: taken over. What ftpnat_tell returns.
 */
__u32 cluster_tell(const struct talk *talk, __u32 has);

/* The id of the session of this conversation. */
__u32 cluster_session(const struct talk *talk);
/* Both gateways have the same of it; an expectation that was used may be forgotten. */
void cluster_compare(__u32 id, bool expects);

#endif
