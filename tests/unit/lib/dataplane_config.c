// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the loader would write into the maps: the configuration of dataplane.h. */
#include "dataplane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "config/commands.h"

static struct ftpnat_config config;

static void put(const char *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(dataplane_fd(map), key, value, BPF_ANY))
		fail_msg("%s: %s", map, strerror(errno));
}

struct ftpnat_addr address(const char *text)
{
	struct ftpnat_addr addr;

	if (ftpnat_addr_parse(text, &addr))
		fail_msg("no address: %s", text);
	return addr;
}

struct ftpnat_config *dataplane_config(void)
{
	return &config;
}

void dataplane_apply(void)
{
	const __u32 key = 0;

	put("ftpnat_config", &key, &config);
}

/* One that no list has is an error of the test. */
static void put_commands(__u16 list)
{
	static struct config_command deny[] = {
		{ .verb = "DELE" },    { .verb = "MKD" },
		{ .verb = "PASV" },    { .verb = "EPRT" },
		{ .verb = "XSHA256" }, { .verb = "SITE", .word = "CHMOD" },
	};
	static struct config_command deny_stat[] = { { .verb = "STAT" } };
	static struct config_command allow[] = {
		{ .verb = "RETR" },
		{ .verb = "LIST" },
		{ .verb = "PWD" },
		{ .verb = "PORT" },
		{ .verb = "SITE", .word = "HELP" },
	};
	static const struct config_commands lists[COMMANDS_LISTS] = {
		[COMMANDS_READ_ONLY] = { .at.line = 1, .read_only = true },
		[COMMANDS_DENY] = { .at.line = 1,
				    .deny = deny,
				    .deny_n = ARRAY_SIZE(deny) },
		[COMMANDS_ALLOW] = { .at.line = 1,
				     .allow = allow,
				     .allow_n = ARRAY_SIZE(allow) },
		[COMMANDS_DENY_STAT] = { .at.line = 1,
					 .deny = deny_stat,
					 .deny_n = ARRAY_SIZE(deny_stat) },
	};
	struct config_command_entry *entries;
	size_t n;

	assert_in_range(list, 1, COMMANDS_LISTS - 1);
	assert_int_equal(config_commands_expand(&lists[list], &entries, &n), 0);
	for (size_t i = 0; i < n; i++) {
		entries[i].key.slot = (__u16)config.slot;
		entries[i].key.list = list;
		put("ftpnat_commands", &entries[i].key, &entries[i].value);
	}
	free(entries);
}

void dataplane_rule(__u16 id, const struct ftpnat_rule *rule)
{
	const __u32 key = config.slot * FTPNAT_MAX_RULES + id;

	put("ftpnat_rules", &key, rule);
	if (rule->commands)
		put_commands(rule->commands);
	dataplane_qos(id, rule->qos.does);
}

void dataplane_listen(const char *addr, uint16_t port, __u16 rule)
{
	const struct ftpnat_listen_key key = { .addr = address(addr),
					       .port = htons(port),
					       .slot = (__u16)config.slot };
	const struct ftpnat_listen listen = { .rule = rule };

	put("ftpnat_listens", &key, &listen);
}

void dataplane_server(__u16 index, const char *addr, uint16_t port, const char *source,
		      __u16 weight)
{
	const __u32 key = config.slot * FTPNAT_MAX_SERVERS + index;
	struct ftpnat_server server = { .addr = address(addr),
					.port = htons(port),
					.weight = weight,
					.full_weight = weight };
	const struct ftpnat_served_key served_key = { .addr = server.addr,
						      .port = server.port };
	const struct ftpnat_served served = { 0 };

	if (source)
		server.source = address(source);
	put("ftpnat_servers", &key, &server);
	/* what it has already stays */
	bpf_map_update_elem(dataplane_fd("ftpnat_served"), &served_key, &served,
			    BPF_NOEXIST);
}

struct ftpnat_served dataplane_served(const char *addr, uint16_t port)
{
	const struct ftpnat_served_key key = { .addr = address(addr),
					       .port = htons(port) };
	struct ftpnat_served served;

	assert_int_equal(
		bpf_map_lookup_elem(dataplane_fd("ftpnat_served"), &key, &served), 0);
	return served;
}

void dataplane_server_drained(__u16 index, const char *addr, uint16_t port)
{
	const __u32 key = config.slot * FTPNAT_MAX_SERVERS + index;
	const struct ftpnat_server server = { .addr = address(addr),
					      .port = htons(port),
					      .drained = FTPNAT_DRAINED_BY_HAND };

	put("ftpnat_servers", &key, &server);
}

static void parse_prefix(const char *text, struct ftpnat_addr *addr,
			 struct ftpnat_addr *mask)
{
	struct ftpnat_prefix prefix;

	assert_int_equal(ftpnat_prefix_parse(text, &prefix), 0);
	*addr = prefix.addr;
	*mask = ftpnat_prefix_mask(&prefix);
}

static void put_selector(__u16 index, const struct ftpnat_selector *selector)
{
	const __u32 key = config.slot * FTPNAT_MAX_SELECTORS + index;

	put("ftpnat_select", &key, selector);
	if (config.selectors[config.slot] <= index)
		config.selectors[config.slot] = index + 1u;
	dataplane_apply();
}

void dataplane_select(__u16 index, const char *prefix, uint16_t port, __u16 rule)
{
	struct ftpnat_selector selector = { .port = htons(port), .rule = rule };

	parse_prefix(prefix, &selector.addr, &selector.mask);
	put_selector(index, &selector);
}

void dataplane_track(__u16 index, const char *clients, const char *servers, uint16_t port,
		     __u16 rule)
{
	struct ftpnat_selector selector = { .port = htons(port),
					    .rule = rule,
					    .any_client = !clients,
					    .by_server = servers != NULL };

	if (clients)
		parse_prefix(clients, &selector.addr, &selector.mask);
	if (servers)
		parse_prefix(servers, &selector.server_addr, &selector.server_mask);
	put_selector(index, &selector);
}

void dataplane_guard(enum side side, const struct ftpnat_guard *guard)
{
	const struct ftpnat_guard_key key = { .ifindex = (__u32)dataplane_ifindex(side),
					      .slot = config.slot };

	put("ftpnat_guards", &key, guard);
	config.guards[config.slot]++;
	dataplane_apply();
}

void dataplane_class(__u16 index, const char *prefix, const char *addr)
{
	const __u32 key = config.slot * FTPNAT_MAX_CLASSES + index;
	struct ftpnat_class class = { .address = address(addr) };

	parse_prefix(prefix, &class.addr, &class.mask);
	put("ftpnat_classes", &key, &class);
}

void dataplane_ifaddr(enum side side, const char *v4, const char *v6)
{
	const __u32 key = (__u32)dataplane_ifindex(side);
	const struct ftpnat_ifaddr value = { .addr = { address(v4), address(v6) },
					     .slots = 1 << 0 };

	put("ftpnat_ifaddrs", &key, &value);
}

void dataplane_attached(enum side side, unsigned int slots)
{
	const __u32 key = (__u32)dataplane_ifindex(side);
	const struct ftpnat_ifaddr value = { .slots = slots };

	put("ftpnat_ifaddrs", &key, &value);
}

void dataplane_no_ifaddr(enum side side)
{
	const __u32 key = (__u32)dataplane_ifindex(side);

	bpf_map_delete_elem(dataplane_fd("ftpnat_ifaddrs"), &key);
}
