// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/schema_rules.h"

#include <errno.h>
#include <stdlib.h>

#include "ftpnat_ftp.h"

#include "config/commands.h"
#include "config/key.h"
#include "config/per_client.h"
#include "config/prefix_list.h"
#include "config/qos.h"
#include "config/rate.h"
#include "config/shape.h"
#include "config/value.h"

#define PREFIX_TEXT                                                                      \
	"an address or prefix like 192.168.5.0/24 or 2001:db8::/32, or a list of them"
#define PREFIX64_TEXT "an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits like 64:ff9b::/96"
#define LISTS_TEXT                                                                       \
	"an address or prefix like 192.168.5.0/24 or 2001:db8::/32, {file: PATH}, or a " \
	"list of them"
#define PORTS_TEXT   "PORT or MIN-MAX with 1 <= MIN <= MAX <= 65535"
#define MODES_TEXT   "passive, active, or a list of them"
#define CONTROL_TEXT "a port from 1 to 65535, or a list of them"

_Static_assert(CONFIG_MAX_WEIGHT == 1000, "as the key's text says");

static const char *const foreign_names[] = { "deny", "allow" };
static const char *const banner_names[] = { "pass", "hide" };

static const struct ftpnat_ports default_data_ports = { FTP_FIRST_DATA_PORT, UINT16_MAX };
#define DEFAULT_MODES	     (1 << FTPNAT_PASSIVE | 1 << FTPNAT_ACTIVE)
#define DEFAULT_CONTROL_PORT 21 /* RFC 959, 8 */

static const struct config_health default_health = {
	.interval = 10,
	.timeout = 5,
	.rise = 2,
	.fall = 3,
};

/* ---- items of lists ---- */

static int parse_listen(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out)
{
	struct config_listen *listen = out;

	listen->at = config_yaml_mark(node);
	return config_value_unicast(p, key, node, &listen->endpoint);
}

static int parse_server(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		KEY(struct config_server, endpoint, "server", config_value_unicast,
		    ENDPOINT_TEXT, .required = true),
		KEY(struct config_server, weight, "weight", config_value_number,
		    "a number from 1 to 1000", .min = 1, .max = CONFIG_MAX_WEIGHT),
	};
	struct config_server *server = out;

	server->at = config_yaml_mark(node);
	server->weight = 1;
	if (node->type == YAML_SCALAR_NODE)
		return config_value_unicast(p, key, node, &server->endpoint);
	return config_yaml_mapping(p, keys, ARRAY_SIZE(keys), "a server", node, server);
}

/* A server that gets nothing as long as another one is left: without a weight. */
static int parse_fallback(struct config_parser *p, const struct config_key *key,
			  const yaml_node_t *node, void *out)
{
	struct config_server *server = out;

	server->at = config_yaml_mark(node);
	return config_value_unicast(p, key, node, &server->endpoint);
}

static int parse_prefix(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out)
{
	struct config_prefix *prefix = out;
	int ret = config_value_prefix(p, key, node, &prefix->prefix);

	if (!ret)
		prefix->at = config_yaml_mark(node);
	return ret;
}

static int parse_ports_item(struct config_parser *p, const struct config_key *key,
			    const yaml_node_t *node, void *out)
{
	struct config_ports *ports = out;

	ports->at = config_yaml_mark(node);
	return config_value_ports(p, key, node, &ports->ports);
}

static int parse_data_address_for(struct config_parser *p, const struct config_key *key,
				  const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		KEY(struct config_data_address_for, clients, "clients",
		    config_value_prefix, "an IPv4 address or prefix like 10.0.0.0/8",
		    .required = true),
		KEY(struct config_data_address_for, address, "address",
		    config_value_address_of_227, "an IPv4 address", .required = true),
	};
	struct config_data_address_for *entry = out;
	const char *text;

	if (node->type != YAML_MAPPING_NODE)
		return config_value_text(p, key, node, &text) ?:
			       config_value_bad(p, key, node, "is not a mapping");
	entry->at = config_yaml_mark(node);
	return config_yaml_mapping(p, keys, ARRAY_SIZE(keys),
				   "an entry of data_address_for", node, entry);
}

static int parse_health(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *rule)
{
#define SECONDS(member)                                                                  \
	KEY(struct config_health, member, #member, config_value_seconds,                 \
	    "1s to 1h, with s, m, h or as plain seconds", .min = 1, .max = 3600)
#define COUNT(member)                                                                    \
	KEY(struct config_health, member, #member, config_value_number,                  \
	    "a number from 1 to 100", .min = 1, .max = 100)
	static const struct config_key keys[] = { SECONDS(interval), SECONDS(timeout),
						  COUNT(rise), COUNT(fall) };
#undef SECONDS
#undef COUNT
	struct config_publish *publish = rule;

	publish->health_checks = true;
	publish->health = default_health;
	return config_yaml_mapping(p, keys, ARRAY_SIZE(keys), key->name, node,
				   &publish->health);
}

/* ---- rules ---- */

/* How a SYN is refused, and whose. */
#define ADMISSION(type)                                                                  \
	LIST(type, admission.deny, "deny", config_prefix_item, CONFIG_MAX_LIST,          \
	     LISTS_TEXT, .may_be_empty = true),                                          \
		KEY(type, admission.refuse, "refuse", config_value_choice,               \
		    "drop, reset", .names = config_refuse_names,                         \
		    .names_n = ARRAY_SIZE(config_refuse_names)),                         \
		KEY(type, admission, "per_client", config_per_client_parse, ""),         \
		KEY(type, admission.max_sessions, "max_sessions", config_value_number,   \
		    LIMIT_TEXT, .min = 1, .max = CONFIG_MAX_LIMIT)

/* What the packets of a rule get. */
#define QOS(type)                                                                        \
	KEY(type, qos, "mark", config_qos_mark, CONFIG_MARK_TEXT),                       \
		KEY(type, qos, "dscp", config_qos_dscp, CONFIG_DSCP_TEXT),               \
		KEY(type, qos, "rate", config_rate, "")

/* What clients may say. */
#define POLICY(type)                                                                     \
	KEY(type, tls, "tls", config_value_choice, "pass, deny, require",                \
	    .names = config_tls_names, .names_n = ARRAY_SIZE(config_tls_names)),         \
		KEY(type, commands, "commands", config_commands_parse,                   \
		    CONFIG_COMMANDS_TEXT)

/* control_ports: [21], where the file does not say otherwise */
static int default_control_ports(struct config_parser *p, struct config_mark at,
				 struct config_port **ports, size_t *n)
{
	if (*ports)
		return 0;
	*ports = calloc(1, sizeof(**ports));
	if (!*ports)
		return config_error_at(p->err, at, -ENOMEM, "out of memory");
	(*ports)->at = at;
	(*ports)->port = DEFAULT_CONTROL_PORT;
	*n = 1;
	return 0;
}

int config_publish_parse(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		KEY(struct config_publish, rule, "name", config_value_rule_name,
		    NAME_TEXT, .required = true),
		LIST(struct config_publish, listens, "listen", parse_listen,
		     FTPNAT_MAX_LISTENS, ENDPOINT_TEXT ", or a list of them",
		     .required = true),
		LIST(struct config_publish, servers, "servers", parse_server,
		     FTPNAT_MAX_RULE_SERVERS,
		     ENDPOINT_TEXT
		     ", {server: ADDRESS:PORT, weight: NUMBER}, or a list of them",
		     .required = true),
		{ .name = "source",
		  .parse = config_shape_source,
		  .accepted =
			  "keep, gateway, an address of a host, or one of each family" },
		KEY(struct config_publish, data_ports, "data_ports", config_value_ports,
		    PORTS_TEXT),
		{ .name = "data_address",
		  .parse = config_shape_data_address,
		  .accepted = "an IPv4 address of a host, or a host name alone" },
		LIST(struct config_publish, data_address_for, "data_address_for",
		     parse_data_address_for, FTPNAT_MAX_CLASSES,
		     "a list of {clients: PREFIX, address: ADDRESS}",
		     .may_be_empty = true),
		KEY(struct config_publish, modes, "modes", config_shape_modes, MODES_TEXT,
		    .names = config_mode_names, .names_n = ARRAY_SIZE(config_mode_names)),
		KEY(struct config_publish, foreign_data, "foreign_data",
		    config_value_flag, "deny, allow", .names = foreign_names,
		    .names_n = ARRAY_SIZE(foreign_names)),
		POLICY(struct config_publish),
		KEY(struct config_publish, hide_banner, "banner", config_value_flag,
		    "pass, hide", .names = banner_names,
		    .names_n = ARRAY_SIZE(banner_names)),
		KEY(struct config_publish, tls_data, "tls_data_ports", parse_ports_item,
		    PORTS_TEXT),
		{ .name = "health", .parse = parse_health, .accepted = "" },
		LIST(struct config_publish, admission.clients, "clients",
		     config_prefix_item, CONFIG_MAX_LIST, LISTS_TEXT),
		ADMISSION(struct config_publish),
		KEY(struct config_publish, balance, "balance", config_value_choice,
		    "weight, least_connections, source", .names = config_balance_names,
		    .names_n = ARRAY_SIZE(config_balance_names)),
		KEY(struct config_publish, fallback, "fallback", parse_fallback,
		    ENDPOINT_TEXT),
		QOS(struct config_publish),
	};
	struct config_publish *publish = out;
	int ret;

	(void)key;
	publish->source = CONFIG_SOURCE_KEEP;
	publish->admission.refuse = CONFIG_REFUSE_UNSET;
	publish->data_ports = default_data_ports;
	publish->modes = DEFAULT_MODES;
	ret = config_yaml_mapping(p, keys, ARRAY_SIZE(keys), "a publish rule", node,
				  publish);
	publish->rule.broken = ret != 0;
	return ret;
}

int config_masquerade_parse(struct config_parser *p, const struct config_key *key,
			    const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		KEY(struct config_masquerade, rule, "name", config_value_rule_name,
		    NAME_TEXT, .required = true),
		LIST(struct config_masquerade, clients, "clients", parse_prefix,
		     FTPNAT_MAX_SELECTORS, PREFIX_TEXT, .required = true),
		{ .name = "to",
		  .parse = config_shape_to,
		  .required = true,
		  .accepted = "interface, an address of a host, or one of each family" },
		KEY(struct config_masquerade, prefix64, "prefix64", parse_prefix,
		    PREFIX64_TEXT),
		LIST(struct config_masquerade, control_ports, "control_ports",
		     config_value_port, FTPNAT_MAX_SELECTORS, CONTROL_TEXT),
		KEY(struct config_masquerade, data_ports, "data_ports",
		    config_value_ports, PORTS_TEXT),
		KEY(struct config_masquerade, modes, "modes", config_shape_modes,
		    MODES_TEXT, .names = config_mode_names,
		    .names_n = ARRAY_SIZE(config_mode_names)),
		KEY(struct config_masquerade, foreign_data, "foreign_data",
		    config_value_flag, "deny, allow", .names = foreign_names,
		    .names_n = ARRAY_SIZE(foreign_names)),
		POLICY(struct config_masquerade),
		KEY(struct config_masquerade, tls_data, "tls_data_ports",
		    parse_ports_item, PORTS_TEXT),
		ADMISSION(struct config_masquerade),
		QOS(struct config_masquerade),
	};
	struct config_masquerade *masquerade = out;
	int ret;

	(void)key;
	masquerade->data_ports = default_data_ports;
	masquerade->modes = DEFAULT_MODES;
	masquerade->admission.refuse = CONFIG_REFUSE_UNSET;
	ret = config_yaml_mapping(p, keys, ARRAY_SIZE(keys), "a masquerade rule", node,
				  masquerade);
	masquerade->rule.broken = ret != 0;
	if (masquerade->admission.refuse == CONFIG_REFUSE_DROP)
		masquerade->admission.refuse = CONFIG_REFUSE_UNSET; /* the same here */
	return ret ? ret :
		     default_control_ports(p, config_yaml_mark(node),
					   &masquerade->control_ports,
					   &masquerade->control_ports_n);
}

int config_track_parse(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		KEY(struct config_track, rule, "name", config_value_rule_name, NAME_TEXT,
		    .required = true),
		LIST(struct config_track, servers, "servers", parse_prefix,
		     CONFIG_MAX_LIST, PREFIX_TEXT),
		LIST(struct config_track, clients, "clients", parse_prefix,
		     CONFIG_MAX_LIST, PREFIX_TEXT),
		LIST(struct config_track, control_ports, "control_ports",
		     config_value_port, CONFIG_MAX_LIST, CONTROL_TEXT),
		KEY(struct config_track, tls_data, "tls_data_ports", parse_ports_item,
		    PORTS_TEXT),
		QOS(struct config_track),
	};
	struct config_track *track = out;
	int ret;

	(void)key;
	ret = config_yaml_mapping(p, keys, ARRAY_SIZE(keys), "a track rule", node, track);
	if (ret)
		return ret;
	if (!track->servers && !track->clients)
		return config_error_at(
			p->err, config_yaml_mark(node), -EINVAL,
			"keys 'servers' and 'clients' are missing in a track rule; "
			"accepted: one of them or both");
	return default_control_ports(p, config_yaml_mark(node), &track->control_ports,
				     &track->control_ports_n);
}

int config_guard_parse(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		KEY(struct config_guard, at, "interface", config_value_interface,
		    IFNAME_TEXT, .required = true),
		LIST(struct config_guard, ports, "ports", parse_ports_item,
		     CONFIG_MAX_LIST, "PORT, MIN-MAX, or a list of them",
		     .required = true),
	};

	/* config_value_interface() fills in the first two members at once */
	_Static_assert(offsetof(struct config_guard, interface) ==
			       offsetof(struct config_interface, name),
		       "a guard begins like an interface");
	(void)key;
	return config_yaml_mapping(p, keys, ARRAY_SIZE(keys), "a guard entry", node, out);
}
