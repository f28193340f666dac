/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One node of the file to one value of the model, whichever key it belongs to. */
#ifndef FTPNAT_CONFIG_VALUE_H
#define FTPNAT_CONFIG_VALUE_H

#include "config/yaml.h"

/* "KEY: 'TEXT' IS; accepted: ..." */
int config_value_bad(struct config_parser *p, const struct config_key *key,
		     const yaml_node_t *node, const char *is);
int config_value_empty(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *list);
int config_value_text(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, const char **out);

/*
 * The digits that the text begins with, and what is behind them. -EINVAL: there are none;
 * -ERANGE: more than 64 bits could be needed.
 */
int config_value_digits(const char *text, const char **end, uint64_t *out);

int config_value_list(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out);
int config_value_choice(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out); /* unsigned int */
int config_value_flag(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out); /* bool: the second choice */
int config_value_number(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out); /* uint32_t */
int config_value_seconds(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out); /* uint32_t */
int config_value_pace(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out); /* struct config_pace */
int config_value_name(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out); /* char[FTPNAT_NAME_LEN] */
int config_value_rule_name(struct config_parser *p, const struct config_key *key,
			   const yaml_node_t *node, void *out); /* struct config_rule */
int config_value_interface(struct config_parser *p, const struct config_key *key,
			   const yaml_node_t *node,
			   void *out); /* struct config_interface */
int config_value_address(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out); /* struct ftpnat_addr */
int config_value_address_of_227(struct config_parser *p, const struct config_key *key,
				const yaml_node_t *node,
				void *out); /* struct ftpnat_addr, IPv4 */
int config_value_endpoint(struct config_parser *p, const struct config_key *key,
			  const yaml_node_t *node,
			  void *out); /* struct ftpnat_endpoint */
int config_value_unicast(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out); /* struct ftpnat_endpoint */
int config_value_prefix(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out); /* struct ftpnat_prefix */
int config_value_port(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out); /* struct config_port */
int config_value_ports(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *node, void *out); /* struct ftpnat_ports */
/* Adds to a struct config_addresses; a second address of one family is refused. */
int config_value_family_address(struct config_parser *p, const struct config_key *key,
				const yaml_node_t *node, struct config_addresses *out);

#endif
