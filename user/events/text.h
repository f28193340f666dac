/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The line of an event, as received and as the other side reads it. */
#ifndef FTPNAT_EVENT_TEXT_H
#define FTPNAT_EVENT_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ftpnat_maps.h"

#define EVENT_TEXT_CUT "..."

struct event_text {
	__u8 byte[FTPNAT_EVENT_LINE + FTPNAT_EVENT_TEXT + 2 * sizeof(EVENT_TEXT_CUT)];
	size_t len;
	bool cut; /* "..." stands for what the event doesn't show */
};

void event_text_before(struct event_text *text, const struct ftpnat_line_event *e);
void event_text_after(struct event_text *text, const struct ftpnat_line_event *e);

/* In quotes; all but printable ASCII as \r, \n, \t or \xHH. */
void event_text_print(FILE *out, const struct event_text *text);

#define EVENT_LATIN1_LEN 512 /* bytes that event_latin1_json() takes */

/* Each byte becomes the character of that number (Latin-1). NULL: no memory. */
json_t *event_latin1_json(const void *bytes, size_t n);

#endif
