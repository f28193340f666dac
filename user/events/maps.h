/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of events, with what is needed to decode them. */
#ifndef FTPNAT_EVENT_MAPS_H
#define FTPNAT_EVENT_MAPS_H

#include "dataplane/view.h"

struct event_maps {
	char dir[sizeof(((struct ftpnat_state *)NULL)->pin)];
	int events_fd;
	int config_fd;
	int rules_fd;
	int readers_fd;
	__u32 events_id;
	int rule_width; /* of the longest name of a rule so far */
};

#define EVENT_MAPS_INIT                                                                  \
	{                                                                                \
		.events_fd = -1, .config_fd = -1, .rules_fd = -1, .readers_fd = -1       \
	}

/* Reports its errors. */
int event_maps_open(struct event_maps *maps, const struct view *view);
void event_maps_close(struct event_maps *maps);

/* The rule, even if a reload has added it since; all but its name zero if there is none. */
void event_maps_rule_of(struct event_maps *maps, __u16 id, struct ftpnat_rule *rule);

/* Name of the rule, even if a reload has added it since; "?" if there is none. */
void event_maps_rule(struct event_maps *maps, __u16 id, char name[FTPNAT_NAME_LEN]);

/* Are these still the maps of the instance at the pin directory? */
bool event_maps_up(const struct event_maps *maps);

#endif
