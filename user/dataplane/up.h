/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The steps of up and reload, for callers that do more. */
#ifndef FTPNAT_UP_H
#define FTPNAT_UP_H

#include "base/options.h"
#include "config/config.h"

/*
 * Put the configuration in force: a reload where the instance is up, else, with
 * `may_start`, a fresh start. What fails changes nothing. An exit code; reports its errors.
 */
int up_apply(const struct options *options, const struct config *config, bool may_start);

#endif
