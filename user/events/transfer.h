/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The event of a transfer, for people and for programs. */
#ifndef FTPNAT_EVENT_TRANSFER_H
#define FTPNAT_EVENT_TRANSFER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "ftpnat_maps.h"

/* NULL: the event is another one. Events of a ring buffer have their whole size. */
const struct ftpnat_transfer_event *event_transfer(const struct ftpnat_event *e);

/* An argument as the client wrote it, its end left out. */
struct event_argument {
	const char *byte;
	size_t len; /* 0: none, or not known */
	bool cut;   /* it was longer */
};

struct event_argument event_transfer_user(const struct ftpnat_transfer_event *t);
struct event_argument event_transfer_path(const struct ftpnat_transfer_event *t);

/* Of its payload. False: it had no data connection that was seen. */
bool event_transfer_bytes(const struct ftpnat_transfer_event *t, __u64 *bytes);

/* Adds what an event of a connection doesn't have. */
void event_transfer_json(json_t *entry, const struct ftpnat_transfer_event *t);
void event_transfer_print(FILE *out, const struct ftpnat_transfer_event *t);

#endif
