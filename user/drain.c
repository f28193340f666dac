// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * servers drain | resume RULE ADDRESS: a server gets no new control connection; the
 * living ones, and all their data connections, go on. A reload leaves it so.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "log.h"
#include "pin.h"
#include "view.h"

struct draining {
	const struct options *options;
	struct view view;
	struct ftpnat_endpoint wanted; /* port 0: any */
	struct ftpnat_rule *rule;
	__u32 rule_key;
	int rules_fd;
	int servers_fd;
	int lock_fd;
	int changed;
	int found;
};

static void draining_end(struct draining *d)
{
	close_fd(&d->rules_fd);
	close_fd(&d->servers_fd);
	close_fd(&d->lock_fd);
	view_close(&d->view);
}

static int find_rule(struct draining *d)
{
	const char *name = d->options->servers.rule;

	for (__u32 id = 0; id < FTPNAT_MAX_RULES; id++) {
		struct ftpnat_rule *rule = &d->view.rules[id];

		if (rule->kind != FTPNAT_PUBLISH || !rule->servers ||
		    strncmp(rule->name, name, sizeof(rule->name)))
			continue;
		d->rule = rule;
		d->rule_key = (d->view.config.slot & 1) * FTPNAT_MAX_RULES + id;
		return 0;
	}
	return err_r(-ENOENT, "no publish rule %s: see `ftpnat-load servers`", name);
}

static int put(int fd, __u32 key, const void *value)
{
	if (bpf_map_update_elem(fd, &key, value, BPF_ANY))
		return err_r(-errno, "can't write to the maps: %s", strerror(errno));
	return 0;
}

/*
 * The rule's sum is never above that of its servers: whatever ticket is drawn
 * meanwhile, there is a server for it.
 */
static int change_server(struct draining *d, __u32 key, struct ftpnat_server *server)
{
	__u32 *sum = &d->rule->weight[ftpnat_addr_family(&server->addr)];
	int err;

	if (d->options->servers.drain) {
		*sum -= server->weight;
		server->weight = 0;
		err = put(d->rules_fd, d->rule_key, d->rule);
		return err ?: put(d->servers_fd, key, server);
	}
	server->weight = server->full_weight;
	*sum += server->weight;
	err = put(d->servers_fd, key, server);
	return err ?: put(d->rules_fd, d->rule_key, d->rule);
}

static int see_server(struct draining *d, __u32 key)
{
	struct ftpnat_server server;

	if (bpf_map_lookup_elem(d->servers_fd, &key, &server))
		return err_r(-errno, "can't read ftpnat_servers: %s", strerror(errno));
	if (!ftpnat_addr_equal(&server.addr, &d->wanted.addr) ||
	    (d->wanted.port && d->wanted.port != server.port))
		return 0;
	d->found++;
	if (d->options->servers.drain == !server.weight)
		return 0; /* is as it shall be */
	d->changed++;
	return change_server(d, key, &server);
}

static int drain_or_resume(struct draining *d)
{
	__u32 key = (d->view.config.slot & 1) * FTPNAT_MAX_SERVERS;
	int err = find_rule(d);

	for (__u32 i = 0; !err && i < d->rule->servers; i++)
		err = see_server(d, key + d->rule->first_server + i);
	if (!err && !d->found)
		err = err_r(-ENOENT,
			    "rule %s has no server %s: see `ftpnat-load servers`",
			    d->options->servers.rule, d->options->servers.address);
	return err;
}

static int print(const struct draining *d)
{
	const char *state = d->options->servers.drain ? "drained" : "up";

	if (d->options->json)
		return view_print_json(json_pack(
			"{s:i, s:[{s:s, s:s, s:s, s:b}]}", "schema", 1, "servers", "rule",
			d->options->servers.rule, "address", d->options->servers.address,
			"state", state, "changed", d->changed > 0));
	printf("%s %s: %s%s\n", d->options->servers.rule, d->options->servers.address,
	       state, d->changed ? "" : " already");
	for (int family = 0; family < FTPNAT_FAMILY_MAX; family++)
		if (d->options->servers.drain && !d->rule->weight[family] &&
		    (int)ftpnat_addr_family(&d->wanted.addr) == family)
			pr_err("rule %s has no %s server left for new connections: they are "
			       "refused until one is resumed",
			       d->options->servers.rule, ftpnat_family_str(family));
	return 0;
}

int verb_servers_drain(const struct options *options)
{
	_cleanup_(draining_end) struct draining d = { .options = options,
						      .rules_fd = -1,
						      .servers_fd = -1,
						      .lock_fd = -1,
						      .view.instance = INSTANCE_INIT };
	__u64 device;

	if (ftpnat_endpoint_parse(options->servers.address, &d.wanted)) {
		d.wanted.port = 0;
		if (ftpnat_addr_parse(options->servers.address, &d.wanted.addr))
			return err_r(EXIT_USAGE,
				     "servers: %s is no ADDRESS and no ADDRESS:PORT",
				     options->servers.address);
	}
	if (pin_lock(options->pin, &d.lock_fd, &device) || view_open(&d.view, options))
		return EXIT_RUNTIME;
	d.rules_fd = view_map(&d.view, "ftpnat_rules");
	d.servers_fd = view_map(&d.view, "ftpnat_servers");
	if (d.rules_fd < 0 || d.servers_fd < 0 || drain_or_resume(&d))
		return EXIT_RUNTIME;
	return print(&d);
}
