// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "show/counters.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

const char *const stats_line_names[] = {
	[FTPNAT_LINE_PORT] = "PORT",
	[FTPNAT_LINE_EPRT] = "EPRT",
	[FTPNAT_LINE_227] = "227",
	[FTPNAT_LINE_229] = "229",
};
_Static_assert(ARRAY_SIZE(stats_line_names) == FTPNAT_LINE_MAX, "each line has a name");

int stats_read(const struct view *view, struct stats *stats)
{
	_cleanup_close_ int rules_fd = view_map(view, FTPNAT_MAP_STATS);
	_cleanup_close_ int reasons_fd = view_map(view, FTPNAT_MAP_REASONS);
	struct ftpnat_usage usage;
	int err = 0;

	_Static_assert(sizeof(stats->rule[0]) % 8 == 0, "counters only");
	if (rules_fd < 0 || reasons_fd < 0)
		return -ENOENT;
	memset(stats, 0, sizeof(*stats));
	for (__u32 id = 0; !err && id < FTPNAT_MAX_RULES; id++)
		if (view->rules[id].name[0])
			err = view_counters(rules_fd, id, (__u64 *)&stats->rule[id],
					    sizeof(stats->rule[id]) / 8);
	for (__u32 reason = 0; !err && reason < FTPNAT_REASON_MAX; reason++)
		err = view_counters(reasons_fd, reason, &stats->reason[reason], 1);
	if (err)
		return err_r(err, "can't read the counters: %s", strerror(-err));
	err = view_usage(view, &usage);
	if (!err)
		memcpy(stats->open, usage.open, sizeof(stats->open));
	return err ?: view_tables(view, stats->tables);
}
