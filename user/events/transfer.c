// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "events/transfer.h"

#include <string.h>

#include "dataplane/view.h"
#include "events/text.h"
#include "ftpnat_ftp.h"

#define MILLISECOND 1000000
#define HEADERS_V4  52 /* of most segments: IP, TCP, timestamps */
#define HEADERS_V6  72

const struct ftpnat_transfer_event *event_transfer(const struct ftpnat_event *e)
{
	return e->reason == FTPNAT_TRANSFER_DONE ?
		       (const struct ftpnat_transfer_event *)e :
		       NULL;
}

/* RETR, STOR, ...; NULL: not known. */
static const char *command_of(const struct ftpnat_transfer_event *t)
{
	static const char *const names[FTP_TRANSFER_MAX] = {
		[FTP_TRANSFER_RETR] = "RETR",
		[FTP_TRANSFER_STOR] = "STOR",
		[FTP_TRANSFER_STOU] = "STOU",
		[FTP_TRANSFER_APPE] = "APPE",
	};

	return t->verb < FTP_TRANSFER_MAX ? names[t->verb] : NULL;
}

/* Bytes behind the last whole character that a cut left of UTF-8. */
static size_t half_character(const char *byte, size_t len)
{
	size_t tail = 0;

	while (tail < 3 && tail < len && ((__u8)byte[len - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail < len && (__u8)byte[len - 1 - tail] >= 0xc0) {
		__u8 lead = (__u8)byte[len - 1 - tail];
		size_t whole = 2; /* RFC 3629 section 3 */

		if (lead >= 0xf0)
			whole = 4;
		else if (lead >= 0xe0)
			whole = 3;
		return whole > tail + 1 ? tail + 1 : 0;
	}
	return 0;
}

static struct event_argument argument(const __u8 *bytes, size_t len, size_t size)
{
	struct event_argument a = { .byte = (const char *)bytes,
				    .len = len < size ? len : size };

	a.cut = len > size + 1; /* the last byte is LF */
	if (a.cut)
		a.len -= half_character(a.byte, size);
	while (!a.cut && a.len && a.len + 2 >= len &&
	       (bytes[a.len - 1] == '\r' || bytes[a.len - 1] == '\n'))
		a.len--;
	return a;
}

struct event_argument event_transfer_user(const struct ftpnat_transfer_event *t)
{
	return argument(t->user, t->user_len, sizeof(t->user));
}

struct event_argument event_transfer_path(const struct ftpnat_transfer_event *t)
{
	return argument(t->path, t->path_len, sizeof(t->path));
}

/*
 * The sequence numbers give them modulo 2^32, what was counted of its packets, with headers
 * and what came twice, the rest.
 */
static __u64 payload(const struct ftpnat_transfer_event *t, enum ftpnat_dir dir)
{
	bool v4 = ftpnat_addr_family(&t->event.client.src) == FTPNAT_V4;
	__u64 headers = t->event.packets[dir] * (v4 ? HEADERS_V4 : HEADERS_V6);
	__u64 about = t->event.bytes[dir] > headers ? t->event.bytes[dir] - headers : 0;
	__u64 more = about > t->payload[dir] ? about - t->payload[dir] : 0;

	return t->payload[dir] + ((more + (1ULL << 31)) >> 32 << 32);
}

bool event_transfer_bytes(const struct ftpnat_transfer_event *t, __u64 *bytes)
{
	__u64 out = payload(t, FTPNAT_FROM_CLIENT), in = payload(t, FTPNAT_FROM_SERVER);

	if (!(t->flags & FTPNAT_TRANSFER_DATA))
		return false;
	if (t->verb == FTP_TRANSFER_NONE) /* under TLS: the way that most went */
		*bytes = out > in ? out : in;
	else
		*bytes = t->verb == FTP_TRANSFER_RETR ? in : out;
	return true;
}

/* As UTF-8 where it is that; else each byte becomes the character of that number. */
static json_t *argument_json(struct event_argument a)
{
	json_t *string = a.len ? json_stringn(a.byte, a.len) : json_null();

	_Static_assert(FTPNAT_PATH_LEN <= EVENT_LATIN1_LEN, "all of it");
	return string ? string : event_latin1_json(a.byte, a.len);
}

static json_t *text_json(const char *text)
{
	return text ? json_string(text) : json_null();
}

static const char *mode_of(const struct ftpnat_transfer_event *t)
{
	if (!(t->flags & FTPNAT_TRANSFER_DATA))
		return NULL;
	return t->mode == FTPNAT_ACTIVE ? "active" : "passive";
}

void event_transfer_json(json_t *entry, const struct ftpnat_transfer_event *t)
{
	struct event_argument user = event_transfer_user(t);
	struct event_argument path = event_transfer_path(t);
	char server[FTPNAT_ENDPOINT_STRLEN];
	__u64 bytes, milliseconds = t->nanoseconds / MILLISECOND;

	ftpnat_endpoint_str(server, &t->event.server.dst, t->event.server.dport);
	json_object_set_new(entry, "server", json_string(server));
	json_object_set_new(entry, "user", argument_json(user));
	json_object_set_new(entry, "command", text_json(command_of(t)));
	json_object_set_new(entry, "path", argument_json(path));
	json_object_set_new(entry, "cut", json_boolean(user.cut || path.cut));
	json_object_set_new(entry, "mode", text_json(mode_of(t)));
	json_object_set_new(entry, "bytes",
			    event_transfer_bytes(t, &bytes) ?
				    json_integer((json_int_t)bytes) :
				    json_null());
	json_object_set_new(entry, "duration", json_real((double)milliseconds / 1000));
	json_object_set_new(entry, "code", t->code ? json_integer(t->code) : json_null());
	json_object_set_new(entry, "tls",
			    json_boolean(t->flags & FTPNAT_TRANSFER_OPAQUE));
}

static void print_argument(FILE *out, struct event_argument a)
{
	struct event_text text = { .len = a.len };

	if (text.len > sizeof(text.byte))
		text.len = sizeof(text.byte);
	memcpy(text.byte, a.byte, text.len);
	event_text_print(out, &text);
	if (a.cut)
		fputs(EVENT_TEXT_CUT, out);
}

void event_transfer_print(FILE *out, const struct ftpnat_transfer_event *t)
{
	const char *command = command_of(t), *mode = mode_of(t);
	struct event_argument user = event_transfer_user(t);
	struct event_argument path = event_transfer_path(t);
	__u64 bytes, milliseconds = t->nanoseconds / MILLISECOND;

	fprintf(out, ": %s", command ? command : "under TLS");
	if (path.len) {
		fputc(' ', out);
		print_argument(out, path);
	}
	if (user.len) {
		fputs(" by ", out);
		print_argument(out, user);
	}
	fputs(" (", out);
	if (t->code)
		fprintf(out, "%u, ", t->code);
	else if (command)
		fputs("no reply, ", out);
	if (event_transfer_bytes(t, &bytes))
		fprintf(out, "%s, %llu bytes, ", mode, bytes);
	fprintf(out, "%llu.%03llus)", milliseconds / 1000, milliseconds % 1000);
}
