/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The steps of reload, for callers that do more. */
#ifndef FTPNAT_RELOAD_H
#define FTPNAT_RELOAD_H

#include "dataplane/change.h"

/*
 * Replace programs and configuration of the open instance. What fails before the switch
 * changes nothing. Reports its errors.
 */
int reload_change(struct change *change, const struct options *options);

/*
 * Put the configuration in force where the instance is up. What fails changes nothing.
 * An exit code; reports its errors.
 */
int reload_apply(const struct options *options, const struct config *config);

#endif
