// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets that come to a gateway whose session another living one owns: sent on, shared, or
 * taken over.
 */
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

#define OPENS	     .also = { FTPNAT_EXPECTED }
#define MINE	     .also = { FTPNAT_TAKEN_OVER }
#define NOT_ALIVE    (1U << 31) /* of ftpnat_cluster.alive */
#define GONE	     3		/* slot of a gateway that nobody sees */
#define FIRST_CLIENT 41008	/* of the slice of slot 1 */

/* Each knows that the other one lives; the first is at hand. */
static void both_live(void)
{
	cluster_go_to(SECOND);
	cluster_order(&(struct ftpnat_cluster){ .tell = 1, .others = 1U << (FIRST - 1) });
	cluster_go_to(FIRST);
	cluster_order(
		&(struct ftpnat_cluster){ .tell = 1, .others = 1U << (SECOND - 1) });
}

/* The only thing that the gateway at hand has published: a frame for the first gateway. */
static const struct published *one_sent_on(void)
{
	const struct published *published;

	assert_int_equal(cluster_published(&published), 1);
	assert_int_equal(published[0].record.type, FTPNAT_RECORD_SENT_ON);
	assert_int_equal(published[0].owner, FIRST);
	return &published[0];
}

/* A session of the first gateway, whose packets come to the second. */
static void begin_elsewhere(struct talk *talk, enum scene_id scene)
{
	const struct published *published;

	cluster_begin(talk, scene);
	both_live();
	assert_true(talk_step(talk, "its own", &(struct step)C("NOOP\r\n")));
	cluster_pass(SECOND);
	cluster_go_to(SECOND);
	cluster_published(&published);
}

static void test_line_is_sent_on(void **state)
{
	const struct published *sent;
	struct ftpnat_session before, after;
	struct talk talk;
	__u32 id;

	begin_elsewhere(&talk, *(const enum scene_id *)*state);
	id = cluster_session(&talk);
	assert_true(dataplane_session(id, &before));
	assert_true(talk_step(&talk, "reply",
			      &(struct step)S("200 ok\r\n", .reason = FTPNAT_SENT_ON)));
	sent = one_sent_on();
	assert_true(dataplane_session(id, &after));
	assert_memory_equal(&before, &after, sizeof(before));
	cluster_go_to(FIRST);
	assert_true(cluster_injected("at its owner", &talk, SERVER, sent, "200 ok\r\n",
				     FTPNAT_FORWARDED, NULL));

	/* a pure ACK, too */
	cluster_go_to(SECOND);
	assert_true(
		talk_step(&talk, "ACK",
			  &(struct step)C(NULL, .flags = ACK, .reason = FTPNAT_SENT_ON)));
	one_sent_on();
}

/* What its owner has made nothing of comes again, and stays here. */
static void test_again_is_taken_over(void **state)
{
	const struct published *published;
	struct passed passed;
	struct talk talk;

	(void)state;
	begin_elsewhere(&talk, MASQ4);
	assert_true(talk_step(&talk, "reply",
			      &(struct step)S("200 ok\r\n", .reason = FTPNAT_SENT_ON)));
	one_sent_on();
	talk.sent[SERVER] -= 8;
	talk.unheard[SERVER][0] = '\0';
	assert_true(talk_step(&talk, "again", &(struct step)S("200 ok\r\n", MINE)));
	passed = cluster_pass(FIRST);
	assert_int_equal(passed.result[FTPNAT_APPLIED_DEMOTED], 1);

	/* now the first one sends on */
	cluster_go_to(FIRST);
	assert_true(talk_step(&talk, "line",
			      &(struct step)C("SYST\r\n", .reason = FTPNAT_SENT_ON)));
	assert_int_equal(cluster_published(&published), 1);
	assert_int_equal(published[0].record.type, FTPNAT_RECORD_SENT_ON);
	assert_int_equal(published[0].owner, SECOND);
}

/* Sent on to a gateway that does not own it, either: it goes no further. */
static void test_sent_on_once(void **state)
{
	struct published sent;
	struct talk talk;

	(void)state;
	begin_elsewhere(&talk, MASQ4);
	assert_true(talk_step(&talk, "reply",
			      &(struct step)S("200 ok\r\n", .reason = FTPNAT_SENT_ON)));
	sent = *one_sent_on();
	assert_true(cluster_injected("at another", &talk, SERVER, &sent, "200 ok\r\n",
				     FTPNAT_FORWARDED, taken_over));
}

/*
 * What the session's receiver would not look at is told to nobody, and moves nothing: neither
 * what counts as sent on, nor the owner. A window's worth of numbers are near enough: replicas
 * know what was said, but not yet what was acknowledged.
 */
static void test_blind_goes_nowhere(void **state)
{
	static const uint32_t far[] = { 1U << 30, -(1U << 30), 1U << 25, -(1U << 25) };
	const struct published *published;
	struct ftpnat_session before, after;
	struct talk talk;
	__u32 id;

	begin_elsewhere(&talk, *(const enum scene_id *)*state);
	id = cluster_session(&talk);
	assert_true(dataplane_session(id, &before));
	for (size_t i = 0; i < ARRAY_SIZE(far); i++)
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet_spec in = talk_sent(&talk, from);

			in.seq = talk.isn[from] + talk.sent[from] + far[i];
			in.ack = talk.isn[!from] + talk.heard[!from];
			in.flags = PSH | ACK;
			in.payload = "NOOP\r\n";
			option_timestamps(&in.options, talk.clock[from] + 1,
					  talk.clock[!from]);
			assert_true(check_from("blind", &talk, from, &in, &in,
					       FTPNAT_BAD_SEQUENCE, NULL));
		}
	assert_int_equal(cluster_published(&published), 0);
	assert_true(dataplane_session(id, &after));
	assert_memory_equal(&before, &after, sizeof(before));

	/* both ends' next lines are their owner's, as ever */
	assert_true(talk_step(&talk, "reply",
			      &(struct step)S("200 ok\r\n", .reason = FTPNAT_SENT_ON)));
	one_sent_on();
	assert_true(talk_step(&talk, "line",
			      &(struct step)C("SYST\r\n", .reason = FTPNAT_SENT_ON)));
	one_sent_on();
}

/* A packet with numbers that are far off: it goes on, or is dropped for `reason`. */
static bool far_off(const struct talk *talk, struct packet_spec in,
		    struct packet_spec out, enum end from, uint8_t flags,
		    enum ftpnat_reason reason)
{
	static const enum ftpnat_reason ignored[] = { FTPNAT_IGNORED, FTPNAT_REASON_MAX };

	in.flags = out.flags = flags;
	in.seq += 1U << 30;
	out.seq += 1U << 30;
	return check_from("far off", talk, from, &in, &out,
			  reason ? reason : FTPNAT_FORWARDED, reason ? NULL : ignored);
}

/* Nor is anybody told of them by the owner: a flood would be multicast. */
static void test_blind_is_not_told(void **state)
{
	static const struct step announced[] = {
		C("EPSV\r\n"),
		S("229 (|||2560|)\r\n", OPENS),
		{ 0 },
	};
	struct data data = { false, { FIRST_CLIENT, FIRST_PORT }, { 1000, 2000 } };
	const struct published *published;
	struct packet_spec in, out;
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	both_live();
	assert_true(talk_steps(&talk, "announced", announced));
	assert_true(cluster_data("SYN", &talk, &data, CLIENT, SYN, NULL, data_arrives));
	assert_true(cluster_data("SYN-ACK", &talk, &data, SERVER, SYN | ACK, NULL, NULL));
	assert_true(cluster_data("ACK", &talk, &data, CLIENT, ACK, NULL, data_opens));
	cluster_published(&published);
	for (enum end from = CLIENT; from <= SERVER; from++) {
		in = talk_sent(&talk, from);
		out = talk_heard(&talk, from);
		in.seq = out.seq = talk.isn[from] + talk.sent[from];
		in.ack = out.ack = talk.isn[!from] + talk.heard[!from];
		option_timestamps(&in.options, talk.clock[from] + 1, talk.clock[!from]);
		out.options = in.options;
		assert_true(far_off(&talk, in, out, from, SYN | ACK, 0));
		in.payload = "NOOP\r\n";
		assert_true(far_off(&talk, in, in, from, PSH | ACK, FTPNAT_BAD_SEQUENCE));
		in = cluster_data_ports(&data, talk_sent(&talk, from), from);
		out = cluster_data_ports(&data, talk_heard(&talk, from), from);
		assert_true(far_off(&talk, in, out, from, FIN | ACK, 0));
		assert_true(far_off(&talk, in, out, from, SYN | ACK, 0));
		assert_true(far_off(&talk, in, out, from, RST, 0));
	}
	assert_int_equal(cluster_published(&published), 0);

	/* what is accepted is told, as ever */
	assert_true(cluster_data("FIN", &talk, &data, CLIENT, FIN | ACK, NULL, NULL));
	assert_int_equal(cluster_published(&published), 1);
}

/* No living owner, or nobody who could send it on: taken over. */
static void test_no_owner(void **state)
{
	static const struct ftpnat_cluster orders[] = {
		{ .tell = 1 },
		{ .tell = 1, .others = 1U << 2 },
		{ .tell = 1, .others = 1U << (FIRST - 1), .alive = NOT_ALIVE },
		{ .tell = 1, .others = 1U << (FIRST - 1), .late = 1, .go_on = 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct talk talk;

		begin_elsewhere(&talk, MASQ4);
		cluster_order(&orders[i]);
		assert_true(
			talk_step(&talk, "reply", &(struct step)S("200 ok\r\n", MINE)));
	}
}

/* ---- data connections ---- */

static __u32 data_states(const struct talk *talk, const struct data *data)
{
	const struct packet_spec syn =
		cluster_data_ports(data, talk_sent(talk, CLIENT), CLIENT);
	const struct ftpnat_tuple key = tuple(syn.src, syn.sport, syn.dst, syn.dport);
	struct ftpnat_tuple reverse;
	struct ftpnat_flow one, other;

	assert_true(dataplane_flow(&key, &one));
	reverse = (struct ftpnat_tuple){ .src = one.to.dst,
					 .dst = one.to.src,
					 .sport = one.to.dport,
					 .dport = one.to.sport };
	assert_true(dataplane_flow(&reverse, &other));
	return one.tcp & other.tcp;
}

/*
 * One direction comes to each gateway: opened, used and closed, and nobody takes it over for
 * a packet of data.
 */
static void test_data_by_both(void **state)
{
	static const struct step announced[] = {
		C("EPSV\r\n"),
		S("229 (|||2560|)\r\n", OPENS),
		{ 0 },
	};
	struct data data = { false, { FIRST_CLIENT, FIRST_PORT }, { 1000, 2000 } };
	const struct published *published;
	struct packet_spec in;
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	both_live();
	assert_true(talk_steps(&talk, "announced", announced));
	cluster_pass(SECOND);
	assert_true(cluster_data("SYN", &talk, &data, CLIENT, SYN, NULL, data_arrives));
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED], 1);

	/* the answer comes to the other one */
	cluster_go_to(SECOND);
	cluster_published(&published);
	in = cluster_data_ports(&data, talk_sent(&talk, SERVER), SERVER);
	in.flags = SYN | ACK;
	assert_true(check_from("SYN-ACK there", &talk, SERVER, &in, &in, FTPNAT_SENT_ON,
			       NULL));
	one_sent_on();
	cluster_go_to(FIRST);
	assert_true(cluster_data("SYN-ACK", &talk, &data, SERVER, SYN | ACK, NULL, NULL));
	assert_true(cluster_data("ACK", &talk, &data, CLIENT, ACK, NULL, data_opens));
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED], 2);

	cluster_go_to(SECOND);
	assert_true(cluster_data("data", &talk, &data, SERVER, ACK | PSH, "abc", NULL));
	assert_true(cluster_data("more", &talk, &data, SERVER, ACK | PSH, "d", NULL));
	assert_int_equal(cluster_published(&published), 0);

	/* the end of each direction */
	assert_true(
		cluster_data("FIN", &talk, &data, SERVER, FIN | ACK, NULL, taken_over));
	assert_int_equal(cluster_pass(FIRST).result[FTPNAT_APPLIED_DEMOTED], 1);
	cluster_go_to(FIRST);
	assert_true(data_states(&talk, &data) & FTPNAT_TCP_ESTABLISHED);
	assert_true(
		cluster_data("FIN", &talk, &data, CLIENT, FIN | ACK, NULL, taken_over));
	assert_true(data_states(&talk, &data) & FTPNAT_TCP_FIN);
	cluster_pass(SECOND);
	cluster_go_to(SECOND);
	assert_true(data_states(&talk, &data) & FTPNAT_TCP_FIN);
}

/* The client's entry of a data connection that the gateway at hand owns, or that another one does. */
static __u32 data_owner(const struct talk *talk, const struct data *data)
{
	const struct packet_spec syn =
		cluster_data_ports(data, talk_sent(talk, CLIENT), CLIENT);
	const struct ftpnat_tuple key = tuple(syn.src, syn.sport, syn.dst, syn.dport);
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	if (!(flow.flags & FTPNAT_FLOW_REPLICA))
		return 0;
	return (flow.tcp & FTPNAT_TCP_OWNER) >> FTPNAT_TCP_OWNER_SHIFT;
}

/*
 * The owner of a data connection is gone, and each of the other two gets a packet of it before
 * it knows what the other one got: the lower slot keeps it, whoever is heard first.
 */
static void test_data_claimed_by_both(void **state)
{
	static const struct step announced[] = {
		C("EPSV\r\n"),
		S("229 (|||2560|)\r\n", OPENS),
		{ 0 },
	};
	const __u32 *heard_first = *state;
	struct data data = { false, { FIRST_CLIENT, FIRST_PORT }, { 1000, 2000 } };
	const struct published *published;
	struct ftpnat_record gone;
	struct passed passed;
	struct talk talk;

	cluster_begin(&talk, MASQ4);
	assert_true(talk_steps(&talk, "announced", announced));
	assert_true(cluster_data("SYN", &talk, &data, CLIENT, SYN, NULL, data_arrives));
	assert_true(cluster_data("SYN-ACK", &talk, &data, SERVER, SYN | ACK, NULL, NULL));
	cluster_pass(SECOND);
	assert_true(cluster_data("ACK", &talk, &data, CLIENT, ACK, NULL, data_opens));
	assert_int_equal(cluster_published(&published), 1);
	gone = published[0].record;
	gone.has |= FTPNAT_RECORD_CLAIMED | FIRST << FTPNAT_RECORD_FROM_SHIFT;
	gone.flow.tcp = (gone.flow.tcp & ~FTPNAT_TCP_OWNER) |
			GONE << FTPNAT_TCP_OWNER_SHIFT;
	gone.other.tcp = (gone.other.tcp & ~FTPNAT_TCP_OWNER) |
			 GONE << FTPNAT_TCP_OWNER_SHIFT;
	assert_int_equal(cluster_apply(FIRST, &gone), FTPNAT_APPLIED_DEMOTED);
	assert_int_equal(cluster_apply(SECOND, &gone), FTPNAT_APPLIED);

	cluster_go_to(FIRST);
	assert_int_equal(data_owner(&talk, &data), GONE);
	assert_true(
		cluster_data("data", &talk, &data, CLIENT, ACK | PSH, "abc", taken_over));
	cluster_go_to(SECOND);
	assert_true(
		cluster_data("data", &talk, &data, SERVER, ACK | PSH, "def", taken_over));

	for (int turn = 0; turn < 2; turn++) {
		__u32 to = turn == 0 ? 3 - *heard_first : *heard_first;

		cluster_go_to(3 - to);
		passed = cluster_pass(to);
		assert_int_equal(passed.result[FTPNAT_APPLIED_DEMOTED], to == SECOND);
		assert_int_equal(passed.result[FTPNAT_APPLIED_STALE], to == FIRST);
	}
	/* what the first one has said once more, for those that heard the second one last */
	cluster_go_to(FIRST);
	cluster_pass(SECOND);
	assert_int_equal(data_owner(&talk, &data), 0);
	cluster_go_to(SECOND);
	assert_int_equal(data_owner(&talk, &data), FIRST);
	assert_int_equal(cluster_published(&published), 0);
}

/*
 * Who forges the first packet after a takeover sets the numbers by which its reset counts. The
 * ends, which know better, go on all the same, and the connection with them.
 */
static void test_data_survives_forgery(void **state)
{
	static const struct step announced[] = {
		C("EPSV\r\n"),
		S("229 (|||2560|)\r\n", OPENS),
		{ 0 },
	};
	static const enum ftpnat_reason ignored[] = { FTPNAT_IGNORED, FTPNAT_REASON_MAX };
	static const enum ftpnat_reason over[] = { FTPNAT_DATA_CLOSED,
						   FTPNAT_REASON_MAX };
	struct data data = { false, { FIRST_CLIENT, FIRST_PORT }, { 1000, 2000 } },
		    forged;
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	assert_true(talk_steps(&talk, "announced", announced));
	assert_true(cluster_data("SYN", &talk, &data, CLIENT, SYN, NULL, data_arrives));
	assert_true(cluster_data("SYN-ACK", &talk, &data, SERVER, SYN | ACK, NULL, NULL));
	assert_true(cluster_data("ACK", &talk, &data, CLIENT, ACK, NULL, data_opens));
	cluster_pass(SECOND);

	cluster_go_to(SECOND); /* the first one is dead */
	forged = data;
	forged.first[CLIENT] += 1U << 30;
	forged.first[SERVER] += 1U << 29;
	assert_true(
		cluster_data("forged", &talk, &forged, CLIENT, ACK, NULL, taken_over));
	assert_true(
		cluster_data("forged reset", &talk, &forged, CLIENT, RST, NULL, over));

	assert_true(cluster_data("data", &talk, &data, SERVER, ACK, "abc", ignored));
	assert_true(cluster_data("more", &talk, &data, SERVER, ACK, "d", NULL));
	assert_true(cluster_data("ACK", &talk, &data, CLIENT, ACK, NULL, data_opens));
	assert_true(cluster_data("more", &talk, &data, CLIENT, ACK, "e", NULL));
	assert_int_equal(data_states(&talk, &data) & FTPNAT_TCP_ESTABLISHED,
			 FTPNAT_TCP_ESTABLISHED);
	assert_true(cluster_data("FIN", &talk, &data, SERVER, FIN | ACK, NULL, NULL));
	assert_true(cluster_data("FIN", &talk, &data, CLIENT, FIN | ACK, NULL, NULL));
	assert_true(cluster_data("ACK", &talk, &data, SERVER, ACK, NULL, over));
}

/* ---- connections that begin ---- */

/* The SYN waits: its answer may come to another gateway. */
static void test_syn_waits(void **state)
{
	const struct published *published;
	struct ftpnat_cluster order = { .tell = 1,
					.commit = FTPNAT_COMMIT_ALL,
					.others = 1U << (SECOND - 1) };
	struct packet_spec in, out;
	struct talk talk;

	(void)state;
	cluster_configure(scene_get(MASQ4), NULL);
	both_live();
	cluster_order(&order);
	talk_init(&talk, scene_get(MASQ4));
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	assert_true(check_from("SYN", &talk, CLIENT, &in, &out, FTPNAT_PARKED, NULL));
	assert_int_equal(cluster_published(&published), 2);
	assert_int_equal(published[0].record.type, FTPNAT_RECORD_CONNECTION);
	assert_int_equal(published[1].record.type, FTPNAT_RECORD_FRAME);
	assert_int_equal(cluster_apply(SECOND, &published[0].record), FTPNAT_APPLIED);

	cluster_go_to(SECOND);
	cluster_published(&published);
	in = talk_sent(&talk, SERVER);
	in.flags = SYN | ACK;
	in.seq = talk.isn[SERVER];
	in.ack = talk.isn[CLIENT] + 1;
	assert_true(check_from("SYN-ACK", &talk, SERVER, &in, &in, FTPNAT_SENT_ON, NULL));
	one_sent_on();
}

int main(void)
{
	static enum scene_id scenes[] = { MASQ4, MASQ6, KEEP4, FULL4 };
	struct CMUnitTest test[2 * ARRAY_SIZE(scenes) + 9];
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_blind_is_not_told),
		cmocka_unit_test(test_again_is_taken_over),
		cmocka_unit_test(test_sent_on_once),
		cmocka_unit_test(test_no_owner),
		cmocka_unit_test(test_data_by_both),
		cmocka_unit_test_prestate(test_data_claimed_by_both, &(__u32){ FIRST }),
		cmocka_unit_test_prestate(test_data_claimed_by_both, &(__u32){ SECOND }),
		cmocka_unit_test(test_data_survives_forgery),
		cmocka_unit_test(test_syn_waits),
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		test[n++] = (struct CMUnitTest){ .name = "a line is sent on",
						 .test_func = test_line_is_sent_on,
						 .initial_state = &scenes[i] };
		test[n++] = (struct CMUnitTest){ .name = "a blind one goes nowhere",
						 .test_func = test_blind_goes_nowhere,
						 .initial_state = &scenes[i] };
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		test[n++] = others[i];
	return _cmocka_run_group_tests("cluster_owner", test, n, dataplane_setup,
				       dataplane_teardown);
}
