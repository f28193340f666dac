// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS     32 /* of one mapping */
#define MAX_KEY_LEN  32
#define ACCEPTED_LEN 512

#define _cleanup_yaml_parser_ _cleanup_(yaml_parser_delete)

static struct config_mark to_mark(yaml_mark_t mark)
{
	return (struct config_mark){ (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

struct config_mark config_yaml_mark(const yaml_node_t *node)
{
	return to_mark(node->start_mark);
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

static const char *nearest(const char *text, const struct config_key *keys, size_t keys_n)
{
	size_t len = strlen(text), best = len / 3 + 1;
	const char *name = NULL;

	if (len > MAX_KEY_LEN)
		return NULL;
	for (size_t i = 0; i < keys_n; i++) {
		size_t d = distance(text, keys[i].name);

		if (d < best || (d == best && !name)) {
			best = d;
			name = keys[i].name;
		}
	}
	return name;
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

static const struct config_key *find_key(struct config_parser *p,
					 const struct config_key *keys, size_t keys_n,
					 const char *what, const yaml_node_t *node)
{
	char accepted[ACCEPTED_LEN], quoted[CONFIG_TEXT_LEN];
	const char *text, *near;

	key_list(accepted, keys, keys_n, false);
	if (node->type != YAML_SCALAR_NODE) {
		config_error_at(p->err, p->cfg, config_yaml_mark(node), -EINVAL,
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
	config_error_at(p->err, p->cfg, config_yaml_mark(node), -EINVAL,
			"unknown key '%s' in %s%s%s%s; accepted: %s",
			config_quote(quoted, text), what, near ? " (did you mean '" : "",
			near ? near : "", near ? "'?)" : "", accepted);
	return NULL;
}

int config_yaml_mapping(struct config_parser *p, const struct config_key *keys,
			size_t keys_n, const char *what, const yaml_node_t *node,
			void *base)
{
	struct config_mark seen[MAX_KEYS] = { 0 };
	char accepted[ACCEPTED_LEN];
	int ret;

	if (node->type != YAML_MAPPING_NODE)
		return config_error_at(
			p->err, p->cfg, config_yaml_mark(node), -EINVAL,
			"%s is not a mapping; accepted: a mapping with the keys %s", what,
			key_list(accepted, keys, keys_n, false));

	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(p->doc, pair->key);
		const yaml_node_t *value = yaml_document_get_node(p->doc, pair->value);
		const struct config_key *key = find_key(p, keys, keys_n, what, name);

		if (!key)
			return -EINVAL;
		if (seen[key - keys].line)
			return config_error_at(
				p->err, p->cfg, config_yaml_mark(name), -EINVAL,
				"duplicate key '%s' in %s, the first is on line %u; "
				"accepted: each key once",
				key->name, what, seen[key - keys].line);
		seen[key - keys] = config_yaml_mark(name);
		ret = key->parse(p, key, value, (char *)base + key->offset);
		if (ret)
			return ret;
	}

	for (size_t i = 0; i < keys_n; i++) {
		if (keys[i].required && !seen[i].line)
			return config_error_at(
				p->err, p->cfg, config_yaml_mark(node), -EINVAL,
				"key '%s' is missing in %s; accepted: a mapping "
				"with at least %s",
				keys[i].name, what,
				key_list(accepted, keys, keys_n, true));
	}
	return 0;
}

/* ---- the document ---- */

/* Line and column of a byte, for errors that libyaml gives only an offset for. */
static struct config_mark mark_of_byte(const char *text, size_t len, size_t offset)
{
	struct config_mark at = { 1, 1 };

	for (size_t i = 0; i < len && i < offset; i++) {
		if (text[i] == '\n') {
			at.line++;
			at.column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

/* Common causes that libyaml's message does not mention. */
static const char *syntax_hint(const char *text, size_t len, uint32_t line)
{
	const char *start = text, *end = text + len, *stop;

	for (; line > 1 && start < end; line--) {
		stop = memchr(start, '\n', (size_t)(end - start));
		start = stop ? stop + 1 : end;
	}
	stop = memchr(start, '\n', (size_t)(end - start));
	if (!stop)
		stop = end;
	for (const char *c = start; c + 1 < stop; c++) {
		if (c[0] == ']' && c[1] == ':')
			return ", with quotes around IPv6 and port as in \"[2001:db8::10]:21\"";
	}
	if (memchr(start, '\t', (size_t)(stop - start)))
		return ", with spaces instead of tabs";
	return "";
}

static int syntax_error(struct config *cfg, const yaml_parser_t *yaml, const char *text,
			size_t len, struct config_error *err)
{
	struct config_mark at = to_mark(yaml->problem_mark);
	char context[128] = "";

	/* libyaml fails without a message when its own stacks have no memory */
	if (yaml->error == YAML_MEMORY_ERROR || !yaml->problem)
		return config_error_at(err, cfg, at, -ENOMEM, "out of memory");
	if (yaml->error == YAML_READER_ERROR)
		at = mark_of_byte(text, len, yaml->problem_offset);
	else if (yaml->context)
		snprintf(context, sizeof(context), " %s from line %u", yaml->context,
			 to_mark(yaml->context_mark).line);
	return config_error_at(err, cfg, at, -EINVAL,
			       "YAML syntax: %s%s; accepted: YAML%s", yaml->problem,
			       context, syntax_hint(text, len, at.line));
}

int config_yaml_read(struct config_parser *p, const char *text, size_t len,
		     const yaml_node_t **root)
{
	_cleanup_yaml_parser_ yaml_parser_t yaml = { 0 };
	_cleanup_yaml_document_ yaml_document_t second = { 0 };
	const struct config_mark start = { 1, 1 };
	struct config_error *err = p->err;
	struct config *cfg = p->cfg;

	if (!yaml_parser_initialize(&yaml))
		return config_error_at(err, cfg, start, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&yaml, (const unsigned char *)text, len);
	if (!yaml_parser_load(&yaml, p->doc))
		return syntax_error(cfg, &yaml, text, len, err);
	*root = yaml_document_get_root_node(p->doc);
	if (!*root)
		return config_error_at(err, cfg, start, -EINVAL,
				       "file is empty; accepted: a mapping with at least "
				       "interfaces and one rule");
	if (!yaml_parser_load(&yaml, &second))
		return syntax_error(cfg, &yaml, text, len, err);
	if (yaml_document_get_root_node(&second))
		return config_error_at(err, cfg, to_mark(second.start_mark), -EINVAL,
				       "second YAML document; accepted: one");
	return 0;
}
