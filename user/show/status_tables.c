// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "show/status_tables.h"

#include <string.h>

#include "base/table.h"

static const char *text_of(const json_t *entry, const char *key)
{
	return json_string_value(json_object_get(entry, key));
}

/* The words of a list, with commas between them. Returns `buf`. */
static char *list_of(char *buf, size_t size, const json_t *entry, const char *key)
{
	const json_t *word;
	size_t i;

	buf[0] = '\0';
	json_array_foreach(json_object_get(entry, key), i, word)
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", i ? "," : "",
			 json_string_value(word));
	return buf;
}

static long long number_of(const json_t *entry, const char *key)
{
	return json_integer_value(json_object_get(entry, key));
}

void status_print_interfaces(const json_t *interfaces)
{
	static const char *const titles[] = { "INTERFACE", "HOOKS", "XDP", "NOTE", NULL };
	_cleanup_table_ struct table table;
	const json_t *entry;
	char hooks[64];
	size_t i;

	table_begin(&table, titles);
	json_array_foreach(interfaces, i, entry) {
		list_of(hooks, sizeof(hooks), entry, "hooks");
		table_cell(&table, "%s", text_of(entry, "name"));
		table_cell(&table, "%s", *hooks ? hooks : "-");
		table_cell(&table, "%s", text_of(entry, "xdp"));
		table_cell(&table, "%s", text_of(entry, "note"));
	}
}

void status_print_programs(const json_t *programs)
{
	static const char *const titles[] = { "PROGRAM", "ID", "VERIFIED INSTRUCTIONS",
					      NULL };
	_cleanup_table_ struct table table;
	const json_t *entry;
	size_t i;

	table_begin(&table, titles);
	json_array_foreach(programs, i, entry) {
		table_cell(&table, "%s", text_of(entry, "name"));
		table_cell(&table, "%lld", number_of(entry, "id"));
		table_cell(&table, "%lld", number_of(entry, "verified_insns"));
	}
}

void status_print_rules(const json_t *rules)
{
	static const char *const titles[] = { "RULE", "KIND", "SERVERS", "NOTE", NULL };
	_cleanup_table_ struct table table;
	const json_t *entry;
	size_t i;

	table_begin(&table, titles);
	json_array_foreach(rules, i, entry) {
		const char *kind = text_of(entry, "kind");

		table_cell(&table, "%s", text_of(entry, "name"));
		table_cell(&table, "%s", kind);
		if (strcmp(kind, "publish")) /* others have none to choose from */
			table_cell(&table, "-");
		else
			table_cell(&table, "%lld", number_of(entry, "servers"));
		table_cell(&table, "%s", text_of(entry, "note"));
	}
}

void status_print_guards(const json_t *guards)
{
	static const char *const titles[] = { "GUARD", "PORTS", NULL };
	_cleanup_table_ struct table table;
	const json_t *entry;
	char ports[512];
	size_t i;

	table_begin(&table, titles);
	json_array_foreach(guards, i, entry) {
		table_cell(&table, "%s", text_of(entry, "interface"));
		table_cell(&table, "%s", list_of(ports, sizeof(ports), entry, "ports"));
	}
}
