// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ban, unban: a client is refused from now on. What it has announced is closed; with
 * --cut its connections end, too.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/human.h"
#include "base/log.h"
#include "dataplane/bans_file.h"
#include "dataplane/map_walk.h"
#include "dataplane/pin.h"
#include "show/flows.h"

#define CLOSE_TRIES    300 /* the connection timer runs every second */
#define CLOSE_PAUSE_US 10000

/* An instance that is about to be changed. */
struct banning {
	struct view view;
	int lock_fd;
};

static void banning_end(struct banning *banning)
{
	view_close(&banning->view);
	close_fd(&banning->lock_fd);
}

static int banning_begin(struct banning *banning, const struct options *options)
{
	__u64 device;

	int err = pin_lock(options->pin, &banning->lock_fd, &device) ?:
			  view_open(&banning->view, options);

	return err ?: view_check_rule(&banning->view, options->filter.rule);
}

static int rule_id(const struct view *view, const char *name)
{
	for (int id = 0; name && id < FTPNAT_MAX_RULES; id++)
		if (!strcmp(view->rules[id].name, name))
			return id;
	return FTPNAT_BAN_ALL;
}

/* ---- what the client has announced ---- */

struct closing {
	const struct ban *ban;
	int queue_fd; /* -1: only count them */
	size_t left;
};

static bool has(const struct ftpnat_prefix *prefix, const struct ftpnat_addr *addr)
{
	const struct filter filter = { .by_client = true, .client = *prefix };
	const struct ftpnat_tuple tuple = { .src = *addr };

	return filter_ends(&filter, &tuple, &tuple);
}

static int see_expected(const void *key_bytes, const void *value, void *arg)
{
	const struct ftpnat_expected_key *key = key_bytes;
	const struct ftpnat_expected *expected = value;
	struct closing *closing = arg;
	const struct ftpnat_ending ending = {
		.key = { .src = key->peer, .dst = key->dst, .dport = key->dport },
		.created = expected->created,
		.session = expected->session,
		.expected = 1,
	};

	if (!has(&closing->ban->prefix, &expected->client) ||
	    (closing->ban->rule != FTPNAT_BAN_ALL &&
	     closing->ban->rule != expected->rule))
		return 0;
	closing->left++;
	/* in a full queue: nothing comes through it any more, and it expires */
	if (closing->queue_fd >= 0)
		bpf_map_update_elem(closing->queue_fd, NULL, &ending, BPF_ANY);
	return 0;
}

static int close_expected(const struct view *view, const struct ban *ban)
{
	_cleanup_close_ int queue_fd = view_map(view, FTPNAT_MAP_ENDING);
	struct closing closing = { .ban = ban, .queue_fd = queue_fd };
	int err = queue_fd < 0 ?
			  queue_fd :
			  view_walk(view, FTPNAT_MAP_EXPECTED, see_expected, &closing);

	closing.queue_fd = -1;
	for (int i = 0; !err && closing.left && i < CLOSE_TRIES; i++) {
		usleep(CLOSE_PAUSE_US);
		closing.left = 0;
		err = view_walk(view, FTPNAT_MAP_EXPECTED, see_expected, &closing);
	}
	return err;
}

/* ---- ban ---- */

static void print_ban(const struct options *options, const struct ban *ban, size_t ended)
{
	char prefix[FTPNAT_PREFIX_STRLEN], left[HUMAN_STRLEN];

	ftpnat_prefix_str(prefix, &ban->prefix);
	printf("%s: banned", prefix);
	if (ban->rule_name[0])
		printf(" from rule %s", ban->rule_name);
	if (ban->until)
		printf(" for %s", human_time(left, options->ban.seconds));
	if (options->ban.cut)
		printf(", %zu connection%s ended", ended, ended == 1 ? "" : "s");
	putchar('\n');
}

static int save(const struct view *view)
{
	_cleanup_bans_ struct bans all = { 0 };

	return bans_read(view, &all) ?: bans_save(view, &all);
}

int verb_ban(const struct options *options)
{
	_cleanup_(banning_end) struct banning banning = { .view.instance = INSTANCE_INIT,
							  .lock_fd = -1 };
	_cleanup_connections_ struct connections ended = { 0 };
	struct filter filter = { .rule = options->filter.rule,
				 .by_client = true,
				 .client = options->ban.prefix };
	struct ban ban = { .prefix = options->ban.prefix };
	int err = banning_begin(&banning, options);

	if (err)
		return EXIT_RUNTIME;
	ban.rule = (__u16)rule_id(&banning.view, filter.rule);
	ban.since = view_now();
	if (options->ban.seconds) {
		ban.until = ban.since + options->ban.seconds;
		ban.until += !ban.until; /* 0 is for good */
	}
	snprintf(ban.rule_name, sizeof(ban.rule_name), "%s", filter.rule ?: "");
	snprintf(ban.why, sizeof(ban.why), "%s", options->ban.why ?: "");
	err = bans_put(&banning.view, &(struct bans){ .list = &ban, .number = 1 });
	if (!err)
		err = save(&banning.view);
	close_fd(&banning.lock_fd);
	if (!err)
		err = close_expected(&banning.view, &ban);
	if (!err && options->ban.cut)
		err = flows_delete(&banning.view, &filter, &ended);
	if (err)
		return EXIT_RUNTIME;
	if (options->json)
		return view_print_json(json_pack("{s:i, s:[o], s:I}", "schema", 1, "bans",
						 ban_to_json(&ban), "ended",
						 (json_int_t)ended.number));
	print_ban(options, &ban, ended.number);
	return 0;
}

/* ---- unban ---- */

static bool matches(const struct options *options, const struct ban *ban)
{
	return ftpnat_prefix_equal(&ban->prefix, &options->ban.prefix) &&
	       (!options->filter.rule || !strcmp(ban->rule_name, options->filter.rule));
}

/* Splits off those that match, to the end of *out. */
static void take(const struct options *options, struct bans *all, struct bans *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < all->number; i++) {
		if (matches(options, &all->list[i]))
			out->list[out->number++] = all->list[i];
		else
			all->list[kept++] = all->list[i];
	}
	all->number = kept;
}

int verb_unban(const struct options *options)
{
	_cleanup_(banning_end) struct banning banning = { .view.instance = INSTANCE_INIT,
							  .lock_fd = -1 };
	_cleanup_bans_ struct bans all = { 0 }, taken = { 0 };
	char prefix[FTPNAT_PREFIX_STRLEN];
	json_t *list;
	int err = banning_begin(&banning, options) ?: bans_read(&banning.view, &all);

	if (err)
		return EXIT_RUNTIME;
	ftpnat_prefix_str(prefix, &options->ban.prefix);
	taken.list = calloc(all.number + 1, sizeof(*taken.list));
	if (!taken.list)
		return err_r(EXIT_RUNTIME, "out of memory");
	take(options, &all, &taken);
	if (!taken.number) {
		bans_recount(&banning.view); /* a killed `unban` didn't come to it */
		return err_r(EXIT_RUNTIME,
			     "%s is not banned%s%s: `ftpnat-load bans` lists the bans",
			     prefix, options->filter.rule ? " from rule " : "",
			     options->filter.rule ?: "");
	}
	/* in this order, see bans_file.h; without the file they can still be taken back */
	bans_save(&banning.view, &all);
	list = json_array();
	for (size_t i = 0; !err && i < taken.number; i++) {
		err = bans_remove(&banning.view, &taken.list[i]);
		json_array_append_new(list, ban_to_json(&taken.list[i]));
	}
	bans_recount(&banning.view);
	if (err) {
		json_decref(list);
		return EXIT_RUNTIME;
	}
	if (options->json)
		return view_print_json(
			json_pack("{s:i, s:o}", "schema", 1, "bans", list));
	json_decref(list);
	printf("%s: no longer banned\n", prefix);
	return 0;
}
