// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "show/status_interfaces.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/hostaddr.h"
#include "base/netdev.h"
#include "base/netns.h"
#include "dataplane/attach.h"
#include "dataplane/before.h"
#include "dataplane/fastpath.h"
#include "dataplane/tcx.h"
#include "dataplane/xdp.h"
#include "show/sentences.h"

/* Why the filters can't be there; NULL if they can. */
static const char *why_gone(struct status *status,
			    const struct ftpnat_interface *interface)
{
	char name[IF_NAMESIZE];

	if (status->elsewhere)
		return "in another network namespace";
	if (if_indextoname(interface->ifindex, name))
		return NULL;
	if (if_nametoindex(interface->name)) {
		fault(status->degraded, FAULT_INTERFACE,
		      "Interface %s was recreated: `ftpnat-load up` attaches to it.",
		      interface->name);
		return "recreated";
	}
	fault(status->degraded, FAULT_INTERFACE,
	      "Interface %s is gone: `ftpnat-load up` attaches when it is back.",
	      interface->name);
	return "gone";
}

/*
 * Native XDP sends to the interface only if the loader says so; checks that this is
 * still right.
 */
static void check_transmits(struct status *status,
			    const struct ftpnat_interface *interface)
{
	_cleanup_close_ int fd = view_map(status->view, FTPNAT_MAP_LINKS);
	struct ftpnat_link link = { 0 };
	bool now = fastpath_transmits(interface, status->view->instance.state_id);
	__u64 features;
	bool said = fd >= 0 && !bpf_map_lookup_elem(fd, &interface->ifindex, &link) &&
		    (link.flags & FTPNAT_LINK_XMIT);

	if (said && !now)
		fault(status->degraded, FAULT_XDP,
		      "%s no longer transmits frames from XDP, so data connections lose "
		      "packets: run `ftpnat-load reload`.",
		      interface->name);
	else if (!said && now)
		fault(status->degraded, FAULT_XDP,
		      "%s now transmits frames from XDP: `ftpnat-load reload` starts using it.",
		      interface->name);
	else if (!said && netdev_xdp_features(interface->ifindex, &features) == -ENOENT)
		fault(status->degraded, FAULT_XDP,
		      "Before Linux 6.3 the kernel does not report whether %s transmits frames "
		      "from XDP: TC sends them.",
		      interface->name);
	else if (!said)
		fault(status->degraded, FAULT_XDP,
		      "%s does not transmit frames from XDP: TC sends them (veth: `ethtool -K PEER "
		      "gro on`, then `ftpnat-load reload`).",
		      interface->name);
}

/* The mode in force, and a note about it. */
static const char *see_xdp(struct status *status,
			   const struct ftpnat_interface *interface, char *note,
			   size_t size)
{
	enum ftpnat_xdp_mode asked = interface->xdp_asked;
	struct xdp_attached attached;
	int err = xdp_query(interface, status->view->instance.state_id, &attached);

	snprintf(note, size, "%s", interface->xdp_why);
	if (err) {
		fault(status->degraded, FAULT_XDP,
		      "The XDP programs of %s can't be listed: %s.", interface->name,
		      strerror(-err));
		return "?";
	}
	if (attached.mode == FTPNAT_XDP_MODE_OFF && interface->xdp_why[0]) {
		if (asked != FTPNAT_XDP_MODE_AUTO)
			fault(status->degraded, FAULT_XDP,
			      "XDP is not %s on %s (%s): TC carries its data connections.",
			      config_xdp_str(asked), interface->name, interface->xdp_why);
	} else if (attached.mode == FTPNAT_XDP_MODE_OFF && asked != FTPNAT_XDP_MODE_OFF) {
		fault(status->degraded, FAULT_XDP,
		      "The XDP program of %s was removed: `ftpnat-load up` attaches it again.",
		      interface->name);
	} else if (attached.mode != FTPNAT_XDP_MODE_OFF) {
		if (attached.mode == FTPNAT_XDP_MODE_NATIVE)
			check_transmits(status, interface);
		if (attached.chained)
			snprintf(note, size, "chained by libxdp, %d others",
				 attached.others);
		else
			snprintf(note, size, "alone: chaining is not available");
		if (fastpath_mac_is_new(interface))
			fault(status->degraded, FAULT_XDP,
			      "The MAC address of %s has changed, so XDP leaves its frames to TC: "
			      "`ftpnat-load reload`.",
			      interface->name);
	}
	return config_xdp_str(attached.mode);
}

/* What `to: interface`, `source: gateway` and ICMP errors show is read at up and reload. */
static void check_addresses(struct status *status,
			    const struct ftpnat_interface *interface)
{
	_cleanup_close_ int fd = view_map(status->view, FTPNAT_MAP_IFADDRS);
	struct ftpnat_ifaddr shown;
	char text[FTPNAT_ADDR_STRLEN];

	if (fd < 0 || bpf_map_lookup_elem(fd, &interface->ifindex, &shown))
		return;
	for (int i = 0; i < FTPNAT_FAMILY_MAX; i++) {
		if (ftpnat_addr_is_none(&shown.addr[i]) || host_is_local(&shown.addr[i]))
			continue;
		fault(status->degraded, FAULT_ADDRESS,
		      "%s has lost its address %s, which rules may still use: "
		      "`ftpnat-load reload`.",
		      interface->name, ftpnat_addr_str(text, &shown.addr[i]));
	}
}

static void check_link(struct status *status, const char *name)
{
	enum netdev_link link = netdev_link(name);

	if (link == NETDEV_LINK_DOWN)
		fault(status->degraded, FAULT_INTERFACE,
		      "Interface %s is down: `ip link set %s up`.", name, name);
	else if (link == NETDEV_LINK_NO_CARRIER)
		fault(status->degraded, FAULT_INTERFACE,
		      "Interface %s has no carrier: look at its cable or peer.", name);
}

/* `up` refuses BIG TCP, but it may be switched on afterwards. */
static void check_largest_packet(struct status *status,
				 const struct ftpnat_interface *interface)
{
	int largest = rtnl_largest_packet((int)interface->ifindex);

	if (largest > RTNL_PACKET_MAX)
		fault(status->degraded, FAULT_INTERFACE,
		      "Interface %s may make packets of %d bytes (BIG TCP), which ftpnat can't read: "
		      "set gso_max_size, gro_max_size, gso_ipv4_max_size and gro_ipv4_max_size "
		      "to at most %d (`ip -d link show %s`).",
		      interface->name, largest, RTNL_PACKET_MAX, interface->name);
}

static void add_interface(struct status *status, const struct ftpnat_interface *interface)
{
	json_t *hooks = json_array();
	const char *gone = why_gone(status, interface);
	__u32 id[TC_HOOK_MAX] = { 0 };
	char note[512] = "", before[256];
	const char *xdp = gone ? "off" : see_xdp(status, interface, note, sizeof(note));
	const __u32 state_id = status->view->instance.state_id;
	const bool at_tcx = status->view->config.tcx != FTPNAT_TCX_OFF;
	int err = 0;

	if (!gone && !at_tcx)
		err = attach_query(interface, state_id, id);
	else if (!gone && status->view->config.programs) /* else none of them acts */
		tcx_query(interface, state_id, id);

	if (!gone) {
		char *end = note + strlen(note);

		before_text(interface, state_id, before, sizeof(before));
		snprintf(end, sizeof(note) - strlen(note), "%s%s%s%s",
			 *note && (at_tcx || *before) ? "; " : "", at_tcx ? "at tcx" : "",
			 at_tcx && *before ? "; " : "", before);
		check_addresses(status, interface);
		check_link(status, interface->name);
		check_largest_packet(status, interface);
	}
	if (err)
		fault(status->degraded, FAULT_FILTER,
		      "The filters of %s can't be listed: %s.", interface->name,
		      strerror(-err));
	for (enum tc_hook hook = 0; !err && !gone && hook < TC_HOOK_MAX; hook++) {
		if (id[hook] &&
		    (!at_tcx || tcx_is_current(id[hook], status->view->instance.dir)))
			json_array_append_new(hooks, json_string(tc_hook_names[hook]));
		else if (!at_tcx)
			fault(status->degraded, FAULT_FILTER,
			      "The %s filter of %s was removed: `ftpnat-load up` attaches it again.",
			      tc_hook_names[hook], interface->name);
		else
			fault(status->degraded, FAULT_FILTER,
			      "The %s program of %s at tcx was removed: `ftpnat-load up` attaches it "
			      "again.",
			      tc_hook_names[hook], interface->name);
	}
	json_array_append_new(status->interfaces,
			      json_pack("{s:s, s:o, s:s, s:s}", "name", interface->name,
					"hooks", hooks, "xdp", xdp, "note",
					gone ? gone : note));
}

int status_add_interfaces(struct status *status)
{
	const struct ftpnat_state *state = &status->view->instance.state;
	char how[64] = "";
	__u64 netns;
	int err = netns_cookie(&netns);

	if (err)
		return err;
	status->elsewhere = netns != state->netns;
	if (status->elsewhere) {
		bool lives = netns_find(state->netns, how, sizeof(how));

		fault(status->degraded, FAULT_NAMESPACE,
		      "The interfaces are in another network namespace%s%s.",
		      lives ? ": use --netns " : ", which is gone", how);
	}
	if (!state->complete)
		fault(status->degraded, FAULT_INTERRUPTED,
		      "A command was interrupted: run `ftpnat-load up`, or `down`.");
	for (__u32 i = 0; i < state->interfaces && i < FTPNAT_MAX_INTERFACES; i++)
		add_interface(status, &state->interface[i]);
	return 0;
}
