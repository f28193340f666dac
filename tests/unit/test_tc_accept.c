// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Blind segments of an attacker who knows all but the sequence numbers: they go on and change
 * nothing, no state, no clock, no expectation. And the resets that end a session.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xdp.h"
#include "base/util.h"

#define AWAY 0x3000000

static const struct blind {
	const char *says;
	uint8_t flags;
	uint32_t seq, ack; /* more than the right ones */
} blind[] = {
	{ "a reset far away", RST, AWAY, 0 },
	{ "a reset in the window", RST, 1, 0 },
	{ "a reset before the window", RST, -1u, 0 },
	{ "a reset with ACK", RST | ACK, 1, 0 },
	{ "a SYN", SYN, AWAY, 0 },
	{ "a SYN at the next number", SYN, 0, 0 },
	{ "a SYN-ACK", SYN | ACK, AWAY, AWAY },
	{ "a FIN far away", FIN | ACK, AWAY, 0 },
	{ "a FIN that acknowledges what was never sent", FIN | ACK, 0, AWAY },
	{ "a FIN without ACK", FIN, 0, 0 },
	{ "an ACK far away", ACK, AWAY, 0 },
	{ "an ACK of what was never sent", ACK, 0, AWAY },
};

#define BLIND_CONTROL 7 /* of them, also for control connections */

/* Everything in an entry but its counters, and the next hop that it believes in. */
static struct ftpnat_flow state_of(const struct packet_spec *spec)
{
	struct ftpnat_flow flow = xdp_flow(spec);

	flow.packets = flow.bytes = 0;
	flow.hop = 0;
	flow.xdp = 0;
	return flow;
}

/* The clock of an entry is set back, so that a packet that is believed shows. */
static void forget_seen(const struct packet_spec *spec)
{
	const struct ftpnat_tuple key = xdp_key(spec);
	struct ftpnat_flow flow = xdp_flow(spec);

	flow.seen -= 5;
	xdp_set_flow(&key, &flow);
}

static void test_data(void **state)
{
	const struct blind *row = *state;
	bool good = true;

	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct ftpnat_flow before[2], after[2];
			struct packet_spec in, out, ends[2];
			struct talk talk;

			xdp_begin(&talk, scenes_routed[i]);
			for (enum end end = CLIENT; end <= SERVER; end++) {
				ends[end] = data_sent(&talk, end);
				forget_seen(&ends[end]);
				before[end] = state_of(&ends[end]);
			}
			in = data_sent(&talk, from);
			out = data_heard(&talk, from);
			in.flags = out.flags = row->flags;
			in.seq = out.seq = in.seq + row->seq;
			in.ack = out.ack = in.ack + row->ack;
			good &= check_from(row->says, &talk, from, &in, &out,
					   FTPNAT_FORWARDED, tcp_ignored);
			for (enum end end = CLIENT; end <= SERVER; end++) {
				after[end] = state_of(&ends[end]);
				assert_memory_equal(&before[end], &after[end],
						    sizeof(before[end]));
			}
			good &= data_check("the connection lives", &talk, CLIENT, ACK,
					   "some data", NULL);
			good &= xdp_takes("and by XDP", &talk, NATIVE, true);
		}
	}
	assert_true(good);
}

/* XDP believes no more than TC, and leaves it what it doesn't. */
static void test_xdp(void **state)
{
	static const struct blind rows[] = {
		{ "far away", ACK, AWAY, 0 },
		{ "an ACK of what was never sent", ACK, 0, AWAY },
		{ "both", ACK, AWAY, AWAY },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct ftpnat_flow before, after;
		struct packet packet;
		struct talk talk;

		xdp_begin(&talk, scenes_routed[i]);
		good &= xdp_takes("a plain packet", &talk, NATIVE, true);
		for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
			struct packet_spec in = data_sent(&talk, CLIENT);

			forget_seen(&in);
			before = xdp_flow(&in);
			in.seq += rows[n].seq;
			in.ack += rows[n].ack;
			packet_build(&packet, &in);
			for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++)
				good &= xdp_check(rows[n].says, mode,
						  talk_side(&talk, CLIENT), &packet,
						  NULL);
			after = xdp_flow(&in);
			assert_memory_equal(&before, &after, sizeof(before));
		}
	}
	assert_true(good);
}

/* After FIN or RST of either end TC sees all packets; after a FIN that was none, XDP again. */
static void test_xdp_after_the_end(void **state)
{
	struct packet_spec in, out;
	struct talk talk;
	bool good = true;

	(void)state;
	xdp_begin(&talk, FULL4);
	good &= data_check("FIN", &talk, SERVER, FIN | ACK, NULL, NULL);
	good &= xdp_takes("the other direction", &talk, NATIVE, false);
	in = data_sent(&talk, SERVER);
	out = data_heard(&talk, SERVER);
	in.flags = out.flags = ACK;
	in.payload = out.payload = "no end at all";
	good &= check_from("data behind it", &talk, SERVER, &in, &out, FTPNAT_FORWARDED,
			   NULL);
	good &= xdp_takes("the other direction", &talk, NATIVE, true);
	assert_true(good);
}

/* The same on a control connection; its expectation stays open, and lines go on being read. */
static void test_control(void **state)
{
	static const struct step announces[] = {
		C("EPSV\r\n"),
		S("229 (|||2570|)\r\n", .also = { FTPNAT_EXPECTED }),
		C("NOOP\r\n"),
		{ 0 },
	};
	const struct blind *row = *state;
	bool good = true;

	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet_spec in, out;
			struct counters before;
			struct packet packet;
			struct talk talk;
			struct run run;

			talk_begin(&talk, scenes_routed[i]);
			good &= talk_steps(&talk, row->says, announces);
			in = talk_sent(&talk, from);
			in.flags = row->flags;
			in.seq = talk.isn[from] + talk.sent[from] + row->seq;
			in.ack = talk.isn[!from] + talk.heard[!from] + row->ack;
			packet_build(&packet, &in);
			dataplane_counters(&before);
			dataplane_run(&run, INGRESS, talk_side(&talk, from), &packet, 0);
			assert_int_equal(run.action, TC_REDIRECT);
			good &= dataplane_counted(row->says, &before, FTPNAT_FORWARDED,
						  tcp_ignored);
			assert_int_equal(dataplane_expectations(), 1);
			good &= talk_step(&talk, "it lives",
					  &(struct step)S("200 ok\r\n"));
			out = talk_syn(&talk);
			packet_build(&packet, &out);
			dataplane_run(&run, INGRESS, talk.scene->client_side, &packet, 0);
			assert_int_equal(dataplane_sessions(), 1);
			assert_int_equal(dataplane_expectations(), 1);
		}
	}
	assert_true(good);
}

/* A reset with the right number ends a session: behind all that was said, or acknowledged. */
static void test_control_reset(void **state)
{
	static const struct step steps[] = {
		C("EPSV\r\n"),
		S("229 (|||2570|)\r\n", .also = { FTPNAT_EXPECTED }),
		C("NOOP\r\n"),
		{ 0 },
	};
	static const struct step behind =
		C(NULL, .flags = RST,
		  .also = { FTPNAT_EXPECTED_CLOSED, FTPNAT_CONTROL_CLOSED });
	static const struct step acknowledged = /* the server has EPSV, but not NOOP */
		C(NULL, .flags = RST, .seq = 7, .to_seq = 7,
		  .also = { FTPNAT_EXPECTED_CLOSED, FTPNAT_CONTROL_CLOSED });
	struct talk talk;
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		talk_begin(&talk, scenes_routed[i]);
		good &= talk_steps(&talk, "an expectation", steps);
		good &= talk_step(&talk, "behind all", &behind);
		assert_int_equal(dataplane_expectations(), 0);

		talk_begin(&talk, scenes_routed[i]);
		good &= talk_steps(&talk, "an expectation", steps);
		good &= talk_step(&talk, "as acknowledged", &acknowledged);
		assert_int_equal(dataplane_expectations(), 0);
	}
	assert_true(good);
}

/*
 * A client that crashed dials again from the same port: the server challenges it, and is
 * reset with the number that it asked for; then the SYN comes again.
 */
static void test_client_that_crashed(void **state)
{
	static const struct step steps[] = {
		S("220 hello\r\n"),
		C("NOOP\r\n"),
		C(NULL, .flags = SYN, .seq = 0x12345678, .to_seq = 0x12345678,
		  .also = { FTPNAT_IGNORED }),
		S(NULL, .flags = ACK),
		C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED }),
		C(NULL, .flags = SYN, .seq = 0x12345678, .to_seq = 0x12345678),
		{ 0 },
	};
	struct talk talk;
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		talk_begin(&talk, scenes_routed[i]);
		good &= talk_steps(&talk, "crashed", steps);
		assert_int_equal(dataplane_flows(), 2);
	}
	assert_true(good);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(blind) + BLIND_CONTROL + 4];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_xdp),
		cmocka_unit_test(test_xdp_after_the_end),
		cmocka_unit_test(test_control_reset),
		cmocka_unit_test(test_client_that_crashed),
	};
	size_t n = 0;

	n += rows_as_tests(tests + n, blind, ARRAY_SIZE(blind), sizeof(*blind),
			   test_data);
	n += rows_as_tests(tests + n, blind, BLIND_CONTROL, sizeof(*blind), test_control);
	memcpy(tests + n, others, sizeof(others));
	n += ARRAY_SIZE(others);
	return _cmocka_run_group_tests("tc_accept", tests, n, dataplane_setup,
				       xdp_teardown);
}
