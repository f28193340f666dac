/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The instance's folder in bpffs: where it may lie, who may work on it, what is in it. */
#ifndef FTPNAT_PIN_H
#define FTPNAT_PIN_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define PIN_DIR_DEFAULT "/sys/fs/bpf/ftpnat"
#define STATE_MAP	"ftpnat_state"
#define PIN_PATH_MAX	192 /* folder (ftpnat_state.pin) and a name */

/*
 * Make sure that DIR lies in a bpffs that outlives the command. With `mount`, mount
 * bpffs on /sys/fs/bpf when nothing is there. Reports its errors.
 */
int pin_check(const char *dir, bool mount);

/*
 * Lock the bpffs that DIR lies in: one command at a time, also of other instances, so
 * that two can't claim the same listen. `device` gets the bpffs' identity. Reports.
 */
int pin_lock(const char *dir, int *lock_fd, __u64 *device);

/*
 * Of the commands that read DIR's ring buffer, which has room for one: -EBUSY, without
 * a message, if there is one; `patient`: not only for a moment, as `top`. Does not stand
 * in the way of pin_lock(). Reports other errors.
 */
int pin_lock_reader(const char *dir, bool patient, int *lock_fd);

/* mkdir -p. Reports its errors. */
int pin_make_dir(const char *dir);

/* Remove what pin_make_dir() has made of DIR, also if it was killed, as far as it is empty. */
void pin_remove_dir(const char *dir);

/* Descriptor of a pinned map or program, or -errno. */
int pin_open(const char *dir, const char *name);

/* Pin what is not pinned yet under this name. Reports its errors. */
int pin_new(const char *dir, const char *name, int fd);

/* Pin, in place of what is pinned under this name, at no moment leaving nothing there. */
int pin_replace(const char *dir, const char *name, int fd);

int pin_unlink(const char *dir, const char *name);

/* Unpin everything called ftpnat_*, `last` at the end. */
int pin_unlink_all(const char *dir, const char *last);

#endif
