// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/bans.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"

#define V4_BITS 96 /* in front of an IPv4 address in its 16-byte form */

static const __u32 first = 0;

void bans_free(struct bans *bans)
{
	free(bans->list);
	*bans = (struct bans){ 0 };
}

__u32 ban_left(const struct ban *ban, __u32 now)
{
	return ban->until && (__s32)(ban->until - now) > 0 ? ban->until - now : 0;
}

static bool is_over(__u32 until, __u32 now)
{
	return until && (__s32)(until - now) <= 0;
}

static struct ftpnat_ban_key key_of(const struct ban *ban)
{
	enum ftpnat_family family = ftpnat_addr_family(&ban->prefix.addr);

	return (struct ftpnat_ban_key){
		.len = FTPNAT_BAN_FIXED + (family == FTPNAT_V4 ? V4_BITS : 0) +
		       ban->prefix.len,
		.rule = ban->rule,
		.family = (__u16)family,
		.addr = ban->prefix.addr,
	};
}

static struct ban ban_of(const struct ftpnat_ban_key *key, const struct ftpnat_ban *value)
{
	__u32 before = FTPNAT_BAN_FIXED + (key->family == FTPNAT_V4 ? V4_BITS : 0);
	struct ban ban = {
		.prefix = { .addr = key->addr, .len = (uint8_t)(key->len - before) },
		.rule = key->rule,
		.refused = value->refused,
		.since = value->since,
		.until = value->until,
	};

	memcpy(ban.rule_name, value->rule, sizeof(ban.rule_name));
	memcpy(ban.why, value->why, sizeof(ban.why));
	return ban;
}

/* Calls `each` for every entry; a trie has no batches that map_walk() could read. */
static int walk(int fd, int (*each)(int fd, const struct ftpnat_ban_key *key, void *arg),
		void *arg)
{
	struct ftpnat_ban_key key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);
	int err = 0;

	for (size_t i = 0; !err && more && i < 2UL * FTPNAT_MAX_BANS; i++) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		err = each(fd, &key, arg);
	}
	return err;
}

struct reading {
	struct bans *bans;
	size_t room;
	__u32 now;
};

static int see_ban(int fd, const struct ftpnat_ban_key *key, void *arg)
{
	struct reading *reading = arg;
	struct bans *bans = reading->bans;
	struct ftpnat_ban value;

	if (bpf_map_lookup_elem(fd, key, &value) || is_over(value.until, reading->now))
		return 0;
	/* the longest prefix was looked up: another one, if this is just gone */
	if (value.len != key->len)
		return 0;
	if (bans->number == reading->room) {
		size_t room = reading->room ? 2 * reading->room : 64;
		struct ban *list = reallocarray(bans->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		bans->list = list;
		reading->room = room;
	}
	bans->list[bans->number++] = ban_of(key, &value);
	return 0;
}

static int compare(const void *one, const void *two)
{
	const struct ban *a = one, *b = two;
	int v4 = ftpnat_addr_is_v4(&b->prefix.addr) - ftpnat_addr_is_v4(&a->prefix.addr);
	int order =
		v4 ?: memcmp(&a->prefix.addr, &b->prefix.addr, sizeof(a->prefix.addr));

	if (!order)
		order = (int)a->prefix.len - (int)b->prefix.len;
	return order ?: strcmp(a->rule_name, b->rule_name);
}

bool bans_have(const struct bans *bans, const struct ban *ban)
{
	return bans->number &&
	       bsearch(ban, bans->list, bans->number, sizeof(*ban), compare);
}

int bans_read(const struct view *view, struct bans *bans)
{
	_cleanup_close_ int fd = view_map(view, FTPNAT_MAP_BANS);
	struct reading reading = { .bans = bans, .now = view_now() };
	int err;

	*bans = (struct bans){ 0 };
	if (fd < 0)
		return fd;
	err = walk(fd, see_ban, &reading);
	if (err)
		return err_r(err, "can't read the bans: %s", strerror(-err));
	if (bans->number)
		qsort(bans->list, bans->number, sizeof(*bans->list), compare);
	return 0;
}

static int drop_old(int fd, const struct ftpnat_ban_key *key, void *arg)
{
	const __u32 *now = arg;
	struct ftpnat_ban value;

	if (!bpf_map_lookup_elem(fd, key, &value) && value.len == key->len &&
	    is_over(value.until, *now))
		bpf_map_delete_elem(fd, key);
	return 0;
}

/* Which bans the programs look for. */
static int say_banned(const struct view *view, const struct ftpnat_banned *banned)
{
	_cleanup_close_ int fd = view_map(view, FTPNAT_MAP_BANNED);

	if (fd < 0)
		return fd;
	if (bpf_map_update_elem(fd, &first, banned, BPF_ANY))
		return err_r(-errno, "can't write to ftpnat_banned: %s", strerror(errno));
	return 0;
}

static int see_any(int fd, const struct ftpnat_ban_key *key, void *arg)
{
	struct ftpnat_banned *banned = arg;

	(void)fd;
	if (key->rule == FTPNAT_BAN_ALL)
		banned->all = 1;
	else
		banned->rules = 1;
	return 0;
}

int bans_recount(const struct view *view)
{
	_cleanup_close_ int fd = view_map(view, FTPNAT_MAP_BANS);
	__u32 now = view_now();
	int err = fd < 0 ? fd : walk(fd, drop_old, &now);

	/* the programs enter a ban, then say so: what the first run overwrites the second finds */
	for (int i = 0; !err && i < 2; i++) {
		struct ftpnat_banned banned = { 0 };

		walk(fd, see_any, &banned);
		err = say_banned(view, &banned);
	}
	return err;
}

static int put(int fd, const struct ban *ban)
{
	struct ftpnat_ban_key key = key_of(ban);
	struct ftpnat_ban value = {
		.refused = ban->refused,
		.since = ban->since,
		.until = ban->until,
		.len = key.len,
	};

	memcpy(value.rule, ban->rule_name, sizeof(value.rule));
	memcpy(value.why, ban->why, sizeof(value.why));
	if (bpf_map_update_elem(fd, &key, &value, BPF_ANY))
		return err_r(
			-errno,
			errno == ENOSPC ?
				"no room for more than %d bans: %s (ban prefixes, or "
				"use `deny` with a file)" :
				"can't enter a ban (of at most %d): %s",
			FTPNAT_MAX_BANS, strerror(errno));
	return 0;
}

int bans_put(const struct view *view, const struct bans *bans)
{
	/* before there is a ban the programs must look for one */
	static const struct ftpnat_banned any = { .all = 1, .rules = 1 };
	_cleanup_close_ int fd = view_map(view, FTPNAT_MAP_BANS);
	__u32 now = view_now();
	int err = fd < 0 ? fd : say_banned(view, &any);

	if (!err)
		walk(fd, drop_old, &now);
	for (size_t i = 0; !err && i < bans->number; i++)
		err = put(fd, &bans->list[i]);
	return err ?: bans_recount(view);
}

int bans_remove(const struct view *view, const struct ban *ban)
{
	_cleanup_close_ int fd = view_map(view, FTPNAT_MAP_BANS);
	const struct ftpnat_ban_key key = key_of(ban);

	if (fd < 0)
		return fd;
	if (bpf_map_delete_elem(fd, &key) && errno != ENOENT)
		return err_r(-errno, "can't remove a ban: %s", strerror(errno));
	return 0;
}

static int drop_of_rule(int fd, const struct ftpnat_ban_key *key, void *arg)
{
	const __u16 *rule = arg;

	if (key->rule == *rule)
		bpf_map_delete_elem(fd, key);
	return 0;
}

void bans_forget_rule(const struct dataplane *dataplane, __u16 rule)
{
	walk(dataplane_map(dataplane, FTPNAT_MAP_BANS), drop_of_rule, &rule);
}
