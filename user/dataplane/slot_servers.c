// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/slot_servers.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/hostaddr.h"
#include "base/log.h"
#include "dataplane/servers.h"
#include "dataplane/slot_rule.h"

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

int slot_put_server(struct slot *slot, const struct config_publish *publish,
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
			   still_drained(slot, slot_rule_id(slot, rule), publish, from));
	rule->weight[ftpnat_addr_family(&server.addr)] += server.weight;
	rule->servers++;
	slot->servers++;
	err = put_served(slot, slot_rule_id(slot, rule), &from->endpoint);
	return err ?: slot_put(slot->dataplane, FTPNAT_MAP_SERVERS, &key, &server);
}
