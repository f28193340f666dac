// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What right configuration files mean; test_config_errors.c has the wrong ones. */
#include <glob.h>
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
#include "base/util.h"

#define INTERFACES "interfaces: [eth0]\n"
#define RULE                                                                             \
	"publish:\n  - name: files\n    listen: 192.0.2.10:21\n    servers: 10.9.0.10:21\n"

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
	{ "tcx",
	  INTERFACES "tcx: first\ntrack:\n  - {name: dmz, servers: 198.51.100.7}\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "tcx: first\n"
	  "track:\n"
	  "  - name: dmz\n"
	  "    servers: [198.51.100.7/32]\n"
	  "    control_ports: [21]\n" DEFAULT_END },
	{ "tcx is not mentioned where it is off",
	  INTERFACES "tcx: off\ntrack:\n  - {name: dmz, servers: 198.51.100.7}\n",
	  "interfaces: [eth0]\n"
	  "xdp: auto\n"
	  "track:\n"
	  "  - name: dmz\n"
	  "    servers: [198.51.100.7/32]\n"
	  "    control_ports: [21]\n" DEFAULT_END },
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
	_cleanup_config_ struct config *cfg = config_parsed(row->yaml);
	_cleanup_free_ char *text = config_printed(cfg);
	_cleanup_config_ struct config *again = config_parsed(text);
	_cleanup_free_ char *text_again = config_printed(again);
	json_auto_t *json = config_to_json(cfg), *json_again = config_to_json(again);

	assert_string_equal(text, row->effective);
	assert_string_equal(text_again, text);
	assert_non_null(json);
	assert_true(json_equal(json, json_again));
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
		text = config_printed(cfg);
		again = config_parsed(text);
		text_again = config_printed(again);
		assert_string_equal(text_again, text);
	}
	globfree(&found);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows)];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_examples),
	};
	int failed;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[i] = (struct CMUnitTest){ rows[i].name, each_row, NULL, NULL,
						(void *)&rows[i] };
	failed = cmocka_run_group_tests_name("config_rows", tests, NULL, NULL);
	return failed + cmocka_run_group_tests_name("config", others, NULL, NULL);
}
