// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/yaml_syntax.h"

#define MAX_KEYS     32 /* of one mapping */
#define MAX_KEY_LEN  32
#define ACCEPTED_LEN 512

#define _cleanup_yaml_parser_ _cleanup_(yaml_parser_delete)

struct config_mark config_yaml_mark(const yaml_node_t *node)
{
	return config_yaml_to_mark(node->start_mark);
}

size_t config_yaml_length(const yaml_node_t *node)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return 1;
	return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

const yaml_node_t *config_yaml_item(struct config_parser *p, const yaml_node_t *list,
				    size_t i)
{
	if (list->type != YAML_SEQUENCE_NODE)
		return list;
	return yaml_document_get_node(p->doc, list->data.sequence.items.start[i]);
}

char *config_quote(char buf[static CONFIG_TEXT_LEN], const char *text)
{
	size_t n = 0;

	/* room for one more \xNN, "..." and the NUL */
	for (; *text && n < CONFIG_TEXT_LEN - 8; text++) {
		if (*text < ' ' || *text > '~')
			n += (size_t)sprintf(buf + n, "\\x%02x", (unsigned char)*text);
		else
			buf[n++] = *text;
	}
	strcpy(buf + n, *text ? "..." : "");
	return buf;
}

/* ---- mappings ---- */

/* Edits that turn one word into the other. */
static size_t distance(const char *a, const char *b)
{
	size_t row[MAX_KEY_LEN + 1];
	size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j - 1] < row[j])
				row[j] = row[j - 1];
			row[j]++;
			if (change < row[j])
				row[j] = change;
		}
	}
	return row[b_len];
}

static const struct config_key *nearest(const char *text, const struct config_key *keys,
					size_t keys_n)
{
	size_t len = strlen(text), best = len / 3 + 1;
	const struct config_key *near = NULL;

	if (len > MAX_KEY_LEN)
		return NULL;
	for (size_t i = 0; i < keys_n; i++) {
		size_t d = distance(text, keys[i].name);

		if (d < best || (d == best && !near)) {
			best = d;
			near = &keys[i];
		}
	}
	return near;
}

static char *key_list(char buf[static ACCEPTED_LEN], const struct config_key *keys,
		      size_t keys_n, bool required_only)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < keys_n && n < ACCEPTED_LEN; i++) {
		if (required_only && !keys[i].required)
			continue;
		n += (size_t)snprintf(buf + n, ACCEPTED_LEN - n, "%s%s", n ? ", " : "",
				      keys[i].name);
	}
	return buf;
}

/* NULL: none is called so. *meant: the one that may have been meant, or NULL. */
static const struct config_key *find_key(struct config_parser *p,
					 const struct config_key *keys, size_t keys_n,
					 const char *what, const yaml_node_t *node,
					 const struct config_key **meant)
{
	char accepted[ACCEPTED_LEN], quoted[CONFIG_TEXT_LEN];
	const struct config_key *near;
	const char *text;

	*meant = NULL;

	key_list(accepted, keys, keys_n, false);
	if (node->type != YAML_SCALAR_NODE) {
		config_error_at(p->err, config_yaml_mark(node), -EINVAL,
				"key of %s is not a word; accepted: %s", what, accepted);
		return NULL;
	}
	text = (const char *)node->data.scalar.value;
	for (size_t i = 0; i < keys_n; i++) {
		if (strcmp(text, keys[i].name) == 0 &&
		    node->data.scalar.length == strlen(keys[i].name))
			return &keys[i];
	}
	near = nearest(text, keys, keys_n);
	config_error_at(p->err, config_yaml_mark(node), -EINVAL,
			"unknown key '%s' in %s%s%s%s; accepted: %s",
			config_quote(quoted, text), what, near ? " (did you mean '" : "",
			near ? near->name : "", near ? "'?)" : "", accepted);
	*meant = near;
	return NULL;
}

int config_yaml_mapping(struct config_parser *p, const struct config_key *keys,
			size_t keys_n, const char *what, const yaml_node_t *node,
			void *base)
{
	struct config_mark seen[MAX_KEYS] = { 0 };
	bool misspelt[MAX_KEYS] = { false };
	char accepted[ACCEPTED_LEN];
	int ret = 0, err;

	if (node->type != YAML_MAPPING_NODE)
		return config_error_at(
			p->err, config_yaml_mark(node), -EINVAL,
			"%s is not a mapping; accepted: a mapping with the keys %s", what,
			key_list(accepted, keys, keys_n, false));

	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(p->doc, pair->key);
		const yaml_node_t *value = yaml_document_get_node(p->doc, pair->value);
		const struct config_key *meant;
		const struct config_key *key =
			find_key(p, keys, keys_n, what, name, &meant);

		if (meant)
			misspelt[meant - keys] = true;
		if (key && seen[key - keys].line) {
			config_error_at(
				p->err, config_yaml_mark(name), -EINVAL,
				"duplicate key '%s' in %s, the first is on line %u; "
				"accepted: each key once",
				key->name, what, seen[key - keys].line);
			key = NULL;
		}
		if (!key) {
			ret = -EINVAL;
			continue;
		}
		seen[key - keys] = config_yaml_mark(name);
		err = key->parse(p, key, value, (char *)base + key->offset);
		if (err == -ENOMEM)
			return err;
		if (err)
			ret = err;
	}

	for (size_t i = 0; i < keys_n; i++) {
		if (keys[i].required && !seen[i].line && !misspelt[i])
			ret = config_error_at(
				p->err, config_yaml_mark(node), -EINVAL,
				"key '%s' is missing in %s; accepted: a mapping "
				"with at least %s",
				keys[i].name, what,
				key_list(accepted, keys, keys_n, true));
	}
	return ret;
}

/* ---- the document ---- */

int config_yaml_read(struct config_parser *p, const char *text, size_t len,
		     const yaml_node_t **root)
{
	_cleanup_yaml_parser_ yaml_parser_t yaml = { 0 };
	_cleanup_yaml_document_ yaml_document_t second = { 0 };
	const struct config_mark start = { 1, 1 };
	struct config_errors *err = p->err;

	if (!yaml_parser_initialize(&yaml))
		return config_error_at(err, start, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&yaml, (const unsigned char *)text, len);
	if (!yaml_parser_load(&yaml, p->doc))
		return config_yaml_syntax_error(err, &yaml, text, len);
	*root = yaml_document_get_root_node(p->doc);
	if (!*root)
		return config_error_at(err, start, -EINVAL,
				       "file is empty; accepted: a mapping with at least "
				       "interfaces and one rule");
	if (!yaml_parser_load(&yaml, &second))
		return config_yaml_syntax_error(err, &yaml, text, len);
	if (yaml_document_get_root_node(&second))
		return config_error_at(err, config_yaml_to_mark(second.start_mark),
				       -EINVAL, "second YAML document; accepted: one");
	return 0;
}
