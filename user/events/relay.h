/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring buffer has one reader. If that is `run`, it passes the events on to all
 * clients of a Unix socket: each message is a record of the ring buffer, or a __u64, the
 * number of events that this reader missed.
 */
#ifndef FTPNAT_EVENT_RELAY_H
#define FTPNAT_EVENT_RELAY_H

#include <linux/types.h>
#include <stddef.h>

#define EVENT_RELAY_READERS 16

struct event_relay {
	int fd;
	__u32 events_id;
	struct event_relay_reader {
		int fd;
		__u64 missed;
		__u64 told; /* of `missed` */
	} reader[EVENT_RELAY_READERS];
};

#define EVENT_RELAY_INIT                                                                 \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* The socket's path is derived from the id of the ring buffer. Reports its errors. */
int event_relay_open(struct event_relay *relay, __u32 events_id);
void event_relay_close(struct event_relay *relay);

/* Somebody is at `fd`. */
void event_relay_accept(struct event_relay *relay);

/* To all readers; never waits. */
void event_relay_send(struct event_relay *relay, const void *data, size_t size);

/* To be called periodically: reports missed events, drops readers that are gone. */
void event_relay_tend(struct event_relay *relay);

/* For readers: a descriptor, or -errno where nobody relays this ring buffer. */
int event_relay_connect(__u32 events_id);

/*
 * Call `each` for all pending events until it returns something other than 0; `missed`
 * is the last reported number. -ECONNRESET: the relay has ended.
 */
int event_relay_receive(int fd, int (*each)(void *arg, void *data, size_t size),
			void *arg, __u64 *missed);

#endif
