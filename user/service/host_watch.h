/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For `run`: interfaces and addresses of the host as read at the last up or reload, and
 * whether they have changed since, for example by DHCP or PPP.
 */
#ifndef FTPNAT_HOST_WATCH_H
#define FTPNAT_HOST_WATCH_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/options.h"

struct host_watch {
	const struct options *options;
	sd_event_source *io;
	sd_event_source *timer;
	bool soon; /* the timer is about to look */
	void (*changed)(void *arg);
	void *arg;
};

/*
 * Call `changed` when a reload would find other interfaces or addresses, from now on and
 * again for as long as that stays so. Reports its errors.
 */
int host_watch_open(struct host_watch *watch, sd_event *event,
		    const struct options *options, void (*changed)(void *arg), void *arg);
void host_watch_close(struct host_watch *watch);

#endif
