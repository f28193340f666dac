// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What admission looks up, counted by the programs of counted.bpf.c: nothing for packets of
 * connections, and for a SYN only what its rule has keys for, beside the client's entry and
 * whether there are bans.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "counted.h"
#include "lib/xdp.h"
#include "base/util.h"
#include "unit/counted.skel.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *const names[COUNTED_MAPS] = {
	"ftpnat_clients",     "ftpnat_banned", "ftpnat_bans",  "ftpnat_lists",
	"the trie of a rule", "ftpnat_rules",  "ftpnat_flows",
};

struct count {
	__u64 in[COUNTED_MAPS];
};

static struct count counts(void)
{
	const __u32 zero = 0;
	struct count count;

	assert_int_equal(
		bpf_map_lookup_elem(dataplane_fd(COUNTED_SECTION), &zero, &count), 0);
	return count;
}

static struct count since(const struct count *before)
{
	struct count count = counts();

	for (int i = 0; i < COUNTED_MAPS; i++)
		count.in[i] -= before->in[i];
	return count;
}

/* In all maps before `maps`. */
static bool same(const char *says, const char *what, const struct count *expected,
		 const struct count *got, enum counted_map maps)
{
	bool good = true;

	for (enum counted_map i = 0; i < maps; i++)
		if (expected->in[i] != got->in[i]) {
			printf("%s, %s: %llu lookups in %s, expected %llu\n", says, what,
			       got->in[i], names[i], expected->in[i]);
			good = false;
		}
	return good;
}

/* As if somebody else were banned, from all rules and from one. */
static void ban_somebody(bool yes)
{
	const struct ftpnat_banned banned = { .all = yes, .rules = yes };
	const __u32 zero = 0;

	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_banned"), &zero,
					     &banned, BPF_ANY),
			 0);
}

/* ---- SYNs ---- */

static const struct row {
	const char *says;
	struct ftpnat_per_client per_client;
	__u32 max_sessions;
	bool lists, bans;
	struct count count;
} rows[] = {
	{ "a rule without keys",
	  .count.in = { [IN_RULES] = 1, [IN_CLIENTS] = 1, [IN_BANNED] = 1 } },
	{ "limits", .per_client = { .sessions = 5, .half_open = 5 }, .max_sessions = 5,
	  .count.in = { [IN_RULES] = 1, [IN_CLIENTS] = 1, [IN_BANNED] = 1 } },
	{ "new_sessions", .per_client = { .new_sessions = 5, .new_time = 60 },
	  .count.in = { [IN_RULES] = 1, [IN_CLIENTS] = 2, [IN_BANNED] = 1 } },
	{ "clients and deny", .lists = true,
	  .count.in = { [IN_RULES] = 1,
			[IN_CLIENTS] = 1,
			[IN_BANNED] = 1,
			[IN_LISTS] = 1,
			[IN_TRIE] = 1 } },
	{ "bans", .bans = true,
	  .count.in = { [IN_RULES] = 1, [IN_CLIENTS] = 1, [IN_BANNED] = 1, [IN_BANS] = 2 } },
};

static void put_keys(struct ftpnat_rule *rule, const struct row *row)
{
	rule->per_client = row->per_client;
	rule->max_sessions = row->max_sessions;
	if (row->lists)
		rule->admission = dataplane_lists(0, LIST("0.0.0.0/0", "::/0"),
						  LIST("203.0.113.9"));
	ban_somebody(row->bans);
}

/* The first SYN of a client, and the next one. */
static void test_control_syn(void **state)
{
	const struct row *row = *state;
	bool good = true;

	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		const struct scene *scene = scene_get(scenes_routed[i]);
		struct ftpnat_rule rule = scene_rule(scene);

		scene_configure(scene, NULL);
		put_keys(&rule, row);
		dataplane_rule(0, &rule);
		for (uint16_t port = CLIENT_PORT; port < CLIENT_PORT + 2; port++) {
			struct packet_spec in, out;
			struct count count;
			struct talk talk;

			talk_from_port(&talk, scene, port);
			in = talk_syn(&talk);
			out = talk_syn_heard(&talk);
			count = counts();
			good &= check_from(row->says, &talk, CLIENT, &in, &out,
					   talk_reason(&talk), NULL);
			count = since(&count);
			good &= same(row->says, scene->name, &row->count, &count,
				     IN_FLOWS);
		}
	}
	ban_somebody(false);
	assert_true(good);
}

/* Of an announced data connection: its client has one more, and has announced one less. */
static void test_data_syn(void **state)
{
	const struct count expected = { .in = { [IN_CLIENTS] = 2, [IN_BANNED] = 1 } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct count count;
		struct talk talk;

		talk_begin(&talk, scenes_routed[i]);
		data_announce(&talk);
		count = counts();
		good &= data_check("data SYN", &talk, CLIENT, SYN, NULL, data_arrives);
		count = since(&count);
		good &= same("data SYN", talk.scene->name, &expected, &count, IN_FLOWS);
	}
	assert_true(good);
}

/* ---- packets of connections ---- */

/* What the packet looks up, when it isn't the first of its second. */
static struct count cost(const struct talk *talk, enum end from, const char *payload)
{
	struct packet_spec spec = data_sent(talk, from);
	struct packet packet;
	struct count count;
	struct run run;
	__u32 begun;

	spec.payload = payload;
	packet_build(&packet, &spec);
	do {
		begun = xdp_now();
		dataplane_run(&run, INGRESS, talk_side(talk, from), &packet, 0);
		count = counts();
		dataplane_run(&run, INGRESS, talk_side(talk, from), &packet, 0);
		count = since(&count);
		assert_int_equal(run.action, TC_REDIRECT);
	} while (xdp_now() != begun);
	return count;
}

/* No packet of a data connection asks for admission; keys of the rule change nothing. */
static void test_data_packets(void **state)
{
	const struct row all = { .per_client = { .sessions = 5,
						 .half_open = 5,
						 .expected = 5,
						 .new_sessions = 5,
						 .new_time = 60,
						 .failed_logins = 5,
						 .failed_time = 60,
						 .ban_time = 60 },
				 .max_sessions = 5,
				 .lists = true,
				 .bans = true };
	const struct row *const keys[2] = { &(struct row){ 0 }, &all };
	static const char *const payloads[] = { NULL, "some bytes of a file" };
	const struct count none = { 0 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		const struct scene *scene = scene_get(scenes_routed[i]);
		struct talk talk;

		data_open(&talk, scenes_routed[i]);
		for (unsigned int at = 0; at < 4; at++) {
			struct count count[2];

			for (int with = 0; with < 2; with++) {
				struct ftpnat_rule rule = scene_rule(scene);

				put_keys(&rule, keys[with]);
				dataplane_rule(0, &rule);
				count[with] =
					cost(&talk, (enum end)(at / 2), payloads[at % 2]);
			}
			assert_true(count[0].in[IN_FLOWS] > 0);
			good &= same("without keys", scene->name, &none, &count[0],
				     IN_FLOWS);
			good &= same("with all keys", scene->name, &count[0], &count[1],
				     COUNTED_MAPS);
		}
		ban_somebody(false);
	}
	assert_true(good);
}

static __u32 map_id(const char *name)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(dataplane_fd(name), &info, &len), 0);
	return info.id;
}

static bool uses(const __u32 *ids, __u32 n, const char *map)
{
	const __u32 id = map_id(map);

	for (__u32 i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* The XDP programs have no map of admission at all. */
static void test_xdp(void **state)
{
	static const char *const maps[] = { "ftpnat_clients", "ftpnat_banned",
					    "ftpnat_bans", "ftpnat_lists" };

	(void)state;
	dataplane_fresh();
	xdp_fresh();
	for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++) {
		__u32 ids[64], len = sizeof(struct bpf_prog_info);
		struct bpf_prog_info info = { .nr_map_ids = ARRAY_SIZE(ids),
					      .map_ids = (__u64)(uintptr_t)ids };

		assert_int_equal(
			bpf_obj_get_info_by_fd(xdp_program(OUTER, mode), &info, &len), 0);
		assert_in_range(info.nr_map_ids, 1, ARRAY_SIZE(ids));
		assert_true(uses(ids, info.nr_map_ids, "ftpnat_flows"));
		for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
			assert_false(uses(ids, info.nr_map_ids, maps[i]));
	}
}

int main(void)
{
	struct CMUnitTest tests[16] = {
		cmocka_unit_test(test_data_syn),
		cmocka_unit_test(test_data_packets),
		cmocka_unit_test(test_xdp),
	};
	size_t size, n = 3;
	const void *elf = counted__elf_bytes(&size);

	dataplane_object(elf, size);
	n += rows_as_tests(tests + n, rows, ARRAY_SIZE(rows), sizeof(rows[0]),
			   test_control_syn);
	return _cmocka_run_group_tests("tc_lookups", tests, n, dataplane_setup,
				       xdp_teardown);
}
