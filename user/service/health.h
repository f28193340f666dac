/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Health checks: connect, expect a 220. A server that fails `fall` checks in a row gets
 * no new connections until it passes `rise` in a row and nothing else drains it.
 */
#ifndef FTPNAT_HEALTH_H
#define FTPNAT_HEALTH_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/options.h"
#include "config/config.h"

struct health_target;

struct health {
	const struct options *options;
	sd_event *event;
	struct health_target *target;
	size_t number;
};

void health_open(struct health *health, sd_event *event, const struct options *options);

/*
 * Check the servers of this configuration, which is in force, from now on. Servers that
 * were down before, in this `run` or an earlier one, stay down. Reports its errors.
 */
int health_configure(struct health *health, const struct config *config);

/* Leaves the servers as they are. */
void health_close(struct health *health);

/* Adds the family ftpnat_server_up. */
void health_metrics(const struct health *health, json_t *families);

#endif
