/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ending connections before their time. */
#ifndef FTPNAT_END_FLOWS_H
#define FTPNAT_END_FLOWS_H

#include <stddef.h>

#include "dataplane/view.h"

/*
 * Ends these connections: the timer of the programs removes them at its next run, each
 * as a whole, so that a killed command ends some of them and leaves the others as they
 * were. Then resets both ends, as far as they can be reached. Returns when all are gone.
 * Reports its errors.
 */
int flows_end(const struct view *view, const struct ftpnat_ending *list, size_t number);

#endif
