// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/servers.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/pin.h"

int servers_walk(const struct view *view,
		 int (*each)(const struct published_server *published, void *arg),
		 void *arg)
{
	_cleanup_close_ int fd = view_map(view, FTPNAT_MAP_SERVERS);
	__u32 slot = (view->config.slot & 1) * FTPNAT_MAX_SERVERS;
	struct published_server published;
	int err = fd < 0 ? fd : 0;

	for (__u16 id = 0; !err && id < FTPNAT_MAX_RULES; id++)
		for (__u32 i = 0; !err && i < view->rules[id].servers; i++) {
			published.rule = id;
			published.key = slot + view->rules[id].first_server + i;
			if (bpf_map_lookup_elem(fd, &published.key, &published.server))
				return err_r(-errno, "can't read ftpnat_servers: %s",
					     strerror(errno));
			err = each(&published, arg);
		}
	return err;
}

__u32 served_open(int served_fd, const struct published_server *published)
{
	const struct ftpnat_served_key key = { .addr = published->server.addr,
					       .rule = published->rule,
					       .port = published->server.port };
	struct ftpnat_served served;

	if (bpf_map_lookup_elem(served_fd, &key, &served) || served.open < 0)
		return 0;
	return (__u32)served.open;
}

void server_set_drained(struct ftpnat_server *server, __u16 drained)
{
	server->drained = drained;
	server->weight = drained ? 0 : server->full_weight;
}

const char *server_state(const struct ftpnat_server *server, bool checked)
{
	bool by_hand = server->drained & FTPNAT_DRAINED_BY_HAND;

	if (server->drained & FTPNAT_DRAINED_BY_HEALTH)
		return by_hand ? "drained, down (health)" : "down (health)";
	if (by_hand)
		return "drained";
	if (!server->full_weight)
		return "fallback";
	return checked ? "up" : "unchecked";
}

/* ---- drain, resume ---- */

/* One run of servers_drain(). */
struct draining {
	struct servers_drain *drain;
	struct view view;
	int rules_fd;
	int servers_fd;
	int lock_fd;
};

static void draining_end(struct draining *d)
{
	close_fd(&d->rules_fd);
	close_fd(&d->servers_fd);
	close_fd(&d->lock_fd);
	view_close(&d->view);
}

static int put(int fd, __u32 key, const void *value)
{
	if (bpf_map_update_elem(fd, &key, value, BPF_ANY))
		return err_r(-errno, "can't write to the maps: %s", strerror(errno));
	return 0;
}

/*
 * The rule's sum is never above that of its servers: every number drawn meanwhile leads
 * to a server.
 */
static int change(struct draining *d, const struct published_server *published,
		  __u16 drained)
{
	__u32 rule_key = (d->view.config.slot & 1) * FTPNAT_MAX_RULES + published->rule;
	struct ftpnat_rule *rule = &d->view.rules[published->rule];
	struct ftpnat_server server = published->server;
	__u32 *sum = &rule->weight[ftpnat_addr_family(&server.addr)];
	int err;

	server_set_drained(&server, drained);
	*sum = *sum - published->server.weight + server.weight;
	if (drained) {
		err = put(d->rules_fd, rule_key, rule);
		return err ?: put(d->servers_fd, published->key, &server);
	}
	err = put(d->servers_fd, published->key, &server);
	return err ?: put(d->rules_fd, rule_key, rule);
}

static int see_server(const struct published_server *published, void *arg)
{
	struct draining *d = arg;
	struct servers_drain *drain = d->drain;
	const struct ftpnat_server *server = &published->server;
	const struct ftpnat_rule *rule = &d->view.rules[published->rule];
	__u16 drained = drain->drain ? server->drained | drain->by :
				       server->drained & ~drain->by;
	int err = 0;

	if (strcmp(rule->name, drain->rule))
		return 0;
	drain->rule_found = true;
	if (!ftpnat_addr_equal(&server->addr, &drain->server.addr) ||
	    (drain->server.port && drain->server.port != server->port))
		return 0;
	if (drained != server->drained) {
		drain->changed++;
		err = change(d, published, drained);
	}
	drain->found++;
	drain->drained |= drained;
	drain->fallback = rule->flags & FTPNAT_RULE_FALLBACK;
	drain->weight = rule->weight[ftpnat_addr_family(&server->addr)];
	return err;
}

int servers_drain(const struct options *options, struct servers_drain *drain)
{
	_cleanup_(draining_end) struct draining d = { .drain = drain,
						      .view.instance = INSTANCE_INIT,
						      .rules_fd = -1,
						      .servers_fd = -1,
						      .lock_fd = -1 };
	__u64 device;
	int err = pin_lock(options->pin, &d.lock_fd, &device) ?:
								view_open(&d.view, options);

	if (err)
		return err;
	d.rules_fd = view_map(&d.view, FTPNAT_MAP_RULES);
	d.servers_fd = view_map(&d.view, FTPNAT_MAP_SERVERS);
	if (d.rules_fd < 0 || d.servers_fd < 0)
		return -ENODEV;
	return servers_walk(&d.view, see_server, &d);
}
