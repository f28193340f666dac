// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Configuration files whose parts are right and contradict each other. */
#include "lib/config_rows.h"
#include "base/util.h"

static const struct config_row rows[] = {
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
	  "1:26: interfaces: 'eth0' is listed twice; accepted: each interface once" },
	{ "rule name twice",
	  PUBLISHED "  - name: files\n"
		    "    listen: 192.0.2.11:21\n"
		    "    servers: 10.9.0.10:21\n",
	  "6:11: name: 'files' is already the name of the rule on line 3; accepted: a unique name" },
	{ "rule name twice over kinds",
	  PUBLISHED "masquerade:\n"
		    "  - name: files\n"
		    "    clients: 192.168.5.0/24\n"
		    "    to: 203.0.113.7\n",
	  "7:11: name: 'files' is already the name of the rule on line 3; accepted: a unique name" },
	{ "listen twice in a rule", LISTEN("[192.0.2.10:21, 192.0.2.10:21]"),
	  "4:29: listen: '192.0.2.10:21' is already used by rule 'files' on line 4; accepted: each ADDRESS:PORT once" },
	{ "listen twice over rules",
	  PUBLISHED "  - name: more\n"
		    "    listen: 192.0.2.10:21\n"
		    "    servers: 10.9.0.10:21\n",
	  "7:13: listen: '192.0.2.10:21' is already used by rule 'files' on line 4; accepted: each ADDRESS:PORT once" },
	{ "listen twice in two spellings",
	  INTERFACES "publish:\n"
		     "  - name: files\n"
		     "    listen: \"[2001:db8::10]:21\"\n"
		     "    servers: \"[fd00::1]:21\"\n"
		     "  - name: more\n"
		     "    listen: \"[2001:DB8:0::10]:21\"\n"
		     "    servers: \"[fd00::1]:21\"\n",
	  "7:13: listen: '[2001:db8::10]:21' is already used by rule 'files' on line 4; accepted: each ADDRESS:PORT once" },
	{ "server twice",
	  SERVERS("[\"10.9.0.10:21\", {server: \"10.9.0.10:21\", weight: 2}]"),
	  "5:31: servers: '10.9.0.10:21' is listed twice; accepted: each server once, with a weight" },
	{ "listen without server of its family",
	  LISTEN("[\"192.0.2.10:21\", \"[2001:db8::10]:21\"]"),
	  "4:31: listen: rule 'files' has no IPv6 server for it; accepted: a server of the same family for each listen, or source: gateway or ADDRESS" },
	{ "server without listen of its family",
	  SERVERS("[\"10.9.0.10:21\", \"[fd00::10]:21\"]"),
	  "5:31: servers: rule 'files' has no IPv6 listen, nobody can reach this server; accepted: a listen of the same family, or source: gateway or ADDRESS" },
	{ "fallback of another family", PUBLISH("fallback: \"[fd00::1]:21\""),
	  "6:15: fallback: rule 'files' has no IPv6 listen, nobody can reach this server; accepted: a server of the same family as a listen, or source: gateway or ADDRESS" },
	{ "least_connections with tls_data_ports",
	  PUBLISH("balance: least_connections\n    tls_data_ports: 60000-60099"),
	  "7:21: tls_data_ports: with them the client's address picks the server, which `balance: least_connections` can't; accepted: with `balance: source`, or without a balance" },
	{ "fallback is a server", PUBLISH("fallback: 10.9.0.10:21"),
	  "6:15: fallback: '10.9.0.10:21' is one of the servers; accepted: another one" },
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
	{ "data_address of another family",
	  INTERFACES "publish:\n"
		     "  - name: files\n"
		     "    listen: \"[2001:db8::10]:21\"\n"
		     "    servers: \"[fd00::10]:21\"\n"
		     "    data_address: 203.0.113.80\n",
	  "6:19: data_address: rule 'files' has no IPv4 listen, nobody would see this address; accepted: with a listen of the same family" },
	{ "to of another family", TO("\"2001:db8::7\""),
	  "5:9: to: no IPv4 address, but rule 'lan' has IPv4 clients; accepted: interface, or an address of each family of the clients" },
	{ "to lacks a family", CLIENTS("[192.168.5.0/24, \"2001:db8:5::/48\"]"),
	  "5:9: to: no IPv6 address, but rule 'lan' has IPv6 clients; accepted: interface, or an address of each family of the clients" },
	{ "to of a family too many", TO("[203.0.113.7, \"2001:db8::7\"]"),
	  "5:9: to: rule 'lan' has no IPv6 clients; accepted: addresses of the clients' families" },
	{ "to of one family twice", TO("[203.0.113.7, 203.0.113.8]"),
	  "5:23: to: '203.0.113.8' is a second IPv4 address; accepted: " TO_TEXT },
	{ "prefix64 of a length that RFC 6052 hasn't", NAT64("2001:db8::/60"),
	  "6:15: prefix64: '2001:db8::/60' has another length; accepted: " PREFIX64_TEXT },
	{ "IPv4 prefix64", NAT64("10.0.0.0/32"),
	  "6:15: prefix64: '10.0.0.0/32' is IPv4; accepted: " PREFIX64_TEXT },
	{ "prefix64 with bits in octet 8", NAT64("2001:db8:0:0:100::/96"),
	  "6:15: prefix64: '2001:db8:0:0:100::/96' has bits in octet 8, which is always 0; accepted: " PREFIX64_TEXT },
	{ "well-known prefix64 of another length", NAT64("64:ff9b::/64"),
	  "6:15: prefix64: '64:ff9b::/64' is the well-known prefix with another length than 96; accepted: " PREFIX64_TEXT },
	{ "prefix64 and IPv4 clients",
	  INTERFACES "masquerade:\n"
		     "  - name: lan\n"
		     "    clients: [\"fd00:5::/64\", 192.168.5.0/24]\n"
		     "    to: 203.0.113.7\n"
		     "    prefix64: \"64:ff9b::/96\"\n",
	  "4:30: clients: '192.168.5.0/24' is IPv4, but rule 'lan' has prefix64; accepted: IPv6 clients, and a rule of their own for others" },
	{ "prefix64 and an IPv6 address",
	  INTERFACES "masquerade:\n"
		     "  - name: lan\n"
		     "    clients: \"fd00:5::/64\"\n"
		     "    to: \"2001:db8::7\"\n"
		     "    prefix64: \"64:ff9b::/96\"\n",
	  "5:9: to: rule 'lan' has prefix64, its servers are IPv4; accepted: interface, or an IPv4 address" },
	{ "clients twice in a rule", CLIENTS("[192.168.5.0/24, 192.168.5.0/24]"),
	  "4:31: clients: '192.168.5.0/24' is already used by rule 'lan' on line 4 for the same control port; accepted: each prefix and port once" },
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
	  "8:14: clients: '192.168.5.0/24' is already used by rule 'lan' on line 4 for the same control port; accepted: each prefix and port once" },
	{ "guard of an interface not listed",
	  PUBLISHED "guard:\n"
		    "  - {interface: eth7, ports: 20}\n",
	  "7:17: interface: 'eth7' is not listed under interfaces; accepted: an interface of that list" },

	/* guard, data_address_for */
	{ "two guards of one interface",
	  PUBLISHED "guard:\n"
		    "  - {interface: eth0, ports: 20}\n"
		    "  - {interface: eth0, ports: 1024-65535}\n",
	  "8:17: interface: 'eth0' has a guard on line 7; accepted: one guard for each interface" },
	{ "data_address_for of two families",
	  PUBLISHED "    data_address_for: \n"
		    "      - {clients: \"2001:db8::/32\", address: 203.0.113.3}\n",
	  "7:9: data_address_for: '203.0.113.3' is of another family than 2001:db8::/32; accepted: IPv4 clients" },
};

int main(void)
{
	return config_run_rows("config_conflicts", rows, ARRAY_SIZE(rows));
}
