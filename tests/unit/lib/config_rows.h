/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Wrong configuration files and their messages. */
#ifndef FTPNAT_TEST_CONFIG_ROWS_H
#define FTPNAT_TEST_CONFIG_ROWS_H

#include <stddef.h>

#include "config/config.h"

/* Files that differ from a good one in the value named, or by the line added. */
#define INTERFACES "interfaces: [eth0]\n"
#define RULE(name, listen, servers)                                                      \
	"  - name: " name "\n    listen: " listen "\n    servers: " servers "\n"
#define LAN(clients, to)                                                                 \
	INTERFACES "masquerade:\n  - name: lan\n    clients: " clients "\n    to: " to   \
		   "\n"
#define NAME(value)	 INTERFACES "publish:\n" RULE(value, "192.0.2.10:21", "10.9.0.10:21")
#define LISTEN(value)	 INTERFACES "publish:\n" RULE("files", value, "10.9.0.10:21")
#define SERVERS(value)	 INTERFACES "publish:\n" RULE("files", "192.0.2.10:21", value)
#define PUBLISHED	 NAME("files")
#define PUBLISH(line)	 PUBLISHED "    " line "\n"
#define CLIENTS(value)	 LAN(value, "203.0.113.7")
#define TO(value)	 LAN("192.168.5.0/24", value)
#define MASQUERADE(line) TO("203.0.113.7") "    " line "\n"

#define NAT64(value) LAN("\"fd00:5::/64\"", "203.0.113.7") "    prefix64: \"" value "\"\n"

/* Ends of messages. */
#define SERVERS_TEXT                                                                     \
	"ADDRESS:PORT with a port from 1 to 65535, IPv6 as \"[2001:db8::10]:21\", {server: ADDRESS:PORT, weight: NUMBER}, or a list of them"
#define LISTEN_TEXT                                                                      \
	"ADDRESS:PORT with a port from 1 to 65535, IPv6 as \"[2001:db8::10]:21\", or a list of them"
#define ENDPOINT_TEXT                                                                    \
	"ADDRESS:PORT with a port from 1 to 65535, IPv6 as \"[2001:db8::10]:21\""
#define PORTS_TEXT "PORT or MIN-MAX with 1 <= MIN <= MAX <= 65535"
#define CLIENTS_TEXT                                                                     \
	"an address or prefix like 192.168.5.0/24 or 2001:db8::/32, or a list of them"
#define PREFIX64_TEXT                                                                    \
	"an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits like 64:ff9b::/96 (RFC 6052)"
#define LISTS_TEXT                                                                       \
	"an address or prefix like 192.168.5.0/24 or 2001:db8::/32, {file: PATH}, or a list of them"
#define LINE_TEXT	  "one address or prefix a line, with comments from # on"
#define PACE_TEXT	  "NUMBER/TIME like 30/min or 5/10min, up to 1 day"
#define NAME_TEXT	  "1 to 31 of A-Z a-z 0-9 _ . -"
#define INTERFACES_TEXT	  "an interface name of 1 to 15 characters, or a list of them"
#define TIME_TEXT	  "1s to 30d, with s, m, h, d or as plain seconds"
#define LIMIT_TEXT	  "a number from 1 to 67108864"
#define CONTROL_TEXT	  "a port from 1 to 65535, or a list of them"
#define SOURCE_TEXT	  "keep, gateway, an address of a host, or one of each family"
#define TO_TEXT		  "interface, an address of a host, or one of each family"
#define DATA_ADDRESS_TEXT "an IPv4 address of a host, or a host name alone"
#define MODES_TEXT	  "passive, active, or a list of them"
#define PUBLISH_KEYS                                                                     \
	"name, listen, servers, source, data_ports, data_address, data_address_for, modes, foreign_data, tls, commands, banner, tls_data_ports, health, clients, deny, refuse, per_client, max_sessions, balance, fallback, mark, dscp, rate"
#define FILE_KEYS                                                                        \
	"interfaces, xdp, tcx, publish, masquerade, track, guard, limits, timeouts, metrics, cluster, records"

struct config_row {
	const char *name;
	const char *yaml;
	const char *message; /* behind "rules.yaml:"; of several errors, a line each */
};

#define CONFIG_LINE_LEN (sizeof(struct config_error) + 32)

/* "LINE:COLUMN: TEXT", behind the name of a list file */
char *config_error_line(char line[static CONFIG_LINE_LEN],
			const struct config_error *error);

/* Those that are shown, a line each, to be freed. */
char *config_error_lines(const struct config_errors *errors);

/* Each row as a test of a group of this name; returns how many failed. */
int config_run_rows(const char *group, const struct config_row *rows, size_t n);

#endif
