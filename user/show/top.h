/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of `top`: what it knows (top.c), its sessions as rows (top_rows.c), the
 * screen (top_screen.c), its panes of rules and servers (top_panes.c), one session in
 * detail (top_detail.c).
 */
#ifndef FTPNAT_TOP_H
#define FTPNAT_TOP_H

#include "events/reader.h"
#include "show/counters.h"
#include "show/top_model.h"

#include "dataplane/servers.h"

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
	struct published_server server[FTPNAT_MAX_SERVERS];
	size_t servers;
	bool running; /* `run`, which checks them */
	struct top_model model;
	struct row *rows; /* those that the filter leaves, sorted */
	size_t number;

	/* what the operator chose */
	enum column sort;
	enum top_span span; /* of the rates shown */
	bool no_servers;    /* their pane is off */
	bool reverse;
	bool paused;
	bool helping;
	bool typing; /* the filter */
	char filter[FILTER_LEN];
	size_t first;	 /* row on the screen */
	size_t selected; /* row */
	__u32 followed;	 /* session that stays selected, wherever its row goes; 0: none */
	__u32 detailed;	 /* session whose details are shown; 0: none */
	enum column left; /* first column on it */
};

/* Since that second of the maps' clock. */
__u32 seconds_ago(__u32 then);

/* top->rows from the model, as the operator chose. 0 or -errno, reported. */
int make_rows(struct top *top);

enum { COLOR_BAD = 1, COLOR_WARN };

void draw(struct top *top);

/* ---- for the parts of the screen ---- */

/* Prints from column `x` on, as far as the line goes; returns the column behind. */
int put_at(int y, int x, int attributes, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The text in at most `width` characters: ".." stands for its middle. Returns `buf`. */
char *cut(char buf[static CELL_LEN], const char *text, int width);

/* Each returns the first free line of the screen, and takes a quarter of it at most. */
int draw_rules(const struct top *top, int y);
int draw_servers(const struct top *top, int y);

/* The whole screen: the session top->detailed. */
void draw_detail(const struct top *top);

#endif
