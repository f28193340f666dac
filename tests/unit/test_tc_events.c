// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Events: who gets them, and which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/talk.h"

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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_readers_get_all_events),
		cmocka_unit_test(test_without_a_reader_there_are_none),
		cmocka_unit_test(test_slow_reader_costs_nobody_else),
	};

	return cmocka_run_group_tests_name("tc_events", tests, dataplane_setup,
					   dataplane_teardown);
}
