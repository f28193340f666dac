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
#include <time.h>

#include <cmocka.h>

#include <bpf/bpf.h>

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

/* The window in a packet of one end, and the one that the other end gets. */
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

/* ---- windows with a shift ---- */

#define NO_SHIFT 0xff /* the SYN has no such option */

static struct options shift_options(struct talk *talk, enum end from, uint8_t shift)
{
	struct options options = { 0 };

	if (shift != NO_SHIFT)
		option_window(&options, shift);
	option_timestamps(&options, talk->clock[from], talk->clock[!from]);
	return options;
}

/* The shift that the other end gets. */
static uint8_t shift_told(uint8_t shift)
{
	return shift == NO_SHIFT || shift < FTPNAT_KEPT_SHIFT ? shift : FTPNAT_KEPT_SHIFT;
}

static bool window_check(const char *says, struct talk *talk, enum end from,
			 uint16_t window, uint16_t hears, const enum ftpnat_reason *also)
{
	struct packet_spec in = talk_sent(talk, from), out = talk_heard(talk, from);

	in.flags = out.flags = ACK;
	in.seq = talk->isn[from] + talk->sent[from];
	out.seq = talk->isn[from] + talk->heard[from];
	in.ack = talk->isn[!from] + talk->heard[!from];
	out.ack = talk->isn[!from] + talk->sent[!from];
	option_timestamps(&in.options, ++talk->clock[from], talk->clock[!from]);
	out.options = in.options;
	in.window = window;
	out.window = hears;
	in.shut = !window;
	out.shut = !hears;
	return check_from(says, talk, from, &in, &out, talk_reason(talk), also);
}

/* talk_begin() with the shifts of both ends, whose windows then are open. */
static void shifts_begin(struct talk *talk, enum scene_id id, const uint8_t shift[2])
{
	static const enum ftpnat_reason opens[] = { FTPNAT_CONTROL_OPENED,
						    FTPNAT_REASON_MAX };
	bool scaled = shift[CLIENT] != NO_SHIFT && shift[SERVER] != NO_SHIFT;
	struct step steps[] = {
		{ 'c', .flags = SYN },
		{ 's', .flags = SYN | ACK },
		{ 0 },
	};

	scene_configure(scene_get(id), NULL);
	talk_init(talk, scene_get(id));
	for (enum end end = CLIENT; end <= SERVER; end++) {
		steps[end].options = shift_options(talk, end, shift[end]);
		steps[end].becomes_options =
			shift_options(talk, end, shift_told(shift[end]));
	}
	assert_true(talk_steps(talk, "opening", steps));
	for (enum end end = CLIENT; end <= SERVER; end++) {
		uint8_t lower = scaled ? shift_told(shift[end]) : 0;

		assert_true(window_check("opening", talk, end, 0xffff,
					 (uint16_t)(FTPNAT_KEPT_LEN >> lower),
					 end == CLIENT ? opens : NULL));
	}
}

/* What is said before the window in question, if it goes on at all. */
static void say(struct talk *talk, enum end from, const char *text, bool goes_on)
{
	struct packet_spec in = talk_sent(talk, from);
	struct packet packet;
	struct run run;

	in.flags = PSH | ACK;
	in.seq = talk->isn[from] + talk->sent[from];
	in.ack = talk->isn[!from] + talk->heard[!from];
	option_timestamps(&in.options, ++talk->clock[from], talk->clock[!from]);
	in.payload = text;
	packet_build(&packet, &in);
	dataplane_run(&run, talk_hook(talk, from), talk_side(talk, from), &packet, 0);
	assert_int_not_equal(run.action, TC_SHOT);
	talk->sent[from] += (uint32_t)strlen(text);
	if (goes_on)
		talk->heard[from] += (uint32_t)strlen(text);
}

/* Windows of an end that has named a shift: in its units, and as the other end is told. */
static const struct shifted {
	const char *says;
	uint8_t shift[2];
	enum end from;
	const char *held, *command, *reply; /* before it; the first one is held back */
	struct {
		uint16_t window, told;
	} rows[8];
} shifted[] = {
	{ "the largest shift that stays",
	  { 10, 7 },
	  CLIENT,
	  NULL,
	  NULL,
	  NULL,
	  { { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 2 }, { 65535, 2 } } },
	{ "one more",
	  { 11, 7 },
	  CLIENT,
	  NULL,
	  NULL,
	  NULL,
	  { { 0, 0 }, { 1, 2 }, { 2, 2 }, { 65535, 2 } } },
	{ "the largest there is",
	  { 14, 14 },
	  CLIENT,
	  NULL,
	  NULL,
	  NULL,
	  { { 0, 0 }, { 1, 2 }, { 65535, 2 } } },
	{ "the same of the server",
	  { 14, 14 },
	  SERVER,
	  NULL,
	  NULL,
	  NULL,
	  { { 0, 0 }, { 1, 2 }, { 65535, 2 } } },
	{ "one of the server only",
	  { 0, 13 },
	  SERVER,
	  NULL,
	  NULL,
	  NULL,
	  { { 0, 0 }, { 1, 2 }, { 65535, 2 } } },
	{ "the other end of that",
	  { 0, 13 },
	  CLIENT,
	  NULL,
	  NULL,
	  NULL,
	  { { 0, 0 }, { 1, 1 }, { 2000, 2000 }, { 65535, FTPNAT_KEPT_LEN } } },
	{ "more than there is, which is read as 14",
	  { 15, 7 },
	  CLIENT,
	  NULL,
	  NULL,
	  NULL,
	  { { 0, 0 }, { 1, 2 } } },
	{ "a shift that the server does not answer",
	  { 14, NO_SHIFT },
	  CLIENT,
	  NULL,
	  NULL,
	  NULL,
	  { { 0, 0 }, { 1, 1 }, { 2000, 2000 }, { 65535, FTPNAT_KEPT_LEN } } },
	{ "while a line is held back",
	  { 7, 14 },
	  SERVER,
	  "PORT ",
	  NULL,
	  NULL,
	  { { 0, 0 }, { 1, 1 } } },
	{ "under TLS",
	  { 12, 14 },
	  SERVER,
	  NULL,
	  "AUTH TLS\r\n",
	  "234 go\r\n",
	  { { 0, 0 }, { 1, 16 }, { 4095, 65520 }, { 4096, 65535 }, { 65535, 65535 } } },
};

static const enum scene_id shift_scenes[] = { KEEP4, KEEP6, FULL4,   FULL6,
					      MASQ4, MASQ6, SERVER4, CLIENT6 };

static void test_shifted(void **state)
{
	const struct shifted *row = *state;
	struct talk talk;

	for (size_t i = 0; i < ARRAY_SIZE(shift_scenes); i++) {
		shifts_begin(&talk, shift_scenes[i], row->shift);
		if (row->held)
			say(&talk, !row->from, row->held, false);
		if (row->command) {
			say(&talk, CLIENT, row->command, true);
			say(&talk, SERVER, row->reply, true);
		}
		for (size_t n = 0; !n || row->rows[n].window; n++)
			assert_true(window_check(row->says, &talk, row->from,
						 row->rows[n].window, row->rows[n].told,
						 NULL));
	}
}

/* No window is told that the end doesn't have, nor one that isn't kept, nor is one closed. */
static void test_no_wider_window(void **state)
{
	static const uint16_t says[] = { 0, 1, 2, 3, 7, 15, 16, 17, 100, 2048, 65535 };
	uint8_t shift[2] = { 0, 7 };
	struct talk talk;

	(void)state;
	for (; shift[CLIENT] <= 14; shift[CLIENT]++) {
		uint8_t lower = shift_told(shift[CLIENT]);

		shifts_begin(&talk, KEEP4, shift);
		for (size_t i = 0; i < ARRAY_SIZE(says); i++) {
			uint32_t has = (uint32_t)says[i] << shift[CLIENT];
			uint32_t tells =
				(has < FTPNAT_KEPT_LEN ? has : FTPNAT_KEPT_LEN) >> lower;

			assert_true((tells << lower) <= has && !tells == !has);
			assert_true(window_check("window", &talk, CLIENT, says[i],
						 (uint16_t)tells, NULL));
		}
	}
}

/* A window of no bytes stays one, whatever its unit: what is sent into it is not a line. */
static void test_shifted_edge(void **state)
{
	struct packet_spec into, asked;
	struct talk talk;

	(void)state;
	shifts_begin(&talk, KEEP4, (const uint8_t[]){ 14, 14 });
	into = talk_sent(&talk, CLIENT);
	assert_true(window_check("closed", &talk, SERVER, 0, 0, NULL));
	into.flags = PSH | ACK;
	into.seq = talk.isn[CLIENT] + talk.sent[CLIENT];
	into.ack = talk.isn[SERVER] + talk.heard[SERVER];
	into.payload = "PASV\r\n";
	option_timestamps(&into.options, ++talk.clock[CLIENT], talk.clock[SERVER]);
	asked = talk_heard(&talk, CLIENT);
	asked.flags = ACK;
	asked.seq = talk.isn[CLIENT] + talk.heard[CLIENT] - 1;
	asked.ack = into.ack;
	/* nobody believes it */
	asked.window = CLIENT_WINDOW << (14 - FTPNAT_KEPT_SHIFT);
	asked.options = into.options;
	assert_true(check_from("into it", &talk, CLIENT, &into, &asked, FTPNAT_FORWARDED,
			       NULL));
	assert_true(window_check("open", &talk, SERVER, 1, 2, NULL));
	say(&talk, CLIENT, "PASV\r\n", true);
}

static __u64 second(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec;
}

static void say_and_acknowledge(struct talk *talk)
{
	assert_true(talk_step(talk, "line", &(struct step)C("NOOP\r\n")));
	assert_int_equal(dataplane_logs(), 1);
	assert_true(talk_step(talk, "ACK", &(struct step)S(NULL, .flags = ACK)));
}

/*
 * Logs live while something is unacknowledged; those of a session that needed some twice
 * within a second, a second longer.
 */
static void test_logs(void **state)
{
	struct talk talk;
	__u64 began;

	(void)state;
	do {
		talk_begin(&talk, KEEP4);
		assert_int_equal(dataplane_logs(), 0);
		began = second();
		say_and_acknowledge(&talk);
		assert_int_equal(dataplane_logs(), 0);
		say_and_acknowledge(&talk);
	} while (second() != began);
	assert_int_equal(dataplane_logs(), 1);
	dataplane_age_logs();
	assert_true(talk_step(&talk, "ACK", &(struct step)S(NULL, .flags = ACK)));
	assert_int_equal(dataplane_logs(), 0);
	say_and_acknowledge(&talk);
	dataplane_age_logs();
	assert_true(talk_step(&talk, "line", &(struct step)S("200 ok\r\n")));
	assert_int_equal(dataplane_logs(), 1);
}

#define BURST 30 /* sessions */

/* A line of so many new sessions, each from another port, which the server has acknowledged if `acked`. */
static void speak_all(uint16_t port, bool acked)
{
	const struct scene *scene = scene_get(KEEP4);

	for (uint16_t i = 0; i < BURST; i++) {
		struct talk talk;

		talk_init(&talk, scene);
		talk.client_port = (uint16_t)(port + i);
		talk.seen_port = (uint16_t)(port + i);
		talk_open(&talk);
		assert_true(talk_step(&talk, "line", &(struct step)C("NOOP\r\n")));
		if (!acked)
			continue;
		assert_true(talk_step(&talk, "ACK", &(struct step)S(NULL, .flags = ACK)));
	}
}

/*
 * A burst of new sessions asks for no memory if as many have spoken before, or if `up` has made
 * logs: the kernel has only one or two pieces of their size at hand.
 */
static void test_logs_of_a_burst(void **state)
{
	static struct ftpnat_logs none;
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	for (__u32 key = 1; key <= BURST; key++) {
		assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_logs"), &key,
						     &none, BPF_NOEXIST),
				 0);
		assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_spare"), NULL,
						     &key, BPF_ANY),
				 0);
	}
	speak_all(20000, true);
	assert_int_equal(dataplane_logs_made(), BURST);
	assert_int_equal(dataplane_logs(), 0);
	speak_all(30000, false);
	assert_int_equal(dataplane_logs_made(), BURST);
	assert_int_equal(dataplane_logs(), BURST);
	/* and one more has to be made */
	assert_true(talk_step(&talk, "line", &(struct step)C("NOOP\r\n")));
	assert_int_equal(dataplane_logs_made(), BURST + 1);
}

/* The next session finds nothing that the last one has left in its logs. */
static void test_logs_of_another(void **state)
{
	static const struct step first[] = {
		C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", .also = { FTPNAT_EXPECTED }),
		S("200 ok\r\n"),
		{ 0 },
	};
	static const struct step second[] = {
		C("PORT $c,7,209\r\n", "PORT $p,7,209\r\n", .also = { FTPNAT_EXPECTED }),
		C("PORT $c,7,209\r\n", "PORT $p,7,209\r\n", AGAIN(1)),
		S("200 ok\r\n"),
		{ 0 },
	};
	struct talk one, two;

	(void)state;
	talk_begin(&one, MASQ4);
	assert_true(talk_steps(&one, "first", first));
	assert_int_equal(dataplane_logs_made(), 1);
	dataplane_age_logs();
	assert_true(talk_step(&one, "ACK", &(struct step)C(NULL, .flags = ACK)));
	assert_int_equal(dataplane_logs(), 0);
	talk_init(&two, scene_get(MASQ4));
	two.client_port = CLIENT_PORT + 1;
	two.seen_port = CLIENT_PORT + 1;
	talk_open(&two);
	assert_true(talk_steps(&two, "second", second));
	assert_int_equal(dataplane_logs_made(), 1);
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
		cmocka_unit_test(test_no_wider_window),
		cmocka_unit_test(test_shifted_edge),
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_logs_of_a_burst),
		cmocka_unit_test(test_logs_of_another),
		cmocka_unit_test(test_no_logs_for_discarded),
	};
	static struct CMUnitTest tests[ARRAY_SIZE(told) + ARRAY_SIZE(windows) +
				       ARRAY_SIZE(shifted) + ARRAY_SIZE(others)];
	size_t n = rows_as_tests(tests, told, ARRAY_SIZE(told), sizeof(*told), test_row);

	n += rows_as_tests(tests + n, windows, ARRAY_SIZE(windows), sizeof(*windows),
			   test_window);
	n += rows_as_tests(tests + n, shifted, ARRAY_SIZE(shifted), sizeof(*shifted),
			   test_shifted);
	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_kept", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
