// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>

#include "log.h"
#include "util.h"

#define MAX_PROG_MAPS 64

const char *const tc_hook_names[TC_HOOK_MAX] = {
	[TC_HOOK_INGRESS] = "ingress",
	[TC_HOOK_EGRESS] = "egress",
};

static const enum bpf_tc_attach_point attach_points[TC_HOOK_MAX] = {
	[TC_HOOK_INGRESS] = BPF_TC_INGRESS,
	[TC_HOOK_EGRESS] = BPF_TC_EGRESS,
};

bool prog_holds(__u32 prog_id, __u32 map_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(prog_id);
	__u32 ids[MAX_PROG_MAPS] = { 0 };
	struct bpf_prog_info info = { .nr_map_ids = MAX_PROG_MAPS,
				      .map_ids = (__u64)(unsigned long)ids };
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAX_PROG_MAPS; i++)
		if (ids[i] == map_id)
			return true;
	return false;
}

struct own_filters {
	__u32 state_id;
	int others;
	int count[TC_HOOK_MAX];
	struct tc_filter last[TC_HOOK_MAX];
};

static int see_filter(const struct tc_filter *filter, void *arg)
{
	struct own_filters *own = arg;

	if (filter->prog_id && prog_holds(filter->prog_id, own->state_id)) {
		own->count[filter->hook]++;
		own->last[filter->hook] = *filter;
	} else {
		own->others++;
	}
	return 0;
}

static int find_filters(const struct ftpnat_interface *interface, struct own_filters *own)
{
	return rtnl_filters((int)interface->ifindex, see_filter, own);
}

int attach_clsact(struct ftpnat_interface *interface, int (*save)(void *arg), void *arg)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)interface->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err = rtnl_qdisc((int)interface->ifindex);

	if (err == TC_QDISC_CLSACT)
		return 0;
	if (err == TC_QDISC_INGRESS)
		return err_r(
			-EEXIST,
			"%s has an ingress qdisc, which leaves no place for clsact: remove it "
			"(`tc qdisc del dev %s ingress`)",
			interface->name, interface->name);
	if (err == TC_QDISC_NONE) {
		interface->made_clsact = 1;
		err = save(arg) ?: bpf_tc_hook_create(&hook);
	}
	if (err == -EEXIST) { /* somebody was faster */
		interface->made_clsact = 0;
		err = save(arg);
	}
	if (err)
		return err_r(err, "can't add a clsact qdisc to %s: %s", interface->name,
			     err == -ENOENT || err == -EOPNOTSUPP ?
				     "the kernel lacks CONFIG_NET_SCH_INGRESS" :
				     strerror(-err));
	return 0;
}

int attach_filter(const struct ftpnat_interface *interface, enum tc_hook hook,
		  int prog_fd, __u32 state_id)
{
	LIBBPF_OPTS(bpf_tc_hook, place, .ifindex = (int)interface->ifindex,
		    .attach_point = attach_points[hook]);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd);
	struct own_filters own = { .state_id = state_id };
	int err = find_filters(interface, &own);

	if (!err && own.count[hook]) {
		opts.handle = own.last[hook].handle;
		opts.priority = own.last[hook].priority;
		opts.flags = BPF_TC_F_REPLACE;
	}
	err = err ?: bpf_tc_attach(&place, &opts);
	if (err)
		return err_r(err, "can't attach to %s %s: %s", interface->name,
			     tc_hook_names[hook],
			     err == -ENOENT ? "the kernel lacks CONFIG_NET_CLS_BPF" :
					      strerror(-err));
	return 0;
}

int attach_query(const struct ftpnat_interface *interface, __u32 state_id,
		 __u32 prog_ids[TC_HOOK_MAX])
{
	struct own_filters own = { .state_id = state_id };
	int err = find_filters(interface, &own);

	for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++)
		prog_ids[hook] = own.last[hook].prog_id;
	return err;
}

static int detach_own(const struct ftpnat_interface *interface,
		      const struct tc_filter *filter)
{
	LIBBPF_OPTS(bpf_tc_hook, place, .ifindex = (int)interface->ifindex,
		    .attach_point = attach_points[filter->hook]);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = filter->handle,
		    .priority = filter->priority);
	int err = bpf_tc_detach(&place, &opts);

	return err == -ENOENT ? 0 : err;
}

static int remove_clsact(const struct ftpnat_interface *interface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)interface->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (rtnl_qdisc((int)interface->ifindex) != TC_QDISC_CLSACT)
		return 0;
	return bpf_tc_hook_destroy(&hook);
}

int attach_remove(const struct ftpnat_interface *interface, __u32 state_id)
{
	char name[IF_NAMESIZE];
	struct own_filters own;
	int err;

	/* One filter of each hook at a time: there are more only after a kill. */
	do {
		own = (struct own_filters){ .state_id = state_id };
		err = find_filters(interface, &own);
		for (enum tc_hook hook = 0; !err && hook < TC_HOOK_MAX; hook++)
			if (own.count[hook])
				err = detach_own(interface, &own.last[hook]);
	} while (!err && (own.count[TC_HOOK_INGRESS] || own.count[TC_HOOK_EGRESS]));

	if (!err && interface->made_clsact && !own.others)
		err = remove_clsact(interface);
	if (err && !if_indextoname(interface->ifindex, name))
		return 0; /* gone in the meantime */
	if (err)
		return err_r(err, "can't detach from %s: %s", interface->name,
			     strerror(-err));
	return interface->made_clsact && own.others ? 1 : 0;
}
