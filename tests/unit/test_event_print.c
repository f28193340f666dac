// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Events as JSON: what a client wrote reaches no terminal as a control character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "events/print.h"

static void test_controls_are_escaped(void **state)
{
	static const struct {
		const char *text, *json;
	} rows[] = {
		{ "PORT 1", "{\"before\": \"PORT 1\"}" },
		{ "a\x7f"
		  "b",
		  "{\"before\": \"a\\u007fb\"}" },
		{ "\x1b[2J", "{\"before\": \"\\u001B[2J\"}" },
		{ "\xc2\x9b", "{\"before\": \"\\u009B\"}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);
		json_t *entry = json_pack("{s:s}", "before", rows[i].text);

		assert_int_equal(event_json_print(out, entry), 0);
		fclose(out);
		json_decref(entry);
		assert_string_equal(text, rows[i].json);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_controls_are_escaped),
	};

	return cmocka_run_group_tests_name("event_print", tests, NULL, NULL);
}
