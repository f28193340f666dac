// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files of prefixes: what is read from them, and what is wrong with them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "config/load.h"
#include "lib/config_rows.h"

static char dir[] = "/tmp/ftpnat-lists.XXXXXX";
static char list_path[64], config_path[64];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(list_path, sizeof(list_path), "%s/list", dir);
	snprintf(config_path, sizeof(config_path), "%s/rules.yaml", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(list_path);
	return rmdir(dir);
}

static void write_list(const char *text, size_t len)
{
	FILE *file = fopen(list_path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* The configuration whose only rule has the file as `deny`, by a relative path. */
static int load(struct config **cfg, struct config_errors *err)
{
	static const char yaml[] = PUBLISH("deny: {file: list}");

	return config_load_text(config_path, yaml, strlen(yaml), cfg, err);
}

struct row {
	const char *says;
	const char *file;
	const char *prefixes; /* each with a blank behind it; NULL: the file is wrong */
	const char *message;  /* behind the path and a colon */
};

static const struct row rows[] = {
	{ "an empty file", "", "", NULL },
	{ "only comments", "# nobody\n\n   # yet", "", NULL },
	{ "addresses and prefixes of both families",
	  "192.0.2.1\n198.51.100.0/24\n2001:db8::1\n2001:db8:5::/48\n",
	  "192.0.2.1/32 198.51.100.0/24 2001:db8::1/128 2001:db8:5::/48 ", NULL },
	{ "blanks, comments behind prefixes, CR LF, no newline at the end",
	  "\t 192.0.2.1 # a\r\n192.0.2.2#b\r\n\r\n192.0.2.3",
	  "192.0.2.1/32 192.0.2.2/32 192.0.2.3/32 ", NULL },
	{ "everybody", "0.0.0.0/0\n::/0\n", "0.0.0.0/0 ::/0 ", NULL },
	{ "a word", "192.0.2.1\n\n  home # mine\n", NULL,
	  "3:3: 'home' is not a prefix; accepted: " LINE_TEXT },
	{ "host bits", "10.0.0.1/8\n", NULL,
	  "1:1: '10.0.0.1/8' has host bits set (did you mean '10.0.0.0/8'?); accepted: " LINE_TEXT },
	{ "two on a line", "192.0.2.1  192.0.2.2\n", NULL,
	  "1:12: '192.0.2.2' follows the prefix; accepted: " LINE_TEXT },
	{ "a comma", "192.0.2.1,\n", NULL,
	  "1:1: '192.0.2.1,' is not a prefix; accepted: " LINE_TEXT },
	{ "a length that is too long", "192.0.2.1/33\n", NULL,
	  "1:1: '192.0.2.1/33' is not a prefix; accepted: " LINE_TEXT },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	_cleanup_config_ struct config *cfg = NULL;
	struct config_errors err = { 0 };
	char got[512] = "", expected[512] = "";
	_cleanup_free_ char *lines = NULL;
	const struct config_prefix_item *item;
	int ret;

	write_list(row->file, strlen(row->file));
	ret = load(&cfg, &err);
	if (row->message)
		snprintf(expected, sizeof(expected), "%s:%s", list_path, row->message);
	lines = config_error_lines(&err);
	assert_string_equal(lines, expected);
	assert_int_equal(ret, row->message ? -EINVAL : 0);
	if (row->message)
		return;
	item = cfg->publish[0].admission.deny;
	assert_string_equal(item->file, list_path);
	for (size_t i = 0; i < item->prefixes_n; i++) {
		char text[FTPNAT_PREFIX_STRLEN];

		ftpnat_prefix_str(text, &item->prefixes[i]);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", text);
	}
	assert_string_equal(got, row->prefixes);
}

static void test_long_lines(void **state)
{
	_cleanup_config_ struct config *cfg = NULL;
	struct config_errors err = { 0 };
	char line[1024];

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "192.0.2.1 #", 11);
	memset(line + 11, 'x', sizeof(line) - 12);
	line[sizeof(line) - 1] = '\n';
	write_list(line, sizeof(line));
	assert_int_equal(load(&cfg, &err), 0);
	assert_int_equal(cfg->publish[0].admission.deny->prefixes_n, 1);
	memset(line, '1', sizeof(line) - 1);
	write_list(line, sizeof(line));
	assert_int_equal(load(&cfg, &err), -EINVAL);
	assert_int_equal(err.n, 1);
	assert_string_equal(err.first[0].file, list_path);
	assert_int_equal(err.first[0].at.line, 1);
	assert_non_null(strstr(err.first[0].text, "'111"));
	assert_non_null(strstr(err.first[0].text, "is too long; accepted: " LINE_TEXT));
}

/* Errors of the configuration itself come before those of its lists. */
static void test_all_errors(void **state)
{
	static const char yaml[] = PUBLISH("deny: [{file: list}, home]\n    tls: of");
	_cleanup_config_ struct config *cfg = NULL;
	_cleanup_free_ char *lines = NULL;
	struct config_errors err = { 0 };
	char expected[1024];

	(void)state;
	write_list("a\n192.0.2.1\nb\n", 14);
	assert_int_equal(config_load_text(config_path, yaml, strlen(yaml), &cfg, &err),
			 -EINVAL);
	snprintf(expected, sizeof(expected),
		 "%s:1:1: 'a' is not a prefix; accepted: " LINE_TEXT "\n"
		 "%s:3:1: 'b' is not a prefix; accepted: " LINE_TEXT,
		 list_path, list_path);
	lines = config_error_lines(&err);
	assert_int_equal(err.n, 4);
	assert_string_equal(strstr(lines, list_path), expected);
	assert_int_equal(err.first[0].at.line, 6);
	assert_int_equal(err.first[1].at.line, 7);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows) + 2] = { 0 };
	size_t n = 0;

	for (; n < ARRAY_SIZE(rows); n++)
		tests[n] = (struct CMUnitTest){ .name = rows[n].says,
						.test_func = test_row,
						.initial_state = (void *)&rows[n] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_long_lines);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_all_errors);
	return _cmocka_run_group_tests("config_lists", tests, n, make_dir, remove_dir);
}
