// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/log.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool log_to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char self[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	snprintf(self, sizeof(self), "%lu:%lu", (unsigned long)st.st_dev,
		 (unsigned long)st.st_ino);
	return !strcmp(stream, self);
}

/*
 * As setlogmask(3), for the whole process: messages come from everywhere, callbacks of
 * libraries among them.
 */
static struct {
	enum log_errors errors;
	json_t *held;
} state;

struct message {
	const char *file; /* NULL: none */
	unsigned int line, column;
	const char *text;
};

static void print_line(int priority, const struct message *message)
{
	char prefix[8] = "", place[PATH_MAX + 32] = "";

	if (log_to_journal())
		snprintf(prefix, sizeof(prefix), "<%d>", priority);
	if (message->file && message->line)
		snprintf(place, sizeof(place), "%s:%u:%u: ", message->file, message->line,
			 message->column);
	else if (message->file)
		snprintf(place, sizeof(place), "%s: ", message->file);
	fprintf(stderr, "%sftpnat-load: %s%s\n", prefix, place, message->text);
}

/* A message may have its remedy apart, behind its last semicolon. */
static const char *remedy_of(const struct message *message, size_t *len)
{
	const char *remedy = NULL, *at = message->text;

	*len = strlen(message->text);
	while ((at = strstr(at, "; ")))
		remedy = at += 2;
	if (remedy)
		*len = (size_t)(remedy - 2 - message->text);
	return remedy;
}

static json_t *to_json(const struct message *message)
{
	size_t len;
	const char *remedy = remedy_of(message, &len);

	return json_pack("{s:s%, s:s?, s:s?, s:o, s:o}", "message", message->text, len,
			 "remedy", remedy, "file", message->file, "line",
			 message->line ? json_integer(message->line) : json_null(),
			 "column",
			 message->line ? json_integer(message->column) : json_null());
}

/* One document, of its first error and of all. Steals the list. */
static void print_json(FILE *out, json_t *errors)
{
	json_t *document = json_pack("{s:i, s:O, s:O}", "schema", 1, "error",
				     json_array_get(errors, 0), "errors", errors);

	json_dumpf(document, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(document);
	json_decref(errors);
}

static const char *priority_name(int priority)
{
	switch (priority) {
	case LOG_WARNING:
		return "warning";
	case LOG_INFO:
		return "info";
	default:
		return "debug";
	}
}

/* Of `run`: each line of its log is a document. */
static void print_notice(int priority, const struct message *message)
{
	json_t *document = json_pack("{s:i, s:s, s:s}", "schema", 1, "priority",
				     priority_name(priority), "message", message->text);

	json_dumpf(document, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(document);
}

static void print_error(const struct message *message)
{
	switch (state.errors) {
	case LOG_ERRORS_HELD:
		if (!state.held)
			state.held = json_array();
		json_array_append_new(state.held, to_json(message));
		break;
	case LOG_ERRORS_JSON:
		print_json(stderr, json_pack("[o]", to_json(message)));
		break;
	case LOG_ERRORS_TEXT:
		print_line(LOG_ERR, message);
		break;
	}
}

static void print_formatted(int priority, struct message *message, const char *format,
			    va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	message->text = text ? text : "out of memory";
	if (priority == LOG_ERR)
		print_error(message);
	else if (state.errors == LOG_ERRORS_JSON)
		print_notice(priority, message);
	else
		print_line(priority, message);
	free(text);
}

void log_line(int priority, const char *format, ...)
{
	struct message message = { 0 };
	int error = errno;
	va_list args;

	if (!(setlogmask(0) & LOG_MASK(priority)))
		return;
	va_start(args, format);
	print_formatted(priority, &message, format, args);
	va_end(args);
	errno = error;
}

void log_error_at(const char *file, unsigned int line, unsigned int column,
		  const char *format, ...)
{
	struct message message = { .file = file, .line = line, .column = column };
	va_list args;

	va_start(args, format);
	print_formatted(LOG_ERR, &message, format, args);
	va_end(args);
}

void log_set_errors(enum log_errors errors)
{
	state.errors = errors;
}

void log_print_held(FILE *out)
{
	if (state.held)
		print_json(out, state.held);
	state.held = NULL;
}
