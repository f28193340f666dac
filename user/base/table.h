/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text output in aligned columns. */
#ifndef FTPNAT_TABLE_H
#define FTPNAT_TABLE_H

#include <stddef.h>

#define TABLE_MAX_COLUMNS 16
#define TABLE_WIDTH	  80 /* of a listing, unless asked for more */

struct table {
	size_t columns;
	size_t width[TABLE_MAX_COLUMNS];
	char **cells; /* row by row, not yet printed */
	size_t used;
	size_t room;
	size_t limit; /* width of a line; 0: none */
};

/* Begins with a row of titles, which ends with NULL. */
void table_begin(struct table *table, const char *const *titles);

/*
 * Before the first cell: rows that are wider than this continue on further lines,
 * indented. Only a cell that is wider by itself is still wider.
 */
void table_limit(struct table *table, size_t width);

void table_cell(struct table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Prints what is left. */
void table_end(struct table *table);

#define _cleanup_table_ __attribute__((cleanup(table_end)))

#endif
