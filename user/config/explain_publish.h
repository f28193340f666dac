/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A publish rule in sentences. */
#ifndef FTPNAT_EXPLAIN_PUBLISH_H
#define FTPNAT_EXPLAIN_PUBLISH_H

#include <jansson.h>

#include "config/config.h"

void explain_publish(json_t *list, const struct config_publish *publish);

#endif
