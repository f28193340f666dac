// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/before.h"

#include <bpf/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "dataplane/attach.h"
#include "dataplane/tcx.h"

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

/* tcx comes before all filters of tc. */
static void add_tcx(struct list *list, __u32 ifindex)
{
	__u32 ids[TCX_MAX];
	int n = tcx_list(ifindex, list->hook, ids);

	for (int i = 0; i < n && !list->found; i++) {
		_cleanup_close_ int fd = bpf_prog_get_fd_by_id(ids[i]);
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		list->found = prog_holds(ids[i], list->state_id);
		if (!list->found && fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
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
