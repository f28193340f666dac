/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The endpoint that Prometheus scrapes. */
#ifndef FTPNAT_METRICS_HTTP_H
#define FTPNAT_METRICS_HTTP_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/addr.h"

struct metrics_http;

/* The families (see metrics.h), or NULL when they can't be read now. */
typedef json_t *(*metrics_http_fn)(void *arg);

/* Serve at `listen_at` in the network namespace that we are in. Reports its errors. */
int metrics_http_open(struct metrics_http **out, sd_event *event,
		      const struct ftpnat_endpoint *listen_at, metrics_http_fn read,
		      void *arg);
void metrics_http_close(struct metrics_http *http);

/* To be called periodically: closes idle connections. */
void metrics_http_tend(struct metrics_http *http);

static inline void metrics_http_closep(struct metrics_http **http)
{
	metrics_http_close(*http);
}

#define _cleanup_metrics_http_ __attribute__((__cleanup__(metrics_http_closep)))

#endif
