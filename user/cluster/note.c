// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/note.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/options.h"

/* Named after the folder, as the lock is. */
static void note_path(const char *dir, char *path, size_t size)
{
	snprintf(path, size, RUN_DIR "/cluster%s", dir);
	for (char *c = path + strlen(RUN_DIR) + 1; *c; c++)
		if (*c == '/')
			*c = '-';
}

/* A reader sees the old one or the new one. */
static int replace(const json_t *note, const char *path)
{
	char fresh[PATH_MAX + 4];
	int err;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	errno = EIO;
	if (!json_dump_file(note, fresh, JSON_COMPACT) && !rename(fresh, path))
		return 0;
	err = -errno;
	unlink(fresh);
	return err;
}

int cluster_note_write(const char *dir, const json_t *note)
{
	char path[PATH_MAX];
	int err;

	note_path(dir, path, sizeof(path));
	err = replace(note, path);
	/* no room for both; and what was true once is not to stay */
	if (err && !unlink(path))
		err = replace(note, path);
	return err;
}

json_t *cluster_note_read(const char *dir)
{
	char path[PATH_MAX];

	note_path(dir, path, sizeof(path));
	return json_load_file(path, 0, NULL);
}

void cluster_note_remove(const char *dir)
{
	char path[PATH_MAX];

	note_path(dir, path, sizeof(path));
	unlink(path);
}
