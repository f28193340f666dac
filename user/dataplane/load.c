// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/util.h"
#include "dataplane/kernel_lacks.h"
#include "dataplane/kernel_log.h"
#include "dataplane/pin.h"
#include "ftpnat_tc.skel.h"

void dataplane_close(struct dataplane *dataplane)
{
	ftpnat_tc__destroy(dataplane->skel);
	dataplane->skel = NULL;
}

/*
 * Entries of ftpnat_expiry: two per connection, one per session, and what a second of many
 * connections adds.
 */
static uint32_t expiry_blocks(const struct config_limits *limits)
{
	uint64_t entries = 4ULL * limits->control + 3ULL * limits->data + (1 << 18);

	return (uint32_t)(entries / FTPNAT_EXPIRY_BLOCK);
}

static int size_maps(const struct ftpnat_tc *skel, const struct config_limits *limits)
{
	const struct {
		struct bpf_map *map;
		__u32 entries;
	} sizes[] = {
		{ skel->maps.ftpnat_flows, 2 * (limits->control + limits->data) },
		{ skel->maps.ftpnat_queue, expiry_blocks(limits) },
		{ skel->maps.ftpnat_sessions, limits->control },
		{ skel->maps.ftpnat_logs, limits->control + FTPNAT_LOGS_SPARE + 1 },
		{ skel->maps.ftpnat_transfers, limits->control },
		{ skel->maps.ftpnat_tls, limits->control },
		{ skel->maps.ftpnat_expected, limits->expected },
		{ skel->maps.ftpnat_clients, limits->control + FTPNAT_IDLE_CLIENTS },
	};
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(sizes); i++)
		err = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);
	return err;
}

bool dataplane_is_state(const struct bpf_map *map)
{
	enum ftpnat_map id = map_of_name(bpf_map__name(map));

	return id < FTPNAT_MAP_MAX && map_survives(id);
}

static int reuse_map(struct bpf_map *map, const char *dir)
{
	_cleanup_close_ int fd = pin_open(dir, bpf_map__name(map));
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd == -ENOENT) /* a map that the version before did not have */
		return 0;
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return err_r(fd < 0 ? fd : -errno, "can't open %s/%s: %s", dir,
			     bpf_map__name(map), strerror(fd < 0 ? -fd : errno));
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map))
		return err_r(
			-EPROTO,
			"%s/%s has another layout than this version needs: `down`, then `up` "
			"(connections are lost)",
			dir, bpf_map__name(map));
	if (info.max_entries < bpf_map__max_entries(map))
		return err_r(
			-E2BIG,
			"%s/%s has room for %u entries, %u are needed, and a map can't grow: keep "
			"`limits` as they were or lower, or `down`, then `up` (connections are "
			"lost)",
			dir, bpf_map__name(map), info.max_entries,
			bpf_map__max_entries(map));
	return bpf_map__reuse_fd(map, fd);
}

static int reuse_maps(const struct ftpnat_tc *skel, const char *dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, skel->obj) {
		int err = dataplane_is_state(map) ? reuse_map(map, dir) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* The state map identifies every filter of this instance. */
static int bind_state(const struct ftpnat_tc *skel)
{
	int state_fd = bpf_map__fd(skel->maps.ftpnat_state);
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, skel->obj)
		if (bpf_program__autoload(prog) &&
		    bpf_prog_bind_map(bpf_program__fd(prog), state_fd, NULL))
			return err_r(
				-errno,
				"can't bind %s to %s: %s (ftpnat needs Linux " KERNEL_LOWEST
				" or later)",
				map_name(FTPNAT_MAP_STATE), bpf_program__name(prog),
				strerror(errno));
	return 0;
}

#define WAKE_TRIES    100
#define WAKE_PAUSE_US 10000

/*
 * Starts the connection timer with the code of these programs; a running timer switches
 * to it.
 */
static int start_timer(const struct ftpnat_tc *skel)
{
	int fd = bpf_program__fd(skel->progs.ftpnat_wake);

	/* 6.18 may refuse its memory for a moment */
	for (int i = 0; i < WAKE_TRIES; i++) {
		__u8 frame[ETH_ZLEN] = { 0 };
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame,
			    .data_size_in = sizeof(frame));

		if (bpf_prog_test_run_opts(fd, &run))
			return err_r(-errno, "can't run ftpnat_wake: %s",
				     strerror(errno));
		if (run.retval)
			return 0;
		usleep(WAKE_PAUSE_US);
	}
	return err_r(-ENOMEM, "the kernel has no memory for a timer: try again");
}

/* Creates logs for the first sessions. Those that fail here are created when a session needs them. */
static void make_logs(const struct ftpnat_tc *skel)
{
	_cleanup_free_ struct ftpnat_logs *blank = calloc(1, sizeof(*blank));

	for (__u32 key = 1; blank && key <= FTPNAT_LOGS_SPARE; key++)
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.ftpnat_logs), &key, blank,
					BPF_NOEXIST) ||
		    bpf_map_update_elem(bpf_map__fd(skel->maps.ftpnat_spare), NULL, &key,
					BPF_ANY))
			return;
}

/* Of a cluster: its slot, and a mark that nobody can guess. Without one its programs stay out. */
static int set_cluster(const struct ftpnat_tc *skel, const struct config_cluster *cluster)
{
	bool clustered = cluster->at.line;

	bpf_program__set_autoload(skel->progs.ftpnat_replica, clustered);
	bpf_program__set_autoload(skel->progs.ftpnat_tell, clustered);
	bpf_program__set_autoload(skel->progs.ftpnat_inject, clustered);
	if (!clustered)
		return 0;
	skel->rodata->ftpnat_slot = cluster->slot;
	if (getrandom(&skel->rodata->ftpnat_inject_mark, sizeof(uint32_t), 0) < 0)
		return err_r(-errno, "can't get a random number: %s", strerror(errno));
	/*
	 * Neither this nor the next number is what GRO leaves in that word, the number of
	 * segments and the protocol (struct napi_gro_cb of 6.18), nor 0.
	 */
	skel->rodata->ftpnat_inject_mark |= 1U << 31;
	skel->rodata->ftpnat_inject_mark &= ~1U;
	return 0;
}

int dataplane_load(struct dataplane *dataplane, const struct config *config,
		   const char *dir, bool bare)
{
	const bool tcx = config->tcx != FTPNAT_TCX_OFF;
	struct ftpnat_tc *skel;
	int err;

	kernel_log_start();
	skel = dataplane->skel = ftpnat_tc__open();
	if (!skel)
		return kernel_log_explain(NULL, -errno);
	err = size_maps(skel, &config->limits);
	if (err)
		return err_r(err, "can't size the maps: %s", strerror(-err));
	err = set_cluster(skel, &config->cluster);
	if (err)
		return err;
	err = dir ? reuse_maps(skel, dir) : 0;
	if (err)
		return err;
	bpf_program__set_autoload(skel->progs.ftpnat_ip_in, bare);
	bpf_program__set_autoload(skel->progs.ftpnat_ip_out, bare);
	bpf_program__set_autoload(skel->progs.ftpnat_tcx_in, tcx);
	bpf_program__set_autoload(skel->progs.ftpnat_tcx_out, tcx);
	bpf_program__set_autoload(skel->progs.ftpnat_tcx3_in, tcx && bare);
	bpf_program__set_autoload(skel->progs.ftpnat_tcx3_out, tcx && bare);
	if (getrandom(&skel->rodata->ftpnat_generation, sizeof(uint32_t), 0) < 0)
		return err_r(-errno, "can't get a random number: %s", strerror(errno));
	kernel_log_start();
	err = ftpnat_tc__load(skel);
	if (err)
		return kernel_log_explain(skel->obj, err);
	pr_debug("loaded the programs%s%s", dir ? ", with the maps at " : "", dir ?: "");
	if (!dir)
		make_logs(skel);
	return bind_state(skel) ?: start_timer(skel);
}

void dataplane_set_qos(const struct dataplane *dataplane, __u32 rule, __u8 does)
{
	dataplane->skel->bss->ftpnat_rule_qos[rule] = does;
}

void dataplane_get_qos(const struct dataplane *dataplane,
		       __u8 does[static FTPNAT_MAX_RULES])
{
	for (__u32 rule = 0; rule < FTPNAT_MAX_RULES; rule++)
		does[rule] = dataplane->skel->bss->ftpnat_rule_qos[rule];
}

int dataplane_map(const struct dataplane *dataplane, enum ftpnat_map map)
{
	return bpf_object__find_map_fd_by_name(dataplane->skel->obj, map_name(map));
}

int dataplane_map_id(const struct dataplane *dataplane, enum ftpnat_map map, __u32 *id)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(dataplane_map(dataplane, map), &info, &len))
		return err_r(-errno, "can't read map %s: %s", map_name(map),
			     strerror(errno));
	*id = info.id;
	return 0;
}

int dataplane_prog(const struct dataplane *dataplane, enum tc_hook hook, bool bare)
{
	const struct ftpnat_tc *skel = dataplane->skel;

	if (bare)
		return bpf_program__fd(hook == TC_HOOK_INGRESS ?
					       skel->progs.ftpnat_ip_in :
					       skel->progs.ftpnat_ip_out);
	return bpf_program__fd(hook == TC_HOOK_INGRESS ? skel->progs.ftpnat_ingress :
							 skel->progs.ftpnat_egress);
}

int dataplane_tcx_prog(const struct dataplane *dataplane, enum tc_hook hook, bool bare)
{
	const struct ftpnat_tc *skel = dataplane->skel;

	if (bare)
		return bpf_program__fd(hook == TC_HOOK_INGRESS ?
					       skel->progs.ftpnat_tcx3_in :
					       skel->progs.ftpnat_tcx3_out);
	return bpf_program__fd(hook == TC_HOOK_INGRESS ? skel->progs.ftpnat_tcx_in :
							 skel->progs.ftpnat_tcx_out);
}

static bool is_pinned(const char *dir, const char *name)
{
	_cleanup_close_ int fd = pin_open(dir, name);

	return fd >= 0;
}

int dataplane_pin_maps(const struct dataplane *dataplane, const char *dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, dataplane->skel->obj) {
		int err = 0;

		if (dataplane_is_state(map) && !is_pinned(dir, bpf_map__name(map)))
			err = pin_new(dir, bpf_map__name(map), bpf_map__fd(map));
		if (err)
			return err;
	}
	return 0;
}

int dataplane_pin_programs(const struct dataplane *dataplane, const char *dir, bool bare)
{
	const struct ftpnat_tc *skel = dataplane->skel;
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, skel->obj) {
		const char *name = bpf_program__name(prog);
		int err = 0;

		if (!bpf_program__autoload(prog) ||
		    (!bare && (prog == skel->progs.ftpnat_ip_in ||
			       prog == skel->progs.ftpnat_ip_out)))
			err = pin_unlink(dir, name); /* of the configuration before */
		else if (prog != skel->progs.ftpnat_wake)
			err = pin_replace(dir, name, bpf_program__fd(prog));
		if (err)
			return err;
	}
	return 0;
}
