/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* per_client: what one client may have. */
#ifndef FTPNAT_CONFIG_PER_CLIENT_H
#define FTPNAT_CONFIG_PER_CLIENT_H

#include "config/yaml.h"

/* The mapping under `per_client`, to a struct config_admission. */
int config_per_client_parse(struct config_parser *p, const struct config_key *key,
			    const yaml_node_t *node, void *out);

#endif
