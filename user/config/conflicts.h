/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks that need the whole file: settings that contradict each other. */
#ifndef FTPNAT_CONFIG_CONFLICTS_H
#define FTPNAT_CONFIG_CONFLICTS_H

#include "config/config.h"

/* What could not be parsed is left out: it is in *err already. */
void config_check_conflicts(const struct config *cfg, struct config_errors *err);

#endif
