// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which server a new control connection gets, and how connections are counted for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <arpa/inet.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "lib/syn.h"
#include "lib/talk.h"
#include "base/util.h"

/* ---- balance: least_connections ---- */

#define SERVERS 3

static const char *const server[SERVERS] = { "10.9.0.10", "10.9.0.11", "10.9.0.12" };

/* A rule with IPv4 servers of these weights; 0: drained. */
static void least(const __u16 weight[SERVERS])
{
	struct ftpnat_rule rule = syn_rule;

	dataplane_fresh();
	rule.balance = FTPNAT_BALANCE_LEAST;
	rule.servers = SERVERS;
	rule.weight[FTPNAT_V4] = 0;
	for (__u16 i = 0; i < SERVERS; i++) {
		rule.weight[FTPNAT_V4] += weight[i];
		dataplane_server(i, server[i], 21, NULL, weight[i]);
	}
	dataplane_rule(0, &rule);
	dataplane_listen("192.0.2.10", 21, 0);
	dataplane_config()->limit[FTPNAT_CONTROL] = 1000;
	dataplane_apply();
}

/* The SYN of a new connection: the number of its server. */
static unsigned int dial(uint16_t port)
{
	struct packet_spec spec = syn4;
	struct packet packet;
	unsigned int picked;
	struct run run;

	spec.sport = port;
	syn_build(&packet, &spec);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	picked = run.packet.byte[IP + 19] - 10u;
	assert_in_range(picked, 0, SERVERS - 1);
	return picked;
}

/* As if it had so many connections. */
static void give(unsigned int i, __s32 present)
{
	const struct ftpnat_served_key key = { .addr = address(server[i]),
					       .port = htons(21) };
	const struct ftpnat_served served = { .present = present };

	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_served"), &key, &served,
					     BPF_EXIST),
			 0);
}

/* A burst: attempts count, so it is spread by weight, exactly. */
static void test_burst(void **state)
{
	static const struct {
		__u16 weight[SERVERS];
		unsigned int gets[SERVERS];
	} rows[] = {
		{ { 1, 1, 1 }, { 8, 8, 8 } },
		{ { 3, 2, 1 }, { 12, 8, 4 } },
		{ { 1000, 0, 1000 }, { 12, 0, 12 } },
		{ { 0, 0, 5 }, { 0, 0, 24 } },
	};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		unsigned int got[SERVERS] = { 0 };

		least(rows[n].weight);
		for (uint16_t port = 40000; port < 40024; port++)
			got[dial(port)]++;
		for (unsigned int i = 0; i < SERVERS; i++) {
			assert_int_equal(got[i], rows[n].gets[i]);
			assert_int_equal(dataplane_served(server[i], 21).present, got[i]);
			assert_int_equal(dataplane_served(server[i], 21).open, 0);
		}
	}
}

/* The fewest for its weight, whatever the order of the servers. */
static void test_least(void **state)
{
	static const struct {
		__u16 weight[SERVERS];
		__s32 has[SERVERS];
		unsigned int gets;
	} rows[] = {
		{ { 1, 1, 1 }, { 3, 2, 1 }, 2 },
		{ { 1, 1, 1 }, { 1, 2, 3 }, 0 },
		{ { 1, 1, 1 }, { 2, 1, 2 }, 1 },
		{ { 10, 1, 1 }, { 9, 1, 1 }, 0 },
		{ { 10, 1, 10 }, { 11, 1, 11 }, 1 },
		{ { 1, 0, 1 }, { 9, 0, 8 }, 2 },
		{ { 1000, 999, 1 }, { 60000000, 60000000, 60001 }, 0 },
		{ { 1, 1, 1 }, { 0, -1, 1 }, 3 }, /* less than none is none */
	};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		unsigned int tied[2] = { 0 };

		for (uint16_t turn = 0; turn < 40; turn++) {
			unsigned int picked;

			if (!turn)
				least(rows[n].weight);
			for (unsigned int i = 0; i < SERVERS; i++)
				give(i, rows[n].has[i]);
			picked = dial((uint16_t)(40000 + turn));
			if (rows[n].gets < SERVERS) {
				assert_int_equal(picked, rows[n].gets);
				continue;
			}
			assert_in_range(picked, 0, 1);
			tied[picked]++;
		}
		assert_true(rows[n].gets < SERVERS || (tied[0] && tied[1]));
	}
}

/* Of several, one at random by weight. */
static void test_ties(void **state)
{
	unsigned int got[SERVERS] = { 0 };

	(void)state;
	least((const __u16[]){ 1, 8, 1 });
	for (uint16_t port = 40000; port < 40300; port++) {
		dataplane_forget();
		got[dial(port)]++;
	}
	assert_true(got[0] && got[2]);
	assert_true(got[1] > got[0] + got[2]);
}

/* A client gets a server of its own family, however many connections that has. */
static void test_family(void **state)
{
	struct ftpnat_rule rule = syn_rule;
	struct packet packet, expected;

	(void)state;
	syn_publish();
	rule.balance = FTPNAT_BALANCE_LEAST;
	dataplane_rule(0, &rule);
	for (uint16_t port = 40000; port < 40003; port++) {
		struct packet_spec spec = syn6;

		spec.sport = port;
		syn_build(&packet, &spec);
		syn_build_translated(&expected, &spec);
		assert_true(check_translated("IPv6", &packet, &expected));
	}
	assert_int_equal(dataplane_served("fd00:9::10", 2121).present, 3);
	assert_int_equal(dataplane_served("10.9.0.10", 2121).present, 0);
}

/* ---- what is counted ---- */

static const struct counted {
	const char *says;
	struct step steps[6];
	__s32 present, open; /* after them */
} counted[] = {
	{ "an attempt", { C(NULL, .flags = SYN) }, 1, 0 },
	{ "answered by one end",
	  { C(NULL, .flags = SYN), S(NULL, .flags = SYN | ACK) },
	  1,
	  0 },
	{ "refused",
	  { C(NULL, .flags = SYN),
	    S(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_UNANSWERED }) },
	  0,
	  0 },
};

static const struct counted counted_open[] = {
	{ "established", { { 0 } }, 1, 1 },
	{ "half closed", { C(NULL, .flags = FIN | ACK), S(NULL, .flags = ACK) }, 1, 1 },
	{ "closed",
	  { C(NULL, .flags = FIN | ACK), S(NULL, .flags = FIN | ACK),
	    C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }) },
	  0,
	  0 },
	{ "reset", { C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED }) }, 0, 0 },
	{ "reset twice",
	  { C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED }),
	    C(NULL, .flags = RST) },
	  0,
	  0 },
	{ "a reset that was none",
	  { S("220 hi\r\n"), C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED }),
	    C("NOOP\r\n", .also = { FTPNAT_CONTROL_OPENED }) },
	  1,
	  1 },
	{ "and then a real one",
	  { S("220 hi\r\n"), C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED }),
	    C("NOOP\r\n", .also = { FTPNAT_CONTROL_OPENED }),
	    S(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED }) },
	  0,
	  0 },
};

/* For the rule, and for its server if it is published by it. */
static bool has(const char *says, enum scene_id id, __s32 present, __s32 open)
{
	const struct scene *scene = scene_get(id);
	struct ftpnat_served served = { present, open };
	struct ftpnat_usage usage;

	dataplane_usage(&usage);
	if (scene->kind == FTPNAT_PUBLISH)
		served = dataplane_served(scene->server, scene->server_port);
	if (usage.open[0] == (__u32)open && served.present == present &&
	    served.open == open)
		return true;
	printf("%s: %s: the rule has %u, the server %d, %d open\n", scene->name, says,
	       usage.open[0], served.present, served.open);
	return false;
}

static void test_counted(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = 0; id < SCENES; id++) {
		struct talk talk;

		for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
			scene_configure(scene_get(id), NULL);
			talk_init(&talk, scene_get(id));
			good &= talk_steps(&talk, counted[i].says, counted[i].steps);
			good &= has(counted[i].says, id, counted[i].present,
				    counted[i].open);
		}
		for (size_t i = 0; i < ARRAY_SIZE(counted_open); i++) {
			talk_begin(&talk, id);
			good &= talk_steps(&talk, counted_open[i].says,
					   counted_open[i].steps);
			good &= has(counted_open[i].says, id, counted_open[i].present,
				    counted_open[i].open);
		}
	}
	assert_true(good);
}

/* Its tuple is used again: the one that has ended is removed, and was not counted any more. */
static void test_tuple_used_again(void **state)
{
	static const struct step ends =
		C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED });
	static const struct step again = C(NULL, .flags = SYN);
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	assert_true(talk_step(&talk, "ends", &ends));
	talk_init(&talk, scene_get(KEEP4));
	talk.isn[CLIENT] = 0x11111111;
	assert_true(talk_step(&talk, "again", &again));
	assert_true(has("again", KEEP4, 1, 0));
}

/* A half-open connection that makes room is not counted any more. */
static void test_half_open_replaced(void **state)
{
	(void)state;
	least((const __u16[]){ 1, 0, 0 });
	dataplane_config()->limit[FTPNAT_CONTROL] = 4;
	dataplane_apply();
	for (uint16_t port = 40000; port < 40020; port++)
		dial(port);
	assert_int_equal(dataplane_served(server[0], 21).present, 4);
}

/* A refused SYN and one that can't be forwarded are counted nowhere. */
static void test_not_opened(void **state)
{
	struct ftpnat_rule rule = syn_rule;
	struct packet_spec expiring = syn4;
	struct packet packet;
	struct run run;

	(void)state;
	syn_publish();
	rule.max_sessions = 1;
	dataplane_rule(0, &rule);
	for (uint16_t port = 40000; port < 40003; port++) {
		struct packet_spec spec = syn4;

		spec.sport = port;
		syn_build(&packet, &spec);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	}
	assert_int_equal(dataplane_served("10.9.0.10", 2121).present, 1);

	syn_publish();
	expiring.ttl = 1;
	syn_build(&packet, &expiring);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_int_not_equal(run.action, TC_UNSPEC);
	assert_int_equal(dataplane_served("10.9.0.10", 2121).present, 0);
	assert_int_equal(dataplane_flows(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_family),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_tuple_used_again),
		cmocka_unit_test(test_half_open_replaced),
		cmocka_unit_test(test_not_opened),
	};

	return _cmocka_run_group_tests("tc_balance", tests, ARRAY_SIZE(tests),
				       dataplane_setup, dataplane_teardown);
}
