/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The effective configuration, as it would be written with all defaults. */
#ifndef FTPNAT_CONFIG_PRINT_H
#define FTPNAT_CONFIG_PRINT_H

#include <jansson.h>
#include <stdio.h>

#include "config/config.h"

/* The effective configuration as YAML that reads back to the same one. 0 or -errno. */
int config_print_text(FILE *out, const struct config *cfg);
/* {"schema": 1, "check": [{...}]}; NULL: no memory. The caller owns it. */
json_t *config_to_json(const struct config *cfg);

#define CONFIG_FORM_LEN 17 /* with its NUL */

/*
 * What all gateways of a cluster must have in common, as a short text: equal texts, equal
 * rules, limits and timeouts. 0 or -ENOMEM.
 */
int config_form(const struct config *cfg, char form[static CONFIG_FORM_LEN]);

#endif
