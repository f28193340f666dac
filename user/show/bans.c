// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* bans: who is refused, since when, for how long, and why. */
#include "base/human.h"
#include "base/table.h"
#include "dataplane/bans_file.h"

static void print_text(const struct bans *bans)
{
	static const char *const titles[] = { "ADDRESS", "RULE", "SINCE", "LEFT",
					      "REFUSED", "WHY",	 NULL };
	_cleanup_table_ struct table table;
	__u32 now = view_now();

	table_begin(&table, titles);
	table_limit(&table, TABLE_WIDTH);
	for (size_t i = 0; i < bans->number; i++) {
		const struct ban *ban = &bans->list[i];
		char prefix[FTPNAT_PREFIX_STRLEN], text[HUMAN_STRLEN];

		table_cell(&table, "%s", ftpnat_prefix_str(prefix, &ban->prefix));
		table_cell(&table, "%s", ban->rule_name[0] ? ban->rule_name : "all");
		table_cell(&table, "%s ago", human_time(text, now - ban->since));
		table_cell(&table, "%s",
			   ban->until ? human_time(text, ban_left(ban, now)) : "-");
		table_cell(&table, "%llu", ban->refused);
		table_cell(&table, "%s", ban->why);
	}
}

int verb_bans(const struct options *options)
{
	_cleanup_view_ struct view view = { .instance = INSTANCE_INIT };
	_cleanup_bans_ struct bans bans = { 0 };
	json_t *list;

	if (view_open(&view, options) || bans_read(&view, &bans))
		return EXIT_RUNTIME;
	if (!options->json) {
		print_text(&bans);
		return 0;
	}
	list = json_array();
	for (size_t i = 0; i < bans.number; i++)
		json_array_append_new(list, ban_to_json(&bans.list[i]));
	return view_print_json(json_pack("{s:i, s:o}", "schema", 1, "bans", list));
}
