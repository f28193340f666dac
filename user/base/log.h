/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages for people: one line on standard error, printed once, where the cause is known.
 * Where the journal reads, a line begins with its priority, as in sd-daemon(3).
 */
#ifndef FTPNAT_LOG_H
#define FTPNAT_LOG_H

#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

/*
 * `priority` is LOG_ERR, LOG_WARNING, LOG_INFO or LOG_DEBUG (with -v); the message has no
 * newline. Priorities that setlogmask(3) leaves out are not printed.
 */
void log_line(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define pr_err(fmt, ...)   log_line(LOG_ERR, fmt, ##__VA_ARGS__)
#define pr_warn(fmt, ...)  log_line(LOG_WARNING, fmt, ##__VA_ARGS__)
#define pr_info(fmt, ...)  log_line(LOG_INFO, fmt, ##__VA_ARGS__)
#define pr_debug(fmt, ...) log_line(LOG_DEBUG, fmt, ##__VA_ARGS__)

/* Is standard error connected to the journal? As systemd.exec(5) wants it asked. */
bool log_to_journal(void);

/* The same as pr_err(), of a place in a file; line 0: of the file as a whole. */
void log_error_at(const char *file, unsigned int line, unsigned int column,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What becomes of errors. */
enum log_errors {
	LOG_ERRORS_TEXT, /* a line each on standard error */
	LOG_ERRORS_JSON, /* a JSON document each there */
	LOG_ERRORS_HELD, /* one document of all, when log_print_held() is called */
};

void log_set_errors(enum log_errors errors);
void log_print_held(FILE *out); /* nothing, if there was no error */

/* Say what failed and return the error: return err_r(-ENOENT, "no interface %s", name); */
#define err_r(code, fmt, ...)                                                            \
	({                                                                               \
		pr_err(fmt, ##__VA_ARGS__);                                              \
		(code);                                                                  \
	})

#endif
