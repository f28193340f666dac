// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a wrong configuration file is answered: every class of error, with line and column. */
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

#include "config.h"
#include "util.h"

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
#define NAME_TEXT	  "1 to 31 of A-Z a-z 0-9 _ . -"
#define INTERFACES_TEXT	  "an interface name of 1 to 15 characters, or a list of them"
#define TIME_TEXT	  "1s to 30d, with s, m, h, d or as plain seconds"
#define LIMIT_TEXT	  "a number from 1 to 67108864"
#define CONTROL_TEXT	  "a port from 1 to 65535, or a list of them"
#define SOURCE_TEXT	  "keep, gateway, an address of a host, or one of each family"
#define TO_TEXT		  "interface, an address of a host, or one of each family"
#define DATA_ADDRESS_TEXT "an address of a host, one of each family, or a host name alone"
#define MODES_TEXT	  "passive, active, or a list of them"
#define PUBLISH_KEYS                                                                     \
	"name, listen, servers, source, data_ports, data_address, data_address_for, modes, foreign_data, tls, tls_data_ports, health"
#define FILE_KEYS                                                                        \
	"interfaces, xdp, publish, masquerade, track, guard, limits, timeouts, metrics"

struct row {
	const char *name;
	const char *yaml;
	const char *message; /* behind "rules.yaml:" */
};

static const struct row rows[] = {
	/* syntax */
	{ "flow list not closed",
	  "interfaces: [eth0\n"
	  "publish: []\n",
	  "2:8: YAML syntax: did not find expected ',' or ']' while parsing a flow sequence from line 1; accepted: YAML" },
	{ "IPv6 endpoint without quotes", LISTEN("[2001:db8::10]:21"),
	  "4:27: YAML syntax: did not find expected key while parsing a block mapping from line 3; accepted: YAML, with quotes around IPv6 and port as in \"[2001:db8::10]:21\"" },
	{ "tab as indentation",
	  "interfaces:\n"
	  "\t- eth0\n",
	  "2:1: YAML syntax: found character that cannot start any token while scanning for the next token from line 2; accepted: YAML, with spaces instead of tabs" },
	{ "bad indentation", INTERFACES " publish: []\n",
	  "2:2: YAML syntax: did not find expected key while parsing a block mapping from line 1; accepted: YAML" },
	{ "not UTF-8", INTERFACES "# \377\n",
	  "2:3: YAML syntax: invalid leading UTF-8 octet; accepted: YAML" },
	{ "control character", INTERFACES "# a\001\n",
	  "2:4: YAML syntax: control characters are not allowed; accepted: YAML" },
	{ "undefined alias", INTERFACES "publish: *rules\n",
	  "2:10: YAML syntax: found undefined alias; accepted: YAML" },
	{ "string not closed", "interfaces: [\"eth0]\n",
	  "2:1: YAML syntax: found unexpected end of stream while scanning a quoted scalar from line 1; accepted: YAML" },
	/* the document */
	{ "empty file", "",
	  "1:1: file is empty; accepted: a mapping with at least interfaces and one rule" },
	{ "only a comment", "# nothing\n",
	  "1:1: file is empty; accepted: a mapping with at least interfaces and one rule" },
	{ "second document",
	  PUBLISHED "---\n"
		    "interfaces: [eth0]\n"
		    "publish:\n"
		    "  - name: files\n"
		    "    listen: 192.0.2.10:21\n"
		    "    servers: 10.9.0.10:21\n",
	  "6:1: second YAML document; accepted: one" },
	{ "syntax error behind the document",
	  PUBLISHED "...\n"
		    "[\n",
	  "7:1: YAML syntax: did not find expected <document start>; accepted: YAML" },
	{ "file is a list", "- eth0\n",
	  "1:1: the file is no mapping; accepted: a mapping with the keys " FILE_KEYS },
	{ "file is a word", "eth0\n",
	  "1:1: the file is no mapping; accepted: a mapping with the keys " FILE_KEYS },

	/* keys */
	{ "unknown key", INTERFACES "interface: [eth1]\n",
	  "2:1: unknown key 'interface' in the file (did you mean 'interfaces'?); accepted: " FILE_KEYS },
	{ "unknown key like no other", INTERFACES "colour: red\n",
	  "2:1: unknown key 'colour' in the file; accepted: " FILE_KEYS },
	{ "unknown key in a publish rule", PUBLISH("lisen: 192.0.2.11:21"),
	  "6:5: unknown key 'lisen' in a publish rule (did you mean 'listen'?); accepted: " PUBLISH_KEYS },
	{ "unknown key in a masquerade rule", MASQUERADE("servers: 10.0.0.1:21"),
	  "6:5: unknown key 'servers' in a masquerade rule; accepted: name, clients, to, control_ports, data_ports, modes, foreign_data" },
	{ "unknown key of a server", SERVERS("{server: \"10.9.0.10:21\", wait: 3}"),
	  "5:39: unknown key 'wait' in a server; accepted: server, weight" },
	{ "unknown limit", PUBLISHED "limits: {controls: 5}\n",
	  "6:10: unknown key 'controls' in limits (did you mean 'control'?); accepted: control, data, expected" },
	{ "unknown timeout", PUBLISHED "timeouts: {idle: 5s}\n",
	  "6:12: unknown key 'idle' in timeouts; accepted: control, data, closing, expected" },
	{ "merge key",
	  INTERFACES "publish:\n"
		     "  - <<: {name: a}\n",
	  "3:5: unknown key '<<' in a publish rule; accepted: " PUBLISH_KEYS },
	{ "key with control characters", INTERFACES "\"a\\nb\\0\": 1\n",
	  "2:1: unknown key 'a\\x0ab' in the file; accepted: " FILE_KEYS },
	{ "key is a list",
	  INTERFACES "? [publish]\n"
		     ": 1\n",
	  "2:3: key of the file is no word; accepted: " FILE_KEYS },
	{ "duplicate key",
	  INTERFACES "xdp: auto\n"
		     "interfaces: [eth1]\n",
	  "3:1: duplicate key 'interfaces' in the file, the first is on line 1; accepted: each key once" },
	{ "duplicate key in a rule", PUBLISH("name: again"),
	  "6:5: duplicate key 'name' in a publish rule, the first is on line 3; accepted: each key once" },
	{ "no interfaces",
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: 192.0.2.10:21\n"
	  "    servers: 10.9.0.10:21\n",
	  "1:1: key 'interfaces' is missing in the file; accepted: a mapping with at least interfaces" },
	{ "publish rule without name",
	  INTERFACES "publish:\n"
		     "  - listen: 192.0.2.10:21\n"
		     "    servers: 10.9.0.10:21\n",
	  "3:5: key 'name' is missing in a publish rule; accepted: a mapping with at least name, listen, servers" },
	{ "publish rule without listen",
	  INTERFACES "publish:\n"
		     "  - name: files\n"
		     "    servers: 10.9.0.10:21\n",
	  "3:5: key 'listen' is missing in a publish rule; accepted: a mapping with at least name, listen, servers" },
	{ "publish rule without servers",
	  INTERFACES "publish:\n"
		     "  - name: files\n"
		     "    listen: 192.0.2.10:21\n",
	  "3:5: key 'servers' is missing in a publish rule; accepted: a mapping with at least name, listen, servers" },
	{ "server without address", SERVERS("[{weight: 3}]"),
	  "5:15: key 'server' is missing in a server; accepted: a mapping with at least server" },
	{ "masquerade rule without clients",
	  INTERFACES "masquerade:\n"
		     "  - name: lan\n"
		     "    to: 203.0.113.7\n",
	  "3:5: key 'clients' is missing in a masquerade rule; accepted: a mapping with at least name, clients, to" },
	{ "masquerade rule without to",
	  INTERFACES "masquerade:\n"
		     "  - name: lan\n"
		     "    clients: 192.168.5.0/24\n",
	  "3:5: key 'to' is missing in a masquerade rule; accepted: a mapping with at least name, clients, to" },
	{ "track rule without servers and clients",
	  INTERFACES "track:\n"
		     "  - name: dmz\n",
	  "3:5: keys 'servers' and 'clients' are missing in a track rule; accepted: one of them or both" },
	{ "metrics without listen", PUBLISHED "metrics: {}\n",
	  "6:10: key 'listen' is missing in metrics; accepted: a mapping with at least listen" },

	/* types */
	{ "interfaces is a mapping", "interfaces: {eth0: eth1}\n",
	  "1:13: interfaces: is a mapping; accepted: " INTERFACES_TEXT },
	{ "interfaces is empty",
	  "interfaces: []\n"
	  "publish: []\n",
	  "1:13: interfaces: is an empty list; accepted: " INTERFACES_TEXT },
	{ "interfaces has no value",
	  "interfaces:\n"
	  "publish: []\n",
	  "1:12: interfaces: is empty; accepted: " INTERFACES_TEXT },
	{ "interface is a list", "interfaces: [[eth0]]\n",
	  "1:14: interfaces: is a list; accepted: " INTERFACES_TEXT },
	{ "publish is a word", INTERFACES "publish: files\n",
	  "2:10: publish: 'files' is no list; accepted: a list of rules" },
	{ "publish has no value", INTERFACES "publish:\n",
	  "2:9: publish: is empty; accepted: a list of rules" },
	{ "publish is a mapping",
	  INTERFACES "publish:\n"
		     "  name: files\n",
	  "3:3: publish: is a mapping; accepted: a list of rules" },
	{ "publish rule is a word", INTERFACES "publish: [files]\n",
	  "2:11: a publish rule is no mapping; accepted: a mapping with the keys " PUBLISH_KEYS },
	{ "listen is a mapping", LISTEN("{address: 192.0.2.10}"),
	  "4:13: listen: is a mapping; accepted: " LISTEN_TEXT },
	{ "server is a list", SERVERS("[[\"10.9.0.10:21\"]]"),
	  "5:15: a server is no mapping; accepted: a mapping with the keys server, weight" },
	{ "limits is a number", PUBLISHED "limits: 5\n",
	  "6:9: limits is no mapping; accepted: a mapping with the keys control, data, expected" },
	{ "limits has no value", PUBLISHED "limits:\n",
	  "6:8: limits is no mapping; accepted: a mapping with the keys control, data, expected" },
	{ "data_ports is a list", PUBLISH("data_ports: [1024-2047, 4096-8191]"),
	  "6:17: data_ports: is a list; accepted: " PORTS_TEXT },
	{ "timeout is a list", PUBLISHED "timeouts: {data: [5s]}\n",
	  "6:18: data: is a list; accepted: " TIME_TEXT },

	/* words */
	{ "xdp", INTERFACES "xdp: fast\n",
	  "2:6: xdp: 'fast' is none of the choices; accepted: auto, native, generic, off" },
	{ "xdp is empty", INTERFACES "xdp: \"\"\n",
	  "2:6: xdp: is empty; accepted: auto, native, generic, off" },
	{ "mode", PUBLISH("modes: [passive, extended]"),
	  "6:22: modes: 'extended' is none of the choices; accepted: " MODES_TEXT },
	{ "mode twice", PUBLISH("modes: [passive, passive]"),
	  "6:22: modes: 'passive' stands twice; accepted: " MODES_TEXT },
	{ "no mode", PUBLISH("modes: []"),
	  "6:12: modes: is an empty list; accepted: " MODES_TEXT },
	{ "foreign_data", PUBLISH("foreign_data: yes"),
	  "6:19: foreign_data: 'yes' is none of the choices; accepted: deny, allow" },
	{ "tls", PUBLISH("tls: allow"),
	  "6:10: tls: 'allow' is none of the choices; accepted: pass, deny" },
	{ "source", PUBLISH("source: nat"),
	  "6:13: source: 'nat' is no address; accepted: " SOURCE_TEXT },
	{ "source is a mapping", PUBLISH("source: {address: 10.9.0.1}"),
	  "6:13: source: is a mapping; accepted: " SOURCE_TEXT },
	{ "source list with a word", PUBLISH("source: [gateway]"),
	  "6:14: source: 'gateway' is no address; accepted: " SOURCE_TEXT },
	{ "source list is empty", PUBLISH("source: []"),
	  "6:13: source: is an empty list; accepted: " SOURCE_TEXT },
	{ "to", TO("eth0"), "5:9: to: 'eth0' is no address; accepted: " TO_TEXT },
	{ "to is empty", TO("[]"), "5:9: to: is an empty list; accepted: " TO_TEXT },

	/* names */
	{ "rule name with a space", NAME("my files"),
	  "3:11: name: 'my files' is no rule name; accepted: " NAME_TEXT },
	{ "rule name too long", NAME("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	  "3:11: name: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is too long; accepted: " NAME_TEXT },
	{ "rule name is empty", NAME("\"\""),
	  "3:11: name: is empty; accepted: " NAME_TEXT },
	{ "rule name with NUL", NAME("\"a\\0b\""),
	  "3:11: name: contains a NUL character; accepted: " NAME_TEXT },
	{ "rule name quoted in one line", NAME("\"a\\nb\\e\""),
	  "3:11: name: 'a\\x0ab\\x1b' is no rule name; accepted: " NAME_TEXT },
	{ "interface name too long", "interfaces: [abcdefghijklmnop]\n",
	  "1:14: interfaces: 'abcdefghijklmnop' is too long; accepted: " INTERFACES_TEXT },
	{ "interface name with a slash", "interfaces: [a/b]\n",
	  "1:14: interfaces: 'a/b' is no interface name; accepted: " INTERFACES_TEXT },
	{ "interface name of dots", "interfaces: [..]\n",
	  "1:14: interfaces: '..' is no interface name; accepted: " INTERFACES_TEXT },

	/* numbers */
	{ "weight 0", SERVERS("{server: \"10.9.0.10:21\", weight: 0}"),
	  "5:47: weight: '0' is out of range; accepted: a number from 1 to 1000" },
	{ "weight 1001", SERVERS("{server: \"10.9.0.10:21\", weight: 1001}"),
	  "5:47: weight: '1001' is out of range; accepted: a number from 1 to 1000" },
	{ "weight is no number", SERVERS("{server: \"10.9.0.10:21\", weight: two}"),
	  "5:47: weight: 'two' is no number; accepted: a number from 1 to 1000" },
	{ "limit 0", PUBLISHED "limits: {control: 0}\n",
	  "6:19: control: '0' is out of range; accepted: " LIMIT_TEXT },
	{ "limit too large", PUBLISHED "limits: {data: 67108865}\n",
	  "6:16: data: '67108865' is out of range; accepted: " LIMIT_TEXT },
	{ "limit of many digits", PUBLISHED "limits: {expected: 99999999999999999999}\n",
	  "6:20: expected: '99999999999999999999' is out of range; accepted: " LIMIT_TEXT },
	{ "limit negative", PUBLISHED "limits: {control: -1}\n",
	  "6:19: control: '-1' is no number; accepted: " LIMIT_TEXT },
	{ "limit hexadecimal", PUBLISHED "limits: {control: 0x10}\n",
	  "6:19: control: '0x10' is no number; accepted: " LIMIT_TEXT },
	{ "timeout 0", PUBLISHED "timeouts: {control: 0s}\n",
	  "6:21: control: '0s' is out of range; accepted: " TIME_TEXT },
	{ "timeout over 30 days", PUBLISHED "timeouts: {data: 2592001}\n",
	  "6:18: data: '2592001' is out of range; accepted: " TIME_TEXT },
	{ "timeout over 30 days in hours", PUBLISHED "timeouts: {data: 721h}\n",
	  "6:18: data: '721h' is out of range; accepted: " TIME_TEXT },
	{ "timeout of unknown unit", PUBLISHED "timeouts: {closing: 4w}\n",
	  "6:21: closing: '4w' is no time; accepted: " TIME_TEXT },
	{ "timeout without number", PUBLISHED "timeouts: {closing: s}\n",
	  "6:21: closing: 's' is no time; accepted: " TIME_TEXT },

	/* addresses */
	{ "listen without port", LISTEN("192.0.2.10"),
	  "4:13: listen: '192.0.2.10' is no address with port; accepted: " LISTEN_TEXT },
	{ "listen with port 0", LISTEN("192.0.2.10:0"),
	  "4:13: listen: '192.0.2.10:0' is no address with port; accepted: " LISTEN_TEXT },
	{ "listen with port 65536", LISTEN("192.0.2.10:65536"),
	  "4:13: listen: '192.0.2.10:65536' is no address with port; accepted: " LISTEN_TEXT },
	{ "listen of five octets", LISTEN("192.0.2.10.1:21"),
	  "4:13: listen: '192.0.2.10.1:21' is no address with port; accepted: " LISTEN_TEXT },
	{ "listen IPv6 without brackets", LISTEN("2001:db8::10:21"),
	  "4:13: listen: '2001:db8::10:21' is no address with port; accepted: " LISTEN_TEXT },
	{ "listen IPv4 in brackets", LISTEN("\"[192.0.2.10]:21\""),
	  "4:13: listen: '[192.0.2.10]:21' is no address with port; accepted: " LISTEN_TEXT },
	{ "listen IPv4-mapped", LISTEN("\"[::ffff:192.0.2.10]:21\""),
	  "4:13: listen: '[::ffff:192.0.2.10]:21' is no address with port; accepted: " LISTEN_TEXT },
	{ "listen on any address", LISTEN("0.0.0.0:21"),
	  "4:13: listen: '0.0.0.0:21' is no address of a host; accepted: " LISTEN_TEXT },
	{ "listen on any IPv6 address", LISTEN("\"[::]:21\""),
	  "4:13: listen: '[::]:21' is no address of a host; accepted: " LISTEN_TEXT },
	{ "listen on multicast", LISTEN("224.0.0.1:21"),
	  "4:13: listen: '224.0.0.1:21' is no address of a host; accepted: " LISTEN_TEXT },
	{ "second listen of a list", LISTEN("[\"192.0.2.10:21\", \"192.0.2.300:21\"]"),
	  "4:31: listen: '192.0.2.300:21' is no address with port; accepted: " LISTEN_TEXT },
	{ "server is a host name", SERVERS("ftp.example.com:21"),
	  "5:14: servers: 'ftp.example.com:21' is no address with port; accepted: " SERVERS_TEXT },
	{ "server in a mapping", SERVERS("[{server: 10.9.0.10}]"),
	  "5:24: server: '10.9.0.10' is no address with port; accepted: " ENDPOINT_TEXT },
	{ "server is broadcast", SERVERS("255.255.255.255:21"),
	  "5:14: servers: '255.255.255.255:21' is no address of a host; accepted: " SERVERS_TEXT },
	{ "source address of two families", PUBLISH("source: [10.9.0.1, 10.9.0.2]"),
	  "6:24: source: '10.9.0.2' is a second IPv4 address; accepted: " SOURCE_TEXT },
	{ "source is multicast", PUBLISH("source: 239.0.0.1"),
	  "6:13: source: '239.0.0.1' is no address of a host; accepted: " SOURCE_TEXT },
	{ "data_address of bad octets", PUBLISH("data_address: 192.0.2.300"),
	  "6:19: data_address: '192.0.2.300' is no address; accepted: " DATA_ADDRESS_TEXT },
	{ "data_address with a bad character",
	  PUBLISH("data_address: ftp_server.example/com"),
	  "6:19: data_address: 'ftp_server.example/com' is no address; accepted: " DATA_ADDRESS_TEXT },
	{ "data_address two host names",
	  PUBLISH("data_address: [ftp.example.com, ftp.example.org]"),
	  "6:20: data_address: 'ftp.example.com' is no address; accepted: " DATA_ADDRESS_TEXT },
	{ "clients is no prefix", CLIENTS("lan"),
	  "4:14: clients: 'lan' is no prefix; accepted: " CLIENTS_TEXT },
	{ "clients of 33 bits", CLIENTS("192.168.5.0/33"),
	  "4:14: clients: '192.168.5.0/33' is no prefix; accepted: " CLIENTS_TEXT },
	{ "clients of 129 bits", CLIENTS("\"2001:db8::/129\""),
	  "4:14: clients: '2001:db8::/129' is no prefix; accepted: " CLIENTS_TEXT },
	{ "clients with bits behind the length", CLIENTS("192.168.5.1/24"),
	  "4:14: clients: '192.168.5.1/24' has bits behind its length, '192.168.5.0/24' has none; accepted: " CLIENTS_TEXT },
	{ "clients with bits behind the length, IPv6", CLIENTS("\"2001:db8::1/64\""),
	  "4:14: clients: '2001:db8::1/64' has bits behind its length, '2001:db8::/64' has none; accepted: " CLIENTS_TEXT },
	{ "clients is empty", CLIENTS("[]"),
	  "4:14: clients: is an empty list; accepted: " CLIENTS_TEXT },

	/* ports */
	{ "data_ports above 65535", PUBLISH("data_ports: 70000"),
	  "6:17: data_ports: '70000' is not a port range; accepted: " PORTS_TEXT },
	{ "data_ports from 0", PUBLISH("data_ports: 0-1024"),
	  "6:17: data_ports: '0-1024' is not a port range; accepted: " PORTS_TEXT },
	{ "data_ports reversed", PUBLISH("data_ports: 2048-1024"),
	  "6:17: data_ports: '2048-1024' is a reversed range; accepted: " PORTS_TEXT },
	{ "data_ports without end", PUBLISH("data_ports: 1024-"),
	  "6:17: data_ports: '1024-' is not a port range; accepted: " PORTS_TEXT },
	{ "data_ports of three", PUBLISH("data_ports: 1-2-3"),
	  "6:17: data_ports: '1-2-3' is not a port range; accepted: " PORTS_TEXT },
	{ "control port 0", MASQUERADE("control_ports: [21, 0]"),
	  "6:25: control_ports: '0' is no port; accepted: " CONTROL_TEXT },
	{ "control port is a range", MASQUERADE("control_ports: 21-22"),
	  "6:20: control_ports: '21-22' is no port; accepted: " CONTROL_TEXT },
	{ "control port twice", MASQUERADE("control_ports: [21, 2121, 21]"),
	  "6:31: control_ports: '21' stands twice; accepted: each port once" },
	{ "control_ports is empty", MASQUERADE("control_ports: []"),
	  "6:20: control_ports: is an empty list; accepted: " CONTROL_TEXT },
	{ "guard port",
	  PUBLISHED "guard:\n"
		    "  - {interface: eth0, ports: [20, 9-1]}\n",
	  "7:35: ports: '9-1' is a reversed range; accepted: PORT, MIN-MAX, or a list of them" },
	{ "tls_data_ports with a control port", PUBLISH("tls_data_ports: 20-99"),
	  "6:21: tls_data_ports: '20-99' has port 21, on which rule 'files' listens; accepted: ports without it" },
	{ "tls_data_ports", PUBLISH("tls_data_ports: all"),
	  "6:21: tls_data_ports: 'all' is not a port range; accepted: " PORTS_TEXT },
	{ "health on", PUBLISH("health: on"),
	  "6:13: health is no mapping; accepted: a mapping with the keys interval, timeout, rise, fall" },
	{ "health with another key", PUBLISH("health: {every: 5s}"),
	  "6:14: unknown key 'every' in health; accepted: interval, timeout, rise, fall" },
	{ "health interval", PUBLISH("health: {interval: 2h}"),
	  "6:24: interval: '2h' is out of range; accepted: 1s to 1h, with s, m, h or as plain seconds" },
	{ "health fall", PUBLISH("health: {fall: 0}"),
	  "6:20: fall: '0' is out of range; accepted: a number from 1 to 100" },
	{ "metrics endpoint", PUBLISHED "metrics: {listen: 9821}\n",
	  "6:19: listen: '9821' is no address with port; accepted: " ENDPOINT_TEXT },

	/* what contradicts */
	{ "no rule at all", INTERFACES,
	  "1:1: no rule; accepted: at least one under publish, masquerade or track" },
	{ "empty lists of rules",
	  INTERFACES "publish: []\n"
		     "masquerade: []\n"
		     "track: []\n",
	  "1:1: no rule; accepted: at least one under publish, masquerade or track" },
	{ "interface twice",
	  "interfaces: [eth0, eth1, eth0]\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    listen: 192.0.2.10:21\n"
	  "    servers: 10.9.0.10:21\n",
	  "1:26: interfaces: 'eth0' stands twice; accepted: each interface once" },
	{ "rule name twice",
	  PUBLISHED "  - name: files\n"
		    "    listen: 192.0.2.11:21\n"
		    "    servers: 10.9.0.10:21\n",
	  "6:11: name: 'files' is the name of the rule on line 3; accepted: a name of its own" },
	{ "rule name twice over kinds",
	  PUBLISHED "masquerade:\n"
		    "  - name: files\n"
		    "    clients: 192.168.5.0/24\n"
		    "    to: 203.0.113.7\n",
	  "7:11: name: 'files' is the name of the rule on line 3; accepted: a name of its own" },
	{ "listen twice in a rule", LISTEN("[192.0.2.10:21, 192.0.2.10:21]"),
	  "4:29: listen: '192.0.2.10:21' is taken by rule 'files' on line 4; accepted: each ADDRESS:PORT once" },
	{ "listen twice over rules",
	  PUBLISHED "  - name: more\n"
		    "    listen: 192.0.2.10:21\n"
		    "    servers: 10.9.0.10:21\n",
	  "7:13: listen: '192.0.2.10:21' is taken by rule 'files' on line 4; accepted: each ADDRESS:PORT once" },
	{ "listen twice in two spellings",
	  INTERFACES "publish:\n"
		     "  - name: files\n"
		     "    listen: \"[2001:db8::10]:21\"\n"
		     "    servers: \"[fd00::1]:21\"\n"
		     "  - name: more\n"
		     "    listen: \"[2001:DB8:0::10]:21\"\n"
		     "    servers: \"[fd00::1]:21\"\n",
	  "7:13: listen: '[2001:db8::10]:21' is taken by rule 'files' on line 4; accepted: each ADDRESS:PORT once" },
	{ "server twice",
	  SERVERS("[\"10.9.0.10:21\", {server: \"10.9.0.10:21\", weight: 2}]"),
	  "5:31: servers: '10.9.0.10:21' stands twice; accepted: each server once, with a weight" },
	{ "listen without server of its family",
	  LISTEN("[\"192.0.2.10:21\", \"[2001:db8::10]:21\"]"),
	  "4:31: listen: rule 'files' has no IPv6 server for it; accepted: a server of the same family for each listen" },
	{ "server without listen of its family",
	  SERVERS("[\"10.9.0.10:21\", \"[fd00::10]:21\"]"),
	  "5:31: servers: rule 'files' has no IPv6 listen, nobody can reach this server; accepted: a listen of the same family" },
	{ "source of another family", PUBLISH("source: \"fd00::1\""),
	  "6:13: source: no IPv4 address, but rule 'files' has IPv4 servers; accepted: an address of each family of the servers" },
	{ "source lacks a family",
	  INTERFACES "publish:\n"
		     "  - name: files\n"
		     "    listen: [\"192.0.2.10:21\", \"[2001:db8::10]:21\"]\n"
		     "    servers: [\"10.9.0.10:21\", \"[fd00::10]:21\"]\n"
		     "    source: 10.9.0.1\n",
	  "6:13: source: no IPv6 address, but rule 'files' has IPv6 servers; accepted: an address of each family of the servers" },
	{ "source of a family too many", PUBLISH("source: [10.9.0.1, \"fd00::1\"]"),
	  "6:13: source: rule 'files' has no IPv6 server; accepted: addresses of the servers' families" },
	{ "data_address of another family", PUBLISH("data_address: \"2001:db8::1\""),
	  "6:19: data_address: rule 'files' has no IPv6 listen, nobody would see this address; accepted: addresses of the listens' families" },
	{ "to of another family", TO("\"2001:db8::7\""),
	  "5:9: to: no IPv4 address, but rule 'lan' has IPv4 clients; accepted: interface, or an address of each family of the clients" },
	{ "to lacks a family", CLIENTS("[192.168.5.0/24, \"2001:db8:5::/48\"]"),
	  "5:9: to: no IPv6 address, but rule 'lan' has IPv6 clients; accepted: interface, or an address of each family of the clients" },
	{ "to of a family too many", TO("[203.0.113.7, \"2001:db8::7\"]"),
	  "5:9: to: rule 'lan' has no IPv6 clients; accepted: addresses of the clients' families" },
	{ "to of one family twice", TO("[203.0.113.7, 203.0.113.8]"),
	  "5:23: to: '203.0.113.8' is a second IPv4 address; accepted: " TO_TEXT },
	{ "clients twice in a rule", CLIENTS("[192.168.5.0/24, 192.168.5.0/24]"),
	  "4:31: clients: '192.168.5.0/24' is taken by rule 'lan' on line 4 for the same control port; accepted: each prefix and port once" },
	{ "clients twice over rules",
	  INTERFACES "masquerade:\n"
		     "  - name: lan\n"
		     "    clients: 192.168.5.0/24\n"
		     "    to: 203.0.113.7\n"
		     "    control_ports: [21, 2121]\n"
		     "  - name: wan\n"
		     "    clients: 192.168.5.0/24\n"
		     "    to: 203.0.113.7\n"
		     "    control_ports: [2121]\n",
	  "8:14: clients: '192.168.5.0/24' is taken by rule 'lan' on line 4 for the same control port; accepted: each prefix and port once" },
	{ "guard of an interface not listed",
	  PUBLISHED "guard:\n"
		    "  - {interface: eth7, ports: 20}\n",
	  "7:17: interface: 'eth7' is not listed under interfaces; accepted: one of those" },

	/* guard, data_address_for */
	{ "two guards of one interface",
	  PUBLISHED "guard:\n"
		    "  - {interface: eth0, ports: 20}\n"
		    "  - {interface: eth0, ports: 1024-65535}\n",
	  "8:17: interface: 'eth0' has a guard on line 7; accepted: one guard for each interface" },
	{ "data_address_for of two families",
	  PUBLISHED "    data_address_for: \n"
		    "      - {clients: 10.0.0.0/8, address: \"2001:db8::3\"}\n",
	  "7:9: data_address_for: '2001:db8::3' is of another family than 10.0.0.0/8; accepted: an address of the clients' family" },
};

static void check_row(const struct row *row)
{
	struct config_error err = { "" };
	struct config *cfg = NULL;
	char expected[sizeof(err.text)];

	snprintf(expected, sizeof(expected), "rules.yaml:%s", row->message);
	assert_true(config_load_text("rules.yaml", row->yaml, strlen(row->yaml), &cfg,
				     &err) < 0);
	assert_null(cfg);
	assert_string_equal(err.text, expected);
}

static void each_row(void **state)
{
	check_row(*state);
}

/* ---- lists that are too long ---- */

/* Expects `message` of the file that is written to `file`; *text is its memory. */
static void check_long(FILE *file, char **text, size_t *len, const char *message)
{
	struct config_error err = { "" };
	struct config *cfg = NULL;
	char expected[sizeof(err.text)];

	assert_int_equal(fclose(file), 0);
	snprintf(expected, sizeof(expected), "rules.yaml:%s", message);
	assert_int_equal(config_load_text("rules.yaml", *text, *len, &cfg, &err),
			 -EINVAL);
	assert_string_equal(err.text, expected);
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
	struct config_error err;
	struct config *cfg = NULL;

	(void)state;
	assert_int_equal(config_load("/nonexistent/rules.yaml", &cfg, &err), -ENOENT);
	assert_string_equal(
		err.text,
		"/nonexistent/rules.yaml: can't be read: No such file or directory");
	assert_int_equal(config_load("/", &cfg, &err), -EISDIR);
	assert_string_equal(err.text, "/: can't be read: Is a directory");
	assert_int_equal(config_load("/dev/zero", &cfg, &err), -EFBIG);
	assert_string_equal(err.text,
			    "/dev/zero: is too long; accepted: at most 4194304 bytes");
	assert_null(cfg);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows)];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_too_many_interfaces),
		cmocka_unit_test(test_too_many_rules),
		cmocka_unit_test(test_too_many_publish_rules),
		cmocka_unit_test(test_too_many_listens),
		cmocka_unit_test(test_too_many_servers_of_a_rule),
		cmocka_unit_test(test_too_many_servers),
		cmocka_unit_test(test_too_many_selectors),
		cmocka_unit_test(test_files),
	};
	int failed;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[i] = (struct CMUnitTest){ rows[i].name, each_row, NULL, NULL,
						(void *)&rows[i] };
	failed = cmocka_run_group_tests_name("config_errors", tests, NULL, NULL);
	return failed + cmocka_run_group_tests_name("config_limits", others, NULL, NULL);
}
