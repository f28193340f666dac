/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Many random conversations, by several processes; what the tests that hold them have in common. */
#ifndef FTPNAT_MODEL_JOBS_H
#define FTPNAT_MODEL_JOBS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Shared by all processes; changed by atomic operations. */
struct jobs_progress {
	uint64_t done, packets, failed;
	bool stop;
};

struct jobs {
	/* set before jobs_parse(): defaults */
	const char *name; /* of the test */
	uint64_t count;	  /* conversations; 0: without end */
	uint64_t seed;	  /* the first; with count 0 by default from the clock */

	/* by options */
	unsigned steps;	 /* of a conversation, at most */
	unsigned number; /* processes */
	bool counted;	 /* --count was given */
	bool verbose, keep_going;

	struct jobs_progress *progress;
	double seconds; /* that all took */
};

#define JOBS_OPTIONS_MAX 16

/*
 * Reads the command line. `more`: the test's own options, n of them; `see` gets their `val`
 * and argument. Exits with 0 after --help and with 2 where an option is wrong.
 */
void jobs_parse(struct jobs *jobs, int argc, char **argv, const struct option *more,
		size_t n, void (*see)(int option, const char *argument),
		void (*usage)(FILE *out));

/*
 * Begins the test, and runs job(0 .. number - 1) in processes of their own, which end by
 * exit(). True: all have ended with 0.
 */
bool jobs_run(struct jobs *jobs, void (*job)(unsigned number));

/* Counts a conversation that was held; `failed`: and stops all, unless they are to go on. */
void jobs_count(const struct jobs *jobs, uint64_t packets, bool failed);

/* A line of what was done. */
void jobs_print(const struct jobs *jobs);

#endif
