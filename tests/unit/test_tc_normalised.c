// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What some receivers read and others don't is taken out of a segment: urgent bytes, repeated
 * options, Fast Open, TTLs that would not get as far.
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

/* An urgent byte is read by some and not by others: only Telnet's Synch stays urgent. */
static void test_urgent(void **state)
{
	static const struct step steps[] = {
		C("NOOP\r\n", .flags = URG | PSH | ACK, .becomes_flags = PSH | ACK),
		S("200 ok\r\n", .flags = URG | PSH | ACK, .becomes_flags = PSH | ACK),
		C(NULL, .flags = URG | ACK, .becomes_flags = ACK),
		C("N\xff", .flags = URG | PSH | ACK, .becomes_flags = PSH | ACK),
		C("OOP\r\n"),
		C("\xff\xf4\xff", .flags = URG | PSH | ACK),
		C("\xf2"
		  "ABOR\r\n"),
		{ 0 },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct talk talk;

		talk_begin(&talk, scenes_routed[i]);
		good &= talk_steps(&talk, "urgent", steps);
	}
	assert_true(good);
}

/* The SYN of a new connection with these options and this payload, of which nothing is left. */
static bool syn_check(struct talk *talk, enum scene_id id, const struct options *options,
		      const struct options *become, const char *payload)
{
	struct packet_spec in, out;

	scene_configure(scene_get(id), NULL);
	talk_init(talk, scene_get(id));
	in = talk_syn(talk);
	out = talk_syn_heard(talk);
	in.options = *options;
	out.options = *become;
	in.payload = payload;
	return check_from("SYN", talk, CLIENT, &in, &out, FTPNAT_FORWARDED, NULL);
}

/* Of an option that comes twice, receivers take the first or the last: only that one remains. */
static void test_repeated_options(void **state)
{
	static const struct options twice = { 24, { 3,	3, 14, 1, 2, 4, 2,   0,
						    34, 2, 34, 6, 1, 2, 3,   4,
						    3,	3, 13, 2, 4, 3, 232, 1 } };
	static const struct options once = { 24,
					     { 1, 1, 1, 1, 1, 1, 1,  1, 1, 1, 1,   1,
					       1, 1, 1, 1, 3, 3, 10, 2, 4, 2, 168, 1 } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct talk talk;

		good &= syn_check(&talk, scenes_routed[i], &twice, &once, NULL);
	}
	assert_true(good);
}

/* The Fast Open option, asking for a cookie (RFC 7413 section 4.1.1), and what becomes of it. */
static const struct options asks = { 4, { 34, 2, 1, 1 } };
static const struct options nothing = { 4, { 1, 1, 1, 1 } };

/* Fast Open: its option and its data are taken out of both SYNs. */
static void test_fast_open(void **state)
{
	static const struct step steps[] = {
		C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_OPENED }),
		S("220 hello\r\n"),
		C("NOOP\r\n"),
		{ 0 },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct packet_spec in, out;
		struct talk talk;

		good &= syn_check(&talk, scenes_routed[i], &asks, &nothing, "USER a\r\n");
		talk.timestamps = false;
		talk.sent[CLIENT] = talk.heard[CLIENT] = 1;
		in = talk_sent(&talk, SERVER);
		out = talk_heard(&talk, SERVER);
		in.flags = out.flags = SYN | ACK;
		in.seq = out.seq = talk.isn[SERVER];
		in.ack = out.ack = talk.isn[CLIENT] + 1;
		in.options = asks;
		out.options = nothing;
		in.payload = "220 hello\r\n";
		good &= check_from("SYN-ACK", &talk, SERVER, &in, &out, FTPNAT_FORWARDED,
				   NULL);
		talk.sent[SERVER] = talk.heard[SERVER] = 1;
		good &= talk_steps(&talk, "as any other", steps);
	}
	assert_true(good);
}

/* The same on a data connection, in whichever direction it opens. */
static void test_fast_open_of_data(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct talk talk;

		talk_begin(&talk, scenes_routed[i]);
		data_announce(&talk);
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet_spec in = data_sent(&talk, from);
			struct packet_spec out = data_heard(&talk, from);

			in.flags = out.flags = from == CLIENT ? SYN : SYN | ACK;
			in.seq = out.seq = in.seq - 1;
			in.options = asks;
			out.options = nothing;
			in.payload = "some data";
			good &= check_from("SYN", &talk, from, &in, &out,
					   FTPNAT_FORWARDED,
					   from == CLIENT ? data_arrives : NULL);
		}
		good &= data_check("ACK", &talk, CLIENT, ACK, NULL, data_opens);
		good &= data_check("data", &talk, CLIENT, ACK, "some data", NULL);
	}
	assert_true(good);
}

/* A line that would not get as far as those before it does so all the same. */
static void test_ttl(void **state)
{
	static const struct {
		uint8_t ttl, becomes;
		const char *line;
	} rows[] = { { 64, 63, "NOOP\r\n" },
		     { 2, 63, "NOOP\r\n" },
		     { 200, 199, "NOOP\r\n" },
		     { 64, 199, "NOOP\r\n" },
		     { 10, 9, NULL } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct talk talk;

			talk_begin(&talk, scenes_routed[i]);
			for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
				struct packet_spec in = talk_sent(&talk, from);
				struct packet_spec out = talk_heard(&talk, from);

				in.flags = out.flags = PSH | ACK;
				in.ttl = rows[n].ttl;
				out.ttl = rows[n].becomes;
				in.payload = out.payload = rows[n].line;
				in.seq = out.seq = talk.isn[from] + talk.sent[from];
				in.ack = out.ack = talk.isn[!from] + talk.sent[!from];
				option_timestamps(&in.options, ++talk.clock[from],
						  talk.clock[!from]);
				out.options = in.options;
				talk.sent[from] += rows[n].line ? 6 : 0;
				good &= check_from("TTL", &talk, from, &in, &out,
						   FTPNAT_FORWARDED, NULL);
			}
		}
	}
	assert_true(good);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urgent),
		cmocka_unit_test(test_repeated_options),
		cmocka_unit_test(test_fast_open),
		cmocka_unit_test(test_fast_open_of_data),
		cmocka_unit_test(test_ttl),
	};

	return cmocka_run_group_tests_name("tc_normalised", tests, dataplane_setup,
					   dataplane_teardown);
}
