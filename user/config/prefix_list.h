/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lists of prefixes, some of which are in files: `clients` and `deny`. */
#ifndef FTPNAT_CONFIG_PREFIX_LIST_H
#define FTPNAT_CONFIG_PREFIX_LIST_H

#include "config/yaml.h"

/* One item of such a list, PREFIX or {file: PATH}, to a struct config_prefix_item. */
int config_prefix_item(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *node, void *out);

#endif
