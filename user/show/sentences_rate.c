// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where the `rate` of a rule has no effect. */
#include "base/rtnl.h"
#include "show/sentences.h"

/* A rule in force with a rate, or NULL. */
static const struct ftpnat_rule *rule_with_rate(const struct view *view)
{
	for (size_t id = 0; id < FTPNAT_MAX_RULES; id++)
		if (view->rules[id].qos.does & FTPNAT_QOS_RATE &&
		    !(view->rules[id].flags & FTPNAT_RULE_RETIRED))
			return &view->rules[id];
	return NULL;
}

void sentences_rate(const struct view *view, json_t *degraded)
{
	const struct ftpnat_rule *rule = rule_with_rate(view);
	const struct ftpnat_state *state = &view->instance.state;

	for (__u32 i = 0; rule && i < state->interfaces; i++) {
		const char *name = state->interface[i].name;

		if (!rtnl_paces((int)state->interface[i].ifindex))
			fault(degraded, FAULT_RATE,
			      "%s doesn't have the qdisc fq, so data that leaves there is "
			      "not held to the rate of rule %s: `tc qdisc replace dev %s "
			      "root fq`.",
			      name, rule->name, name);
	}
}
