// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/conflicts.h"

#include <errno.h>
#include <string.h>

#include "config/conflicts_publish.h"

static int check_interfaces(const struct config *cfg, struct config_error *err)
{
	for (size_t i = 0; i < cfg->interfaces_n; i++) {
		const struct config_interface *interface = &cfg->interfaces[i];

		for (size_t j = 0; j < i; j++) {
			if (strcmp(interface->name, cfg->interfaces[j].name) == 0)
				return config_error_at(
					err, cfg, interface->at, -EINVAL,
					"interfaces: '%s' is listed twice; "
					"accepted: each interface once",
					interface->name);
		}
	}
	return 0;
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

static int check_rules(const struct config *cfg, struct config_error *err)
{
	size_t n = cfg->publish_n + cfg->masquerade_n + cfg->track_n;

	if (n == 0)
		return config_error_at(
			err, cfg, (struct config_mark){ 1, 1 }, -EINVAL,
			"no rule; accepted: at least one under publish, masquerade "
			"or track");
	if (n > FTPNAT_MAX_RULES)
		return config_error_at(
			err, cfg, rule_of(cfg, FTPNAT_MAX_RULES)->at, -EINVAL,
			"%zu rules; accepted: at most %d of all kinds together", n,
			FTPNAT_MAX_RULES);
	for (size_t i = 0; i < n; i++) {
		const struct config_rule *rule = rule_of(cfg, i);

		for (size_t j = 0; j < i; j++) {
			const struct config_rule *other = rule_of(cfg, j);

			if (strcmp(rule->name, other->name) == 0)
				return config_error_at(
					err, cfg, rule->at, -EINVAL,
					"name: '%s' is already the name of the rule on "
					"line %u; accepted: a unique name",
					rule->name, other->at.line);
		}
	}
	return 0;
}

/* ---- masquerade ---- */

static int check_to(const struct config *cfg, const struct config_masquerade *masquerade,
		    struct config_error *err)
{
	const struct config_prefix *client[FTPNAT_FAMILY_MAX] = { NULL };

	for (size_t i = masquerade->clients_n; i > 0; i--) {
		const struct config_prefix *prefix = &masquerade->clients[i - 1];

		client[ftpnat_addr_family(&prefix->prefix.addr)] = prefix;
	}
	for (int family = 0; family < FTPNAT_FAMILY_MAX; family++) {
		bool given = !ftpnat_addr_is_none(&masquerade->to.family[family]);
		const char *name = ftpnat_family_str(family);

		if (given && !client[family])
			return config_error_at(
				err, cfg, masquerade->to.at, -EINVAL,
				"to: rule '%s' has no %s clients; accepted: "
				"addresses of the clients' families",
				masquerade->rule.name, name);
		if (!given && client[family] && !masquerade->to_interface)
			return config_error_at(
				err, cfg, masquerade->to.at, -EINVAL,
				"to: no %s address, but rule '%s' has %s clients; "
				"accepted: interface, or an address of each family "
				"of the clients",
				name, masquerade->rule.name, name);
	}
	return 0;
}

static int check_control_ports(const struct config *cfg, const struct config_port *ports,
			       size_t n, struct config_error *err)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (ports[i].port == ports[j].port)
				return config_error_at(
					err, cfg, ports[i].at, -EINVAL,
					"control_ports: '%u' is listed twice; "
					"accepted: each port once",
					ports[i].port);
		}
	}
	return 0;
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

/* The same clients and port a second time would never match. */
static int check_same_clients(const struct config *cfg, size_t r, size_t c,
			      struct config_error *err)
{
	const struct config_masquerade *masquerade = &cfg->masquerade[r];
	const struct config_prefix *prefix = &masquerade->clients[c];
	char text[FTPNAT_PREFIX_STRLEN];

	for (size_t i = 0; i <= r; i++) {
		const struct config_masquerade *other = &cfg->masquerade[i];

		if (!port_shared(masquerade, other))
			continue;
		for (size_t j = 0; j < (i == r ? c : other->clients_n); j++) {
			if (!ftpnat_prefix_equal(&prefix->prefix,
						 &other->clients[j].prefix))
				continue;
			return config_error_at(
				err, cfg, prefix->at, -EINVAL,
				"clients: '%s' is already used by rule '%s' on line %u for "
				"the same control port; accepted: each prefix and "
				"port once",
				ftpnat_prefix_str(text, &prefix->prefix),
				other->rule.name, other->clients[j].at.line);
		}
	}
	return 0;
}

static int check_masquerade(const struct config *cfg, size_t *total,
			    struct config_error *err)
{
	int ret;

	for (size_t r = 0; r < cfg->masquerade_n; r++) {
		const struct config_masquerade *masquerade = &cfg->masquerade[r];

		ret = check_control_ports(cfg, masquerade->control_ports,
					  masquerade->control_ports_n, err);
		if (!ret)
			ret = check_to(cfg, masquerade, err);
		if (ret)
			return ret;
		*total += masquerade->clients_n * masquerade->control_ports_n;
		if (*total > FTPNAT_MAX_SELECTORS)
			return config_error_at(
				err, cfg, masquerade->rule.at, -EINVAL,
				"masquerade: too many clients times control_ports; "
				"accepted: at most %d of all rules together",
				FTPNAT_MAX_SELECTORS);
		for (size_t c = 0; c < masquerade->clients_n; c++) {
			ret = check_same_clients(cfg, r, c, err);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* ---- track, guard ---- */

static int check_track(const struct config *cfg, const struct config_track *track,
		       size_t *total, struct config_error *err)
{
	size_t clients = track->clients_n ? track->clients_n : 1;
	size_t servers = track->servers_n ? track->servers_n : 1;

	*total += clients * servers * track->control_ports_n;
	if (*total > FTPNAT_MAX_SELECTORS)
		return config_error_at(
			err, cfg, track->rule.at, -EINVAL,
			"track: too many clients times servers times control_ports; "
			"accepted: at most %d of all masquerade and track rules together",
			FTPNAT_MAX_SELECTORS);
	return check_control_ports(cfg, track->control_ports, track->control_ports_n,
				   err);
}

static int check_guard(const struct config *cfg, struct config_error *err)
{
	for (size_t i = 0; i < cfg->guard_n; i++) {
		const struct config_guard *guard = &cfg->guard[i];
		bool known = false;

		for (size_t j = 0; j < cfg->interfaces_n; j++)
			known |= strcmp(guard->interface, cfg->interfaces[j].name) == 0;
		if (!known)
			return config_error_at(
				err, cfg, guard->at, -EINVAL,
				"interface: '%s' is not listed under interfaces; "
				"accepted: an interface of that list",
				guard->interface);
		if (guard->ports_n > FTPNAT_MAX_GUARD_PORTS)
			return config_error_at(
				err, cfg, guard->ports[FTPNAT_MAX_GUARD_PORTS].at,
				-EINVAL, "ports: has %zu items; accepted: at most %d",
				guard->ports_n, FTPNAT_MAX_GUARD_PORTS);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(guard->interface, cfg->guard[j].interface) == 0)
				return config_error_at(
					err, cfg, guard->at, -EINVAL,
					"interface: '%s' has a guard on line %u; accepted: "
					"one guard for each interface",
					guard->interface, cfg->guard[j].at.line);
		}
	}
	return 0;
}

int config_check_conflicts(const struct config *cfg, struct config_error *err)
{
	size_t selectors = 0;
	int ret = check_interfaces(cfg, err);

	if (!ret)
		ret = check_rules(cfg, err);
	if (!ret)
		ret = config_check_publish(cfg, err);
	if (!ret)
		ret = check_masquerade(cfg, &selectors, err);
	for (size_t r = 0; r < cfg->track_n && !ret; r++)
		ret = check_track(cfg, &cfg->track[r], &selectors, err);
	if (!ret)
		ret = check_guard(cfg, err);
	return ret;
}
