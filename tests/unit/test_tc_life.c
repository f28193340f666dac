// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Connections: how many, one after the other, and while the configuration changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <cmocka.h>

#include "lib/talk.h"
#include "base/util.h"

/* ---- limits: new connections are refused, existing ones continue ---- */

static void test_control_full(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_usage usage;
	struct packet_spec in, out;
	struct talk old, new;

	(void)state;
	talk_begin(&old, KEEP4);
	dataplane_config()->limit[FTPNAT_CONTROL] = 1;
	dataplane_apply();
	talk_from_port(&new, scene, CLIENT_PORT + 1);
	in = talk_syn(&new);
	out = talk_syn_heard(&new);
	for (int i = 0; i < 3; i++)
		assert_true(check_from("refused", &new, CLIENT, &in, &in,
				       FTPNAT_CONTROL_FULL, NULL));
	assert_true(talk_step(&old, "the old lives", &(struct step)S("220 hello\r\n")));
	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_CONTROL], 1);
	assert_int_equal(dataplane_flows(), 2);

	/* what has ended makes room */
	assert_true(talk_step(&old, "the old ends",
			      &(struct step)C(NULL, .flags = RST | ACK,
					      .also = { FTPNAT_CONTROL_CLOSED })));
	assert_true(check_from("now", &new, CLIENT, &in, &out, FTPNAT_FORWARDED, NULL));
	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_CONTROL], 1);
	assert_int_equal(dataplane_flows(), 2);
}

static bool syn_sent(const char *says, const struct talk *talk,
		     const enum ftpnat_reason *also)
{
	struct packet_spec in = talk_syn(talk), out = talk_syn_heard(talk);

	return check_from(says, talk, CLIENT, &in, &out, FTPNAT_FORWARDED, also);
}

static bool talk_shakes_hands(struct talk *talk)
{
	talk->sent[CLIENT] = talk->heard[CLIENT] = 1;
	return talk_step(talk, "its answer", &(struct step)S(NULL, .flags = SYN | ACK)) &&
	       talk_step(talk, "its handshake",
			 &(struct step)C(NULL, .flags = ACK,
					 .also = { FTPNAT_CONTROL_OPENED }));
}

/* An answered SYN is half open, too, until the client has acknowledged the answer. */
static void test_half_open_makes_room(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, KEEP6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct talk old, first, second, new, last, none;
		struct ftpnat_usage usage;
		struct packet_spec in;

		talk_begin(&old, scenes[i]);
		dataplane_config()->limit[FTPNAT_CONTROL] = 3;
		dataplane_apply();
		talk_from_port(&first, scene, CLIENT_PORT + 1);
		good &= syn_sent("first", &first, NULL);
		talk_from_port(&second, scene, CLIENT_PORT + 2);
		good &= syn_sent("second", &second, NULL);
		first.sent[CLIENT] = first.heard[CLIENT] = 1;
		good &= talk_step(&first, "first is answered",
				  &(struct step)S(NULL, .flags = SYN | ACK));

		/* a flood: each replaces the oldest half-open one */
		for (int flood = 0; flood < 200; flood++) {
			talk_from_port(&new, scene, CLIENT_PORT + 3 + flood);
			good &= syn_sent("flood", &new, replaces_half_open);
			dataplane_usage(&usage);
			assert_int_equal(usage.flows[FTPNAT_CONTROL], 3);
			assert_int_equal(dataplane_flows(), 6);
		}
		good &= talk_step(&old, "established", &(struct step)S("220 hello\r\n"));

		/* those that get in are never replaced */
		good &= talk_shakes_hands(&new);
		talk_from_port(&last, scene, CLIENT_PORT + 1000);
		good &= syn_sent("last half-open one", &last, replaces_half_open);
		good &= talk_shakes_hands(&last);
		talk_from_port(&none, scene, CLIENT_PORT + 1001);
		in = talk_syn(&none);
		for (int again = 0; again < 3; again++)
			good &= check_from("none is half open", &none, CLIENT, &in, &in,
					   FTPNAT_CONTROL_FULL, NULL);
		good &= talk_step(&old, "old", &(struct step)C("NOOP\r\n"));
		good &= talk_step(&new, "new", &(struct step)S("220 hi\r\n"));
		good &= talk_step(&last, "last", &(struct step)S("220 hi\r\n"));
		dataplane_usage(&usage);
		assert_int_equal(usage.flows[FTPNAT_CONTROL], 3);
	}
	assert_true(good);
}

static void test_data_full(void **state)
{
	struct ftpnat_usage usage;
	struct packet_spec in;
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	data_announce(&talk);
	dataplane_config()->limit[FTPNAT_DATA] = 0;
	dataplane_apply();
	in = data_sent(&talk, CLIENT);
	in.flags = SYN;
	assert_true(
		check_from("refused", &talk, CLIENT, &in, &in, FTPNAT_DATA_FULL, NULL));
	assert_int_equal(dataplane_expectations(), 1);
	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_DATA], 0);
	assert_true(talk_step(&talk, "control lives", &(struct step)C("NOOP\r\n")));

	dataplane_config()->limit[FTPNAT_DATA] = 1;
	dataplane_apply();
	assert_true(
		data_check("its retransmission", &talk, CLIENT, SYN, NULL, data_arrives));
}

/* A segment of the data connection, this far behind its first numbers. */
static bool data_segment(const char *says, const struct talk *talk, enum end from,
			 uint8_t flags, const char *payload, uint32_t seq, uint32_t ack)
{
	struct packet_spec in = data_sent(talk, from), out = data_heard(talk, from);

	in.flags = out.flags = flags;
	in.payload = out.payload = payload;
	in.seq += seq;
	in.ack += ack;
	out.seq += seq;
	out.ack += ack;
	return check_from(says, talk, from, &in, &out, talk_reason(talk), NULL);
}

/*
 * Both ends have finished, and the end of one is acknowledged. It makes room for another one,
 * but not while bytes may have to come again.
 */
static void test_last_bytes_stay(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, FULL6, MASQ4 };
	static const enum ftpnat_reason in_its_place[] = { FTPNAT_EXPECTED_USED,
							   FTPNAT_DATA_CLOSED,
							   FTPNAT_REASON_MAX };
	const char *tail = "the last bytes";
	const uint32_t len = (uint32_t)strlen(tail);

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(scenes); i++) {
		bool acknowledged = i % 2, good = true;
		struct packet_spec in, out;
		struct talk talk;

		data_open(&talk, scenes[i / 2]);
		dataplane_config()->limit[FTPNAT_DATA] = 1;
		dataplane_apply();
		if (acknowledged) {
			good &= data_segment("the server finishes", &talk, SERVER,
					     FIN | ACK, tail, 0, 0);
			good &= data_segment("so does the client", &talk, CLIENT,
					     FIN | ACK, NULL, 0, len + 1);
		} else {
			good &= data_segment("the client finishes", &talk, CLIENT,
					     FIN | ACK, NULL, 0, 0);
			good &= data_segment("so does the server", &talk, SERVER,
					     FIN | ACK, tail, 0, 1);
		}
		data_announce(&talk);
		in = data_sent(&talk, CLIENT);
		out = data_heard(&talk, CLIENT);
		in.flags = out.flags = SYN;
		in.ack = out.ack = 0;
		in.sport = out.sport = DATA_PORT + 1;
		if (acknowledged) {
			good &= check_from("another one", &talk, CLIENT, &in, &out,
					   talk_reason(&talk), in_its_place);
		} else {
			good &= check_from("refused", &talk, CLIENT, &in, &in,
					   FTPNAT_DATA_FULL, NULL);
			good &= data_segment("the last bytes again", &talk, SERVER,
					     FIN | ACK, tail, 0, 1);
		}
		assert_true(good);
	}
}

/* ---- the same tuple again ---- */

static void test_syn_after_the_end(void **state)
{
	static const struct {
		const char *says;
		struct step steps[6];
		bool ended;
	} rows[] = {
		{ "after a reset of the client",
		  { C(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED }) },
		  true },
		{ "after a reset of the server",
		  { S(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED }) },
		  true },
		{ "after FIN of both",
		  { C(NULL, .flags = FIN | ACK), S(NULL, .flags = FIN | ACK),
		    C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }) },
		  true },
		{ "after FIN of the client alone",
		  { C(NULL, .flags = FIN | ACK) },
		  false },
		{ "after FIN of the server alone",
		  { S(NULL, .flags = FIN | ACK) },
		  false },
		{ "in the midst of it", { C("NOOP\r\n") }, false },
	};
	static const enum scene_id ids[] = { KEEP4, FULL4, MASQ4, KEEP6, FULL6, MASQ6 };
	bool good = true;

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(ids); n++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct packet_spec in, out;
			struct talk talk;

			talk_begin(&talk, ids[n]);
			good &= talk_steps(&talk, rows[i].says, rows[i].steps);
			talk_init(&talk, scene_get(ids[n]));
			talk.isn[CLIENT] = talk.isn[SERVER] = 0x11111111;
			in = talk_syn(&talk);
			out = talk_syn_heard(&talk);
			in.seq = out.seq = talk.isn[CLIENT];
			good &= check_from(rows[i].says, &talk, CLIENT, &in, &out,
					   FTPNAT_FORWARDED,
					   rows[i].ended ? NULL : tcp_ignored);
			assert_int_equal(dataplane_flows(), 2);
			if (!rows[i].ended)
				continue;
			talk.sent[CLIENT] = talk.heard[CLIENT] = 1;
			good &= talk_step(&talk, "its answer",
					  &(struct step)S(NULL, .flags = SYN | ACK));
			good &= talk_step(
				&talk, "its first command",
				&(struct step)C("NOOP\r\n",
						.also = { FTPNAT_CONTROL_OPENED }));
		}
	}
	assert_true(good);
}

/* ---- ids of sessions: 32 bits, and they come again ---- */

static void set_last_session(__u32 id)
{
	struct ftpnat_usage usage;
	__u32 key = 0;

	dataplane_usage(&usage);
	usage.last_session = id;
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_usage"), &key, &usage,
					     BPF_ANY),
			 0);
}

/* The id that both directions of the connection have. */
static __u32 session_id(const struct talk *talk)
{
	const struct scene *scene = talk->scene;
	struct ftpnat_tuple from_client = tuple(scene->client, talk->client_port,
						scene->dialled, scene->dialled_port);
	struct ftpnat_tuple from_server =
		tuple(scene->server, scene->server_port, scene->seen, talk->seen_port);
	struct ftpnat_flow client, server;

	assert_true(dataplane_flow(&from_client, &client));
	assert_true(dataplane_flow(&from_server, &server));
	assert_int_equal(client.session, server.session);
	return client.session;
}

static void test_refused_syns_take_no_id(void **state)
{
	struct ftpnat_usage before, after;
	struct packet_spec in;
	struct talk old, new;

	(void)state;
	talk_begin(&old, KEEP4);
	dataplane_usage(&before);
	talk_from_port(&new, old.scene, CLIENT_PORT + 1);
	in = talk_syn(&new);

	dataplane_config()->limit[FTPNAT_CONTROL] = 1;
	dataplane_apply();
	assert_true(
		check_from("full", &new, CLIENT, &in, &in, FTPNAT_CONTROL_FULL, NULL));
	dataplane_config()->limit[FTPNAT_CONTROL] = 2;
	dataplane_apply();
	dataplane_server(0, old.scene->server, old.scene->server_port, NULL, 0);
	assert_true(
		check_from("no server", &new, CLIENT, &in, &in, FTPNAT_NO_SERVER, NULL));
	dataplane_usage(&after);
	assert_int_equal(after.last_session, before.last_session);
}

static void test_no_session_has_the_id_of_a_living_one(void **state)
{
	static const struct {
		const char *says;
		__u32 last, old, last_again;
	} rows[] = {
		{ "the next lives", 6, 7, 6 },
		{ "the next but 0 lives", ~0U - 1, ~0U, ~0U - 1 },
		{ "0 is none", 6, 7, ~0U },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ftpnat_session session;
		struct talk old, new;
		__u32 id;

		scene_configure(scene_get(KEEP4), NULL);
		set_last_session(rows[i].last);
		talk_init(&old, scene_get(KEEP4));
		talk_open(&old);
		assert_int_equal(session_id(&old), rows[i].old);

		set_last_session(rows[i].last_again);
		talk_from_port(&new, scene_get(KEEP4), CLIENT_PORT + 1);
		talk_open(&new);
		id = session_id(&new);
		assert_int_not_equal(id, 0);
		assert_int_not_equal(id, rows[i].old);

		/* each has its own sequence numbers, and none ends with the other */
		good &= talk_step(&new, rows[i].says, &(struct step)S("220 hello\r\n"));
		good &= talk_step(&old, rows[i].says, &(struct step)S("220 hi\r\n"));
		good &= talk_step(&new, rows[i].says,
				  &(struct step)C(NULL, .flags = RST | ACK,
						  .also = { FTPNAT_CONTROL_CLOSED }));
		good &= talk_step(&old, rows[i].says, &(struct step)C("NOOP\r\n"));
		assert_true(dataplane_session(id, &session));
		assert_true(session.closing);
		assert_true(dataplane_session(rows[i].old, &session));
		assert_false(session.closing);
	}
	assert_true(good);
}

/*
 * As if ids had wrapped while the session of a connection is gone and its id is in use.
 */
static void test_session_with_the_same_id_of_another_connection(void **state)
{
	struct ftpnat_session session;
	struct packet_spec in, out;
	struct talk talk;
	__u32 id;

	(void)state;
	talk_begin(&talk, KEEP4);
	assert_true(talk_step(&talk, "its own", &(struct step)S("220 hello\r\n")));
	id = session_id(&talk);
	assert_true(dataplane_session(id, &session));
	session.client.sport = htons(CLIENT_PORT + 1);
	session.server.sport = htons(CLIENT_PORT + 1);
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_sessions"), &id,
					     &session, BPF_EXIST),
			 0);

	assert_true(talk_step(&talk, "its end",
			      &(struct step)C(NULL, .flags = RST | ACK,
					      .also = { FTPNAT_CONTROL_CLOSED })));
	assert_true(talk_step(&talk, "another's",
			      &(struct step)C("NOOP\r\n", .reason = FTPNAT_NO_SESSION)));
	assert_true(
		talk_step(&talk, "another's, of the server",
			  &(struct step)S("250 no\r\n", .reason = FTPNAT_NO_SESSION)));
	assert_true(dataplane_session(id, &session));
	assert_false(session.closing);

	talk_init(&talk, scene_get(KEEP4));
	talk.isn[CLIENT] = 0x11111111;
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	in.seq = out.seq = talk.isn[CLIENT];
	assert_true(check_from("makes room", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED,
			       NULL));
	assert_true(dataplane_session(id, &session));
}

/* ---- configuration that changes under a connection ---- */

static void test_other_half_of_the_configuration(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	struct packet_spec in, out;
	struct talk old, new;
	bool good = true;

	(void)state;
	talk_begin(&old, KEEP4);
	dataplane_config()->slot = 1;
	dataplane_rule(0, &rule);
	dataplane_listen("192.0.2.10", 21, 0);
	dataplane_server(0, "10.9.0.11", 2122, NULL, 1);
	dataplane_apply();
	talk_from_port(&new, scene, CLIENT_PORT + 1);
	in = talk_syn(&new);
	good &= check_from("interface not in it", &new, CLIENT, &in, &in, FTPNAT_PASS,
			   NULL);
	dataplane_attached(OUTER, 1 << 1);
	out = talk_syn_heard(&new);
	out.dst = "10.9.0.11";
	out.dport = 2122;
	good &= check_from("the new server", &new, CLIENT, &in, &out, FTPNAT_FORWARDED,
			   NULL);
	good &= talk_step(&old, "the old one's connection", &(struct step)C("NOOP\r\n"));
	in.dst = "192.0.2.11";
	good &= check_from("no rule", &new, CLIENT, &in, &in, FTPNAT_PASS, NULL);
	assert_true(good);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_full),
		cmocka_unit_test(test_half_open_makes_room),
		cmocka_unit_test(test_data_full),
		cmocka_unit_test(test_last_bytes_stay),
		cmocka_unit_test(test_syn_after_the_end),
		cmocka_unit_test(test_refused_syns_take_no_id),
		cmocka_unit_test(test_no_session_has_the_id_of_a_living_one),
		cmocka_unit_test(test_session_with_the_same_id_of_another_connection),
		cmocka_unit_test(test_other_half_of_the_configuration),
	};

	return cmocka_run_group_tests_name("tc_life", tests, dataplane_setup,
					   dataplane_teardown);
}
