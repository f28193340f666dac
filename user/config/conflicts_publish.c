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

static bool endpoint_equal(const struct ftpnat_endpoint *a,
			   const struct ftpnat_endpoint *b)
{
	return a->port == b->port && ftpnat_addr_equal(&a->addr, &b->addr);
}

static int check_listens(const struct config *cfg, struct config_error *err)
{
	const struct config_publish *publish, *other;
	const struct config_listen *listen, *before;
	char text[FTPNAT_ENDPOINT_STRLEN];

	for (size_t i = 0; (listen = listen_of(cfg, i, &publish)); i++) {
		if (i == FTPNAT_MAX_LISTENS)
			return config_error_at(
				err, cfg, listen->at, -EINVAL,
				"listen: too many; accepted: at most %d of all "
				"rules together",
				FTPNAT_MAX_LISTENS);
		for (size_t j = 0; j < i; j++) {
			before = listen_of(cfg, j, &other);
			if (!endpoint_equal(&listen->endpoint, &before->endpoint))
				continue;
			return config_error_at(
				err, cfg, listen->at, -EINVAL,
				"listen: '%s' is already used by rule '%s' on line %u; "
				"accepted: each ADDRESS:PORT once",
				ftpnat_endpoint_str(text, &listen->endpoint.addr,
						    listen->endpoint.port),
				other->rule.name, before->at.line);
		}
	}
	return 0;
}

static int check_servers(const struct config *cfg, struct config_error *err)
{
	char text[FTPNAT_ENDPOINT_STRLEN];
	size_t total = 0;

	for (size_t r = 0; r < cfg->publish_n; r++) {
		const struct config_publish *publish = &cfg->publish[r];

		if (total + publish->servers_n > FTPNAT_MAX_SERVERS)
			return config_error_at(
				err, cfg, publish->servers[FTPNAT_MAX_SERVERS - total].at,
				-EINVAL,
				"servers: too many; accepted: at most %d of all "
				"rules together",
				FTPNAT_MAX_SERVERS);
		total += publish->servers_n;
		for (size_t i = 0; i < publish->servers_n; i++) {
			const struct config_server *server = &publish->servers[i];

			for (size_t j = 0; j < i; j++) {
				if (!endpoint_equal(&server->endpoint,
						    &publish->servers[j].endpoint))
					continue;
				return config_error_at(
					err, cfg, server->at, -EINVAL,
					"servers: '%s' is listed twice; accepted: each server once, "
					"with a weight",
					ftpnat_endpoint_str(text, &server->endpoint.addr,
							    server->endpoint.port));
			}
		}
	}
	return 0;
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

/* A client gets a server of its own family, so each family must be complete. */
static int check_publish_family(const struct config *cfg,
				const struct config_publish *publish,
				enum ftpnat_family family, struct config_error *err)
{
	const struct config_listen *listen = listen_of_family(publish, family);
	const struct config_server *server = server_of_family(publish, family);
	bool source = !ftpnat_addr_is_none(&publish->source_address.family[family]);
	bool data_address = !ftpnat_addr_is_none(&publish->data_address.family[family]);
	const char *name = ftpnat_family_str(family);

	if (listen && !server)
		return config_error_at(
			err, cfg, listen->at, -EINVAL,
			"listen: rule '%s' has no %s server for it; accepted: a "
			"server of the same family for each listen",
			publish->rule.name, name);
	if (server && !listen)
		return config_error_at(
			err, cfg, server->at, -EINVAL,
			"servers: rule '%s' has no %s listen, nobody can reach this "
			"server; accepted: a listen of the same family",
			publish->rule.name, name);
	if (source && !server)
		return config_error_at(
			err, cfg, publish->source_address.at, -EINVAL,
			"source: rule '%s' has no %s server; accepted: addresses of "
			"the servers' families",
			publish->rule.name, name);
	if (publish->source == CONFIG_SOURCE_ADDRESS && server && !source)
		return config_error_at(
			err, cfg, publish->source_address.at, -EINVAL,
			"source: no %s address, but rule '%s' has %s servers; "
			"accepted: an address of each family of the servers",
			name, publish->rule.name, name);
	if (data_address && !listen)
		return config_error_at(
			err, cfg, publish->data_address.at, -EINVAL,
			"data_address: rule '%s' has no %s listen, nobody would see "
			"this address; accepted: with a listen of the same family",
			publish->rule.name, name);
	return 0;
}

static int check_data_address_for(const struct config *cfg,
				  const struct config_publish *publish,
				  struct config_error *err)
{
	char address[FTPNAT_ADDR_STRLEN], clients[FTPNAT_PREFIX_STRLEN];

	for (size_t i = 0; i < publish->data_address_for_n; i++) {
		const struct config_data_address_for *entry =
			&publish->data_address_for[i];

		if (ftpnat_addr_family(&entry->address) ==
		    ftpnat_addr_family(&entry->clients.addr))
			continue;
		return config_error_at(
			err, cfg, entry->at, -EINVAL,
			"data_address_for: '%s' is of another family than %s; accepted: "
			"IPv4 clients",
			ftpnat_addr_str(address, &entry->address),
			ftpnat_prefix_str(clients, &entry->clients));
	}
	return 0;
}

/* A port of `tls_data_ports` can't be a control port. */
static int check_tls(const struct config *cfg, const struct config_publish *publish,
		     struct config_error *err)
{
	const struct ftpnat_ports *ports = &publish->tls_data.ports;

	for (size_t i = 0; i < publish->listens_n; i++) {
		uint16_t port = ntohs(publish->listens[i].endpoint.port);

		if (port >= ports->min && port <= ports->max)
			return config_error_at(
				err, cfg, publish->tls_data.at, -EINVAL,
				"tls_data_ports: '%u-%u' has port %u, on which rule "
				"'%s' listens; accepted: ports without it",
				ports->min, ports->max, port, publish->rule.name);
	}
	return 0;
}

int config_check_publish(const struct config *cfg, struct config_error *err)
{
	int ret = check_listens(cfg, err) ?: check_servers(cfg, err);

	for (size_t r = 0; r < cfg->publish_n; r++) {
		for (int family = 0; family < FTPNAT_FAMILY_MAX && !ret; family++)
			ret = check_publish_family(cfg, &cfg->publish[r], family, err);
		if (!ret)
			ret = check_data_address_for(cfg, &cfg->publish[r], err);
		if (!ret)
			ret = check_tls(cfg, &cfg->publish[r], err);
	}
	return ret;
}
