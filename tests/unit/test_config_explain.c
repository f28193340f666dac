// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sentences of `check`: for each policy, and none where there is nothing to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/config_text.h"
#include "config/explain.h"
#include "base/util.h"

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
		_cleanup_config_ struct config *cfg = config_parsed(told[i].config);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_explained),
	};

	return cmocka_run_group_tests_name("config_explain", tests, NULL, NULL);
}
