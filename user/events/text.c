// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "events/text.h"

#include <string.h>

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void add(struct event_text *text, const void *bytes, size_t len)
{
	len = min_size(len, sizeof(text->byte) - text->len);
	memcpy(text->byte + text->len, bytes, len);
	text->len += len;
}

static void add_cut(struct event_text *text)
{
	add(text, EVENT_TEXT_CUT, strlen(EVENT_TEXT_CUT));
	text->cut = true;
}

/* Bytes [from, to) of the line, as far as the event has them. */
static void add_line(struct event_text *text, const struct ftpnat_line_event *e,
		     size_t from, size_t to)
{
	size_t first = e->line_from; /* what is before came in an earlier packet */
	size_t end = first + sizeof(e->line);

	if (from >= to)
		return;
	if (from < first)
		add_cut(text);
	if (max_size(from, first) < min_size(to, end))
		add(text, e->line + (max_size(from, first) - first),
		    min_size(to, end) - max_size(from, first));
	if (end < to)
		add_cut(text);
}

void event_text_before(struct event_text *text, const struct ftpnat_line_event *e)
{
	text->len = 0;
	text->cut = false;
	add_line(text, e, 0, e->line_len);
}

void event_text_after(struct event_text *text, const struct ftpnat_line_event *e)
{
	text->len = 0;
	text->cut = false;
	add_line(text, e, 0, e->span_start);
	add(text, e->text, min_size(e->text_len, sizeof(e->text)));
	add_line(text, e, (size_t)e->span_start + e->span_len, e->line_len);
}

void event_text_print(FILE *out, const struct event_text *text)
{
	fputc('"', out);
	for (size_t i = 0; i < text->len; i++) {
		__u8 c = text->byte[i];

		if (c == '\r')
			fputs("\\r", out);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c == '\t')
			fputs("\\t", out);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c > '~')
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

json_t *event_latin1_json(const void *bytes, size_t n)
{
	char utf8[2 * EVENT_LATIN1_LEN];
	size_t len = 0;

	for (size_t i = 0; i < n && i < EVENT_LATIN1_LEN; i++) {
		__u8 c = ((const __u8 *)bytes)[i];

		if (c < 0x80) {
			utf8[len++] = (char)c;
		} else {
			utf8[len++] = (char)(0xc0 | c >> 6);
			utf8[len++] = (char)(0x80 | (c & 0x3f));
		}
	}
	return json_stringn(utf8, len);
}
