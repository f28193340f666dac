// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * events: one line per event, those kept from before the command came first. The ring
 * buffer has one reader at a time, and what one has read no other gets.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <string.h>
#include <time.h>

#include "event_text.h"
#include "log.h"
#include "pin.h"
#include "view.h"

#define EVENTS_MAP   "ftpnat_events"
#define LOOK_MS	     1000 /* how often to look for lost events, and whether we are still up */
#define ONE_SECOND   1000000000ULL
#define TIME_STRLEN  32
#define REASON_WIDTH 15

struct follower {
	const struct view *view;
	const struct options *options;
	int config_fd;
	int rules_fd;
	int reasons_fd;
	__u32 events_id;
	int rule_width;
	__u64 lost;	      /* so many lost events were told of */
	__u64 noted;	      /* so many there are, to be told of ... */
	__u64 noted_at;	      /* ... when all events from before this time are printed */
	unsigned int printed; /* events */
	char rule[FTPNAT_NAME_LEN]; /* of the event at hand */
};

/* An event in words. */
struct words {
	char client[FTPNAT_ENDPOINT_STRLEN];
	char public[FTPNAT_ENDPOINT_STRLEN];
	char real[FTPNAT_ENDPOINT_STRLEN];
	const char *reason;
	const char *kind;
	bool connected; /* `real` and the session are there: not so where it was refused */
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

/* Without SA_RESTART: a write to a reader that has stalled is to end too. */
static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = stop };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static __u64 clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * ONE_SECOND + (__u64)now.tv_nsec;
}

/* A time of CLOCK_MONOTONIC: local for people, UTC for machines. */
static void time_str(char buf[static TIME_STRLEN], __u64 monotonic, bool json)
{
	__u64 ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC) + monotonic;
	time_t seconds = (time_t)(ns / ONE_SECOND);
	struct tm tm;
	size_t len;

	if (json)
		gmtime_r(&seconds, &tm);
	else
		localtime_r(&seconds, &tm);
	len = strftime(buf, TIME_STRLEN, json ? "%Y-%m-%dT%T" : "%F %T", &tm);
	snprintf(buf + len, TIME_STRLEN - len, ".%03u%s",
		 (unsigned int)(ns % ONE_SECOND / 1000000), json ? "Z" : "");
}

/* The rule may be one that a reload has brought since. */
static void read_rule_name(struct follower *f, __u16 id)
{
	struct ftpnat_config config = { 0 };
	struct ftpnat_rule rule = { 0 };
	__u32 key = 0;

	if (id == FTPNAT_NO_RULE) {
		strcpy(f->rule, "-");
		return;
	}
	bpf_map_lookup_elem(f->config_fd, &key, &config);
	key = (config.slot & 1) * FTPNAT_MAX_RULES + id;
	if (id >= FTPNAT_MAX_RULES || bpf_map_lookup_elem(f->rules_fd, &key, &rule) ||
	    !rule.name[0])
		strcpy(rule.name, "?");
	memcpy(f->rule, rule.name, sizeof(f->rule));
}

static void put_in_words(const struct ftpnat_event *e, bool is_line, struct words *w)
{
	ftpnat_endpoint_str(w->client, &e->client.src, e->client.sport);
	ftpnat_endpoint_str(w->public, &e->client.dst, e->client.dport);
	ftpnat_endpoint_str(w->real, &e->server.dst, e->server.dport);
	w->reason = view_reason_name(e->reason);
	w->kind = e->kind == FTPNAT_CONTROL ? "control" : "data";
	w->connected = is_line || e->reason == FTPNAT_CONTROL_OPENED ||
		       e->reason == FTPNAT_CONTROL_CLOSED ||
		       e->reason == FTPNAT_DATA_OPENED ||
		       e->reason == FTPNAT_DATA_CLOSED || e->reason == FTPNAT_OPAQUE ||
		       e->reason == FTPNAT_CLEAR;
}

static int print_json(json_t *entry)
{
	if (!entry)
		return err_r(-ENOMEM, "out of memory");
	json_dumpf(entry, stdout, JSON_ENSURE_ASCII); /* flush() tells of errors */
	putchar('\n');
	json_decref(entry);
	return 0;
}

static int event_json(const struct follower *f, const struct ftpnat_event *e,
		      const struct ftpnat_line_event *line)
{
	char when[TIME_STRLEN];
	struct words w;
	json_t *entry;

	put_in_words(e, line, &w);
	time_str(when, e->time, true);
	entry = json_pack("{s:i, s:s, s:s, s:s?, s:s, s:o, s:s, s:s, s:s?}", "schema", 1,
			  "time", when, "reason", w.reason, "rule",
			  e->rule == FTPNAT_NO_RULE ? NULL : f->rule, "kind", w.kind,
			  "session", w.connected ? json_integer(e->session) : json_null(),
			  "client", w.client, "public", w.public, "real",
			  w.connected ? w.real : NULL);
	if (line && entry) {
		struct event_text before, after;

		event_text_before(&before, line);
		event_text_after(&after, line);
		json_object_set_new(entry, "direction",
				    json_string(e->dir == FTPNAT_FROM_CLIENT ?
							"from_client" :
							"from_server"));
		json_object_set_new(entry, "before", event_text_json(&before));
		json_object_set_new(entry, "after",
				    line->text_len ? event_text_json(&after) :
						     json_null());
		json_object_set_new(entry, "cut", json_boolean(before.cut || after.cut));
	}
	return print_json(entry);
}

static void event_plain(const struct follower *f, const struct ftpnat_event *e,
			const struct ftpnat_line_event *line)
{
	char when[TIME_STRLEN];
	struct event_text text;
	const char *what;
	struct words w;

	put_in_words(e, line, &w);
	time_str(when, e->time, false);
	what = !line			    ? w.kind :
	       e->dir == FTPNAT_FROM_CLIENT ? "from client" :
					      "from server";
	printf("%s  %-*s  %-*s  %-11s  %s", when, f->rule_width, f->rule, REASON_WIDTH,
	       w.reason, what, w.client);
	if (line) {
		putchar(' ');
		event_text_before(&text, line);
		event_text_print(&text);
		if (line->text_len) {
			printf(" => ");
			event_text_after(&text, line);
			event_text_print(&text);
		}
	} else {
		printf(" -> %s", w.public);
		if (w.connected)
			printf(" => %s", w.real);
	}
	putchar('\n');
}

/* 0, -EPIPE when nobody reads on, -EINTR when a signal came meanwhile. */
static int flush(void)
{
	int err = fflush(stdout) ? -errno : 0;

	if (!err || err == -EPIPE || (err == -EINTR && stopped)) {
		if (err) {
			__fpurge(stdout); /* nothing is left for main() to complain of */
			clearerr(stdout);
		}
		return err;
	}
	return err_r(err, "can't write to standard output: %s", strerror(-err));
}

static int note_lost(struct follower *f)
{
	__u64 total = 0;
	int err;

	f->noted_at = clock_ns(CLOCK_MONOTONIC);
	err = view_counters(f->reasons_fd, FTPNAT_EVENTS_LOST, &total, 1);
	if (err)
		return err_r(err, "can't read ftpnat_reasons: %s", strerror(-err));
	f->noted = total;
	return 0;
}

static int tell_lost(struct follower *f)
{
	__u64 lost = f->noted - f->lost;
	char when[TIME_STRLEN];
	int err = 0;

	if (!lost)
		return 0;
	f->lost = f->noted;
	time_str(when, f->noted_at, f->options->json);
	if (f->options->json)
		err = print_json(json_pack("{s:i, s:s, s:s, s:I}", "schema", 1, "time",
					   when, "reason", "events_lost", "count",
					   (json_int_t)lost));
	else
		printf("%s  %llu events lost: the buffer was full\n", when, lost);
	return err ?: flush();
}

/* For libbpf: an error ends this round, the event counts as read. */
static int see_event(void *arg, void *data, size_t size)
{
	struct follower *f = arg;
	const struct ftpnat_event *e = data;
	const struct ftpnat_line_event *line = size >= sizeof(*line) ? data : NULL;
	int err = 0;

	if (stopped)
		return -EINTR;
	if (size < sizeof(*e))
		return 0;
	if (e->time > f->noted_at)
		err = tell_lost(f) ?: note_lost(f);
	if (err)
		return err;
	read_rule_name(f, e->rule);
	if (f->options->rule && strcmp(f->options->rule, f->rule))
		return 0;
	if (f->options->json)
		err = event_json(f, e, line);
	else
		event_plain(f, e, line);
	err = err ?: flush();
	if (!err && ++f->printed == f->options->count)
		return -ECANCELED;
	return err;
}

static __u32 map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static int check_up(const struct follower *f)
{
	const char *dir = f->view->instance.dir;
	_cleanup_close_ int fd = pin_open(dir, EVENTS_MAP);

	if (map_id(fd) == f->events_id)
		return 0;
	return err_r(-ENODEV, "%s was taken down: no more events", dir);
}

/* Until something is to be read or nobody reads us: 0 or -EPIPE. */
static int wait_for_events(struct ring_buffer *ring)
{
	struct pollfd fds[] = {
		{ .fd = ring_buffer__epoll_fd(ring), .events = POLLIN },
		{ .fd = STDOUT_FILENO }, /* errors are always told of */
	};

	if (poll(fds, ARRAY_SIZE(fds), LOOK_MS) < 0)
		return errno == EINTR ? 0 :
					err_r(-errno, "can't wait for events: %s",
					      strerror(errno));
	return fds[1].revents & (POLLERR | POLLHUP) ? -EPIPE : 0;
}

/* Prints all that is there, then waits for more. */
static int follow_once(struct follower *f, struct ring_buffer *ring)
{
	__u64 before = clock_ns(CLOCK_MONOTONIC);
	int err;

	err = ring_buffer__consume(ring);
	if (err < 0)
		return err;
	err = note_lost(f) ?: tell_lost(f) ?: wait_for_events(ring);
	if (!err && clock_ns(CLOCK_MONOTONIC) - before >= ONE_SECOND)
		err = check_up(f);
	return err;
}

static int follow(struct follower *f, struct ring_buffer *ring)
{
	int err = note_lost(f);

	while (!err && !stopped)
		err = follow_once(f, ring);
	return stopped || err == -ECANCELED || err == -EPIPE ? 0 : err;
}

static void free_ring(struct ring_buffer **ring)
{
	ring_buffer__free(*ring);
}

static int longest_name(const struct view *view)
{
	int longest = 1;

	for (int id = 0; id < FTPNAT_MAX_RULES; id++) {
		int len = (int)strnlen(view->rules[id].name, FTPNAT_NAME_LEN);

		if (len > longest)
			longest = len;
	}
	return longest;
}

int verb_events(const struct options *options)
{
	_cleanup_(free_ring) struct ring_buffer *ring = NULL;
	_cleanup_close_ int config_fd = -1, rules_fd = -1, reasons_fd = -1;
	_cleanup_close_ int events_fd = -1, lock_fd = -1;
	_cleanup_view_ struct view view;
	struct follower f = { .view = &view, .options = options };

	if (view_open(&view, options) || pin_lock_reader(view.instance.dir, &lock_fd))
		return EXIT_RUNTIME;
	config_fd = f.config_fd = view_map(&view, "ftpnat_config");
	rules_fd = f.rules_fd = view_map(&view, "ftpnat_rules");
	reasons_fd = f.reasons_fd = view_map(&view, "ftpnat_reasons");
	events_fd = view_map(&view, EVENTS_MAP);
	if (config_fd < 0 || rules_fd < 0 || reasons_fd < 0 || events_fd < 0)
		return EXIT_RUNTIME;
	f.events_id = map_id(events_fd);
	f.rule_width = longest_name(&view);
	ring = ring_buffer__new(events_fd, see_event, &f, NULL);
	if (!ring)
		return err_r(EXIT_RUNTIME, "can't read " EVENTS_MAP ": %s",
			     strerror(errno));
	catch_signals();
	return follow(&f, ring) ? EXIT_RUNTIME : 0;
}
