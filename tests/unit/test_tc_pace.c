// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* rate: the departure times of data packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/xdp.h"
#include "base/util.h"

#define SECOND 1000000000ULL

/* The rule of the talk's scene, with these rates in bytes per second. */
static void set_rates(const struct talk *talk, __u64 rule_rate, __u64 client_rate)
{
	struct ftpnat_rule rule = scene_rule(talk->scene);

	rule.qos = (struct ftpnat_qos){ .does = FTPNAT_QOS_RATE,
					.rule_rate = rule_rate,
					.client_rate = client_rate };
	dataplane_rule(0, &rule);
}

static __u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * SECOND + (__u64)t.tv_nsec;
}

/* One data packet of `from`; what it takes at the rate is in `len` bytes. */
static void pass(struct run *run, const struct talk *talk, enum end from, size_t *len)
{
	struct packet_spec in = data_sent(talk, from);
	struct packet packet;

	in.payload = "data";
	packet_build(&packet, &in);
	*len = packet.len;
	dataplane_run(run, talk_hook(talk, from), talk_side(talk, from), &packet, 0);
}

/*
 * Each packet leaves exactly as much later as the one before it takes. False: this test was
 * kept from running for so long that the next packet was not too early.
 */
static bool paced(enum scene_id id, enum end from, __u64 rule_rate, __u64 client_rate,
		  __u64 rate)
{
	__u64 before, after, first = 0;
	struct talk talk;
	struct run run;
	size_t len;

	data_open(&talk, id);
	set_rates(&talk, rule_rate, client_rate);
	before = now();
	pass(&run, &talk, from, &len);
	after = now();
	assert_int_equal(run.ctx.tstamp, 0); /* at once */
	for (unsigned int i = 1; i < 8; i++) {
		__u64 takes = len * SECOND / rate;

		pass(&run, &talk, from, &len);
		if (now() >= before + i * takes)
			return false;
		if (i == 1)
			first = run.ctx.tstamp - takes;
		assert_int_equal(run.ctx.tstamp, first + i * takes);
	}
	assert_in_range(first, before, after);
	return true;
}

static void check_paced(enum scene_id id, enum end from, __u64 rule_rate,
			__u64 client_rate, __u64 rate)
{
	while (!paced(id, from, rule_rate, client_rate, rate))
		;
}

#define SLOW 400 /* a packet takes almost 200 ms */

static void test_packets_leave_at_the_rate(void **state)
{
	(void)state;
	for (enum end from = CLIENT; from <= SERVER; from++) {
		check_paced(KEEP4, from, SLOW, 0, SLOW);
		check_paced(MASQ6, from, 0, SLOW, SLOW);
	}
}

static void test_the_lower_of_both_rates_holds(void **state)
{
	(void)state;
	check_paced(KEEP4, SERVER, SLOW, 10 * SLOW, SLOW);
	check_paced(KEEP4, SERVER, 10 * SLOW, SLOW, SLOW);
}

/* False: as paced(). */
static bool counted_apart(void)
{
	struct talk talk;
	struct run run;
	__u64 before;
	size_t len;

	data_open(&talk, KEEP4);
	set_rates(&talk, SLOW, SLOW);
	pass(&run, &talk, CLIENT, &len);
	assert_int_equal(run.ctx.tstamp, 0);
	before = now();
	pass(&run, &talk, SERVER, &len);
	assert_int_equal(run.ctx.tstamp, 0);
	pass(&run, &talk, SERVER, &len);
	if (now() >= before + len * SECOND / SLOW)
		return false;
	assert_true(run.ctx.tstamp);
	return true;
}

static void test_directions_are_counted_apart(void **state)
{
	(void)state;
	while (!counted_apart())
		;
}

/* Beyond two seconds a packet is dropped, and takes nothing of what comes after it. */
static void test_what_is_too_early_is_dropped(void **state)
{
	unsigned int gone = 0, dropped = 0;
	struct counters before, after;
	struct talk talk;
	__u64 last = 0, begun;
	size_t len;

	(void)state;
	data_open(&talk, KEEP4);
	set_rates(&talk, 100, 0); /* more than half a second each */
	dataplane_counters(&before);
	begun = now();
	for (unsigned int i = 0; i < 40; i++) {
		struct run run;

		pass(&run, &talk, SERVER, &len);
		if (run.action == TC_SHOT) {
			dropped++;
			continue;
		}
		gone++;
		last = run.ctx.tstamp;
	}
	dataplane_counters(&after);
	assert_int_equal(after.reason[FTPNAT_RATE] - before.reason[FTPNAT_RATE], dropped);
	assert_true(gone >= 2);
	/* those of the time that this took and of two seconds more, the first and a part of one */
	assert_true(gone <= (now() - begun + 2 * SECOND) / (len * SECOND / 100) + 2);
	assert_true(last <= now() + 2 * SECOND);
}

static void test_lines_are_not_delayed(void **state)
{
	static const struct step lines[] = { C("NOOP\r\n"), S("200 ok\r\n"), { 0 } };
	struct counters before, after;
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	set_rates(&talk, 1, 1);
	dataplane_counters(&before);
	for (unsigned int i = 0; i < 4; i++)
		assert_true(talk_steps(&talk, "lines", lines));
	dataplane_counters(&after);
	assert_int_equal(after.reason[FTPNAT_RATE], before.reason[FTPNAT_RATE]);
}

static void test_without_a_rate_nothing_is_delayed(void **state)
{
	struct talk talk;
	struct run run;
	size_t len;

	(void)state;
	data_open(&talk, KEEP4);
	for (unsigned int i = 0; i < 8; i++) {
		pass(&run, &talk, SERVER, &len);
		assert_int_equal(run.ctx.tstamp, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_leave_at_the_rate),
		cmocka_unit_test(test_the_lower_of_both_rates_holds),
		cmocka_unit_test(test_directions_are_counted_apart),
		cmocka_unit_test(test_what_is_too_early_is_dropped),
		cmocka_unit_test(test_lines_are_not_delayed),
		cmocka_unit_test(test_without_a_rate_nothing_is_delayed),
	};

	return cmocka_run_group_tests(tests, dataplane_setup, dataplane_teardown);
}
