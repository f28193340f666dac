// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ncurses.h>
#include <stdarg.h>
#include <string.h>

#include "base/human.h"
#include "base/util.h"
#include "show/top.h"

#define GAP	       2
#define NARROWEST      12 /* of a name or an address, and of the last column */
#define NARROWEST_RULE 8
#define NEARLY_FULL    80 /* percent */
#define SERVERS_FROM   20 /* lines of a screen with room for their pane */

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
	"  Enter              details of the session: both ends, its data connections",
	"  Left, Right        in a narrow terminal: scroll the columns",
	"  a                  rates: averages over 2, 10 or 40 seconds",
	"  v                  servers on or off",
	"  p or space         pause",
	"",
	"DOWN/s and UP/s are bytes of data connections per second, to and from the",
	"client, IP headers included; BYTES is their total. A - stands for a last",
	"rewritten line that is not known: it was rewritten before `top` started.",
	"",
	"Any key goes back.",
};

int put_at(int y, int x, int attributes, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (x < COLS) {
		attron(attributes);
		mvaddnstr(y, x, text, COLS - x);
		attroff(attributes);
	}
	return x + (int)strlen(text);
}

char *cut(char buf[static CELL_LEN], const char *text, int width)
{
	int len = (int)strlen(text), head = (width - 1) / 2;

	if (len <= width || width < 4)
		snprintf(buf, CELL_LEN, "%.*s", width, text);
	else
		snprintf(buf, CELL_LEN, "%.*s..%s", head, text,
			 text + len - (width - head - 2));
	return buf;
}

/* A table that is nearly full is yellow, one that is full red. */
static int fill_color(const struct view_table *table)
{
	if (table->used >= table->size)
		return A_BOLD | COLOR_PAIR(COLOR_BAD);
	if ((__u64)table->used * 100 >= (__u64)table->size * NEARLY_FULL)
		return COLOR_PAIR(COLOR_WARN);
	return A_NORMAL;
}

static void draw_head(const struct top *top)
{
	static const char *const titles[] = { "sessions", "data", "expected" };
	const struct view_table *tables[] = { &top->stats.tables[VIEW_TABLE_CONTROL],
					      &top->stats.tables[VIEW_TABLE_DATA],
					      &top->stats.tables[VIEW_TABLE_EXPECTED] };
	unsigned int living[] = { 0, 0, tables[2]->used };
	__u64 lost = event_reader_lost(&top->reader);
	int x = put_at(0, 0, A_BOLD, "ftpnat %s", top->view.instance.dir);

	if (top->paused)
		put_at(0, x, A_BOLD, "  PAUSED");
	x = 0;
	for (size_t i = 0; i < top->model.sessions; i++) {
		living[0] += top->model.session[i].open;
		living[1] += top->model.session[i].data;
	}
	/* the colour is the table's, which attempts fill, too, and what has ended */
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		x = put_at(1, x, fill_color(tables[i]), "%s %u/%u", titles[i], living[i],
			   tables[i]->size) +
		    GAP;
	x = put_at(2, 0, top->degraded ? A_BOLD | COLOR_PAIR(COLOR_BAD) : A_NORMAL,
		   "degraded %zu%s", top->degraded,
		   top->degraded ? " (see `ftpnat-load status`)" : "");
	x = put_at(2, x + GAP, lost ? COLOR_PAIR(COLOR_WARN) : A_NORMAL,
		   "events lost %llu", lost);
	put_at(2, x + GAP, A_NORMAL, "rates over %us", top_span_seconds[top->span]);
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

/* Which column to make narrower; COLUMN_MAX: none. */
static enum column widest(const int width[COLUMN_MAX])
{
	enum column address = width[COLUMN_CLIENT] > width[COLUMN_SERVER] ?
				      COLUMN_CLIENT :
				      COLUMN_SERVER;

	if (width[COLUMN_RULE] > NARROWEST_RULE)
		return COLUMN_RULE;
	return width[address] > NARROWEST ? address : COLUMN_MAX;
}

/*
 * Makes all columns fit but for the last one: first the gaps are made narrower, then the
 * rule's name, then the addresses. Returns the gap.
 */
static int fit(int width[COLUMN_MAX])
{
	int gap = GAP;

	for (;;) {
		int total = gap * (COLUMN_LINE - 1);
		enum column column = widest(width);

		for (int i = 0; i < COLUMN_LINE; i++)
			total += width[i];
		if (total <= COLS || (gap == 1 && column == COLUMN_MAX))
			return gap;
		if (gap > 1)
			gap--;
		else
			width[column]--;
	}
}

/* The last column is left out where there is hardly room for it. */
static void draw_cells(int y, int attributes, enum column left,
		       const int width[COLUMN_MAX], int gap,
		       const char *const cell[COLUMN_MAX])
{
	char text[COLUMN_MAX * (CELL_LEN + GAP) + 1] = "";
	int len = 0;

	for (enum column i = left; i < COLUMN_MAX; i++) {
		char shown[CELL_LEN];

		if (i == COLUMN_LINE && i != left && len + NARROWEST > COLS)
			break;
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%*s%*s",
				columns[i].number ? width[i] : -width[i],
				cut(shown, cell[i], width[i]), gap, "");
	}
	put_at(y, 0, attributes, "%-*s", attributes & A_REVERSE ? COLS : 0, text);
}

/* Scrolls as far as needed. */
static void show_selected(struct top *top, size_t room)
{
	if (top->selected < top->first)
		top->first = top->selected;
	if (room && top->selected >= top->first + room)
		top->first = top->selected - room + 1;
	if (top->first + room > top->number)
		top->first = top->number > room ? top->number - room : 0;
}

static void draw_sessions(struct top *top, int y)
{
	size_t room = LINES - y > 2 ? (size_t)(LINES - y - 2) : 0;
	const char *cell[COLUMN_MAX];
	char marked[CELL_LEN];
	int width[COLUMN_MAX], gap;
	size_t last;

	show_selected(top, room);
	last = top->first + room < top->number ? top->first + room : top->number;
	measure(top, last, width);
	gap = fit(width);
	for (int i = 0; i < COLUMN_MAX; i++)
		cell[i] = columns[i].title;
	snprintf(marked, sizeof(marked), "%s%c", columns[top->sort].title,
		 top->reverse ? '^' : '*');
	cell[top->sort] = marked;
	draw_cells(y++, A_REVERSE, top->left, width, gap, cell);
	for (size_t row = top->first; row < last; row++) {
		for (int i = 0; i < COLUMN_MAX; i++)
			cell[i] = top->rows[row].cell[i];
		draw_cells(y++, row == top->selected ? A_REVERSE : A_NORMAL, top->left,
			   width, gap, cell);
	}
}

static void draw_foot(const struct top *top)
{
	if (top->typing)
		put_at(LINES - 1, 0, A_BOLD,
		       "filter: %s_   (Enter: done, Esc: no filter)", top->filter);
	else
		put_at(LINES - 1, 0, A_NORMAL,
		       "%zu of %zu sessions%s%s  Enter details  < > sort  / filter  h help  q quit",
		       top->number, top->model.sessions, *top->filter ? " with " : "",
		       top->filter);
}

static void draw_help(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(help); i++)
		put_at((int)i, 0, i ? A_NORMAL : A_BOLD, "%s", help[i]);
}

void draw(struct top *top)
{
	int y;

	erase();
	if (top->helping) {
		draw_help();
	} else if (top->detailed) {
		draw_detail(top);
	} else {
		draw_head(top);
		y = draw_rules(top, 3);
		if (!top->no_servers && LINES >= SERVERS_FROM)
			y = draw_servers(top, y);
		draw_sessions(top, y);
		draw_foot(top);
	}
	refresh();
}
