// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/util.h"

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

int netns_cookie(__u64 *cookie)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &len))
		return err_r(-errno, "can't identify the network namespace: %s",
			     strerror(errno));
	return 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static void go_home(int *home)
{
	if (*home >= 0)
		setns(*home, CLONE_NEWNET); /* it was ours: this can't fail */
	close_fd(home);
}

/* Only a process inside can ask for the cookie; inode numbers are reused. */
static bool has_cookie(const char *path, int home, __u64 cookie)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat ours, its;
	__u64 found = 0;

	if (fd < 0 || fstat(home, &ours) || fstat(fd, &its) || ours.st_ino == its.st_ino)
		return false; /* the current one is never searched for */
	return !setns(fd, CLONE_NEWNET) && !netns_cookie(&found) && found == cookie;
}

/* An entry of `folder` (with `suffix` added) that is the namespace. */
static bool find_below(const char *folder, const char *suffix, bool numbers, int home,
		       __u64 cookie, char *how, size_t size)
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
		if (entry->d_name[0] == '.' || !has_cookie(path, home, cookie))
			continue;
		snprintf(how, size, "%s", *suffix ? path : entry->d_name);
		return true;
	}
	return false;
}

bool netns_find(__u64 cookie, char *how, size_t size)
{
	_cleanup_(go_home) int home =
		open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return false;
	return find_below(NETNS_DIR, "", false, home, cookie, how, size) ||
	       find_below("/proc", "/ns/net", true, home, cookie, how, size);
}
