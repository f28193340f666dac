/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mount namespaces: does a mount made here outlive the command? */
#ifndef FTPNAT_MOUNTS_H
#define FTPNAT_MOUNTS_H

enum mount_life {
	MOUNT_LASTS, /* init has it too; or, if that can't be read, the parent process */
	MOUNT_OF_PARENT, /* the parent process has it too, but not init: as in `unshare -m` */
	MOUNT_ENDS,	 /* it ends with this command, or with `ip netns exec` */
	MOUNT_UNKNOWN, /* there is no /proc to compare with */
};

/*
 * The life of a mount on DIR (absolute, without symbolic links). A mount namespace is
 * identified by the ids of its mounts, which no other has: /proc/PID/mountinfo is
 * readable where /proc/PID/ns is not.
 */
enum mount_life mount_life(const char *dir);

#endif
