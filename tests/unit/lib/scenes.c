// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The scenes of talk.h: hosts, addresses, and the configuration. */
#include "talk.h"

#include <stdio.h>
#include <string.h>

#define PUBLISH(...)                                                                     \
	.kind = FTPNAT_PUBLISH, .dialled_port = 21, .server_port = 2121,                 \
	.client_side = OUTER, .server_side = INNER, __VA_ARGS__
#define MASQUERADE(...)                                                                  \
	.kind = FTPNAT_MASQUERADE, .dialled_port = 21, .server_port = 21,                \
	.client_side = INNER, .server_side = OUTER, __VA_ARGS__

const enum scene_id scenes_routed[] = { KEEP4, KEEP6, FULL4, FULL6, MASQ4, MASQ6 };

static const struct scene scenes[SCENES] = {
	[KEEP4] = { "publish v4",
		    PUBLISH(.client = "198.51.100.7", .dialled = "192.0.2.10",
			    .seen = "198.51.100.7", .server = "10.9.0.10") },
	[KEEP6] = { "publish v6",
		    PUBLISH(.client = "2001:db8:1::7", .dialled = "2001:db8:2::10",
			    .seen = "2001:db8:1::7", .server = "fd00:9::10") },
	[FULL4] = { "full NAT v4",
		    PUBLISH(.client = "198.51.100.7", .dialled = "192.0.2.10",
			    .seen = "10.9.0.1", .server = "10.9.0.10") },
	[FULL6] = { "full NAT v6",
		    PUBLISH(.client = "2001:db8:1::7", .dialled = "2001:db8:2::10",
			    .seen = "fd00:9::1", .server = "fd00:9::10") },
	[MASQ4] = { "masquerade v4",
		    MASQUERADE(.client = "192.168.5.7", .dialled = "198.51.100.21",
			       .seen = "203.0.113.7", .server = "198.51.100.21",
			       .prefix = "192.168.5.0/24", .to = "203.0.113.7") },
	[GROW4] = { "masquerade v4, growing",
		    MASQUERADE(.client = "10.1.1.7", .dialled = "198.51.100.21",
			       .seen = "203.0.113.7", .server = "198.51.100.21",
			       .prefix = "10.1.0.0/16", .to = "203.0.113.7") },
	[SHRINK4] = { "masquerade v4, shrinking",
		      MASQUERADE(.client = "192.168.155.177", .dialled = "198.51.100.21",
				 .seen = "203.0.113.7", .server = "198.51.100.21",
				 .prefix = "192.168.128.0/17", .to = "203.0.113.7") },
	[MASQ6] = { "masquerade v6",
		    MASQUERADE(.client = "fd00:5::7", .dialled = "2001:db8:1:5::21",
			       .seen = "2001:db8:1::1", .server = "2001:db8:1:5::21",
			       .prefix = "fd00:5::/64", .to = "2001:db8:1::1") },
	[IFACE4] = { "masquerade to: interface v4",
		     MASQUERADE(.client = "192.168.5.7", .dialled = "198.51.100.21",
				.seen = "198.51.100.1", .server = "198.51.100.21",
				.prefix = "192.168.5.0/24") },
	[IFACE6] = { "masquerade to: interface v6",
		     MASQUERADE(.client = "fd00:5::7", .dialled = "2001:db8:1:5::21",
				.seen = "2001:db8:1::1", .server = "2001:db8:1:5::21",
				.prefix = "fd00:5::/64") },
	[SERVER4] = { "server on the gateway v4",
		      PUBLISH(.client = "198.51.100.7", .dialled = "192.0.2.10",
			      .seen = "198.51.100.7", .server = "10.9.0.1",
			      .server_local = true) },
	[SERVER6] = { "server on the gateway v6",
		      PUBLISH(.client = "2001:db8:1::7", .dialled = "2001:db8:2::10",
			      .seen = "2001:db8:1::7", .server = "fd00:9::1",
			      .server_local = true) },
	[CLIENT4] = { "client on the gateway v4",
		      MASQUERADE(.client = "192.168.5.1", .dialled = "198.51.100.21",
				 .seen = "203.0.113.7", .server = "198.51.100.21",
				 .prefix = "192.168.5.0/24", .to = "203.0.113.7",
				 .client_local = true) },
	[CLIENT6] = { "client on the gateway v6",
		      MASQUERADE(.client = "fd00:9::1", .dialled = "2001:db8:1:5::21",
				 .seen = "2001:db8:1::1", .server = "2001:db8:1:5::21",
				 .prefix = "fd00:9::/64", .to = "2001:db8:1::1",
				 .client_local = true) },
	[NAT64] = { "publish v6 to v4",
		    PUBLISH(.client = "2001:db8:1::7", .dialled = "2001:db8:2::10",
			    .seen = "10.9.0.1", .server = "10.9.0.10") },
	[NAT46] = { "publish v4 to v6",
		    PUBLISH(.client = "198.51.100.7", .dialled = "192.0.2.10",
			    .seen = "fd00:9::1", .server = "fd00:9::10") },
	[MASQ64] = { "masquerade v6 to v4",
		     MASQUERADE(.client = "fd00:5::7",
				.dialled = "2001:db8:64::c633:6415",
				.seen = "203.0.113.7", .server = "198.51.100.21",
				.prefix = "fd00:5::/64", .to = "203.0.113.7",
				.prefix64 = "2001:db8:64::") },
};

const struct scene *scene_get(enum scene_id id)
{
	return &scenes[id];
}

const char *scene_name(enum scene_id id)
{
	return scenes[id].name;
}

static enum ftpnat_family server_family(const struct scene *scene)
{
	return strchr(scene->server, ':') ? FTPNAT_V6 : FTPNAT_V4;
}

struct ftpnat_rule scene_rule(const struct scene *scene)
{
	struct ftpnat_rule rule = {
		.name = "rule",
		.kind = (__u8)scene->kind,
		.modes = 1 << FTPNAT_PASSIVE | 1 << FTPNAT_ACTIVE,
		.data_port_min = 1024,
		.data_port_max = 65535,
	};

	if (scene->kind == FTPNAT_PUBLISH) {
		rule.source = strcmp(scene->client, scene->seen) ? FTPNAT_SOURCE_ADDRESS :
								   FTPNAT_SOURCE_KEEP;
		rule.servers = 1;
		rule.weight[server_family(scene)] = 1;
	} else if (scene->to) {
		rule.address[server_family(scene)] = address(scene->to);
	}
	if (scene->prefix64) {
		rule.prefix64 = address(scene->prefix64);
		rule.prefix64_len = 96;
	}
	return rule;
}

void scene_configure(const struct scene *scene, const struct ftpnat_rule *rule)
{
	struct ftpnat_rule usual;
	char servers[64];

	dataplane_fresh();
	usual = scene_rule(scene);
	dataplane_rule(0, rule ? rule : &usual);
	dataplane_ifaddr(OUTER, "198.51.100.1", "2001:db8:1::1");
	dataplane_ifaddr(INNER, "10.9.0.1", "fd00:9::1");
	if (scene->kind == FTPNAT_PUBLISH) {
		dataplane_listen(scene->dialled, scene->dialled_port, 0);
		dataplane_server(0, scene->server, scene->server_port, scene->seen, 1);
	} else if (scene->prefix64) {
		snprintf(servers, sizeof(servers), "%s/96", scene->prefix64);
		dataplane_track(0, scene->prefix, servers, scene->dialled_port, 0);
	} else {
		dataplane_select(0, scene->prefix, scene->dialled_port, 0);
	}
}
