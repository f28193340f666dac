// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a gateway that takes over must know, found by tests/model/test_cluster_model.c: each of
 * these left a session hanging, or a port that leads elsewhere.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "base/util.h"
#include "lib/cluster_talk.h"

#define OPENS .also = { FTPNAT_EXPECTED }
#define MINE  .also = { FTPNAT_TAKEN_OVER }

static void waits_at(__u32 slot)
{
	cluster_go_to(slot);
	cluster_order(&(struct ftpnat_cluster){ .tell = 1, .commit = FTPNAT_COMMIT_ALL });
}

/* The last that was published is a frame. What came before it goes to the second gateway. */
static struct published told_and_waits(void)
{
	const struct published *published;
	size_t n = cluster_published(&published);

	assert_true(n >= 2);
	assert_int_equal(published[n - 1].record.type, FTPNAT_RECORD_FRAME);
	for (size_t i = 0; i < n - 1; i++)
		assert_int_equal(cluster_apply(SECOND, &published[i].record),
				 FTPNAT_APPLIED);
	return published[n - 1];
}

/* The frame comes in again, at the gateway at hand. */
static struct run inject(const struct talk *talk, enum end from,
			 const struct published *waited)
{
	struct run run;

	assert_int_equal(dataplane_try(&run, talk_hook(talk, from), talk_side(talk, from),
				       &waited->frame, 0, INJECT_MARK),
			 0);
	return run;
}

static uint32_t number(const struct packet *packet, size_t offset)
{
	uint32_t value;

	memcpy(&value, packet->byte + packet_tcp(packet) + offset, sizeof(value));
	return ntohl(value);
}

/* The client's ACK of the SYN-ACK waits for nobody, and has passed a gateway that died then. */
static void test_first_words(void **state)
{
	static const struct step syns[] = {
		{ 'c', .flags = SYN },
		{ 's', .flags = SYN | ACK },
		{ 0 },
	};
	struct talk talk;

	(void)state;
	cluster_configure(scene_get(MASQ4), NULL);
	talk_init(&talk, scene_get(MASQ4));
	assert_true(talk_steps(&talk, "handshake", syns));
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED_FULL], 0);
	assert_true(talk_step(&talk, "ACK",
			      &(struct step)C(NULL, .flags = ACK,
					      .also = { FTPNAT_CONTROL_OPENED })));
	cluster_go_to(SECOND);
	/* as long as the first one is thought to live, it gets this */
	cluster_order(&(struct ftpnat_cluster){ .tell = 1, .others = 1U << (FIRST - 1) });
	assert_true(
		talk_step(&talk, "greeting",
			  &(struct step)S("220 hello\r\n", .reason = FTPNAT_SENT_ON)));
	talk.sent[SERVER] = talk.heard[SERVER];
	talk.unheard[SERVER][0] = '\0';
	cluster_order(&(struct ftpnat_cluster){ .tell = 1 });
	assert_true(talk_step(&talk, "again", &(struct step)S("220 hello\r\n", MINE)));
	assert_true(talk_step(&talk, "and on", &(struct step)C("NOOP\r\n")));
}

/* The same public port is promised again, for another port of the end. */
static void test_same_port_again(void **state)
{
	const struct scene *scene = scene_get(MASQ4);
	struct ftpnat_rule rule = scene_rule(scene);
	static const struct step second[] = {
		C("PORT $c,20,0\r\n", "PORT $p,195,80\r\n",
		  .also = { FTPNAT_EXPECTED, FTPNAT_EXPECTED_REPLACED }),
		{ 0 },
	};
	char expectation[512];
	struct talk talk;

	(void)state;
	rule.data_port_min = rule.data_port_max = 50000; /* of slot 1 */
	cluster_configure(scene, &rule);
	talk_init(&talk, scene);
	talk_open(&talk);
	assert_true(talk_step(&talk, "first",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,195,80\r\n",
					      OPENS)));
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED_FULL], 0);
	assert_true(talk_steps(&talk, "second", second));
	snprintf(expectation, sizeof(expectation), "%s", talk_expectation());
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED_FULL], 0);
	cluster_go_to(SECOND);
	assert_string_equal(talk_expectation(), expectation);
}

/* Whatever gateway has seen it: a session that is over promises nothing. */
static void test_over_is_told(void **state)
{
	static const struct step ends[] = {
		C(NULL, .flags = FIN | ACK),
		S(NULL, .flags = FIN | ACK, .also = { FTPNAT_EXPECTED_CLOSED }),
		C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }),
		{ 0 },
	};
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	assert_true(talk_step(&talk, "announced",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n",
					      OPENS)));
	cluster_pass(SECOND);
	assert_true(talk_steps(&talk, "over", ends));
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED_FULL], 0);
	cluster_go_to(SECOND);
	assert_string_equal(talk_expectation(), "none");
}

/* A FIN that waits is part of what the peers know: the other end's lines acknowledge it. */
static void test_fin_is_known(void **state)
{
	struct published waited;
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	waits_at(FIRST);
	assert_true(talk_step(&talk, "FIN",
			      &(struct step)C(NULL, .flags = FIN | ACK,
					      .reason = FTPNAT_PARKED)));
	waited = told_and_waits();
	assert_int_equal(inject(&talk, CLIENT, &waited).action, TC_REDIRECT);
	talk.heard[CLIENT]++;
	cluster_go_to(SECOND);
	assert_true(talk_step(&talk, "goodbye", &(struct step)S("221 bye\r\n", MINE)));
}

/*
 * The start of a line is held, and so is more of it that the peers don't know yet: nothing
 * acknowledges that, neither our answer to the start nor an ACK that passes.
 */
static void test_only_what_is_known_is_acknowledged(void **state)
{
	struct published first, second;
	struct talk talk;
	struct run run;
	uint32_t start;

	(void)state;
	cluster_begin(&talk, MASQ4);
	waits_at(FIRST);
	start = talk.isn[CLIENT] + talk.sent[CLIENT];
	assert_true(talk_step(&talk, "start",
			      &(struct step)C("PORT ", .reason = FTPNAT_PARKED)));
	first = told_and_waits();
	assert_true(talk_step(&talk, "more",
			      &(struct step)C("$c,", .reason = FTPNAT_PARKED)));
	second = told_and_waits();

	/* the receiver has all that went on, and says so */
	run = (struct run){ 0 };
	assert_true(
		talk_step(&talk, "ACK",
			  &(struct step)S(NULL, .flags = ACK, .ack = talk.heard[CLIENT],
					  .to_ack = start - talk.isn[CLIENT])));
	run = inject(&talk, CLIENT, &first);
	assert_int_equal(run.action, TC_REDIRECT);
	assert_int_equal(number(&run.packet, 8), start + strlen("PORT "));
	run = inject(&talk, CLIENT, &second);
	assert_int_equal(run.action, TC_REDIRECT);
	assert_int_equal(number(&run.packet, 8),
			 start + strlen("PORT ") + strlen(talk_text(&talk, "$c,")));
}

/* A frame that waited in a session that another gateway has taken over meanwhile. */
static void test_waited_too_long(void **state)
{
	struct counters before;
	struct published waited;
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	waits_at(FIRST);
	assert_true(talk_step(&talk, "line",
			      &(struct step)C("NOOP\r\n", .reason = FTPNAT_PARKED)));
	waited = told_and_waits();
	cluster_go_to(SECOND);
	talk.unheard[CLIENT][0] = '\0';
	talk.sent[CLIENT] = talk.heard[CLIENT];
	assert_true(talk_step(&talk, "again", &(struct step)C("NOOP\r\n", MINE)));
	assert_int_equal(cluster_pass(FIRST).result[FTPNAT_APPLIED_DEMOTED], 1);
	cluster_go_to(FIRST);
	dataplane_counters(&before);
	assert_int_equal(inject(&talk, CLIENT, &waited).action, TC_SHOT);
	assert_true(dataplane_counted("too late", &before, FTPNAT_UNCOMMITTED, NULL));
}

/* One SYN comes to both before either knows of the other: the lower slot has it. */
static void test_one_syn_at_two(void **state)
{
	static const struct step syn[] = { { 'c', .flags = SYN }, { 0 } };
	const struct published *published;
	struct ftpnat_record record;
	struct talk talk;

	(void)state;
	cluster_configure(scene_get(KEEP4), NULL);
	talk_init(&talk, scene_get(KEEP4));
	assert_true(talk_steps(&talk, "at the first", syn));
	assert_int_equal(cluster_published(&published), 1);
	record = published[0].record;
	cluster_go_to(SECOND);
	talk_init(&talk, scene_get(KEEP4));
	assert_true(talk_steps(&talk, "at the second", syn));
	assert_int_equal(cluster_published(&published), 1);
	assert_int_equal(cluster_apply(FIRST, &published[0].record),
			 FTPNAT_APPLIED_STALE);
	assert_int_equal(cluster_apply(SECOND, &record), FTPNAT_APPLIED);
	assert_int_equal(dataplane_flows(), 2);
	cluster_order(&(struct ftpnat_cluster){ .tell = 1, .others = 1U << (FIRST - 1) });
	assert_true(talk_step(&talk, "SYN-ACK",
			      &(struct step)S(NULL, .flags = SYN | ACK,
					      .reason = FTPNAT_SENT_ON)));
}

/* A server's port stays what it is: behind a prefix its address has another form. */
static void test_own_port_stays(void **state)
{
	static const struct step steps[] = {
		C("EPSV\r\n", "PASV\r\n", .also = { FTPNAT_LINE_REWRITTEN }),
		/* 2561 is of slot 2 */
		S("227 ($s,10,1)\r\n",
		  "229 Entering Extended Passive Mode (|||2561|)\r\n", OPENS),
		{ 0 },
	};
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ64);
	assert_true(talk_steps(&talk, "announced", steps));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_words),
		cmocka_unit_test(test_same_port_again),
		cmocka_unit_test(test_over_is_told),
		cmocka_unit_test(test_fin_is_known),
		cmocka_unit_test(test_only_what_is_known_is_acknowledged),
		cmocka_unit_test(test_waited_too_long),
		cmocka_unit_test(test_one_syn_at_two),
		cmocka_unit_test(test_own_port_stays),
	};

	return cmocka_run_group_tests_name("tc_cluster_gaps", tests, dataplane_setup,
					   dataplane_teardown);
}
