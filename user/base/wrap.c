// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/wrap.h"

#include <string.h>

/* How much of the text fits the line. */
static size_t part_that_fits(const char *text, size_t len, size_t room)
{
	size_t end = room;

	if (len <= room)
		return len;
	while (end && text[end] != ' ')
		end--;
	while (end && text[end - 1] == ' ')
		end--;
	return end ? end : room;
}

void wrap_print(FILE *out, const char *text, size_t width)
{
	size_t room = width, indent = 0;

	do {
		size_t part = part_that_fits(text, strlen(text), room);

		fprintf(out, "%*s%.*s\n", (int)indent, "", (int)part, text);
		text += part;
		text += strspn(text, " ");
		indent = WRAP_INDENT;
		room = width - indent;
	} while (*text);
}
