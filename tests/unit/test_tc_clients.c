// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What one client may have of a rule: per_client, max_sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "lib/clients.h"
#include "lib/talk.h"
#include "base/util.h"

static void test_sessions(void **state)
{
	bool good = true;

	(void)state;
	clients_limit((struct ftpnat_per_client){ .sessions = 2 }, 0);
	good &= client_dials(NEAR4, 40000, 0);
	good &= client_dials(NEAR4, 40001, 0);
	good &= client_dials(NEAR4, 40002, FTPNAT_CLIENT_SESSIONS);
	good &= client_dials(NEAR4, 40003, FTPNAT_CLIENT_SESSIONS);
	good &= client_dials(OTHER4, 40000, 0);
	good &= client_dials(NEAR6, 40000, 0);
	good &= client_dials(SAME64, 40001, 0);
	good &= client_dials(SAME64, 40002, FTPNAT_CLIENT_SESSIONS);
	good &= client_dials(NEAR6, 40003, FTPNAT_CLIENT_SESSIONS);
	good &= client_dials(OTHER6, 40000, 0);
	assert_true(good);
	assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_SESSIONS], 2);
	assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_HALF_OPEN], 2);
	assert_int_equal(client_has(SAME64).number[FTPNAT_HAS_SESSIONS], 2);
	assert_int_equal(rule_sessions(), 6);
}

/* The server refuses: the client's next SYN with these ports replaces what has ended. */
static void server_resets(uint16_t port)
{
	struct packet_spec spec = { .src = "10.9.0.10",
				    .dst = NEAR4,
				    .sport = 2121,
				    .dport = port,
				    .ack = syn4.seq + 1,
				    .flags = RST | ACK,
				    .dst_mac = dataplane_mac(INNER) };
	struct packet packet;
	struct run run;

	packet_build(&packet, &spec);
	dataplane_run(&run, INGRESS, INNER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
}

static void test_ended_sessions_are_not_counted(void **state)
{
	(void)state;
	clients_limit((struct ftpnat_per_client){ .sessions = 1 }, 1);
	for (int i = 0; i < 5; i++) {
		assert_true(client_dials(NEAR4, 40000, 0));
		assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_SESSIONS], 1);
		assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_HALF_OPEN], 1);
		assert_int_equal(rule_sessions(), 1);
		server_resets(40000);
	}
}

/* What a host resets that somebody dialled in its name does not count against it. */
static void test_ended_make_room(void **state)
{
	bool good = true;

	(void)state;
	clients_limit((struct ftpnat_per_client){ .sessions = 2 }, 0);
	good &= client_dials(NEAR4, 40000, 0);
	good &= client_dials(NEAR4, 40001, 0);
	good &= client_dials(NEAR4, 40002, FTPNAT_CLIENT_SESSIONS);
	server_resets(40000);
	good &= client_dials(NEAR4, 40002, 0);
	good &= client_dials(NEAR4, 40003, FTPNAT_CLIENT_SESSIONS);
	assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_SESSIONS], 2);

	clients_limit((struct ftpnat_per_client){ .half_open = 2 }, 0);
	good &= client_dials(NEAR4, 40000, 0);
	good &= client_dials(NEAR4, 40001, 0);
	good &= client_dials(NEAR4, 40002, FTPNAT_CLIENT_HALF_OPEN);
	server_resets(40001);
	good &= client_dials(NEAR4, 40002, 0);
	good &= client_dials(NEAR4, 40003, FTPNAT_CLIENT_HALF_OPEN);
	assert_true(good);
	assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_HALF_OPEN], 2);
	assert_int_equal(rule_sessions(), 2);
}

static void test_rule_sessions(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, KEEP6, FULL4, MASQ4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct ftpnat_rule rule = scene_rule(scene);
		struct talk first, second;
		struct packet_spec in, out;

		rule.max_sessions = 1;
		scene_configure(scene, &rule);
		talk_init(&first, scene);
		talk_open(&first);
		talk_from_port(&second, scene, CLIENT_PORT + 1);
		in = talk_syn(&second);
		assert_true(check_from("one more", &second, CLIENT, &in, &in,
				       FTPNAT_RULE_SESSIONS, NULL));
		assert_int_equal(rule_sessions(), 1);
		assert_true(
			talk_step(&first, "the session ends",
				  &(struct step)S(NULL, .flags = RST | ACK,
						  .also = { FTPNAT_CONTROL_CLOSED })));
		out = talk_syn_heard(&second);
		assert_true(check_from("in its place", &second, CLIENT, &in, &out,
				       talk_reason(&second), NULL));
		assert_int_equal(rule_sessions(), 1);
	}
}

/* Spoofed SYNs use up no max_sessions: half-open ones of the same rule make room. */
static void test_rule_half_open(void **state)
{
	const struct ftpnat_tuple others = tuple(OTHER4, 40000, syn4.dst, 2122);
	struct ftpnat_rule rule = syn_rule;
	struct packet_spec spec = syn4;
	struct ftpnat_flow flow;
	struct packet packet;
	struct run run;
	bool good = true;

	(void)state;
	clients_limit((struct ftpnat_per_client){ 0 }, 3);
	dataplane_rule(1, &rule);
	dataplane_listen(syn4.dst, 2122, 1);
	spec.src = OTHER4;
	spec.dport = 2122;
	syn_build(&packet, &spec);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_true(dataplane_flow(&others, &flow)); /* the oldest one, of another rule */

	good &= client_dials(NEAR4, 40000, 0);
	good &= client_dials(OTHER4, 40001, 0);
	good &= client_dials(OTHER6, 40000, 0);
	for (uint16_t port = 40001; port < 40020; port++)
		good &= client_dials_also(NEAR4, port, 0, replaces_half_open);
	good &= client_dials_also(OTHER6, 40001, 0, replaces_half_open);
	assert_true(good);
	assert_int_equal(rule_sessions(), 3);
	assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_SESSIONS], 2);
	assert_int_equal(client_has(OTHER6).number[FTPNAT_HAS_SESSIONS], 1);
	assert_true(dataplane_flow(&others, &flow));
}

/* A rule full of established connections leaves the order of others' half-open ones alone. */
static void test_rule_established(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	const struct ftpnat_tuple older = tuple(OTHER4, 40001, scene->dialled, 2122),
				  newer = tuple(OTHER4, 40002, scene->dialled, 2122);
	struct ftpnat_rule rule = scene_rule(scene), other = rule;
	struct packet_spec in, out;
	struct ftpnat_flow flow;
	struct talk talk;

	(void)state;
	rule.max_sessions = 1;
	scene_configure(scene, &rule);
	dataplane_rule(1, &other);
	dataplane_listen(scene->dialled, 2122, 1);
	talk_init(&talk, scene);
	talk_open(&talk);
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	in.src = out.src = OTHER4;
	in.dport = 2122;
	for (in.sport = 40001; in.sport <= 40002; in.sport++) {
		out.sport = in.sport;
		assert_true(check_from("of another rule", &talk, CLIENT, &in, &out,
				       FTPNAT_FORWARDED, NULL));
	}
	in.dport = scene->dialled_port;
	for (; in.sport < 40010; in.sport++)
		assert_true(check_from("one more", &talk, CLIENT, &in, &in,
				       FTPNAT_RULE_SESSIONS, NULL));
	dataplane_config()->limit[FTPNAT_CONTROL] = 3;
	dataplane_apply();
	in.dport = 2122;
	out.sport = in.sport;
	assert_true(check_from("in the place of the oldest", &talk, CLIENT, &in, &out,
			       FTPNAT_FORWARDED, replaces_half_open));
	assert_false(dataplane_flow(&older, &flow));
	assert_true(dataplane_flow(&newer, &flow));
}

/* A complete handshake ends the half-open state. */
static void test_half_open(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, KEEP6, FULL4, MASQ4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct ftpnat_rule rule = scene_rule(scene);
		struct talk first, second;
		struct packet_spec in, out;

		rule.per_client.half_open = 1;
		scene_configure(scene, &rule);
		talk_init(&first, scene);
		talk_open(&first);
		assert_int_equal(client_has(scene->client).number[FTPNAT_HAS_HALF_OPEN],
				 0);
		assert_int_equal(client_has(scene->client).number[FTPNAT_HAS_SESSIONS],
				 1);
		talk_from_port(&second, scene, CLIENT_PORT + 1);
		in = talk_syn(&second);
		out = talk_syn_heard(&second);
		assert_true(check_from("one half-open", &second, CLIENT, &in, &out,
				       talk_reason(&second), NULL));
		second.client_port = second.seen_port = CLIENT_PORT + 2;
		in = talk_syn(&second);
		assert_true(check_from("two", &second, CLIENT, &in, &in,
				       FTPNAT_CLIENT_HALF_OPEN, NULL));
		assert_int_equal(client_has(scene->client).number[FTPNAT_HAS_HALF_OPEN],
				 1);
		assert_int_equal(client_has(scene->client).number[FTPNAT_HAS_SESSIONS],
				 2);
	}
}

static void test_new_sessions(void **state)
{
	bool good = true;

	(void)state;
	clients_limit((struct ftpnat_per_client){ .new_sessions = 3, .new_time = 3600 },
		      0);
	for (uint16_t port = 40000; port < 40003; port++)
		good &= client_dials(NEAR4, port, 0);
	good &= client_dials(NEAR4, 40003, FTPNAT_CLIENT_NEW_SESSIONS);
	good &= client_dials(OTHER4, 40003, 0);
	good &= client_dials(NEAR6, 40003, 0);
	assert_true(good);
	assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_SESSIONS], 3);
	/* the rate is remembered without sessions */
	server_resets(40000);
	server_resets(40001);
	server_resets(40002);
	dataplane_config()->limit[FTPNAT_CONTROL] = 1;
	dataplane_apply();
	assert_true(client_has(NEAR4).next > 0);
}

static bool waits_until_forgotten(const char *client)
{
	for (int i = 0; i < 500; i++) {
		if (!client_has(client).next)
			return true;
		usleep(10000);
	}
	return false;
}

/* When a client without sessions may dial as before, nothing is kept of it. */
static void test_forgotten(void **state)
{
	(void)state;
	clients_limit((struct ftpnat_per_client){ .new_sessions = 1, .new_time = 1 }, 0);
	assert_true(client_dials(NEAR4, 40000, 0));
	dataplane_config()->limit[FTPNAT_CONTROL] = 1;
	dataplane_apply();
	assert_true(client_dials_also(OTHER4, 40000, 0, replaces_half_open));
	assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_SESSIONS], 0);
	assert_true(waits_until_forgotten(NEAR4));
	assert_int_equal(client_has(OTHER4).number[FTPNAT_HAS_SESSIONS], 1);
}

/* A full table of clients refuses nobody. */
static void test_clients_full(void **state)
{
	static const enum ftpnat_reason uncounted[] = { FTPNAT_CLIENTS_FULL,
							FTPNAT_REASON_MAX };
	struct ftpnat_client_key key = { .rule = 7 };
	struct ftpnat_client value = { .number = { 1 } };
	int fd = dataplane_fd("ftpnat_clients");

	(void)state;
	clients_limit((struct ftpnat_per_client){ .sessions = 1 }, 0);
	while (!bpf_map_update_elem(fd, &key, &value, BPF_NOEXIST))
		key.addr.w[0]++;
	for (uint16_t port = 40000; port < 40003; port++)
		assert_true(client_dials_also(NEAR4, port, 0, uncounted));
	assert_int_equal(rule_sessions(), 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_ended_sessions_are_not_counted),
		cmocka_unit_test(test_ended_make_room),
		cmocka_unit_test(test_rule_sessions),
		cmocka_unit_test(test_rule_half_open),
		cmocka_unit_test(test_rule_established),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_new_sessions),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_clients_full),
	};

	return cmocka_run_group_tests_name("tc_clients", tests, dataplane_setup,
					   dataplane_teardown);
}
