// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* status: what is attached where, what is in force, and what is wrong. */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/hostaddr.h"
#include "base/log.h"
#include "base/netdev.h"
#include "base/netns.h"
#include "base/rtnl.h"
#include "dataplane/attach.h"
#include "dataplane/before.h"
#include "dataplane/fastpath.h"
#include "dataplane/kernel_lacks.h"
#include "dataplane/pin.h"
#include "dataplane/xdp.h"
#include "show/sentences.h"
#include "show/status.h"
#include "show/status_tables.h"

static const char *const kind_names[] = {
	[FTPNAT_PUBLISH] = "publish",
	[FTPNAT_MASQUERADE] = "masquerade",
	[FTPNAT_TRACK] = "track",
};

/* The document; text is printed from it. */
struct status {
	const struct view *view;
	json_t *interfaces;
	json_t *programs;
	json_t *rules;
	json_t *guards;
	json_t *degraded;
	json_t *hints;
	struct view_table tables[VIEW_TABLE_MAX];
	struct utsname host;
	bool elsewhere; /* not in the instance's network namespace */
};

/* ---- interfaces ---- */

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
	int err = gone ? 0 : attach_query(interface, status->view->instance.state_id, id);

	if (!gone) {
		char *end = note + strlen(note);

		before_text(interface, status->view->instance.state_id, before,
			    sizeof(before));
		snprintf(end, sizeof(note) - strlen(note), "%s%s",
			 *note && *before ? "; " : "", before);
		check_addresses(status, interface);
		check_link(status, interface->name);
		check_largest_packet(status, interface);
	}
	if (err)
		fault(status->degraded, FAULT_FILTER,
		      "The filters of %s can't be listed: %s.", interface->name,
		      strerror(-err));
	for (enum tc_hook hook = 0; !err && !gone && hook < TC_HOOK_MAX; hook++) {
		if (id[hook])
			json_array_append_new(hooks, json_string(tc_hook_names[hook]));
		else
			fault(status->degraded, FAULT_FILTER,
			      "The %s filter of %s was removed: `ftpnat-load up` attaches it again.",
			      tc_hook_names[hook], interface->name);
	}
	json_array_append_new(status->interfaces,
			      json_pack("{s:s, s:o, s:s, s:s}", "name", interface->name,
					"hooks", hooks, "xdp", xdp, "note",
					gone ? gone : note));
}

static int add_interfaces(struct status *status)
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

/* ---- programs, rules ---- */

static void add_program(struct status *status, const char *name)
{
	_cleanup_close_ int fd = pin_open(status->view->instance.dir, name);
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len)) {
		fault(status->degraded, FAULT_PROGRAM,
		      "Program %s is not pinned: run `ftpnat-load up`.", name);
		return;
	}
	if (!info.jited_prog_len)
		fault(status->degraded, FAULT_PROGRAM,
		      "Program %s is interpreted, which is slow: `sysctl -w "
		      "net.core.bpf_jit_enable=1`, then `ftpnat-load up`.",
		      name);
	json_array_append_new(status->programs,
			      json_pack("{s:s, s:I, s:I, s:b}", "name", name, "id",
					(json_int_t)info.id, "verified_insns",
					(json_int_t)info.verified_insns, "jited",
					info.jited_prog_len > 0));
}

static void add_rules(struct status *status)
{
	for (int id = 0; id < FTPNAT_MAX_RULES; id++) {
		const struct ftpnat_rule *rule = &status->view->rules[id];
		bool retired = rule->flags & FTPNAT_RULE_RETIRED;

		if (!rule->name[0])
			continue;
		json_array_append_new(
			status->rules,
			json_pack("{s:s, s:s, s:i, s:s}", "name", rule->name, "kind",
				  rule->kind < ARRAY_SIZE(kind_names) ?
					  kind_names[rule->kind] :
					  "?",
				  "servers", (int)rule->servers, "note",
				  retired ? "removed, existing connections continue" :
					    ""));
	}
}

static json_t *guarded_ports(const struct ftpnat_guard *guard)
{
	json_t *list = json_array();
	char text[16];

	for (__u32 i = 0; i < guard->number && i < FTPNAT_MAX_GUARD_PORTS; i++) {
		const struct ftpnat_guard_ports *ports = &guard->ports[i];

		if (ports->min == ports->max)
			snprintf(text, sizeof(text), "%u", ports->min);
		else
			snprintf(text, sizeof(text), "%u-%u", ports->min, ports->max);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static int see_guard(const void *key, const void *value, void *arg)
{
	const struct ftpnat_guard_key *at = key;
	struct status *status = arg;
	char name[IF_NAMESIZE];

	if (at->slot != (status->view->config.slot & 1))
		return 0;
	if (status->elsewhere || !if_indextoname(at->ifindex, name))
		snprintf(name, sizeof(name), "%u", at->ifindex);
	json_array_append_new(status->guards, json_pack("{s:s, s:o}", "interface", name,
							"ports", guarded_ports(value)));
	return 0;
}

/* ---- what the host must do for us ---- */

static int check_host(struct status *status)
{
	int err = status->elsewhere ?
			  0 :
			  sentences_forwarding(status->view, status->degraded);

	if (kernel_is_old())
		fault(status->degraded, FAULT_KERNEL,
		      "Linux %s is older than " KERNEL_LOWEST
		      ", the oldest that ftpnat is tested with.",
		      status->host.release);
	for (int i = VIEW_TABLE_CONTROL; i <= VIEW_TABLE_EXPECTED; i++)
		if (status->tables[i].used >= status->tables[i].size)
			fault(status->degraded, FAULT_TABLE_FULL,
			      "Table %s is full (%u): new entries are refused until there "
			      "is room (limits.%s).",
			      status->tables[i].name, status->tables[i].size,
			      status->tables[i].name);
	return err;
}

/* ---- output ---- */

static void print_text(const struct status *status)
{
	const json_t *said;
	size_t i;

	status_print_interfaces(status->interfaces);
	putchar('\n');
	status_print_programs(status->programs);
	putchar('\n');
	status_print_rules(status->rules);
	putchar('\n');
	if (json_array_size(status->guards)) {
		status_print_guards(status->guards);
		putchar('\n');
	}
	view_tables_print(status->tables);
	printf("\nkernel %s, layout %d\n", status->host.release, FTPNAT_LAYOUT);
	json_array_foreach(status->hints, i, said)
		printf("hint: %s\n", json_string_value(said));
	json_array_foreach(status->degraded, i, said)
		printf("degraded: %s\n",
		       json_string_value(json_object_get(said, "sentence")));
	if (!json_array_size(status->degraded))
		printf("all is well\n");
}

static json_t *sentences_of(const json_t *degraded)
{
	json_t *list = json_array(), *said;
	size_t i;

	json_array_foreach(degraded, i, said)
		json_array_append(list, json_object_get(said, "sentence"));
	return list;
}

static json_t *to_json(const struct status *status)
{
	return json_pack("{s:i, s:O, s:O, s:O, s:O, s:o, s:{s:s, s:i}, s:o, s:O}",
			 "schema", 1, "interfaces", status->interfaces, "programs",
			 status->programs, "rules", status->rules, "guards",
			 status->guards, "tables", view_tables_json(status->tables),
			 "features", "kernel", status->host.release, "layout",
			 FTPNAT_LAYOUT, "degraded", sentences_of(status->degraded),
			 "hints", status->hints);
}

static void status_end(struct status *status)
{
	json_decref(status->interfaces);
	json_decref(status->programs);
	json_decref(status->rules);
	json_decref(status->guards);
	json_decref(status->degraded);
	json_decref(status->hints);
}

static int look(struct status *status, const struct view *view)
{
	int err;

	*status = (struct status){ .view = view,
				   .interfaces = json_array(),
				   .programs = json_array(),
				   .rules = json_array(),
				   .guards = json_array(),
				   .degraded = json_array(),
				   .hints = json_array() };
	err = view_tables(view, status->tables) ?: add_interfaces(status);
	if (err)
		return err;
	uname(&status->host);
	add_program(status, "ftpnat_ingress");
	add_program(status, "ftpnat_egress");
	if (instance_has_bare(&view->instance.state)) {
		add_program(status, "ftpnat_ip_in");
		add_program(status, "ftpnat_ip_out");
	}
	add_rules(status);
	sentences_service(view, status->degraded);
	sentences_cluster(view, status->degraded);
	err = view_walk(view, FTPNAT_MAP_GUARDS, see_guard, status);
	if (!err && !status->elsewhere)
		err = sentences_servers(view, status->degraded) ?:
			      sentences_addresses(view, status->degraded, status->hints);
	return err ?: check_host(status);
}

int status_degraded(const struct view *view, json_t **degraded)
{
	_cleanup_(status_end) struct status status = { 0 };
	int err = look(&status, view);

	if (!err)
		*degraded = json_incref(status.degraded);
	return err;
}

int verb_status(const struct options *options)
{
	_cleanup_view_ struct view view;
	_cleanup_(status_end) struct status status = { 0 };
	int err = view_open(&view, options) ?: look(&status, &view);

	if (err)
		return EXIT_RUNTIME;
	if (options->json)
		err = view_print_json(to_json(&status));
	else
		print_text(&status);
	return err ?: json_array_size(status.degraded) ? EXIT_DEGRADED : 0;
}
