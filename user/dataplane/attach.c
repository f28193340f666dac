// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "base/netdev.h"
#include "base/util.h"

#define MAX_PROG_MAPS 64

const char *const tc_hook_names[TC_HOOK_MAX] = {
	[TC_HOOK_INGRESS] = "ingress",
	[TC_HOOK_EGRESS] = "egress",
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

static bool is_own(const struct tc_filter *filter, __u32 state_id)
{
	return filter->prog_id && prog_holds(filter->prog_id, state_id);
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
			"%s has an ingress qdisc, which leaves no room for clsact: remove it "
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
	if (interface->made_clsact)
		pr_debug("added a clsact qdisc to %s", interface->name);
	return 0;
}

struct query {
	__u32 state_id;
	__u32 *prog_ids;
};

static int see_own(const struct tc_filter *filter, void *arg)
{
	const struct query *query = arg;

	if (is_own(filter, query->state_id))
		query->prog_ids[filter->hook] = filter->prog_id;
	return 0;
}

int attach_query(const struct ftpnat_interface *interface, __u32 state_id,
		 __u32 prog_ids[TC_HOOK_MAX])
{
	struct query query = { state_id, prog_ids };

	memset(prog_ids, 0, TC_HOOK_MAX * sizeof(*prog_ids));
	return rtnl_filters((int)interface->ifindex, see_own, &query);
}

/* ---- changing all at once ---- */

struct plan {
	__u32 state_id;
	const struct attach_wish *wish; /* of the interface at hand */
	bool found[TC_HOOK_MAX];	/* a filter for it */
	struct tc_change *changes;
	size_t n;
};

static void free_plan(struct plan *plan)
{
	free(plan->changes);
}

static int plan_add(struct plan *plan, const struct tc_filter *filter, int prog_fd)
{
	struct tc_change *changes =
		reallocarray(plan->changes, plan->n + 1, sizeof(*changes));

	if (!changes)
		return -ENOMEM;
	plan->changes = changes;
	changes[plan->n++] =
		(struct tc_change){ .ifindex = plan->wish->interface->ifindex,
				    .hook = filter->hook,
				    .handle = filter->handle,
				    .priority = filter->priority,
				    .prog_fd = prog_fd };
	return 0;
}

/* The first one of a hook is replaced; there are more only after a kill. */
static int plan_filter(const struct tc_filter *filter, void *arg)
{
	struct plan *plan = arg;
	bool again = plan->found[filter->hook];

	if (!is_own(filter, plan->state_id))
		return 0;
	plan->found[filter->hook] = true;
	return plan_add(plan, filter, again ? -1 : plan->wish->prog_fd[filter->hook]);
}

static int plan_interface(struct plan *plan, const struct attach_wish *wish)
{
	int err;

	plan->wish = wish;
	memset(plan->found, 0, sizeof(plan->found));
	err = rtnl_filters((int)wish->interface->ifindex, plan_filter, plan);
	for (enum tc_hook hook = 0; !err && hook < TC_HOOK_MAX; hook++) {
		const struct tc_filter none = { .hook = hook };

		if (!plan->found[hook] && wish->prog_fd[hook] >= 0)
			err = plan_add(plan, &none, wish->prog_fd[hook]);
	}
	return err ? err_r(err, "can't list the tc filters of %s: %s",
			   wish->interface->name, strerror(-err)) :
		     0;
}

static int check_answer(const struct tc_change *change)
{
	char name[IF_NAMESIZE] = "?";
	int err = change->err;

	if_indextoname(change->ifindex, name);
	if (!err)
		pr_debug("%s %s %s",
			 change->prog_fd < 0 ? "detached from" : "attached to", name,
			 tc_hook_names[change->hook]);
	if (!err ||
	    (change->prog_fd < 0 && (err == -ENOENT || netdev_is_gone(change->ifindex))))
		return 0;
	if (change->prog_fd < 0)
		return err_r(err, "can't detach from %s %s: %s", name,
			     tc_hook_names[change->hook], strerror(-err));
	return err_r(err, "can't attach to %s %s: %s", name, tc_hook_names[change->hook],
		     err == -ENOENT ? "the kernel lacks CONFIG_NET_CLS_BPF" :
				      strerror(-err));
}

int attach_switch(const struct attach_wish *wishes, size_t n, __u32 state_id)
{
	_cleanup_(free_plan) struct plan plan = { .state_id = state_id };
	int err = 0;

	for (size_t i = 0; !err && i < n; i++)
		err = plan_interface(&plan, &wishes[i]);
	if (err)
		return err;
	err = rtnl_change(plan.changes, plan.n);
	if (err)
		return err_r(err, "can't change the tc filters: %s", strerror(-err));
	for (size_t i = 0; !err && i < plan.n; i++) /* the first says it for all */
		err = check_answer(&plan.changes[i]);
	return err;
}

/* ---- letting go ---- */

static int count_filter(const struct tc_filter *filter, void *arg)
{
	(void)filter;
	++*(int *)arg;
	return 0;
}

int attach_release(const struct ftpnat_interface *interface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)interface->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int filters = 0, err;

	if (!interface->made_clsact)
		return ATTACH_RELEASED;
	err = rtnl_filters((int)interface->ifindex, count_filter, &filters);
	if (!err && filters)
		return ATTACH_IN_USE;
	if (!err && rtnl_qdisc((int)interface->ifindex) == TC_QDISC_CLSACT)
		err = bpf_tc_hook_destroy(&hook);
	if (err && !netdev_is_gone(interface->ifindex))
		return err_r(err, "can't remove the clsact qdisc of %s: %s",
			     interface->name, strerror(-err));
	return ATTACH_RELEASED;
}
