// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/bans_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/util.h"
#include "dataplane/pin.h"

#define FILE_SCHEMA 1
#define FRESH_LEN   (PATH_MAX + sizeof(".new"))

/* Named after the instance's directory. */
static void file_path(const char *dir, char *path, size_t size)
{
	snprintf(path, size, STATE_DIR "/bans%s", dir);
	for (char *c = path + strlen(STATE_DIR) + 1; *c; c++)
		if (*c == '/')
			*c = '-';
	strncat(path, ".json", size - strlen(path) - 1);
}

/* The clock's time of a time of CLOCK_MONOTONIC, and back; both not in the future's end. */
static time_t clock_of(__u32 monotonic)
{
	return time(NULL) - (__s32)(view_now() - monotonic);
}

static __u32 monotonic_of(time_t clock)
{
	return view_now() - (__u32)(time(NULL) - clock);
}

static void address_str(char text[static FTPNAT_PREFIX_STRLEN],
			const struct ftpnat_prefix *prefix)
{
	bool whole = prefix->len == ftpnat_addr_bits(&prefix->addr);

	if (whole)
		ftpnat_addr_str(text, &prefix->addr);
	else
		ftpnat_prefix_str(text, prefix);
}

json_t *ban_to_json(const struct ban *ban)
{
	char address[FTPNAT_PREFIX_STRLEN], since[sizeof("2026-11-28T23:59:59Z")];
	time_t clock = clock_of(ban->since);
	json_t *left = ban->until ? json_integer(ban_left(ban, view_now())) : json_null();
	struct tm tm;

	address_str(address, &ban->prefix);
	strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&clock, &tm));
	return json_pack("{s:s, s:s?, s:s, s:o, s:s, s:I}", "address", address, "rule",
			 ban->rule_name[0] ? ban->rule_name : NULL, "since", since,
			 "left", left, "why", ban->why, "refused",
			 (json_int_t)ban->refused);
}

static json_t *to_file(const struct ban *ban)
{
	char address[FTPNAT_PREFIX_STRLEN];

	address_str(address, &ban->prefix);
	return json_pack("{s:s, s:s?, s:I, s:o, s:s, s:I}", "address", address, "rule",
			 ban->rule_name[0] ? ban->rule_name : NULL, "since",
			 (json_int_t)clock_of(ban->since), "until",
			 ban->until ? json_integer(clock_of(ban->until)) : json_null(),
			 "why", ban->why, "refused", (json_int_t)ban->refused);
}

/* Its name until it is whole. */
static void fresh_path(const char *path, char fresh[static FRESH_LEN])
{
	snprintf(fresh, FRESH_LEN, "%s.new", path);
}

/* The file is whole on the disk before it has its name. */
static int write_file(const char *path, json_t *doc)
{
	_cleanup_close_ int fd = -1, dir_fd = -1;
	_cleanup_fclose_ FILE *file = NULL;
	char fresh[FRESH_LEN];

	fresh_path(path, fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		return -errno;
	TAKE_FD(fd);
	/* in large pieces: json_dumpfd() has a system call for each word */
	if (json_dumpf(doc, file, JSON_INDENT(2)) || fflush(file) ||
	    fsync(fileno(file)) || rename(fresh, path)) {
		int err = errno ? -errno : -EIO;

		unlink(fresh);
		return err;
	}
	dir_fd = open(STATE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd >= 0)
		fsync(dir_fd);
	return 0;
}

int bans_save(const struct view *view, const struct bans *bans)
{
	json_auto_t *list = json_array();
	json_auto_t *doc = NULL;
	char path[PATH_MAX];
	int err = 0;

	for (size_t i = 0; i < bans->number; i++)
		json_array_append_new(list, to_file(&bans->list[i]));
	doc = json_pack("{s:i, s:O}", "schema", FILE_SCHEMA, "bans", list);
	file_path(view->instance.dir, path, sizeof(path));
	if (!doc)
		err = -ENOMEM;
	else if (mkdir(STATE_DIR, 0700) && errno != EEXIST)
		err = -errno;
	else
		err = write_file(path, doc);
	return err ? err_r(err,
			   "can't write %s: %s (the bans hold, but not over a reboot)",
			   path, strerror(-err)) :
		     0;
}

static int rule_id(const struct view *view, const char *name)
{
	for (int id = 0; id < FTPNAT_MAX_RULES; id++)
		if (!strcmp(view->rules[id].name, name))
			return id;
	return -ENOENT;
}

/* 0, -EINVAL: not a ban, -ESTALE: it is over, or its rule is gone. */
static int from_file(const struct view *view, json_t *entry, struct ban *ban)
{
	const char *address, *rule = NULL, *why;
	json_int_t since, refused;
	json_t *until;
	int id = FTPNAT_BAN_ALL;

	if (json_unpack(entry, "{s:s, s?s, s:I, s:o, s:s, s:I}", "address", &address,
			"rule", &rule, "since", &since, "until", &until, "why", &why,
			"refused", &refused)) {
		rule = NULL;
		if (json_unpack(entry, "{s:s, s:I, s:o, s:s, s:I}", "address", &address,
				"since", &since, "until", &until, "why", &why, "refused",
				&refused))
			return -EINVAL;
	}
	*ban = (struct ban){ .refused = (__u64)refused };
	if (ftpnat_prefix_parse(address, &ban->prefix))
		return -EINVAL;
	if (rule)
		id = rule_id(view, rule);
	if (id < 0 || (json_is_integer(until) && json_integer_value(until) <= time(NULL)))
		return -ESTALE;
	ban->rule = (__u16)id;
	ban->since = monotonic_of((time_t)since);
	if (json_is_integer(until)) {
		ban->until = monotonic_of((time_t)json_integer_value(until));
		ban->until += !ban->until;
	}
	snprintf(ban->rule_name, sizeof(ban->rule_name), "%s", rule ?: "");
	snprintf(ban->why, sizeof(ban->why), "%s", why);
	return 0;
}

static int restore(const struct view *view, json_t *list, const char *path)
{
	_cleanup_bans_ struct bans there = { 0 }, missing = { 0 };
	json_t *entry;
	int err = bans_read(view, &there), ret;
	size_t i;

	missing.list = calloc(json_array_size(list) + 1, sizeof(*missing.list));
	if (!err && !missing.list)
		err = err_r(-ENOMEM, "out of memory");
	if (err)
		return err;
	json_array_foreach(list, i, entry) {
		struct ban *ban = &missing.list[missing.number];

		ret = from_file(view, entry, ban);
		if (ret == -EINVAL)
			pr_warn("%s: entry %zu is not a ban: left out", path, i + 1);
		if (!ret && !bans_have(&there, ban))
			missing.number++;
	}
	return bans_put(view, &missing);
}

static void lock_end(int *fd)
{
	close_fd(fd);
}

int bans_restore(const struct options *options)
{
	_cleanup_view_ struct view view = { .instance = INSTANCE_INIT };
	_cleanup_(lock_end) int lock_fd = -1;
	json_auto_t *doc = NULL;
	json_error_t error;
	char path[PATH_MAX];
	__u64 device;
	int err;

	file_path(options->pin, path, sizeof(path));
	if (access(path, F_OK))
		return 0;
	doc = json_load_file(path, 0, &error);
	if (!json_is_array(json_object_get(doc, "bans"))) {
		pr_warn("%s can't be read (%s): no bans are restored from it", path,
			doc ? "no list `bans`" : error.text);
		return 0;
	}
	err = pin_lock(options->pin, &lock_fd, &device) ?: view_open(&view, options);
	return err ?: restore(&view, json_object_get(doc, "bans"), path);
}

void bans_keep(const struct options *options, struct bans_kept *kept)
{
	_cleanup_view_ struct view view = { .instance = INSTANCE_INIT };
	_cleanup_(lock_end) int lock_fd = -1;
	_cleanup_bans_ struct bans bans = { 0 };
	struct bans_kept now = { 0 };
	__u64 device;

	if (pin_lock(options->pin, &lock_fd, &device) || view_open(&view, options) ||
	    bans_read(&view, &bans))
		return;
	now.number = bans.number;
	for (size_t i = 0; i < bans.number; i++)
		if (!now.since || (__s32)(bans.list[i].since - now.since) > 0)
			now.since = bans.list[i].since;
	if (now.number == kept->number && now.since == kept->since)
		return;
	bans_recount(&view);
	bans_save(&view, &bans);
	*kept = now;
}

void bans_remove_file(const char *dir)
{
	char path[PATH_MAX], fresh[FRESH_LEN];

	file_path(dir, path, sizeof(path));
	fresh_path(path, fresh);
	unlink(path);
	unlink(fresh); /* of a command that was killed */
}
