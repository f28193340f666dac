// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Listings in lines of a limited width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/util.h"
#include "base/wrap.h"

static const struct row {
	const char *text;
	const char *printed;
} rows[] = {
	{ "", "\n" },
	{ "short", "short\n" },
	{ "exactly 16 chars", "exactly 16 chars\n" },
	{ "exactly 16 chars, not", "exactly 16\n    chars, not\n" },
	{ "blanks    at the break", "blanks    at the\n    break\n" },
	{ "blanks          behind", "blanks\n    behind\n" },
	{ "one two three four five six", "one two three\n    four five\n    six\n" },
	{ "0123456789abcdefghijklmnopqrstuvwxyz",
	  "0123456789abcdef\n    ghijklmnopqr\n    stuvwxyz\n" },
	{ "a 0123456789abcdefghij", "a\n    0123456789ab\n    cdefghij\n" },
};

static void lines_are_broken_at_blanks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *printed = NULL;
		size_t len;
		FILE *out = open_memstream(&printed, &len);

		wrap_print(out, rows[i].text, 16);
		fclose(out);
		assert_string_equal(printed, rows[i].printed);
		free(printed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_broken_at_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
