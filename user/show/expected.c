// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* expected: announced data connections that have not arrived yet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/human.h"
#include "base/log.h"
#include "base/sort.h"
#include "base/table.h"
#include "config/config.h"
#include "dataplane/view.h"

struct announced {
	const char *rule;
	__u32 session;
	__u32 age;
	enum ftpnat_mode mode;
	struct ftpnat_expected_key key;
	struct ftpnat_addr client;
	struct ftpnat_endpoint real;   /* where it will go */
	struct ftpnat_endpoint source; /* of the server's view; port 0: not known yet */
};

struct listing {
	const struct view *view;
	const struct filter *filter;
	__u32 now;
	struct announced *list;
	size_t number;
	size_t room;
};

static void free_list(struct listing *listing)
{
	free(listing->list);
}

static int add(struct listing *listing, const struct announced *one)
{
	if (listing->number == listing->room) {
		size_t room = listing->room ? 2 * listing->room : 64;
		struct announced *list = reallocarray(listing->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		listing->list = list;
		listing->room = room;
	}
	listing->list[listing->number++] = *one;
	return 0;
}

static int see_expected(const void *key_bytes, const void *value, void *arg)
{
	const struct ftpnat_expected_key *key = key_bytes;
	const struct ftpnat_expected *expected = value;
	struct listing *listing = arg;
	bool active = expected->mode == FTPNAT_ACTIVE;
	const struct ftpnat_tuple dialled = { .src = active ? expected->dst : key->peer,
					      .dst = key->dst,
					      .dport = key->dport };
	/* what the server sees; port 0: the client's, or another where that is taken */
	const struct ftpnat_tuple server = { .src = active ? key->dst : expected->src,
					     .dst = active ? key->peer : expected->dst,
					     .sport = active ? key->dport :
							       expected->sport,
					     .dport = expected->dport };
	const struct announced one = {
		.rule = view_rule_name(listing->view, expected->rule),
		.session = expected->session,
		.age = listing->now > expected->created ?
			       listing->now - expected->created :
			       0,
		.mode = active ? FTPNAT_ACTIVE : FTPNAT_PASSIVE,
		.key = *key,
		.client = dialled.src,
		.real = { expected->dst, expected->dport },
		.source = { server.src, server.sport },
	};

	/* the timer of the programs removes it later */
	if (one.age > listing->view->config.timeout_expected)
		return 0;
	return filter_word(listing->filter->rule, one.rule) &&
			       filter_ends(listing->filter, &dialled, &server) ?
		       add(listing, &one) :
		       0;
}

/* ---- sorting ---- */

static int by_session(const void *one, const void *two)
{
	const struct announced *a = one, *b = two;

	return sort_numbers(a->session, b->session) ?:
		       memcmp(&a->key, &b->key, sizeof(a->key));
}

static int by_age(const void *one, const void *two)
{
	const struct announced *a = one, *b = two;

	return sort_numbers(b->age, a->age) ?: by_session(one, two);
}

static int by_client(const void *one, const void *two)
{
	const struct announced *a = one, *b = two;

	return memcmp(&a->client, &b->client, sizeof(a->client)) ?: by_session(one, two);
}

static int by_rule(const void *one, const void *two)
{
	const struct announced *a = one, *b = two;

	return strcmp(a->rule, b->rule) ?: by_session(one, two);
}

/* The other end than the client's. */
static const struct ftpnat_addr *server_of(const struct announced *a)
{
	return a->mode == FTPNAT_ACTIVE ? &a->key.peer : &a->real.addr;
}

static int by_server(const void *one, const void *two)
{
	return memcmp(server_of(one), server_of(two), sizeof(struct ftpnat_addr)) ?:
		       by_session(one, two);
}

static const struct sort_key sorts[] = {
	{ "session", by_session }, { "age", by_age },	    { "client", by_client },
	{ "rule", by_rule },	   { "server", by_server }, { NULL, NULL },
};

/* ---- printing ---- */

/* An entry as text. */
struct words {
	char client[FTPNAT_ADDR_STRLEN];
	char public[FTPNAT_ENDPOINT_STRLEN];
	char real[FTPNAT_ENDPOINT_STRLEN];
	char source[FTPNAT_ENDPOINT_STRLEN];
	const char *mode;
};

static void put_in_words(struct words *w, const struct announced *one)
{
	ftpnat_addr_str(w->client, &one->client);
	ftpnat_endpoint_str(w->public, &one->key.dst, one->key.dport);
	ftpnat_endpoint_str(w->real, &one->real.addr, one->real.port);
	ftpnat_endpoint_str(w->source, &one->source.addr, one->source.port);
	w->mode = config_mode_str(one->mode);
}

static int print_json(const struct listing *listing)
{
	json_t *list = json_array();

	for (size_t i = 0; i < listing->number; i++) {
		const struct announced *one = &listing->list[i];
		struct words w;

		put_in_words(&w, one);
		json_array_append_new(
			list,
			json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I}", "rule",
				  one->rule, "session", (json_int_t)one->session,
				  "client", w.client, "public", w.public, "real", w.real,
				  "source", w.source, "mode", w.mode, "age",
				  (json_int_t)one->age));
	}
	return view_print_json(json_pack("{s:i, s:o}", "schema", 1, "expected", list));
}

static void print_text(const struct listing *listing, bool wide)
{
	static const char *const titles[] = { "RULE", "CLIENT", "PUBLIC", "REAL",
					      "MODE", "AGE",	NULL };
	static const char *const all_titles[] = { "RULE", "CLIENT",  "PUBLIC",
						  "REAL", "SOURCE",  "MODE",
						  "AGE",  "SESSION", NULL };
	_cleanup_table_ struct table table;
	char age[HUMAN_STRLEN];

	table_begin(&table, wide ? all_titles : titles);
	if (!wide)
		table_limit(&table, TABLE_WIDTH);
	for (size_t i = 0; i < listing->number; i++) {
		const struct announced *one = &listing->list[i];
		struct words w;

		put_in_words(&w, one);
		table_cell(&table, "%s", one->rule);
		table_cell(&table, "%s", w.client);
		table_cell(&table, "%s", w.public);
		table_cell(&table, "%s", w.real);
		if (wide)
			table_cell(&table, "%s", w.source);
		table_cell(&table, "%s", w.mode);
		table_cell(&table, "%s", human_time(age, one->age));
		if (wide)
			table_cell(&table, "%u", one->session);
	}
}

int verb_expected(const struct options *options)
{
	const struct sort_key *sort = sort_find(sorts, options->sort);
	_cleanup_view_ struct view view = { .instance = INSTANCE_INIT };
	_cleanup_(free_list) struct listing listing = { .view = &view,
							.filter = &options->filter,
							.now = view_now() };
	int err;

	if (!sort)
		return EXIT_USAGE;
	err = view_open(&view, options) ?: view_check_rule(&view, options->filter.rule);
	err = err ?: view_walk(&view, FTPNAT_MAP_EXPECTED, see_expected, &listing);
	if (err)
		return EXIT_RUNTIME;
	sort_by(sort, listing.list, listing.number, sizeof(*listing.list));
	if (options->json)
		return print_json(&listing);
	print_text(&listing, options->wide);
	return 0;
}
