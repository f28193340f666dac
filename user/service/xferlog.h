/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Transfers in the format of wu-ftpd's xferlog(5), which log analysers read. */
#ifndef FTPNAT_XFERLOG_H
#define FTPNAT_XFERLOG_H

#include <stdbool.h>
#include <stdio.h>

#include "ftpnat_maps.h"

/*
 * A line with its end; false: the transfer has none. A line needs a path and bytes, so there
 * is none under TLS, and none for a transfer that the server refused before any byte.
 */
bool xferlog_print(FILE *out, const struct ftpnat_transfer_event *t);

#endif
