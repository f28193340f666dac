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

char *config_error_line(char line[static CONFIG_LINE_LEN],
			const struct config_error *error)
{
	snprintf(line, CONFIG_LINE_LEN, "%s%s%u:%u: %s", error->file,
		 *error->file ? ":" : "", error->at.line, error->at.column, error->text);
	return line;
}

char *config_error_lines(const struct config_errors *errors)
{
	char line[CONFIG_LINE_LEN], *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < config_errors_shown(errors); i++)
		fprintf(out, "%s%s", i ? "\n" : "",
			config_error_line(line, &errors->first[i]));
	fclose(out);
	return text;
}

static void check_row(void **state)
{
	const struct config_row *row = *state;
	struct config_errors err = { 0 };
	struct config *cfg = NULL;
	char *text;

	assert_true(config_load_text("rules.yaml", row->yaml, strlen(row->yaml), &cfg,
				     &err) < 0);
	assert_null(cfg);
	text = config_error_lines(&err);
	assert_string_equal(text, row->message);
	free(text);
}

int config_run_rows(const char *group, const struct config_row *rows, size_t n)
{
	struct CMUnitTest tests[n];

	rows_as_tests(tests, rows, n, sizeof(*rows), check_row);
	return _cmocka_run_group_tests(group, tests, n, NULL, NULL);
}
