// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Expectations: one SYN of the one peer, and what happens when there is no room for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "lib/told.h"
#include "base/util.h"

static void second_client(struct talk *talk, const struct scene *scene)
{
	talk_init(talk, scene);
	talk->client_port = CLIENT_PORT + 1;
	talk->seen_port = CLIENT_PORT + 1;
}

static void test_range_full(void **state)
{
	static const struct step first[] = {
		C("PASV\r\n"),
		S("227 ($s,10,10)\r\n", "227 ($d,195,80)\r\n", OPENS),
		{ 0 },
	};
	static const struct step second[] = {
		C("PASV\r\n"),
		S("227 ($s,10,11)\r\n", "425 No free data port, try again later.\r\n",
		  .also = { FTPNAT_LINE_NO_PORT }),
		C("NOOP\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	struct talk one, two;
	struct ftpnat_usage usage;

	(void)state;
	one_port(&rule);
	scene_configure(scene, &rule);
	talk_init(&one, scene);
	talk_open(&one);
	assert_true(talk_steps(&one, "the only port", first));
	second_client(&two, scene);
	talk_open(&two);
	assert_true(talk_steps(&two, "no port left", second));
	assert_string_equal(talk_expectation(),
			    talk_text(&one, "$C > $D 50000 = $P 0 > $S 2570 passive"));
	dataplane_usage(&usage);
	assert_int_equal(usage.expected, 1);
}

static void test_expectations_full(void **state)
{
	static const struct step steps[] = {
		C("PORT $c,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
		  .also = { FTPNAT_LINE_FULL }),
		S("501 Bad.\r\n",
		  "425 Too many data connections announced, try again later.\r\n"),
		C("PASV\r\n"),
		S("227 ($s,10,10)\r\n",
		  "425 Too many data connections announced, try again later.\r\n",
		  .also = { FTPNAT_LINE_FULL }),
		C("NOOP\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	struct ftpnat_usage usage;
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	dataplane_config()->limit_expected = 0;
	dataplane_apply();
	assert_true(talk_steps(&talk, "full", steps));
	assert_string_equal(talk_expectation(), "none");
	dataplane_usage(&usage);
	assert_int_equal(usage.expected, 0);
}

/* The expectation that the talk opened is for one SYN of the one peer. */
static void test_passive_expectation(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		static const struct step steps[] = {
			C("EPSV\r\n"),
			S("229 (|||2570|)\r\n", OPENS),
			{ 0 },
		};
		const struct scene *scene = scene_get(scenes_routed[i]);
		struct packet_spec in, out, stranger;
		struct talk talk;

		talk_begin(&talk, scenes_routed[i]);
		assert_true(talk_steps(&talk, "EPSV", steps));
		in = talk_sent(&talk, CLIENT);
		in.flags = SYN;
		in.sport = 41000;
		in.dport = 2570;
		in.seq = 12345;
		out = talk_heard(&talk, CLIENT);
		out.flags = SYN;
		out.sport = 41000;
		out.dport = 2570;
		out.seq = 12345;

		stranger = in;
		stranger.src = strchr(in.src, ':') ? "fd00:5::8" : "192.168.5.8";
		good &= check_packet("a stranger's SYN", INGRESS, scene->client_side,
				     &stranger, &stranger, FTPNAT_PASS, NULL);
		stranger = in;
		stranger.dport = 2571;
		good &= check_packet("the port beside", INGRESS, scene->client_side,
				     &stranger, &stranger, FTPNAT_PASS, NULL);
		stranger = in;
		stranger.flags = ACK;
		good &= check_packet("no SYN", INGRESS, scene->client_side, &stranger,
				     &stranger, FTPNAT_PASS, NULL);
		assert_int_equal(dataplane_expectations(), 1);

		good &= check_packet("the SYN", INGRESS, scene->client_side, &in, &out,
				     FTPNAT_FORWARDED, data_arrives);
		assert_int_equal(dataplane_expectations(), 0);
		good &= check_packet("the SYN again", INGRESS, scene->client_side, &in,
				     &out, FTPNAT_FORWARDED, NULL);
		stranger = in;
		stranger.sport = 41001;
		good &= check_packet("a second SYN through the expectation", INGRESS,
				     scene->client_side, &stranger, &stranger,
				     FTPNAT_PASS, NULL);

		/* the answer finds back */
		in = talk_sent(&talk, SERVER);
		in.flags = SYN | ACK;
		in.ack = 12346;
		in.sport = 2570;
		in.dport = 41000;
		out = talk_heard(&talk, SERVER);
		out.flags = SYN | ACK;
		out.ack = 12346;
		out.sport = 2570;
		out.dport = 41000;
		good &= check_packet("its answer", INGRESS, scene->server_side, &in, &out,
				     FTPNAT_FORWARDED, NULL);
	}
	assert_true(good);
}

/* The client names its port 2000. */
static bool active_announced(struct talk *talk, enum scene_id id)
{
	static const struct step v4[] = {
		C("EPRT |1|$C|2000|\r\n", "EPRT |1|$P|2000|\r\n", OPENS),
		{ 0 },
	};
	static const struct step v6[] = {
		C("EPRT |2|$C|2000|\r\n", "EPRT |2|$P|2000|\r\n", OPENS),
		{ 0 },
	};

	return talk_steps(talk, "EPRT", IN(id) & IN_V6 ? v6 : v4);
}

/* A packet of the data connection between that port and `server_port`, seen from 20 if published. */
static bool active_check(const char *says, const struct talk *talk, enum end from,
			 uint8_t flags, uint16_t server_port,
			 const enum ftpnat_reason *also)
{
	const struct scene *scene = talk->scene;
	uint16_t seen_port = scene->kind == FTPNAT_PUBLISH ? 20 : server_port;
	struct packet_spec in = talk_sent(talk, from), out = talk_heard(talk, from);

	in.flags = out.flags = flags;
	in.seq = out.seq = 1000u * (from + 1) + !(flags & SYN);
	in.ack = out.ack = 1000u * (2 - from) + 1;
	if (flags & FIN && from == CLIENT)
		in.ack = ++out.ack; /* the server's, which came before */
	if (from == SERVER) {
		in.sport = server_port;
		out.sport = seen_port;
		in.dport = out.dport = 2000;
	} else {
		in.sport = out.sport = 2000;
		in.dport = seen_port;
		out.dport = server_port;
	}
	return check_from(says, talk, from, &in, &out, FTPNAT_FORWARDED, also);
}

static void test_active_expectation(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		const struct scene *scene = scene_get(scenes_routed[i]);
		struct packet_spec in, stranger;
		struct talk talk;

		talk_begin(&talk, scenes_routed[i]);
		assert_true(active_announced(&talk, scenes_routed[i]));
		in = talk_sent(&talk, SERVER);
		in.flags = SYN;
		in.sport = 2120;
		in.dport = 2000;

		stranger = in;
		stranger.src = strchr(in.src, ':') ? "fd00:9::66" : "10.9.0.66";
		good &= check_packet("a stranger's SYN", INGRESS, scene->server_side,
				     &stranger, &stranger, FTPNAT_PASS, NULL);
		good &= active_check("the SYN", &talk, SERVER, SYN, 2120, data_arrives);
		stranger = in;
		stranger.sport = 2119;
		good &= check_packet("a second SYN through the expectation", INGRESS,
				     scene->server_side, &stranger, &stranger,
				     FTPNAT_PASS, NULL);
		good &= active_check("its answer", &talk, CLIENT, SYN | ACK, 2120, NULL);
	}
	assert_true(good);
}

/* A client may have few ports: from 20 again once the connection before has ended, not earlier. */
static void test_active_port_again(void **state)
{
	static const enum ftpnat_reason arrives_again[] = { FTPNAT_EXPECTED_USED,
							    FTPNAT_DATA_CLOSED,
							    FTPNAT_REASON_MAX };
	static const enum scene_id published[] = { KEEP4, KEEP6, FULL4, FULL6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		struct packet_spec in;
		struct packet packet;
		struct talk talk;
		struct run run;

		talk_begin(&talk, published[i]);
		good &= active_announced(&talk, published[i]);
		good &= active_check("first", &talk, SERVER, SYN, 2120, data_arrives);
		good &= active_check("first", &talk, CLIENT, SYN | ACK, 2120, NULL);
		good &= active_check("first ends", &talk, SERVER, FIN | ACK, 2120,
				     data_opens);
		good &= active_check("and so", &talk, CLIENT, FIN | ACK, 2120, NULL);

		good &= active_announced(&talk, published[i]);
		good &= active_check("second", &talk, SERVER, SYN, 2121, arrives_again);
		good &= active_check("second", &talk, CLIENT, SYN | ACK, 2121, NULL);
		assert_int_equal(dataplane_flows(), 4);

		good &= active_announced(&talk, published[i]);
		in = talk_sent(&talk, SERVER);
		in.flags = SYN;
		in.sport = 2122;
		in.dport = 2000;
		packet_build(&packet, &in);
		dataplane_run(&run, INGRESS, talk.scene->server_side, &packet, 0);
		assert_int_equal(run.action, TC_REDIRECT);
		assert_int_equal(dataplane_flows(), 6);
		good &= active_check("second lives", &talk, SERVER, ACK, 2121,
				     data_opens);
		good &= active_check("second lives", &talk, CLIENT, ACK, 2121, NULL);
	}
	assert_true(good);
}

/* A packet between the client's port 2000 and the server's 2120, with numbers of another connection. */
static bool old_check(const char *says, const struct talk *talk, enum end from,
		      uint8_t flags)
{
	uint16_t seen_port = talk->scene->kind == FTPNAT_PUBLISH ? 20 : 2120;
	struct packet_spec in = talk_sent(talk, from), out = talk_heard(talk, from);

	in.flags = out.flags = flags;
	in.seq = out.seq = flags & RST ? 0x70000000 : 0x60000000;
	in.ack = out.ack = flags & RST ? 0 : 0x70000000;
	in.sport = from == SERVER ? 2120 : 2000;
	out.sport = from == SERVER ? seen_port : 2000;
	in.dport = from == SERVER ? 2000 : seen_port;
	out.dport = from == SERVER ? 2000 : 2120;
	return check_from(says, talk, from, &in, &out, FTPNAT_FORWARDED, tcp_ignored);
}

/*
 * The peer is in TIME-WAIT of an earlier connection and says so, which is reset, and the SYN
 * comes again (RFC 9293 section 3.10.7.3): the expectation is used, and it is the same connection.
 */
static void test_syn_after_a_reset(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct talk talk;

		talk_begin(&talk, scenes_routed[i]);
		good &= active_announced(&talk, scenes_routed[i]);
		good &= active_check("SYN", &talk, SERVER, SYN, 2120, data_arrives);
		good &= old_check("TIME-WAIT", &talk, CLIENT, ACK);
		good &= old_check("reset", &talk, SERVER, RST);
		good &= active_check("SYN again", &talk, SERVER, SYN, 2120, NULL);
		good &= active_check("answer", &talk, CLIENT, SYN | ACK, 2120, NULL);
		assert_int_equal(dataplane_flows(), 4);
	}
	assert_true(good);
}

/*
 * After a refusal or the end of a session there is no expectation: the same SYN does not
 * get in.
 */
static void test_syn_after_a_refusal(void **state)
{
	static const enum ftpnat_reason unanswered[] = { FTPNAT_DATA_UNANSWERED,
							 FTPNAT_REASON_MAX };
	bool good = true;

	(void)state;
	for (int established = 0; established < 2; established++) {
		struct packet_spec in;
		struct talk talk;

		talk_begin(&talk, KEEP4);
		data_announce(&talk);
		good &= data_check("SYN", &talk, CLIENT, SYN, NULL, data_arrives);
		if (established) {
			good &= data_check("answer", &talk, SERVER, SYN | ACK, NULL,
					   NULL);
			good &= data_check("reset", &talk, CLIENT, RST, NULL, unanswered);
		} else {
			good &= data_check("refused", &talk, SERVER, RST | ACK, NULL,
					   unanswered);
		}
		in = data_sent(&talk, CLIENT);
		in.flags = SYN;
		good &= check_from("SYN again", &talk, CLIENT, &in, &in, FTPNAT_PASS,
				   NULL);
		assert_int_equal(dataplane_flows(), 2);
	}
	assert_true(good);
}

/* Entries of the queue ever: two connections would have two. */
static __u64 queued(void)
{
	struct ftpnat_expiry queue;
	const __u32 zero = 0;

	assert_int_equal(
		bpf_map_lookup_elem(dataplane_fd("ftpnat_expiry"), &zero, &queue), 0);
	return queue.tail;
}

static bool waits_until_none_is_expected(void)
{
	for (int i = 0; i < 1000; i++) {
		if (!dataplane_expectations())
			return true;
		usleep(10000);
	}
	return false;
}

/* However many a session announces, one entry of the queue sees to their time. */
static void test_expires(void **state)
{
	static const struct step steps[] = {
		C("PORT $c,7,208\r\n", .also = { FTPNAT_EXPECTED }),
		S("200 ok\r\n"),
		C("PORT $c,7,209\r\n",
		  .also = { FTPNAT_EXPECTED_REPLACED, FTPNAT_EXPECTED }),
		S("200 ok\r\n"),
		{ 0 },
	};
	struct ftpnat_usage usage;
	struct counters before, after;
	__u64 entries;
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	entries = queued();
	assert_true(talk_steps(&talk, "announced twice", steps));
	assert_int_equal(queued(), entries + 1);
	dataplane_counters(&before);
	dataplane_config()->timeout_expected = 1;
	dataplane_config()->period = 1;
	dataplane_apply();
	assert_true(waits_until_none_is_expected());
	dataplane_counters(&after);
	assert_int_equal(after.reason[FTPNAT_EXPECTED_EXPIRED],
			 before.reason[FTPNAT_EXPECTED_EXPIRED] + 1);
	dataplane_usage(&usage);
	assert_int_equal(usage.expected, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range_full),
		cmocka_unit_test(test_expectations_full),
		cmocka_unit_test(test_passive_expectation),
		cmocka_unit_test(test_active_expectation),
		cmocka_unit_test(test_active_port_again),
		cmocka_unit_test(test_syn_after_a_reset),
		cmocka_unit_test(test_syn_after_a_refusal),
		cmocka_unit_test(test_expires),
	};

	return cmocka_run_group_tests_name("tc_expectations", tests, dataplane_setup,
					   dataplane_teardown);
}
