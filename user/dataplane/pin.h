/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The instance's directory in bpffs: where it may be, locking, and its contents. */
#ifndef FTPNAT_PIN_H
#define FTPNAT_PIN_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define PIN_DIR_DEFAULT "/sys/fs/bpf/ftpnat"
#define PIN_PATH_MAX	192 /* directory (ftpnat_state.pin) and a name */

/*
 * Make sure that DIR is in a bpffs that outlives the command. With `mount`, mount bpffs
 * on /sys/fs/bpf if it is not mounted. Reports its errors.
 */
int pin_check(const char *dir, bool mount);

/*
 * Lock the bpffs that contains DIR: one command at a time, other instances included, so
 * that two can't claim the same listen. `device` gets the identity of the bpffs. Reports
 * its errors.
 */
int pin_lock(const char *dir, int *lock_fd, __u64 *device);

/* mkdir -p. Reports its errors. */
int pin_make_dir(const char *dir);

/*
 * Remove the empty directories that pin_make_dir() created for DIR, even if it was
 * killed.
 */
void pin_remove_dir(const char *dir);

/* Descriptor of a pinned map or program, or -errno. */
int pin_open(const char *dir, const char *name);

/* Id of a pinned map; 0: there is none. */
__u32 pin_map_id(const char *dir, const char *name);

/* Pin what is not pinned yet under this name. Reports its errors. */
int pin_new(const char *dir, const char *name, int fd);

/*
 * Pin in place of what is pinned under this name, without a moment in which nothing is.
 */
int pin_replace(const char *dir, const char *name, int fd);

int pin_unlink(const char *dir, const char *name);

/* Unpin everything called ftpnat_*, `last` at the end. */
int pin_unlink_all(const char *dir, const char *last);

#endif
