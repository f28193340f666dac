/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Times as people write them. */
#ifndef FTPNAT_DURATION_H
#define FTPNAT_DURATION_H

#include <stdint.h>

/*
 * "90", "90s", "10m", "1h" or "7d" in seconds. 0, -EINVAL, or -ERANGE if they don't fit
 * 64 bits.
 */
int duration_parse(const char *text, uint64_t *seconds);

#endif
