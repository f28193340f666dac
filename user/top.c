// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* top: sessions and rules as they work, on the whole screen. */
#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "event_maps.h"
#include "event_print.h"
#include "event_relay.h"
#include "log.h"
#include "stats.h"
#include "status.h"
#include "top_model.h"

#define REFRESH_MS 1000
#define FILTER_LEN 48
#define CELL_LEN   (TOP_LINE_LEN + 1)
#define GAP	   2
#define KEY_ESCAPE 27
#define COLOR_BAD  1

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

static const struct {
	const char *title;
	bool number; /* to the right; sorted from the largest */
} columns[] = {
	[COLUMN_RULE] = { "RULE", false },
	[COLUMN_CLIENT] = { "CLIENT", false },
	[COLUMN_SERVER] = { "SERVER", false },
	[COLUMN_MODE] = { "MODE", false },
	[COLUMN_DOWN] = { "DOWN/s", true },
	[COLUMN_UP] = { "UP/s", true },
	[COLUMN_BYTES] = { "BYTES", true },
	[COLUMN_AGE] = { "AGE", true },
	[COLUMN_LINE] = { "LAST LINE REWRITTEN", false },
};
_Static_assert(ARRAY_SIZE(columns) == COLUMN_MAX, "each column has a title");

static const char *const mode_names[] = {
	[TOP_NO_DATA] = "-",
	[TOP_PASSIVE] = "passive",
	[TOP_ACTIVE] = "active",
};

static const char *const help[] = {
	"ftpnat-load top",
	"",
	"  q, Ctrl-C          quit",
	"  h, ?               this help",
	"  > or s, <          sort by the next column, by the one before",
	"  r                  the other way round",
	"  /                  show only sessions with this text in a column; empty: all",
	"  Up, Down, PgUp, PgDn, Home, End",
	"                     move through the sessions",
	"  p or space         pause",
	"",
	"DOWN/s and UP/s are the bytes of data connections per second, to the client and",
	"from it, IP headers included; BYTES are all that they have carried. The last line",
	"rewritten is known while `ftpnat-load run` has the events; else there is a -.",
	"",
	"Any key goes back.",
};

struct row {
	const struct top_session *session;
	char cell[COLUMN_MAX][CELL_LEN];
};

struct top {
	struct options options;
	struct view view;
	struct event_maps maps;
	int relay_fd;
	__u64 missed;
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
	size_t first; /* row on the screen */
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

/* ---- reading ---- */

static int see_event(void *arg, void *data, size_t size)
{
	const struct ftpnat_line_event *line = event_line(data, size);

	if (line)
		top_see_line(arg, line);
	return 0;
}

static void read_events(struct top *top)
{
	if (top->relay_fd < 0)
		top->relay_fd = event_relay_connect(top->maps.events_id);
	if (top->relay_fd >= 0 &&
	    event_relay_receive(top->relay_fd, see_event, &top->model, &top->missed))
		close_fd(&top->relay_fd);
}

static int read_all(struct top *top)
{
	json_t *degraded = NULL;
	int err;

	view_close(&top->view);
	top_begin(&top->model, event_clock_ns(CLOCK_MONOTONIC));
	err = view_open(&top->view, &top->options) ?: stats_read(&top->view, &top->stats);
	err = err ?: view_walk(&top->view, "ftpnat_flows", top_see_flow, &top->model);
	err = err ?: top_end(&top->model) ?: status_degraded(&top->view, &degraded);
	if (err)
		return err;
	top->degraded = json_array_size(degraded);
	json_decref(degraded);
	read_events(top);
	return 0;
}

/* ---- rows ---- */

static void size_str(char cell[static CELL_LEN], double bytes)
{
	static const char units[] = " KMGTP";
	size_t unit = 0;

	while (bytes >= 999.5 && unit < sizeof(units) - 2) {
		bytes /= 1000;
		unit++;
	}
	if (!unit)
		snprintf(cell, CELL_LEN, "%.0f", bytes);
	else
		snprintf(cell, CELL_LEN, "%.*f%c", bytes < 9.95, bytes, units[unit]);
}

static void age_str(char cell[static CELL_LEN], __u32 age)
{
	if (age < 100)
		snprintf(cell, CELL_LEN, "%us", age);
	else if (age < 6000)
		snprintf(cell, CELL_LEN, "%um%02us", age / 60, age % 60);
	else
		snprintf(cell, CELL_LEN, "%uh%02um", age / 3600, age / 60 % 60);
}

/* Without a port where only data connections are left. */
static void endpoint_str(char cell[static CELL_LEN], const struct ftpnat_addr *addr,
			 __be16 port)
{
	if (port)
		ftpnat_endpoint_str(cell, addr, port);
	else
		ftpnat_addr_str(cell, addr);
}

static __u32 age_of(const struct top_session *session)
{
	__u32 now = view_now();

	return now > session->created ? now - session->created : 0;
}

static void fill_row(const struct top *top, struct row *row,
		     const struct top_session *session)
{
	const char *line = top_line(&top->model, session->id);

	row->session = session;
	snprintf(row->cell[COLUMN_RULE], CELL_LEN, "%s",
		 view_rule_name(&top->view, session->rule));
	endpoint_str(row->cell[COLUMN_CLIENT], &session->client, session->client_port);
	endpoint_str(row->cell[COLUMN_SERVER], &session->server, session->server_port);
	snprintf(row->cell[COLUMN_MODE], CELL_LEN, "%s", mode_names[session->mode]);
	size_str(row->cell[COLUMN_DOWN], session->rate[FTPNAT_FROM_SERVER]);
	size_str(row->cell[COLUMN_UP], session->rate[FTPNAT_FROM_CLIENT]);
	size_str(row->cell[COLUMN_BYTES], (double)(session->bytes[FTPNAT_FROM_CLIENT] +
						   session->bytes[FTPNAT_FROM_SERVER]));
	age_str(row->cell[COLUMN_AGE], age_of(session));
	snprintf(row->cell[COLUMN_LINE], CELL_LEN, "%s", *line ? line : "-");
}

static bool is_wanted(const struct top *top, const struct row *row)
{
	for (int i = 0; i < COLUMN_MAX; i++)
		if (strcasestr(row->cell[i], top->filter))
			return true;
	return false;
}

static double value_of(const struct top_session *session, enum column column)
{
	switch (column) {
	case COLUMN_DOWN:
		return session->rate[FTPNAT_FROM_SERVER];
	case COLUMN_UP:
		return session->rate[FTPNAT_FROM_CLIENT];
	case COLUMN_BYTES:
		return (double)(session->bytes[0] + session->bytes[1]);
	case COLUMN_AGE:
		return age_of(session);
	default:
		return 0;
	}
}

static int compare_rows(const void *left, const void *right, void *arg)
{
	const struct row *a = left, *b = right;
	const struct top *top = arg;
	int order;

	if (columns[top->sort].number) {
		double x = value_of(a->session, top->sort),
		       y = value_of(b->session, top->sort);

		order = (x < y) - (x > y);
	} else {
		order = strverscmp(a->cell[top->sort], b->cell[top->sort]);
	}
	if (top->reverse)
		order = -order;
	/* Rows of the same value keep their places from one look to the next. */
	return order ?:
		       (a->session->id > b->session->id) -
			       (a->session->id < b->session->id);
}

static int make_rows(struct top *top)
{
	struct row *rows =
		realloc(top->rows, (top->model.sessions + 1) * sizeof(*top->rows));

	if (!rows)
		return err_r(-ENOMEM, "out of memory");
	top->rows = rows;
	top->number = 0;
	for (size_t i = 0; i < top->model.sessions; i++) {
		fill_row(top, &rows[top->number], &top->model.session[i]);
		top->number += is_wanted(top, &rows[top->number]);
	}
	if (top->number)
		qsort_r(rows, top->number, sizeof(*rows), compare_rows, top);
	return 0;
}

/* ---- the screen ---- */

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
	bool bad = top->degraded || top->stats.reason[FTPNAT_EVENTS_LOST];

	put(0, A_BOLD, "ftpnat %s  sessions %u/%u  data %u/%u  expected %u/%u",
	    top->view.instance.dir, tables[VIEW_TABLE_CONTROL].used,
	    tables[VIEW_TABLE_CONTROL].size, tables[VIEW_TABLE_DATA].used,
	    tables[VIEW_TABLE_DATA].size, tables[VIEW_TABLE_EXPECTED].used,
	    tables[VIEW_TABLE_EXPECTED].size);
	put(1, bad ? A_BOLD | COLOR_PAIR(COLOR_BAD) : A_NORMAL,
	    "degraded %zu%s  events lost %llu%s", top->degraded,
	    top->degraded ? " (see `ftpnat-load status`)" : "",
	    top->stats.reason[FTPNAT_EVENTS_LOST], top->paused ? "  PAUSED" : "");
}

/* Live numbers of each rule; returns the first free line of the screen. */
static int draw_rules(const struct top *top, int y)
{
	int last = y + 1 + LINES / 4;

	put(y++, A_REVERSE, "%-31s %8s %8s %8s %8s%*s", "RULE", "SESSIONS", "DATA",
	    "DOWN/s", "UP/s", COLS, "");
	for (int id = 0; id < FTPNAT_MAX_RULES && y < last; id++) {
		double rate[FTPNAT_DIR_MAX] = { 0 };
		char down[CELL_LEN], up[CELL_LEN];
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
		size_str(down, rate[FTPNAT_FROM_SERVER]);
		size_str(up, rate[FTPNAT_FROM_CLIENT]);
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

static void draw_cells(int y, int attributes, const int width[COLUMN_MAX],
		       const char *const cell[COLUMN_MAX])
{
	char text[COLUMN_MAX * (CELL_LEN + GAP) + 1];
	int len = 0;

	for (int i = 0; i < COLUMN_MAX; i++)
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
	draw_cells(y++, A_REVERSE, width, cell);
	for (size_t row = top->first; row < last; row++) {
		for (int i = 0; i < COLUMN_MAX; i++)
			cell[i] = top->rows[row].cell[i];
		draw_cells(y++, A_NORMAL, width, cell);
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

static void draw(struct top *top)
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

/* ---- keys ---- */

static void type_filter(struct top *top, int key)
{
	size_t len = strlen(top->filter);

	if (key == KEY_ESCAPE)
		top->filter[0] = '\0';
	if (key == '\n' || key == '\r' || key == KEY_ENTER || key == KEY_ESCAPE)
		top->typing = false;
	else if ((key == KEY_BACKSPACE || key == 127 || key == '\b') && len)
		top->filter[len - 1] = '\0';
	else if (key >= ' ' && key <= '~' && len < sizeof(top->filter) - 1)
		memcpy(top->filter + len, (char[]){ (char)key, '\0' }, 2);
}

static void move_by(struct top *top, long rows)
{
	if (rows < 0 && top->first < (size_t)-rows)
		top->first = 0;
	else
		top->first += (size_t)rows; /* draw_sessions() knows the end */
}

static void press(struct top *top, int key)
{
	if (key == KEY_RESIZE) {
		clearok(curscr, TRUE); /* terminals differ in what they keep */
		return;
	}
	if (top->typing) {
		type_filter(top, key);
		return;
	}
	if (top->helping) {
		top->helping = false;
		return;
	}
	switch (key) {
	case 'q':
	case 'Q':
		stopped = 1;
		break;
	case 'h':
	case '?':
		top->helping = true;
		break;
	case '>':
	case 's':
		top->sort = (top->sort + 1) % COLUMN_MAX;
		top->reverse = false;
		break;
	case '<':
		top->sort = (top->sort + COLUMN_MAX - 1) % COLUMN_MAX;
		top->reverse = false;
		break;
	case 'r':
		top->reverse = !top->reverse;
		break;
	case '/':
		top->typing = true;
		top->filter[0] = '\0';
		break;
	case 'p':
	case ' ':
		top->paused = !top->paused;
		break;
	case KEY_UP:
		move_by(top, -1);
		break;
	case KEY_DOWN:
		move_by(top, 1);
		break;
	case KEY_PPAGE:
		move_by(top, -LINES / 2);
		break;
	case KEY_NPAGE:
		move_by(top, LINES / 2);
		break;
	case KEY_HOME:
		top->first = 0;
		break;
	case KEY_END:
		top->first = top->number;
		break;
	default:
		break;
	}
}

/* ---- the loop ---- */

static bool terminal_is_gone(void)
{
	struct pollfd look = { .fd = STDIN_FILENO };

	return poll(&look, 1, 0) > 0 && look.revents & (POLLHUP | POLLERR | POLLNVAL);
}

/* Keys until it is time to look again. */
static void wait_for_keys(struct top *top)
{
	__u64 end = event_clock_ns(CLOCK_MONOTONIC) + REFRESH_MS * 1000000ULL;
	__u64 now;
	int key;

	while (!stopped && (now = event_clock_ns(CLOCK_MONOTONIC)) < end) {
		timeout((int)((end - now) / 1000000) + 1);
		key = getch();
		if (key == ERR && terminal_is_gone())
			stopped = 1;
		if (key == ERR)
			continue;
		press(top, key);
		if (make_rows(top))
			return;
		draw(top);
	}
}

static int watch(struct top *top)
{
	int err = 0;

	while (!err && !stopped) {
		if (!event_maps_up(&top->maps))
			return -ENODEV;
		err = top->paused ? 0 : read_all(top);
		err = err ?: make_rows(top);
		if (err)
			return err;
		draw(top);
		wait_for_keys(top);
	}
	return err;
}

static void begin_screen(void)
{
	const char *no_color = getenv("NO_COLOR");

	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(100);
	curs_set(0);
	if (has_colors() && (!no_color || !*no_color)) {
		start_color();
		use_default_colors();
		init_pair(COLOR_BAD, COLOR_RED, -1);
	}
}

/* 0 or -errno, after which the terminal is as it was. */
static int show(struct top *top)
{
	const struct sigaction action = { .sa_handler = stop };
	const char *type = getenv("TERM");
	SCREEN *screen;
	int err;

	sigaction(SIGINT, &action, NULL); /* before ncurses takes them */
	sigaction(SIGTERM, &action, NULL);
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return err_r(-EINVAL,
			     "top can't use this terminal (TERM=%s): try `TERM=vt100 "
			     "ftpnat-load top`, or `stats --watch 1`",
			     type ? type : "");
	begin_screen();
	err = watch(top);
	endwin();
	delscreen(screen);
	if (err)
		pr_err("%s can't be read any more: `ftpnat-load status` says why",
		       top->options.pin);
	return err;
}

static void top_end_all(struct top **top)
{
	if (!*top)
		return;
	top_free(&(*top)->model);
	view_close(&(*top)->view);
	event_maps_close(&(*top)->maps);
	close_fd(&(*top)->relay_fd);
	free((*top)->rows);
	free(*top);
}

int verb_top(const struct options *options)
{
	_cleanup_(top_end_all) struct top *top = NULL;
	int err;

	if (options->json)
		return err_r(EXIT_USAGE,
			     "top is for people: `flows --json`, `stats --json`");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_r(EXIT_RUNTIME, "top needs a terminal: elsewhere `stats` and "
					   "`flows` say the same");
	top = calloc(1, sizeof(*top));
	if (!top)
		return err_r(EXIT_RUNTIME, "out of memory");
	top->options = *options;
	top->view = (struct view){ .instance = INSTANCE_INIT };
	top->maps = (struct event_maps)EVENT_MAPS_INIT;
	top->relay_fd = -1;
	top->sort = COLUMN_DOWN;
	err = view_open(&top->view, options) ?: event_maps_open(&top->maps, &top->view);
	top->options.netns = NULL; /* entered */
	return err || show(top) ? EXIT_RUNTIME : 0;
}
