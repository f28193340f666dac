// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/conflicts_publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* Whose listen comes `i`th over all publish rules; NULL behind the last. */
static const struct config_listen *listen_of(const struct config *cfg, size_t i,
					     const struct config_publish **publish)
{
	for (size_t r = 0; r < cfg->publish_n; r++) {
		*publish = &cfg->publish[r];
		if (i < (*publish)->listens_n)
			return &(*publish)->listens[i];
		i -= (*publish)->listens_n;
	}
	return NULL;
}

/* Not if they could not be parsed. */
static bool endpoint_equal(const struct ftpnat_endpoint *a,
			   const struct ftpnat_endpoint *b)
{
	return a->port && a->port == b->port && ftpnat_addr_equal(&a->addr, &b->addr);
}

static void check_listens(const struct config *cfg, struct config_errors *err)
{
	const struct config_publish *publish, *other = NULL;
	const struct config_listen *listen, *before;
	char text[FTPNAT_ENDPOINT_STRLEN];

	for (size_t i = 0; (listen = listen_of(cfg, i, &publish)); i++) {
		if (i == FTPNAT_MAX_LISTENS) {
			config_error_at(err, listen->at, -EINVAL,
					"listen: too many; accepted: at most %d of all "
					"rules together",
					FTPNAT_MAX_LISTENS);
			return;
		}
		for (size_t j = 0; j < i; j++) {
			before = listen_of(cfg, j, &other);
			if (!endpoint_equal(&listen->endpoint, &before->endpoint))
				continue;
			config_error_at(
				err, listen->at, -EINVAL,
				"listen: '%s' is already used by rule '%s' on line %u; "
				"accepted: each ADDRESS:PORT once",
				ftpnat_endpoint_str(text, &listen->endpoint.addr,
						    listen->endpoint.port),
				other->rule.name, before->at.line);
			break;
		}
	}
}

static void check_servers_of(const struct config_publish *publish,
			     struct config_errors *err)
{
	char text[FTPNAT_ENDPOINT_STRLEN];

	for (size_t i = 0; i < publish->servers_n; i++) {
		const struct config_server *server = &publish->servers[i];

		for (size_t j = 0; j < i; j++) {
			if (!endpoint_equal(&server->endpoint,
					    &publish->servers[j].endpoint))
				continue;
			config_error_at(
				err, server->at, -EINVAL,
				"servers: '%s' is listed twice; accepted: each server once, "
				"with a weight",
				ftpnat_endpoint_str(text, &server->endpoint.addr,
						    server->endpoint.port));
			break;
		}
	}
}

static void check_servers(const struct config *cfg, struct config_errors *err)
{
	size_t total = 0;

	for (size_t r = 0; r < cfg->publish_n; r++) {
		const struct config_publish *publish = &cfg->publish[r];

		size_t more = publish->servers_n + (publish->fallback.at.line != 0);

		if (total + more > FTPNAT_MAX_SERVERS) {
			config_error_at(
				err,
				total + publish->servers_n > FTPNAT_MAX_SERVERS ?
					publish->servers[FTPNAT_MAX_SERVERS - total].at :
					publish->fallback.at,
				-EINVAL,
				"servers: too many; accepted: at most %d of all "
				"rules together",
				FTPNAT_MAX_SERVERS);
			return;
		}
		total += more;
		check_servers_of(publish, err);
	}
}

static const struct config_listen *listen_of_family(const struct config_publish *publish,
						    enum ftpnat_family family)
{
	for (size_t i = 0; i < publish->listens_n; i++) {
		if (ftpnat_addr_family(&publish->listens[i].endpoint.addr) == family)
			return &publish->listens[i];
	}
	return NULL;
}

static const struct config_server *server_of_family(const struct config_publish *publish,
						    enum ftpnat_family family)
{
	for (size_t i = 0; i < publish->servers_n; i++) {
		if (ftpnat_addr_family(&publish->servers[i].endpoint.addr) == family)
			return &publish->servers[i];
	}
	return NULL;
}

/* Are all servers of the rule for clients of both families? */
static bool crosses(const struct config_publish *publish)
{
	return publish->source != CONFIG_SOURCE_KEEP;
}

/*
 * With `source: keep` a client gets a server of its own family only, so each family must be
 * complete.
 */
static void check_publish_family(const struct config_publish *publish,
				 enum ftpnat_family family, struct config_errors *err)
{
	const struct config_listen *listen = listen_of_family(publish, family);
	const struct config_server *server = server_of_family(publish, family);
	bool data_address = !ftpnat_addr_is_none(&publish->data_address.family[family]);
	const char *name = ftpnat_family_str(family);

	if (listen && !server && !crosses(publish))
		config_error_at(err, listen->at, -EINVAL,
				"listen: rule '%s' has no %s server for it; accepted: a "
				"server of the same family for each listen, or "
				"source: gateway or ADDRESS",
				publish->rule.name, name);
	else if (server && !listen && !crosses(publish))
		config_error_at(
			err, server->at, -EINVAL,
			"servers: rule '%s' has no %s listen, nobody can reach this "
			"server; accepted: a listen of the same family, or "
			"source: gateway or ADDRESS",
			publish->rule.name, name);
	else if (data_address && !listen)
		config_error_at(
			err, publish->data_address.at, -EINVAL,
			"data_address: rule '%s' has no %s listen, nobody would see "
			"this address; accepted: with a listen of the same family",
			publish->rule.name, name);
}

/* Says what is missing or too much in one family: the other follows from it, mostly. */
static void check_source(const struct config_publish *publish, struct config_errors *err)
{
	for (int family = 0; family < FTPNAT_FAMILY_MAX; family++) {
		bool server = server_of_family(publish, family) != NULL;
		bool source =
			!ftpnat_addr_is_none(&publish->source_address.family[family]);
		const char *name = ftpnat_family_str(family);

		if (publish->source != CONFIG_SOURCE_ADDRESS || source == server)
			continue;
		if (source)
			config_error_at(
				err, publish->source_address.at, -EINVAL,
				"source: rule '%s' has no %s server; accepted: addresses of "
				"the servers' families",
				publish->rule.name, name);
		else
			config_error_at(
				err, publish->source_address.at, -EINVAL,
				"source: no %s address, but rule '%s' has %s servers; "
				"accepted: an address of each family of the servers",
				name, publish->rule.name, name);
		return;
	}
}

static void check_data_address_for(const struct config_publish *publish,
				   struct config_errors *err)
{
	char address[FTPNAT_ADDR_STRLEN], clients[FTPNAT_PREFIX_STRLEN];

	for (size_t i = 0; i < publish->data_address_for_n; i++) {
		const struct config_data_address_for *entry =
			&publish->data_address_for[i];

		if (ftpnat_addr_family(&entry->address) ==
		    ftpnat_addr_family(&entry->clients.addr))
			continue;
		config_error_at(
			err, entry->at, -EINVAL,
			"data_address_for: '%s' is of another family than %s; accepted: "
			"IPv4 clients",
			ftpnat_addr_str(address, &entry->address),
			ftpnat_prefix_str(clients, &entry->clients));
	}
}

static void check_fallback(const struct config_publish *publish,
			   struct config_errors *err)
{
	const struct config_server *fallback = &publish->fallback;
	enum ftpnat_family family = ftpnat_addr_family(&fallback->endpoint.addr);
	char text[FTPNAT_ENDPOINT_STRLEN];

	if (!fallback->at.line)
		return;
	if (!listen_of_family(publish, family) && !crosses(publish))
		config_error_at(
			err, fallback->at, -EINVAL,
			"fallback: rule '%s' has no %s listen, nobody can reach this "
			"server; accepted: a server of the same family as a listen, or "
			"source: gateway or ADDRESS",
			publish->rule.name, ftpnat_family_str(family));
	for (size_t i = 0; i < publish->servers_n; i++) {
		if (!endpoint_equal(&fallback->endpoint, &publish->servers[i].endpoint))
			continue;
		config_error_at(
			err, fallback->at, -EINVAL,
			"fallback: '%s' is one of the servers; accepted: another one",
			ftpnat_endpoint_str(text, &fallback->endpoint.addr,
					    fallback->endpoint.port));
		return;
	}
}

/* A port of `tls_data_ports` can't be a control port. */
static void check_tls(const struct config_publish *publish, struct config_errors *err)
{
	const struct ftpnat_ports *ports = &publish->tls_data.ports;

	for (size_t i = 0; i < publish->listens_n; i++) {
		uint16_t port = ntohs(publish->listens[i].endpoint.port);

		if (port >= ports->min && port <= ports->max)
			config_error_at(
				err, publish->tls_data.at, -EINVAL,
				"tls_data_ports: '%u-%u' has port %u, on which rule "
				"'%s' listens; accepted: ports without it",
				ports->min, ports->max, port, publish->rule.name);
	}
}

/* Under TLS a data connection finds its server by the client's address alone. */
static void check_balance(const struct config_publish *publish, struct config_errors *err)
{
	if (publish->balance == FTPNAT_BALANCE_LEAST && publish->tls_data.ports.min)
		config_error_at(
			err, publish->tls_data.at, -EINVAL,
			"tls_data_ports: with them the client's address picks the "
			"server, which `balance: least_connections` can't; "
			"accepted: with `balance: source`, or without a balance");
}

void config_check_publish(const struct config *cfg, struct config_errors *err)
{
	check_listens(cfg, err);
	check_servers(cfg, err);
	for (size_t r = 0; r < cfg->publish_n; r++) {
		const struct config_publish *publish = &cfg->publish[r];

		if (publish->rule.broken)
			continue;
		for (int family = 0; family < FTPNAT_FAMILY_MAX; family++)
			check_publish_family(publish, family, err);
		check_source(publish, err);
		check_fallback(publish, err);
		check_data_address_for(publish, err);
		check_tls(publish, err);
		check_balance(publish, err);
	}
}
