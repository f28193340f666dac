// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What waits until the peers of a cluster know it, what happens when they are late, and
 * `cluster take`.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "base/util.h"
#include "lib/cluster_talk.h"

#define OPENS	  .also = { FTPNAT_EXPECTED }
#define NOT_ALIVE (1U << 31) /* of ftpnat_cluster.alive */

/* ---- what waits for the peers ---- */

/* The last that was published is a frame, and before it the record that it waits for. */
static const struct published *one_waits(void)
{
	const struct published *published;
	size_t n = cluster_published(&published);

	assert_true(n >= 2);
	assert_int_equal(published[n - 1].record.type, FTPNAT_RECORD_FRAME);
	for (size_t i = 0; i < n - 1; i++) {
		assert_int_equal(published[i].record.type, FTPNAT_RECORD_CONNECTION);
		assert_in_range(cluster_apply(SECOND, &published[i].record), 0,
				FTPNAT_APPLIED_STALE);
	}
	return &published[n - 1];
}

static void test_waits(void **state)
{
	const struct published *waited;
	struct ftpnat_cluster told;
	char expectation[512];
	struct talk talk;

	(void)state;
	cluster_begin(&talk, KEEP4);
	cluster_order(&(struct ftpnat_cluster){ .tell = 1, .commit = FTPNAT_COMMIT_ALL });

	/* a command, then its reply that is rewritten */
	assert_true(talk_step(&talk, "command",
			      &(struct step)C("PASV\r\n", .reason = FTPNAT_PARKED)));
	waited = one_waits();
	assert_true(cluster_injected("command", &talk, CLIENT, waited, "PASV\r\n",
				     FTPNAT_FORWARDED, NULL));
	assert_true(talk_step(&talk, "reply",
			      &(struct step)S("227 ($s,10,0)\r\n", "227 ($d,10,0)\r\n",
					      OPENS, .reason = FTPNAT_PARKED)));
	snprintf(expectation, sizeof(expectation), "%s", talk_expectation());
	waited = one_waits();
	cluster_go_to(SECOND);
	assert_string_equal(talk_expectation(), expectation); /* before anybody sees it */
	cluster_go_to(FIRST);
	assert_true(cluster_injected("reply", &talk, SERVER, waited, "227 ($d,10,0)\r\n",
				     FTPNAT_FORWARDED, NULL));

	/* what acknowledges needs not wait */
	assert_true(talk_step(&talk, "ack", &(struct step)C(NULL, .flags = ACK)));
	told = cluster_told();
	assert_int_equal(told.lost, 0);
	assert_int_equal(told.unprotected, 0);
}

/* The start of a line is held; what completes it waits, and so does the answer to the start. */
static void test_held_waits(void **state)
{
	static const enum ftpnat_reason passed[] = { FTPNAT_ACK_PASSED,
						     FTPNAT_REASON_MAX };
	const struct published *waited;
	struct counters before;
	struct packet copy;
	struct talk talk;
	struct run run;

	(void)state;
	cluster_begin(&talk, MASQ4);
	cluster_order(&(struct ftpnat_cluster){ .tell = 1, .commit = FTPNAT_COMMIT_ALL });
	assert_true(talk_step(&talk, "start",
			      &(struct step)C("PORT $c,", .reason = FTPNAT_PARKED)));
	waited = one_waits();
	dataplane_counters(&before);
	assert_int_equal(dataplane_try(&run, INGRESS, talk_side(&talk, CLIENT),
				       &waited->frame, 0, INJECT_MARK),
			 0);
	assert_int_equal(run.action, TC_REDIRECT); /* back to the client */
	assert_true(dataplane_counted("start", &before, FTPNAT_ANSWERED, passed));
	assert_true(dataplane_copy(&copy));
	assert_true(talk_step(&talk, "rest",
			      &(struct step)C("10,0\r\n", OPENS, .becomes = "10,0\r\n",
					      .reason = FTPNAT_PARKED)));
	waited = one_waits();
	assert_true(cluster_injected("line", &talk, CLIENT, waited, "PORT $p,10,0\r\n",
				     FTPNAT_FORWARDED, NULL));
}

/* Nobody can be told: what waits is dropped, and comes again; or goes on and is counted. */
static void test_nobody_listens(void **state)
{
	struct ftpnat_cluster order = { .tell = 1,
					.commit = FTPNAT_COMMIT_ALL,
					.alive = NOT_ALIVE };
	const struct published *published;
	struct talk talk;

	(void)state;
	cluster_begin(&talk, KEEP4);
	cluster_published(&published);
	cluster_order(&order);
	assert_true(talk_step(&talk, "a line",
			      &(struct step)C("PASV\r\n", .reason = FTPNAT_UNCOMMITTED)));
	assert_int_equal(cluster_published(&published), 0);
	order.go_on = 1;
	cluster_order(&order);
	assert_true(talk_step(&talk, "again",
			      &(struct step)C("PASV\r\n", .seq = 1, .to_seq = 1)));
	assert_int_equal(cluster_published(&published), 0);
	assert_int_equal(cluster_told().unprotected, 1);
	/* no peer: nothing waits, nobody is told */
	talk.heard[CLIENT] = talk.sent[CLIENT];
	cluster_order(&(struct ftpnat_cluster){ 0 });
	assert_true(talk_step(&talk, "alone",
			      &(struct step)S("227 ($s,10,0)\r\n", "227 ($d,10,0)\r\n",
					      OPENS)));
	assert_int_equal(cluster_published(&published), 0);
}

/* ---- the peers are late ---- */

static bool is_unprotected(const struct talk *talk)
{
	const struct packet_spec syn = talk_sent(talk, CLIENT);
	const struct ftpnat_tuple key = tuple(syn.src, syn.sport, syn.dst, syn.dport);
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	return flow.flags & FTPNAT_FLOW_UNPROTECTED;
}

#define AWAY "425 A part of this service is away, try again later.\r\n"

/* `order`: why the peers aren't told. */
static void refuses(const struct ftpnat_cluster *order)
{
	static const struct step refused[] = {
		C("PORT $c,10,0\r\n", "PORT 0,0,0,0,0,0\r\n",
		  .also = { FTPNAT_LINE_UNPROTECTED }),
		S("501 Bad.\r\n", AWAY),
		C("EPSV\r\n"),
		S("229 (|||2560|)\r\n", AWAY, .also = { FTPNAT_LINE_UNPROTECTED }),
		C("NOOP\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	static const struct step again[] = {
		C("EPSV\r\n"),
		S("229 (|||2560|)\r\n", OPENS),
		{ 0 },
	};
	struct data data = { .active = true, .port = { FIRST_PORT, 20 } };
	struct talk talk, second;

	cluster_begin(&talk, MASQ4);
	talk_from_port(&second, scene_get(MASQ4), CLIENT_PORT + FTPNAT_SLOTS);
	talk_open(&second);
	assert_true(talk_step(&talk, "announced before",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n",
					      OPENS)));
	assert_false(is_unprotected(&talk));
	cluster_order(order);
	/* what is announced stays so, all other lines go on */
	assert_true(talk_step(&talk, "lives", &(struct step)S("200 ok\r\n")));
	assert_true(
		cluster_data("announced", &talk, &data, SERVER, SYN, NULL, data_arrives));
	assert_true(talk_steps(&second, "refused", refused));
	assert_string_equal(talk_expectation(), "none");
	assert_true(is_unprotected(&talk));
	assert_true(is_unprotected(&second));
	assert_true(cluster_told().unprotected >= 7);

	/* on time again: `run` publishes what has not changed since */
	cluster_order(&(struct ftpnat_cluster){
		.tell = 1, .commit = FTPNAT_COMMIT_ALL, .go_on = 1, .refuse = 1 });
	assert_int_equal(cluster_tell(&talk, 0), 0);
	assert_false(is_unprotected(&talk));
	cluster_order(&(struct ftpnat_cluster){ .tell = 1 });
	assert_true(talk_steps(&second, "as before", again));
	assert_false(is_unprotected(&second));
	cluster_pass(SECOND);
	cluster_compare(cluster_session(&second), true);
}

static void test_refuse_while_late(void **state)
{
	(void)state;
	refuses(&(struct ftpnat_cluster){ .tell = 1,
					  .commit = FTPNAT_COMMIT_ALL,
					  .go_on = 1,
					  .late = 1,
					  .refuse = 1 });
}

static void test_refuse_without_run(void **state)
{
	(void)state;
	refuses(&(struct ftpnat_cluster){ .tell = 1,
					  .commit = FTPNAT_COMMIT_ALL,
					  .go_on = 1,
					  .refuse = 1,
					  .alive = NOT_ALIVE });
}

/* on_loss: go_on */
static void test_late_and_goes_on(void **state)
{
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	cluster_order(&(struct ftpnat_cluster){
		.tell = 1, .commit = FTPNAT_COMMIT_ALL, .go_on = 1, .late = 1 });
	assert_true(talk_step(&talk, "announced",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n",
					      OPENS)));
	assert_true(is_unprotected(&talk));
	assert_int_equal(cluster_told().unprotected, 1);
	/* told nevertheless; a replica is not what is unprotected */
	assert_true(cluster_pass(SECOND).result[FTPNAT_APPLIED] >= 1);
	cluster_compare(cluster_session(&talk), true);
	assert_false(is_unprotected(&talk));
}

/* ---- cluster take ---- */

/* Before a packet of it comes, with its data connection, which follows with its packets. */
static void test_take(void **state)
{
	struct data data = { .active = false, .port = { 41008, FIRST_PORT } };
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	assert_true(talk_step(&talk, "asked", &(struct step)C("EPSV\r\n")));
	assert_true(talk_step(&talk, "announced",
			      &(struct step)S("229 (|||2560|)\r\n", OPENS)));
	assert_true(
		cluster_data("data SYN", &talk, &data, CLIENT, SYN, NULL, data_arrives));
	assert_true(cluster_data("SYN-ACK", &talk, &data, SERVER, SYN | ACK, NULL, NULL));
	assert_true(cluster_data("ACK", &talk, &data, CLIENT, ACK, NULL, data_opens));
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED_FULL], 0);

	/* its own can't be taken */
	assert_int_equal(cluster_tell(&talk, FTPNAT_RECORD_CLAIMED), 1);
	cluster_go_to(SECOND);
	assert_int_equal(cluster_tell(&talk, FTPNAT_RECORD_CLAIMED), 0);
	assert_int_equal(cluster_tell(&talk, FTPNAT_RECORD_CLAIMED), 1);
	assert_int_equal(cluster_pass(FIRST).result[FTPNAT_APPLIED_DEMOTED], 1);
	cluster_compare(cluster_session(&talk), false);
	assert_true(talk_step(&talk, "there", &(struct step)S("150 ok\r\n")));
	assert_true(
		cluster_data("data", &talk, &data, SERVER, ACK | PSH, "abc", taken_over));
	assert_true(cluster_data("data", &talk, &data, CLIENT, ACK, NULL, NULL));
	assert_int_equal(cluster_pass(FIRST).result[FTPNAT_APPLIED_FULL], 0);
	cluster_compare(cluster_session(&talk), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_held_waits),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_refuse_while_late),
		cmocka_unit_test(test_refuse_without_run),
		cmocka_unit_test(test_late_and_goes_on),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests_name("tc_cluster_waits", tests, dataplane_setup,
					   dataplane_teardown);
}
