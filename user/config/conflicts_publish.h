/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings of publish rules that contradict each other or those of other rules. */
#ifndef FTPNAT_CONFIG_CONFLICTS_PUBLISH_H
#define FTPNAT_CONFIG_CONFLICTS_PUBLISH_H

#include "config/config.h"

void config_check_publish(const struct config *cfg, struct config_errors *err);

#endif
