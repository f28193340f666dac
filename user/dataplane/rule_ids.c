// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/rule_ids.h"

#include <stdio.h>
#include <string.h>

static bool is_free(const struct ftpnat_rule *rule)
{
	return !rule->name[0];
}

static bool is_retired(const struct ftpnat_rule *rule)
{
	return rule->flags & FTPNAT_RULE_RETIRED;
}

static void retire(struct ftpnat_rule *rule, const struct ftpnat_rule *old)
{
	*rule = *old;
	rule->flags |= FTPNAT_RULE_RETIRED;
	rule->servers = 0;
	memset(rule->weight, 0, sizeof(rule->weight));
}

void rule_ids_begin(struct rule_ids *ids, const bool in_use[FTPNAT_MAX_RULES])
{
	memset(ids->next, 0, sizeof(ids->next));
	memset(ids->reused, 0, sizeof(ids->reused));
	for (unsigned int i = 0; i < FTPNAT_MAX_RULES; i++) {
		if (!is_retired(&ids->old[i]) || in_use[i])
			continue;
		memset(&ids->old[i], 0, sizeof(ids->old[i]));
		ids->reused[i] = true;
	}
}

static bool is_same(const struct ftpnat_rule *rule, const char *name,
		    enum ftpnat_rule_kind kind)
{
	return rule->kind == kind && !strncmp(rule->name, name, sizeof(rule->name));
}

/* The rule's id, else the lowest free one; FTPNAT_MAX_RULES: none. */
static unsigned int find_id(const struct rule_ids *ids, const char *name,
			    enum ftpnat_rule_kind kind)
{
	unsigned int id;

	for (id = 0; id < FTPNAT_MAX_RULES; id++)
		if (!is_free(&ids->old[id]) && is_same(&ids->old[id], name, kind))
			return id;
	for (id = 0; id < FTPNAT_MAX_RULES; id++)
		if (is_free(&ids->old[id]) && is_free(&ids->next[id]))
			return id;
	return FTPNAT_MAX_RULES;
}

struct ftpnat_rule *rule_ids_take(struct rule_ids *ids, const char *name,
				  enum ftpnat_rule_kind kind)
{
	unsigned int id = find_id(ids, name, kind);
	struct ftpnat_rule *rule;

	if (id == FTPNAT_MAX_RULES)
		return NULL;
	rule = &ids->next[id];
	snprintf(rule->name, sizeof(rule->name), "%s", name);
	rule->kind = (__u8)kind;
	return rule;
}

void rule_ids_end(struct rule_ids *ids)
{
	for (unsigned int id = 0; id < FTPNAT_MAX_RULES; id++)
		if (is_free(&ids->next[id]) && !is_free(&ids->old[id]))
			retire(&ids->next[id], &ids->old[id]);
		else if (is_free(&ids->next[id]))
			ids->reused[id] = false;
}
