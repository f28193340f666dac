/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What Prometheus gets. Families are JSON: an array of {name, type, help, samples:
 * [{labels: {...}, value}]}. `metrics --json` prints it, and the text is generated from
 * it.
 */
#ifndef FTPNAT_METRICS_H
#define FTPNAT_METRICS_H

#include "show/sentences.h"
#include "show/counters.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* A family without samples, added to `families`; the samples are the family's. */
json_t *metrics_family(json_t *families, const char *name, const char *type,
		       const char *help);
/* `labels` is taken over; NULL: none. */
void metrics_sample(json_t *family, json_t *labels, __u64 value);

/* A sample that is not a whole number, or of a part of a histogram (its name's end). */
void metrics_part(json_t *family, const char *part, json_t *labels, double value);

/* The families of what was counted. */
json_t *metrics_build(const struct view *view, const struct stats *stats,
		      const unsigned int faults[FAULT_MAX]);

/* Read the instance and build. Reports its errors. */
int metrics_read(const struct options *options, json_t **families);

/* The families in Prometheus' text format. */
void metrics_print(FILE *out, const json_t *families);

#endif
