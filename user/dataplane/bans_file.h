/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bans of an instance in a file of STATE_DIR, from which `run` restores them after a
 * reboot. A ban is first in the map and then in the file, and is first taken out of
 * the file: a command that is killed in between leaves a file with fewer bans, never one
 * with bans that were taken back.
 */
#ifndef FTPNAT_BANS_FILE_H
#define FTPNAT_BANS_FILE_H

#include "dataplane/bans.h"

#define STATE_DIR "/var/lib/ftpnat"

/* Write all of them, at once or not at all. Reports its errors. */
int bans_save(const struct view *view, const struct bans *bans);

/* What the file has, as far as bans_keep() knows. */
struct bans_kept {
	size_t number;
	__u32 since; /* of the newest */
};

/*
 * Write the file if there are bans that are not in it: those that the programs made
 * after failed logins.
 */
void bans_keep(const struct options *options, struct bans_kept *kept);

/* Enter those of the file that are not over. Reports its errors. */
int bans_restore(const struct options *options);

/* `down`: remove the file of the instance at DIR. */
void bans_remove_file(const char *dir);

/* A ban as an entry of `bans`; also of the file, where times are those of the clock. */
json_t *ban_to_json(const struct ban *ban);

#endif
