// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Segments of a control connection that their receiver would discard: with a line they are
 * dropped, without one they go on, and the session is as before.
 */
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xdp.h"
#include "base/util.h"

/* What makes a segment with a line one that its receiver discards: it is dropped, whole. */
static const struct flaw {
	const char *says;
	enum ftpnat_reason reason;
	uint8_t flags;
	uint32_t seq, ack; /* more than the right ones */
	int32_t clock;	   /* 0: the next */
	bool no_options, bad_checksum, bad_ip_checksum;
	uint8_t option;
} flaws[] = {
	{ "a wrong checksum", FTPNAT_BAD_CHECKSUM, .bad_checksum = true },
	{ "a wrong checksum of the IPv4 header", FTPNAT_BAD_CHECKSUM,
	  .bad_ip_checksum = true },
	{ "no ACK flag", FTPNAT_BAD_FLAGS, .flags = PSH },
	{ "no ACK flag, with FIN", FTPNAT_BAD_FLAGS, .flags = PSH | FIN },
	{ "TCP-MD5", FTPNAT_BAD_OPTION, .option = 19 },
	{ "TCP-AO", FTPNAT_BAD_OPTION, .option = 29 },
	{ "an old timestamp", FTPNAT_BAD_TIMESTAMP, .clock = -1000 },
	{ "no timestamp", FTPNAT_BAD_TIMESTAMP, .no_options = true },
	{ "an ACK of one byte more than was sent", FTPNAT_BAD_ACK, .ack = 1 },
	{ "an ACK far ahead", FTPNAT_BAD_ACK, .ack = 0x40000000 },
	{ "an ACK far behind", FTPNAT_BAD_ACK, .ack = -0x20000u },
	{ "far ahead", FTPNAT_BAD_SEQUENCE, .seq = 0x20000 },
	{ "half the space away", FTPNAT_BAD_SEQUENCE, .seq = 0x80000000 },
	{ "far behind", FTPNAT_BAD_SEQUENCE, .seq = -0x20000u },
	{ "behind the window", FTPNAT_BAD_WINDOW, .seq = SERVER_WINDOW },
};

static void flawed(struct packet *packet, const struct talk *talk, enum end from,
		   const struct flaw *row, const char *line)
{
	struct packet_spec in = talk_sent(talk, from);

	in.flags = row->flags ? row->flags : PSH | ACK;
	in.seq = talk->isn[from] + talk->sent[from] + row->seq;
	in.ack = talk->isn[!from] + talk->heard[!from] + row->ack;
	in.payload = line;
	if (row->option) {
		in.options.byte[0] = row->option;
		in.options.byte[1] = 16;
		in.options.len = 16;
	} else if (!row->no_options) {
		option_timestamps(&in.options,
				  talk->clock[from] +
					  (row->clock ? (uint32_t)row->clock : 1),
				  talk->clock[!from]);
	}
	packet_build(packet, &in);
	if (row->bad_checksum)
		packet->byte[packet_tcp(packet) + 16] ^= 1;
	if (row->bad_ip_checksum)
		packet->byte[ETH_HLEN + offsetof(struct iphdr, check)] ^= 1;
}

/* The header of IPv6 has no checksum (RFC 8200 section 3). */
static bool flaw_exists(const struct flaw *row, enum scene_id id)
{
	return !row->bad_ip_checksum || !(IN(id) & IN_V6);
}

/* The session but for its lock: parsers, clocks, windows, what is acknowledged. */
static struct ftpnat_session session_of(const struct talk *talk)
{
	const struct ftpnat_tuple key = tuple(talk->scene->client, talk->client_port,
					      talk->scene->dialled,
					      talk->scene->dialled_port);
	struct ftpnat_session session;
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	assert_true(dataplane_session(flow.session, &session));
	return session;
}

/* The flawed segment leaves the session as it is; `action` and the reasons are as they should be. */
static bool changes_nothing(const struct talk *talk, enum end from,
			    const struct flaw *row, const char *line, int action,
			    enum ftpnat_reason reason, const enum ftpnat_reason *also)
{
	struct ftpnat_session was = session_of(talk), is;
	struct counters counters;
	struct packet packet;
	struct run run;
	bool good;

	flawed(&packet, talk, from, row, line);
	dataplane_counters(&counters);
	dataplane_run(&run, INGRESS, talk_side(talk, from), &packet, 0);
	good = run.action == action;
	good &= dataplane_counted(row->says, &counters, reason, also);
	good &= !dataplane_copy(&packet);
	is = session_of(talk);
	assert_memory_equal(&was, &is, sizeof(was));
	return good;
}

static void test_line(void **state)
{
	static const struct step before[] = {
		S("220 hello\r\n"),    C("NOOP\r\n"), S("200 ok\r\n"),
		C(NULL, .flags = ACK), { 0 },
	};
	static const struct step after[] = {
		C("EPSV\r\n"),
		S("229 (|||2570|)\r\n", .also = { FTPNAT_EXPECTED }),
		{ 0 },
	};
	const struct flaw *row = *state;
	bool good = true;

	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct talk talk;

			if (!flaw_exists(row, scenes_routed[i]))
				continue;
			talk_begin(&talk, scenes_routed[i]);
			good &= talk_steps(&talk, row->says, before);
			good &= changes_nothing(&talk, from, row,
						from == CLIENT ? "PASV\r\n" :
								 "500 no\r\n",
						TC_SHOT, row->reason, NULL);
			good &= talk_steps(&talk, row->says, after);
			assert_int_equal(dataplane_expectations(), 1);
		}
	}
	assert_true(good);
}

/* The same without a line: it goes on, and the session is as before. */
static void test_no_line(void **state)
{
	const struct flaw *row = *state;
	bool good = true;

	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct talk talk;

			if (row->reason == FTPNAT_BAD_WINDOW ||
			    !flaw_exists(row, scenes_routed[i]))
				continue;
			talk_begin(&talk, scenes_routed[i]);
			good &= talk_step(&talk, row->says, &(struct step)C("NOOP\r\n"));
			good &= changes_nothing(&talk, from, row, NULL, TC_REDIRECT,
						FTPNAT_FORWARDED, tcp_ignored);
			good &= talk_step(&talk, row->says,
					  &(struct step)S("200 ok\r\n"));
		}
	}
	assert_true(good);
}

/*
 * A FIN with an old timestamp: whether its receiver takes it can't be known, so it has to
 * come again, with a new one.
 */
static void test_late_fin(void **state)
{
	static const struct flaw late = { "a late FIN", FTPNAT_BAD_TIMESTAMP,
					  .flags = FIN | ACK, .clock = -1000 };
	static const struct step ends[] = {
		C(NULL, .flags = FIN | ACK),
		S(NULL, .flags = FIN | ACK),
		C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }),
		{ 0 },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct talk talk;

			talk_begin(&talk, scenes_routed[i]);
			good &= talk_step(&talk, late.says, &(struct step)C("NOOP\r\n"));
			good &= talk_step(&talk, late.says,
					  &(struct step)S("200 ok\r\n"));
			good &= changes_nothing(&talk, from, &late, NULL, TC_SHOT,
						late.reason, NULL);
			good &= talk_steps(&talk, "it comes again", ends);
		}
	}
	assert_true(good);
}

/* What the sender has left to its card is not a wrong checksum. */
static void test_unfinished_checksum(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		static const struct flaw none = { .says = "GSO", .bad_checksum = true };
		struct packet packet;
		struct talk talk;
		struct run run;

		talk_begin(&talk, scenes_routed[i]);
		flawed(&packet, &talk, CLIENT, &none, "NOOP\r\nNOOP\r\nNOOP\r\n");
		dataplane_run(&run, INGRESS, talk_side(&talk, CLIENT), &packet, 12);
		good &= run.action == TC_REDIRECT;
	}
	assert_true(good);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(flaws) + ARRAY_SIZE(flaws) + 2];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_late_fin),
		cmocka_unit_test(test_unfinished_checksum),
	};
	size_t n = 0;

	n += rows_as_tests(tests + n, flaws, ARRAY_SIZE(flaws), sizeof(*flaws),
			   test_line);
	n += rows_as_tests(tests + n, flaws, ARRAY_SIZE(flaws), sizeof(*flaws),
			   test_no_line);
	memcpy(tests + n, others, sizeof(others));
	n += ARRAY_SIZE(others);
	return _cmocka_run_group_tests("tc_discarded", tests, n, dataplane_setup,
				       dataplane_teardown);
}
