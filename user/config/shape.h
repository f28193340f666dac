/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Values that are one word, or one or more of something else. `rule` is the whole rule, as
 * several members are filled in.
 */
#ifndef FTPNAT_CONFIG_SHAPE_H
#define FTPNAT_CONFIG_SHAPE_H

#include "config/yaml.h"

int config_shape_modes(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *list, void *out); /* uint8_t of bits */
int config_shape_source(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *list, void *rule); /* struct config_publish */
int config_shape_data_address(struct config_parser *p, const struct config_key *key,
			      const yaml_node_t *list,
			      void *rule); /* struct config_publish */
int config_shape_to(struct config_parser *p, const struct config_key *key,
		    const yaml_node_t *list, void *rule); /* struct config_masquerade */

#endif
