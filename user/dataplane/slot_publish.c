// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/slot_publish.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/hostaddr.h"
#include "base/log.h"
#include "dataplane/slot_rule.h"
#include "dataplane/slot_servers.h"

static int put_listen(const struct slot *slot, const struct ftpnat_endpoint *endpoint,
		      __u16 rule)
{
	const struct ftpnat_listen_key key = { .addr = endpoint->addr,
					       .port = endpoint->port,
					       .slot = (__u16)slot->number };
	const struct ftpnat_listen listen = { .rule = rule };

	return slot_put(slot->dataplane, FTPNAT_MAP_LISTENS, &key, &listen);
}

static int put_class(struct slot *slot, struct ftpnat_rule *rule,
		     const struct ftpnat_class *class)
{
	__u32 key = slot->number * FTPNAT_MAX_CLASSES + slot->classes;

	if (slot->classes == FTPNAT_MAX_CLASSES)
		return err_r(
			-ENOSPC,
			"data_address_for: more than %d entries of all rules together, "
			"counting removed ones that still have connections",
			FTPNAT_MAX_CLASSES);
	slot->classes++;
	rule->classes++;
	return slot_put(slot->dataplane, FTPNAT_MAP_CLASSES, &key, class);
}

/* The classes of data_address_for; 227 names IPv4 addresses only. */
static int put_classes(struct slot *slot, const struct config_publish *publish,
		       struct ftpnat_rule *rule)
{
	int err = 0;

	rule->first_class = (__u16)slot->classes;
	for (size_t i = 0; !err && i < publish->data_address_for_n; i++) {
		const struct config_data_address_for *from =
			&publish->data_address_for[i];
		const struct ftpnat_class class = {
			.addr = from->clients.addr,
			.mask = ftpnat_prefix_mask(&from->clients),
			.address = from->address,
		};

		if (ftpnat_addr_is_v4(&from->address))
			err = put_class(slot, rule, &class);
	}
	return err;
}

/* FNV-1a; never 0, which stands for no name */
static __u32 host_hash(const char *name)
{
	__u32 hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (__u8)*name) * 16777619u;
	return hash ? hash : 1;
}

/*
 * data_address given as a name, resolved now. If that fails, the address that the same
 * name had in the configuration in force stays.
 */
static int put_data_host(const struct slot *slot, const struct config_publish *publish,
			 struct ftpnat_rule *rule)
{
	const struct ftpnat_rule *old = &slot->ids.old[slot_rule_id(slot, rule)];
	const struct config_mark at = publish->data_address.at;
	char text[FTPNAT_ADDR_STRLEN];
	const char *why;
	int err;

	rule->data_host = host_hash(publish->data_host);
	err = host_resolve(publish->data_host, rule->data_address, &why);
	if (!err)
		return 0;
	if (old->data_host != rule->data_host) {
		config_report_at(slot->config, at,
				 "data_address %s can't be resolved: %s; accepted: an "
				 "address, or a name that this host can resolve",
				 publish->data_host, why);
		return err;
	}
	memcpy(rule->data_address, old->data_address, sizeof(rule->data_address));
	pr_warn("%s:%u:%u: data_address %s can't be resolved: %s; rule %s: data_address stays "
		"%s, as resolved before: run `reload` when the name can be resolved again",
		slot->config->path, at.line, at.column, publish->data_host, why,
		publish->rule.name,
		ftpnat_addr_str(text, &rule->data_address[FTPNAT_V4]));
	return 0;
}

int slot_put_publish(struct slot *slot, const struct config_publish *publish)
{
	struct ftpnat_rule *rule = slot_take_rule(slot, &publish->rule, FTPNAT_PUBLISH);
	int err = rule ? 0 : -ENOSPC;

	if (err)
		return err;
	rule->source = publish->source == CONFIG_SOURCE_KEEP ? FTPNAT_SOURCE_KEEP :
							       FTPNAT_SOURCE_ADDRESS;
	rule->modes = publish->modes;
	rule->flags = (publish->foreign_data ? FTPNAT_RULE_FOREIGN : 0) |
		      (publish->hide_banner ? FTPNAT_RULE_HIDE_BANNER : 0) |
		      (publish->health_checks ? FTPNAT_RULE_HEALTH : 0);
	err = slot_put_policy(slot, publish->tls, &publish->commands, rule);
	if (err)
		return err;
	if (publish->modes & 1 << FTPNAT_PASSIVE && publish->tls != CONFIG_TLS_DENY) {
		rule->tls_port_min = publish->tls_data.ports.min;
		rule->tls_port_max = publish->tls_data.ports.max;
	}
	slot_put_qos(&publish->qos, rule);
	rule->balance = (__u8)publish->balance;
	rule->data_port_min = publish->data_ports.min;
	rule->data_port_max = publish->data_ports.max;
	rule->first_server = (__u16)slot->servers;
	memcpy(rule->data_address, publish->data_address.family,
	       sizeof(rule->data_address));
	if (publish->data_host)
		err = put_data_host(slot, publish, rule);
	if (!err)
		err = slot_put_admission(slot, &publish->admission, rule);
	if (!err)
		err = put_classes(slot, publish, rule);
	for (size_t i = 0; !err && i < publish->servers_n; i++)
		err = slot_put_server(slot, publish, &publish->servers[i], rule);
	if (!err && publish->fallback.at.line) {
		rule->flags |= FTPNAT_RULE_FALLBACK;
		err = slot_put_server(slot, publish, &publish->fallback,
				      rule); /* the last */
	}
	for (size_t i = 0; !err && i < publish->listens_n; i++)
		err = put_listen(slot, &publish->listens[i].endpoint,
				 slot_rule_id(slot, rule));
	return err;
}

int slot_keep_classes(struct slot *slot, struct ftpnat_rule *rule)
{
	int fd = dataplane_map(slot->dataplane, FTPNAT_MAP_CLASSES), err = 0;
	__u32 from = !slot->number * FTPNAT_MAX_CLASSES + rule->first_class;
	__u32 number = rule->classes;

	rule->first_class = (__u16)slot->classes;
	rule->classes = 0;
	for (__u32 i = 0; !err && i < number; i++, from++) {
		struct ftpnat_class class;

		if (bpf_map_lookup_elem(fd, &from, &class))
			return err_r(-errno, "can't read ftpnat_classes: %s",
				     strerror(errno));
		err = put_class(slot, rule, &class);
	}
	return err;
}
