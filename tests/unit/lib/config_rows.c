// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/load.h"
#include "dataplane.h"

static void check_row(void **state)
{
	const struct config_row *row = *state;
	struct config_error err = { "" };
	struct config *cfg = NULL;
	char expected[sizeof(err.text)];

	snprintf(expected, sizeof(expected), "rules.yaml:%s", row->message);
	assert_true(config_load_text("rules.yaml", row->yaml, strlen(row->yaml), &cfg,
				     &err) < 0);
	assert_null(cfg);
	assert_string_equal(err.text, expected);
}

int config_run_rows(const char *group, const struct config_row *rows, size_t n)
{
	struct CMUnitTest tests[n];

	rows_as_tests(tests, rows, n, sizeof(*rows), check_row);
	return _cmocka_run_group_tests(group, tests, n, NULL, NULL);
}
