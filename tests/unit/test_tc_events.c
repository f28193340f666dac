// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Events: who gets them, and which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/talk.h"
#include "base/util.h"

static const struct step wrong = C("PORT 1\r\n", .also = { FTPNAT_LINE_MALFORMED });
static const struct step wrong_answer = S("500 no\r\n");

/* ---- readers ---- */

/* A malformed line and its reply. */
static void say_wrong(struct talk *talk)
{
	assert_true(talk_step(talk, "a line", &wrong));
	assert_true(talk_step(talk, "its reply", &wrong_answer));
}

static size_t events(__u32 slot)
{
	const struct ftpnat_line_event *event;

	return dataplane_events(slot, &event);
}

static void test_all_readers_get_all_events(void **state)
{
	const struct ftpnat_line_event *one, *two;
	struct talk talk;
	size_t n;

	(void)state;
	talk_begin(&talk, KEEP4);
	dataplane_readers(1 << 0 | 1 << 1);
	for (int i = 0; i < 3; i++)
		say_wrong(&talk);
	n = dataplane_events(0, &one);
	assert_int_equal(n, 3);
	assert_int_equal(dataplane_events(1, &two), n);
	assert_memory_equal(one, two, n * sizeof(*one));
	assert_int_equal(one[0].event.reason, FTPNAT_LINE_MALFORMED);
	assert_memory_equal(one[0].line, "PORT 1\r\n", 8);
}

static void test_without_a_reader_there_are_none(void **state)
{
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	dataplane_readers(0);
	for (int i = 0; i < 64; i++) /* more than a ring buffer holds */
		say_wrong(&talk);
	dataplane_readers(1 << 1);
	assert_int_equal(events(1), 0);
	say_wrong(&talk);
	assert_int_equal(events(0), 0);
	assert_int_equal(events(1), 1);
}

#define FIT (EVENTS_SIZE / (sizeof(struct ftpnat_line_event) + BPF_RINGBUF_HDR_SZ))

/* What one is too slow for is counted for it alone, and the other gets it. */
static void test_slow_reader_costs_nobody_else(void **state)
{
	static const struct step lost =
		C("PORT 1\r\n", .also = { FTPNAT_LINE_MALFORMED, FTPNAT_EVENTS_LOST });
	__u64 before[READERS];
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	for (__u32 i = 0; i < READERS; i++)
		before[i] = dataplane_events_lost(i);
	dataplane_readers(1 << 0 | 1 << 1);
	for (size_t i = 1; i <= FIT + 5; i++) {
		assert_true(talk_step(&talk, "a line", i <= FIT ? &wrong : &lost));
		assert_true(talk_step(&talk, "its reply", &wrong_answer));
		assert_int_equal(events(0), i);
	}
	assert_int_equal(events(1), FIT);
	assert_int_equal(dataplane_events_lost(1) - before[1], 5);
	assert_int_equal(dataplane_events_lost(0) - before[0], 0);
	say_wrong(&talk);
	assert_int_equal(events(1), FIT + 1);
}

/* ---- events of a connection ---- */

/* The only event since dataplane_readers(); the test fails when there are more or none. */
static const struct ftpnat_event *only_event(enum ftpnat_reason reason)
{
	const struct ftpnat_line_event *event;
	size_t n = dataplane_events(0, &event);

	if (n != 1 || event->event.reason != reason)
		fail_msg("%zu events, the first %s, expected one, %s", n,
			 n ? reason_name(event->event.reason) : "-", reason_name(reason));
	dataplane_readers(1 << 0);
	return &event->event;
}

static void no_event(void)
{
	const struct ftpnat_line_event *event;

	assert_int_equal(dataplane_events(0, &event), 0);
}

/* Both tuples, and of the end its figures. */
static void check_ends(const struct talk *talk, const struct ftpnat_event *e)
{
	const struct scene *scene = talk->scene;
	struct ftpnat_tuple client = tuple(scene->client, talk->client_port,
					   scene->dialled, scene->dialled_port);
	struct ftpnat_tuple server =
		tuple(scene->seen, talk->seen_port, scene->server, scene->server_port);

	assert_memory_equal(&e->client, &client, sizeof(client));
	assert_memory_equal(&e->server, &server, sizeof(server));
	assert_int_equal(e->kind, FTPNAT_CONTROL);
	assert_int_not_equal(e->session, 0);
}

static void check_figures(const struct ftpnat_event *e, __u64 out, __u64 in)
{
	struct ftpnat_rule_stats stats;

	dataplane_stats(0, &stats);
	assert_int_equal(e->packets[FTPNAT_FROM_CLIENT], out);
	assert_int_equal(e->packets[FTPNAT_FROM_SERVER], in);
	assert_int_equal(e->bytes[FTPNAT_FROM_CLIENT], stats.bytes[FTPNAT_FROM_CLIENT]);
	assert_int_equal(e->bytes[FTPNAT_FROM_SERVER], stats.bytes[FTPNAT_FROM_SERVER]);
}

static void test_opened_when_both_have_answered(void **state)
{
	static const struct step syn = C(NULL, .flags = SYN);
	static const struct step syn_ack = S(NULL, .flags = SYN | ACK);
	static const struct step ack =
		C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_OPENED });
	static const struct step again = C(NULL, .flags = ACK);
	struct ftpnat_rule_stats stats;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct talk talk;

		scene_configure(scene_get(scenes_routed[i]), NULL);
		talk_init(&talk, scene_get(scenes_routed[i]));
		dataplane_readers(1 << 0);
		assert_true(talk_step(&talk, "SYN", &syn));
		assert_true(talk_step(&talk, "SYN-ACK", &syn_ack));
		no_event();
		dataplane_stats(0, &stats);
		assert_int_equal(stats.sessions, 0);
		assert_true(talk_step(&talk, "ACK", &ack));
		check_ends(&talk, only_event(FTPNAT_CONTROL_OPENED));
		assert_true(talk_step(&talk, "once more", &again));
		no_event();
		dataplane_stats(0, &stats);
		assert_int_equal(stats.sessions, 1);
	}
}

/* At once, and once: what comes after it, and its removal, tell nothing. */
static void test_closed_when_it_happens(void **state)
{
	static const struct {
		const char *says;
		struct step steps[5];
		__u64 out, in;
	} rows[] = {
		{ "the client closes",
		  { C(NULL, .flags = FIN | ACK), S(NULL, .flags = FIN | ACK),
		    C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }) },
		  4,
		  3 },
		{ "the server closes",
		  { S(NULL, .flags = FIN | ACK), C(NULL, .flags = ACK),
		    C(NULL, .flags = FIN | ACK),
		    S(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }) },
		  4,
		  4 },
		{ "both at once",
		  { C(NULL, .flags = FIN | ACK),
		    S(NULL, .flags = FIN | ACK, .ack = 1, .to_ack = 1),
		    C(NULL, .flags = ACK),
		    S(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }) },
		  4,
		  4 },
		{ "the client resets",
		  { C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED }) },
		  3,
		  2 },
		{ "the server resets",
		  { S(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED }) },
		  2,
		  3 },
	};
	bool good = true;

	(void)state;
	for (size_t n = 0; n < SCENES_ROUTED; n++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			const struct ftpnat_event *e;
			struct talk talk;

			talk_begin(&talk, scenes_routed[n]);
			dataplane_readers(1 << 0);
			good &= talk_steps(&talk, rows[i].says, rows[i].steps);
			assert_true(good);
			e = only_event(FTPNAT_CONTROL_CLOSED);
			check_ends(&talk, e);
			check_figures(e, rows[i].out, rows[i].in);

			/* another connection with its tuple: it is removed */
			talk_init(&talk, scene_get(scenes_routed[n]));
			talk.isn[CLIENT] = 0x11111111;
			good &= talk_step(&talk, "again",
					  &(struct step)C(NULL, .flags = SYN));
			no_event();
		}
	}
	assert_true(good);
}

static void test_half_closed_is_not_closed(void **state)
{
	static const struct step steps[] = {
		C(NULL, .flags = FIN | ACK),
		S(NULL, .flags = ACK),
		S("221 still here\r\n"),
		{ 0 },
	};
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	dataplane_readers(1 << 0);
	assert_true(talk_steps(&talk, "half closed", steps));
	no_event();
}

/* The server refuses, or the client takes it back. */
static void test_unanswered_when_reset(void **state)
{
	static const struct step attempts[][3] = {
		{ C(NULL, .flags = SYN),
		  S(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_UNANSWERED }) },
		{ C(NULL, .flags = SYN),
		  C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_UNANSWERED }) },
	};
	struct ftpnat_rule_stats stats;

	(void)state;
	for (size_t n = 0; n < SCENES_ROUTED; n++) {
		for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
			const struct ftpnat_event *e;
			struct talk talk;

			scene_configure(scene_get(scenes_routed[n]), NULL);
			talk_init(&talk, scene_get(scenes_routed[n]));
			dataplane_readers(1 << 0);
			assert_true(talk_steps(&talk, "an attempt", attempts[i]));
			e = only_event(FTPNAT_CONTROL_UNANSWERED);
			check_ends(&talk, e);
			check_figures(e, i ? 2 : 1, i ? 0 : 1);
			dataplane_stats(0, &stats);
			assert_int_equal(stats.sessions, 0);
		}
	}
}

/* A reset may be another's: if its end goes on, the connection is there again. */
static void test_reset_that_was_none(void **state)
{
	static const struct step reset =
		C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED });
	static const struct step goes_on =
		C("NOOP\r\n", .also = { FTPNAT_CONTROL_OPENED });
	static const struct step ends =
		S(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED });
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	assert_true(talk_step(&talk, "greeting", &(struct step)S("220 hi\r\n")));
	dataplane_readers(1 << 0);
	assert_true(talk_step(&talk, "reset", &reset));
	only_event(FTPNAT_CONTROL_CLOSED);
	assert_true(talk_step(&talk, "goes on", &goes_on));
	only_event(FTPNAT_CONTROL_OPENED);
	assert_true(talk_step(&talk, "ends", &ends));
	only_event(FTPNAT_CONTROL_CLOSED);
}

static void test_data_connection(void **state)
{
	static const enum ftpnat_reason closes[] = { FTPNAT_DATA_CLOSED,
						     FTPNAT_REASON_MAX };
	const struct ftpnat_event *e;
	struct packet_spec in, out;
	struct talk talk;
	__u32 session;

	(void)state;
	talk_begin(&talk, KEEP4);
	data_announce(&talk);
	dataplane_readers(1 << 0);
	assert_true(data_check("SYN", &talk, CLIENT, SYN, NULL, data_arrives));
	assert_true(data_check("SYN-ACK", &talk, SERVER, SYN | ACK, NULL, NULL));
	no_event();
	assert_true(data_check("ACK", &talk, CLIENT, ACK, NULL, data_opens));
	e = only_event(FTPNAT_DATA_OPENED);
	session = e->session;
	assert_int_not_equal(session, 0);
	assert_true(data_check("data", &talk, SERVER, PSH | ACK, "12345", NULL));
	in = data_sent(&talk, CLIENT);
	out = data_heard(&talk, CLIENT);
	in.ack += 5;
	out.ack += 5;
	in.flags = out.flags = RST | ACK;
	assert_true(check_from("reset", &talk, CLIENT, &in, &out, talk_reason(&talk),
			       closes));
	e = only_event(FTPNAT_DATA_CLOSED);
	assert_int_equal(e->session, session);
	assert_int_equal(e->kind, FTPNAT_DATA);
	assert_int_equal(e->packets[FTPNAT_FROM_CLIENT], 3);
	assert_int_equal(e->packets[FTPNAT_FROM_SERVER], 2);
	assert_int_equal(e->bytes[FTPNAT_FROM_CLIENT], 3 * 40);
	assert_int_equal(e->bytes[FTPNAT_FROM_SERVER], 2 * 40 + 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_readers_get_all_events),
		cmocka_unit_test(test_without_a_reader_there_are_none),
		cmocka_unit_test(test_slow_reader_costs_nobody_else),
		cmocka_unit_test(test_opened_when_both_have_answered),
		cmocka_unit_test(test_closed_when_it_happens),
		cmocka_unit_test(test_half_closed_is_not_closed),
		cmocka_unit_test(test_unanswered_when_reset),
		cmocka_unit_test(test_reset_that_was_none),
		cmocka_unit_test(test_data_connection),
	};

	return cmocka_run_group_tests_name("tc_events", tests, dataplane_setup,
					   dataplane_teardown);
}
