/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The keys of each kind of rule and of a guard entry. */
#ifndef FTPNAT_CONFIG_SCHEMA_RULES_H
#define FTPNAT_CONFIG_SCHEMA_RULES_H

#include "config/yaml.h"

int config_publish_parse(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out); /* struct config_publish */
int config_masquerade_parse(struct config_parser *p, const struct config_key *key,
			    const yaml_node_t *node,
			    void *out); /* struct config_masquerade */
int config_track_parse(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *node, void *out); /* struct config_track */
int config_guard_parse(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *node, void *out); /* struct config_guard */

#endif
