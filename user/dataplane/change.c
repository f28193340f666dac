// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/change.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/netdev.h"
#include "base/netns.h"
#include "base/rtnl.h"
#include "dataplane/attach.h"
#include "dataplane/fastpath.h"
#include "dataplane/kernel_lacks.h"
#include "dataplane/pin.h"
#include "dataplane/programs.h"
#include "dataplane/tcx.h"

void change_end(struct change *change)
{
	dataplane_close(&change->dataplane);
	instance_close(&change->instance);
	close_fd(&change->lock_fd);
}

static int find_header(const struct config *config, const struct config_interface *from,
		       struct ftpnat_interface *to)
{
	int header = netdev_header(from->name);

	if (header == -EAFNOSUPPORT || header == -EDESTADDRREQ) {
		config_report_at(
			config, from->at,
			"ftpnat does not work on interfaces of the kind of %s%s, only on "
			"Ethernet, PPP, WireGuard, tun, lo, and GRE, IPIP and SIT with a remote "
			"address; remove it from interfaces",
			from->name,
			header == -EDESTADDRREQ ? ", a tunnel without a remote address" :
						  "");
		return header;
	}
	if (header < 0)
		return err_r(header, "can't find out the type of %s: %s", from->name,
			     strerror(-header));
	to->bare = header == NETDEV_HEADER_NONE;
	return 0;
}

/* What the host sends to itself: FTP of this host to an address that it publishes, and no other. */
static int check_loopback(const struct config *config,
			  const struct config_interface *from)
{
	if (config->publish_n || !netdev_is_loopback(from->name))
		return 0;
	config_report_at(
		config, from->at,
		"%s has only what this host sends to itself, which no masquerade rule, track rule "
		"or guard is about (a publish rule may be); remove it from interfaces",
		from->name);
	return -EINVAL;
}

/* The programs read lengths as the IP header has them. */
static int check_largest_packet(const struct config *config,
				const struct config_interface *from, __u32 ifindex)
{
	int largest = rtnl_largest_packet((int)ifindex);

	if (largest <= RTNL_PACKET_MAX)
		return 0; /* or the kernel doesn't say: before BIG TCP */
	config_report_at(
		config, from->at,
		"%s may make packets of %d bytes (BIG TCP), which ftpnat can't "
		"read; see `ip -d link show %s`, and set gso_max_size, gro_max_size, "
		"gso_ipv4_max_size and gro_ipv4_max_size to at most %d",
		from->name, largest, from->name, RTNL_PACKET_MAX);
	return -EFBIG;
}

static int check_tcx(const struct config *config, const struct config_interface *from,
		     __u32 ifindex)
{
	__u32 ids[TCX_MAX];

	if (config->tcx == FTPNAT_TCX_OFF ||
	    tcx_list(ifindex, TC_HOOK_INGRESS, ids) != -EINVAL)
		return 0;
	config_report_at(
		config, from->at,
		"this kernel has no tcx for %s, Linux 6.6 and later have: leave `tcx` out",
		from->name);
	return -EOPNOTSUPP;
}

static int find_interfaces(struct change *change)
{
	const struct config *config = change->config;
	int ret = 0;

	if (kernel_is_realtime())
		return err_r(
			-EOPNOTSUPP,
			"this kernel is PREEMPT_RT, on which a packet may interrupt the "
			"handling of another; boot one that is not (see `uname -v`)");

	if (config->interfaces_n > FTPNAT_MAX_INTERFACES)
		return err_r(-E2BIG, "more than %d interfaces", FTPNAT_MAX_INTERFACES);
	for (size_t i = 0; i < config->interfaces_n; i++) {
		const struct config_interface *from = &config->interfaces[i];
		struct ftpnat_interface *to = &change->wanted.interface[i];
		int err;

		to->ifindex = if_nametoindex(from->name);
		if (!to->ifindex) {
			config_report_at(config, from->at,
					 "no interface %s in this network namespace; "
					 "see `ip link`",
					 from->name);
			ret = -ENODEV;
			continue;
		}
		err = find_header(config, from, to) ?: check_loopback(config, from);
		if (!err)
			err = check_largest_packet(config, from, to->ifindex) ?:
				      check_tcx(config, from, to->ifindex);
		if (err) {
			ret = err;
			continue;
		}
		memcpy(to->name, from->name, sizeof(to->name));
		to->xdp_asked = (__u8)config->xdp;
		change->wanted.interfaces++;
	}
	return ret;
}

struct ftpnat_interface *state_interface(struct ftpnat_state *state, __u32 ifindex)
{
	for (__u32 i = 0; i < state->interfaces; i++)
		if (state->interface[i].ifindex == ifindex)
			return &state->interface[i];
	return NULL;
}

int change_load(struct change *change, const char *dir)
{
	bool bare = instance_has_bare(&change->wanted) ||
		    instance_has_bare(&change->instance.state);

	return dataplane_load(&change->dataplane, change->config, dir, bare);
}

int change_pin_programs(struct change *change, const char *dir)
{
	return dataplane_pin_programs(&change->dataplane, dir,
				      instance_has_bare(&change->wanted));
}

static int save_instance(void *arg)
{
	return instance_save(arg);
}

static int attach_filters(struct change *change)
{
	struct instance *instance = &change->instance;
	struct ftpnat_state *state = &instance->state;
	struct attach_wish wishes[FTPNAT_MAX_INTERFACES];
	int err = 0;

	for (__u32 i = 0; !err && i < state->interfaces; i++) {
		wishes[i].interface = &state->interface[i];
		for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++)
			wishes[i].prog_fd[hook] = dataplane_prog(
				&change->dataplane, hook, state->interface[i].bare);
		err = attach_clsact(&state->interface[i], save_instance, instance);
	}
	return err ?: attach_switch(wishes, state->interfaces, instance->state_id);
}

static int attach_tcx(struct change *change)
{
	struct instance *instance = &change->instance;
	int half = programs_fill(&change->dataplane, change->apply.now.programs);

	if (half < 0)
		return half;
	for (__u32 i = 0; i < instance->state.interfaces; i++) {
		const struct ftpnat_interface *interface = &instance->state.interface[i];
		int prog_fd[TC_HOOK_MAX], err;

		for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++)
			prog_fd[hook] = dataplane_tcx_prog(&change->dataplane, hook,
							   interface->bare);
		err = tcx_put(interface, prog_fd, change->config->tcx, instance->state_id,
			      instance->dir);
		if (err)
			return err;
	}
	return apply_programs(&change->apply, (__u32)half);
}

int change_attach(struct change *change)
{
	return change->config->tcx == FTPNAT_TCX_OFF ? attach_filters(change) :
						       attach_tcx(change);
}

int change_begin(struct change *change, const struct options *options, bool mount)
{
	int err = 0;

	if (options->netns)
		err = netns_enter(options->netns);
	if (!err && change->config)
		err = find_interfaces(change);
	if (!err)
		err = netns_cookie(&change->netns);
	if (!err)
		err = pin_check(options->pin, mount);
	return err ?: pin_lock(options->pin, &change->lock_fd, &change->bpffs);
}

int change_check_claims(struct change *change)
{
	change->instance.state.netns = change->netns;
	return apply_check_claims(&change->instance, change->config, &change->wanted);
}

int change_record(struct change *change, const struct options *options)
{
	struct ftpnat_state *state = &change->instance.state;
	int err = dataplane_map_id(&change->dataplane, FTPNAT_MAP_CONFIG,
				   &state->config_id);

	if (!err)
		err = dataplane_map_id(&change->dataplane, FTPNAT_MAP_LISTENS,
				       &state->listens_id);
	if (!err)
		err = dataplane_map_id(&change->dataplane, FTPNAT_MAP_SELECT,
				       &state->select_id);
	if (!err)
		err = dataplane_map_id(&change->dataplane, FTPNAT_MAP_STATE,
				       &change->instance.state_id);
	if (err)
		return err;
	state->layout = FTPNAT_LAYOUT;
	state->netns = change->netns;
	state->bpffs = change->bpffs;
	if (change->instance.state_fd >= 0)
		return 0;
	memcpy(state->interface, change->wanted.interface, sizeof(state->interface));
	state->interfaces = change->wanted.interfaces;
	snprintf(state->pin, sizeof(state->pin), "%s", options->pin);
	change->instance.dir = options->pin;
	change->instance.state_fd =
		dup(dataplane_map(&change->dataplane, FTPNAT_MAP_STATE));
	return change->instance.state_fd < 0 ? -errno : 0;
}

void change_fast_path(struct change *change)
{
	struct instance *instance = &change->instance;

	for (__u32 i = 0; i < instance->state.interfaces; i++) {
		struct ftpnat_interface *interface = &instance->state.interface[i];
		const struct ftpnat_interface *wanted =
			state_interface(&change->wanted, interface->ifindex);

		interface->xdp_asked = wanted ? wanted->xdp_asked : FTPNAT_XDP_MODE_OFF;
	}
	fastpath_put(&instance->state, &change->dataplane, instance->state_id);
}

int change_check_namespace(struct change *change)
{
	struct ftpnat_state *state = &change->instance.state;
	char how[64];

	if (state->netns == change->netns)
		return 0;
	if (netns_find(state->netns, how, sizeof(how)))
		return err_r(
			-EXDEV,
			"the instance at %s belongs to another network namespace: use --netns %s",
			change->instance.dir, how);
	state->interfaces = 0; /* gone with their namespace */
	return 0;
}

int change_open(struct change *change, const struct options *options)
{
	int err =
		instance_open(&change->instance, options->pin, change->netns, change->bpffs) ?:
			change_check_namespace(change);

	if (err == -ENOENT)
		pin_remove_dir(options->pin); /* a command was killed early, or late */
	if (err)
		return err;
	if (change->instance.state.netns == change->netns &&
	    change->instance.state.complete && !change->instance.unpinned)
		return 0;
	/* Its namespace is gone, or its pins are, or a command was killed over it. */
	err = instance_remove(&change->instance);
	instance_close(&change->instance);
	change->instance = (struct instance)INSTANCE_INIT;
	return err ?: -ENOENT;
}
