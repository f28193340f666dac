// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/slot_rule.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/commands.h"
#include "dataplane/lists.h"

int slot_put(const struct dataplane *dataplane, enum ftpnat_map map, const void *key,
	     const void *value)
{
	if (bpf_map_update_elem(dataplane_map(dataplane, map), key, value, BPF_ANY))
		return err_r(-errno, "can't write to map %s: %s", map_name(map),
			     strerror(errno));
	return 0;
}

struct ftpnat_rule *slot_take_rule(struct slot *slot, const struct config_rule *rule,
				   enum ftpnat_rule_kind kind)
{
	struct ftpnat_rule *taken = rule_ids_take(&slot->ids, rule->name, kind);

	if (!taken)
		pr_err("no room for rule %s: more than %d rules, counting removed ones that still "
		       "have connections",
		       rule->name, FTPNAT_MAX_RULES);
	return taken;
}

__u16 slot_rule_id(const struct slot *slot, const struct ftpnat_rule *rule)
{
	return (__u16)(rule - slot->ids.next);
}

int slot_put_admission(struct slot *slot, const struct config_admission *admission,
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
			 slot->number * FTPNAT_MAX_RULES + slot_rule_id(slot, rule),
			 admission, rule->name);
}

void slot_put_qos(const struct config_qos *qos, struct ftpnat_rule *rule)
{
	rule->qos = (struct ftpnat_qos){
		.mark = qos->mark,
		.mark_mask = qos->mark_mask,
		.dscp = qos->dscp,
		.does = (qos->mark_mask ? FTPNAT_QOS_MARK : 0) |
			(qos->has_dscp ? FTPNAT_QOS_DSCP : 0) |
			(qos->rule_rate || qos->client_rate ? FTPNAT_QOS_RATE : 0),
		.rule_rate = qos->rule_rate / 8,
		.client_rate = qos->client_rate / 8,
	};
}

int slot_put_policy(const struct slot *slot, enum config_tls tls,
		    const struct config_commands *commands, struct ftpnat_rule *rule)
{
	int list = 0;

	if (tls == CONFIG_TLS_DENY)
		rule->flags |= FTPNAT_RULE_NO_TLS;
	if (tls == CONFIG_TLS_REQUIRE)
		rule->flags |= FTPNAT_RULE_TLS_FIRST;
	if (commands->at.line)
		list = commands_put(slot->dataplane, slot->number,
				    slot_rule_id(slot, rule), commands);
	if (list < 0)
		return list;
	rule->commands = (__u16)list;
	return 0;
}
