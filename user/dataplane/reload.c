// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/reload.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/netdev.h"
#include "config/load.h"
#include "dataplane/attach.h"
#include "dataplane/programs.h"

/* The programs before a reload, to go back to. */
struct before {
	struct change *change;
	struct ftpnat_state state;
	__u32 programs; /* at tcx, as in ftpnat_config */
	int prog_fd[FTPNAT_MAX_INTERFACES][TC_HOOK_MAX];
};

static void free_before(struct before **before)
{
	for (int i = 0; *before && i < FTPNAT_MAX_INTERFACES; i++)
		for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++)
			close_fd(&(*before)->prog_fd[i][hook]);
	free(*before);
}

static int remember(struct change *change, struct before **out)
{
	struct before *before = calloc(1, sizeof(*before));
	const struct instance *instance = &change->instance;
	int err = 0;

	if (!before)
		return err_r(-ENOMEM, "out of memory");
	memset(before->prog_fd, 0xff, sizeof(before->prog_fd));
	before->change = change;
	before->state = instance->state;
	before->programs = change->apply.now.programs;
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
	struct instance *instance = &before->change->instance;
	struct attach_wish wishes[FTPNAT_MAX_INTERFACES];

	for (__u32 i = 0; i < before->state.interfaces; i++) {
		wishes[i].interface = &before->state.interface[i];
		memcpy(wishes[i].prog_fd, before->prog_fd[i], sizeof(wishes[i].prog_fd));
	}
	attach_switch(wishes, before->state.interfaces, instance->state_id);
	if (before->programs)
		apply_programs(&before->change->apply, before->programs);
	for (__u32 i = 0; i < instance->state.interfaces; i++)
		if (!state_interface(&before->state,
				     instance->state.interface[i].ifindex))
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
static int drop_interfaces(struct change *change, bool unwanted)
{
	struct instance *instance = &change->instance;
	struct ftpnat_state *state = &instance->state;
	__u32 kept = 0;
	int err = 0;

	for (__u32 i = 0; i < state->interfaces; i++) {
		struct ftpnat_interface interface = state->interface[i];
		bool gone = netdev_is_gone(interface.ifindex);
		int failed = 0;

		if (!gone && unwanted &&
		    !state_interface(&change->wanted, interface.ifindex)) {
			failed = instance_leave(instance, &interface, 1);
			if (!failed)
				apply_forget_interface(&change->dataplane,
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

static int add_interfaces(struct change *change)
{
	struct ftpnat_state *state = &change->instance.state;

	for (__u32 i = 0; i < change->wanted.interfaces; i++) {
		const struct ftpnat_interface *wanted = &change->wanted.interface[i];
		struct ftpnat_interface *known = state_interface(state, wanted->ifindex);

		if (known) {
			memcpy(known->name, wanted->name, sizeof(known->name));
			known->bare = wanted->bare;
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

int reload_change(struct change *change, const struct options *options)
{
	_cleanup_(free_before) struct before *before = NULL;
	_cleanup_(undo_reload) struct before *undo = NULL;
	struct instance *instance = &change->instance;
	int err = change_check_claims(change);

	if (!err)
		err = instance_check_layout(instance);
	if (!err)
		err = change_load(change, options->pin);
	if (!err)
		err = apply_prepare(&change->apply, &change->dataplane, change->config);
	if (!err)
		err = remember(change, &before);
	if (err)
		return err;
	undo = before;
	drop_interfaces(change, false);
	err = add_interfaces(change);
	if (!err)
		err = change_record(change, options);
	if (!err)
		err = instance_save(instance);
	if (!err)
		err = dataplane_pin_maps(&change->dataplane, options->pin);
	if (!err)
		err = change_attach(change);
	if (!err)
		err = apply_commit(&change->apply);
	if (err)
		return err;
	TAKE_PTR(undo);
	programs_forget(&change->dataplane, change->apply.now.programs);
	err = change_pin_programs(change, options->pin);
	change_fast_path(change);
	err = drop_interfaces(change, true) ?: err;
	return instance_save(instance) ?: err;
}

int reload_apply(const struct options *options, const struct config *config)
{
	_cleanup_change_ struct change change = CHANGE_INIT;
	int err;

	change.config = config;
	if (change_begin(&change, options, false))
		return EXIT_RUNTIME;
	err = change_open(&change, options);
	if (err == -ENOENT)
		pr_err("not up at %s: run `ftpnat-load up`, or name the instance with --pin",
		       options->pin);
	return err || reload_change(&change, options) ? EXIT_RUNTIME : 0;
}

int verb_reload(const struct options *options)
{
	_cleanup_config_ struct config *config = NULL;

	return config_load_or_report(options->config, &config) ?:
		       reload_apply(options, config);
}
