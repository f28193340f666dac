// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/yaml_syntax.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"

#define UTF8	    "text in UTF-8"
#define DIRECTIVES  "no directives, and quotes around a text that begins with %"
#define NO_KEY_HERE "mapping values are not allowed"
#define NO_TABS	    "spaces"

/* What libyaml calls a problem, as a user may have caused it. */
static const struct wording {
	const char *problem; /* its beginning */
	const char *what;
	const char *accepted;
	bool since; /* `what` ends with the line where it begins */
} wordings[] = {
	{ "did not find expected ',' or ']'",
	  "',' or ']' is missing in the list that begins on line", "[ITEM, ITEM]", true },
	{ "did not find expected ',' or '}'",
	  "',' or '}' is missing in the mapping that begins on line",
	  "{KEY: VALUE, KEY: VALUE}", true },
	{ "did not find expected '-' indicator",
	  "this line is not an item of the list that begins on line",
	  "'- ' before each item, all in one column", true },
	{ "did not find expected key",
	  "this line is not a key of the mapping that begins on line",
	  "'KEY: VALUE', all keys in one column", true },
	{ "could not find expected ':'", "no ':' behind the key on line",
	  "'KEY: VALUE' on each line", true },
	{ NO_KEY_HERE, "no key can be here, so no ':' either",
	  "'KEY: VALUE' on a line of its own, and quotes around a text with ': '",
	  false },
	{ "mapping keys are not allowed", "no key can be here",
	  "'KEY: VALUE' on a line of its own", false },
	{ "block sequence entries are not allowed", "no list can begin here",
	  "'- ITEM' on a line of its own, or [ITEM, ITEM]", false },
	{ "found character that cannot start any token",
	  "no value begins with this character", "quotes around the value", false },
	{ "found unexpected end of stream", "no quote closes the one on line",
	  "a quote on both sides of a text", true },
	{ "found unexpected document indicator", "no quote closes the one on line",
	  "a quote on both sides of a text", true },
	{ "found undefined alias", "'*NAME' without an '&NAME' before it",
	  "quotes around a text that begins with *", false },
	{ "found duplicate anchor", "'&NAME' is used twice", "each name once", false },
	{ "did not find expected alphabetic or numeric character",
	  "no name behind '*' or '&'", "quotes around a text that begins with * or &",
	  false },
	{ "found unknown escape character", "'\\' before a character that needs none",
	  "\\\\ for a backslash, or single quotes around the text", false },
	{ "did not find expected hexdecimal number", "'\\' before no hexadecimal number",
	  "\\\\ for a backslash, or single quotes around the text", false },
	{ "found invalid Unicode character escape code", "no character has this number",
	  "\\\\ for a backslash, or single quotes around the text", false },
	{ "found unexpected ':'", "a ':' in a text without quotes",
	  "quotes around the text", false },
	{ "did not find expected node content", "no value here", "a value", false },
	{ "did not find expected comment or line break", "text behind '|' or '>'",
	  "quotes around a text that begins with | or >", false },
	{ "found a tab character", "a tab in the indentation", NO_TABS, false },
	{ "did not find expected <document start>", "text behind the end of the document",
	  "one document", false },
	{ "found unknown directive name", "'%' begins a directive", DIRECTIVES, false },
	{ "could not find expected directive name", "'%' begins a directive", DIRECTIVES,
	  false },
	{ "control characters are not allowed", "a control character", UTF8, false },
	{ "invalid leading UTF-8 octet", "a byte that is not UTF-8", UTF8, false },
	{ "invalid trailing UTF-8 octet", "a byte that is not UTF-8", UTF8, false },
	{ "incomplete UTF-8 octet sequence", "a character that is cut off", UTF8, false },
	{ "invalid length of a UTF-8 sequence", "a byte that is not UTF-8", UTF8, false },
	{ "invalid Unicode character", "a character that is not in Unicode", UTF8,
	  false },
	{ "found extremely long", "a number that is too long", "YAML", false },
};

static const struct wording *wording_of(const char *problem)
{
	for (size_t i = 0; i < ARRAY_SIZE(wordings); i++) {
		if (!strncmp(problem, wordings[i].problem, strlen(wordings[i].problem)))
			return &wordings[i];
	}
	return NULL;
}

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

/* Common causes that libyaml's message does not mention. NULL: none of them. */
static const char *common_cause(const char *text, size_t len, uint32_t line)
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
			return "quotes around IPv6 and port as in \"[2001:db8::10]:21\"";
	}
	if (memchr(start, '\t', (size_t)(stop - start)))
		return "spaces instead of tabs";
	return NULL;
}

/* The number of the line before `line` if that has a ':', but none that ends a key; else 0. */
static uint32_t line_without_key(const char *text, size_t len, uint32_t line)
{
	const char *start = text, *end = text + len, *stop;
	bool colon = false;

	if (line < 2)
		return 0;
	for (uint32_t number = 1; number < line - 1 && start < end; number++) {
		stop = memchr(start, '\n', (size_t)(end - start));
		start = stop ? stop + 1 : end;
	}
	for (; start < end && *start != '\n'; start++) {
		if (*start != ':')
			continue;
		if (start + 1 == end || start[1] == ' ' || start[1] == '\n')
			return 0;
		colon = true;
	}
	return colon ? line - 1 : 0;
}

struct config_mark config_yaml_to_mark(yaml_mark_t mark)
{
	return (struct config_mark){ (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

int config_yaml_syntax_error(struct config_errors *err, const yaml_parser_t *yaml,
			     const char *text, size_t len)
{
	struct config_mark at = config_yaml_to_mark(yaml->problem_mark);
	const struct wording *wording;
	const char *cause;
	uint32_t line;
	char since[16] = "";

	/* libyaml fails without a message when its own stacks have no memory */
	if (yaml->error == YAML_MEMORY_ERROR || !yaml->problem)
		return config_error_at(err, at, -ENOMEM, "out of memory");
	if (yaml->error == YAML_READER_ERROR)
		at = mark_of_byte(text, len, yaml->problem_offset);
	cause = common_cause(text, len, at.line);
	wording = wording_of(yaml->problem);
	if (!wording)
		return config_error_at(err, at, -EINVAL, "YAML syntax: %s; accepted: %s",
				       yaml->problem, cause ? cause : "YAML");
	line = !strcmp(wording->problem, NO_KEY_HERE) ?
		       line_without_key(text, len, at.line) :
		       0;
	if (line)
		return config_error_at(
			err, at, -EINVAL,
			"YAML syntax: %s; accepted: a space behind the ':' "
			"of each key, line %u included",
			wording->what, line);
	if (wording->since)
		snprintf(since, sizeof(since), " %u",
			 config_yaml_to_mark(yaml->context_mark).line);
	return config_error_at(err, at, -EINVAL, "YAML syntax: %s%s; accepted: %s",
			       wording->what, since, cause ? cause : wording->accepted);
}
