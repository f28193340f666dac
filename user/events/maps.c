// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "events/maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/pin.h"

static void widen(struct event_maps *maps, const char *name)
{
	int len = (int)strnlen(name, FTPNAT_NAME_LEN);

	if (len > maps->rule_width)
		maps->rule_width = len;
}

int event_maps_open(struct event_maps *maps, const struct view *view)
{
	*maps = (struct event_maps)EVENT_MAPS_INIT;
	snprintf(maps->dir, sizeof(maps->dir), "%s", view->instance.dir);
	maps->events_fd = view_map(view, FTPNAT_MAP_EVENTS);
	maps->config_fd = view_map(view, FTPNAT_MAP_CONFIG);
	maps->rules_fd = view_map(view, FTPNAT_MAP_RULES);
	maps->readers_fd = view_map(view, FTPNAT_MAP_READERS);
	if (maps->events_fd < 0 || maps->config_fd < 0 || maps->rules_fd < 0 ||
	    maps->readers_fd < 0)
		return -ENOENT;
	maps->events_id = pin_map_id(maps->dir, map_name(FTPNAT_MAP_EVENTS));
	for (int id = 0; id < FTPNAT_MAX_RULES; id++)
		widen(maps, view->rules[id].name);
	return 0;
}

void event_maps_close(struct event_maps *maps)
{
	close_fd(&maps->events_fd);
	close_fd(&maps->config_fd);
	close_fd(&maps->rules_fd);
	close_fd(&maps->readers_fd);
}

void event_maps_rule_of(struct event_maps *maps, __u16 id, struct ftpnat_rule *rule)
{
	struct ftpnat_config config = { 0 };
	__u32 key = 0;

	*rule = (struct ftpnat_rule){ 0 };
	bpf_map_lookup_elem(maps->config_fd, &key, &config);
	key = (config.slot & 1) * FTPNAT_MAX_RULES + id;
	if (id >= FTPNAT_MAX_RULES || bpf_map_lookup_elem(maps->rules_fd, &key, rule) ||
	    !rule->name[0])
		strcpy(rule->name, id == FTPNAT_NO_RULE ? "-" : "?");
	widen(maps, rule->name);
}

void event_maps_rule(struct event_maps *maps, __u16 id, char name[FTPNAT_NAME_LEN])
{
	struct ftpnat_rule rule;

	event_maps_rule_of(maps, id, &rule);
	memcpy(name, rule.name, sizeof(rule.name));
}

bool event_maps_up(const struct event_maps *maps)
{
	return pin_map_id(maps->dir, map_name(FTPNAT_MAP_EVENTS)) == maps->events_id;
}
