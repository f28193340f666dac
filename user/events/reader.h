/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A reader of events: it has a ring buffer of its own in a slot of ftpnat_events, so what
 * it reads, or is too slow to read, is nobody else's. A lock, which ends with its process,
 * shows that the slot is in use; the next reader empties the slots of those that were
 * killed.
 */
#ifndef FTPNAT_EVENT_READER_H
#define FTPNAT_EVENT_READER_H

#include <bpf/libbpf.h>
#include <stdbool.h>

#include "events/maps.h"

struct event_reader {
	const struct event_maps *maps;
	int lock_fd;
	int ring_fd;
	__u32 slot;
	struct ftpnat_readers *readers; /* NULL: no slot is ours */
	struct ring_buffer *ring;
	__u64 lost; /* by this slot until now, told */
};

#define EVENT_READER_INIT                                                                \
	{                                                                                \
		.lock_fd = -1, .ring_fd = -1                                             \
	}

/*
 * Events from now on, through a ring buffer of this size (FTPNAT_EVENTS_SIZE, or a power of
 * two more); `each` gets them when `ring` is consumed. -EBUSY, without a
 * message: all slots are in use. Reports other errors.
 */
int event_reader_open(struct event_reader *reader, const struct event_maps *maps,
		      __u32 size, ring_buffer_sample_fn each, void *arg);
void event_reader_close(struct event_reader *reader);

/* The message for -EBUSY; returns it. */
int event_reader_busy(const struct event_maps *maps);

/* Events that found no room in the ring buffer since it was opened. */
__u64 event_reader_lost(const struct event_reader *reader);

#endif
