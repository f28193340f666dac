// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/load.h"
#include "config/print.h"

char *config_printed(const struct config *cfg)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	assert_int_equal(config_print_text(file, cfg), 0);
	assert_int_equal(fclose(file), 0);
	return text;
}

struct config *config_parsed(const char *yaml)
{
	struct config_errors err = { 0 };
	struct config *cfg = NULL;
	int ret = config_load_text("rules.yaml", yaml, strlen(yaml), &cfg, &err);

	assert_string_equal(err.first[0].text, "");
	assert_int_equal(ret, 0);
	return cfg;
}
