// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_AT_ONCE 4096 /* then print: long listings must not accumulate */
#define GAP	     2

/* No blanks at the end of a line. */
static void print_rows(struct table *table)
{
	size_t blanks = 0;

	for (size_t i = 0; i < table->used; i++) {
		size_t column = i % table->columns;
		const char *text = table->cells[i] ? table->cells[i] : "";

		if (*text) {
			printf("%*s%s", (int)blanks, "", text);
			blanks = 0;
		}
		blanks += table->width[column] + GAP - strlen(text);
		if (column + 1 == table->columns) {
			putchar('\n');
			blanks = 0;
		}
		free(table->cells[i]);
	}
	table->used = 0;
}

static void add_cell(struct table *table, char *text)
{
	size_t column = table->used % table->columns;

	if (!column && table->used / table->columns == ROWS_AT_ONCE)
		print_rows(table);
	if (table->used == table->room) {
		size_t room = table->room ? 2 * table->room : 128;
		char **cells = realloc(table->cells, room * sizeof(*cells));

		if (!cells) {
			free(text);
			return;
		}
		table->cells = cells;
		table->room = room;
	}
	if (text && strlen(text) > table->width[column])
		table->width[column] = strlen(text);
	table->cells[table->used++] = text;
}

void table_begin(struct table *table, const char *const *titles)
{
	memset(table, 0, sizeof(*table));
	while (titles[table->columns])
		table->columns++;
	for (size_t i = 0; i < table->columns; i++)
		add_cell(table, strdup(titles[i]));
}

void table_cell(struct table *table, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	add_cell(table, text);
}

void table_end(struct table *table)
{
	print_rows(table);
	free(table->cells);
	table->cells = NULL;
}
