/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which keys the file has, what they accept, where their values go, their defaults. */
#ifndef FTPNAT_CONFIG_SCHEMA_H
#define FTPNAT_CONFIG_SCHEMA_H

#include "config/yaml.h"

/* Fill in p->cfg, the defaults first. 0, or -errno and p->err. */
int config_schema_parse(struct config_parser *p, const yaml_node_t *root);

#endif
