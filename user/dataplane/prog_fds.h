/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libxdp before 1.4 leaves open the descriptors by which it looks at programs
 * (xdp-tools issue 343): `run` would have none left after a hundred reloads. What it
 * opened between the two calls and didn't close, is closed.
 */
#ifndef FTPNAT_PROG_FDS_H
#define FTPNAT_PROG_FDS_H

#include <stdbool.h>

#define PROG_FDS_MAX 65536 /* beyond, descriptors are left alone */

/* The descriptors of BPF programs that the process has; declared before what may use them. */
struct prog_fds {
	bool known;
	unsigned char is_open[PROG_FDS_MAX / 8];
};

void prog_fds_note(struct prog_fds *before);
void prog_fds_close_others(struct prog_fds *before);

#define _cleanup_prog_fds_ _cleanup_(prog_fds_close_others)

#endif
