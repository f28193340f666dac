/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `run` leaves in RUN_DIR for the other commands: a file that it holds locked as long
 * as it lives, with its last reload's outcome in it.
 */
#ifndef FTPNAT_SERVICE_FILES_H
#define FTPNAT_SERVICE_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct service_state {
	bool running;
	bool reload_failed; /* of the one that runs */
	int pid;	    /* as in its own pid namespace */
};

/* Become the `run` of the instance at DIR. Reports, also that there is one already. */
int service_lock(const char *dir, int *lock_fd);

/* The end of `run`: removes the file, too. Does nothing where *lock_fd is -1. */
void service_unlock(const char *dir, int *lock_fd);

/* For service_look(): how the last reload ended. */
void service_note(int lock_fd, bool reload_failed);

void service_look(const char *dir, struct service_state *state);

/* `down`: remove what a killed `run` left; a living one removes it when it ends. */
void service_remove_lock(const char *dir);

#endif
