// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/schema.h"

#include "config/cluster.h"
#include "config/key.h"
#include "config/records.h"
#include "config/schema_rules.h"
#include "config/value.h"

#define RULES_TEXT "a list of rules"

static const struct config_limits default_limits = {
	.control = 65536,
	.data = 1048576,
	.expected = 65536,
};

/* Seconds. */
static const struct config_timeouts default_timeouts = {
	.control =
		7440, /* 2 hours 4 minutes: RFC 5382, REQ-5, of an established connection */
	.data = 7440,
	.closing = 240, /* 4 minutes: RFC 5382, REQ-5, of one that opens or closes */
	.expected = 60,
};

static int parse_limits(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out)
{
#define LIMIT(member)                                                                    \
	KEY(struct config_limits, member, #member, config_value_number, LIMIT_TEXT,      \
	    .min = 1, .max = CONFIG_MAX_LIMIT)
	static const struct config_key keys[] = { LIMIT(control), LIMIT(data),
						  LIMIT(expected) };
#undef LIMIT

	return config_yaml_mapping(p, keys, ARRAY_SIZE(keys), key->name, node, out);
}

static int parse_timeouts(struct config_parser *p, const struct config_key *key,
			  const yaml_node_t *node, void *out)
{
#define TIMEOUT(member)                                                                  \
	KEY(struct config_timeouts, member, #member, config_value_seconds, TIME_TEXT,    \
	    .min = 1, .max = CONFIG_MAX_TIMEOUT)
	static const struct config_key keys[] = { TIMEOUT(control), TIMEOUT(data),
						  TIMEOUT(closing), TIMEOUT(expected) };
#undef TIMEOUT

	return config_yaml_mapping(p, keys, ARRAY_SIZE(keys), key->name, node, out);
}

static int parse_metrics(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		KEY(struct config, metrics_listen, "listen", config_value_endpoint,
		    ENDPOINT_TEXT, .required = true),
	};

	p->cfg->metrics = true;
	return config_yaml_mapping(p, keys, ARRAY_SIZE(keys), key->name, node, out);
}

int config_schema_parse(struct config_parser *p, const yaml_node_t *root)
{
	static const struct config_key keys[] = {
		LIST(struct config, interfaces, "interfaces", config_value_interface,
		     FTPNAT_MAX_INTERFACES, IFNAME_TEXT ", or a list of them",
		     .required = true),
		KEY(struct config, xdp, "xdp", config_value_choice,
		    "auto, native, generic, off", .names = config_xdp_names,
		    .names_n = ARRAY_SIZE(config_xdp_names)),
		KEY(struct config, tcx, "tcx", config_value_choice, "first, last, off",
		    .names = config_tcx_names, .names_n = ARRAY_SIZE(config_tcx_names)),
		LIST(struct config, publish, "publish", config_publish_parse,
		     FTPNAT_MAX_RULES, RULES_TEXT, .may_be_empty = true,
		     .list_only = true),
		LIST(struct config, masquerade, "masquerade", config_masquerade_parse,
		     FTPNAT_MAX_RULES, RULES_TEXT, .may_be_empty = true,
		     .list_only = true),
		LIST(struct config, track, "track", config_track_parse, FTPNAT_MAX_RULES,
		     RULES_TEXT, .may_be_empty = true, .list_only = true),
		LIST(struct config, guard, "guard", config_guard_parse, CONFIG_MAX_LIST,
		     "a list of {interface: NAME, ports: PORTS}", .may_be_empty = true,
		     .list_only = true),
		KEY(struct config, limits, "limits", parse_limits, ""),
		KEY(struct config, timeouts, "timeouts", parse_timeouts, ""),
		{ .name = "metrics", .parse = parse_metrics, .accepted = "" },
		{ .name = "cluster", .parse = config_cluster_parse, .accepted = "" },
		KEY(struct config, records, "records", config_records, ""),
	};

	p->cfg->limits = default_limits;
	p->cfg->timeouts = default_timeouts;
	return config_yaml_mapping(p, keys, ARRAY_SIZE(keys), "the file", root, p->cfg);
}
