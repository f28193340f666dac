// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/prefix_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

#define BLANKS	   " \t\r"
#define LINE_TEXT  "one address or prefix a line, with comments from # on"
#define LONGEST	   256 /* of a line */
#define FIRST_ROOM 64

/* A list file being read. */
struct list_file {
	struct config_parser *p;
	struct config_prefix_item *item;
	size_t room; /* in item->prefixes */
	struct config_mark at;
};

static int line_bad(struct list_file *file, const char *text, const char *is)
{
	char quoted[CONFIG_TEXT_LEN];

	return config_error_in(file->p->err, file->item->file, file->at, -EINVAL,
			       "'%s' %s; accepted: " LINE_TEXT,
			       config_quote(quoted, text), is);
}

static int add_prefix(struct list_file *file, const struct ftpnat_prefix *prefix)
{
	struct config_prefix_item *item = file->item;

	if (item->prefixes_n == CONFIG_MAX_PREFIXES)
		return config_error_in(file->p->err, item->file, file->at, -E2BIG,
				       "has too many lines; accepted: at most %d "
				       "prefixes",
				       CONFIG_MAX_PREFIXES);
	if (item->prefixes_n == file->room) {
		size_t room = file->room ? 2 * file->room : FIRST_ROOM;
		void *more = realloc(item->prefixes, room * sizeof(*item->prefixes));

		if (!more)
			return config_error_in(file->p->err, item->file, file->at,
					       -ENOMEM, "out of memory");
		item->prefixes = more;
		file->room = room;
	}
	item->prefixes[item->prefixes_n++] = *prefix;
	return 0;
}

/* One line, which is changed. */
static int read_line(struct list_file *file, char *line)
{
	char meant[FTPNAT_PREFIX_STRLEN], is[128];
	struct ftpnat_prefix prefix;
	char *text, *end;

	line[strcspn(line, "#")] = '\0';
	text = line + strspn(line, BLANKS);
	end = text + strcspn(text, BLANKS);
	file->at.column = (uint32_t)(text - line) + 1;
	if (!*text)
		return 0;
	if (end[strspn(end, BLANKS)]) {
		end += strspn(end, BLANKS);
		file->at.column = (uint32_t)(end - line) + 1;
		return line_bad(file, end, "follows the prefix");
	}
	*end = '\0';
	switch (ftpnat_prefix_parse(text, &prefix)) {
	case 0:
		return add_prefix(file, &prefix);
	case -ERANGE:
		snprintf(is, sizeof(is), "has host bits set (did you mean '%s'?)",
			 ftpnat_prefix_str(meant, &prefix));
		return line_bad(file, text, is);
	default:
		return line_bad(file, text, "is not a prefix");
	}
}

static int read_lines(struct list_file *file, FILE *stream)
{
	char line[LONGEST];
	int ret = 0, err;

	while (fgets(line, sizeof(line), stream)) {
		size_t len = strcspn(line, "\n");
		bool whole = line[len] == '\n' || feof(stream);
		int c;

		line[len] = '\0';
		file->at.line++;
		/* what is longer can only be a comment */
		if (!whole && !strchr(line, '#')) {
			file->at.column = 1;
			ret = line_bad(file, line, "is too long");
			line[0] = '\0';
		}
		while (!whole && (c = getc(stream)) != EOF && c != '\n')
			;
		err = read_line(file, line);
		if (err == -ENOMEM || err == -E2BIG)
			return err;
		if (err)
			ret = err;
	}
	return ret;
}

/* A relative path counts from the folder of the configuration. */
static char *path_from(const char *config, const char *path)
{
	const char *slash = strrchr(config, '/');
	char *full = NULL;

	if (path[0] == '/' || !slash)
		return strdup(path);
	if (asprintf(&full, "%.*s/%s", (int)(slash - config), config, path) < 0)
		return NULL;
	return full;
}

static int read_file(struct config_parser *p, const struct config_key *key,
		     const yaml_node_t *node, void *out)
{
	struct config_prefix_item *item = out;
	struct list_file file = { .p = p, .item = item };
	_cleanup_fclose_ FILE *stream = NULL;
	const char *text;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	item->file = path_from(p->cfg->path, text);
	if (!item->file)
		return config_error_at(p->err, item->at, -ENOMEM, "out of memory");
	stream = fopen(item->file, "re");
	if (stream)
		ret = read_lines(&file, stream);
	if (ret)
		return ret;
	if (!stream || ferror(stream))
		return config_error_at(p->err, config_yaml_mark(node), -EINVAL,
				       "file: %s can't be read: %s; accepted: %s",
				       item->file, strerror(errno), key->accepted);
	return 0;
}

int config_prefix_item(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		{ .name = "file",
		  .parse = read_file,
		  .accepted = "the path of a file with " LINE_TEXT,
		  .required = true },
	};
	struct config_prefix_item *item = out;

	item->at = config_yaml_mark(node);
	if (node->type == YAML_MAPPING_NODE)
		return config_yaml_mapping(p, keys, ARRAY_SIZE(keys),
					   "a file of prefixes", node, item);
	item->prefixes = calloc(1, sizeof(*item->prefixes));
	if (!item->prefixes)
		return config_error_at(p->err, item->at, -ENOMEM, "out of memory");
	item->prefixes_n = 1;
	return config_value_prefix(p, key, node, item->prefixes);
}
