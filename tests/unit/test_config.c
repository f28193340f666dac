// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What right configuration files mean; test_config_errors.c has the wrong ones. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/explain.h"
#include "config/load.h"
#include "config/print.h"
#include "base/util.h"

#define INTERFACES "interfaces: [eth0]\n"
#define RULE                                                                             \
	"publish:\n  - name: files\n    listen: 192.0.2.10:21\n    servers: 10.9.0.10:21\n"

/* As `check` would print it. */
static char *printed(const struct config *cfg)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	assert_int_equal(config_print_text(file, cfg), 0);
	assert_int_equal(fclose(file), 0);
	return text;
}

static struct config *parsed(const char *yaml)
{
	struct config_errors err = { 0 };
	struct config *cfg = NULL;
	int ret = config_load_text("rules.yaml", yaml, strlen(yaml), &cfg, &err);

	assert_string_equal(err.first[0].text, "");
	assert_int_equal(ret, 0);
	return cfg;
}

/* ---- what a file means, as its effective configuration ---- */

#define DEFAULT_END                                                                      \
	"limits: {control: 65536, data: 1048576, expected: 65536}\n"                     \
	"timeouts: {control: 7440s, data: 7440s, closing: 240s, expected: 60s}\n"
#define SERVER(text) "      - {server: \"" text "\", weight: 1}\n"
#define RULE_END                                                                         \
	"    modes: [passive, active]\n"                                                 \
	"    foreign_data: deny\n"

struct row {
	const char *name;
	const char *yaml;
	const char *effective;
};

static const struct row rows[] = {
	{ "smallest publish rule, all defaults", INTERFACES RULE,
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [\"192.0.2.10:21\"]\n"
	  "    servers:\n" SERVER("10.9.0.10:21") "    source: keep\n"
						  "    data_ports: 1024-65535\n" RULE_END
						  "    tls: pass\n" DEFAULT_END },
	{ "who may dial",
	  INTERFACES RULE
	  "    clients: [203.0.113.0/24, {file: /dev/null}]\n    deny: 198.51.100.7\n    refuse: reset\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [\"192.0.2.10:21\"]\n"
	  "    servers:\n" SERVER("10.9.0.10:21") "    source: keep\n"
						  "    data_ports: 1024-65535\n" RULE_END
						  "    tls: pass\n"
						  "    clients:\n"
						  "      - 203.0.113.0/24\n"
						  "      - {file: \"/dev/null\"}\n"
						  "    deny: [198.51.100.7/32]\n"
						  "    refuse: reset\n" DEFAULT_END },
	{ "how much",
	  INTERFACES RULE
	  "    per_client: {expected: 8, half_open: 16, new_sessions: 5/10min, sessions: 20, failed_logins: 3/30s}\n"
	  "    max_sessions: 1000\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [\"192.0.2.10:21\"]\n"
	  "    servers:\n" SERVER(
		  "10.9.0.10:21") "    source: keep\n"
				  "    data_ports: 1024-65535\n" RULE_END
				  "    tls: pass\n"
				  "    per_client: {sessions: 20, new_sessions: \"5/10min\", half_open: 16, expected: 8, failed_logins: \"3/30s\", ban: 30s}\n"
				  "    max_sessions: 1000\n" DEFAULT_END },
	{ "what clients may say",
	  INTERFACES RULE
	  "    banner: hide\n    tls: require\n    commands: {allow: [retr, \"site  help\", PWD]}\n"
	  "masquerade:\n  - {name: lan, clients: 192.168.5.0/24, to: interface, "
	  "tls: deny, commands: {profile: read_only}}\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [\"192.0.2.10:21\"]\n"
	  "    servers:\n" SERVER(
		  "10.9.0.10:21") "    source: keep\n"
				  "    data_ports: 1024-65535\n" RULE_END
				  "    tls: require\n"
				  "    commands:\n"
				  "      allow: [RETR, \"SITE HELP\", PWD]\n"
				  "    banner: hide\n"
				  "masquerade:\n"
				  "  - name: lan\n"
				  "    clients: [192.168.5.0/24]\n"
				  "    to: [interface]\n"
				  "    control_ports: [21]\n"
				  "    data_ports: 1024-65535\n" RULE_END
				  "    tls: deny\n"
				  "    commands: {profile: read_only}\n" DEFAULT_END },
	{ "what packets get",
	  INTERFACES RULE
	  "    mark: 16\n    dscp: 0x2E\n"
	  "masquerade:\n  - {name: lan, clients: 192.168.5.0/24, to: interface, "
	  "mark: 0x10/0xff, dscp: 63}\n"
	  "track:\n  - {name: dmz, servers: 198.51.100.7, mark: 0xFFFFFFFF, "
	  "dscp: AF11}\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [\"192.0.2.10:21\"]\n"
	  "    servers:\n" SERVER("10.9.0.10:21") "    source: keep\n"
						  "    data_ports: 1024-65535\n" RULE_END
						  "    tls: pass\n"
						  "    mark: \"0x10\"\n"
						  "    dscp: ef\n"
						  "masquerade:\n"
						  "  - name: lan\n"
						  "    clients: [192.168.5.0/24]\n"
						  "    to: [interface]\n"
						  "    control_ports: [21]\n"
						  "    data_ports: 1024-65535\n" RULE_END
						  "    mark: \"0x10/0xff\"\n"
						  "    dscp: 63\n"
						  "track:\n"
						  "  - name: dmz\n"
						  "    servers: [198.51.100.7/32]\n"
						  "    control_ports: [21]\n"
						  "    mark: \"0xffffffff\"\n"
						  "    dscp: af11\n" DEFAULT_END },
	{ "smallest masquerade rule, all defaults",
	  INTERFACES
	  "masquerade:\n  - {name: lan, clients: 192.168.5.0/24, to: interface}\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "masquerade:\n"
	  "  - name: lan\n"
	  "    clients: [192.168.5.0/24]\n"
	  "    to: [interface]\n"
	  "    control_ports: [21]\n"
	  "    data_ports: 1024-65535\n" RULE_END DEFAULT_END },
	{ "smallest track rule, all defaults",
	  INTERFACES "track:\n  - {name: dmz, servers: 198.51.100.7}\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "track:\n"
	  "  - name: dmz\n"
	  "    servers: [198.51.100.7/32]\n"
	  "    control_ports: [21]\n" DEFAULT_END },
	{ "everything at once, scalars where lists may be",
	  "interfaces: eth0\n"
	  "xdp: off\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [192.0.2.10:2121, \"[2001:DB8:0::10]:21\"]\n"
	  "    servers: [10.9.0.10:21, {server: \"[fd00::10]:21\", weight: 1000}]\n"
	  "    source: [\"fd00::1\", 10.9.0.1]\n"
	  "    data_ports: 50000\n"
	  "    data_address: 198.51.100.1\n"
	  "    data_address_for:\n"
	  "      - {clients: 10.0.0.0/8, address: 10.1.2.3}\n"
	  "    modes: passive\n"
	  "    foreign_data: allow\n"
	  "    tls: deny\n"
	  "    tls_data_ports: 60000-60099\n"
	  "  - name: 2nd.rule\n"
	  "    listen: 192.0.2.11:21\n"
	  "    servers: {server: \"10.9.0.11:21\"}\n"
	  "    source: gateway\n"
	  "    data_address: ftp.example.com\n"
	  "masquerade:\n"
	  "  - name: lan\n"
	  "    clients: [192.168.5.0/24, 2001:db8:5::/48]\n"
	  "    to: [203.0.113.7, interface]\n"
	  "    control_ports: 2121\n"
	  "    data_ports: 1-65535\n"
	  "    modes: [active]\n"
	  "    foreign_data: allow\n"
	  "    tls_data_ports: 50000-50099\n"
	  "  - name: \"null\"\n"
	  "    clients: ::/0\n"
	  "    to: 2001:db8::7\n"
	  "track:\n"
	  "  - name: dmz\n"
	  "    servers: [198.51.100.0/24]\n"
	  "    clients: 10.0.0.0/8\n"
	  "    control_ports: [21, 49]\n"
	  "    tls_data_ports: 40000\n"
	  "guard:\n"
	  "  - {interface: eth0, ports: [20, 1024-65535]}\n"
	  "limits: {control: 1, data: 67108864}\n"
	  "timeouts: {control: 2h, data: 30d, closing: 5m, expected: 1}\n"
	  "metrics: {listen: \"0.0.0.0:9821\"}\n",
	  "interfaces: [eth0]\n"
	  "xdp: \"off\"\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [\"192.0.2.10:2121\", \"[2001:db8::10]:21\"]\n"
	  "    servers:\n" SERVER(
		  "10.9.0.10:21") "      - {server: \"[fd00::10]:21\", weight: 1000}\n"
				  "    source: [\"10.9.0.1\", \"fd00::1\"]\n"
				  "    data_ports: \"50000\"\n"
				  "    data_address: [\"198.51.100.1\"]\n"
				  "    data_address_for:\n"
				  "      - {clients: 10.0.0.0/8, address: \"10.1.2.3\"}\n"
				  "    modes: [passive]\n"
				  "    foreign_data: allow\n"
				  "    tls: deny\n"
				  "    tls_data_ports: 60000-60099\n"
				  "  - name: \"2nd.rule\"\n"
				  "    listen: [\"192.0.2.11:21\"]\n"
				  "    servers:\n" SERVER(
					  "10.9.0.11:21") "    source: gateway\n"
							  "    data_ports: 1024-65535\n"
							  "    data_address: [ftp.example.com]\n" RULE_END
							  "    tls: pass\n"
							  "masquerade:\n"
							  "  - name: lan\n"
							  "    clients: [192.168.5.0/24, \"2001:db8:5::/48\"]\n"
							  "    to: [\"203.0.113.7\", interface]\n"
							  "    control_ports: [2121]\n"
							  "    data_ports: 1-65535\n"
							  "    modes: [active]\n"
							  "    foreign_data: allow\n"
							  "    tls_data_ports: 50000-50099\n"
							  "  - name: \"null\"\n"
							  "    clients: [\"::/0\"]\n"
							  "    to: [\"2001:db8::7\"]\n"
							  "    control_ports: [21]\n"
							  "    data_ports: 1024-65535\n" RULE_END
							  "track:\n"
							  "  - name: dmz\n"
							  "    servers: [198.51.100.0/24]\n"
							  "    clients: [10.0.0.0/8]\n"
							  "    control_ports: [21, 49]\n"
							  "    tls_data_ports: \"40000\"\n"
							  "guard:\n"
							  "  - interface: eth0\n"
							  "    ports: [\"20\", 1024-65535]\n"
							  "limits: {control: 1, data: 67108864, expected: 65536}\n"
							  "timeouts: {control: 7200s, data: 2592000s, closing: 300s, expected: 1s}\n"
							  "metrics: {listen: \"0.0.0.0:9821\"}\n" },
	{ "health with all defaults, and with none",
	  INTERFACES "publish:\n"
		     "  - name: files\n"
		     "    listen: 192.0.2.10:21\n"
		     "    servers: 10.9.0.10:21\n"
		     "    health: {}\n"
		     "  - name: more\n"
		     "    listen: 192.0.2.11:21\n"
		     "    servers: 10.9.0.11:21\n"
		     "    health: {interval: 1m, timeout: 2, rise: 4, fall: 5}\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [\"192.0.2.10:21\"]\n"
	  "    servers:\n" SERVER(
		  "10.9.0.10:21") "    source: keep\n"
				  "    data_ports: 1024-65535\n" RULE_END
				  "    tls: pass\n"
				  "    health: {interval: 10s, timeout: 5s, rise: 2, fall: 3}\n"
				  "  - name: more\n"
				  "    listen: [\"192.0.2.11:21\"]\n"
				  "    servers:\n" SERVER(
					  "10.9.0.11:21") "    source: keep\n"
							  "    data_ports: 1024-65535\n" RULE_END
							  "    tls: pass\n"
							  "    health: {interval: 60s, timeout: 2s, rise: 4, fall: 5}\n" DEFAULT_END },
	{ "anchors and aliases",
	  INTERFACES "publish:\n"
		     "  - name: &name files\n"
		     "    listen: 192.0.2.10:21\n"
		     "    servers: &servers [10.9.0.10:21]\n"
		     "  - name: more\n"
		     "    listen: 192.0.2.11:21\n"
		     "    servers: *servers\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [\"192.0.2.10:21\"]\n"
	  "    servers:\n" SERVER(
		  "10.9.0.10:21") "    source: keep\n"
				  "    data_ports: 1024-65535\n" RULE_END
				  "    tls: pass\n"
				  "  - name: more\n"
				  "    listen: [\"192.0.2.11:21\"]\n"
				  "    servers:\n" SERVER(
					  "10.9.0.10:21") "    source: keep\n"
							  "    data_ports: 1024-65535\n" RULE_END
							  "    tls: pass\n" DEFAULT_END },
	{ "names that need quotes, empty lists of other kinds",
	  "interfaces: ['a\"b\\c', 'wlan#0', on]\nmasquerade: []\nguard: []\n" RULE,
	  "interfaces: [\"a\\\"b\\\\c\", \"wlan#0\", \"on\"]\n"
	  "xdp: auto\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: [\"192.0.2.10:21\"]\n"
	  "    servers:\n" SERVER("10.9.0.10:21") "    source: keep\n"
						  "    data_ports: 1024-65535\n" RULE_END
						  "    tls: pass\n" DEFAULT_END },
	{ "one name per prefix and port",
	  INTERFACES
	  "masquerade:\n"
	  "  - {name: a, clients: 10.0.0.0/8, to: interface, control_ports: 21}\n"
	  "  - {name: b, clients: 10.0.0.0/8, to: interface, control_ports: 2121}\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "masquerade:\n"
	  "  - name: a\n"
	  "    clients: [10.0.0.0/8]\n"
	  "    to: [interface]\n"
	  "    control_ports: [21]\n"
	  "    data_ports: 1024-65535\n" RULE_END "  - name: b\n"
	  "    clients: [10.0.0.0/8]\n"
	  "    to: [interface]\n"
	  "    control_ports: [2121]\n"
	  "    data_ports: 1024-65535\n" RULE_END DEFAULT_END },
};

static void each_row(void **state)
{
	const struct row *row = *state;
	_cleanup_config_ struct config *cfg = parsed(row->yaml);
	_cleanup_free_ char *text = printed(cfg);
	_cleanup_config_ struct config *again = parsed(text);
	_cleanup_free_ char *text_again = printed(again);
	json_auto_t *json = config_to_json(cfg), *json_again = config_to_json(again);

	assert_string_equal(text, row->effective);
	assert_string_equal(text_again, text);
	assert_non_null(json);
	assert_true(json_equal(json, json_again));
}

/* ---- the model, which the loader reads ---- */

static void test_publish(void **state)
{
	_cleanup_config_ struct config *cfg = parsed(
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
	_cleanup_config_ struct config *cfg =
		parsed(INTERFACES "masquerade:\n"
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
	_cleanup_config_ struct config *cfg = parsed(INTERFACES RULE);
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

/* The sentences for each policy, and none where there is nothing to say. */
static void test_explained(void **state)
{
	static const struct {
		const char *config;
		const char *says, *says_not;
	} told[] = {
#define FILES "interfaces: eth0\npublish:\n  - name: files\n    listen: 192.0.2.10:21\n"
#define ONE   FILES "    servers: 10.9.0.10:21\n"
		{ ONE, "reach server 10.9.0.10:21;", "weight" },
		{ FILES
		  "    servers: [{server: \"10.9.0.10:21\", weight: 3}, 10.9.0.11:21]\n",
		  "10.9.0.10:21 (weight 3) and 10.9.0.11:21 (weight 1)", NULL },
		{ ONE "    health: {interval: 7s, timeout: 3s, rise: 4, fall: 5}\n",
		  "fails 5 checks in a row gets no new sessions until 4 in a row succeed; a check, every 7 s, expects a 220 within 3 s",
		  NULL },
		{ ONE, "reach server", "checks" },
		{ ONE, "When no server is left, new control connections get a reset.",
		  "fallback" },
		{ ONE "    refuse: drop\n",
		  "When no server is left, new control connections get no answer.",
		  "reset" },
		{ ONE "    fallback: 10.9.0.99:21\n",
		  "When no server is left, they reach 10.9.0.99:21, which nobody checks.",
		  "get no answer" },
		{ FILES
		  "    servers: [10.9.0.10:21, 10.9.0.11:21]\n    balance: source\n",
		  "picked by their address", "at random" },
		{ FILES
		  "    servers: [10.9.0.10:21, 10.9.0.11:21]\n    balance: least_connections\n",
		  "the one with the fewest sessions for its weight", "at random" },
		{ ONE, "the clients' own addresses", "gateway's address towards" },
		{ ONE "    source: gateway\n", "the gateway's address towards them",
		  "own addresses" },
		{ ONE "    source: 10.9.0.1\n", "Servers see 10.9.0.1 as", NULL },
		{ ONE "    modes: active\n", "Passive mode is refused", "a 227 names" },
		{ ONE "    modes: passive\n", "Active mode is refused", "from port 20" },
		{ ONE, "the address that the client dialled and one of ports 1024-65535",
		  "refused: the" },
		{ ONE "    data_address: ftp.example.com\n",
		  "the address that ftp.example.com resolved to", "dialled and" },
		{ ONE
		  "    data_address_for: [{clients: 10.0.0.0/8, address: 10.1.2.3}]\n",
		  "10.1.2.3 to clients of 10.0.0.0/8, the address that the client dialled to all others",
		  NULL },
		{ ONE "    foreign_data: allow\n", "(FXP)", "are refused" },
		{ ONE, "are refused with 500", "FXP" },
		{ ONE "    tls: deny\n", "534", "TLS passes" },
		{ ONE "    tls: require\n",
		  "TLS is required: USER, PASS and ACCT before it get 530", "534" },
		{ ONE "    commands: {profile: read_only}\n",
		  "Clients may only read: a command that may change something gets 550 or 502",
		  "may not use" },
		{ ONE "    commands: {profile: read_only}\n",
		  "Warning: with TLS the client may use any command",
		  "with implicit TLS" },
		{ ONE "    commands: {profile: read_only}\n    tls: deny\n",
		  "Clients may only read", "Warning" },
		{ ONE "    commands: {deny: [dele, \"site chmod\", auth]}\n",
		  "Clients may not use DELE, SITE CHMOD or AUTH, which",
		  "Warning: with TLS" },
		{ ONE "    commands: {deny: [auth]}\n",
		  "Warning: with implicit TLS the client may use any command", NULL },
		{ ONE "    commands: {allow: [RETR, LIST]}\n",
		  "Besides USER, PASS and QUIT, clients may only use RETR and LIST; any other command",
		  "Warning: with TLS" },
		{ ONE "    banner: hide\n", "The text of 220 (greeting) and 215 (SYST)",
		  NULL },
		{ ONE, "Passive mode", "The text of 220" },
		{ ONE "    tls_data_ports: 60000-60099\n",
		  "ports 60000-60099 of the address that it dialled",
		  "of such sessions fail" },
		{ ONE, "of such sessions fail", "534" },
		{ ONE "    clients: 203.0.113.0/24\n",
		  "Only clients of 203.0.113.0/24 may connect.",
		  "connection gets a reset" },
		{ ONE
		  "    clients: [203.0.113.0/24, 2001:db8::/32]\n    deny: 203.0.113.7\n    refuse: reset\n",
		  "Only clients of 203.0.113.0/24 or 2001:db8::/32 may connect, and of these none of 203.0.113.7/32.",
		  NULL },
		{ ONE "    deny: [198.51.100.0/24, {file: /dev/null}]\n",
		  "Clients of 198.51.100.0/24 or the 0 prefixes of /dev/null may not connect.",
		  "Only" },
		{ ONE "    deny: 198.51.100.0/24\n",
		  "A refused control connection gets no answer.",
		  "connection gets a reset" },
		{ ONE "    deny: 198.51.100.0/24\n    refuse: reset\n",
		  "A refused control connection gets a reset.", "no answer" },
		{ ONE
		  "    per_client: {sessions: 20, new_sessions: 30/min, half_open: 16, expected: 8}\n",
		  "One client (an IPv4 address or an IPv6 /64) gets at most 20 control connections at once, 30 new ones in 60 s, 16 half-open ones, 8 announced data connections (425 for more).",
		  "The rule has" },
		{ ONE "    per_client: {failed_logins: 5/10min, ban: 1h}\n",
		  "A client whose logins fail 5 times in 600 s (530 to PASS, not under TLS) is banned from the rule for 3600 s, and the session ends with 421.",
		  "gets at most" },
		{ ONE "    per_client: {expected: 8}\n",
		  "gets at most 8 announced data connections", "half-open ones" },
		{ ONE "    max_sessions: 1000\n",
		  "The rule has at most 1000 control connections at once.",
		  "One client (" },
		{ ONE, "reach server", "may connect" },
		{ ONE, "reach server", "A refused control connection" },
#define LAN                                                                              \
	"interfaces: eth0\nmasquerade:\n  - {name: lan, clients: 10.0.0.0/8, to: interface"
#define DMZ                                                                              \
	"interfaces: eth0\ntrack:\n  - {name: dmz, servers: 10.0.0.0/8, control_ports: [21, 49]"
#define GUARDS "guard: [{interface: eth0, ports: 1024-65535}]\n"
		{ LAN "}\n",
		  "Clients of 10.0.0.0/8 that dial port 21 of any server are seen as the address of the interface",
		  NULL },
		{ LAN ", deny: 10.9.0.0/16}\n", "Clients of 10.9.0.0/16 may not connect.",
		  NULL },
		{ LAN "}\n", "session's server on ports from 1024 up are translated too",
		  "pass any guard" },
		{ LAN ", tls_data_ports: 60000}\n" GUARDS,
		  "connections to port 60000 of that session's server pass any guard",
		  "see tls_data_ports" },
		{ LAN "}\n" GUARDS,
		  "A guard drops the data connections of sessions under TLS",
		  "pass any guard" },
		{ LAN ", modes: active}\n", "Passive mode is refused", "TLS" },
		{ DMZ "}\n", "to servers of 10.0.0.0/8 on ports 21 or 49 are read",
		  "from clients" },
		{ DMZ "}\n" GUARDS,
		  "A guard drops the data connections of sessions under TLS",
		  "that session's server" },
		{ DMZ "}\n", "on ports 21 or 49 are read", "A guard drops" },
		{ LAN "}\n", "are translated too", "A guard drops" },
		{ DMZ ", tls_data_ports: 60000-60099}\n",
		  "connections to ports 60000-60099 of that session's server pass any guard",
		  "see tls_data_ports" },
		{ ONE "    mark: 0x10/0xff\n",
		  "get the mark 0x10/0xff, for tc and routing rules; forwarded ones never pass nftables.",
		  "DSCP" },
		{ LAN ", dscp: af11}\n", "leave with the DSCP 10 (af11).", "mark" },
		{ LAN ", dscp: 63}\n", "leave with the DSCP 63.", "mark" },
		{ "interfaces: eth0\nmasquerade:\n  - {name: lan, clients: \"fd00:5::/64\", "
		  "to: 203.0.113.7, prefix64: \"64:ff9b::/96\"}\n",
		  "connections to 64:ff9b::/96 are left to a NAT64 such as tayga or Jool. The "
		  "address that servers see must not be in its pool",
		  NULL },
		{ LAN ", tls: deny}\n", "TLS is refused: the reply to AUTH is 534",
		  "holds a session under TLS" },
		{ LAN ", commands: {deny: STOR}}\n", "Clients may not use STOR, which",
		  "only read" },
		{ DMZ ", mark: 16}\n",
		  "get the mark 0x10, for nftables, tc and routing rules.", "forwarded" },
		{ ONE "    rate: {rule: 1Gbit, client: 1500000bit}\n",
		  "One client (an IPv4 address or an IPv6 /64) gets and sends data with at most 1500Kbit each way.",
		  NULL },
		{ ONE "    rate: {rule: 1000mbit}\n", "with at most 1Gbit each way",
		  "One client" },
		{ ONE, "reach server", "fq" },
		{ ONE "records: {transfers: /var/log/t}\n",
		  "writes each transfer of a file to /var/log/t as a line of json",
		  "xferlog" },
		{ ONE "records: {transfers: /var/log/t, format: xferlog}\n",
		  "as a line of xferlog", "collector" },
		{ ONE "records: {nat: /var/log/n, destinations: true}\n",
		  "writes a record to /var/log/n when a translated connection is opened",
		  "collector" },
		{ ONE "records: {ipfix: \"192.0.2.5:4739\"}\n",
		  "a record to the collector 192.0.2.5:4739, by IPFIX over UDP",
		  "password" },
		{ ONE "records: {ipfix: \"192.0.2.5:4739\", ipfix_transport: tcp}\n",
		  "The destination of the connection is left out of such a record.",
		  NULL },
		{ ONE, "reach server", "never a password" },
		{ ONE "guard:\n  - {interface: eth0, ports: [20, 1024-65535]}\n",
		  "to port 20 or ports 1024-65535, or from port 20, are dropped", NULL },
		{ ONE "guard:\n  - {interface: eth0, ports: 1024-65535}\n",
		  "to ports 1024-65535 are dropped", "from port 20, are" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
		_cleanup_config_ struct config *cfg = parsed(told[i].config);
		_cleanup_free_ char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		config_explain_text(out, cfg);
		fclose(out);
		if (!strstr(text, told[i].says))
			fail_msg("no \"%s\" in: %s", told[i].says, text);
		if (told[i].says_not && strstr(text, told[i].says_not))
			fail_msg("\"%s\" in: %s", told[i].says_not, text);
		/* comments only: what `check` prints reads back */
		for (char *at = text; *at; at = strchr(at, '\n') + 1)
			assert_true(*at == '#' || *at == '\n');
	}
}

/* The examples are found from where this file was when it was built. */
static void test_examples(void **state)
{
	char pattern[4096], *slash;
	glob_t found;

	(void)state;
	assert_true(snprintf(pattern, sizeof(pattern), "%s", __FILE__) <
		    (int)sizeof(pattern) - 64);
	slash = strrchr(pattern, '/');
	strcpy(slash ? slash + 1 : pattern, "../../docs/examples/*.yaml");
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_in_range(found.gl_pathc, 3, 100);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct config_errors err = { 0 };
		_cleanup_config_ struct config *cfg = NULL;
		int ret = config_load(found.gl_pathv[i], &cfg, &err);
		_cleanup_config_ struct config *again = NULL;
		_cleanup_free_ char *text = NULL;
		_cleanup_free_ char *text_again = NULL;

		assert_string_equal(err.first[0].text, "");
		assert_int_equal(ret, 0);
		text = printed(cfg);
		again = parsed(text);
		text_again = printed(again);
		assert_string_equal(text_again, text);
	}
	globfree(&found);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows)];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_masquerade),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_host_names),
		cmocka_unit_test(test_error_at),
		cmocka_unit_test(test_errors_by_position),
		cmocka_unit_test(test_explained),
		cmocka_unit_test(test_examples),
	};
	int failed;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[i] = (struct CMUnitTest){ rows[i].name, each_row, NULL, NULL,
						(void *)&rows[i] };
	failed = cmocka_run_group_tests_name("config_rows", tests, NULL, NULL);
	return failed + cmocka_run_group_tests_name("config", others, NULL, NULL);
}
