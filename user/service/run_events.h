/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The events of `run`: from the ring buffer to the log and to all readers. */
#ifndef FTPNAT_RUN_EVENTS_H
#define FTPNAT_RUN_EVENTS_H

#include <systemd/sd-event.h>

#include "events/maps.h"
#include "events/relay.h"
#include "ftpnat_reasons.h"

struct run_events {
	const struct options *options;
	struct event_maps maps;
	int lock_fd;  /* -1: somebody else reads, so far */
	bool waiting; /* which was told */
	bool journal; /* standard error is the journal */
	struct ring_buffer *ring;
	sd_event_source *ring_source;
	struct event_relay relay;
	sd_event_source *relay_source;
	unsigned int round;			/* events of this round */
	__u64 lost;				/* already reported */
	unsigned int logged[FTPNAT_REASON_MAX]; /* or would have been, in this second */
};

#define RUN_EVENTS_INIT                                                                  \
	{                                                                                \
		.maps = EVENT_MAPS_INIT, .lock_fd = -1, .relay = EVENT_RELAY_INIT        \
	}

/* Begin, or wait until the ring buffer has no other reader. Reports its errors. */
int run_events_open(struct run_events *events, sd_event *event,
		    const struct options *options);
void run_events_close(struct run_events *events);

/* Every second. Reports its errors. */
int run_events_tend(struct run_events *events, sd_event *event);

#endif
