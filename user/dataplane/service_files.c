// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/service_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/options.h"
#include "base/util.h"

#define FAILED_WORD "failed" /* behind the number of the process */
#define STATE_LEN   24	     /* of the file */

/* Named after the folder. */
static void lock_path(const char *dir, char *path, size_t size)
{
	snprintf(path, size, RUN_DIR "/run%s", dir);
	for (char *c = path + strlen(RUN_DIR) + 1; *c; c++)
		if (*c == '/')
			*c = '-';
}

static void read_state(int fd, struct service_state *state)
{
	char text[STATE_LEN + 1] = "", *end;

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return;
	state->pid = (int)strtol(text, &end, 10);
	state->reload_failed = strstr(end, FAILED_WORD) != NULL;
}

/* Is the file still the one at this path? Its last owner may just have removed it. */
static bool is_at(int fd, const char *path)
{
	struct stat here, there;

	return !fstat(fd, &here) && !stat(path, &there) && here.st_ino == there.st_ino &&
	       here.st_dev == there.st_dev;
}

/* The lock of the file at `path`, which is created if it is missing. -EBUSY: taken. */
static int lock_file(const char *path, int *lock_fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	for (;;) {
		_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0)
			return err_r(-errno, "can't open %s: %s", path, strerror(errno));
		if (fcntl(fd, F_OFD_SETLK, &whole))
			return -EBUSY;
		if (is_at(fd, path)) {
			*lock_fd = TAKE_FD(fd);
			return 0;
		}
	}
}

int service_lock(const char *dir, int *lock_fd)
{
	struct service_state other;
	char path[PATH_MAX];
	int err;

	if (mkdir(RUN_DIR, 0700) && errno != EEXIST)
		return err_r(-errno, "can't make " RUN_DIR ": %s", strerror(errno));
	lock_path(dir, path, sizeof(path));
	err = lock_file(path, lock_fd);
	if (err == -EBUSY) {
		service_look(dir, &other);
		pr_err("`ftpnat-load run` already serves %s (process %d): end that one "
		       "first, or name another instance with --pin",
		       dir, other.pid);
	}
	if (!err)
		service_note(*lock_fd, false);
	return err;
}

void service_unlock(const char *dir, int *lock_fd)
{
	char path[PATH_MAX];

	lock_path(dir, path, sizeof(path));
	if (*lock_fd >= 0 && is_at(*lock_fd, path))
		unlink(path);
	close_fd(lock_fd);
}

void service_note(int lock_fd, bool reload_failed)
{
	char text[STATE_LEN];

	/* always as long: on a full disk it can be written where it was */
	memset(text, '\n', sizeof(text));
	text[snprintf(text, sizeof(text), "%d%s", (int)getpid(),
		      reload_failed ? " " FAILED_WORD : "")] = '\n';
	if (pwrite(lock_fd, text, sizeof(text), 0) != sizeof(text))
		pr_err("can't write to a file in " RUN_DIR ": %s", strerror(errno));
}

void service_look(const char *dir, struct service_state *state)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	*state = (struct service_state){ 0 };
	lock_path(dir, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &whole) || whole.l_type == F_UNLCK)
		return;
	state->running = true;
	read_state(fd, state);
}

void service_remove_lock(const char *dir)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	lock_path(dir, path, sizeof(path));
	if (!access(path, F_OK) && !lock_file(path, &fd))
		service_unlock(dir, &fd);
}
