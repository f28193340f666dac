/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the configuration share with each other, and with nobody else. */
#ifndef FTPNAT_CONFIG_INTERNAL_H
#define FTPNAT_CONFIG_INTERNAL_H

#include <yaml.h>

#include "base/util.h"
#include "config/config.h"

#define CONFIG_TEXT_LEN 96 /* of a piece of the file quoted in a message */

struct config_parser {
	yaml_document_t *doc;
	struct config *cfg;
	struct config_error *err;
	struct config_mark key_at; /* the key whose value is being parsed */
};

struct config_key;

typedef int (*config_value_fn)(struct config_parser *p, const struct config_key *key,
			       const yaml_node_t *node, void *out);

/* One key of a mapping: how its value is read, and to where. */
struct config_key {
	const char *name;
	const char *accepted; /* ends every message about its value */
	config_value_fn parse;
	size_t offset;
	bool required;

	/* config_value_choice */
	const char *const *names;
	size_t names_n;

	/* config_value_number, config_value_seconds */
	uint32_t min;
	uint32_t max;

	/* config_value_list: an owned array and, `count` bytes after it, its size_t length */
	config_value_fn item;
	size_t item_size;
	size_t count;
	size_t most;
	bool may_be_empty;
	bool list_only; /* a single item without its list is refused */
};

/* ---- config.c ---- */

extern const char *const config_xdp_names[CONFIG_XDP_MAX];
extern const char *const config_source_names[CONFIG_SOURCE_MAX];
extern const char *const config_mode_names[FTPNAT_MODE_MAX];

/* ---- yaml.c ---- */

int config_yaml_parse(struct config *cfg, const char *text, size_t len,
		      struct config_error *err);
/* `base` is the structure that the keys' offsets are counted in. */
int config_yaml_mapping(struct config_parser *p, const struct config_key *keys,
			size_t keys_n, const char *what, const yaml_node_t *node,
			void *base);
const yaml_node_t *config_yaml_item(struct config_parser *p, const yaml_node_t *list,
				    size_t i);
/* Length of a list; anything else is a list of itself. */
size_t config_yaml_length(const yaml_node_t *node);
struct config_mark config_yaml_mark(const yaml_node_t *node);

/* ---- schema.c ---- */

int config_schema_parse(struct config_parser *p, const yaml_node_t *root);

/* ---- value.c ---- */

/* A piece of the file made fit for a message: one line, printable, not too long. */
char *config_quote(char buf[static CONFIG_TEXT_LEN], const char *text);
/* "KEY: 'TEXT' IS; accepted: ..." */
int config_value_bad(struct config_parser *p, const struct config_key *key,
		     const yaml_node_t *node, const char *is);
int config_value_empty(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *list);
int config_value_text(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, const char **out);

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
int config_value_rule_name(struct config_parser *p, const struct config_key *key,
			   const yaml_node_t *node, void *out); /* struct config_rule */
int config_value_interface(struct config_parser *p, const struct config_key *key,
			   const yaml_node_t *node,
			   void *out); /* struct config_interface */
int config_value_address(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out); /* struct ftpnat_addr */
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

/* ---- shape.c: `rule` is the whole rule, as several members are filled in ---- */

int config_shape_modes(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *list, void *out); /* uint8_t of bits */
int config_shape_source(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *list, void *rule); /* struct config_publish */
int config_shape_data_address(struct config_parser *p, const struct config_key *key,
			      const yaml_node_t *list,
			      void *rule); /* struct config_publish */
int config_shape_to(struct config_parser *p, const struct config_key *key,
		    const yaml_node_t *list, void *rule); /* struct config_masquerade */

/* ---- check.c ---- */

/* What only shows when the whole file is known. */
int config_check(const struct config *cfg, struct config_error *err);

#endif
