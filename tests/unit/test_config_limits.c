// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Configuration files with lists that are too long, and files that can't be read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "config/load.h"
#include "lib/config_rows.h"

/* Expects `message` of the file that is written to `file`; *text is its memory. */
static void check_long(FILE *file, char **text, size_t *len, const char *message)
{
	struct config_errors err = { 0 };
	struct config *cfg = NULL;
	char line[CONFIG_LINE_LEN];

	assert_int_equal(fclose(file), 0);
	assert_int_equal(config_load_text("rules.yaml", *text, *len, &cfg, &err),
			 -EINVAL);
	assert_string_equal(config_error_line(line, &err.first[0]), message);
	assert_int_equal(err.n, 1);
	free(*text);
}

/* `n` different addresses with port 21, as a list in flow style */
static void write_endpoints(FILE *file, size_t n, unsigned int net)
{
	for (size_t i = 0; i < n; i++)
		fprintf(file, "%s10.%u.%zu.%zu:21", i ? "," : "[", net, i / 200,
			i % 200 + 1);
	fprintf(file, "]\n");
}

static void write_publish(FILE *file, unsigned int number, size_t listens, size_t servers)
{
	fprintf(file, "  - name: p%u\n    listen: ", number);
	write_endpoints(file, listens, number % 256);
	fprintf(file, "    servers: ");
	write_endpoints(file, servers, 255);
}

static void test_too_many_interfaces(void **state)
{
	size_t len;
	char *text;
	FILE *file = open_memstream(&text, &len);

	(void)state;
	fprintf(file, "interfaces:\n");
	for (int i = 0; i <= FTPNAT_MAX_INTERFACES; i++)
		fprintf(file, "  - eth%d\n", i);
	check_long(file, &text, &len,
		   "34:5: interfaces: has 33 items; accepted: at most 32");
}

static void test_too_many_rules(void **state)
{
	size_t len;
	char *text;
	FILE *file = open_memstream(&text, &len);

	(void)state;
	fprintf(file, INTERFACES "publish:\n");
	for (unsigned int i = 0; i < 200; i++)
		write_publish(file, i, 1, 1);
	fprintf(file, "masquerade:\n");
	for (unsigned int i = 0; i < 57; i++)
		fprintf(file, "  - {name: m%u, clients: 10.7.%u.0/24, to: interface}\n",
			i, i);
	check_long(file, &text, &len,
		   "660:12: 257 rules; accepted: at most 256 of all kinds together");
}

static void test_too_many_publish_rules(void **state)
{
	size_t len;
	char *text;
	FILE *file = open_memstream(&text, &len);

	(void)state;
	fprintf(file, INTERFACES "publish:\n");
	for (unsigned int i = 0; i < 257; i++)
		write_publish(file, i, 1, 1);
	check_long(file, &text, &len,
		   "771:5: publish: has 257 items; accepted: at most 256");
}

static void test_too_many_listens(void **state)
{
	size_t len;
	char *text;
	FILE *file = open_memstream(&text, &len);

	(void)state;
	fprintf(file, INTERFACES "publish:\n");
	write_publish(file, 0, FTPNAT_MAX_LISTENS, 1);
	write_publish(file, 1, 1, 1);
	check_long(
		file, &text, &len,
		"7:14: listen: too many; accepted: at most 1024 of all rules together");
}

static void test_too_many_servers_of_a_rule(void **state)
{
	size_t len;
	char *text;
	FILE *file = open_memstream(&text, &len);

	(void)state;
	fprintf(file, INTERFACES "publish:\n");
	write_publish(file, 0, 1, FTPNAT_MAX_RULE_SERVERS + 1);
	check_long(file, &text, &len,
		   "5:966: servers: has 65 items; accepted: at most 64");
}

static void test_too_many_servers(void **state)
{
	size_t len;
	char *text;
	FILE *file = open_memstream(&text, &len);

	(void)state;
	fprintf(file, INTERFACES "publish:\n");
	for (unsigned int i = 0; i < 17; i++)
		write_publish(file, i, 1, FTPNAT_MAX_RULE_SERVERS);
	check_long(
		file, &text, &len,
		"53:15: servers: too many; accepted: at most 1024 of all rules together");
}

static void test_too_many_selectors(void **state)
{
	size_t len;
	char *text;
	FILE *file = open_memstream(&text, &len);

	(void)state;
	fprintf(file, INTERFACES "masquerade:\n  - name: lan\n    to: interface\n"
				 "    control_ports: [21, 2121]\n    clients:\n");
	for (unsigned int i = 0; i < 129; i++)
		fprintf(file, "      - 10.7.%u.0/24\n", i);
	check_long(
		file, &text, &len,
		"3:11: masquerade: too many clients times control_ports; accepted: at most 256 "
		"of all rules together");
}

/* ---- files that can't be read ---- */

static void test_files(void **state)
{
	static const struct {
		const char *path;
		int ret;
		const char *text;
	} files[] = {
		{ "/nonexistent/rules.yaml", -ENOENT,
		  "can't be read: No such file or directory; use --config for another file" },
		{ "/", -EISDIR,
		  "can't be read: Is a directory; use --config for another file" },
		{ "/dev/zero", -EFBIG, "is too long; accepted: at most 4194304 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct config_errors err = { 0 };
		struct config *cfg = NULL;

		assert_int_equal(config_load(files[i].path, &cfg, &err), files[i].ret);
		assert_null(cfg);
		assert_int_equal(err.n, 1);
		assert_int_equal(err.first[0].at.line, 0);
		assert_string_equal(err.first[0].text, files[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_many_interfaces),
		cmocka_unit_test(test_too_many_rules),
		cmocka_unit_test(test_too_many_publish_rules),
		cmocka_unit_test(test_too_many_listens),
		cmocka_unit_test(test_too_many_servers_of_a_rule),
		cmocka_unit_test(test_too_many_servers),
		cmocka_unit_test(test_too_many_selectors),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests_name("config_limits", tests, NULL, NULL);
}
