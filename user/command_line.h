/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The options: read, set and checked. */
#ifndef FTPNAT_COMMAND_LINE_H
#define FTPNAT_COMMAND_LINE_H

#include "base/options.h"

#define SEE_HELP "see `ftpnat-load --help`"

/* As getopt_long(3): the next option, or -1. */
int command_line_next(int argc, char **argv);

/* Is --json among them? Leaves argv alone, and begins again. */
bool command_line_wants_json(int argc, char **argv);

/* Sets what this option says; reports its errors. 0 or an exit code. */
int command_line_set(struct options *options, int option, char **argv);

/* Refuses options that this verb doesn't take. 0 or an exit code. */
int command_line_check(const struct options *options,
		       int (*verb)(const struct options *));

#endif
