// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/apply.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/host_sysctl.h"
#include "base/hostaddr.h"
#include "base/log.h"
#include "base/util.h"
#include "dataplane/bans.h"
#include "dataplane/commands.h"
#include "dataplane/lists.h"
#include "dataplane/map_walk.h"
#include "dataplane/slot.h"
#include "dataplane/slot_publish.h"
#include "dataplane/slot_servers.h"

static const __u32 first = 0;

/* Guards left in the slot from the configuration before the one in force. */
static void clear_guards(const struct slot *slot)
{
	int fd = dataplane_map(slot->dataplane, FTPNAT_MAP_GUARDS);
	struct ftpnat_guard_key key, next;

	for (bool more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (key.slot == slot->number)
			bpf_map_delete_elem(fd, &key);
	}
}

/* Listens left in the slot from the configuration before the one in force. */
struct stale_listens {
	__u16 slot;
	size_t number;
	struct ftpnat_listen_key key[2 * FTPNAT_MAX_LISTENS];
};

static int see_listen(const void *key, const void *value, void *arg)
{
	struct stale_listens *stale = arg;
	const struct ftpnat_listen_key *listen = key;

	(void)value;
	if (listen->slot == stale->slot && stale->number < ARRAY_SIZE(stale->key))
		stale->key[stale->number++] = *listen;
	return 0;
}

static int clear_listens(const struct slot *slot)
{
	_cleanup_free_ struct stale_listens *stale = calloc(1, sizeof(*stale));
	int fd = dataplane_map(slot->dataplane, FTPNAT_MAP_LISTENS);
	int err;

	if (!stale)
		return -ENOMEM;
	stale->slot = (__u16)slot->number;
	err = map_walk(fd, see_listen, stale);
	for (size_t i = 0; i < stale->number; i++)
		bpf_map_delete_elem(fd, &stale->key[i]);
	return err;
}

static int see_flow(const void *key, const void *value, void *arg)
{
	const struct ftpnat_flow *flow = value;
	bool *in_use = arg;

	(void)key;
	if (flow->rule < FTPNAT_MAX_RULES)
		in_use[flow->rule] = true;
	return 0;
}

/* Read the rules in force; count the flows only if that may free an id. */
static int begin_ids(struct slot *slot, const struct ftpnat_config *now)
{
	bool in_use[FTPNAT_MAX_RULES] = { false }, retired = false;
	int rules_fd = dataplane_map(slot->dataplane, FTPNAT_MAP_RULES), err = 0;

	for (__u32 id = 0; now->layout && id < FTPNAT_MAX_RULES; id++) {
		__u32 key = now->slot * FTPNAT_MAX_RULES + id;

		if (bpf_map_lookup_elem(rules_fd, &key, &slot->ids.old[id]))
			return -errno;
		retired = retired || (slot->ids.old[id].flags & FTPNAT_RULE_RETIRED);
	}
	if (retired)
		err = map_walk(dataplane_map(slot->dataplane, FTPNAT_MAP_FLOWS), see_flow,
			       in_use);
	if (err)
		return err;
	rule_ids_begin(&slot->ids, in_use);
	return 0;
}

static int put_rules(struct slot *slot)
{
	int fd = dataplane_map(slot->dataplane, FTPNAT_MAP_RULES), err = 0;
	__u32 keys[FTPNAT_MAX_RULES], number = FTPNAT_MAX_RULES;

	rule_ids_end(&slot->ids);
	for (__u32 id = 0; !err && id < FTPNAT_MAX_RULES; id++) {
		keys[id] = slot->number * FTPNAT_MAX_RULES + id;
		dataplane_set_qos(slot->dataplane, id, slot->ids.next[id].qos.does);
		if (slot->ids.next[id].flags & FTPNAT_RULE_RETIRED)
			err = slot_keep_classes(slot, &slot->ids.next[id]);
		if (!err && slot->ids.next[id].flags & FTPNAT_RULE_RETIRED &&
		    slot->ids.next[id].commands)
			err = commands_keep(slot->dataplane, slot->number,
					    slot->ids.next[id].commands);
	}
	if (!err && bpf_map_update_batch(fd, keys, slot->ids.next, &number, NULL))
		err = err_r(-errno, "can't write to map ftpnat_rules: %s",
			    strerror(errno));
	return err;
}

static int put_interface(const struct slot *slot, const char *name)
{
	__u32 ifindex = if_nametoindex(name);
	struct ftpnat_ifaddr value = { .slots = 0 };
	int err;

	/* absent: only new programs have it */
	bpf_map_lookup_elem(dataplane_map(slot->dataplane, FTPNAT_MAP_IFADDRS), &ifindex,
			    &value);
	value.slots |= 1u << slot->number;
	err = host_interface_addrs(name, value.addr);
	if (err)
		return err_r(err, "can't list the addresses of %s: %s", name,
			     strerror(-err));
	err = host_source_filter(name, &value);
	if (err)
		return err_r(err, "can't read rp_filter of %s: %s (is /proc mounted?)",
			     name, strerror(-err));
	return slot_put(slot->dataplane, FTPNAT_MAP_IFADDRS, &ifindex, &value);
}

static int put_interfaces(const struct slot *slot)
{
	int fd = dataplane_map(slot->dataplane, FTPNAT_MAP_IFADDRS), err = 0;
	struct ftpnat_ifaddr value;
	__u32 key, next;

	for (bool more = !bpf_map_get_next_key(fd, NULL, &next); !err && more;) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, &value))
			continue;
		value.slots &= ~(1u << slot->number);
		if (value.slots)
			err = slot_put(slot->dataplane, FTPNAT_MAP_IFADDRS, &key, &value);
		else
			bpf_map_delete_elem(fd, &key);
	}
	for (size_t i = 0; !err && i < slot->config->interfaces_n; i++)
		err = put_interface(slot, slot->config->interfaces[i].name);
	return err;
}

static int fill_slot(struct slot *slot, const struct ftpnat_config *now)
{
	int err = begin_ids(slot, now) ?: clear_listens(slot);

	if (!err)
		err = commands_clear(slot->dataplane, slot->number);
	if (err)
		return err_r(err, "can't read the maps in force: %s", strerror(-err));
	clear_guards(slot);
	slot_clear_served(slot);
	lists_clear(slot->dataplane, slot->number);
	err = slot_fill_rules(slot) ?: put_rules(slot);
	return err ?: put_interfaces(slot);
}

/* No connection exceeds its timeout by more than this. */
static uint32_t shortest(const struct config_timeouts *timeouts)
{
	const uint32_t all[] = { timeouts->control, timeouts->data, timeouts->closing,
				 timeouts->expected };
	uint32_t least = all[0];

	for (size_t i = 1; i < ARRAY_SIZE(all); i++)
		if (all[i] < least)
			least = all[i];
	return least;
}

/* What of the configuration only `run` does. */
static __u32 service_of(const struct config *config)
{
	__u32 service = config->metrics ? FTPNAT_SERVICE_METRICS : 0;

	if (config->cluster.at.line)
		service |= FTPNAT_SERVICE_CLUSTER;
	if (config->records.at.line)
		service |= FTPNAT_SERVICE_RECORDS;
	for (size_t i = 0; i < config->publish_n; i++)
		if (config->publish[i].health_checks)
			service |= FTPNAT_SERVICE_HEALTH;
	return service;
}

/* ftpnat_config as it will be, from what it is. */
static void fill_config(struct ftpnat_config *next, const struct config *config,
			const struct slot *slot)
{
	next->layout = FTPNAT_LAYOUT;
	next->slot = slot->number;
	next->selectors[slot->number] = slot->selectors;
	next->guards[slot->number] = slot->guards;
	next->limit[FTPNAT_CONTROL] = config->limits.control;
	next->limit[FTPNAT_DATA] = config->limits.data;
	next->limit_expected = config->limits.expected;
	next->timeout[FTPNAT_CONTROL] = config->timeouts.control;
	next->timeout[FTPNAT_DATA] = config->timeouts.data;
	next->timeout_closing = config->timeouts.closing;
	next->period = shortest(&config->timeouts);
	next->timeout_expected = config->timeouts.expected;
	next->service = service_of(config);
	next->records = config->records.at.line != 0;
	next->tcx = config->tcx;
}

int apply_prepare(struct apply *apply, const struct dataplane *dataplane,
		  const struct config *config)
{
	_cleanup_free_ struct slot *slot = calloc(1, sizeof(*slot));
	struct ftpnat_config *next = &apply->next;
	int err;

	*apply = (struct apply){ .dataplane = dataplane, .config = config };
	if (!slot)
		return err_r(-ENOMEM, "out of memory");
	if (bpf_map_lookup_elem(dataplane_map(dataplane, FTPNAT_MAP_CONFIG), &first,
				next))
		return err_r(-errno, "can't read ftpnat_config: %s", strerror(errno));
	apply->now = *next;
	if (next->layout && next->tcx != config->tcx)
		return err_r(
			-EBUSY,
			"%s: tcx is %s in the instance that is up, and %s here: a reload can't change it, "
			"`down`, then `up` (connections are lost)",
			config->path, config_tcx_str(next->tcx),
			config_tcx_str(config->tcx));
	slot->dataplane = dataplane;
	slot->config = config;
	slot->number = next->layout ? !next->slot : 0;
	err = fill_slot(slot, next);
	if (err)
		return err;
	memcpy(apply->reused, slot->ids.reused, sizeof(apply->reused));
	fill_config(next, config, slot);
	err = host_local_ports(&next->local_port_min, &next->local_port_max);
	if (err)
		return err_r(err,
			     "can't read ip_local_port_range: %s (is /proc mounted?)",
			     strerror(-err));
	return 0;
}

/* An id's new rule starts from zero. */
static int clear_stats(const struct dataplane *dataplane, __u32 id)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct ftpnat_rule_stats *zero = NULL;

	if (cpus < 0)
		return err_r(cpus, "can't count CPUs: %s", strerror(-cpus));
	zero = calloc((size_t)cpus, sizeof(*zero));
	return zero ? slot_put(dataplane, FTPNAT_MAP_STATS, &id, zero) : -ENOMEM;
}

int apply_commit(struct apply *apply)
{
	const struct dataplane *dataplane = apply->dataplane;
	const struct ftpnat_config *next = &apply->next;
	struct ftpnat_config unseen = apply->now;
	int err = 0;

	for (__u32 id = 0; !err && id < FTPNAT_MAX_RULES; id++)
		if (apply->reused[id]) {
			bans_forget_rule(dataplane, (__u16)id);
			err = clear_stats(dataplane, id);
		}
	/*
	 * First what is not visible yet: a reader of the new slot finds all that it
	 * refers to.
	 */
	unseen.selectors[next->slot] = next->selectors[next->slot];
	unseen.guards[next->slot] = next->guards[next->slot];
	if (!err)
		err = slot_put(dataplane, FTPNAT_MAP_CONFIG, &first, &unseen);
	if (!err)
		err = slot_put(dataplane, FTPNAT_MAP_CONFIG, &first, next);
	if (err)
		return err;
	apply->now = *next;
	pr_debug("%s is in force", apply->config->path);
	return 0;
}

int apply_programs(struct apply *apply, __u32 half)
{
	apply->now.programs = apply->next.programs = half;
	return slot_put(apply->dataplane, FTPNAT_MAP_CONFIG, &first, &apply->now);
}

void apply_forget_interface(const struct dataplane *dataplane, __u32 ifindex)
{
	bpf_map_delete_elem(dataplane_map(dataplane, FTPNAT_MAP_IFADDRS), &ifindex);
}

static int check_listen(const struct instance *self, const struct config *config,
			const struct config_listen *listen)
{
	const struct ftpnat_listen_key key = { .addr = listen->endpoint.addr,
					       .port = listen->endpoint.port };
	char text[FTPNAT_ENDPOINT_STRLEN], dir[sizeof(self->state.pin)];
	int err = instance_claims(self, &key, dir);

	if (err < 0)
		return err_r(err, "can't look for other instances: %s", strerror(-err));
	if (err == INSTANCE_UNCLAIMED)
		return 0;
	ftpnat_endpoint_str(text, &listen->endpoint.addr, listen->endpoint.port);
	config_report_at(
		config, listen->at,
		"listen %s is already owned by another instance at %s; take that one "
		"down, or use another address",
		text, dir);
	return -EADDRINUSE;
}

static int check_clients(const struct instance *self, const struct config *config,
			 const struct ftpnat_state *wanted,
			 const struct config_prefix *clients, __u16 port)
{
	const struct ftpnat_selector selector = {
		.addr = clients->prefix.addr,
		.mask = ftpnat_prefix_mask(&clients->prefix),
		.port = htons(port),
	};
	char text[FTPNAT_PREFIX_STRLEN], dir[sizeof(self->state.pin)];
	char interface[FTPNAT_IFNAME_LEN];
	int err = instance_claims_clients(self, &selector, wanted, dir, interface);

	if (err < 0)
		return err_r(err, "can't look for other instances: %s", strerror(-err));
	if (err == INSTANCE_UNCLAIMED)
		return 0;
	ftpnat_prefix_str(text, &clients->prefix);
	config_report_at(
		config, clients->at,
		"clients %s (control port %u) on %s are already owned by another "
		"instance at %s; take that one down, or name other clients",
		text, port, interface, dir);
	return -EADDRINUSE;
}

int apply_check_claims(const struct instance *self, const struct config *config,
		       const struct ftpnat_state *wanted)
{
	int err = 0;

	for (size_t i = 0; i < config->publish_n; i++)
		for (size_t j = 0; !err && j < config->publish[i].listens_n; j++)
			err = check_listen(self, config, &config->publish[i].listens[j]);
	for (size_t i = 0; i < config->masquerade_n; i++) {
		const struct config_masquerade *rule = &config->masquerade[i];

		for (size_t j = 0; j < rule->clients_n; j++)
			for (size_t k = 0; !err && k < rule->control_ports_n; k++)
				err = check_clients(self, config, wanted,
						    &rule->clients[j],
						    rule->control_ports[k].port);
	}
	return err;
}
