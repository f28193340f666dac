// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ncurses.h>
#include <stdarg.h>
#include <string.h>

#include "base/human.h"
#include "base/util.h"
#include "show/top.h"

#define GAP 2

static const char *const help[] = {
	"ftpnat-load top",
	"",
	"  q, Ctrl-C          quit",
	"  h, ?               this help",
	"  > or s, <          sort by the next, by the previous column",
	"  r                  reverse the order",
	"  /                  show only sessions with this text in a column; empty: all",
	"  Up, Down, PgUp, PgDn, Home, End",
	"                     move through the sessions",
	"  Left, Right        in a narrow terminal: scroll the columns",
	"  p or space         pause",
	"",
	"DOWN/s and UP/s are bytes of data connections per second, to and from the client,",
	"IP headers included; BYTES is their total. A - stands for a last rewritten line",
	"that is not known: it was rewritten before `top` started, or `ftpnat-load events`",
	"has read it.",
	"",
	"Any key goes back.",
};

static void __attribute__((format(printf, 3, 4)))
put(int y, int attributes, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	attron(attributes);
	mvaddnstr(y, 0, text, COLS);
	attroff(attributes);
}

static void draw_head(const struct top *top)
{
	const struct view_table *tables = top->stats.tables;
	__u64 lost = event_reader_lost(&top->reader);
	bool bad = top->degraded || lost;

	put(0, A_BOLD, "ftpnat %s  sessions %u/%u  data %u/%u  expected %u/%u",
	    top->view.instance.dir, tables[VIEW_TABLE_CONTROL].used,
	    tables[VIEW_TABLE_CONTROL].size, tables[VIEW_TABLE_DATA].used,
	    tables[VIEW_TABLE_DATA].size, tables[VIEW_TABLE_EXPECTED].used,
	    tables[VIEW_TABLE_EXPECTED].size);
	put(1, bad ? A_BOLD | COLOR_PAIR(COLOR_BAD) : A_NORMAL,
	    "degraded %zu%s  events lost %llu%s", top->degraded,
	    top->degraded ? " (see `ftpnat-load status`)" : "", lost,
	    top->paused ? "  PAUSED" : "");
}

/* Live numbers of each rule; returns the first free line of the screen. */
static int draw_rules(const struct top *top, int y)
{
	int last = y + 1 + LINES / 4;

	put(y++, A_REVERSE, "%-31s %8s %8s %8s %8s%*s", "RULE", "SESSIONS", "DATA",
	    "DOWN/s", "UP/s", COLS, "");
	for (int id = 0; id < FTPNAT_MAX_RULES && y < last; id++) {
		double rate[FTPNAT_DIR_MAX] = { 0 };
		char down[HUMAN_STRLEN], up[HUMAN_STRLEN];
		unsigned int sessions = 0, data = 0;

		if (!top->view.rules[id].name[0])
			continue;
		for (size_t i = 0; i < top->model.sessions; i++) {
			const struct top_session *session = &top->model.session[i];

			if (session->rule != id)
				continue;
			sessions += session->open;
			data += session->data;
			for (int dir = 0; dir < FTPNAT_DIR_MAX; dir++)
				rate[dir] += session->rate[dir];
		}
		human_size(down, rate[FTPNAT_FROM_SERVER]);
		human_size(up, rate[FTPNAT_FROM_CLIENT]);
		put(y++, A_NORMAL, "%-31s %8u %8u %8s %8s", top->view.rules[id].name,
		    sessions, data, down, up);
	}
	return y;
}

static void measure(const struct top *top, size_t last, int width[COLUMN_MAX])
{
	for (int i = 0; i < COLUMN_MAX; i++) {
		width[i] = (int)strlen(columns[i].title) + 1; /* and the sort's mark */
		for (size_t row = top->first; row < last; row++)
			if ((int)strlen(top->rows[row].cell[i]) > width[i])
				width[i] = (int)strlen(top->rows[row].cell[i]);
	}
}

static void draw_cells(int y, int attributes, enum column left,
		       const int width[COLUMN_MAX], const char *const cell[COLUMN_MAX])
{
	char text[COLUMN_MAX * (CELL_LEN + GAP) + 1];
	int len = 0;

	for (enum column i = left; i < COLUMN_MAX; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%*s%*s",
				columns[i].number ? width[i] : -width[i], cell[i], GAP,
				"");
	put(y, attributes, "%s", text);
}

static void draw_sessions(struct top *top, int y)
{
	size_t room = LINES - y > 2 ? (size_t)(LINES - y - 2) : 0;
	const char *cell[COLUMN_MAX];
	char marked[CELL_LEN];
	int width[COLUMN_MAX];
	size_t last;

	if (top->first + room > top->number)
		top->first = top->number > room ? top->number - room : 0;
	last = top->first + room < top->number ? top->first + room : top->number;
	measure(top, last, width);
	for (int i = 0; i < COLUMN_MAX; i++)
		cell[i] = columns[i].title;
	snprintf(marked, sizeof(marked), "%s%c", columns[top->sort].title,
		 top->reverse ? '^' : '*');
	cell[top->sort] = marked;
	draw_cells(y++, A_REVERSE, top->left, width, cell);
	for (size_t row = top->first; row < last; row++) {
		for (int i = 0; i < COLUMN_MAX; i++)
			cell[i] = top->rows[row].cell[i];
		draw_cells(y++, A_NORMAL, top->left, width, cell);
	}
}

static void draw_foot(const struct top *top)
{
	if (top->typing)
		put(LINES - 1, A_BOLD, "filter: %s_   (Enter: done, Esc: no filter)",
		    top->filter);
	else
		put(LINES - 1, A_NORMAL,
		    "%zu of %zu sessions%s%s  q quit  h help  < > sort  r reverse  / filter",
		    top->number, top->model.sessions, *top->filter ? " with " : "",
		    top->filter);
}

static void draw_help(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(help); i++)
		put((int)i, i ? A_NORMAL : A_BOLD, "%s", help[i]);
}

void draw(struct top *top)
{
	erase();
	if (top->helping) {
		draw_help();
	} else {
		draw_head(top);
		draw_sessions(top, draw_rules(top, 3) + 1);
		draw_foot(top);
	}
	refresh();
}
