// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_AT_ONCE 4096 /* then print: long listings must not accumulate */
#define GAP	     2	  /* between columns */
#define NARROW_GAP   1	  /* if the row then fits the limit */
#define INDENT	     4	  /* of a row's further lines */

/* How the columns lie. */
struct layout {
	size_t gap;
	bool breaks[TABLE_MAX_COLUMNS]; /* the column begins a line */
};

static size_t row_width(const struct table *table, size_t gap)
{
	size_t width = gap * (table->columns - 1);

	for (size_t i = 0; i < table->columns; i++)
		width += table->width[i];
	return width;
}

static void lay_out(const struct table *table, struct layout *layout)
{
	size_t at = 0;

	*layout = (struct layout){ .gap = GAP };
	if (!table->limit || row_width(table, GAP) <= table->limit)
		return;
	if (row_width(table, NARROW_GAP) <= table->limit) {
		layout->gap = NARROW_GAP;
		return;
	}
	for (size_t i = 0; i < table->columns; i++) {
		layout->breaks[i] = i && at + GAP + table->width[i] > table->limit;
		if (layout->breaks[i])
			at = INDENT;
		else if (i)
			at += GAP;
		at += table->width[i];
	}
}

/* No blanks at the end of a line. */
static void print_rows(struct table *table)
{
	struct layout layout;
	size_t blanks = 0;

	lay_out(table, &layout);
	for (size_t i = 0; i < table->used; i++) {
		size_t column = i % table->columns;
		const char *text = table->cells[i] ? table->cells[i] : "";

		if (layout.breaks[column]) {
			putchar('\n');
			blanks = INDENT;
		}
		if (*text) {
			printf("%*s%s", (int)blanks, "", text);
			blanks = 0;
		}
		blanks += table->width[column] + layout.gap - strlen(text);
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

void table_limit(struct table *table, size_t width)
{
	table->limit = width;
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
