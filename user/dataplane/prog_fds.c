// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/prog_fds.h"

#include <dirent.h>
#include <string.h>

#include "base/util.h"

#define PROG_LINK "anon_inode:bpf-prog"

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static bool is_prog(int dir_fd, const char *name)
{
	char link[sizeof(PROG_LINK)];

	return readlinkat(dir_fd, name, link, sizeof(link)) == sizeof(link) - 1 &&
	       !memcmp(link, PROG_LINK, sizeof(link) - 1);
}

/* Each descriptor of a program that is open now; false: they can't be seen. */
static bool walk(struct prog_fds *fds, void (*each)(struct prog_fds *fds, int fd))
{
	_cleanup_(close_dir) DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (fd < PROG_FDS_MAX && is_prog(dirfd(dir), entry->d_name))
			each(fds, fd);
	}
	return dir != NULL;
}

static void note(struct prog_fds *fds, int fd)
{
	fds->is_open[fd / 8] |= (unsigned char)(1 << fd % 8);
}

static void close_other(struct prog_fds *fds, int fd)
{
	if (!(fds->is_open[fd / 8] & 1 << fd % 8))
		close(fd);
}

void prog_fds_note(struct prog_fds *before)
{
	memset(before, 0, sizeof(*before));
	before->known = walk(before, note);
}

void prog_fds_close_others(struct prog_fds *before)
{
	if (before->known)
		walk(before, close_other);
}
