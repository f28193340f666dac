// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/conflicts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "config/cluster.h"
#include "config/conflicts_publish.h"

static void check_interfaces(const struct config *cfg, struct config_errors *err)
{
	for (size_t i = 0; i < cfg->interfaces_n; i++) {
		const struct config_interface *interface = &cfg->interfaces[i];

		for (size_t j = 0; j < i && *interface->name; j++) {
			if (strcmp(interface->name, cfg->interfaces[j].name) != 0)
				continue;
			config_error_at(err, interface->at, -EINVAL,
					"interfaces: '%s' is listed twice; "
					"accepted: each interface once",
					interface->name);
			break;
		}
	}
}

/* Rules of all kinds in one row, so that their names can be compared. */
static const struct config_rule *rule_of(const struct config *cfg, size_t i)
{
	if (i < cfg->publish_n)
		return &cfg->publish[i].rule;
	i -= cfg->publish_n;
	if (i < cfg->masquerade_n)
		return &cfg->masquerade[i].rule;
	return &cfg->track[i - cfg->masquerade_n].rule;
}

static void check_rules(const struct config *cfg, struct config_errors *err)
{
	size_t n = cfg->publish_n + cfg->masquerade_n + cfg->track_n;

	if (n == 0 && !err->n)
		config_error_at(
			err, (struct config_mark){ 1, 1 }, -EINVAL,
			"no rule; accepted: at least one under publish, masquerade "
			"or track");
	if (n > FTPNAT_MAX_RULES)
		config_error_at(err, rule_of(cfg, FTPNAT_MAX_RULES)->at, -EINVAL,
				"%zu rules; accepted: at most %d of all kinds together",
				n, FTPNAT_MAX_RULES);
	for (size_t i = 0; i < n; i++) {
		const struct config_rule *rule = rule_of(cfg, i);

		for (size_t j = 0; j < i && *rule->name; j++) {
			const struct config_rule *other = rule_of(cfg, j);

			if (strcmp(rule->name, other->name) != 0)
				continue;
			config_error_at(err, rule->at, -EINVAL,
					"name: '%s' is already the name of the rule on "
					"line %u; accepted: a unique name",
					rule->name, other->at.line);
			break;
		}
	}
}

/* ---- masquerade ---- */

static void check_to(const struct config_masquerade *masquerade,
		     struct config_errors *err)
{
	const struct config_prefix *client[FTPNAT_FAMILY_MAX] = { NULL };

	for (size_t i = masquerade->clients_n; i > 0; i--) {
		const struct config_prefix *prefix = &masquerade->clients[i - 1];

		client[ftpnat_addr_family(&prefix->prefix.addr)] = prefix;
	}
	for (int family = 0; family < FTPNAT_FAMILY_MAX; family++) {
		bool given = !ftpnat_addr_is_none(&masquerade->to.family[family]);
		const char *name = ftpnat_family_str(family);

		if (given == (client[family] != NULL) ||
		    (!given && masquerade->to_interface))
			continue;
		if (given)
			config_error_at(err, masquerade->to.at, -EINVAL,
					"to: rule '%s' has no %s clients; accepted: "
					"addresses of the clients' families",
					masquerade->rule.name, name);
		else
			config_error_at(
				err, masquerade->to.at, -EINVAL,
				"to: no %s address, but rule '%s' has %s clients; "
				"accepted: interface, or an address of each family "
				"of the clients",
				name, masquerade->rule.name, name);
		return; /* the other follows from it, mostly */
	}
}

/* RFC 6052 sections 2.2 and 3.1. Says at most one thing. */
static void check_prefix64_form(const struct config_prefix *prefix64,
				struct config_errors *err)
{
	const struct ftpnat_prefix *prefix = &prefix64->prefix;
	char text[FTPNAT_PREFIX_STRLEN];
	bool well_known = prefix->addr.w[0] == htonl(0x0064ff9b) && !prefix->addr.w[1] &&
			  !prefix->addr.w[2];
	const char *wrong = NULL;

	if (ftpnat_addr_is_v4(&prefix->addr))
		wrong = "is IPv4";
	else if (prefix->len != 32 && prefix->len != 40 && prefix->len != 48 &&
		 prefix->len != 56 && prefix->len != 64 && prefix->len != 96)
		wrong = "has another length";
	else if (prefix->addr.octet[8])
		wrong = "has bits in octet 8, which is always 0";
	else if (well_known && prefix->len != 96)
		wrong = "is the well-known prefix with another length than 96";
	if (wrong)
		config_error_at(
			err, prefix64->at, -EINVAL,
			"prefix64: '%s' %s; accepted: an IPv6 prefix of 32, 40, 48, "
			"56, 64 or 96 bits like 64:ff9b::/96 (RFC 6052)",
			ftpnat_prefix_str(text, prefix), wrong);
}

/* IPv6 clients, and an IPv4 address for them. */
static void check_prefix64(const struct config_masquerade *masquerade,
			   struct config_errors *err)
{
	char text[FTPNAT_PREFIX_STRLEN];

	check_prefix64_form(&masquerade->prefix64, err);
	for (size_t i = 0; i < masquerade->clients_n; i++) {
		const struct config_prefix *clients = &masquerade->clients[i];

		if (ftpnat_addr_is_v4(&clients->prefix.addr))
			config_error_at(
				err, clients->at, -EINVAL,
				"clients: '%s' is IPv4, but rule '%s' has prefix64; "
				"accepted: IPv6 clients, and a rule of their own "
				"for others",
				ftpnat_prefix_str(text, &clients->prefix),
				masquerade->rule.name);
	}
	if (!ftpnat_addr_is_none(&masquerade->to.family[FTPNAT_V6]))
		config_error_at(err, masquerade->to.at, -EINVAL,
				"to: rule '%s' has prefix64, its servers are IPv4; "
				"accepted: interface, or an IPv4 address",
				masquerade->rule.name);
}

static void check_control_ports(const struct config_port *ports, size_t n,
				struct config_errors *err)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i && ports[i].port; j++) {
			if (ports[i].port != ports[j].port)
				continue;
			config_error_at(err, ports[i].at, -EINVAL,
					"control_ports: '%u' is listed twice; "
					"accepted: each port once",
					ports[i].port);
			break;
		}
	}
}

static bool port_shared(const struct config_masquerade *a,
			const struct config_masquerade *b)
{
	for (size_t i = 0; i < a->control_ports_n; i++) {
		for (size_t j = 0; j < b->control_ports_n; j++) {
			if (a->control_ports[i].port == b->control_ports[j].port)
				return true;
		}
	}
	return false;
}

/* Are the rules for the same servers? */
static bool prefix64_equal(const struct config_masquerade *a,
			   const struct config_masquerade *b)
{
	return a->prefix64.at.line && b->prefix64.at.line ?
		       ftpnat_prefix_equal(&a->prefix64.prefix, &b->prefix64.prefix) :
		       a->prefix64.at.line == b->prefix64.at.line;
}

/* The rule before this one, or it itself, that has the prefix already. */
static const struct config_prefix *same_clients(const struct config *cfg, size_t r,
						size_t c, const char **rule)
{
	const struct config_masquerade *masquerade = &cfg->masquerade[r];

	for (size_t i = 0; i <= r; i++) {
		const struct config_masquerade *other = &cfg->masquerade[i];

		if (!port_shared(masquerade, other) || !prefix64_equal(masquerade, other))
			continue;
		*rule = other->rule.name;
		for (size_t j = 0; j < (i == r ? c : other->clients_n); j++) {
			if (other->clients[j].at.line &&
			    ftpnat_prefix_equal(&masquerade->clients[c].prefix,
						&other->clients[j].prefix))
				return &other->clients[j];
		}
	}
	return NULL;
}

/* The same clients and port a second time would never match. */
static void check_same_clients(const struct config *cfg, size_t r,
			       struct config_errors *err)
{
	char text[FTPNAT_PREFIX_STRLEN];
	const char *rule;

	for (size_t c = 0; c < cfg->masquerade[r].clients_n; c++) {
		const struct config_prefix *prefix = &cfg->masquerade[r].clients[c];
		const struct config_prefix *other = same_clients(cfg, r, c, &rule);

		if (!prefix->at.line || !other)
			continue;
		config_error_at(
			err, prefix->at, -EINVAL,
			"clients: '%s' is already used by rule '%s' on line %u for "
			"the same control port; accepted: each prefix and "
			"port once",
			ftpnat_prefix_str(text, &prefix->prefix), rule, other->at.line);
	}
}

/* Does the map have room for `more` selectors? Says where it has not, once. */
static bool has_room(size_t *total, size_t more, struct config_mark at, const char *what,
		     const char *rules, struct config_errors *err)
{
	bool had = *total <= FTPNAT_MAX_SELECTORS;

	*total += more;
	if (*total <= FTPNAT_MAX_SELECTORS)
		return true;
	if (had)
		config_error_at(err, at, -EINVAL,
				"%s; accepted: at most %d of %s together", what,
				FTPNAT_MAX_SELECTORS, rules);
	return false;
}

static void check_masquerade(const struct config *cfg, size_t *total,
			     struct config_errors *err)
{
	for (size_t r = 0; r < cfg->masquerade_n; r++) {
		const struct config_masquerade *masquerade = &cfg->masquerade[r];

		check_control_ports(masquerade->control_ports,
				    masquerade->control_ports_n, err);
		if (!masquerade->rule.broken && masquerade->prefix64.at.line)
			check_prefix64(masquerade, err);
		else if (!masquerade->rule.broken)
			check_to(masquerade, err);
		if (has_room(total, masquerade->clients_n * masquerade->control_ports_n,
			     masquerade->rule.at,
			     "masquerade: too many clients times control_ports",
			     "all rules", err))
			check_same_clients(cfg, r, err);
	}
}

/* ---- track, guard ---- */

static void check_track(const struct config_track *track, size_t *total,
			struct config_errors *err)
{
	size_t clients = track->clients_n ? track->clients_n : 1;
	size_t servers = track->servers_n ? track->servers_n : 1;

	has_room(total, clients * servers * track->control_ports_n, track->rule.at,
		 "track: too many clients times servers times control_ports",
		 "all masquerade and track rules", err);
	check_control_ports(track->control_ports, track->control_ports_n, err);
}

static bool is_listed(const struct config *cfg, const char *interface)
{
	for (size_t i = 0; i < cfg->interfaces_n; i++) {
		if (strcmp(interface, cfg->interfaces[i].name) == 0)
			return true;
	}
	return false;
}

static void check_guard(const struct config *cfg, size_t g, struct config_errors *err)
{
	const struct config_guard *guard = &cfg->guard[g];

	/* an interface that can't be read is listed as "" */
	if (*guard->interface && !is_listed(cfg, guard->interface) &&
	    !is_listed(cfg, "") && cfg->interfaces_n)
		config_error_at(err, guard->at, -EINVAL,
				"interface: '%s' is not listed under interfaces; "
				"accepted: an interface of that list",
				guard->interface);
	if (guard->ports_n > FTPNAT_MAX_GUARD_PORTS)
		config_error_at(err, guard->ports[FTPNAT_MAX_GUARD_PORTS].at, -EINVAL,
				"ports: has %zu items; accepted: at most %d",
				guard->ports_n, FTPNAT_MAX_GUARD_PORTS);
	for (size_t i = 0; i < g && *guard->interface; i++) {
		if (strcmp(guard->interface, cfg->guard[i].interface) != 0)
			continue;
		config_error_at(err, guard->at, -EINVAL,
				"interface: '%s' has a guard on line %u; accepted: "
				"one guard for each interface",
				guard->interface, cfg->guard[i].at.line);
		break;
	}
}

void config_check_conflicts(const struct config *cfg, struct config_errors *err)
{
	size_t selectors = 0;

	check_interfaces(cfg, err);
	check_rules(cfg, err);
	config_check_publish(cfg, err);
	check_masquerade(cfg, &selectors, err);
	for (size_t r = 0; r < cfg->track_n; r++)
		check_track(&cfg->track[r], &selectors, err);
	for (size_t g = 0; g < cfg->guard_n; g++)
		check_guard(cfg, g, err);
	config_check_cluster(cfg, err);
}
