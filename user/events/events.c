// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* events: one line per event, from the start of the command on. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <string.h>

#include "base/log.h"
#include "base/table.h"
#include "base/wrap.h"
#include "events/maps.h"
#include "events/print.h"
#include "events/reader.h"

#define LOOK_MS	   1000 /* how often to look for lost events, and whether we are still up */
#define ONE_SECOND 1000000000ULL

struct follower {
	const struct options *options;
	struct event_maps maps;
	struct event_reader reader;
	__u64 lost;	      /* lost events already reported */
	__u64 noted;	      /* lost events to be reported ... */
	__u64 noted_at;	      /* ... when all events from before this time are printed */
	unsigned int printed; /* events */
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

static int print_json(json_t *entry)
{
	if (!entry)
		return err_r(-ENOMEM, "out of memory");
	event_json_print(stdout, entry); /* flush() reports errors */
	putchar('\n');
	json_decref(entry);
	return 0;
}

/* 0, -EPIPE when the reader is gone, -EINTR after a signal. */
static int flush(void)
{
	int err = fflush(stdout) ? -errno : 0;

	if (!err || err == -EPIPE || (err == -EINTR && stopped)) {
		if (err) {
			__fpurge(stdout); /* nothing is left for main() to report */
			clearerr(stdout);
		}
		return err;
	}
	return err_r(err, "can't write to standard output: %s", strerror(-err));
}

static void note_lost(struct follower *f)
{
	f->noted_at = event_clock_ns(CLOCK_MONOTONIC);
	f->noted = event_reader_lost(&f->reader);
}

static int tell_lost(struct follower *f)
{
	__u64 lost = f->noted - f->lost;
	char when[EVENT_TIME_STRLEN];
	int err = 0;

	if (!lost)
		return 0;
	f->lost = f->noted;
	event_time_str(when, f->noted_at, f->options->json);
	if (f->options->json)
		err = print_json(json_pack("{s:i, s:s, s:s, s:I}", "schema", 1, "time",
					   when, "reason", "events_lost", "count",
					   (json_int_t)lost));
	else
		printf("%s  %llu events lost: the buffer was full\n", when, lost);
	return err ?: flush();
}

static int print_text(const struct follower *f, const struct ftpnat_event *e,
		      const struct ftpnat_line_event *line, const char *rule)
{
	_cleanup_free_ char *text = NULL;
	char when[EVENT_TIME_STRLEN];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return err_r(-ENOMEM, "out of memory");
	fprintf(out, "%s  ", event_time_str(when, e->time, false));
	event_print(out, e, line, rule, f->maps.rule_width);
	if (fclose(out))
		return err_r(-ENOMEM, "out of memory");
	if (f->options->wide)
		puts(text);
	else
		wrap_print(stdout, text, TABLE_WIDTH);
	return 0;
}

static int print_event(const struct follower *f, const struct ftpnat_event *e,
		       const struct ftpnat_line_event *line, const char *rule)
{
	if (f->options->json)
		return print_json(event_json(e, line, rule));
	return print_text(f, e, line, rule);
}

/* For libbpf: an error ends this round, the event counts as read. */
static bool is_wanted(const struct filter *filter, const struct ftpnat_event *e,
		      const char *rule)
{
	return filter_word(filter->rule, rule) &&
	       filter_word(filter->kind, event_kind(e)) &&
	       filter_word(filter->reason, view_reason_name(e->reason)) &&
	       filter_ends(filter, &e->client, &e->server);
}

static int see_event(void *arg, void *data, size_t size)
{
	struct follower *f = arg;
	const struct ftpnat_event *e = data;
	char rule[FTPNAT_NAME_LEN];
	int err = 0;

	if (stopped)
		return -EINTR;
	if (!event_is_whole(e, size))
		return 0;
	if (e->time > f->noted_at) {
		err = tell_lost(f);
		note_lost(f);
	}
	if (err)
		return err;
	event_maps_rule(&f->maps, e->rule, rule);
	if (!is_wanted(&f->options->filter, e, rule))
		return 0;
	err = print_event(f, e, event_line(data, size), rule) ?: flush();
	if (!err && ++f->printed == f->options->count)
		return -ECANCELED;
	return err;
}

static int check_up(const struct follower *f)
{
	if (event_maps_up(&f->maps))
		return 0;
	return err_r(-ENODEV, "%s was taken down: no more events", f->maps.dir);
}

/* Waits for events (0) or until our reader is gone (-EPIPE). */
static int wait_for_events(const struct follower *f)
{
	struct pollfd fds[] = {
		{ .fd = ring_buffer__epoll_fd(f->reader.ring), .events = POLLIN },
		{ .fd = STDOUT_FILENO }, /* errors are always reported */
	};

	if (poll(fds, ARRAY_SIZE(fds), LOOK_MS) < 0)
		return errno == EINTR ? 0 :
					err_r(-errno, "can't wait for events: %s",
					      strerror(errno));
	return fds[1].revents & (POLLERR | POLLHUP) ? -EPIPE : 0;
}

/* Prints all that is there, then waits for more. */
static int follow_once(struct follower *f)
{
	__u64 before = event_clock_ns(CLOCK_MONOTONIC);
	int err = ring_buffer__consume(f->reader.ring);

	err = err < 0 ? err : 0;
	if (!err) {
		note_lost(f);
		err = tell_lost(f);
	}
	if (!err)
		err = wait_for_events(f);
	if (!err && event_clock_ns(CLOCK_MONOTONIC) - before >= ONE_SECOND)
		err = check_up(f);
	return err;
}

static int follow(struct follower *f)
{
	int err = 0;

	note_lost(f);
	while (!err && !stopped)
		err = follow_once(f);
	return stopped || err == -ECANCELED || err == -EPIPE ? 0 : err;
}

static void end_follower(struct follower *f)
{
	event_reader_close(&f->reader);
	event_maps_close(&f->maps);
}

int verb_events(const struct options *options)
{
	_cleanup_(end_follower) struct follower f = { .options = options,
						      .maps = EVENT_MAPS_INIT,
						      .reader = EVENT_READER_INIT };
	_cleanup_view_ struct view view;
	int err = view_open(&view, options) ?: event_maps_open(&f.maps, &view);

	if (err)
		return EXIT_RUNTIME;
	catch_signals();
	err = event_reader_open(&f.reader, &f.maps, FTPNAT_EVENTS_SIZE, see_event, &f);
	if (err == -EBUSY)
		event_reader_busy(&f.maps);
	return err || follow(&f) ? EXIT_RUNTIME : 0;
}
