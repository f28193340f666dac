// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/slot.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "dataplane/slot_publish.h"

/* NULL: all clients, all servers */
static int put_selector(struct slot *slot, const struct config_prefix *clients,
			const struct config_prefix *servers, __u16 port, __u16 rule)
{
	struct ftpnat_selector selector = { .port = htons(port), .rule = rule };
	__u32 key = slot->number * FTPNAT_MAX_SELECTORS + slot->selectors;

	if (slot->selectors == FTPNAT_MAX_SELECTORS)
		return err_r(
			-ENOSPC,
			"more than %d combinations of clients, servers and control port",
			FTPNAT_MAX_SELECTORS);
	selector.any_client = !clients;
	selector.by_server = servers != NULL;
	if (clients) {
		selector.addr = clients->prefix.addr;
		selector.mask = ftpnat_prefix_mask(&clients->prefix);
	}
	if (servers) {
		selector.server_addr = servers->prefix.addr;
		selector.server_mask = ftpnat_prefix_mask(&servers->prefix);
	}
	slot->selectors++;
	return slot_put(slot->dataplane, FTPNAT_MAP_SELECT, &key, &selector);
}

static int put_masquerade(struct slot *slot, const struct config_masquerade *masquerade)
{
	const struct config_prefix *prefix64 =
		masquerade->prefix64.at.line ? &masquerade->prefix64 : NULL;
	struct ftpnat_rule *rule =
		slot_take_rule(slot, &masquerade->rule, FTPNAT_MASQUERADE);
	int err = rule ? 0 : -ENOSPC;

	if (err)
		return err;
	rule->modes = masquerade->modes;
	rule->flags = masquerade->foreign_data ? FTPNAT_RULE_FOREIGN : 0;
	err = slot_put_policy(slot, masquerade->tls, &masquerade->commands, rule);
	if (err)
		return err;
	rule->data_port_min = masquerade->data_ports.min;
	rule->data_port_max = masquerade->data_ports.max;
	if (masquerade->modes & 1 << FTPNAT_PASSIVE) {
		rule->tls_port_min = masquerade->tls_data.ports.min;
		rule->tls_port_max = masquerade->tls_data.ports.max;
	}
	slot_put_qos(&masquerade->qos, rule);
	memcpy(rule->address, masquerade->to.family, sizeof(rule->address));
	if (prefix64) {
		rule->prefix64 = prefix64->prefix.addr;
		rule->prefix64_len = (__u8)prefix64->prefix.len;
	}
	err = slot_put_admission(slot, &masquerade->admission, rule);
	for (size_t i = 0; i < masquerade->clients_n; i++)
		for (size_t j = 0; !err && j < masquerade->control_ports_n; j++)
			err = put_selector(slot, &masquerade->clients[i], prefix64,
					   masquerade->control_ports[j].port,
					   slot_rule_id(slot, rule));
	return err;
}

static int put_track_ports(struct slot *slot, const struct config_track *track,
			   const struct config_prefix *clients,
			   const struct config_prefix *servers, __u16 rule)
{
	int err = 0;

	for (size_t i = 0; !err && i < track->control_ports_n; i++)
		err = put_selector(slot, clients, servers, track->control_ports[i].port,
				   rule);
	return err;
}

static int put_track(struct slot *slot, const struct config_track *track)
{
	struct ftpnat_rule *rule = slot_take_rule(slot, &track->rule, FTPNAT_TRACK);
	size_t c = 0, s;
	int err = rule ? 0 : -ENOSPC;

	if (err)
		return err;
	rule->modes = 1 << FTPNAT_PASSIVE | 1 << FTPNAT_ACTIVE;
	rule->tls_port_min = track->tls_data.ports.min;
	rule->tls_port_max = track->tls_data.ports.max;
	slot_put_qos(&track->qos, rule);
	do {
		s = 0;
		do {
			err = put_track_ports(
				slot, track, track->clients_n ? &track->clients[c] : NULL,
				track->servers_n ? &track->servers[s] : NULL,
				slot_rule_id(slot, rule));
		} while (!err && ++s < track->servers_n);
	} while (!err && ++c < track->clients_n);
	return err;
}

static int put_guard(struct slot *slot, const struct config_guard *from)
{
	const struct ftpnat_guard_key key = { .ifindex = if_nametoindex(from->interface),
					      .slot = slot->number };
	struct ftpnat_guard guard = { .number = (__u32)from->ports_n };

	if (!key.ifindex)
		return err_r(-ENODEV, "guard: no interface %s (see `ip link`)",
			     from->interface);
	for (size_t i = 0; i < from->ports_n; i++)
		guard.ports[i] =
			(struct ftpnat_guard_ports){ .min = from->ports[i].ports.min,
						     .max = from->ports[i].ports.max };
	slot->guards++;
	return slot_put(slot->dataplane, FTPNAT_MAP_GUARDS, &key, &guard);
}

int slot_fill_rules(struct slot *slot)
{
	const struct config *config = slot->config;
	int err = 0;

	for (size_t i = 0; !err && i < config->publish_n; i++)
		err = slot_put_publish(slot, &config->publish[i]);
	/* the first match wins: those for the servers of a prefix before those for all */
	for (size_t i = 0; !err && i < config->masquerade_n; i++)
		if (config->masquerade[i].prefix64.at.line)
			err = put_masquerade(slot, &config->masquerade[i]);
	for (size_t i = 0; !err && i < config->masquerade_n; i++)
		if (!config->masquerade[i].prefix64.at.line)
			err = put_masquerade(slot, &config->masquerade[i]);
	for (size_t i = 0; !err && i < config->track_n; i++)
		err = put_track(slot, &config->track[i]);
	for (size_t i = 0; !err && i < config->guard_n; i++)
		err = put_guard(slot, &config->guard[i]);
	return err;
}
