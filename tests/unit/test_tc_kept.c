// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What an end says twice (bpf/kept.h): until its receiver has acknowledged them, bytes that
 * are repeated must be the same, however they are cut; and no end is told a larger window
 * than what is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/told.h"
#include "base/util.h"

#define OTHER .reason = FTPNAT_INCONSISTENT
/* a repeated segment that begins with byte n of the stream; no edit is in front of it */
#define AGAIN(n) .seq = (n), .to_seq = (n)

static const struct row told[] = {
	{ "the same again", IN(KEEP4) | IN(KEEP6) | IN(MASQ4) | IN(MASQ6),
	  .steps = { C("NOOP\r\n"), C("NOOP\r\n", AGAIN(1)), C("NOOP\r\n", AGAIN(1)),
		     S("200 ok\r\n") } },
	{ "a part of it", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("NOOP\r\n"), C("OP\r", AGAIN(3)), C("\n", AGAIN(6)) } },
	{ "with something new behind it", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("NOOP\r\n"), C("NOOP\r\nPWD\r\n", AGAIN(1)),
		     C("WD\r\nNOOP\r\n", AGAIN(8)), C("XWD\r\n", AGAIN(7), OTHER) } },
	{ "other bytes", IN(KEEP4) | IN(KEEP6) | IN(MASQ4) | IN(MASQ6),
	  .steps = { C("NOOP\r\n"), C("PASV\r\n", AGAIN(1), OTHER),
		     C("NOOP\r\n", AGAIN(1)) } },
	{ "another first byte", IN(KEEP4),
	  .steps = { C("NOOP\r\n"), C("xOOP\r\n", AGAIN(1), OTHER) } },
	{ "another last byte", IN(KEEP4),
	  .steps = { C("NOOP\r\n"), C("NOOP\r\r", AGAIN(1), OTHER) } },
	{ "another one in front of something new", IN(KEEP4),
	  .steps = { C("NOOP\r\n"), C("NOOP\r\rPORT $c,7,208\r\n", AGAIN(1), OTHER),
		     C("PWD\r\n") } },
	{ "an address line in the place of another", IN(KEEP4) | IN(GROW4),
	  .steps = { C("USER aaaaaaaaaaaaaaaaaaa\r\n"),
		     C("PORT 10,66,66,66,7,208\r\n", AGAIN(1), OTHER) } },
	{ "a rewritten line, again and otherwise", IN(GROW4),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", AGAIN(1)),
		     C("PORT $c,7,209\r\n", AGAIN(1), OTHER) } },
	{ "the held start of a line", IN(KEEP4),
	  .steps = { C("PORT ", .reason = FTPNAT_ANSWERED),
		     C("PASV\n", AGAIN(1), OTHER) } },
	{ "a keepalive with a byte of its own", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("NOOP\r\n"),
		     C("x", .becomes = "", .becomes_flags = ACK, AGAIN(6)) } },
	{ "what the server has acknowledged may be anything: it takes nothing of it",
	  IN(KEEP4) | IN(MASQ4),
	  .steps = { C("NOOP\r\n"), S("200 ok\r\n"), C("PASV\r\n", AGAIN(1)),
		     S("500 no\r\n") } },
	{ "a server that says two things", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PASV\r\n"), S("200 it takes a while\r\n"),
		     S("227 (10,66,66,66,1,1)\r", AGAIN(1), OTHER) } },
};

/* From the end that tells a window, what the other one is told of it. */
static const struct window {
	const char *says;
	struct step before[4];
	uint16_t window, told;
} windows[] = {
	{ "a wide one", { { 0 } }, 60000, FTPNAT_KEPT_LEN },
	{ "one that is just as wide", { { 0 } }, FTPNAT_KEPT_LEN, FTPNAT_KEPT_LEN },
	{ "a narrow one", { { 0 } }, 1000, 1000 },
	{ "a closed one", { { 0 } }, 0, 0 },
	/* the client is told that "PORT " has arrived, but only the gateway has it */
	{ "while a line is held back",
	  { C("PORT ", .reason = FTPNAT_ANSWERED), { 0 } },
	  60000,
	  FTPNAT_KEPT_LEN - 5 },
	{ "under TLS",
	  { C("AUTH TLS\r\n"), S("234 go\r\n", .also = { FTPNAT_OPAQUE }), { 0 } },
	  60000,
	  60000 },
};

static void test_window(void **state)
{
	const struct window *row = *state;
	struct packet_spec in, out;
	struct talk talk;

	talk_begin(&talk, KEEP4);
	assert_true(talk_steps(&talk, row->says, row->before));
	in = talk_sent(&talk, SERVER);
	out = talk_heard(&talk, SERVER);
	in.flags = out.flags = ACK;
	in.seq = out.seq = talk.isn[SERVER] + talk.sent[SERVER];
	in.ack = talk.isn[CLIENT] + talk.heard[CLIENT];
	out.ack = talk.isn[CLIENT] + talk.sent[CLIENT];
	option_timestamps(&in.options, talk.clock[SERVER] + 1, talk.clock[CLIENT]);
	out.options = in.options;
	in.window = row->window;
	out.window = row->told;
	in.shut = out.shut = !row->window;
	assert_true(check_from(row->says, &talk, SERVER, &in, &out, talk_reason(&talk),
			       NULL));
}

/* The first window has no shift (RFC 7323 section 2.2). */
static void test_syn_window(void **state)
{
	struct packet_spec in, out;
	struct talk talk;

	(void)state;
	scene_configure(scene_get(KEEP4), NULL);
	talk_init(&talk, scene_get(KEEP4));
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	in.window = 65535;
	out.window = FTPNAT_KEPT_LEN;
	assert_true(
		check_from("SYN", &talk, CLIENT, &in, &out, talk_reason(&talk), NULL));
}

/* Logs live while something is unacknowledged, and a second longer. */
static void test_logs(void **state)
{
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	assert_int_equal(dataplane_logs(), 0);
	assert_true(talk_step(&talk, "line", &(struct step)C("NOOP\r\n")));
	assert_int_equal(dataplane_logs(), 1);
	assert_true(talk_step(&talk, "ACK", &(struct step)S(NULL, .flags = ACK)));
	assert_int_equal(dataplane_logs(), 1);
	dataplane_age_logs();
	assert_true(talk_step(&talk, "ACK", &(struct step)S(NULL, .flags = ACK)));
	assert_int_equal(dataplane_logs(), 0);
	assert_true(talk_step(&talk, "line", &(struct step)S("200 ok\r\n")));
	assert_int_equal(dataplane_logs(), 1);
}

/* What the receiver discards takes no memory. */
static void test_no_logs_for_discarded(void **state)
{
	struct packet_spec in;
	struct packet packet;
	struct talk talk;
	struct run run;

	(void)state;
	talk_begin(&talk, KEEP4);
	in = talk_sent(&talk, CLIENT);
	in.flags = PSH | ACK;
	in.seq = talk.isn[CLIENT] + talk.sent[CLIENT];
	in.ack = talk.isn[SERVER] + talk.heard[SERVER];
	in.payload = "NOOP\r\n";
	option_timestamps(&in.options, talk.clock[CLIENT] + 1, talk.clock[SERVER]);
	packet_build(&packet, &in);
	packet.byte[packet_tcp(&packet) + 16] ^= 1; /* its checksum */
	dataplane_run(&run, INGRESS, talk_side(&talk, CLIENT), &packet, 0);
	assert_int_equal(run.action, TC_SHOT);
	assert_int_equal(dataplane_logs(), 0);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_syn_window),
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_no_logs_for_discarded),
	};
	static struct CMUnitTest
		tests[ARRAY_SIZE(told) + ARRAY_SIZE(windows) + ARRAY_SIZE(others)];
	size_t n = rows_as_tests(tests, told, ARRAY_SIZE(told), sizeof(*told), test_row);

	n += rows_as_tests(tests + n, windows, ARRAY_SIZE(windows), sizeof(*windows),
			   test_window);
	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_kept", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
