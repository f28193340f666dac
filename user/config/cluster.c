// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/cluster.h"

#include <errno.h>
#include <string.h>

#include "base/sentence.h"
#include "config/key.h"
#include "config/value.h"

#define CHOICE(member, names_, accepted_)                                                \
	KEY(struct config_cluster, member, #member, config_value_choice, accepted_,      \
	    .names = (names_), .names_n = ARRAY_SIZE(names_))

#define TIMEOUT_TEXT "1ms to 10s, with ms or s"

#define TIMEOUT_MAX 10000 /* milliseconds */

_Static_assert(FTPNAT_SLOTS == 16, "as the key's text says");

const char *const config_engine_names[CONFIG_ENGINE_MAX] = {
	[CONFIG_ENGINE_COROSYNC] = "corosync",
};

const char *const config_commit_names[FTPNAT_COMMIT_MAX] = {
	[FTPNAT_COMMIT_NONE] = "none",
	[FTPNAT_COMMIT_ONE] = "one",
	[FTPNAT_COMMIT_ALL] = "all",
};

const char *const config_on_loss_names[FTPNAT_ON_LOSS_MAX] = {
	[FTPNAT_ON_LOSS_WAIT] = "wait",
	[FTPNAT_ON_LOSS_GO_ON] = "go_on",
	[FTPNAT_ON_LOSS_REFUSE] = "refuse",
};

static int parse_timeout(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out)
{
	const char *text, *end;
	uint32_t *ms = out;
	uint64_t number;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	ret = config_value_digits(text, &end, &number);
	if (ret == -EINVAL || (strcmp(end, "ms") && strcmp(end, "s")))
		return config_value_bad(p, key, node, "is not a time");
	if (ret || number > TIMEOUT_MAX)
		return config_value_bad(p, key, node, "is out of range");
	if (*end == 's')
		number *= 1000;
	if (!number || number > TIMEOUT_MAX)
		return config_value_bad(p, key, node, "is out of range");
	*ms = (uint32_t)number;
	return 0;
}

int config_cluster_parse(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		CHOICE(engine, config_engine_names, "corosync"),
		KEY(struct config_cluster, group, "group", config_value_name, NAME_TEXT),
		KEY(struct config_cluster, slot, "slot", config_value_number,
		    "a number from 1 to 16", .required = true, .min = 1,
		    .max = FTPNAT_SLOTS),
		CHOICE(commit, config_commit_names, "none, one, all"),
		KEY(struct config_cluster, commit_timeout, "commit_timeout",
		    parse_timeout, TIMEOUT_TEXT),
		CHOICE(on_loss, config_on_loss_names, "wait, go_on, refuse"),
		KEY(struct config_cluster, peer_address, "peer_address",
		    config_value_address, "an address of this gateway"),
	};
	struct config_cluster *cluster = &p->cfg->cluster;

	(void)out;
	*cluster = (struct config_cluster){ .at = config_yaml_mark(node),
					    .group = "ftpnat",
					    .commit = FTPNAT_COMMIT_ALL,
					    .commit_timeout = 50,
					    .on_loss = FTPNAT_ON_LOSS_WAIT };
	return config_yaml_mapping(p, keys, ARRAY_SIZE(keys), key->name, node, cluster);
}

json_t *config_cluster_value(const struct config_cluster *cluster, bool for_people)
{
	char text[FTPNAT_ADDR_STRLEN];
	json_t *value = json_pack("{s:s, s:s, s:i, s:s, s:o, s:s}", "engine",
				  config_engine_names[cluster->engine], "group",
				  cluster->group, "slot", (int)cluster->slot, "commit",
				  config_commit_names[cluster->commit], "commit_timeout",
				  for_people ?
					  json_sprintf("%ums", cluster->commit_timeout) :
					  json_real(cluster->commit_timeout / 1000.0),
				  "on_loss", config_on_loss_names[cluster->on_loss]);

	if (value && !ftpnat_addr_is_none(&cluster->peer_address) &&
	    json_object_set_new(
		    value, "peer_address",
		    json_string(ftpnat_addr_str(text, &cluster->peer_address)))) {
		json_decref(value);
		return NULL;
	}
	return value;
}

/* ---- what it needs of the rules ---- */

/* Each gateway opens ports of its own sixteenth of a range. */
static void check_ports(const struct config_rule *rule, const struct ftpnat_ports *ports,
			struct config_errors *err)
{
	if (ports->max - ports->min + 1 < FTPNAT_SLOTS)
		config_error_at(err, rule->at, -EINVAL,
				"data_ports: rule '%s' has %d, too few for a cluster; "
				"accepted: %d or more, since each slot opens its own "
				"sixteenth of them",
				rule->name, ports->max - ports->min + 1, FTPNAT_SLOTS);
}

void config_check_cluster(const struct config *cfg, struct config_errors *err)
{
	if (!cfg->cluster.at.line)
		return;
	for (size_t i = 0; i < cfg->publish_n; i++)
		if (!cfg->publish[i].rule.broken)
			check_ports(&cfg->publish[i].rule, &cfg->publish[i].data_ports,
				    err);
	for (size_t i = 0; i < cfg->masquerade_n; i++)
		if (!cfg->masquerade[i].rule.broken)
			check_ports(&cfg->masquerade[i].rule,
				    &cfg->masquerade[i].data_ports, err);
}

/* ---- in words ---- */

static void explain_loss(json_t *list, const struct config_cluster *cluster)
{
	if (cluster->commit == FTPNAT_COMMIT_NONE)
		return;
	if (cluster->on_loss == FTPNAT_ON_LOSS_GO_ON)
		sentence(
			list,
			"While they don't answer, lines go on after %ums, and a gateway that "
			"dies just then may break their sessions.",
			cluster->commit_timeout);
	else
		sentence(
			list,
			"While they don't answer, lines wait, until the engine has found that "
			"they are gone.");
	if (cluster->on_loss == FTPNAT_ON_LOSS_REFUSE)
		sentence(list, "on_loss: refuse is the same as wait in this version.");
}

/* Rules whose connections have an address that the other gateways don't have. */
static void explain_own_addresses(json_t *list, const struct config *cfg)
{
	for (size_t i = 0; i < cfg->publish_n; i++)
		if (cfg->publish[i].source == CONFIG_SOURCE_GATEWAY)
			sentence(list,
				 "Rule %s has `source: gateway`: its connections go on "
				 "elsewhere only if that address moves, too.",
				 cfg->publish[i].rule.name);
	for (size_t i = 0; i < cfg->masquerade_n; i++)
		if (cfg->masquerade[i].to_interface)
			sentence(
				list,
				"Rule %s has `to: interface`: its connections go on elsewhere "
				"only if that address moves, too.",
				cfg->masquerade[i].rule.name);
}

void config_explain_cluster(json_t *list, const struct config *cfg)
{
	static const char *const commits[FTPNAT_COMMIT_MAX] = {
		[FTPNAT_COMMIT_NONE] =
			"The others are told of each change, but nothing waits for them: "
			"when this gateway dies, sessions that have just changed may break.",
		[FTPNAT_COMMIT_ONE] = "A line goes on only when one other member knows "
				      "what it did.",
		[FTPNAT_COMMIT_ALL] = "A line goes on only when all other members know "
				      "what it did.",
	};
	const struct config_cluster *cluster = &cfg->cluster;

	sentence(
		list,
		"This gateway is slot %u of its cluster: `ftpnat-load run` keeps the others "
		"informed by %s, and another one goes on when it dies.",
		cluster->slot, config_engine_names[cluster->engine]);
	sentence(list, "%s", commits[cluster->commit]);
	explain_loss(list, cluster);
	sentence(list,
		 "It opens only ports whose number leaves %u when divided by %d, within "
		 "data_ports of each rule.",
		 (cluster->slot - 1) % FTPNAT_SLOTS, FTPNAT_SLOTS);
	explain_own_addresses(list, cfg);
}
