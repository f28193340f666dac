// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/fastpath.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/netdev.h"
#include "base/util.h"
#include "dataplane/kernel_log.h"
#include "dataplane/xdp.h"

/* A flow relies on this for a second; the clock has a resolution of some milliseconds. */
static const struct timespec believed = { .tv_sec = 1, .tv_nsec = 100000000 };

static void __attribute__((format(printf, 2, 3)))
because(struct ftpnat_interface *interface, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(interface->xdp_why, sizeof(interface->xdp_why), format, args);
	va_end(args);
}

/* ---- the mode ---- */

static bool is_veth(const struct ftpnat_interface *interface)
{
	char driver[NETDEV_DRIVER_LEN];

	netdev_driver(interface->name, driver);
	return !strcmp(driver, "veth");
}

/* What `auto` is on this interface: native or off. */
static enum ftpnat_xdp_mode choose_auto(struct ftpnat_interface *interface)
{
	__u64 features;

	if (is_veth(interface)) {
		because(interface, "auto: native XDP on veth costs TSO, TC is faster");
		return FTPNAT_XDP_MODE_OFF;
	}
	if (!netdev_xdp_features(interface->ifindex, &features) &&
	    !(features & NETDEV_XDP_BASIC)) {
		because(interface, "auto: the driver has no native XDP");
		return FTPNAT_XDP_MODE_OFF;
	}
	return FTPNAT_XDP_MODE_NATIVE;
}

/* The mode to attach in, or OFF and why. */
static enum ftpnat_xdp_mode choose(struct ftpnat_interface *interface, __u32 state_id)
{
	enum ftpnat_xdp_mode asked = interface->xdp_asked;
	struct xdp_attached attached;
	int err;

	because(interface, "%s", "");
	if (asked != FTPNAT_XDP_MODE_OFF && interface->bare) {
		because(interface, "its packets have no Ethernet header");
		return FTPNAT_XDP_MODE_OFF;
	}
	if (asked == FTPNAT_XDP_MODE_AUTO)
		asked = choose_auto(interface);
	if (asked == FTPNAT_XDP_MODE_OFF)
		return FTPNAT_XDP_MODE_OFF;
	if (netdev_is_upper(interface->name)) {
		because(interface, "the interface below could then have no XDP program");
		return FTPNAT_XDP_MODE_OFF;
	}
	/* a tag in the skb is not seen, and would stay with the forwarded frame */
	if (asked == FTPNAT_XDP_MODE_GENERIC && netdev_has_vlan(interface->name)) {
		because(interface, "generic XDP does not see the tags of its VLANs");
		return FTPNAT_XDP_MODE_OFF;
	}
	err = netdev_mac(interface->name, interface->mac);
	if (err == -EAFNOSUPPORT)
		because(interface, "not an Ethernet interface");
	else if (err)
		because(interface, "its MAC address: %s", strerror(-err));
	if (err)
		return FTPNAT_XDP_MODE_OFF;
	if (!xdp_query(interface, state_id, &attached) && !attached.chained &&
	    attached.others) {
		because(interface,
			"XDP program %s is attached and leaves no room for another",
			attached.other);
		return FTPNAT_XDP_MODE_OFF;
	}
	return asked;
}

/* ---- where native XDP may send to: ftpnat_links ---- */

bool fastpath_transmits(const struct ftpnat_interface *interface, __u32 state_id)
{
	struct xdp_attached attached;
	__u64 features;
	int err;

	if (xdp_query(interface, state_id, &attached) ||
	    attached.mode != FTPNAT_XDP_MODE_NATIVE)
		return false;
	err = netdev_xdp_features(interface->ifindex, &features);
	return err ? !is_veth(interface) : (features & NETDEV_XDP_XMIT) != 0;
}

bool fastpath_mac_is_new(const struct ftpnat_interface *interface)
{
	__u8 mac[6];

	return !netdev_mac(interface->name, mac) &&
	       memcmp(mac, interface->mac, sizeof(mac)) != 0;
}

static const struct ftpnat_interface *find(const struct ftpnat_state *state,
					   __u32 ifindex)
{
	for (__u32 i = 0; i < state->interfaces; i++)
		if (state->interface[i].ifindex == ifindex)
			return &state->interface[i];
	return NULL;
}

/*
 * Called before the programs change: frames are no longer sent to interfaces that won't
 * have XDP, and when this returns no flow relies on the old state.
 */
static void withdraw_links(const struct ftpnat_state *state,
			   const enum ftpnat_xdp_mode *mode, int fd)
{
	bool used = false;
	__u32 key, next;

	for (bool more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
		const struct ftpnat_interface *interface = find(state, next);

		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (interface &&
		    mode[interface - state->interface] == FTPNAT_XDP_MODE_NATIVE)
			continue;
		bpf_map_delete_elem(fd, &key);
		used = used || interface;
	}
	if (used)
		nanosleep(&believed, NULL);
}

/* After the programs. */
static void announce_links(const struct ftpnat_state *state, __u32 state_id, int fd)
{
	const struct ftpnat_link link = { .flags = FTPNAT_LINK_XMIT };

	for (__u32 i = 0; i < state->interfaces; i++) {
		const struct ftpnat_interface *interface = &state->interface[i];

		if (fastpath_transmits(interface, state_id))
			bpf_map_update_elem(fd, &interface->ifindex, &link, BPF_ANY);
		else
			bpf_map_delete_elem(fd, &interface->ifindex);
	}
}

/* ---- all interfaces ---- */

static void put(struct ftpnat_interface *interface, const struct dataplane *dataplane,
		enum ftpnat_xdp_mode mode, __u32 state_id)
{
	char why[FTPNAT_XDP_WHY_LEN];
	int err = 0;

	if (mode != FTPNAT_XDP_MODE_OFF)
		err = xdp_put(interface, dataplane, mode, state_id, why);
	if (err)
		because(interface, "%s", why);
	if (err || mode == FTPNAT_XDP_MODE_OFF)
		fastpath_leave(interface, state_id);
	if (!err && mode != FTPNAT_XDP_MODE_OFF)
		pr_debug("xdp: %s on %s", config_xdp_str(mode), interface->name);
	else if (interface->xdp_asked == FTPNAT_XDP_MODE_AUTO)
		pr_debug("xdp: off on %s: %s", interface->name, interface->xdp_why);
	else if (interface->xdp_why[0])
		pr_warn("xdp: %s is not in force on %s: %s; TC carries its data connections "
			"(`xdp: auto` uses what is available)",
			config_xdp_str(interface->xdp_asked), interface->name,
			interface->xdp_why);
}

void fastpath_put(struct ftpnat_state *state, const struct dataplane *dataplane,
		  __u32 state_id)
{
	int links_fd = dataplane_map(dataplane, FTPNAT_MAP_LINKS);
	enum ftpnat_xdp_mode mode[FTPNAT_MAX_INTERFACES] = { FTPNAT_XDP_MODE_OFF };

	for (__u32 i = 0; i < state->interfaces; i++)
		mode[i] = choose(&state->interface[i], state_id);
	withdraw_links(state, mode, links_fd);
	for (__u32 i = 0; i < state->interfaces; i++)
		put(&state->interface[i], dataplane, mode[i], state_id);
	announce_links(state, state_id, links_fd);
}

int fastpath_leave(const struct ftpnat_interface *interface, __u32 state_id)
{
	int err = xdp_remove(interface, state_id);

	if (err)
		pr_err("can't detach the XDP program from %s: %s (`ip link set %s xdp off`)",
		       interface->name, kernel_log_reason(NULL, err), interface->name);
	return err;
}
