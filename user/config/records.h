/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* records: what is written down, and where to. */
#ifndef FTPNAT_CONFIG_RECORDS_H
#define FTPNAT_CONFIG_RECORDS_H

#include "config/yaml.h"

/* The mapping under `records`, to a struct config_records. */
int config_records(struct config_parser *p, const struct config_key *key,
		   const yaml_node_t *node, void *out);

#endif
