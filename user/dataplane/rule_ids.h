/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rule ids: flows carry them, so a rule keeps its own over a reload, and one that is
 * gone keeps its until its last flow is.
 */
#ifndef FTPNAT_RULE_IDS_H
#define FTPNAT_RULE_IDS_H

#include <stdbool.h>

#include "ftpnat_maps.h"

struct rule_ids {
	struct ftpnat_rule old[FTPNAT_MAX_RULES];
	struct ftpnat_rule next[FTPNAT_MAX_RULES];
	bool reused[FTPNAT_MAX_RULES]; /* belonged to another rule before */
};

/*
 * Start from the rules in force (`old`). `in_use`: ids that flows carry; retired rules
 * without any are forgotten.
 */
void rule_ids_begin(struct rule_ids *ids, const bool in_use[FTPNAT_MAX_RULES]);

/* Place for the rule, name and kind filled in; NULL when all ids are taken. */
struct ftpnat_rule *rule_ids_take(struct rule_ids *ids, const char *name,
				  enum ftpnat_rule_kind kind);

/* Whoever was in force and was not taken retires. */
void rule_ids_end(struct rule_ids *ids);

#endif
