/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rule ids: flows contain them, so a rule keeps its id over a reload, and a removed rule
 * keeps it until its last flow ends.
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
 * Start from the rules in force (`old`). `in_use`: ids that flows contain; retired rules
 * without flows are dropped.
 */
void rule_ids_begin(struct rule_ids *ids, const bool in_use[FTPNAT_MAX_RULES]);

/* The entry for the rule, with name and kind set; NULL when all ids are taken. */
struct ftpnat_rule *rule_ids_take(struct rule_ids *ids, const char *name,
				  enum ftpnat_rule_kind kind);

/* Retires the rules in force that were not taken. */
void rule_ids_end(struct rule_ids *ids);

#endif
