/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of this gateway, as its cluster sees them: their records, the records of
 * other gateways, and the frames that wait.
 */
#ifndef FTPNAT_EXCHANGE_H
#define FTPNAT_EXCHANGE_H

#include <bpf/libbpf.h>

#include "cluster/message.h"
#include "cluster/wire.h"
#include "ftpnat_maps.h"

/* A frame that waits until the message with this number is known to the peers. */
struct waiting {
	struct waiting *next;
	uint64_t number;
	uint64_t usec; /* since when, CLOCK_MONOTONIC */
	struct ftpnat_parked frame;
};

struct exchange_counts {
	uint64_t published; /* records */
	uint64_t applied;
	uint64_t stale;	      /* records of others that were older than what was known */
	uint64_t full;	      /* ... for which there was no room */
	uint64_t unknown;     /* ... of a rule that isn't configured here */
	uint64_t demoted;     /* connections that another gateway has taken over */
	uint64_t released;    /* frames */
	uint64_t unprotected; /* frames released before the peers knew */
	uint64_t sent_on;     /* frames, to the owner of their connection */
	uint64_t injected;    /* ... of others, to this gateway */
};

struct exchange {
	const char *dir; /* of the instance */
	int cluster_fd;
	int records_fd;
	int inbox_fd;
	int flows_fd;
	int rules_fd;
	int config_fd;
	int replica_fd; /* programs, of the last reload */
	int tell_fd;
	int inject_fd;
	int ring_fd;
	struct ring_buffer *ring;
	struct ftpnat_record record; /* at hand */
	char rules[FTPNAT_MAX_RULES][FTPNAT_NAME_LEN];
	struct waiting *first; /* oldest first */
	struct waiting *last;
	size_t waiting;
	struct exchange_counts counts;
	/* a record, or a frame, was published */
	void (*record_seen)(void *arg, const struct ftpnat_record *record);
	/* a frame is for the gateway that owns its connection */
	void (*sent_on)(void *arg, const struct ftpnat_parked *frame);
	uint64_t (*number)(void *arg); /* of the newest message */
	void *arg;
};

/* Opens what is pinned, and begins to listen. Reports its errors. */
int exchange_open(struct exchange *x, const char *dir);
/* After a reload: its programs and rules. */
int exchange_renew(struct exchange *x);
void exchange_close(struct exchange *x);

/* Descriptor that becomes readable when something was published. */
int exchange_fd(const struct exchange *x);
void exchange_consume(struct exchange *x);

/* What the programs shall do from now on. */
void exchange_order(const struct exchange *x, const struct ftpnat_cluster *order);

/* What the programs count themselves. */
void exchange_told(const struct exchange *x, struct ftpnat_cluster *told);

/* A message of another member: MESSAGE_CONNECTION or MESSAGE_END. */
void exchange_apply(struct exchange *x, const struct message *message);

/* Adds the connection or its end to a message. */
void exchange_put(const struct exchange *x, struct message_row *row,
		  const struct ftpnat_record *record);

/* Publishes the connection with this client's key. */
void exchange_tell(const struct exchange *x, const struct ftpnat_tuple *key);
/* Takes over the control connection with this client's key. False: it is not another's. */
bool exchange_take(const struct exchange *x, const struct ftpnat_tuple *key);

/*
 * Lets go on all frames that waited for messages up to `known`, and those that came before
 * `usec`; UINT64_MAX: all.
 */
void exchange_release(struct exchange *x, uint64_t known, uint64_t usec);

/* A frame that another gateway has sent on is injected at this interface. */
void exchange_inject(struct exchange *x, const char *interface, uint32_t gso,
		     const uint8_t *frame, size_t len);

/* Frames in the kernel's form become frames that a card could have received. */
size_t frame_cut(const uint8_t *frame, size_t len, size_t most,
		 void (*each)(void *arg, uint8_t *piece, size_t len), void *arg);

#endif
