// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/log.h"

#include <errno.h>
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

void log_line(int priority, const char *format, ...)
{
	int error = errno;
	char *text, prefix[8] = "";
	va_list args;

	if (!(setlogmask(0) & LOG_MASK(priority)))
		return;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (log_to_journal())
		snprintf(prefix, sizeof(prefix), "<%d>", priority);
	fprintf(stderr, "%sftpnat-load: %s\n", prefix, text ? text : "out of memory");
	free(text);
	errno = error;
}
