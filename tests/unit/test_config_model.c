// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the loader reads of a configuration: the model, and the list of errors. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/config_text.h"
#include "config/load.h"
#include "config/print.h"
#include "base/addr.h"
#include "base/util.h"

#define INTERFACES "interfaces: [eth0]\n"
#define RULE                                                                             \
	"publish:\n  - name: files\n    listen: 192.0.2.10:21\n    servers: 10.9.0.10:21\n"

static void test_publish(void **state)
{
	_cleanup_config_ struct config *cfg = config_parsed(
		INTERFACES
		"publish:\n"
		"  - name: files\n"
		"    listen: [192.0.2.10:2121, \"[2001:db8::10]:21\"]\n"
		"    servers: [10.9.0.10:21, {server: \"[fd00::10]:21\", weight: 3}]\n"
		"    source: [10.9.0.1, \"fd00::1\"]\n"
		"    data_ports: 50000-50009\n"
		"    modes: [active]\n"
		"    foreign_data: allow\n");
	const struct config_publish *publish;
	struct ftpnat_endpoint endpoint;
	struct ftpnat_addr addr;

	(void)state;
	assert_string_equal(cfg->path, "rules.yaml");
	assert_int_equal(cfg->interfaces_n, 1);
	assert_string_equal(cfg->interfaces[0].name, "eth0");
	assert_int_equal(cfg->interfaces[0].at.line, 1);
	assert_int_equal(cfg->interfaces[0].at.column, 14);
	assert_int_equal(cfg->publish_n, 1);
	assert_int_equal(cfg->masquerade_n, 0);
	publish = &cfg->publish[0];
	assert_string_equal(publish->rule.name, "files");
	assert_int_equal(publish->rule.at.line, 3);
	assert_int_equal(publish->listens_n, 2);
	assert_int_equal(ftpnat_endpoint_parse("192.0.2.10:2121", &endpoint), 0);
	assert_int_equal(publish->listens[0].endpoint.port, htons(2121));
	assert_true(
		ftpnat_addr_equal(&publish->listens[0].endpoint.addr, &endpoint.addr));
	assert_int_equal(publish->listens[1].at.line, 4);
	assert_int_equal(publish->servers_n, 2);
	assert_int_equal(publish->servers[0].weight, 1);
	assert_int_equal(publish->servers[1].weight, 3);
	assert_int_equal(publish->source, CONFIG_SOURCE_ADDRESS);
	assert_int_equal(ftpnat_addr_parse("10.9.0.1", &addr), 0);
	assert_true(ftpnat_addr_equal(&publish->source_address.family[FTPNAT_V4], &addr));
	assert_int_equal(ftpnat_addr_parse("fd00::1", &addr), 0);
	assert_true(ftpnat_addr_equal(&publish->source_address.family[FTPNAT_V6], &addr));
	assert_int_equal(publish->data_ports.min, 50000);
	assert_int_equal(publish->data_ports.max, 50009);
	assert_int_equal(publish->modes, 1 << FTPNAT_ACTIVE);
	assert_true(publish->foreign_data);
	assert_null(publish->data_host);
	assert_int_equal(publish->data_address.at.line, 0);
}

static void test_masquerade(void **state)
{
	_cleanup_config_ struct config *cfg = config_parsed(
		INTERFACES "masquerade:\n"
			   "  - name: lan\n"
			   "    clients: [192.168.5.0/24, 2001:db8:5::/48]\n"
			   "    to: [interface, 203.0.113.7]\n"
			   "timeouts: {control: 2h}\n");
	const struct config_masquerade *lan = cfg->masquerade;
	struct ftpnat_addr addr;

	(void)state;
	assert_int_equal(cfg->masquerade_n, 1);
	assert_int_equal(lan->clients_n, 2);
	assert_int_equal(lan->clients[0].prefix.len, 24);
	assert_int_equal(lan->clients[1].prefix.len, 48);
	assert_true(lan->to_interface);
	assert_int_equal(ftpnat_addr_parse("203.0.113.7", &addr), 0);
	assert_true(ftpnat_addr_equal(&lan->to.family[FTPNAT_V4], &addr));
	assert_true(ftpnat_addr_is_none(&lan->to.family[FTPNAT_V6]));
	assert_int_equal(lan->control_ports_n, 1);
	assert_int_equal(lan->control_ports[0].port, 21);
	assert_int_equal(lan->modes, 1 << FTPNAT_ACTIVE | 1 << FTPNAT_PASSIVE);
	assert_int_equal(cfg->timeouts.control, 7200);
	assert_int_equal(cfg->timeouts.data, 7440);
	assert_int_equal(cfg->limits.data, 1048576);
}

static void test_json(void **state)
{
	_cleanup_config_ struct config *cfg = config_parsed(INTERFACES RULE);
	json_auto_t *json = config_to_json(cfg);
	json_auto_t *expected = json_pack(
		"{s:i, s:[{s:[s], s:s, s:[{s:s, s:[s], s:[{s:s, s:i}], s:s, s:s, s:[s, s], s:s, s:s}], "
		"s:{s:i, s:i, s:i}, s:{s:i, s:i, s:i, s:i}}]}",
		"schema", 1, "check", "interfaces", "eth0", "xdp", "auto", "publish",
		"name", "files", "listen", "192.0.2.10:21", "servers", "server",
		"10.9.0.10:21", "weight", 1, "source", "keep", "data_ports", "1024-65535",
		"modes", "passive", "active", "foreign_data", "deny", "tls", "pass",
		"limits", "control", 65536, "data", 1048576, "expected", 65536,
		"timeouts", "control", 7440, "data", 7440, "closing", 240, "expected",
		60);

	(void)state;
	assert_non_null(expected);
	assert_true(json_equal(json, expected));
}

static void test_host_names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} names[] = {
		{ "ftp.example.com", true },
		{ "ftp.example.com.", true },
		{ "localhost", true },
		{ "a-b.c-d", true },
		{ "xn--bcher-kva.example", true },
		{ "3com.com", true },
		{ "ftp_1.lan", true },
		{ "1.2.3", false },
		{ "300.1.2.3", false },
		{ "-a.com", false },
		{ "a-.com", false },
		{ "a-", false },
		{ "a..com", false },
		{ ".com", false },
		{ "a b", false },
		{ "a:b", false },
		{ "0123456789012345678901234567890123456789012345678901234567890123.com",
		  false },
	};
	char yaml[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct config_errors err = { 0 };
		_cleanup_config_ struct config *cfg = NULL;
		int len = snprintf(yaml, sizeof(yaml),
				   INTERFACES RULE "    data_address: '%s'\n",
				   names[i].name);
		int ret = config_load_text("rules.yaml", yaml, (size_t)len, &cfg, &err);

		assert_int_equal(ret, names[i].good ? 0 : -EINVAL);
		if (names[i].good)
			assert_string_equal(cfg->publish[0].data_host, names[i].name);
	}
}

static void test_error_at(void **state)
{
	static const struct config_mark at = { 1, 14 };
	struct config_errors err = { 0 };
	char name[1200];
	char *text = err.first[0].text;

	(void)state;
	assert_int_equal(config_error_at(&err, at, -ENODEV, "no interface %s", "eth0"),
			 -ENODEV);
	assert_string_equal(text, "no interface eth0");
	err.n = 0;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	config_error_at(&err, at, -ENODEV, "no interface %s", name);
	assert_int_equal(strlen(text), sizeof(err.first[0].text) - 1);
	assert_string_equal(text + sizeof(err.first[0].text) - 4, "...");
}

/* The first ones of the file are kept, in whatever order they are found. */
static void test_errors_by_position(void **state)
{
	struct config_errors err = { 0 };

	(void)state;
	assert_int_equal(config_errors_shown(&err), 0);
	for (uint32_t i = 0; i < 100; i++) /* 7 and 100 have no common divisor */
		config_error_at(&err, (struct config_mark){ i * 7 % 100 + 1, 1 }, -EINVAL,
				"line %u", i * 7 % 100 + 1);
	assert_int_equal(err.n, 100);
	assert_int_equal(config_errors_shown(&err), CONFIG_MAX_ERRORS);
	for (uint32_t i = 0; i < CONFIG_MAX_ERRORS; i++)
		assert_int_equal(err.first[i].at.line, i + 1);
	/* at one place: in the order in which they are found */
	config_error_at(&err, (struct config_mark){ 1, 1 }, -EINVAL, "another");
	assert_string_equal(err.first[0].text, "line 1");
	assert_string_equal(err.first[1].text, "another");
	assert_string_equal(err.first[2].text, "line 2");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_masquerade),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_host_names),
		cmocka_unit_test(test_error_at),
		cmocka_unit_test(test_errors_by_position),
	};

	return cmocka_run_group_tests_name("config_model", tests, NULL, NULL);
}
