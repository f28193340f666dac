// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* status: what is attached where, what is in force, and what is wrong. */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/kernel_lacks.h"
#include "dataplane/pin.h"
#include "show/sentences.h"
#include "show/status.h"
#include "show/status_interfaces.h"
#include "show/status_tables.h"

static const char *const kind_names[] = {
	[FTPNAT_PUBLISH] = "publish",
	[FTPNAT_MASQUERADE] = "masquerade",
	[FTPNAT_TRACK] = "track",
};

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
	err = view_tables(view, status->tables) ?: status_add_interfaces(status);
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
		sentences_rate(view, status->degraded);
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
	if (err)
		return err;
	return json_array_size(status.degraded) ? EXIT_DEGRADED : 0;
}
