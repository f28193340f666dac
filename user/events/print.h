/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An event as text and as JSON. `line` is NULL for an event of a connection. */
#ifndef FTPNAT_EVENT_PRINT_H
#define FTPNAT_EVENT_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "ftpnat_maps.h"

#define EVENT_TIME_STRLEN 32

__u64 event_clock_ns(clockid_t clock);

/* A time of CLOCK_MONOTONIC: local for people, UTC for machines. Returns `buf`. */
char *event_time_str(char buf[static EVENT_TIME_STRLEN], __u64 monotonic, bool utc);

/* Has what came from a ring buffer all that its reason says? */
bool event_is_whole(const struct ftpnat_event *e, size_t size);

/* As --kind has it: control, data, transfer_done. */
const char *event_kind(const struct ftpnat_event *e);

/* The line of an event that the ring buffer's record is, or NULL. */
const struct ftpnat_line_event *event_line(const void *data, size_t size);

/* Without its time and the final newline. */
void event_print(FILE *out, const struct ftpnat_event *e,
		 const struct ftpnat_line_event *line, const char *rule, int rule_width);

/* NULL: no memory. */
json_t *event_json(const struct ftpnat_event *e, const struct ftpnat_line_event *line,
		   const char *rule);

/* On one line of ASCII, without the newline, and without a control character: terminals see it. */
int event_json_print(FILE *out, const json_t *entry);

#endif
