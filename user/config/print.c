// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The effective configuration, described once as JSON values; YAML is printed
 * from the same. Key order is the file's.
 */
#include "config/print.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "config/cluster.h"
#include "config/commands.h"
#include "config/qos.h"
#include "config/rate.h"
#include "config/yaml_print.h"

/* ---- model to JSON; a NULL from anywhere below makes the whole NULL ---- */

/* Both take over `value`; a NULL value is a failure, too. */
static void set(json_t **object, const char *key, json_t *value)
{
	if (json_object_set_new(*object, key, value)) {
		json_decref(*object);
		*object = NULL;
	}
}

static void add(json_t **array, json_t *value)
{
	if (json_array_append_new(*array, value)) {
		json_decref(*array);
		*array = NULL;
	}
}

static json_t *address_value(const struct ftpnat_addr *addr)
{
	char text[FTPNAT_ADDR_STRLEN];

	return json_string(ftpnat_addr_str(text, addr));
}

static json_t *endpoint_value(const struct ftpnat_endpoint *endpoint)
{
	char text[FTPNAT_ENDPOINT_STRLEN];

	return json_string(ftpnat_endpoint_str(text, &endpoint->addr, endpoint->port));
}

static json_t *prefix_value(const struct ftpnat_prefix *prefix)
{
	char text[FTPNAT_PREFIX_STRLEN];

	return json_string(ftpnat_prefix_str(text, prefix));
}

static json_t *ports_value(const struct ftpnat_ports *ports)
{
	if (ports->min == ports->max)
		return json_sprintf("%u", ports->min);
	return json_sprintf("%u-%u", ports->min, ports->max);
}

static json_t *addresses_value(const struct config_addresses *addresses)
{
	json_t *array = json_array();

	for (int family = 0; family < FTPNAT_FAMILY_MAX; family++) {
		if (!ftpnat_addr_is_none(&addresses->family[family]))
			add(&array, address_value(&addresses->family[family]));
	}
	return array;
}

static json_t *prefixes_value(const struct config_prefix *prefixes, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		add(&array, prefix_value(&prefixes[i].prefix));
	return array;
}

static json_t *prefix_items_value(const struct config_prefix_item *items, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		add(&array, items[i].file ? json_pack("{s:s}", "file", items[i].file) :
					    prefix_value(items[i].prefixes));
	return array;
}

static json_t *control_ports_value(const struct config_port *ports, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		add(&array, json_integer(ports[i].port));
	return array;
}

static json_t *modes_value(uint8_t modes)
{
	json_t *array = json_array();

	for (int mode = 0; mode < FTPNAT_MODE_MAX; mode++) {
		if (modes & 1 << mode)
			add(&array, json_string(config_mode_str(mode)));
	}
	return array;
}

static json_t *seconds_value(uint32_t seconds, bool for_people)
{
	return for_people ? json_sprintf("%us", seconds) : json_integer(seconds);
}

static json_t *health_value(const struct config_health *health, bool for_people)
{
	json_t *object = json_object();

	set(&object, "interval", seconds_value(health->interval, for_people));
	set(&object, "timeout", seconds_value(health->timeout, for_people));
	set(&object, "rise", json_integer(health->rise));
	set(&object, "fall", json_integer(health->fall));
	return object;
}

static void set_tls_data_ports(json_t **object, const struct config_ports *tls_data)
{
	if (tls_data->ports.min)
		set(object, "tls_data_ports", ports_value(&tls_data->ports));
}

static json_t *pace_value(const struct config_pace *pace)
{
	if (pace->seconds % 60 == 0)
		return json_sprintf("%u/%umin", pace->number, pace->seconds / 60);
	return json_sprintf("%u/%us", pace->number, pace->seconds);
}

static json_t *per_client_value(const struct config_per_client *limit, bool for_people)
{
	json_t *object = json_object();

	if (limit->sessions)
		set(&object, "sessions", json_integer(limit->sessions));
	if (limit->new_sessions.number)
		set(&object, "new_sessions", pace_value(&limit->new_sessions));
	if (limit->half_open)
		set(&object, "half_open", json_integer(limit->half_open));
	if (limit->expected)
		set(&object, "expected", json_integer(limit->expected));
	if (limit->failed_logins.number) {
		set(&object, "failed_logins", pace_value(&limit->failed_logins));
		set(&object, "ban", seconds_value(limit->ban, for_people));
	}
	return object;
}

static void set_admission(json_t **object, const struct config_admission *admission,
			  bool for_people)
{
	if (admission->clients_n)
		set(object, "clients",
		    prefix_items_value(admission->clients, admission->clients_n));
	if (admission->deny_n)
		set(object, "deny",
		    prefix_items_value(admission->deny, admission->deny_n));
	if (admission->refuse != CONFIG_REFUSE_UNSET)
		set(object, "refuse",
		    json_string(config_refuse_names[admission->refuse]));
	if (admission->per_client_at.line)
		set(object, "per_client",
		    per_client_value(&admission->per_client, for_people));
	if (admission->max_sessions)
		set(object, "max_sessions", json_integer(admission->max_sessions));
}

static json_t *commands_value(const struct config_command *list, size_t n)
{
	json_t *array = json_array();
	char text[CONFIG_COMMAND_STRLEN];

	for (size_t i = 0; i < n; i++)
		add(&array, json_string(config_command_str(text, &list[i])));
	return array;
}

static void set_commands(json_t **object, const struct config_commands *commands)
{
	json_t *value = json_object();

	if (commands->read_only)
		set(&value, "profile", json_string("read_only"));
	if (commands->allow_n)
		set(&value, "allow", commands_value(commands->allow, commands->allow_n));
	if (commands->deny_n)
		set(&value, "deny", commands_value(commands->deny, commands->deny_n));
	if (commands->at.line)
		set(object, "commands", value);
	else
		json_decref(value);
}

static void set_qos(json_t **object, const struct config_qos *qos)
{
	const char *name = config_dscp_name(qos->dscp);
	char text[CONFIG_RATE_STRLEN];
	json_t *rate;
	char mark[CONFIG_MARK_STRLEN];

	if (qos->mark_mask)
		set(object, "mark", json_string(config_mark_str(mark, qos)));
	if (qos->has_dscp)
		set(object, "dscp", name ? json_string(name) : json_integer(qos->dscp));
	if (!qos->rule_rate && !qos->client_rate)
		return;
	rate = json_object();
	if (qos->rule_rate)
		set(&rate, "rule", json_string(config_rate_str(text, qos->rule_rate)));
	if (qos->client_rate)
		set(&rate, "client",
		    json_string(config_rate_str(text, qos->client_rate)));
	set(object, "rate", rate);
}

static json_t *publish_value(const struct config_publish *publish, bool for_people)
{
	json_t *object = json_object(), *listens = json_array(), *servers = json_array();

	for (size_t i = 0; i < publish->listens_n; i++)
		add(&listens, endpoint_value(&publish->listens[i].endpoint));
	for (size_t i = 0; i < publish->servers_n; i++) {
		const struct config_server *server = &publish->servers[i];
		json_t *entry = json_object();

		set(&entry, "server", endpoint_value(&server->endpoint));
		set(&entry, "weight", json_integer(server->weight));
		add(&servers, entry);
	}
	set(&object, "name", json_string(publish->rule.name));
	set(&object, "listen", listens);
	set(&object, "servers", servers);
	if (publish->balance != FTPNAT_BALANCE_WEIGHT)
		set(&object, "balance",
		    json_string(config_balance_names[publish->balance]));
	if (publish->fallback.at.line)
		set(&object, "fallback", endpoint_value(&publish->fallback.endpoint));
	set(&object, "source",
	    publish->source == CONFIG_SOURCE_ADDRESS ?
		    addresses_value(&publish->source_address) :
		    json_string(config_source_str(publish->source)));
	set(&object, "data_ports", ports_value(&publish->data_ports));
	if (publish->data_host)
		set(&object, "data_address", json_pack("[s]", publish->data_host));
	else if (publish->data_address.at.line)
		set(&object, "data_address", addresses_value(&publish->data_address));
	if (publish->data_address_for_n) {
		json_t *array = json_array();

		for (size_t i = 0; i < publish->data_address_for_n; i++) {
			const struct config_data_address_for *item =
				&publish->data_address_for[i];
			json_t *entry = json_object();

			set(&entry, "clients", prefix_value(&item->clients));
			set(&entry, "address", address_value(&item->address));
			add(&array, entry);
		}
		set(&object, "data_address_for", array);
	}
	set(&object, "modes", modes_value(publish->modes));
	set(&object, "foreign_data",
	    json_string(publish->foreign_data ? "allow" : "deny"));
	set(&object, "tls", json_string(config_tls_names[publish->tls]));
	set_commands(&object, &publish->commands);
	if (publish->hide_banner)
		set(&object, "banner", json_string("hide"));
	set_tls_data_ports(&object, &publish->tls_data);
	if (publish->health_checks)
		set(&object, "health", health_value(&publish->health, for_people));
	set_admission(&object, &publish->admission, for_people);
	set_qos(&object, &publish->qos);
	return object;
}

static json_t *masquerade_value(const struct config_masquerade *masquerade,
				bool for_people)
{
	json_t *object = json_object(), *to = addresses_value(&masquerade->to);

	if (masquerade->to_interface)
		add(&to, json_string("interface"));
	set(&object, "name", json_string(masquerade->rule.name));
	set(&object, "clients",
	    prefixes_value(masquerade->clients, masquerade->clients_n));
	set(&object, "to", to);
	if (masquerade->prefix64.at.line)
		set(&object, "prefix64", prefix_value(&masquerade->prefix64.prefix));
	set(&object, "control_ports",
	    control_ports_value(masquerade->control_ports, masquerade->control_ports_n));
	set(&object, "data_ports", ports_value(&masquerade->data_ports));
	set(&object, "modes", modes_value(masquerade->modes));
	set(&object, "foreign_data",
	    json_string(masquerade->foreign_data ? "allow" : "deny"));
	if (masquerade->tls != CONFIG_TLS_PASS)
		set(&object, "tls", json_string(config_tls_names[masquerade->tls]));
	set_commands(&object, &masquerade->commands);
	set_tls_data_ports(&object, &masquerade->tls_data);
	set_admission(&object, &masquerade->admission, for_people);
	set_qos(&object, &masquerade->qos);
	return object;
}

static json_t *track_value(const struct config_track *track)
{
	json_t *object = json_object();

	set(&object, "name", json_string(track->rule.name));
	if (track->servers_n)
		set(&object, "servers", prefixes_value(track->servers, track->servers_n));
	if (track->clients_n)
		set(&object, "clients", prefixes_value(track->clients, track->clients_n));
	set(&object, "control_ports",
	    control_ports_value(track->control_ports, track->control_ports_n));
	set_tls_data_ports(&object, &track->tls_data);
	set_qos(&object, &track->qos);
	return object;
}

static json_t *guard_value(const struct config_guard *guard)
{
	json_t *object = json_object(), *ports = json_array();

	for (size_t i = 0; i < guard->ports_n; i++)
		add(&ports, ports_value(&guard->ports[i].ports));
	set(&object, "interface", json_string(guard->interface));
	set(&object, "ports", ports);
	return object;
}

static json_t *records_value(const struct config_records *records)
{
	json_t *object = json_object();

	if (records->transfers) {
		set(&object, "transfers", json_string(records->transfers));
		set(&object, "format", json_string(config_format_names[records->format]));
	}
	if (records->nat)
		set(&object, "nat", json_string(records->nat));
	if (records->ipfix.port) {
		set(&object, "ipfix", endpoint_value(&records->ipfix));
		set(&object, "ipfix_transport",
		    json_string(records->ipfix_tcp ? "tcp" : "udp"));
	}
	if (records->nat || records->ipfix.port)
		set(&object, "destinations",
		    json_string(records->destinations ? "true" : "false"));
	return object;
}

/* Seconds are a number for programs and have a unit for people. */
static json_t *config_value(const struct config *cfg, bool for_people)
{
	json_t *object = json_object(), *array = json_array(), *entry;

	for (size_t i = 0; i < cfg->interfaces_n; i++)
		add(&array, json_string(cfg->interfaces[i].name));
	set(&object, "interfaces", array);
	set(&object, "xdp", json_string(config_xdp_str(cfg->xdp)));
	if (cfg->tcx != FTPNAT_TCX_OFF)
		set(&object, "tcx", json_string(config_tcx_str(cfg->tcx)));

#define RULES(kind, ...)                                                                 \
	do {                                                                             \
		if (!cfg->kind##_n)                                                      \
			break;                                                           \
		array = json_array();                                                    \
		for (size_t i = 0; i < cfg->kind##_n; i++)                               \
			add(&array, kind##_value(&cfg->kind[i], ##__VA_ARGS__));         \
		set(&object, #kind, array);                                              \
	} while (0)
	RULES(publish, for_people);
	RULES(masquerade, for_people);
	RULES(track);
	RULES(guard);
#undef RULES

	entry = json_object();
	set(&entry, "control", json_integer(cfg->limits.control));
	set(&entry, "data", json_integer(cfg->limits.data));
	set(&entry, "expected", json_integer(cfg->limits.expected));
	set(&object, "limits", entry);

	entry = json_object();
	set(&entry, "control", seconds_value(cfg->timeouts.control, for_people));
	set(&entry, "data", seconds_value(cfg->timeouts.data, for_people));
	set(&entry, "closing", seconds_value(cfg->timeouts.closing, for_people));
	set(&entry, "expected", seconds_value(cfg->timeouts.expected, for_people));
	set(&object, "timeouts", entry);

	if (cfg->records.at.line)
		set(&object, "records", records_value(&cfg->records));
	if (cfg->metrics) {
		entry = json_object();
		set(&entry, "listen", endpoint_value(&cfg->metrics_listen));
		set(&object, "metrics", entry);
	}
	if (cfg->cluster.at.line)
		set(&object, "cluster", config_cluster_value(&cfg->cluster, for_people));
	return object;
}

/* What makes a gateway another one than its peers. */
static const char *const of_one_gateway[] = { "interfaces", "xdp",     "tcx",
					      "guard",	    "metrics", "cluster" };

int config_form(const struct config *cfg, char form[static CONFIG_FORM_LEN])
{
	json_auto_t *value = config_value(cfg, false);
	_cleanup_free_ char *text = NULL;
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	if (!value)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(of_one_gateway); i++)
		json_object_del(value, of_one_gateway[i]);
	text = json_dumps(value, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	for (const char *c = text; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3;
	snprintf(form, CONFIG_FORM_LEN, "%016llx", (unsigned long long)hash);
	return 0;
}

json_t *config_to_json(const struct config *cfg)
{
	json_t *entry = config_value(cfg, false);

	/* takes over `entry`, and fails if it is NULL */
	return json_pack("{s:i, s:[o]}", "schema", 1, "check", entry);
}

int config_print_text(FILE *out, const struct config *cfg)
{
	json_auto_t *value = config_value(cfg, true);

	if (!value)
		return -ENOMEM;
	config_yaml_print(out, value, 0, NULL);
	return ferror(out) ? -EIO : 0;
}
