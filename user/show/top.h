/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of `top`: what it knows (top.c), as rows (top_rows.c), on the screen (top_screen.c). */
#ifndef FTPNAT_TOP_H
#define FTPNAT_TOP_H

#include "events/reader.h"
#include "show/counters.h"
#include "show/top_model.h"

#define FILTER_LEN 48
#define CELL_LEN   (TOP_LINE_LEN + 1)

enum column {
	COLUMN_RULE,
	COLUMN_CLIENT,
	COLUMN_SERVER,
	COLUMN_MODE,
	COLUMN_DOWN,
	COLUMN_UP,
	COLUMN_BYTES,
	COLUMN_AGE,
	COLUMN_LINE,
	COLUMN_MAX
};

struct column_kind {
	const char *title;
	bool number; /* to the right; sorted from the largest */
};

extern const struct column_kind columns[COLUMN_MAX];

struct row {
	const struct top_session *session;
	char cell[COLUMN_MAX][CELL_LEN];
};

struct top {
	struct options options;
	struct view view;
	struct event_maps maps;
	struct event_reader reader;
	struct stats stats;
	size_t degraded;
	struct top_model model;
	struct row *rows; /* those that the filter leaves, sorted */
	size_t number;

	/* what the operator chose */
	enum column sort;
	bool reverse;
	bool paused;
	bool helping;
	bool typing; /* the filter */
	char filter[FILTER_LEN];
	size_t first;	  /* row on the screen */
	enum column left; /* first column on it */
};

/* top->rows from the model, as the operator chose. 0 or -errno, reported. */
int make_rows(struct top *top);

#define COLOR_BAD 1

void draw(struct top *top);

#endif
