// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "util.h"

#define NETNS_DIR "/run/netns"

int netns_enter(const char *name_or_path)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	int len;

	len = snprintf(path, sizeof(path), "%s%s",
		       strchr(name_or_path, '/') ? "" : NETNS_DIR "/", name_or_path);
	if (len < 0 || (size_t)len >= sizeof(path))
		return err_r(-ENAMETOOLONG, "name of the network namespace is too long");

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_r(-errno, "no network namespace %s: %s (see `ip netns list`)",
			     path, strerror(errno));
	if (setns(fd, CLONE_NEWNET))
		return err_r(-errno, "can't enter network namespace %s: %s", path,
			     errno == EINVAL ? "not a network namespace" :
					       strerror(errno));
	return 0;
}

int netns_inode(__u64 *inode)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st))
		return err_r(-errno,
			     "can't read /proc/self/ns/net: %s (is /proc mounted?)",
			     strerror(errno));
	*inode = st.st_ino;
	return 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static bool has_inode(const char *path, __u64 inode)
{
	struct stat st;

	return !stat(path, &st) && st.st_ino == inode;
}

/* An entry of `folder` (with `suffix` added) that is the namespace. */
static bool find_below(const char *folder, const char *suffix, bool numbers, __u64 inode,
		       char *how, size_t size)
{
	_cleanup_(close_dir) DIR *dir = opendir(folder);
	char path[PATH_MAX];
	struct dirent *entry;

	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		if (numbers && !isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", folder, entry->d_name, suffix);
		if (entry->d_name[0] == '.' || !has_inode(path, inode))
			continue;
		snprintf(how, size, "%s", *suffix ? path : entry->d_name);
		return true;
	}
	return false;
}

bool netns_find(__u64 inode, char *how, size_t size)
{
	return find_below(NETNS_DIR, "", false, inode, how, size) ||
	       find_below("/proc", "/ns/net", true, inode, how, size);
}
