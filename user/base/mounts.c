// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/mounts.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

/* One line of mountinfo, see proc(5). */
struct mount_entry {
	unsigned long id;
	unsigned long peers; /* group in which mounts propagate both ways; 0: private */
	char point[PATH_MAX];
	char source[NAME_MAX + 1];
};

static bool parse_entry(const char *line, struct mount_entry *entry)
{
	static const char shared[] = " shared:";
	const char *peers = strstr(line, shared);
	const char *end = strstr(line, " - "); /* of the optional fields */

	entry->id = strtoul(line, NULL, 10);
	entry->peers = 0;
	entry->source[0] = '\0';
	if (end)
		sscanf(end + strlen(" - "), "%*s %255s", entry->source);
	if (peers && end && peers < end)
		entry->peers = strtoul(peers + strlen(shared), NULL, 10);
	return sscanf(line, "%*s %*s %*s %*s %4095s", entry->point) == 1;
}

static bool is_above(const char *point, const char *dir)
{
	size_t len = strlen(point);

	return !strcmp(point, "/") ||
	       (!strncmp(point, dir, len) && (dir[len] == '/' || !dir[len]));
}

/* The mount that DIR lies in: the deepest; of those on one point the last. */
static bool find_mount_of(const char *dir, struct mount_entry *found)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	struct mount_entry entry;
	size_t size = 0;
	bool any = false;

	while (file && getline(&line, &size, file) > 0) {
		if (!parse_entry(line, &entry) || !is_above(entry.point, dir) ||
		    (any && strlen(entry.point) < strlen(found->point)))
			continue;
		*found = entry;
		any = true;
	}
	return any;
}

/* `ip netns exec NAME` mounts a /sys of its own, and names the namespace as its source. */
static bool is_of_netns_exec(const struct mount_entry *entry)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/run/netns/%s", entry->source);
	return entry->source[0] && !strchr(entry->source, '/') && !access(path, F_OK);
}

/* Does the process have this mount, or one to which mounts on it propagate? */
static enum mount_life compare_with(const char *mountinfo, const struct mount_entry *own)
{
	_cleanup_fclose_ FILE *file = fopen(mountinfo, "re");
	_cleanup_free_ char *line = NULL;
	struct mount_entry entry;
	size_t size = 0;
	bool any = false;

	while (file && getline(&line, &size, file) > 0) {
		if (!parse_entry(line, &entry))
			continue;
		if (entry.id == own->id || (own->peers && entry.peers == own->peers))
			return MOUNT_LASTS;
		any = true;
	}
	return any ? MOUNT_ENDS : MOUNT_UNKNOWN;
}

enum mount_life mount_life(const char *dir)
{
	char parent[64];
	struct mount_entry own;
	enum mount_life life;

	if (!find_mount_of(dir, &own))
		return MOUNT_UNKNOWN;
	life = compare_with("/proc/1/mountinfo", &own);
	if (life == MOUNT_LASTS)
		return life;
	if (is_of_netns_exec(&own))
		return MOUNT_ENDS;
	snprintf(parent, sizeof(parent), "/proc/%d/mountinfo", (int)getppid());
	if (life == MOUNT_UNKNOWN)
		return compare_with(parent, &own);
	return compare_with(parent, &own) == MOUNT_LASTS ? MOUNT_OF_PARENT : MOUNT_ENDS;
}
