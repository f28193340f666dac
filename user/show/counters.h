/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All that is counted, at one moment. */
#ifndef FTPNAT_STATS_H
#define FTPNAT_STATS_H

#include "dataplane/view.h"

struct stats {
	struct ftpnat_rule_stats rule[FTPNAT_MAX_RULES]; /* zero where there is no rule */
	__u64 reason[FTPNAT_REASON_MAX];
	struct view_table tables[VIEW_TABLE_MAX];
	__u32 open[FTPNAT_MAX_RULES]; /* sessions now: answered by both ends, and not over */
};

extern const char *const stats_line_names[FTPNAT_LINE_MAX];

/* Sum up all CPUs. Reports its errors. */
int stats_read(const struct view *view, struct stats *stats);

#endif
