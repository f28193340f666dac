// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "apply.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "hostaddr.h"
#include "log.h"
#include "map_walk.h"
#include "rule_ids.h"
#include "servers.h"
#include "util.h"

static const __u32 first = 0;

/* One writing of a slot. */
struct slot {
	const struct dataplane *dataplane;
	const struct config *config;
	__u32 number;
	__u32 servers;
	__u32 selectors;
	__u32 classes;
	__u32 guards;
	struct rule_ids ids;
};

static int put(const struct dataplane *dataplane, const char *map, const void *key,
	       const void *value)
{
	if (bpf_map_update_elem(dataplane_map(dataplane, map), key, value, BPF_ANY))
		return err_r(-errno, "can't write to map %s: %s", map, strerror(errno));
	return 0;
}

static struct ftpnat_rule *take_rule(struct slot *slot, const struct config_rule *rule,
				     enum ftpnat_rule_kind kind)
{
	struct ftpnat_rule *taken = rule_ids_take(&slot->ids, rule->name, kind);

	if (!taken)
		pr_err("no place for rule %s: more than %d rules, counting removed ones that still "
		       "have connections",
		       rule->name, FTPNAT_MAX_RULES);
	return taken;
}

static __u16 rule_id(const struct slot *slot, const struct ftpnat_rule *rule)
{
	return (__u16)(rule - slot->ids.next);
}

static int put_listen(const struct slot *slot, const struct ftpnat_endpoint *endpoint,
		      __u16 rule)
{
	const struct ftpnat_listen_key key = { .addr = endpoint->addr,
					       .port = endpoint->port,
					       .slot = (__u16)slot->number };
	const struct ftpnat_listen listen = { .rule = rule };

	return put(slot->dataplane, "ftpnat_listens", &key, &listen);
}

/* What the server sees as the client, for `source: gateway` and `source: ADDRESS`. */
static int server_source(const struct config_publish *publish,
			 const struct config_server *from, struct ftpnat_addr *source)
{
	char text[FTPNAT_ADDR_STRLEN];
	int err;

	if (publish->source == CONFIG_SOURCE_ADDRESS)
		*source = publish->source_address
				  .family[ftpnat_addr_family(&from->endpoint.addr)];
	if (publish->source != CONFIG_SOURCE_GATEWAY)
		return 0;
	err = host_source_towards(&from->endpoint, source);
	if (err)
		return err_r(
			err,
			"rule %s: no source address towards server %s: %s (add a route, or "
			"name the address in `source`)",
			publish->rule.name, ftpnat_addr_str(text, &from->endpoint.addr),
			strerror(-err));
	return 0;
}

/*
 * By whom the server was drained under the configuration in force: it stays so, but for
 * what nobody looks after any more.
 */
static __u16 still_drained(const struct slot *slot, __u16 id,
			   const struct config_publish *publish,
			   const struct config_server *from)
{
	__u16 kept = FTPNAT_DRAINED_BY_HAND |
		     (publish->health_checks ? FTPNAT_DRAINED_BY_HEALTH : 0);
	const struct ftpnat_rule *old = &slot->ids.old[id];
	int fd = dataplane_map(slot->dataplane, "ftpnat_servers");

	for (__u32 i = 0; i < old->servers; i++) {
		__u32 key = !slot->number * FTPNAT_MAX_SERVERS + old->first_server + i;
		struct ftpnat_server server;

		if (!bpf_map_lookup_elem(fd, &key, &server) &&
		    server.port == from->endpoint.port &&
		    ftpnat_addr_equal(&server.addr, &from->endpoint.addr))
			return server.drained & kept;
	}
	return 0;
}

static int put_server(struct slot *slot, const struct config_publish *publish,
		      const struct config_server *from, struct ftpnat_rule *rule)
{
	struct ftpnat_server server = { .addr = from->endpoint.addr,
					.port = from->endpoint.port,
					.full_weight = (__u16)from->weight };
	__u32 key = slot->number * FTPNAT_MAX_SERVERS + slot->servers;
	int err = server_source(publish, from, &server.source);

	if (err)
		return err;
	server_set_drained(&server,
			   still_drained(slot, rule_id(slot, rule), publish, from));
	rule->weight[ftpnat_addr_family(&server.addr)] += server.weight;
	rule->servers++;
	slot->servers++;
	return put(slot->dataplane, "ftpnat_servers", &key, &server);
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
	return put(slot->dataplane, "ftpnat_classes", &key, class);
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
 * data_address by name, resolved now. Where that fails, the address stays that the same
 * name had in the configuration in force.
 */
static int put_data_host(const struct slot *slot, const struct config_publish *publish,
			 struct ftpnat_rule *rule)
{
	const struct ftpnat_rule *old = &slot->ids.old[rule_id(slot, rule)];
	char text[FTPNAT_ADDR_STRLEN];
	int err;

	rule->data_host = host_hash(publish->data_host);
	err = host_resolve(publish->data_host, rule->data_address);
	if (!err || old->data_host != rule->data_host)
		return err;
	memcpy(rule->data_address, old->data_address, sizeof(rule->data_address));
	pr_err("rule %s: data_address stays %s, as it was resolved before: `reload` when the name can "
	       "be resolved again",
	       publish->rule.name, ftpnat_addr_str(text, &rule->data_address[FTPNAT_V4]));
	return 0;
}

static int put_publish(struct slot *slot, const struct config_publish *publish)
{
	struct ftpnat_rule *rule = take_rule(slot, &publish->rule, FTPNAT_PUBLISH);
	int err = rule ? 0 : -ENOSPC;

	if (err)
		return err;
	rule->source = publish->source == CONFIG_SOURCE_KEEP ? FTPNAT_SOURCE_KEEP :
							       FTPNAT_SOURCE_ADDRESS;
	rule->modes = publish->modes;
	rule->flags = (publish->foreign_data ? FTPNAT_RULE_FOREIGN : 0) |
		      (publish->tls_deny ? FTPNAT_RULE_NO_TLS : 0);
	if (publish->modes & 1 << FTPNAT_PASSIVE && !publish->tls_deny) {
		rule->tls_port_min = publish->tls_data.ports.min;
		rule->tls_port_max = publish->tls_data.ports.max;
	}
	rule->data_port_min = publish->data_ports.min;
	rule->data_port_max = publish->data_ports.max;
	rule->first_server = (__u16)slot->servers;
	memcpy(rule->data_address, publish->data_address.family,
	       sizeof(rule->data_address));
	if (publish->data_host)
		err = put_data_host(slot, publish, rule);
	if (!err)
		err = put_classes(slot, publish, rule);
	for (size_t i = 0; !err && i < publish->servers_n; i++)
		err = put_server(slot, publish, &publish->servers[i], rule);
	for (size_t i = 0; !err && i < publish->listens_n; i++)
		err = put_listen(slot, &publish->listens[i].endpoint,
				 rule_id(slot, rule));
	return err;
}

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
	return put(slot->dataplane, "ftpnat_select", &key, &selector);
}

static int put_masquerade(struct slot *slot, const struct config_masquerade *masquerade)
{
	struct ftpnat_rule *rule = take_rule(slot, &masquerade->rule, FTPNAT_MASQUERADE);
	int err = rule ? 0 : -ENOSPC;

	if (err)
		return err;
	rule->modes = masquerade->modes;
	rule->flags = masquerade->foreign_data ? FTPNAT_RULE_FOREIGN : 0;
	rule->data_port_min = masquerade->data_ports.min;
	rule->data_port_max = masquerade->data_ports.max;
	if (masquerade->modes & 1 << FTPNAT_PASSIVE) {
		rule->tls_port_min = masquerade->tls_data.ports.min;
		rule->tls_port_max = masquerade->tls_data.ports.max;
	}
	memcpy(rule->address, masquerade->to.family, sizeof(rule->address));
	for (size_t i = 0; i < masquerade->clients_n; i++)
		for (size_t j = 0; !err && j < masquerade->control_ports_n; j++)
			err = put_selector(slot, &masquerade->clients[i], NULL,
					   masquerade->control_ports[j].port,
					   rule_id(slot, rule));
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
	struct ftpnat_rule *rule = take_rule(slot, &track->rule, FTPNAT_TRACK);
	size_t c = 0, s;
	int err = rule ? 0 : -ENOSPC;

	if (err)
		return err;
	rule->modes = 1 << FTPNAT_PASSIVE | 1 << FTPNAT_ACTIVE;
	rule->tls_port_min = track->tls_data.ports.min;
	rule->tls_port_max = track->tls_data.ports.max;
	do {
		s = 0;
		do {
			err = put_track_ports(
				slot, track, track->clients_n ? &track->clients[c] : NULL,
				track->servers_n ? &track->servers[s] : NULL,
				rule_id(slot, rule));
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
	return put(slot->dataplane, "ftpnat_guards", &key, &guard);
}

/* Guards left in the slot from the configuration before the one in force. */
static void clear_guards(const struct slot *slot)
{
	int fd = dataplane_map(slot->dataplane, "ftpnat_guards");
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
	int fd = dataplane_map(slot->dataplane, "ftpnat_listens");
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
	int rules_fd = dataplane_map(slot->dataplane, "ftpnat_rules"), err = 0;

	for (__u32 id = 0; now->layout && id < FTPNAT_MAX_RULES; id++) {
		__u32 key = now->slot * FTPNAT_MAX_RULES + id;

		if (bpf_map_lookup_elem(rules_fd, &key, &slot->ids.old[id]))
			return -errno;
		retired = retired || (slot->ids.old[id].flags & FTPNAT_RULE_RETIRED);
	}
	if (retired)
		err = map_walk(dataplane_map(slot->dataplane, "ftpnat_flows"), see_flow,
			       in_use);
	if (err)
		return err;
	rule_ids_begin(&slot->ids, in_use);
	return 0;
}

/* A rule that was removed: what its sessions still need of the other slot. */
static int keep_classes(struct slot *slot, struct ftpnat_rule *rule)
{
	int fd = dataplane_map(slot->dataplane, "ftpnat_classes"), err = 0;
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

static int put_rules(struct slot *slot)
{
	int fd = dataplane_map(slot->dataplane, "ftpnat_rules"), err = 0;
	__u32 keys[FTPNAT_MAX_RULES], number = FTPNAT_MAX_RULES;

	rule_ids_end(&slot->ids);
	for (__u32 id = 0; !err && id < FTPNAT_MAX_RULES; id++) {
		keys[id] = slot->number * FTPNAT_MAX_RULES + id;
		if (slot->ids.next[id].flags & FTPNAT_RULE_RETIRED)
			err = keep_classes(slot, &slot->ids.next[id]);
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
	bpf_map_lookup_elem(dataplane_map(slot->dataplane, "ftpnat_ifaddrs"), &ifindex,
			    &value);
	value.slots |= 1u << slot->number;
	err = host_interface_addrs(name, value.addr);
	if (err)
		return err_r(err, "can't list the addresses of %s: %s", name,
			     strerror(-err));
	return put(slot->dataplane, "ftpnat_ifaddrs", &ifindex, &value);
}

static int put_interfaces(const struct slot *slot)
{
	int fd = dataplane_map(slot->dataplane, "ftpnat_ifaddrs"), err = 0;
	struct ftpnat_ifaddr value;
	__u32 key, next;

	for (bool more = !bpf_map_get_next_key(fd, NULL, &next); !err && more;) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, &value))
			continue;
		value.slots &= ~(1u << slot->number);
		if (value.slots)
			err = put(slot->dataplane, "ftpnat_ifaddrs", &key, &value);
		else
			bpf_map_delete_elem(fd, &key);
	}
	for (size_t i = 0; !err && i < slot->config->interfaces_n; i++)
		err = put_interface(slot, slot->config->interfaces[i].name);
	return err;
}

static int fill_slot(struct slot *slot, const struct ftpnat_config *now)
{
	const struct config *config = slot->config;
	int err = begin_ids(slot, now) ?: clear_listens(slot);

	if (err)
		return err_r(err, "can't read the maps in force: %s", strerror(-err));
	for (size_t i = 0; !err && i < config->publish_n; i++)
		err = put_publish(slot, &config->publish[i]);
	for (size_t i = 0; !err && i < config->masquerade_n; i++)
		err = put_masquerade(slot, &config->masquerade[i]);
	for (size_t i = 0; !err && i < config->track_n; i++)
		err = put_track(slot, &config->track[i]);
	if (!err)
		clear_guards(slot);
	for (size_t i = 0; !err && i < config->guard_n; i++)
		err = put_guard(slot, &config->guard[i]);
	return err ?: put_rules(slot) ?: put_interfaces(slot);
}

/* No connection outlives its time by more than this. */
static uint32_t shortest(const struct config_timeouts *timeouts)
{
	uint32_t idle = timeouts->control < timeouts->data ? timeouts->control :
							     timeouts->data;

	return timeouts->closing < idle ? timeouts->closing : idle;
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
	if (bpf_map_lookup_elem(dataplane_map(dataplane, "ftpnat_config"), &first, next))
		return err_r(-errno, "can't read ftpnat_config: %s", strerror(errno));
	apply->now = *next;
	slot->dataplane = dataplane;
	slot->config = config;
	slot->number = next->layout ? !next->slot : 0;
	err = fill_slot(slot, next);
	if (err)
		return err;
	memcpy(apply->reused, slot->ids.reused, sizeof(apply->reused));
	fill_config(next, config, slot);
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
	return zero ? put(dataplane, "ftpnat_stats", &id, zero) : -ENOMEM;
}

int apply_commit(const struct apply *apply)
{
	const struct dataplane *dataplane = apply->dataplane;
	const struct ftpnat_config *next = &apply->next;
	struct ftpnat_config unseen = apply->now;
	int err = 0;

	for (__u32 id = 0; !err && id < FTPNAT_MAX_RULES; id++)
		if (apply->reused[id])
			err = clear_stats(dataplane, id);
	/* First what nobody sees yet: whoever sees the slot, sees also what it counts on. */
	unseen.selectors[next->slot] = next->selectors[next->slot];
	unseen.guards[next->slot] = next->guards[next->slot];
	return err							?:
		       put(dataplane, "ftpnat_config", &first, &unseen) ?:
		       put(dataplane, "ftpnat_config", &first, next);
}

void apply_forget_interface(const struct dataplane *dataplane, __u32 ifindex)
{
	bpf_map_delete_elem(dataplane_map(dataplane, "ftpnat_ifaddrs"), &ifindex);
}

int apply_check_claims(const struct instance *self, const struct config *config)
{
	for (size_t i = 0; i < config->publish_n; i++)
		for (size_t j = 0; j < config->publish[i].listens_n; j++) {
			const struct config_listen *listen =
				&config->publish[i].listens[j];
			const struct ftpnat_listen_key key = {
				.addr = listen->endpoint.addr,
				.port = listen->endpoint.port
			};
			char text[FTPNAT_ENDPOINT_STRLEN], dir[sizeof(self->state.pin)];
			int err = instance_claims(self, &key, dir);

			if (err < 0)
				return err_r(err, "can't look for other instances: %s",
					     strerror(-err));
			if (err)
				return err_r(
					-EADDRINUSE,
					"%s:%u:%u: listen %s is already owned by another "
					"instance at %s",
					config->path, listen->at.line, listen->at.column,
					ftpnat_endpoint_str(text, &listen->endpoint.addr,
							    listen->endpoint.port),
					dir);
		}
	return 0;
}
