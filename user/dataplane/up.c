// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * up, reload, down. Every step that changes the system is first recorded in the pinned
 * state map, so that the next up, reload or down can finish or undo what a killed one
 * left behind. What packets see changes in one step, see docs/design.md.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "base/netdev.h"
#include "base/netns.h"
#include "base/options.h"
#include "base/util.h"
#include "config/load.h"
#include "dataplane/apply.h"
#include "dataplane/attach.h"
#include "dataplane/fastpath.h"
#include "dataplane/instance.h"
#include "dataplane/map_names.h"
#include "dataplane/pin.h"
#include "dataplane/service_files.h"
#include "dataplane/up.h"

/* One run of up, reload or down. */
struct run {
	const struct config *config;
	int lock_fd;
	__u64 netns;
	__u64 bpffs;
	struct instance instance;
	struct dataplane dataplane;
	struct apply apply;
	struct ftpnat_state wanted; /* interfaces of the configuration */
};

#define RUN_INIT                                                                         \
	{                                                                                \
		.lock_fd = -1, .instance = INSTANCE_INIT                                 \
	}

static void run_end(struct run *run)
{
	dataplane_close(&run->dataplane);
	instance_close(&run->instance);
	close_fd(&run->lock_fd);
}

/* ---- interfaces ---- */

static int check_header(const struct config *config, const struct config_interface *from)
{
	int has = netdev_has_ethernet_header(from->name);

	if (has < 0)
		return err_r(has, "can't find out the type of %s: %s", from->name,
			     strerror(-has));
	if (!has)
		return err_r(-EAFNOSUPPORT,
			     "%s:%u:%u: packets of %s have no Ethernet header (PPP, "
			     "WireGuard, tun or another tunnel), and ftpnat only works "
			     "with Ethernet: remove it from interfaces",
			     config->path, from->at.line, from->at.column, from->name);
	return 0;
}

static int find_interfaces(struct run *run)
{
	const struct config *config = run->config;

	if (config->interfaces_n > FTPNAT_MAX_INTERFACES)
		return err_r(-E2BIG, "more than %d interfaces", FTPNAT_MAX_INTERFACES);
	for (size_t i = 0; i < config->interfaces_n; i++) {
		const struct config_interface *from = &config->interfaces[i];
		struct ftpnat_interface *to = &run->wanted.interface[i];
		int err;

		to->ifindex = if_nametoindex(from->name);
		if (!to->ifindex)
			return err_r(
				-ENODEV,
				"%s:%u:%u: no interface %s in this network namespace "
				"(see `ip link`)",
				config->path, from->at.line, from->at.column, from->name);
		err = check_header(config, from);
		if (err)
			return err;
		memcpy(to->name, from->name, sizeof(to->name));
		to->xdp_asked = (__u8)config->xdp;
		run->wanted.interfaces++;
	}
	return 0;
}

static struct ftpnat_interface *find_interface(struct ftpnat_state *state, __u32 ifindex)
{
	for (__u32 i = 0; i < state->interfaces; i++)
		if (state->interface[i].ifindex == ifindex)
			return &state->interface[i];
	return NULL;
}

static int save_instance(void *arg)
{
	return instance_save(arg);
}

/* The new programs on all interfaces that the instance has, in one step. */
static int attach_all(struct run *run)
{
	struct instance *instance = &run->instance;
	struct ftpnat_state *state = &instance->state;
	struct attach_wish wishes[FTPNAT_MAX_INTERFACES];
	int err = 0;

	for (__u32 i = 0; !err && i < state->interfaces; i++) {
		wishes[i].interface = &state->interface[i];
		for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++)
			wishes[i].prog_fd[hook] = dataplane_prog(&run->dataplane, hook);
		err = attach_clsact(&state->interface[i], save_instance, instance);
	}
	return err ?: attach_switch(wishes, state->interfaces, instance->state_id);
}

/* The start of up, reload and down: namespace, interfaces, bpffs, lock. */
static int begin(struct run *run, const struct options *options, bool mount)
{
	int err = 0;

	if (options->netns)
		err = netns_enter(options->netns);
	if (!err && run->config)
		err = find_interfaces(run);
	return err				      ?:
		       netns_cookie(&run->netns)      ?:
		       pin_check(options->pin, mount) ?:
		       pin_lock(options->pin, &run->lock_fd, &run->bpffs);
}

/* ---- up ---- */

/* What is recorded before anything is created. */
static int begin_state(struct run *run, const struct options *options)
{
	struct ftpnat_state *state = &run->instance.state;
	int err =
		dataplane_map_id(&run->dataplane, FTPNAT_MAP_CONFIG, &state->config_id) ?:
			dataplane_map_id(&run->dataplane, FTPNAT_MAP_LISTENS, &state->listens_id) ?:
			dataplane_map_id(&run->dataplane, FTPNAT_MAP_SELECT, &state->select_id) ?:
			dataplane_map_id(&run->dataplane, FTPNAT_MAP_STATE,
					 &run->instance.state_id);

	if (err)
		return err;
	state->layout = FTPNAT_LAYOUT;
	state->netns = run->netns;
	state->bpffs = run->bpffs;
	if (run->instance.state_fd >= 0)
		return 0;
	memcpy(state->interface, run->wanted.interface, sizeof(state->interface));
	state->interfaces = run->wanted.interfaces;
	snprintf(state->pin, sizeof(state->pin), "%s", options->pin);
	run->instance.dir = options->pin;
	run->instance.state_fd = dup(dataplane_map(&run->dataplane, FTPNAT_MAP_STATE));
	return run->instance.state_fd < 0 ? -errno : 0;
}

/* XDP comes last, and no error in it makes the command fail. */
static void fast_path(struct run *run)
{
	struct instance *instance = &run->instance;

	for (__u32 i = 0; i < instance->state.interfaces; i++) {
		struct ftpnat_interface *interface = &instance->state.interface[i];
		const struct ftpnat_interface *wanted =
			find_interface(&run->wanted, interface->ifindex);

		interface->xdp_asked = wanted ? wanted->xdp_asked : CONFIG_XDP_OFF;
	}
	fastpath_put(&instance->state, &run->dataplane, instance->state_id);
}

static void undo_up(struct instance **instance)
{
	if (*instance)
		instance_remove(*instance);
}

static int fresh_up(struct run *run, const struct options *options)
{
	_cleanup_(undo_up) struct instance *undo = NULL;
	struct instance *instance = &run->instance;
	int err = dataplane_load(&run->dataplane, &run->config->limits, NULL)	   ?:
			  begin_state(run, options)				   ?:
			  apply_prepare(&run->apply, &run->dataplane, run->config) ?:
			  apply_commit(&run->apply)				   ?:
			  instance_save(instance);

	if (err)
		return err;
	undo = instance;
	err = pin_make_dir(options->pin) ?:
		      pin_new(options->pin, map_name(FTPNAT_MAP_STATE), instance->state_fd) ?:
		      dataplane_pin_maps(&run->dataplane, options->pin) ?:
		      dataplane_pin_programs(&run->dataplane, options->pin);
	if (err)
		return err;
	instance->state.complete = 1; /* from here on it is as a reload finds it */
	err = instance_save(instance) ?: attach_all(run);
	if (err)
		return err;
	TAKE_PTR(undo);
	fast_path(run);
	return instance_save(instance);
}

/* ---- reload ---- */

/* The filters before a reload, to go back to. */
struct before {
	struct run *run;
	struct ftpnat_state state;
	int prog_fd[FTPNAT_MAX_INTERFACES][TC_HOOK_MAX];
};

static void free_before(struct before **before)
{
	for (int i = 0; *before && i < FTPNAT_MAX_INTERFACES; i++)
		for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++)
			close_fd(&(*before)->prog_fd[i][hook]);
	free(*before);
}

static int remember(struct run *run, struct before **out)
{
	struct before *before = calloc(1, sizeof(*before));
	const struct instance *instance = &run->instance;
	int err = 0;

	if (!before)
		return err_r(-ENOMEM, "out of memory");
	memset(before->prog_fd, 0xff, sizeof(before->prog_fd));
	before->run = run;
	before->state = instance->state;
	*out = before;
	for (__u32 i = 0; !err && i < before->state.interfaces; i++) {
		__u32 id[TC_HOOK_MAX];

		err = attach_query(&before->state.interface[i], instance->state_id, id);
		for (enum tc_hook hook = 0; !err && hook < TC_HOOK_MAX; hook++)
			if (id[hook]) {
				before->prog_fd[i][hook] =
					bpf_prog_get_fd_by_id(id[hook]);
				err = before->prog_fd[i][hook] < 0 ? -errno : 0;
			}
	}
	return err ? err_r(err, "can't list the tc filters: %s", strerror(-err)) : 0;
}

/* Restores the previous filters, in one step too, and releases new interfaces. */
static void go_back(struct before *before)
{
	struct instance *instance = &before->run->instance;
	struct attach_wish wishes[FTPNAT_MAX_INTERFACES];

	for (__u32 i = 0; i < before->state.interfaces; i++) {
		wishes[i].interface = &before->state.interface[i];
		memcpy(wishes[i].prog_fd, before->prog_fd[i], sizeof(wishes[i].prog_fd));
	}
	attach_switch(wishes, before->state.interfaces, instance->state_id);
	for (__u32 i = 0; i < instance->state.interfaces; i++)
		if (!find_interface(&before->state, instance->state.interface[i].ifindex))
			instance_leave(instance, &instance->state.interface[i], 1);
	instance->state = before->state;
	instance_save(instance);
}

static void undo_reload(struct before **before)
{
	if (*before)
		go_back(*before);
}

/*
 * Forget interfaces that are gone; with `unwanted`, also release those not in the
 * configuration.
 */
static int drop_interfaces(struct run *run, bool unwanted)
{
	struct instance *instance = &run->instance;
	struct ftpnat_state *state = &instance->state;
	__u32 kept = 0;
	int err = 0;

	for (__u32 i = 0; i < state->interfaces; i++) {
		struct ftpnat_interface interface = state->interface[i];
		char name[IF_NAMESIZE];
		bool gone = !if_indextoname(interface.ifindex, name);
		int failed = 0;

		if (!gone && unwanted &&
		    !find_interface(&run->wanted, interface.ifindex)) {
			failed = instance_leave(instance, &interface, 1);
			if (!failed)
				apply_forget_interface(&run->dataplane,
						       interface.ifindex);
			gone = !failed;
			err = failed ?: err;
		}
		if (!gone)
			state->interface[kept++] = interface;
	}
	state->interfaces = kept;
	memset(&state->interface[kept], 0,
	       (FTPNAT_MAX_INTERFACES - kept) * sizeof(*state->interface));
	return err;
}

static int add_interfaces(struct run *run)
{
	struct ftpnat_state *state = &run->instance.state;

	for (__u32 i = 0; i < run->wanted.interfaces; i++) {
		const struct ftpnat_interface *wanted = &run->wanted.interface[i];
		struct ftpnat_interface *known = find_interface(state, wanted->ifindex);

		if (known) {
			memcpy(known->name, wanted->name, sizeof(known->name));
			continue;
		}
		if (state->interfaces == FTPNAT_MAX_INTERFACES)
			return err_r(
				-E2BIG,
				"more than %d interfaces, old and new together: reload in two "
				"steps",
				FTPNAT_MAX_INTERFACES);
		state->interface[state->interfaces++] = *wanted;
	}
	return 0;
}

static int reload(struct run *run, const struct options *options)
{
	_cleanup_(free_before) struct before *before = NULL;
	_cleanup_(undo_reload) struct before *undo = NULL;
	struct instance *instance = &run->instance;
	int err =
		instance_check_layout(instance) ?:
			dataplane_load(&run->dataplane, &run->config->limits, options->pin) ?:
			apply_prepare(&run->apply, &run->dataplane, run->config) ?:
			remember(run, &before);

	if (err)
		return err;
	undo = before;
	drop_interfaces(run, false);
	err = add_interfaces(run)					?:
		      begin_state(run, options)				?:
		      instance_save(instance)				?:
		      dataplane_pin_maps(&run->dataplane, options->pin) ?:
		      attach_all(run)					?:
		      apply_commit(&run->apply);
	if (err)
		return err;
	TAKE_PTR(undo);
	err = dataplane_pin_programs(&run->dataplane, options->pin);
	fast_path(run);
	err = drop_interfaces(run, true) ?: err;
	return instance_save(instance) ?: err;
}

/* ---- the verbs ---- */

/*
 * An instance of another network namespace can be changed only there, or when that is
 * gone.
 */
static int check_namespace(struct run *run)
{
	struct ftpnat_state *state = &run->instance.state;
	char how[64];

	if (state->netns == run->netns)
		return 0;
	if (netns_find(state->netns, how, sizeof(how)))
		return err_r(
			-EXDEV,
			"the instance at %s belongs to another network namespace: use --netns %s",
			run->instance.dir, how);
	state->interfaces = 0; /* gone with their namespace */
	return 0;
}

/* 0: an instance is up at the pin directory; -ENOENT: none, and no remains of one. */
static int open_instance(struct run *run, const struct options *options)
{
	int err = instance_open(&run->instance, options->pin, run->netns, run->bpffs) ?:
			  check_namespace(run);

	if (err == -ENOENT)
		pin_remove_dir(options->pin); /* a command was killed early, or late */
	if (err)
		return err;
	if (run->instance.state.netns == run->netns && run->instance.state.complete &&
	    !run->instance.unpinned)
		return 0;
	/* Its namespace is gone, or its pins are, or a command was killed over it. */
	err = instance_remove(&run->instance);
	instance_close(&run->instance);
	run->instance = (struct instance)INSTANCE_INIT;
	return err ?: -ENOENT;
}

int up_apply(const struct options *options, const struct config *config, bool may_start)
{
	_cleanup_(run_end) struct run run = RUN_INIT;
	int err;

	run.config = config;
	err = begin(&run, options, may_start);
	if (err)
		return EXIT_RUNTIME;
	err = open_instance(&run, options);
	if (err == -ENOENT && !may_start)
		pr_err("not up at %s: run `ftpnat-load up`, or name the instance with --pin",
		       options->pin);
	if (err && (err != -ENOENT || !may_start))
		return EXIT_RUNTIME;
	run.instance.state.netns = run.netns;
	if (apply_check_claims(&run.instance, config, &run.wanted))
		return EXIT_RUNTIME;
	err = err ? fresh_up(&run, options) : reload(&run, options);
	return err ? EXIT_RUNTIME : 0;
}

static int up_or_reload(const struct options *options, bool may_start)
{
	_cleanup_config_ struct config *config = NULL;

	return config_load_or_report(options->config, &config) ?:
		       up_apply(options, config, may_start);
}

int verb_up(const struct options *options)
{
	return up_or_reload(options, true);
}

int verb_reload(const struct options *options)
{
	return up_or_reload(options, false);
}

int verb_down(const struct options *options)
{
	_cleanup_(run_end) struct run run = RUN_INIT;
	int err = begin(&run, options, false);
	__u32 events_id;

	if (err)
		return EXIT_RUNTIME;
	err = instance_open(&run.instance, options->pin, run.netns, run.bpffs);
	if (err == -ENOENT) {
		pin_remove_dir(options->pin);
		pr_info("not up at %s: nothing to do", options->pin);
		return 0;
	}
	events_id = pin_map_id(options->pin, map_name(FTPNAT_MAP_EVENTS));
	err = err ?: check_namespace(&run) ?: instance_remove(&run.instance);
	if (err)
		return EXIT_RUNTIME;
	service_remove_files(options->pin, events_id);
	return 0;
}
