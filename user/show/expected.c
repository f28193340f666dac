// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* expected: announced data connections that have not arrived yet. */
#include "base/log.h"
#include "base/table.h"
#include "config/config.h"
#include "dataplane/view.h"

struct listing {
	const struct view *view;
	const struct filter *filter;
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
	const struct ftpnat_tuple dialled = { .src = active ? expected->dst : key->peer,
					      .dst = key->dst,
					      .dport = key->dport };
	/* what the server sees; port 0: the client's, or another where that is taken */
	const struct ftpnat_tuple real = { .src = active ? key->dst : expected->src,
					   .dst = active ? key->peer : expected->dst,
					   .sport = active ? key->dport : expected->sport,
					   .dport = expected->dport };
	char client[FTPNAT_ADDR_STRLEN], public[FTPNAT_ENDPOINT_STRLEN],
		goes_to[FTPNAT_ENDPOINT_STRLEN], source[FTPNAT_ENDPOINT_STRLEN];

	if (!filter_word(listing->filter->rule, rule) ||
	    !filter_ends(listing->filter, &dialled, &real))
		return 0;
	ftpnat_addr_str(client, &dialled.src);
	ftpnat_endpoint_str(public, &key->dst, key->dport);
	ftpnat_endpoint_str(goes_to, &expected->dst, expected->dport);
	ftpnat_endpoint_str(source, &real.src, real.sport);
	if (listing->list) {
		json_array_append_new(
			listing->list,
			json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I}", "rule",
				  rule, "session", (json_int_t)expected->session,
				  "client", client, "public", public, "real", goes_to,
				  "source", source, "mode", mode, "age",
				  (json_int_t)age));
		return 0;
	}
	table_cell(&listing->table, "%s", rule);
	table_cell(&listing->table, "%s", client);
	table_cell(&listing->table, "%s", public);
	table_cell(&listing->table, "%s", goes_to);
	table_cell(&listing->table, "%s", mode);
	table_cell(&listing->table, "%us", age);
	return 0;
}

int verb_expected(const struct options *options)
{
	static const char *const titles[] = { "RULE", "CLIENT", "PUBLIC", "REAL",
					      "MODE", "AGE",	NULL };
	_cleanup_view_ struct view view;
	struct listing listing = { .view = &view,
				   .filter = &options->filter,
				   .now = view_now() };
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
