// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The messages for wrong configuration files: every class of error, with line and
 * column.
 */
#include "lib/config_rows.h"
#include "base/util.h"
#include "config/commands.h"
#include "config/qos.h"

#define COMMANDS                                                                         \
	"a command of up to 8 letters and digits like DELE, SITE with its own one like " \
	"\"SITE CHMOD\", or a list of them"
#define MARK  CONFIG_MARK_TEXT
#define DSCP  CONFIG_DSCP_TEXT
#define LEAST "a mapping with at least name, listen, servers"

static const struct config_row rows[] = {
	/* syntax */
	{ "flow list not closed",
	  "interfaces: [eth0\n"
	  "publish: []\n",
	  "2:8: YAML syntax: ',' or ']' is missing in the list that begins on line 1; accepted: [ITEM, ITEM]" },
	{ "IPv6 endpoint without quotes", LISTEN("[2001:db8::10]:21"),
	  "4:27: YAML syntax: this line is not a key of the mapping that begins on line 3; accepted: quotes around IPv6 and port as in \"[2001:db8::10]:21\"" },
	{ "tab as indentation",
	  "interfaces:\n"
	  "\t- eth0\n",
	  "2:1: YAML syntax: no value begins with this character; accepted: spaces instead of tabs" },
	{ "bad indentation", INTERFACES " publish: []\n",
	  "2:2: YAML syntax: this line is not a key of the mapping that begins on line 1; accepted: 'KEY: VALUE', all keys in one column" },
	{ "not UTF-8", INTERFACES "# \377\n",
	  "2:3: YAML syntax: a byte that is not UTF-8; accepted: text in UTF-8" },
	{ "control character", INTERFACES "# a\001\n",
	  "2:4: YAML syntax: a control character; accepted: text in UTF-8" },
	{ "undefined alias", INTERFACES "publish: *rules\n",
	  "2:10: YAML syntax: '*NAME' without an '&NAME' before it; accepted: quotes around a text that begins with *" },
	{ "string not closed", "interfaces: [\"eth0]\n",
	  "2:1: YAML syntax: no quote closes the one on line 1; accepted: a quote on both sides of a text" },
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
	  "7:1: YAML syntax: text behind the end of the document; accepted: one document" },
	{ "file is a list", "- eth0\n",
	  "1:1: the file is not a mapping; accepted: a mapping with the keys " FILE_KEYS },
	{ "file is a word", "eth0\n",
	  "1:1: the file is not a mapping; accepted: a mapping with the keys " FILE_KEYS },

	/* keys */
	{ "unknown key", INTERFACES "interface: [eth1]\n",
	  "2:1: unknown key 'interface' in the file (did you mean 'interfaces'?); accepted: " FILE_KEYS },
	{ "unknown key like no other", INTERFACES "colour: red\n",
	  "2:1: unknown key 'colour' in the file; accepted: " FILE_KEYS },
	{ "unknown key in a publish rule", PUBLISH("lisen: 192.0.2.11:21"),
	  "6:5: unknown key 'lisen' in a publish rule (did you mean 'listen'?); accepted: " PUBLISH_KEYS },
	{ "unknown key in a masquerade rule", MASQUERADE("servers: 10.0.0.1:21"),
	  "6:5: unknown key 'servers' in a masquerade rule; accepted: name, clients, to, prefix64, control_ports, data_ports, modes, foreign_data, tls, commands, tls_data_ports, deny, refuse, per_client, max_sessions, mark, dscp, rate" },
	{ "unknown key of a server", SERVERS("{server: \"10.9.0.10:21\", wait: 3}"),
	  "5:39: unknown key 'wait' in a server; accepted: server, weight" },
	{ "unknown limit", PUBLISHED "limits: {controls: 5}\n",
	  "6:10: unknown key 'controls' in limits (did you mean 'control'?); accepted: control, data, expected" },
	{ "unknown timeout", PUBLISHED "timeouts: {idle: 5s}\n",
	  "6:12: unknown key 'idle' in timeouts; accepted: control, data, closing, expected" },
	{ "merge key",
	  INTERFACES "publish:\n"
		     "  - <<: {name: a}\n",
	  "3:5: unknown key '<<' in a publish rule; accepted: " PUBLISH_KEYS "\n"
	  "3:5: key 'name' is missing in a publish rule; accepted: " LEAST "\n"
	  "3:5: key 'listen' is missing in a publish rule; accepted: " LEAST "\n"
	  "3:5: key 'servers' is missing in a publish rule; accepted: " LEAST },
	{ "key with control characters", INTERFACES "\"a\\nb\\0\": 1\n",
	  "2:1: unknown key 'a\\x0ab' in the file; accepted: " FILE_KEYS },
	{ "key is a list",
	  INTERFACES "? [publish]\n"
		     ": 1\n",
	  "2:3: key of the file is not a word; accepted: " FILE_KEYS },
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
	  "2:10: publish: 'files' is not a list; accepted: a list of rules" },
	{ "publish has no value", INTERFACES "publish:\n",
	  "2:9: publish: is empty; accepted: a list of rules" },
	{ "publish is a mapping",
	  INTERFACES "publish:\n"
		     "  name: files\n",
	  "3:3: publish: is a mapping, not a list; accepted: a list of rules, with `- ` before each" },
	{ "publish rule is a word", INTERFACES "publish: [files]\n",
	  "2:11: a publish rule is not a mapping; accepted: a mapping with the keys " PUBLISH_KEYS },
	{ "listen is a mapping", LISTEN("{address: 192.0.2.10}"),
	  "4:13: listen: is a mapping; accepted: " LISTEN_TEXT },
	{ "server is a list", SERVERS("[[\"10.9.0.10:21\"]]"),
	  "5:15: a server is not a mapping; accepted: a mapping with the keys server, weight" },
	{ "limits is a number", PUBLISHED "limits: 5\n",
	  "6:9: limits is not a mapping; accepted: a mapping with the keys control, data, expected" },
	{ "limits has no value", PUBLISHED "limits:\n",
	  "6:8: limits is not a mapping; accepted: a mapping with the keys control, data, expected" },
	{ "data_ports is a list", PUBLISH("data_ports: [1024-2047, 4096-8191]"),
	  "6:17: data_ports: is a list; accepted: " PORTS_TEXT },
	{ "timeout is a list", PUBLISHED "timeouts: {data: [5s]}\n",
	  "6:18: data: is a list; accepted: " TIME_TEXT },

	/* words */
	{ "xdp", INTERFACES "xdp: fast\n",
	  "2:6: xdp: 'fast' is not one of the choices; accepted: auto, native, generic, off" },
	{ "xdp: no", "interfaces: eth0\nxdp: no\n",
	  "2:6: xdp: 'no' is not one of the choices (did you mean off?); accepted: auto, native, generic, off" },
	{ "tcx", INTERFACES "tcx: before\n",
	  "2:6: tcx: 'before' is not one of the choices; accepted: first, last, off" },
	{ "xdp is empty", INTERFACES "xdp: \"\"\n",
	  "2:6: xdp: is empty; accepted: auto, native, generic, off" },
	{ "mode", PUBLISH("modes: [passive, extended]"),
	  "6:22: modes: 'extended' is not one of the choices; accepted: " MODES_TEXT },
	{ "mode twice", PUBLISH("modes: [passive, passive]"),
	  "6:22: modes: 'passive' is listed twice; accepted: " MODES_TEXT },
	{ "no mode", PUBLISH("modes: []"),
	  "6:12: modes: is an empty list; accepted: " MODES_TEXT },
	{ "foreign_data", PUBLISH("foreign_data: yes"),
	  "6:19: foreign_data: 'yes' is not one of the choices; accepted: deny, allow" },
	{ "tls", PUBLISH("tls: allow"),
	  "6:10: tls: 'allow' is not one of the choices; accepted: pass, deny, require" },
	{ "source", PUBLISH("source: nat"),
	  "6:13: source: 'nat' is not an address; accepted: " SOURCE_TEXT },
	{ "source is a mapping", PUBLISH("source: {address: 10.9.0.1}"),
	  "6:13: source: is a mapping; accepted: " SOURCE_TEXT },
	{ "source list with a word", PUBLISH("source: [gateway]"),
	  "6:14: source: 'gateway' is not an address; accepted: " SOURCE_TEXT },
	{ "source list is empty", PUBLISH("source: []"),
	  "6:13: source: is an empty list; accepted: " SOURCE_TEXT },
	{ "to", TO("eth0"), "5:9: to: 'eth0' is not an address; accepted: " TO_TEXT },
	{ "to is empty", TO("[]"), "5:9: to: is an empty list; accepted: " TO_TEXT },

	/* names */
	{ "rule name with a space", NAME("my files"),
	  "3:11: name: 'my files' is not a name; accepted: " NAME_TEXT },
	{ "rule name too long", NAME("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	  "3:11: name: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is too long; accepted: " NAME_TEXT },
	{ "rule name is empty", NAME("\"\""),
	  "3:11: name: is empty; accepted: " NAME_TEXT },
	{ "rule name with NUL", NAME("\"a\\0b\""),
	  "3:11: name: contains a NUL character; accepted: " NAME_TEXT },
	{ "rule name quoted in one line", NAME("\"a\\nb\\e\""),
	  "3:11: name: 'a\\x0ab\\x1b' is not a name; accepted: " NAME_TEXT },
	{ "interface name too long", "interfaces: [abcdefghijklmnop]\n",
	  "1:14: interfaces: 'abcdefghijklmnop' is too long; accepted: " INTERFACES_TEXT },
	{ "interface name with a slash", "interfaces: [a/b]\n",
	  "1:14: interfaces: 'a/b' is not an interface name; accepted: " INTERFACES_TEXT },
	{ "interface name of dots", "interfaces: [..]\n",
	  "1:14: interfaces: '..' is not an interface name; accepted: " INTERFACES_TEXT },

	/* numbers */
	{ "weight 0", SERVERS("{server: \"10.9.0.10:21\", weight: 0}"),
	  "5:47: weight: '0' is out of range; accepted: a number from 1 to 1000" },
	{ "weight 1001", SERVERS("{server: \"10.9.0.10:21\", weight: 1001}"),
	  "5:47: weight: '1001' is out of range; accepted: a number from 1 to 1000" },
	{ "weight is not a number", SERVERS("{server: \"10.9.0.10:21\", weight: two}"),
	  "5:47: weight: 'two' is not a number; accepted: a number from 1 to 1000" },
	{ "limit 0", PUBLISHED "limits: {control: 0}\n",
	  "6:19: control: '0' is out of range; accepted: " LIMIT_TEXT },
	{ "limit too large", PUBLISHED "limits: {data: 67108865}\n",
	  "6:16: data: '67108865' is out of range; accepted: " LIMIT_TEXT },
	{ "limit of many digits", PUBLISHED "limits: {expected: 99999999999999999999}\n",
	  "6:20: expected: '99999999999999999999' is out of range; accepted: " LIMIT_TEXT },
	{ "limit negative", PUBLISHED "limits: {control: -1}\n",
	  "6:19: control: '-1' is not a number; accepted: " LIMIT_TEXT },
	{ "limit hexadecimal", PUBLISHED "limits: {control: 0x10}\n",
	  "6:19: control: '0x10' is not a number; accepted: " LIMIT_TEXT },
	{ "timeout 0", PUBLISHED "timeouts: {control: 0s}\n",
	  "6:21: control: '0s' is out of range; accepted: " TIME_TEXT },
	{ "timeout over 30 days", PUBLISHED "timeouts: {data: 2592001}\n",
	  "6:18: data: '2592001' is out of range; accepted: " TIME_TEXT },
	{ "timeout over 30 days in hours", PUBLISHED "timeouts: {data: 721h}\n",
	  "6:18: data: '721h' is out of range; accepted: " TIME_TEXT },
	{ "timeout of unknown unit", PUBLISHED "timeouts: {closing: 4w}\n",
	  "6:21: closing: '4w' is not a time; accepted: " TIME_TEXT },
	{ "timeout without number", PUBLISHED "timeouts: {closing: s}\n",
	  "6:21: closing: 's' is not a time; accepted: " TIME_TEXT },

	/* addresses */
	{ "listen without port", LISTEN("192.0.2.10"),
	  "4:13: listen: '192.0.2.10' has no port; accepted: " LISTEN_TEXT },
	{ "listen with port 0", LISTEN("192.0.2.10:0"),
	  "4:13: listen: '192.0.2.10:0' has a port out of range; accepted: " LISTEN_TEXT },
	{ "listen with port 65536", LISTEN("192.0.2.10:65536"),
	  "4:13: listen: '192.0.2.10:65536' has a port out of range; accepted: " LISTEN_TEXT },
	{ "listen with a port of six digits", LISTEN("192.0.2.10:210000"),
	  "4:13: listen: '192.0.2.10:210000' has a port out of range; accepted: " LISTEN_TEXT },
	{ "listen is a host name", LISTEN("ftp.example.com"),
	  "4:13: listen: 'ftp.example.com' is a host name, where an address is needed; accepted: " LISTEN_TEXT },
	{ "listen of five octets", LISTEN("192.0.2.10.1:21"),
	  "4:13: listen: '192.0.2.10.1:21' is not an address with port; accepted: " LISTEN_TEXT },
	{ "listen IPv6 without brackets", LISTEN("2001:db8::10:21"),
	  "4:13: listen: '2001:db8::10:21' has no port; accepted: " LISTEN_TEXT },
	{ "listen IPv4 in brackets", LISTEN("\"[192.0.2.10]:21\""),
	  "4:13: listen: '[192.0.2.10]:21' is not an address with port; accepted: " LISTEN_TEXT },
	{ "listen IPv4-mapped", LISTEN("\"[::ffff:192.0.2.10]:21\""),
	  "4:13: listen: '[::ffff:192.0.2.10]:21' is not an address with port; accepted: " LISTEN_TEXT },
	{ "listen on any address", LISTEN("0.0.0.0:21"),
	  "4:13: listen: '0.0.0.0:21' means all addresses: list each one instead; accepted: " LISTEN_TEXT },
	{ "listen on any IPv6 address", LISTEN("\"[::]:21\""),
	  "4:13: listen: '[::]:21' means all addresses: list each one instead; accepted: " LISTEN_TEXT },
	{ "listen on multicast", LISTEN("224.0.0.1:21"),
	  "4:13: listen: '224.0.0.1:21' is not the address of a host; accepted: " LISTEN_TEXT },
	{ "second listen of a list", LISTEN("[\"192.0.2.10:21\", \"192.0.2.300:21\"]"),
	  "4:31: listen: '192.0.2.300:21' is not an address with port; accepted: " LISTEN_TEXT },
	{ "server is a host name", SERVERS("ftp.example.com:21"),
	  "5:14: servers: 'ftp.example.com:21' is a host name, where an address is needed; accepted: " SERVERS_TEXT },
	{ "server in a mapping", SERVERS("[{server: 10.9.0.10}]"),
	  "5:24: server: '10.9.0.10' has no port; accepted: " ENDPOINT_TEXT },
	{ "server is broadcast", SERVERS("255.255.255.255:21"),
	  "5:14: servers: '255.255.255.255:21' is not the address of a host; accepted: " SERVERS_TEXT },
	{ "source address of two families", PUBLISH("source: [10.9.0.1, 10.9.0.2]"),
	  "6:24: source: '10.9.0.2' is a second IPv4 address; accepted: " SOURCE_TEXT },
	{ "source is multicast", PUBLISH("source: 239.0.0.1"),
	  "6:13: source: '239.0.0.1' is not the address of a host; accepted: " SOURCE_TEXT },
	{ "data_address of bad octets", PUBLISH("data_address: 192.0.2.300"),
	  "6:19: data_address: '192.0.2.300' is not an address; accepted: " DATA_ADDRESS_TEXT },
	{ "data_address with a bad character",
	  PUBLISH("data_address: ftp_server.example/com"),
	  "6:19: data_address: 'ftp_server.example/com' is not an address; accepted: " DATA_ADDRESS_TEXT },
	{ "data_address two host names",
	  PUBLISH("data_address: [ftp.example.com, ftp.example.org]"),
	  "6:20: data_address: 'ftp.example.com' is not an address; accepted: " DATA_ADDRESS_TEXT },
	{ "data_address is IPv6", PUBLISH("data_address: \"2001:db8::1\""),
	  "6:19: data_address: '2001:db8::1' is an IPv6 address, which no reply names; accepted: " DATA_ADDRESS_TEXT },
	{ "data_address of both families",
	  PUBLISH("data_address: [203.0.113.80, \"2001:db8::1\"]"),
	  "6:34: data_address: '2001:db8::1' is an IPv6 address, which no reply names; accepted: " DATA_ADDRESS_TEXT },
	{ "data_address_for names an IPv6 address",
	  PUBLISH("data_address_for: [{clients: 10.0.0.0/8, address: \"2001:db8::1\"}]"),
	  "6:55: address: '2001:db8::1' is an IPv6 address, which no reply names; accepted: an IPv4 address" },
	{ "data_address_for is a word", PUBLISH("data_address_for: 10.0.0.1"),
	  "6:23: data_address_for: '10.0.0.1' is not a mapping; accepted: a list of {clients: PREFIX, address: ADDRESS}" },
	{ "clients is not a prefix", CLIENTS("lan"),
	  "4:14: clients: 'lan' is not a prefix; accepted: " CLIENTS_TEXT },
	{ "clients of 33 bits", CLIENTS("192.168.5.0/33"),
	  "4:14: clients: '192.168.5.0/33' is not a prefix; accepted: " CLIENTS_TEXT },
	{ "clients of 129 bits", CLIENTS("\"2001:db8::/129\""),
	  "4:14: clients: '2001:db8::/129' is not a prefix; accepted: " CLIENTS_TEXT },
	{ "clients with bits behind the length", CLIENTS("192.168.5.1/24"),
	  "4:14: clients: '192.168.5.1/24' has host bits set (did you mean '192.168.5.0/24'?); accepted: " CLIENTS_TEXT },
	{ "clients with bits behind the length, IPv6", CLIENTS("\"2001:db8::1/64\""),
	  "4:14: clients: '2001:db8::1/64' has host bits set (did you mean '2001:db8::/64'?); accepted: " CLIENTS_TEXT },
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
	  "6:25: control_ports: '0' is not a port; accepted: " CONTROL_TEXT },
	{ "control port is a range", MASQUERADE("control_ports: 21-22"),
	  "6:20: control_ports: '21-22' is not a port; accepted: " CONTROL_TEXT },
	{ "control port twice", MASQUERADE("control_ports: [21, 2121, 21]"),
	  "6:31: control_ports: '21' is listed twice; accepted: each port once" },
	{ "tls_data_ports of a masquerade rule", MASQUERADE("tls_data_ports: 0"),
	  "6:21: tls_data_ports: '0' is not a port range; accepted: " PORTS_TEXT },
	{ "tls_data_ports of a track rule",
	  "interfaces: eth0\ntrack:\n  - {name: dmz, servers: 10.0.0.0/8, tls_data_ports: 9-1}\n",
	  "3:54: tls_data_ports: '9-1' is a reversed range; accepted: " PORTS_TEXT },
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
	{ "clients is empty", PUBLISH("clients: []"),
	  "6:14: clients: is an empty list; accepted: " LISTS_TEXT },
	{ "a client that is a name", PUBLISH("clients: [10.0.0.0/8, home]"),
	  "6:27: clients: 'home' is not a prefix; accepted: " LISTS_TEXT },
	{ "deny with host bits", PUBLISH("deny: 10.1.0.0/8"),
	  "6:11: deny: '10.1.0.0/8' has host bits set (did you mean '10.0.0.0/8'?); accepted: " LISTS_TEXT },
	{ "deny of a masquerade rule", MASQUERADE("deny: all"),
	  "6:11: deny: 'all' is not a prefix; accepted: " LISTS_TEXT },
	{ "deny with another key", PUBLISH("deny: {path: x}"),
	  "6:11: key 'file' is missing in a file of prefixes; accepted: a mapping with at least file\n"
	  "6:12: unknown key 'path' in a file of prefixes; accepted: file" },
	{ "deny from a file without a path", PUBLISH("deny: {file: []}"),
	  "6:18: file: is a list; accepted: the path of a file with " LINE_TEXT },
	{ "deny from a file that isn't there", PUBLISH("deny: [{file: /nowhere/list}]"),
	  "6:19: file: /nowhere/list can't be read: No such file or directory; accepted: the path of a file with " LINE_TEXT },
	{ "deny from a folder", PUBLISH("deny: [{file: /tmp}]"),
	  "6:19: file: /tmp can't be read: Is a directory; accepted: the path of a file with " LINE_TEXT },
	{ "no mark", PUBLISH("mark: 0"),
	  "6:11: mark: '0' is out of range; accepted: " MARK },
	{ "a mark of more than 32 bits", PUBLISH("mark: 0x100000000"),
	  "6:11: mark: '0x100000000' is out of range; accepted: " MARK },
	{ "a mark that is a word", MASQUERADE("mark: red"),
	  "6:11: mark: 'red' is not a mark; accepted: " MARK },
	{ "a mark without its digits", PUBLISH("mark: 0x"),
	  "6:11: mark: '0x' is not a mark; accepted: " MARK },
	{ "a mark outside of its mask", PUBLISH("mark: 0x110/0xff"),
	  "6:11: mark: '0x110/0xff' has bits outside of its mask; accepted: " MARK },
	{ "a mark without its mask", PUBLISH("mark: 0x10/"),
	  "6:11: mark: '0x10/' is not a mark; accepted: " MARK },
	{ "a mask that is too long", PUBLISH("mark: 0x10/0x1ffffffff"),
	  "6:11: mark: '0x10/0x1ffffffff' is out of range; accepted: " MARK },
	{ "two masks", PUBLISH("mark: 1/2/3"),
	  "6:11: mark: '1/2/3' is not a mark; accepted: " MARK },
	{ "a list of marks", PUBLISH("mark: [1, 2]"),
	  "6:11: mark: is a list; accepted: " MARK },
	{ "a DSCP of 64", PUBLISH("dscp: 64"),
	  "6:11: dscp: '64' is out of range; accepted: " DSCP },
	{ "a DSCP below 0", PUBLISH("dscp: -1"),
	  "6:11: dscp: '-1' is not a DSCP; accepted: " DSCP },
	{ "an unknown DSCP", PUBLISH("dscp: af44"),
	  "6:11: dscp: 'af44' is not a DSCP; accepted: " DSCP },
	{ "an empty DSCP", PUBLISH("dscp: \"\""),
	  "6:11: dscp: is empty; accepted: " DSCP },
	{ "commands that are a list", PUBLISH("commands: [DELE]"),
	  "6:15: commands is not a mapping; accepted: a mapping with the keys profile, allow, deny" },
	{ "commands without a key", PUBLISH("commands: {}"),
	  "6:15: commands: needs exactly one of profile, allow and deny; accepted: " CONFIG_COMMANDS_TEXT },
	{ "allow and deny at once", MASQUERADE("commands: {allow: [RETR], deny: [DELE]}"),
	  "6:15: commands: needs exactly one of profile, allow and deny; accepted: " CONFIG_COMMANDS_TEXT },
	{ "an unknown profile", PUBLISH("commands: {profile: write_only}"),
	  "6:25: profile: 'write_only' is not one of the choices; accepted: read_only" },
	{ "no commands", PUBLISH("commands: {deny: []}"),
	  "6:22: deny: is an empty list; accepted: " COMMANDS },
	{ "a command that is too long", PUBLISH("commands: {deny: [RETR, DELEDELED]}"),
	  "6:29: deny: 'DELEDELED' is not a command; accepted: " COMMANDS },
	{ "a command with other characters", PUBLISH("commands: {deny: \"DE*\"}"),
	  "6:22: deny: 'DE*' is not a command; accepted: " COMMANDS },
	{ "a command with an argument", PUBLISH("commands: {allow: [CWD pub]}"),
	  "6:24: allow: 'CWD pub' has an argument, which only SITE may have; accepted: " COMMANDS },
	{ "SITE with two arguments", PUBLISH("commands: {allow: [SITE CHMOD 777]}"),
	  "6:24: allow: 'SITE CHMOD 777' is not a command; accepted: " COMMANDS },
	{ "SITE with a long argument", PUBLISH("commands: {deny: [SITE CHECKMETHOD]}"),
	  "6:23: deny: 'SITE CHECKMETHOD' is not a command; accepted: " COMMANDS },
	{ "another banner", PUBLISH("banner: Welcome"),
	  "6:13: banner: 'Welcome' is not one of the choices; accepted: pass, hide" },
	{ "per_client with another key", PUBLISH("per_client: {flows: 5}"),
	  "6:18: unknown key 'flows' in per_client; accepted: sessions, new_sessions, half_open, expected, failed_logins, ban" },
	{ "ban without failed logins", PUBLISH("per_client: {ban: 1h}"),
	  "6:17: per_client: ban without failed_logins; accepted: both, or failed_logins alone" },
	{ "sessions of a client", PUBLISH("per_client: {sessions: 0}"),
	  "6:28: sessions: '0' is out of range; accepted: " LIMIT_TEXT },
	{ "new sessions without a time", PUBLISH("per_client: {new_sessions: 30}"),
	  "6:32: new_sessions: '30' is not a number in a time; accepted: " PACE_TEXT },
	{ "new sessions in no unit", PUBLISH("per_client: {new_sessions: 30/10}"),
	  "6:32: new_sessions: '30/10' is not a number in a time; accepted: " PACE_TEXT },
	{ "new sessions in another unit", PUBLISH("per_client: {new_sessions: 3/week}"),
	  "6:32: new_sessions: '3/week' is not a number in a time; accepted: " PACE_TEXT },
	{ "no new sessions", PUBLISH("per_client: {new_sessions: 0/min}"),
	  "6:32: new_sessions: '0/min' is out of range; accepted: " PACE_TEXT },
	{ "new sessions in no time", PUBLISH("per_client: {new_sessions: 3/0s}"),
	  "6:32: new_sessions: '3/0s' is out of range; accepted: " PACE_TEXT },
	{ "new sessions in two days", PUBLISH("per_client: {new_sessions: 3/2d}"),
	  "6:32: new_sessions: '3/2d' is out of range; accepted: " PACE_TEXT },
	{ "max_sessions", PUBLISH("max_sessions: many"),
	  "6:19: max_sessions: 'many' is not a number; accepted: " LIMIT_TEXT },
	{ "refuse", PUBLISH("refuse: reject"),
	  "6:13: refuse: 'reject' is not one of the choices; accepted: drop, reset" },
	{ "balance", PUBLISH("balance: roundrobin"),
	  "6:14: balance: 'roundrobin' is not one of the choices; accepted: weight, least_connections, source" },
	{ "fallback without port", PUBLISH("fallback: 10.9.0.99"),
	  "6:15: fallback: '10.9.0.99' has no port; accepted: " ENDPOINT_TEXT },
	{ "health on", PUBLISH("health: on"),
	  "6:13: health is not a mapping; accepted: a mapping with the keys interval, timeout, rise, fall" },
	{ "health with another key", PUBLISH("health: {every: 5s}"),
	  "6:14: unknown key 'every' in health; accepted: interval, timeout, rise, fall" },
	{ "health interval", PUBLISH("health: {interval: 2h}"),
	  "6:24: interval: '2h' is out of range; accepted: 1s to 1h, with s, m, h or as plain seconds" },
	{ "health fall", PUBLISH("health: {fall: 0}"),
	  "6:20: fall: '0' is out of range; accepted: a number from 1 to 100" },

	/* more YAML */
	{ "closing brace missing", INTERFACES "limits: {control: 5\n",
	  "3:1: YAML syntax: ',' or '}' is missing in the mapping that begins on line 2; accepted: {KEY: VALUE, KEY: VALUE}" },
	{ "key without colon", INTERFACES "publish\nxdp: off\n",
	  "3:1: YAML syntax: no ':' behind the key on line 2; accepted: 'KEY: VALUE' on each line" },
	{ "no space behind a key",
	  INTERFACES "publish:\n"
		     "  - name:files\n"
		     "    listen: 192.0.2.10:21\n",
	  "4:11: YAML syntax: no key can be here, so no ':' either; accepted: a space behind the ':' of each key, line 3 included" },
	{ "two keys on a line", INTERFACES "xdp: off limits: {}\n",
	  "2:16: YAML syntax: no key can be here, so no ':' either; accepted: 'KEY: VALUE' on a line of its own, and quotes around a text with ': '" },
	{ "item out of line", "interfaces:\n  - eth0\n eth1\n",
	  "3:2: YAML syntax: this line is not a key of the mapping that begins on line 1; accepted: 'KEY: VALUE', all keys in one column" },
	{ "list on the line of its key", "interfaces: - eth0\n",
	  "1:13: YAML syntax: no list can begin here; accepted: '- ITEM' on a line of its own, or [ITEM, ITEM]" },
	{ "value that begins with a star", INTERFACES "xdp: *\n",
	  "2:7: YAML syntax: no name behind '*' or '&'; accepted: quotes around a text that begins with * or &" },
	{ "value that begins with an at sign", INTERFACES "xdp: @off\n",
	  "2:6: YAML syntax: no value begins with this character; accepted: quotes around the value" },
	{ "backslash in quotes", INTERFACES "xdp: \"\\o\"\n",
	  "2:7: YAML syntax: '\\' before a character that needs none; accepted: \\\\ for a backslash, or single quotes around the text" },

	/* several errors */
	{ "errors in every part of the file",
	  "interfaces: [eth0, e/0]\n"
	  "xdp: on\n"
	  "publish:\n"
	  "  - name: files\n"
	  "    lisen: 192.0.2.10:21\n"
	  "    servers: [10.9.0.10, 10.9.0.11:21, 10.9.0.12:0]\n"
	  "    modes: [pasive, activ]\n"
	  "  - name: files\n"
	  "    listen: 192.0.2.10:2121\n"
	  "    servers: 10.9.0.10:21\n"
	  "guard:\n"
	  "  - {interface: eth7, ports: 9-1}\n"
	  "limits: {data: 0}\n",
	  "1:20: interfaces: 'e/0' is not an interface name; accepted: " INTERFACES_TEXT
	  "\n"
	  "2:6: xdp: 'on' is not one of the choices; accepted: auto, native, generic, off\n"
	  "5:5: unknown key 'lisen' in a publish rule (did you mean 'listen'?); accepted: " PUBLISH_KEYS
	  "\n"
	  "6:15: servers: '10.9.0.10' has no port; accepted: " SERVERS_TEXT "\n"
	  "6:40: servers: '10.9.0.12:0' has a port out of range; accepted: " SERVERS_TEXT
	  "\n"
	  "7:13: modes: 'pasive' is not one of the choices; accepted: " MODES_TEXT "\n"
	  "7:21: modes: 'activ' is not one of the choices; accepted: " MODES_TEXT "\n"
	  "8:11: name: 'files' is already the name of the rule on line 4; accepted: a unique name\n"
	  "12:30: ports: '9-1' is a reversed range; accepted: PORT, MIN-MAX, or a list of them\n"
	  "13:16: data: '0' is out of range; accepted: " LIMIT_TEXT },
	{ "nothing follows from what can't be read",
	  "interfaces: [eth0, eth0]\n"
	  "publish:\n"
	  "  - name: [files]\n"
	  "    listen: [192.0.2.10, \"[2001:db8::10]:21\"]\n"
	  "    servers: [\"10.9.0.10:21\", \"10.9.0.10:21\"]\n"
	  "masquerade:\n"
	  "  - {name: lan, clients: [lan, lan], to: 203.0.113.700, control_ports: [0, 0]}\n",
	  "1:20: interfaces: 'eth0' is listed twice; accepted: each interface once\n"
	  "3:11: name: is a list; accepted: " NAME_TEXT "\n"
	  "4:14: listen: '192.0.2.10' has no port; accepted: " LISTEN_TEXT "\n"
	  "5:31: servers: '10.9.0.10:21' is listed twice; accepted: each server once, with a weight\n"
	  "7:27: clients: 'lan' is not a prefix; accepted: " CLIENTS_TEXT "\n"
	  "7:32: clients: 'lan' is not a prefix; accepted: " CLIENTS_TEXT "\n"
	  "7:42: to: '203.0.113.700' is not an address; accepted: " TO_TEXT "\n"
	  "7:73: control_ports: '0' is not a port; accepted: " CONTROL_TEXT "\n"
	  "7:76: control_ports: '0' is not a port; accepted: " CONTROL_TEXT },
	{ "records of nothing", PUBLISHED "records: {}\n",
	  "6:10: records: nothing is to be written; accepted: one of transfers, nat, "
	  "ipfix, or several" },
	{ "records in a relative file", PUBLISHED "records: {transfers: t.json}\n",
	  "6:22: transfers: 't.json' is not an absolute path; accepted: the absolute path "
	  "of a file" },
	{ "records in a directory", PUBLISHED "records: {transfers: /var/log/}\n",
	  "6:22: transfers: '/var/log/' names a directory; accepted: the absolute path of "
	  "a file" },
	{ "records in another format",
	  PUBLISHED "records: {transfers: /t, format: xml}\n",
	  "6:34: format: 'xml' is not one of the choices; accepted: json, xferlog" },
	{ "a format of nothing", PUBLISHED "records: {format: xferlog}\n",
	  "6:10: records: nothing is to be written; accepted: one of transfers, nat, "
	  "ipfix, or several" },
	{ "a transport to nobody",
	  PUBLISHED "records: {transfers: /t, ipfix_transport: tcp}\n",
	  "6:10: records: ipfix_transport without ipfix; accepted: both, or no "
	  "ipfix_transport" },
	{ "both records in one file", PUBLISHED "records: {transfers: /t, nat: /t}\n",
	  "6:10: records: transfers and nat are the same file; accepted: two files" },
	{ "a collector without a port", PUBLISHED "records: {ipfix: 192.0.2.5}\n",
	  "6:18: ipfix: '192.0.2.5' has no port; accepted: ADDRESS:PORT of "
	  "a collector with a port from 1 to 65535, IPv6 as \"[2001:db8::10]:4739\"" },
	{ "a rate of nothing", PUBLISHED "    rate: {}\n",
	  "6:11: rate: no limit is given; accepted: rule, client, or both" },
	{ "a rate without a unit", PUBLISHED "    rate: {rule: 100}\n",
	  "6:18: rule: '100' is not a rate; accepted: NUMBER with bit, Kbit, Mbit or Gbit "
	  "like 50Mbit, from 8Kbit to 1000Gbit" },
	{ "a rate that is too high", PUBLISHED "    rate: {client: 1001Gbit}\n",
	  "6:20: client: '1001Gbit' is out of range; accepted: NUMBER with bit, Kbit, Mbit "
	  "or Gbit like 50Mbit, from 8Kbit to 1000Gbit" },
	{ "metrics endpoint", PUBLISHED "metrics: {listen: 9821}\n",
	  "6:19: listen: '9821' is not an address with port; accepted: " ENDPOINT_TEXT },
};

int main(void)
{
	return config_run_rows("config_errors", rows, ARRAY_SIZE(rows));
}
