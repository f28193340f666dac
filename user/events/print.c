// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "events/print.h"

#include <string.h>

#include "dataplane/view.h"
#include "events/text.h"
#include "events/transfer.h"

#define ONE_SECOND   1000000000ULL
#define REASON_WIDTH 19 /* of client_new_sessions: the longest that an event has */

/* An event as text. */
struct words {
	char client[FTPNAT_ENDPOINT_STRLEN];
	char public[FTPNAT_ENDPOINT_STRLEN];
	char real[FTPNAT_ENDPOINT_STRLEN];
	char source[FTPNAT_ENDPOINT_STRLEN]; /* what the server sees as the client */
	const char *reason;
	const char *kind;
	bool connected; /* `real`, `source` and the session are there: not so where it was refused */
};

__u64 event_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * ONE_SECOND + (__u64)now.tv_nsec;
}

char *event_time_str(char buf[static EVENT_TIME_STRLEN], __u64 monotonic, bool utc)
{
	__u64 ns = event_clock_ns(CLOCK_REALTIME) - event_clock_ns(CLOCK_MONOTONIC) +
		   monotonic;
	time_t seconds = (time_t)(ns / ONE_SECOND);
	char zone[sizeof("+hh:mm")] = "Z";
	struct tm tm;
	size_t len;

	if (utc) {
		gmtime_r(&seconds, &tm);
	} else {
		localtime_r(&seconds, &tm);
		strftime(zone, sizeof(zone), "%z", &tm);
		memmove(zone + 4, zone + 3, sizeof("mm")); /* RFC 3339 wants a colon */
		zone[3] = ':';
	}
	len = strftime(buf, EVENT_TIME_STRLEN, "%Y-%m-%dT%T", &tm);
	snprintf(buf + len, EVENT_TIME_STRLEN - len, ".%03u%s",
		 (unsigned int)(ns % ONE_SECOND / 1000000), zone);
	return buf;
}

bool event_is_whole(const struct ftpnat_event *e, size_t size)
{
	return size >= sizeof(*e) && (e->reason != FTPNAT_TRANSFER_DONE ||
				      size >= sizeof(struct ftpnat_transfer_event));
}

const struct ftpnat_line_event *event_line(const void *data, size_t size)
{
	return size >= sizeof(struct ftpnat_line_event) && !event_transfer(data) ? data :
										   NULL;
}

const char *event_kind(const struct ftpnat_event *e)
{
	if (event_transfer(e))
		return "transfer_done";
	return e->kind == FTPNAT_CONTROL ? "control" : "data";
}

/* Of a connection or an attempt at one: then it has figures. */
static bool is_end(const struct ftpnat_event *e)
{
	return e->reason == FTPNAT_CONTROL_CLOSED || e->reason == FTPNAT_DATA_CLOSED ||
	       e->reason == FTPNAT_CONTROL_UNANSWERED ||
	       e->reason == FTPNAT_DATA_UNANSWERED;
}

static void put_in_words(const struct ftpnat_event *e, bool is_line, struct words *w)
{
	ftpnat_endpoint_str(w->client, &e->client.src, e->client.sport);
	ftpnat_endpoint_str(w->public, &e->client.dst, e->client.dport);
	ftpnat_endpoint_str(w->real, &e->server.dst, e->server.dport);
	ftpnat_endpoint_str(w->source, &e->server.src, e->server.sport);
	w->reason = view_reason_name(e->reason);
	w->kind = event_kind(e);
	w->connected = is_line || is_end(e) || e->reason == FTPNAT_CONTROL_OPENED ||
		       e->reason == FTPNAT_DATA_OPENED || e->reason == FTPNAT_OPAQUE ||
		       e->reason == FTPNAT_CLEAR || event_transfer(e);
}

/* Why a line became what it is, where that is not a translation. NULL: nothing to explain. */
static const char *line_note(const struct ftpnat_line_event *line)
{
	if (!line->text_len || line->event.reason == FTPNAT_LINE_REWRITTEN)
		return NULL;
	if (line->event.dir == FTPNAT_FROM_CLIENT)
		return "made invalid: the server refuses it, and the client gets that reply";
	return "refused: the client gets this in place of the server's reply";
}

json_t *event_json(const struct ftpnat_event *e, const struct ftpnat_line_event *line,
		   const char *rule)
{
	char when[EVENT_TIME_STRLEN];
	struct words w;
	json_t *entry;

	put_in_words(e, line, &w);
	event_time_str(when, e->time, true);
	entry = json_pack("{s:i, s:s, s:s, s:s?, s:s, s:o, s:s, s:s, s:s?, s:s?}",
			  "schema", 1, "time", when, "reason", w.reason, "rule",
			  e->rule == FTPNAT_NO_RULE ? NULL : rule, "kind", w.kind,
			  "session", w.connected ? json_integer(e->session) : json_null(),
			  "client", w.client, "public", w.public, "real",
			  w.connected ? w.real : NULL, "source",
			  w.connected ? w.source : NULL);
	if (is_end(e) && entry) {
		json_object_set_new(entry, "end", json_string(when));
		json_object_set_new(entry, "duration", json_integer(e->duration));
		json_object_set_new(entry, "packets", view_both_ways(e->packets));
		json_object_set_new(entry, "bytes", view_both_ways(e->bytes));
	}
	if (event_transfer(e) && entry)
		event_transfer_json(entry, event_transfer(e));
	if (line && entry) {
		const char *note = line_note(line);
		struct event_text before, after;

		event_text_before(&before, line);
		event_text_after(&after, line);
		json_object_set_new(entry, "direction",
				    json_string(e->dir == FTPNAT_FROM_CLIENT ?
							"from_client" :
							"from_server"));
		json_object_set_new(entry, "before",
				    event_latin1_json(before.byte, before.len));
		json_object_set_new(entry, "after",
				    line->text_len ?
					    event_latin1_json(after.byte, after.len) :
					    json_null());
		json_object_set_new(entry, "cut", json_boolean(before.cut || after.cut));
		json_object_set_new(entry, "note",
				    note ? json_string(note) : json_null());
	}
	return entry;
}

void event_print(FILE *out, const struct ftpnat_event *e,
		 const struct ftpnat_line_event *line, const char *rule, int rule_width)
{
	struct event_text text;
	const char *what;
	struct words w;

	put_in_words(e, line, &w);
	if (line)
		what = e->dir == FTPNAT_FROM_CLIENT ? "from client" : "from server";
	else
		what = event_transfer(e) ? "transfer" : w.kind;
	fprintf(out, "%-*s  %-*s  %-11s  %s", rule_width, rule, REASON_WIDTH, w.reason,
		what, w.client);
	if (line) {
		fputc(' ', out);
		event_text_before(&text, line);
		event_text_print(out, &text);
		if (line->text_len) {
			fputs(" => ", out);
			event_text_after(&text, line);
			event_text_print(out, &text);
		}
		if (line_note(line))
			fprintf(out, " (%s)", line_note(line));
	} else {
		fprintf(out, " -> %s", w.public);
		if (w.connected)
			fprintf(out, " => %s -> %s", w.source, w.real);
		if (event_transfer(e))
			event_transfer_print(out, event_transfer(e));
		if (is_end(e))
			fprintf(out,
				" (%us, out %llu packets %llu bytes, in %llu packets %llu bytes)",
				e->duration, e->packets[FTPNAT_FROM_CLIENT],
				e->bytes[FTPNAT_FROM_CLIENT],
				e->packets[FTPNAT_FROM_SERVER],
				e->bytes[FTPNAT_FROM_SERVER]);
	}
}

/* Jansson leaves DEL as it is; outside of strings there is none. */
static int print_escaped(const char *buffer, size_t size, void *arg)
{
	for (size_t i = 0; i < size; i++)
		if (buffer[i] == 0x7f)
			fputs("\\u007f", arg);
		else
			fputc(buffer[i], arg);
	return 0;
}

int event_json_print(FILE *out, const json_t *entry)
{
	return json_dump_callback(entry, print_escaped, out,
				  JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
}
