// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/yaml_print.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

/* A string that no YAML reader misinterprets when it is not quoted. */
static bool is_plain(const char *text)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static const char *const reserved[] = { "y",   "n",    "yes",	"no",  "on",
						"off", "true", "false", "null" };
	size_t digits = strspn(text, "0123456789.");

	/* 1024-65535, 10.0.0.0/8, 60s */
	if (digits > 0 && text[digits] == 's')
		return !text[digits + 1];
	if (digits > 0 && text[digits] && strchr("-/", text[digits]))
		return text[digits + 1] &&
		       !text[digits + 1 + strspn(text + digits + 1, "0123456789")];
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		if (strcasecmp(text, reserved[i]) == 0)
			return false;
	}
	return strspn(text, letters) > 0 &&
	       !text[strcspn(text, "\"\\ ,:#[]{}&*!|>'%@`?")];
}

static void print_scalar(FILE *out, const json_t *value)
{
	const char *text = json_string_value(value);

	if (!text) {
		fprintf(out, "%lld", (long long)json_integer_value(value));
		return;
	}
	if (is_plain(text)) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
	putc('"', out);
}

static bool only_scalars(const json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;

	json_array_foreach(value, i, item) {
		if (json_is_array(item) || json_is_object(item))
			return false;
	}
	json_object_foreach((json_t *)value, key, item) {
		if (json_is_array(item) || json_is_object(item))
			return false;
	}
	return true;
}

static void print_flow(FILE *out, json_t *value)
{
	const char *key, *comma = "";
	json_t *item;
	size_t i;

	if (json_is_array(value)) {
		putc('[', out);
		json_array_foreach(value, i, item) {
			fputs(comma, out);
			print_scalar(out, item);
			comma = ", ";
		}
		putc(']', out);
	} else if (json_is_object(value)) {
		putc('{', out);
		json_object_foreach(value, key, item) {
			fprintf(out, "%s%s: ", comma, key);
			print_scalar(out, item);
			comma = ", ";
		}
		putc('}', out);
	} else {
		print_scalar(out, value);
	}
}

void config_yaml_print(FILE *out, json_t *object, int indent, const char *lead)
{
	const char *key;
	json_t *value, *item;
	size_t i;

	json_object_foreach(object, key, value) {
		if (lead)
			fputs(lead, out);
		else
			fprintf(out, "%*s", indent, "");
		lead = NULL;
		if (only_scalars(value)) {
			fprintf(out, "%s: ", key);
			print_flow(out, value);
			putc('\n', out);
			continue;
		}
		fprintf(out, "%s:\n", key);
		if (json_is_object(value)) {
			config_yaml_print(out, value, indent + 2, NULL);
			continue;
		}
		json_array_foreach(value, i, item) {
			if (only_scalars(item)) {
				fprintf(out, "%*s- ", indent + 2, "");
				print_flow(out, item);
				putc('\n', out);
			} else {
				fprintf(out, "%*s", indent + 2, "");
				config_yaml_print(out, item, indent + 4, "- ");
			}
		}
	}
}
