// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/programs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"

_Static_assert(FTPNAT_ENTRY_IN == (int)TC_HOOK_INGRESS &&
		       FTPNAT_ENTRY_OUT == (int)TC_HOOK_EGRESS &&
		       FTPNAT_ENTRY_MAX == 2 * (int)TC_HOOK_MAX,
	       "entries are hooks with a link-layer header, then without");

static const __u32 first = 0;

static __u32 other_half(__u32 in_force)
{
	return in_force == 1 ? 2 : 1;
}

static __u32 key_of(__u32 half, __u32 entry)
{
	return (half - 1) * FTPNAT_ENTRY_MAX + entry;
}

int programs_fill(const struct dataplane *dataplane, __u32 in_force)
{
	int fd = dataplane_map(dataplane, FTPNAT_MAP_PROGRAMS);
	__u32 half = other_half(in_force);

	for (__u32 entry = 0; entry < FTPNAT_ENTRY_MAX; entry++) {
		int prog_fd = dataplane_prog(dataplane, entry % TC_HOOK_MAX,
					     entry >= TC_HOOK_MAX);
		__u32 key = key_of(half, entry);

		if (prog_fd < 0) /* no interface needs it */
			bpf_map_delete_elem(fd, &key);
		else if (bpf_map_update_elem(fd, &key, &prog_fd, BPF_ANY))
			return err_r(-errno, "can't write to map %s: %s",
				     map_name(FTPNAT_MAP_PROGRAMS), strerror(errno));
	}
	return (int)half;
}

void programs_forget(const struct dataplane *dataplane, __u32 in_force)
{
	int fd = dataplane_map(dataplane, FTPNAT_MAP_PROGRAMS);

	for (__u32 entry = 0; in_force && entry < FTPNAT_ENTRY_MAX; entry++) {
		__u32 key = key_of(other_half(in_force), entry);

		bpf_map_delete_elem(fd, &key);
	}
}

void programs_stop(const struct ftpnat_state *state)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(state->config_id);
	struct ftpnat_config config;

	/* the layout of another version's is not known: its hooks end one after the other */
	if (state->layout != FTPNAT_LAYOUT || fd < 0 ||
	    bpf_map_lookup_elem(fd, &first, &config) || !config.programs)
		return;
	config.programs = 0;
	bpf_map_update_elem(fd, &first, &config, BPF_EXIST);
}
