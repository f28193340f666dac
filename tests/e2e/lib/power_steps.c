// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Preloaded into `ftpnat-load run` of a cluster's gateway: at a step of what it exchanges with
 * the others its links are cut and it ends by SIGKILL. POWER_CUT names the pinned map.
 */
#include <bpf/libbpf.h>
#include <corosync/cpg.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "cluster/message.h"
#include "ftpnat_maps.h"
#include "power_cut.h"
#include "preload.h"

static struct power_cut *power;

/* Not libbpf's calls: unshare and sh, which start `run`, have no libbpf. */
static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	const long a[6] = { command, (long)attr, sizeof(*attr) };

	return (int)next_syscall(SYS_bpf, a);
}

static bool get_info(int fd, void *info, __u32 len)
{
	union bpf_attr attr = { .info = { (__u32)fd, len, (__u64)info } };

	return !bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

__attribute__((constructor)) static void open_power(void)
{
	union bpf_attr attr = { .pathname = (__u64)getenv("POWER_CUT") };
	int fd = bpf(BPF_OBJ_GET, &attr);
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*power), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	power = map == MAP_FAILED ? NULL : map;
	close(fd);
}

static void step(enum power_step step)
{
	if (!power || ++power->steps[step] != power->step_at || power->step != step)
		return;
	__atomic_store_n(&power->done, 1, __ATOMIC_SEQ_CST);
	kill(getpid(), SIGKILL);
}

/* ---- ring ---- */

static ring_buffer_sample_fn see_next;

static int see_item(void *arg, void *data, size_t size)
{
	step(POWER_PUBLISHED);
	return see_next(arg, data, size);
}

/* Is it the ring of the cluster? That of events is smaller. */
static bool is_cluster_ring(int fd)
{
	struct bpf_map_info info = { 0 };

	return get_info(fd, &info, sizeof(info)) &&
	       info.max_entries == FTPNAT_RECORDS_SIZE;
}

struct ring_buffer *ring_buffer__new(int fd, ring_buffer_sample_fn see, void *arg,
				     const struct ring_buffer_opts *opts)
{
	if (is_cluster_ring(fd)) {
		see_next = see;
		see = see_item;
	}
	return NEXT(ring_buffer__new)(fd, see, arg, opts);
}

/* ---- multicast ---- */

cs_error_t cpg_mcast_joined(cpg_handle_t handle, cpg_guarantee_t guarantee,
			    const struct iovec *parts, unsigned int n)
{
	enum power_step before = POWER_STEPS;
	struct message_header header;
	cs_error_t err;

	memcpy(&header, parts->iov_base, sizeof(header));
	if (header.type == MESSAGE_CONNECTION || header.type == MESSAGE_END)
		before = POWER_MULTICAST;
	else if (header.type == MESSAGE_SEEN)
		before = POWER_SEEN;
	if (before != POWER_STEPS)
		step(before);
	err = NEXT(cpg_mcast_joined)(handle, guarantee, parts, n);
	if (before != POWER_STEPS && err == CS_OK)
		step(before + 1);
	return err;
}

/* ---- apply, inject ---- */

/* The step before a test run of this program; POWER_STEPS: none. */
static enum power_step step_of(__u32 fd)
{
	struct bpf_prog_info info = { 0 };

	if (!get_info((int)fd, &info, sizeof(info)))
		return POWER_STEPS;
	if (!strcmp(info.name, "ftpnat_replica"))
		return POWER_APPLY;
	return strcmp(info.name, "ftpnat_inject") ? POWER_STEPS : POWER_INJECT;
}

static long on_syscall(long number, const long a[6])
{
	enum power_step before = POWER_STEPS;
	long rc;

	if (number == SYS_bpf && a[0] == BPF_PROG_TEST_RUN)
		before = step_of(((const union bpf_attr *)a[1])->test.prog_fd);
	if (before != POWER_STEPS)
		step(before);
	rc = next_syscall(number, a);
	if (before != POWER_STEPS)
		step(before + 1);
	return rc;
}
