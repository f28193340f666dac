/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* rate of a rule: parsed, and as the file spells it. */
#ifndef FTPNAT_CONFIG_RATE_H
#define FTPNAT_CONFIG_RATE_H

#include "config/yaml.h"

#define CONFIG_RATE_STRLEN sizeof("18446744073709551615bit")

/* `out`: struct config_qos */
int config_rate(struct config_parser *p, const struct config_key *key,
		const yaml_node_t *node, void *out);

/* With the largest unit that needs no fraction. */
char *config_rate_str(char text[static CONFIG_RATE_STRLEN], uint64_t bits);

#endif
