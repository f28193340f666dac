// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "server_weight.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "log.h"
#include "pin.h"
#include "view.h"

static int put(int fd, __u32 key, const void *value)
{
	if (bpf_map_update_elem(fd, &key, value, BPF_ANY))
		return err_r(-errno, "can't write to the maps: %s", strerror(errno));
	return 0;
}

/*
 * The rule's sum is never above that of its servers: whatever ticket is drawn meanwhile,
 * there is a server for it.
 */
static int change(const struct view *view, __u32 id, __u32 key,
		  struct ftpnat_server *server, __u16 weight)
{
	_cleanup_close_ int rules_fd = view_map(view, "ftpnat_rules");
	_cleanup_close_ int servers_fd = view_map(view, "ftpnat_servers");
	__u32 rule_key = (view->config.slot & 1) * FTPNAT_MAX_RULES + id;
	struct ftpnat_rule rule = view->rules[id];
	bool less = weight < server->weight;
	int err;

	if (rules_fd < 0 || servers_fd < 0)
		return -ENODEV;
	rule.weight[ftpnat_addr_family(&server->addr)] += weight - server->weight;
	server->weight = weight;
	err = less ? put(rules_fd, rule_key, &rule) : put(servers_fd, key, server);
	err = err ?: less ? put(servers_fd, key, server) : put(rules_fd, rule_key, &rule);
	return err ?: 1;
}

static int change_in_rule(const struct view *view, __u32 id,
			  const struct ftpnat_endpoint *wanted, __u16 weight)
{
	_cleanup_close_ int fd = view_map(view, "ftpnat_servers");
	const struct ftpnat_rule *rule = &view->rules[id];

	for (__u32 i = 0; fd >= 0 && i < rule->servers; i++) {
		__u32 key = (view->config.slot & 1) * FTPNAT_MAX_SERVERS +
			    rule->first_server + i;
		struct ftpnat_server server;

		if (bpf_map_lookup_elem(fd, &key, &server))
			return err_r(-errno, "can't read ftpnat_servers: %s",
				     strerror(errno));
		if (server.port != wanted->port ||
		    !ftpnat_addr_equal(&server.addr, &wanted->addr))
			continue;
		return server.weight == weight ? 0 :
						 change(view, id, key, &server, weight);
	}
	return fd < 0 ? fd : -ENOENT;
}

int server_weight(const struct options *options, const char *rule,
		  const struct ftpnat_endpoint *server, __u16 weight)
{
	_cleanup_close_ int lock_fd = -1;
	_cleanup_view_ struct view view = { .instance = INSTANCE_INIT };
	__u64 device;
	int err = pin_lock(options->pin, &lock_fd, &device) ?: view_open(&view, options);

	if (err)
		return err;
	for (__u32 id = 0; id < FTPNAT_MAX_RULES; id++)
		if (view.rules[id].kind == FTPNAT_PUBLISH && view.rules[id].servers &&
		    !strcmp(view.rules[id].name, rule))
			return change_in_rule(&view, id, server, weight);
	return -ENOENT;
}
