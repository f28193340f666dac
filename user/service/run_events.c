// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/run_events.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/log.h"
#include "events/print.h"

#define ROUND		   1024 /* events at once: requests and signals must not wait */
#define MAX_FIELDS	   24
#define REFUSED_PER_SECOND 10  /* refusals of one reason that are logged ... */
#define LOGGED_PER_SECOND  200 /* ... and events of another; the rest is summed up */

/* ---- the log ---- */

/* Of one entry of the journal. */
struct fields {
	int number;
	struct iovec field[MAX_FIELDS];
};

static void free_fields(struct fields *fields)
{
	for (int i = 0; i < fields->number; i++)
		free(fields->field[i].iov_base);
}

static void __attribute__((format(printf, 2, 3)))
add_field(struct fields *fields, const char *format, ...)
{
	char *text;
	va_list args;
	int len;

	if (fields->number == MAX_FIELDS)
		return;
	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len >= 0)
		fields->field[fields->number++] =
			(struct iovec){ .iov_base = text, .iov_len = (size_t)len };
}

/* FTPNAT_RULE=files, FTPNAT_BYTES_IN=7, and so on: the keys of the event's JSON. */
static void add_json_field(struct fields *fields, const char *prefix, const char *key,
			   json_t *value)
{
	const char *inner;
	char name[64];
	json_t *each;

	snprintf(name, sizeof(name), "%s_%s", prefix, key);
	for (char *c = name; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	if (json_is_string(value))
		add_field(fields, "%s=%s", name, json_string_value(value));
	else if (json_is_integer(value))
		add_field(fields, "%s=%lld", name, json_integer_value(value));
	else if (json_is_real(value))
		add_field(fields, "%s=%.3f", name, json_real_value(value));
	json_object_foreach(value, inner, each)
		add_json_field(fields, name, inner, each);
}

static void to_journal(int priority, const char *message, json_t *entry)
{
	_cleanup_(free_fields) struct fields fields = { 0 };
	const char *key;
	json_t *value;

	add_field(&fields, "MESSAGE=%s", message);
	add_field(&fields, "PRIORITY=%d", priority);
	add_field(&fields, "SYSLOG_IDENTIFIER=ftpnat");
	json_object_foreach(entry, key, value)
		if (strcmp(key, "schema") && strcmp(key, "time"))
			add_json_field(&fields, "FTPNAT", key, value);
	sd_journal_sendv(fields.field, fields.number);
}

static int priority_of(__u32 reason)
{
	switch (reason) {
	case FTPNAT_CONTROL_OPENED:
	case FTPNAT_CONTROL_CLOSED:
	case FTPNAT_DATA_OPENED:
	case FTPNAT_DATA_CLOSED:
	case FTPNAT_LINE_REWRITTEN:
	case FTPNAT_LINE_UNCHANGED:
	case FTPNAT_LINE_DEFAULT:
	case FTPNAT_TRANSFER_DONE:
		return LOG_INFO;
	default:
		return LOG_NOTICE;
	}
}

static void log_event(struct run_events *events, const struct ftpnat_event *e,
		      const struct ftpnat_line_event *line)
{
	char rule[FTPNAT_NAME_LEN], when[EVENT_TIME_STRLEN];
	_cleanup_free_ char *text = NULL;
	json_t *entry = NULL;
	size_t len;
	FILE *out;

	event_maps_rule(&events->maps, e->rule, rule);
	if (events->journal || events->options->json)
		entry = event_json(e, line, rule);
	if (!events->journal && events->options->json) {
		event_json_print(stderr, entry);
		fputc('\n', stderr);
	} else {
		out = open_memstream(&text, &len);
		if (out) {
			event_print(out, e, line, rule, events->maps.rule_width);
			fclose(out);
		}
		if (events->journal)
			to_journal(priority_of(e->reason), text, entry);
		else
			fprintf(stderr, "%s  %s\n", event_time_str(when, e->time, false),
				text);
	}
	json_decref(entry);
}

/* Reports `count` events that were not logged one by one. */
static void log_count(const struct run_events *events, const char *reason, __u64 count,
		      const char *text)
{
	json_t *entry;

	if (!events->journal) {
		pr_err("%s", text);
		return;
	}
	entry = json_pack("{s:s, s:I}", "reason", reason, "count", (json_int_t)count);
	to_journal(LOG_WARNING, text, entry);
	json_decref(entry);
}

static void log_lost(struct run_events *events)
{
	__u64 total, lost;
	char text[64];

	total = event_reader_lost(&events->reader);
	if (total == events->lost)
		return;
	lost = total - events->lost;
	events->lost = total;
	snprintf(text, sizeof(text), "%llu events lost: the buffer was full", lost);
	log_count(events, "events_lost", lost, text);
}

/* Anybody can cause any number of refusals. */
static unsigned int logged_per_second(__u32 reason)
{
	return priority_of(reason) == LOG_INFO ? LOGGED_PER_SECOND : REFUSED_PER_SECOND;
}

static bool is_flood(struct run_events *events, __u32 reason)
{
	return reason < FTPNAT_REASON_MAX &&
	       events->logged[reason]++ >= logged_per_second(reason);
}

static void log_floods(struct run_events *events)
{
	char text[96];

	for (__u32 reason = 0; reason < FTPNAT_REASON_MAX; reason++) {
		unsigned int logged = events->logged[reason];

		events->logged[reason] = 0;
		if (logged <= logged_per_second(reason))
			continue;
		logged -= logged_per_second(reason);
		snprintf(text, sizeof(text), "%s: %u more of these within a second",
			 view_reason_name(reason), logged);
		log_count(events, view_reason_name(reason), logged, text);
	}
}

/* ---- the ring buffer ---- */

static int see_event(void *arg, void *data, size_t size)
{
	const struct ftpnat_event *event = data;
	struct run_events *events = arg;

	if (event_is_whole(event, size)) {
		if (!is_flood(events, event->reason))
			log_event(events, event, event_line(data, size));
	}
	return ++events->round < ROUND ? 0 : -EAGAIN;
}

static int see_ring(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct run_events *events = arg;

	(void)source;
	(void)fd;
	(void)revents;
	events->round = 0;
	ring_buffer__consume(events->reader.ring);
	return 0;
}

/* 0 also if all slots for readers are in use; then we wait for one. */
static int begin(struct run_events *events, sd_event *event)
{
	int err = event_reader_open(&events->reader, &events->maps, FTPNAT_EVENTS_SIZE,
				    see_event, events);

	if (err == -EBUSY && !events->waiting)
		pr_warn("%d commands read the events of %s already: the event log begins "
			"when one of them ends",
			FTPNAT_READERS, events->maps.dir);
	events->waiting = err == -EBUSY;
	if (err)
		return events->waiting ? 0 : err;
	err = sd_event_add_io(event, &events->source,
			      ring_buffer__epoll_fd(events->reader.ring), EPOLLIN,
			      see_ring, events);
	return err < 0 ? err_r(err, "can't wait for events: %s", strerror(-err)) : 0;
}

int run_events_open(struct run_events *events, sd_event *event,
		    const struct options *options)
{
	_cleanup_view_ struct view view;
	int err = view_open(&view, options) ?: event_maps_open(&events->maps, &view);

	events->options = options;
	events->journal = log_to_journal();
	return err ?: begin(events, event);
}

void run_events_close(struct run_events *events)
{
	log_floods(events);
	sd_event_source_disable_unref(events->source);
	event_reader_close(&events->reader);
	event_maps_close(&events->maps);
}

int run_events_tend(struct run_events *events, sd_event *event)
{
	if (!events->reader.ring)
		return begin(events, event);
	log_floods(events);
	log_lost(events);
	return 0;
}
