/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The YAML document: syntax, mappings checked against a table of keys, marks. */
#ifndef FTPNAT_CONFIG_YAML_H
#define FTPNAT_CONFIG_YAML_H

#include <yaml.h>

#include "base/util.h"
#include "config/config.h"

#define CONFIG_TEXT_LEN 96 /* of a piece of the file quoted in a message */

struct config_parser {
	yaml_document_t *doc;
	struct config *cfg;
	struct config_errors *err;
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

	/* config_value_choice() */
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

#define _cleanup_yaml_document_ _cleanup_(yaml_document_delete)

/*
 * Read the one document of the text into p->doc, which is empty before and the caller's to
 * delete, also after a failure. 0, or -errno and p->err.
 */
int config_yaml_read(struct config_parser *p, const char *text, size_t len,
		     const yaml_node_t **root);
/* `base` is the structure that the keys' offsets are counted in. */
int config_yaml_mapping(struct config_parser *p, const struct config_key *keys,
			size_t keys_n, const char *what, const yaml_node_t *node,
			void *base);
const yaml_node_t *config_yaml_item(struct config_parser *p, const yaml_node_t *list,
				    size_t i);
/* Length of a list; anything else is a list of itself. */
size_t config_yaml_length(const yaml_node_t *node);
struct config_mark config_yaml_mark(const yaml_node_t *node);

/* A piece of the file made fit for a message: one line, printable, not too long. */
char *config_quote(char buf[static CONFIG_TEXT_LEN], const char *text);

#endif
