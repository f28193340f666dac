// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* expected: announced data connections that have not arrived yet. */
#include "base/log.h"
#include "base/table.h"
#include "config/config.h"
#include "dataplane/view.h"

struct listing {
	const struct view *view;
	__u32 now;
	json_t *list; /* or NULL: text */
	struct table table;
};

static int see_expected(const void *key_bytes, const void *value, void *arg)
{
	const struct ftpnat_expected_key *key = key_bytes;
	const struct ftpnat_expected *expected = value;
	struct listing *listing = arg;
	bool active = expected->mode == FTPNAT_ACTIVE;
	const char *rule = view_rule_name(listing->view, expected->rule);
	const char *mode = config_mode_str(active ? FTPNAT_ACTIVE : FTPNAT_PASSIVE);
	__u32 age = listing->now > expected->created ? listing->now - expected->created :
						       0;
	char client[FTPNAT_ADDR_STRLEN], public[FTPNAT_ENDPOINT_STRLEN],
		real[FTPNAT_ENDPOINT_STRLEN];

	ftpnat_addr_str(client, active ? &expected->dst : &key->peer);
	ftpnat_endpoint_str(public, &key->dst, key->dport);
	ftpnat_endpoint_str(real, &expected->dst, expected->dport);
	if (listing->list) {
		json_array_append_new(listing->list,
				      json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "rule",
						rule, "client", client, "public", public,
						"real", real, "mode", mode, "age",
						(json_int_t)age));
		return 0;
	}
	table_cell(&listing->table, "%s", rule);
	table_cell(&listing->table, "%s", client);
	table_cell(&listing->table, "%s", public);
	table_cell(&listing->table, "%s", real);
	table_cell(&listing->table, "%s", mode);
	table_cell(&listing->table, "%us", age);
	return 0;
}

int verb_expected(const struct options *options)
{
	static const char *const titles[] = { "RULE", "CLIENT", "PUBLIC", "REAL",
					      "MODE", "AGE",	NULL };
	_cleanup_view_ struct view view;
	struct listing listing = { .view = &view, .now = view_now() };
	int err = view_open(&view, options);

	if (err)
		return EXIT_RUNTIME;
	if (options->json)
		listing.list = json_array();
	else
		table_begin(&listing.table, titles);
	err = view_walk(&view, FTPNAT_MAP_EXPECTED, see_expected, &listing);
	if (!options->json)
		table_end(&listing.table);
	else
		err = view_print_json(json_pack("{s:i, s:o}", "schema", 1, "expected", listing.list)) ?:
			      err;
	return err ? EXIT_RUNTIME : 0;
}
