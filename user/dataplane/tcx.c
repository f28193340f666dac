// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/tcx.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/netdev.h"
#include "base/util.h"
#include "dataplane/attach.h"
#include "dataplane/map_names.h"
#include "dataplane/pin.h"

/* Of Linux 6.6, which Debian 12's headers don't have. */
static const enum bpf_attach_type tcx_hooks[TC_HOOK_MAX] = {
	[TC_HOOK_INGRESS] = (enum bpf_attach_type)46, /* BPF_TCX_INGRESS */
	[TC_HOOK_EGRESS] = (enum bpf_attach_type)47,  /* BPF_TCX_EGRESS */
};

/* Without another program to be before or after: of all. */
static const unsigned int place_flags[FTPNAT_TCX_MAX] = {
	[FTPNAT_TCX_FIRST] = 1u << 3, /* BPF_F_BEFORE */
	[FTPNAT_TCX_LAST] = 1u << 4,  /* BPF_F_AFTER */
};

int tcx_list(__u32 ifindex, enum tc_hook hook, __u32 ids[static TCX_MAX])
{
	__u32 n = TCX_MAX;

	if (bpf_prog_query((int)ifindex, tcx_hooks[hook], 0, NULL, ids, &n))
		return -errno;
	return n < TCX_MAX ? (int)n : TCX_MAX;
}

void tcx_query(const struct ftpnat_interface *interface, __u32 state_id,
	       __u32 prog_ids[static TC_HOOK_MAX])
{
	for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++) {
		__u32 ids[TCX_MAX];
		int n = tcx_list(interface->ifindex, hook, ids);

		prog_ids[hook] = 0;
		for (int i = 0; i < n; i++)
			if (prog_holds(ids[i], state_id))
				prog_ids[hook] = ids[i];
	}
}

static int put_hook(const struct ftpnat_interface *interface, enum tc_hook hook,
		    int prog_fd, enum ftpnat_tcx place)
{
	if (bpf_prog_attach(prog_fd, (int)interface->ifindex, tcx_hooks[hook],
			    place_flags[place]))
		return err_r(-errno, "can't attach to %s tcx %s: %s", interface->name,
			     tc_hook_names[hook],
			     errno == ERANGE ?
				     "it has 64 programs, and room for no more" :
				     strerror(errno));
	pr_debug("attached to %s tcx %s", interface->name, tc_hook_names[hook]);
	return 0;
}

static int remove_hook(const struct ftpnat_interface *interface, enum tc_hook hook,
		       __u32 prog_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd < 0 || bpf_prog_detach2(fd, (int)interface->ifindex, tcx_hooks[hook]))
		return errno == ENOENT || netdev_is_gone(interface->ifindex) ?
			       0 :
			       err_r(-errno, "can't detach from %s tcx %s: %s",
				     interface->name, tc_hook_names[hook],
				     strerror(errno));
	pr_debug("detached from %s tcx %s", interface->name, tc_hook_names[hook]);
	return 0;
}

bool tcx_is_current(__u32 prog_id, const char *dir)
{
	static const enum ftpnat_map used[] = { FTPNAT_MAP_CONFIG, FTPNAT_MAP_PROGRAMS };

	for (size_t i = 0; i < ARRAY_SIZE(used); i++) {
		__u32 map_id = pin_map_id(dir, map_name(used[i]));

		if (!map_id || !prog_holds(prog_id, map_id))
			return false;
	}
	return true;
}

int tcx_put(const struct ftpnat_interface *interface, const int prog_fd[TC_HOOK_MAX],
	    enum ftpnat_tcx place, __u32 state_id, const char *dir)
{
	__u32 ids[TC_HOOK_MAX];
	int err = 0;

	tcx_query(interface, state_id, ids);
	for (enum tc_hook hook = 0; !err && hook < TC_HOOK_MAX; hook++) {
		if (ids[hook] && tcx_is_current(ids[hook], dir))
			continue;
		if (ids[hook])
			err = remove_hook(interface, hook, ids[hook]);
		err = err ?: put_hook(interface, hook, prog_fd[hook], place);
	}
	return err;
}

int tcx_remove(const struct ftpnat_interface *interface, __u32 state_id)
{
	__u32 ids[TC_HOOK_MAX];
	int err = 0;

	tcx_query(interface, state_id, ids);
	for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++)
		if (ids[hook])
			err = remove_hook(interface, hook, ids[hook]) ?: err;
	return err;
}
