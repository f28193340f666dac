/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `run` notes of its cluster, for the other commands: a file beside its lock. */
#ifndef FTPNAT_NOTE_H
#define FTPNAT_NOTE_H

#include <jansson.h>

/*
 * The note: {members, lag, commit, on_loss, degraded: [sentence, ...]}, as `cluster status`
 * prints them. `dir` is the instance's folder in bpffs.
 */
int cluster_note_write(const char *dir,
		       const json_t *note); /* 0, or -errno: there is none */
json_t *cluster_note_read(const char *dir); /* NULL: there is none */
void cluster_note_remove(const char *dir);

#endif
