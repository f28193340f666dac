/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The events of `run`: from its ring buffer to the log. */
#ifndef FTPNAT_RUN_EVENTS_H
#define FTPNAT_RUN_EVENTS_H

#include <systemd/sd-event.h>

#include "events/maps.h"
#include "events/reader.h"
#include "ftpnat_reasons.h"

struct run_events {
	const struct options *options;
	struct event_maps maps;
	bool waiting; /* for a slot, which was told */
	bool journal; /* standard error is the journal */
	struct event_reader reader;
	sd_event_source *source;
	unsigned int round;			/* events of this round */
	__u64 lost;				/* already reported */
	unsigned int logged[FTPNAT_REASON_MAX]; /* or would have been, in this second */
};

#define RUN_EVENTS_INIT                                                                  \
	{                                                                                \
		.maps = EVENT_MAPS_INIT, .reader = EVENT_READER_INIT                     \
	}

/* Begin, or wait until a slot for readers is free. Reports its errors. */
int run_events_open(struct run_events *events, sd_event *event,
		    const struct options *options);
void run_events_close(struct run_events *events);

/* Every second. Reports its errors. */
int run_events_tend(struct run_events *events, sd_event *event);

#endif
