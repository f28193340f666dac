/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A file that records are appended to, a line each. It may be renamed or removed at any
 * time (logrotate). What can't be written is counted, and said once.
 */
#ifndef FTPNAT_RECORD_FILE_H
#define FTPNAT_RECORD_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include <linux/types.h>

struct record_file {
	char *path; /* NULL: none */
	int fd;
	dev_t dev; /* what `fd` is */
	ino_t ino;
	int failed; /* errno that was told; 0: it works */
	__u64 written;
	__u64 lost;
	__u64 lost_before; /* of these, before the failure at hand */
};

#define RECORD_FILE_INIT                                                                 \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Opens it once more, or another one; NULL: none. Never fails: see record_file_tend(). */
void record_file_use(struct record_file *file, const char *path);
void record_file_close(struct record_file *file);

/* A line with its end. */
void record_file_write(struct record_file *file, const char *line, size_t len);

/* Every second: opens what could not be opened, or what was moved away. */
void record_file_tend(struct record_file *file);

#endif
