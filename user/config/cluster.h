/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The key `cluster`: how several gateways share the state of their connections. */
#ifndef FTPNAT_CONFIG_CLUSTER_H
#define FTPNAT_CONFIG_CLUSTER_H

#include <jansson.h>

#include "config/yaml.h"

int config_cluster_parse(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out); /* p->cfg->cluster */

/* What the rest of the file must have for it. */
void config_check_cluster(const struct config *cfg, struct config_errors *err);

/* As the file has it; NULL: no memory. */
json_t *config_cluster_value(const struct config_cluster *cluster, bool for_people);

/* What it does, in sentences, added to `list`. */
void config_explain_cluster(json_t *list, const struct config *cfg);

#endif
