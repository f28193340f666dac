/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The steps of up, for callers that do more. */
#ifndef FTPNAT_UP_H
#define FTPNAT_UP_H

#include "base/options.h"
#include "config/config.h"

/*
 * Put the configuration in force: a fresh start, or a reload where the instance is up.
 * What fails changes nothing. An exit code; reports its errors.
 */
int up_apply(const struct options *options, const struct config *config);

#endif
