// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* top: live sessions and rules, on the full screen. */
#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/service_files.h"
#include "events/print.h"
#include "show/status.h"
#include "show/top.h"

#define REFRESH_MS 1000
#define KEY_ESCAPE 27

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
	struct top *top = arg;

	if (line && !top->paused)
		top_see_line(&top->model, line);
	return 0;
}

static int add_server(const struct published_server *published, void *arg)
{
	struct top *top = arg;

	if (top->servers < FTPNAT_MAX_SERVERS)
		top->server[top->servers++] = *published;
	return 0;
}

static int read_servers(struct top *top)
{
	struct service_state service;

	top->servers = 0;
	service_look(top->options.pin, &service);
	top->running = service.running;
	return servers_walk(&top->view, add_server, top);
}

static int read_all(struct top *top)
{
	json_t *degraded = NULL;
	int err;

	view_close(&top->view);
	top_begin(&top->model, event_clock_ns(CLOCK_MONOTONIC));
	err = view_open(&top->view, &top->options) ?: stats_read(&top->view, &top->stats);
	err = err ?: view_walk(&top->view, FTPNAT_MAP_FLOWS, top_see_flow, &top->model);
	if (!err)
		err = top_end(&top->model);
	err = err ?: read_servers(top);
	if (!err)
		err = status_degraded(&top->view, &degraded);
	if (err)
		return err;
	top->degraded = json_array_size(degraded);
	json_decref(degraded);
	return 0;
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

/* The row that is then selected stays so; at the top, whatever is first. */
static void select_row(struct top *top, size_t row)
{
	if (!top->number)
		return;
	top->selected = row < top->number ? row : top->number - 1;
	top->followed = top->selected ? top->rows[top->selected].session->id : 0;
}

static void move_by(struct top *top, long rows)
{
	if (rows < 0 && top->selected < (size_t)-rows)
		select_row(top, 0);
	else
		select_row(top, top->selected + (size_t)rows);
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
	if (top->helping || top->detailed) {
		top->helping = false;
		top->detailed = 0;
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
	case 'a':
		top->span = (top->span + 1) % TOP_SPANS;
		break;
	case 'v':
		top->no_servers = !top->no_servers;
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
	case KEY_LEFT:
		if (top->left)
			top->left--;
		break;
	case KEY_RIGHT:
		if (top->left < COLUMN_MAX - 1)
			top->left++;
		break;
	case KEY_HOME:
		select_row(top, 0);
		break;
	case KEY_END:
		select_row(top, top->number);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		if (top->number)
			top->detailed = top->rows[top->selected].session->id;
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

/* Handles keys until the next refresh. */
static void wait_for_keys(struct top *top)
{
	__u64 end =
		event_clock_ns(CLOCK_MONOTONIC) + (__u64)top->options.delay_ms * 1000000;
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
		ring_buffer__consume(top->reader.ring); /* also where `paused` */
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
		init_pair(COLOR_WARN, COLOR_YELLOW, -1);
	}
}

/* 0 or -errno; the terminal is restored. */
static int show(struct top *top)
{
	const struct sigaction action = { .sa_handler = stop };
	const char *type = getenv("TERM");
	SCREEN *screen;
	int err;

	sigaction(SIGINT, &action, NULL); /* before ncurses takes them */
	sigaction(SIGTERM, &action, NULL);
	screen = newterm(NULL, stdout, stdin);
	if (screen && !tigetstr("cup")) { /* the cursor can't be moved: TERM=dumb */
		endwin();
		delscreen(screen);
		screen = NULL;
	}
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
		pr_err("%s can no longer be read: `ftpnat-load status` says why",
		       top->options.pin);
	return err;
}

static void top_end_all(struct top **top)
{
	if (!*top)
		return;
	top_free(&(*top)->model);
	view_close(&(*top)->view);
	event_reader_close(&(*top)->reader);
	event_maps_close(&(*top)->maps);
	free((*top)->rows);
	free(*top);
}

int verb_top(const struct options *options)
{
	_cleanup_(top_end_all) struct top *top = NULL;
	int err;

	if (options->json)
		return err_r(EXIT_USAGE,
			     "top prints no JSON: use `flows --json` or `stats --json`");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_r(EXIT_RUNTIME,
			     "top needs a terminal: use `stats` and `flows` "
			     "instead");
	top = calloc(1, sizeof(*top));
	if (!top)
		return err_r(EXIT_RUNTIME, "out of memory");
	top->options = *options;
	top->view = (struct view){ .instance = INSTANCE_INIT };
	top->maps = (struct event_maps)EVENT_MAPS_INIT;
	top->reader = (struct event_reader)EVENT_READER_INIT;
	top->sort = COLUMN_DOWN;
	if (!top->options.delay_ms)
		top->options.delay_ms = REFRESH_MS;
	err = view_open(&top->view, options) ?: event_maps_open(&top->maps, &top->view);
	err = err   ?:
		      event_reader_open(&top->reader, &top->maps, FTPNAT_EVENTS_SIZE,
					see_event, top);
	if (err == -EBUSY)
		event_reader_busy(&top->maps);
	top->options.netns = NULL; /* entered */
	return err || show(top) ? EXIT_RUNTIME : 0;
}
