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

int cluster_note_write(const char *dir, const json_t *note)
{
	char path[PATH_MAX - 4], fresh[PATH_MAX];

	note_path(dir, path, sizeof(path));
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	if (json_dump_file(note, fresh, JSON_COMPACT))
		return -EIO;
	return rename(fresh, path) ? -errno : 0;
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
