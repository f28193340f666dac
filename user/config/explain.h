/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What each rule does, in sentences. */
#ifndef FTPNAT_CONFIG_EXPLAIN_H
#define FTPNAT_CONFIG_EXPLAIN_H

#include <jansson.h>
#include <stdio.h>

#include "config/config.h"

/* The effective policy in sentences: [{"kind", "rule", "policy": [...]}]. The caller owns it. */
json_t *config_explain(const struct config *cfg);
/* The same as YAML comments. */
void config_explain_text(FILE *out, const struct config *cfg);

#endif
