// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/pin.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/log.h"
#include "base/mounts.h"
#include "base/util.h"

#define BPFFS	   "/sys/fs/bpf"
#define PIN_PREFIX "ftpnat_"
#define OUR_DIR	   01700 /* directories that we created; the sticky bit marks them */

/* Remove the last component of `path`; false at the root. */
static bool cut_last_part(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || !path[1])
		return false;
	slash[slash == path ? 1 : 0] = '\0';
	return true;
}

/* The nearest existing directory at or above DIR. */
static void nearest_existing(const char *dir, char *path, size_t size)
{
	snprintf(path, size, "%s", dir);
	while (access(path, F_OK) && cut_last_part(path))
		;
}

static int mount_bpffs(const char *dir)
{
	enum mount_life life = mount_life(BPFFS);

	if (access("/sys/fs", F_OK))
		return err_r(
			-ENODEV,
			"no /sys/fs: mount sysfs first (`mount -t sysfs sysfs /sys`)");
	if (access(BPFFS, F_OK))
		return err_r(-ENODEV, "no " BPFFS ": this kernel is built without BPF "
				      "(CONFIG_BPF_SYSCALL)");
	if (life == MOUNT_ENDS)
		return err_r(
			-ENODEV,
			"no bpffs at " BPFFS
			", and one mounted in this mount namespace would "
			"end with it (`ip netns exec` creates one): run ftpnat-load "
			"outside and name the network namespace with --netns, or first run "
			"`mount -t bpf bpf " BPFFS "` outside");
	if (mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		return err_r(-errno,
			     "no bpffs for %s, and mounting it on " BPFFS
			     " failed: %s (try `mount -t "
			     "bpf bpf " BPFFS "`)",
			     dir, strerror(errno));
	if (life == MOUNT_OF_PARENT)
		pr_err("mounted bpffs on " BPFFS
		       " in this mount namespace only: ftpnat ends when the last process in it "
		       "does (to avoid that, first run `mount -t bpf bpf " BPFFS
		       "` outside)");
	if (life == MOUNT_UNKNOWN)
		pr_err("mounted bpffs on " BPFFS
		       "; without /proc/self/mountinfo it is unknown whether it outlives this command");
	return 0;
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strncmp(path, top, len) && (path[len] == '/' || !path[len]);
}

int pin_check(const char *dir, bool mount)
{
	char path[PIN_PATH_MAX];
	struct statfs fs;

	nearest_existing(dir, path, sizeof(path));
	if (statfs(path, &fs))
		return err_r(-errno, "can't access %s: %s", path, strerror(errno));
	if (fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount && is_below(dir, BPFFS))
		return mount_bpffs(dir);
	return err_r(-ENODEV,
		     "%s is not in a bpffs: mount one (`mount -t bpf bpf " BPFFS
		     "`) or name a directory in one with --pin",
		     dir);
}

int pin_lock(const char *dir, int *lock_fd, __u64 *device)
{
	char path[PIN_PATH_MAX], up[PIN_PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct stat st, up_st;

	nearest_existing(dir, path, sizeof(path));
	if (stat(path, &st))
		return err_r(-errno, "can't access %s: %s", path, strerror(errno));
	for (memcpy(up, path, sizeof(up)); cut_last_part(up);
	     memcpy(path, up, sizeof(path)))
		if (stat(up, &up_st) || up_st.st_dev != st.st_dev)
			break;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX))
		return err_r(-errno, "can't lock %s: %s", path, strerror(errno));
	*device = st.st_dev;
	*lock_fd = TAKE_FD(fd);
	return 0;
}

int pin_make_dir(const char *dir)
{
	char path[PIN_PATH_MAX];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(path, OUR_DIR) && errno != EEXIST)
			return err_r(-errno, "can't create %s: %s", path,
				     strerror(errno));
		if (!slash)
			return 0;
		*slash = '/';
	}
}

void pin_remove_dir(const char *dir)
{
	char path[PIN_PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s", dir);
	do
		if (!stat(path, &st) && ((st.st_mode & 07777) != OUR_DIR || rmdir(path)))
			return;
	while (cut_last_part(path));
}

int pin_open(const char *dir, const char *name)
{
	char path[PIN_PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

__u32 pin_map_id(const char *dir, const char *name)
{
	_cleanup_close_ int fd = pin_open(dir, name);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

int pin_new(const char *dir, const char *name, int fd)
{
	char path[PIN_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_obj_pin(fd, path) ?
		       err_r(-errno, "can't pin %s: %s", path, strerror(errno)) :
		       0;
}

int pin_replace(const char *dir, const char *name, int fd)
{
	char path[PIN_PATH_MAX], fresh[PIN_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(fresh, sizeof(fresh), "%s/%s_new", dir, name);
	unlink(fresh);
	if (bpf_obj_pin(fd, fresh))
		return err_r(-errno, "can't pin %s: %s", path, strerror(errno));
	if (rename(fresh, path)) {
		int err = -errno;

		unlink(fresh);
		return err_r(err, "can't pin %s: %s", path, strerror(-err));
	}
	return 0;
}

int pin_unlink(const char *dir, const char *name)
{
	char path[PIN_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (unlink(path) && errno != ENOENT)
		return err_r(-errno, "can't remove %s: %s", path, strerror(errno));
	return 0;
}

static void free_names(struct dirent ***names)
{
	free(*names);
}

static int is_our_name(const struct dirent *entry)
{
	return !strncmp(entry->d_name, PIN_PREFIX, strlen(PIN_PREFIX));
}

int pin_unlink_all(const char *dir, const char *last)
{
	_cleanup_(free_names) struct dirent **names = NULL;
	int n, err = 0;

	n = scandir(dir, &names, is_our_name, NULL);
	for (int i = 0; i < n; i++) {
		if (strcmp(names[i]->d_name, last))
			err = pin_unlink(dir, names[i]->d_name) ?: err;
		free(names[i]);
	}
	return pin_unlink(dir, last) ?: err;
}
