// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/before.h"

#include <bpf/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "dataplane/attach.h"

#define MAX_TCX 64 /* as many as the kernel accepts at one hook */

/* enum bpf_attach_type as of Linux 6.6, which Debian 12's headers don't have */
static const enum bpf_attach_type tcx_hooks[TC_HOOK_MAX] = {
	[TC_HOOK_INGRESS] = (enum bpf_attach_type)46,
	[TC_HOOK_EGRESS] = (enum bpf_attach_type)47,
};

struct list {
	__u32 state_id;
	enum tc_hook hook; /* at hand */
	bool found;	   /* ours: what follows comes after it */
	unsigned int n;	   /* of this hook */
	char *text;
	size_t size;
};

static void __attribute__((format(printf, 2, 3)))
add(struct list *list, const char *format, ...)
{
	size_t len = strlen(list->text);
	va_list args;

	if (list->n++)
		len += (size_t)snprintf(list->text + len, list->size - len, ", ");
	else
		len += (size_t)snprintf(list->text + len, list->size - len,
					"%sfirst at %s: ", len ? "; " : "",
					tc_hook_names[list->hook]);
	if (len >= list->size)
		return;
	va_start(args, format);
	vsnprintf(list->text + len, list->size - len, format, args);
	va_end(args);
}

/* tcx comes before all filters of tc; kernels before 6.6 have none. */
static void add_tcx(struct list *list, __u32 ifindex)
{
	__u32 ids[MAX_TCX], n = MAX_TCX;

	if (bpf_prog_query((int)ifindex, tcx_hooks[list->hook], 0, NULL, ids, &n))
		return;
	for (__u32 i = 0; i < n && i < MAX_TCX; i++) {
		_cleanup_close_ int fd = bpf_prog_get_fd_by_id(ids[i]);
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
			add(list, "tcx %s", info.name);
	}
}

static int see_filter(const struct tc_filter *filter, void *arg)
{
	struct list *list = arg;

	if (filter->hook != list->hook || list->found)
		return 0;
	list->found = filter->prog_id && prog_holds(filter->prog_id, list->state_id);
	if (!list->found)
		add(list, "tc pref %u", filter->priority);
	return 0;
}

void before_text(const struct ftpnat_interface *interface, __u32 state_id, char *text,
		 size_t size)
{
	struct list list = { .state_id = state_id, .text = text, .size = size };

	*text = '\0';
	for (; list.hook < TC_HOOK_MAX; list.hook++) {
		list.n = 0;
		list.found = false;
		add_tcx(&list, interface->ifindex);
		rtnl_filters((int)interface->ifindex, see_filter, &list);
	}
}
