// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/instance.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/attach.h"
#include "dataplane/fastpath.h"
#include "dataplane/kernel_lacks.h"
#include "dataplane/map_names.h"
#include "dataplane/pin.h"
#include "dataplane/programs.h"
#include "dataplane/tcx.h"

static const __u32 first = 0;

/* Is it this map, with values of this size? Its id, or 0. */
static __u32 map_id(int fd, enum ftpnat_map map, __u32 value_size)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.value_size != value_size ||
	    strcmp(info.name, map_name(map)))
		return 0;
	return info.id;
}

static int read_state(int fd, __u32 *id, struct ftpnat_state *state)
{
	*id = map_id(fd, FTPNAT_MAP_STATE, sizeof(*state));
	if (!*id)
		return -EPROTO;
	if (bpf_map_lookup_elem(fd, &first, state))
		return -errno;
	return 0;
}

/*
 * Calls `each` for the state map of every instance of this machine; a return other
 * than 0 ends the walk and is returned.
 */
static int for_each_state(int (*each)(int fd, __u32 id, const struct ftpnat_state *state,
				      void *arg),
			  void *arg)
{
	__u32 id = 0;

	while (!bpf_map_get_next_id(id, &id)) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
		struct ftpnat_state state;
		__u32 state_id;
		int verdict;

		if (fd < 0 || read_state(fd, &state_id, &state))
			continue;
		verdict = each(fd, state_id, &state, arg);
		if (verdict)
			return verdict;
	}
	return errno == ENOENT ? 0 : -errno;
}

struct orphan_query {
	const char *dir;
	__u64 netns;
	__u64 bpffs;
	struct instance *found;
};

static int see_orphan(int fd, __u32 id, const struct ftpnat_state *state, void *arg)
{
	const struct orphan_query *query = arg;
	int copy;

	if (!state->interfaces || state->netns != query->netns ||
	    state->bpffs != query->bpffs || strcmp(state->pin, query->dir))
		return 0;
	copy = dup(fd);
	if (copy < 0)
		return -errno;
	query->found->state_fd = copy;
	query->found->state_id = id;
	query->found->state = *state;
	query->found->unpinned = true;
	return 1;
}

int instance_open(struct instance *instance, const char *dir, __u64 netns, __u64 bpffs)
{
	struct orphan_query orphan = { dir, netns, bpffs, instance };
	int fd = pin_open(dir, map_name(FTPNAT_MAP_STATE)), err;

	instance->dir = dir;
	if (fd == -ENOENT && netns) {
		err = for_each_state(see_orphan, &orphan);
		if (err < 0)
			return err_r(err, "can't search the BPF maps: %s",
				     kernel_bpf_strerror(err));
		return err ? 0 : -ENOENT;
	}
	if (fd == -ENOENT)
		return fd;
	if (fd < 0)
		return err_r(fd, "can't open %s/%s: %s", dir, map_name(FTPNAT_MAP_STATE),
			     kernel_bpf_strerror(fd));
	instance->state_fd = fd;
	err = read_state(fd, &instance->state_id, &instance->state);
	if (err)
		return err_r(
			err,
			"%s/%s is not this version's: take it down with the version of "
			"ftpnat-load that created it",
			dir, map_name(FTPNAT_MAP_STATE));
	return 0;
}

int instance_check_layout(const struct instance *instance)
{
	if (instance->state.layout == FTPNAT_LAYOUT)
		return 0;
	return err_r(
		-EPROTO,
		"%s has maps of layout %u, this version needs %d: `down`, then `up` (connections "
		"are lost)",
		instance->dir, instance->state.layout, FTPNAT_LAYOUT);
}

int instance_open_up(struct instance *instance, const char *dir)
{
	int err = instance_open(instance, dir, 0, 0);

	if (err == -ENOENT)
		pr_err("not up at %s: run `ftpnat-load up`, or name the instance with --pin",
		       dir);
	return err ?: instance_check_layout(instance);
}

bool instance_has_bare(const struct ftpnat_state *state)
{
	for (__u32 i = 0; i < state->interfaces; i++)
		if (state->interface[i].bare)
			return true;
	return false;
}

int instance_save(struct instance *instance)
{
	if (bpf_map_update_elem(instance->state_fd, &first, &instance->state, BPF_ANY))
		return err_r(-errno, "can't write %s: %s", map_name(FTPNAT_MAP_STATE),
			     strerror(errno));
	return 0;
}

struct heir_query {
	const struct instance *self;
	__u32 ifindex;
};

static int see_heir(int fd, __u32 id, const struct ftpnat_state *state, void *arg)
{
	const struct heir_query *query = arg;

	if (id == query->self->state_id || state->netns != query->self->state.netns ||
	    !state->complete)
		return 0;
	for (__u32 i = 0; i < state->interfaces && i < FTPNAT_MAX_INTERFACES; i++) {
		struct ftpnat_state heir = *state;

		if (state->interface[i].ifindex != query->ifindex)
			continue;
		heir.interface[i].made_clsact = 1;
		return bpf_map_update_elem(fd, &first, &heir, BPF_ANY) ? -errno : 1;
	}
	return 0;
}

int instance_leave(const struct instance *instance,
		   const struct ftpnat_interface *interfaces, __u32 n)
{
	struct attach_wish none[FTPNAT_MAX_INTERFACES] = { 0 };
	int err = 0;

	/* XDP first: without the filters the ends of its connections would go unseen */
	for (__u32 i = 0; i < n; i++) {
		none[i] = (struct attach_wish){ &interfaces[i], { -1, -1 } };
		err = fastpath_leave(&interfaces[i], instance->state_id) ?: err;
	}
	for (__u32 i = 0; !err && i < n; i++)
		err = tcx_remove(&interfaces[i], instance->state_id);
	err = err ?: attach_switch(none, n, instance->state_id);
	for (__u32 i = 0; !err && i < n; i++) {
		struct heir_query query = { instance, interfaces[i].ifindex };

		err = attach_release(&interfaces[i]);
		if (err == ATTACH_IN_USE)
			err = for_each_state(see_heir, &query);
		err = err > 0 ? 0 : err;
	}
	return err;
}

int instance_remove(struct instance *instance)
{
	struct ftpnat_state *state = &instance->state;
	int err;

	programs_stop(state);
	err = instance_leave(instance, state->interface, state->interfaces);
	if (err) /* what is still attached must be found again */
		return err;
	/* The kernel keeps the map for a moment: it must not be taken for an instance. */
	state->complete = 0;
	state->interfaces = 0;
	err = instance_save(instance);
	err = pin_unlink_all(instance->dir, map_name(FTPNAT_MAP_STATE)) ?: err;
	pin_remove_dir(instance->dir);
	if (!err)
		pr_debug("removed the instance at %s", instance->dir);
	return err;
}

/* The configuration in force of another instance of this network namespace; false: not one. */
static bool read_other(const struct instance *self, __u32 id,
		       const struct ftpnat_state *state, struct ftpnat_config *config)
{
	_cleanup_close_ int fd = -1;

	if (id == self->state_id || state->netns != self->state.netns || !state->complete)
		return false;
	fd = bpf_map_get_fd_by_id(state->config_id);
	return fd >= 0 && map_id(fd, FTPNAT_MAP_CONFIG, sizeof(*config)) &&
	       !bpf_map_lookup_elem(fd, &first, config);
}

struct claim_query {
	const struct instance *self;
	struct ftpnat_listen_key listen;
	char *dir;
};

static int see_claim(int fd, __u32 id, const struct ftpnat_state *state, void *arg)
{
	struct claim_query *query = arg;
	_cleanup_close_ int listens_fd = -1;
	struct ftpnat_config config;
	struct ftpnat_listen listen;

	(void)fd;
	if (!read_other(query->self, id, state, &config))
		return 0;
	listens_fd = bpf_map_get_fd_by_id(state->listens_id);
	if (listens_fd < 0 || !map_id(listens_fd, FTPNAT_MAP_LISTENS, sizeof(listen)))
		return 0;
	query->listen.slot = (__u16)config.slot;
	if (bpf_map_lookup_elem(listens_fd, &query->listen, &listen))
		return 0;
	memcpy(query->dir, state->pin, sizeof(state->pin));
	return INSTANCE_CLAIMED;
}

int instance_claims(const struct instance *self, const struct ftpnat_listen_key *listen,
		    char *dir)
{
	struct claim_query query = { .self = self, .listen = *listen, .dir = dir };

	return for_each_state(see_claim, &query);
}

struct clients_query {
	const struct instance *self;
	const struct ftpnat_selector *selector;
	const struct ftpnat_state *wanted;
	char *dir;
	char *interface;
};

/* An interface that both have; NULL: none. */
static const char *shared_interface(const struct ftpnat_state *a,
				    const struct ftpnat_state *b)
{
	for (__u32 i = 0; i < a->interfaces && i < FTPNAT_MAX_INTERFACES; i++)
		for (__u32 j = 0; j < b->interfaces && j < FTPNAT_MAX_INTERFACES; j++)
			if (a->interface[i].ifindex == b->interface[j].ifindex)
				return a->interface[i].name;
	return NULL;
}

/* The longer prefix lies in the shorter one, or they have nothing in common. */
static bool clients_overlap(const struct ftpnat_selector *a,
			    const struct ftpnat_selector *b)
{
	if (a->port != b->port || a->any_client || b->any_client || a->by_server ||
	    b->by_server)
		return false;
	for (int i = 0; i < 4; i++)
		if ((a->addr.w[i] ^ b->addr.w[i]) & a->mask.w[i] & b->mask.w[i])
			return false;
	return true;
}

static int see_clients(int fd, __u32 id, const struct ftpnat_state *state, void *arg)
{
	struct clients_query *query = arg;
	const char *interface = shared_interface(query->wanted, state);
	_cleanup_close_ int select_fd = -1;
	struct ftpnat_config config;
	struct ftpnat_selector other;
	__u32 slot, key;

	(void)fd;
	if (!interface || !state->select_id ||
	    !read_other(query->self, id, state, &config))
		return 0;
	select_fd = bpf_map_get_fd_by_id(state->select_id);
	if (select_fd < 0 || !map_id(select_fd, FTPNAT_MAP_SELECT, sizeof(other)))
		return 0;
	slot = config.slot & 1;
	for (__u32 i = 0; i < config.selectors[slot]; i++) {
		key = slot * FTPNAT_MAX_SELECTORS + i;
		if (bpf_map_lookup_elem(select_fd, &key, &other) ||
		    !clients_overlap(query->selector, &other))
			continue;
		memcpy(query->dir, state->pin, sizeof(state->pin));
		memcpy(query->interface, interface, FTPNAT_IFNAME_LEN);
		return INSTANCE_CLAIMED;
	}
	return 0;
}

int instance_claims_clients(const struct instance *self,
			    const struct ftpnat_selector *selector,
			    const struct ftpnat_state *wanted, char *dir,
			    char interface[FTPNAT_IFNAME_LEN])
{
	struct clients_query query = { .self = self,
				       .selector = selector,
				       .wanted = wanted,
				       .dir = dir,
				       .interface = interface };

	return for_each_state(see_clients, &query);
}
