/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* May a record that came from another member go into the maps? */
#ifndef FTPNAT_WIRE_CHECK_H
#define FTPNAT_WIRE_CHECK_H

#include <stdbool.h>

#include "ftpnat_maps.h"

/* Do its parts belong together, and does nothing lead out of a table? `end`: of MESSAGE_END. */
bool wire_check(const struct ftpnat_record *record, bool end);

#endif
