// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/slot.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/hostaddr.h"
#include "base/log.h"
#include "base/util.h"
#include "dataplane/lists.h"
#include "dataplane/servers.h"

int slot_put(const struct dataplane *dataplane, enum ftpnat_map map, const void *key,
	     const void *value)
{
	if (bpf_map_update_elem(dataplane_map(dataplane, map), key, value, BPF_ANY))
		return err_r(-errno, "can't write to map %s: %s", map_name(map),
			     strerror(errno));
	return 0;
}

static struct ftpnat_rule *take_rule(struct slot *slot, const struct config_rule *rule,
				     enum ftpnat_rule_kind kind)
{
	struct ftpnat_rule *taken = rule_ids_take(&slot->ids, rule->name, kind);

	if (!taken)
		pr_err("no room for rule %s: more than %d rules, counting removed ones that still "
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

	return slot_put(slot->dataplane, FTPNAT_MAP_LISTENS, &key, &listen);
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

/* Do clients of the other family get this server, although nothing is drained? */
static bool serves_other_family(const struct config_publish *publish,
				const struct config_server *server)
{
	enum ftpnat_family family = ftpnat_addr_family(&server->endpoint.addr);
	bool listens = false, served = false;

	for (size_t i = 0; i < publish->listens_n; i++)
		listens |= ftpnat_addr_family(&publish->listens[i].endpoint.addr) !=
			   family;
	for (size_t i = 0; i < publish->servers_n; i++)
		served |= ftpnat_addr_family(&publish->servers[i].endpoint.addr) !=
			  family;
	return listens && !served;
}

/* The kernel drops what arrives with an address of this host, for which a client's is exchanged. */
static int check_local_server(const struct config_publish *publish,
			      const struct config_server *server,
			      const struct ftpnat_addr *source)
{
	char text[FTPNAT_ADDR_STRLEN], seen[FTPNAT_ADDR_STRLEN];

	if (!serves_other_family(publish, server) ||
	    !host_is_local(&server->endpoint.addr) || !host_is_local(source))
		return 0;
	return err_r(
		-EADDRNOTAVAIL,
		"rule %s: server %s is on this host and gets clients of the other "
		"family, so `source` can't be %s, which is on this host, too (name an "
		"address that is routed here, or let the server listen on the other "
		"family and add it)",
		publish->rule.name, ftpnat_addr_str(text, &server->endpoint.addr),
		ftpnat_addr_str(seen, source));
}

/* The server of the rule with this id under the configuration in force. */
static bool find_old(const struct slot *slot, __u16 id,
		     const struct ftpnat_endpoint *endpoint, struct ftpnat_server *server)
{
	const struct ftpnat_rule *old = &slot->ids.old[id];
	int fd = dataplane_map(slot->dataplane, FTPNAT_MAP_SERVERS);

	for (__u32 i = 0; i < old->servers; i++) {
		__u32 key = !slot->number * FTPNAT_MAX_SERVERS + old->first_server + i;

		if (!bpf_map_lookup_elem(fd, &key, server) &&
		    server->port == endpoint->port &&
		    ftpnat_addr_equal(&server->addr, &endpoint->addr))
			return true;
	}
	return false;
}

/* Its drain bits: kept, except those that nobody would clear. */
static __u16 still_drained(const struct slot *slot, __u16 id,
			   const struct config_publish *publish,
			   const struct config_server *from)
{
	__u16 kept = FTPNAT_DRAINED_BY_HAND |
		     (publish->health_checks ? FTPNAT_DRAINED_BY_HEALTH : 0);
	struct ftpnat_server server;

	return find_old(slot, id, &from->endpoint, &server) ? server.drained & kept : 0;
}

/* Where its connections are counted; from before, if it has any. */
static int put_served(const struct slot *slot, __u16 id,
		      const struct ftpnat_endpoint *endpoint)
{
	const struct ftpnat_served_key key = { .addr = endpoint->addr,
					       .rule = id,
					       .port = endpoint->port };
	const struct ftpnat_served none = { 0 };

	if (!bpf_map_update_elem(dataplane_map(slot->dataplane, FTPNAT_MAP_SERVED), &key,
				 &none, BPF_NOEXIST) ||
	    errno == EEXIST)
		return 0;
	return err_r(-errno, "can't write to map ftpnat_served: %s", strerror(errno));
}

void slot_clear_served(const struct slot *slot)
{
	int fd = dataplane_map(slot->dataplane, FTPNAT_MAP_SERVED);
	struct ftpnat_served_key key, next;
	struct ftpnat_served served;
	struct ftpnat_server server;

	for (bool more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
		const struct ftpnat_endpoint endpoint = { .addr = next.addr,
							  .port = next.port };

		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &served) && !served.present &&
		    !find_old(slot, key.rule & (FTPNAT_MAX_RULES - 1), &endpoint,
			      &server))
			bpf_map_delete_elem(fd, &key);
	}
}

static int put_server(struct slot *slot, const struct config_publish *publish,
		      const struct config_server *from, struct ftpnat_rule *rule)
{
	struct ftpnat_server server = { .addr = from->endpoint.addr,
					.port = from->endpoint.port,
					.full_weight = (__u16)from->weight };
	__u32 key = slot->number * FTPNAT_MAX_SERVERS + slot->servers;
	int err = server_source(publish, from, &server.source);

	if (!err)
		err = check_local_server(publish, from, &server.source);
	if (err)
		return err;
	server_set_drained(&server,
			   still_drained(slot, rule_id(slot, rule), publish, from));
	rule->weight[ftpnat_addr_family(&server.addr)] += server.weight;
	rule->servers++;
	slot->servers++;
	err = put_served(slot, rule_id(slot, rule), &from->endpoint);
	return err ?: slot_put(slot->dataplane, FTPNAT_MAP_SERVERS, &key, &server);
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
	const struct ftpnat_rule *old = &slot->ids.old[rule_id(slot, rule)];
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

/* Who may use the rule. */
static int put_admission(struct slot *slot, const struct config_admission *admission,
			 struct ftpnat_rule *rule)
{
	rule->admission = admission->clients_n ? 0 : FTPNAT_ADMIT_DEFAULT;
	if (admission->refuse == CONFIG_REFUSE_RESET)
		rule->admission |= FTPNAT_ADMIT_RESET;
	if (admission->refuse != CONFIG_REFUSE_DROP)
		rule->admission |= FTPNAT_ADMIT_RESET_NO_SERVER;
	rule->max_sessions = admission->max_sessions;
	rule->per_client = (struct ftpnat_per_client){
		.sessions = admission->per_client.sessions,
		.half_open = admission->per_client.half_open,
		.expected = admission->per_client.expected,
		.new_sessions = admission->per_client.new_sessions.number,
		.new_time = admission->per_client.new_sessions.seconds,
		.failed_logins = admission->per_client.failed_logins.number,
		.failed_time = admission->per_client.failed_logins.seconds,
		.ban_time = admission->per_client.ban,
	};
	if (!admission->clients_n && !admission->deny_n)
		return 0;
	rule->admission |= FTPNAT_ADMIT_LISTS;
	return lists_put(slot->dataplane,
			 slot->number * FTPNAT_MAX_RULES + rule_id(slot, rule), admission,
			 rule->name);
}

/* What its packets get. */
static void put_qos(const struct config_qos *qos, struct ftpnat_rule *rule)
{
	rule->qos = (struct ftpnat_qos){
		.mark = qos->mark,
		.mark_mask = qos->mark_mask,
		.dscp = qos->dscp,
		.does = (qos->mark_mask ? FTPNAT_QOS_MARK : 0) |
			(qos->has_dscp ? FTPNAT_QOS_DSCP : 0),
	};
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
		      (publish->tls_deny ? FTPNAT_RULE_NO_TLS : 0) |
		      (publish->health_checks ? FTPNAT_RULE_HEALTH : 0);
	if (publish->modes & 1 << FTPNAT_PASSIVE && !publish->tls_deny) {
		rule->tls_port_min = publish->tls_data.ports.min;
		rule->tls_port_max = publish->tls_data.ports.max;
	}
	put_qos(&publish->qos, rule);
	rule->balance = (__u8)publish->balance;
	rule->data_port_min = publish->data_ports.min;
	rule->data_port_max = publish->data_ports.max;
	rule->first_server = (__u16)slot->servers;
	memcpy(rule->data_address, publish->data_address.family,
	       sizeof(rule->data_address));
	if (publish->data_host)
		err = put_data_host(slot, publish, rule);
	if (!err)
		err = put_admission(slot, &publish->admission, rule);
	if (!err)
		err = put_classes(slot, publish, rule);
	for (size_t i = 0; !err && i < publish->servers_n; i++)
		err = put_server(slot, publish, &publish->servers[i], rule);
	if (!err && publish->fallback.at.line) {
		rule->flags |= FTPNAT_RULE_FALLBACK;
		err = put_server(slot, publish, &publish->fallback, rule); /* the last */
	}
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
	return slot_put(slot->dataplane, FTPNAT_MAP_SELECT, &key, &selector);
}

static int put_masquerade(struct slot *slot, const struct config_masquerade *masquerade)
{
	const struct config_prefix *prefix64 =
		masquerade->prefix64.at.line ? &masquerade->prefix64 : NULL;
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
	put_qos(&masquerade->qos, rule);
	memcpy(rule->address, masquerade->to.family, sizeof(rule->address));
	if (prefix64) {
		rule->prefix64 = prefix64->prefix.addr;
		rule->prefix64_len = (__u8)prefix64->prefix.len;
	}
	err = put_admission(slot, &masquerade->admission, rule);
	for (size_t i = 0; i < masquerade->clients_n; i++)
		for (size_t j = 0; !err && j < masquerade->control_ports_n; j++)
			err = put_selector(slot, &masquerade->clients[i], prefix64,
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
	put_qos(&track->qos, rule);
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
	return slot_put(slot->dataplane, FTPNAT_MAP_GUARDS, &key, &guard);
}

int slot_fill_rules(struct slot *slot)
{
	const struct config *config = slot->config;
	int err = 0;

	for (size_t i = 0; !err && i < config->publish_n; i++)
		err = put_publish(slot, &config->publish[i]);
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
