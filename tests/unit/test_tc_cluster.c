// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two gateways of a cluster: what one publishes the other enters, and goes on with it, byte
 * for byte; bpf/cluster.h, record.h, replica.h and replica_apply.h.
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

#define SLOT_OF(port)  (((port) & (FTPNAT_SLOTS - 1)) + 1u)
#define SLOT_OF_ID(id) (((id) >> 27) + 1)
#define OPENS	       .also = { FTPNAT_EXPECTED }
#define MINE	       .also = { FTPNAT_TAKEN_OVER }
#define LINES	       4
#define SECOND_CLIENT  41009 /* of the slice of slot 2 */

static bool order_is_right(void)
{
	return SLOT_OF(FIRST_PORT) == FIRST && SLOT_OF(SECOND_CLIENT) == SECOND;
}

/* From another port of the announced peer: nobody expects it. */
static bool data_again_refused(const char *says, const struct talk *talk,
			       const struct data *data)
{
	enum end from = data->active ? SERVER : CLIENT;
	struct packet_spec in = cluster_data_ports(data, talk_sent(talk, from), from);

	in.sport += FTPNAT_SLOTS;
	in.flags = SYN;
	in.ack = 0;
	return check_from(says, talk, from, &in, &in, FTPNAT_PASS, NULL);
}

/* ---- a session goes on elsewhere ---- */

static const struct takeover {
	const char *name;
	enum scene_id scene;
	struct step steps[LINES + 1]; /* the last one announces */
	struct data data;	      /* its ports */
	const char *reply;	      /* to it; NULL: it is one */
} takeovers[] = {
	{ "PORT under masquerade", MASQ4,
	  .steps = { C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "PORT that grows", GROW4,
	  .steps = { C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "PORT that shrinks", SHRINK4,
	  .steps = { C("NOOP\r\n"), S("200 ok\r\n"),
		     C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "EPRT, IPv6", MASQ6,
	  .steps = { C("EPRT |2|$C|2560|\r\n", "EPRT |2|$P|2560|\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "PORT to a published server", KEEP4,
	  .steps = { C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "227", KEEP4,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,0)\r\n", "227 ($d,10,0)\r\n", OPENS) },
	  .data = { false, { SECOND_CLIENT, FIRST_PORT } } },
	{ "227, full NAT", FULL4,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,0)\r\n", "227 ($d,10,0)\r\n", OPENS) },
	  .data = { false, { SECOND_CLIENT, FIRST_PORT } } },
	{ "229, IPv6", FULL6, .steps = { C("EPSV\r\n"), S("229 (|||2560|)\r\n", OPENS) },
	  .data = { false, { SECOND_CLIENT, FIRST_PORT } } },
	{ "229 under masquerade", MASQ4,
	  .steps = { C("EPSV\r\n"), S("229 (|||2560|)\r\n", OPENS) },
	  .data = { false, { SECOND_CLIENT, FIRST_PORT } } },
};

/* The announcing line once more, as if the receiver had not got it. */
static bool repeat(struct talk *talk, const struct step *line)
{
	enum end from = line->from == 'c' ? CLIENT : SERVER;
	struct step again = *line;

	again.seq = talk->sent[from] - (uint32_t)strlen(talk_text(talk, line->text));
	again.to_seq = talk->heard[from] -
		       (uint32_t)strlen(talk_text(talk, line->becomes ? line->becomes :
									line->text));
	memset(again.also, 0, sizeof(again.also));
	again.also[0] = FTPNAT_TAKEN_OVER;
	return talk_step(talk, "the line comes again", &again);
}

static void test_takeover(void **state)
{
	const struct takeover *row = *state;
	struct data data = row->data;
	enum end opener = data.active ? SERVER : CLIENT;
	const struct step *line = row->steps;
	struct ftpnat_usage usage;
	char expectation[512];
	struct passed passed;
	struct talk talk;

	assert_true(order_is_right());
	data.first[CLIENT] = 0xffffff00;
	data.first[SERVER] = 0x7fffff00;
	cluster_begin(&talk, row->scene);
	assert_true(talk_steps(&talk, "announced", row->steps));
	while (line[1].from)
		line++;
	snprintf(expectation, sizeof(expectation), "%s", talk_expectation());
	passed = cluster_pass(SECOND);
	assert_true(passed.result[FTPNAT_APPLIED] > 0);
	assert_int_equal(passed.result[FTPNAT_APPLIED_STALE], 0);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	cluster_compare(cluster_session(&talk), true);

	/* the same port is open there */
	assert_string_equal(talk_expectation(), expectation);
	assert_int_equal(dataplane_flows(), 2);
	assert_true(repeat(&talk, line));
	if (row->reply)
		assert_true(talk_step(&talk, "its reply", &(struct step)S(row->reply)));
	assert_true(
		cluster_data("data SYN", &talk, &data, opener, SYN, NULL, data_arrives));
	assert_true(data_again_refused("again", &talk, &data));

	/* ... and here no more */
	passed = cluster_pass(FIRST);
	assert_int_equal(passed.result[FTPNAT_APPLIED_DEMOTED], 1);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	assert_true(
		cluster_data("SYN-ACK", &talk, &data, !opener, SYN | ACK, NULL, NULL));
	assert_true(cluster_data("ACK", &talk, &data, opener, ACK, NULL, data_opens));
	assert_true(cluster_data("data", &talk, &data, opener, ACK | PSH, "abc", NULL));
	passed = cluster_pass(FIRST);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	cluster_go_to(FIRST);
	assert_string_equal(talk_expectation(), "none");
	assert_true(data_again_refused("again", &talk, &data));
	assert_int_equal(dataplane_flows(), 4);
	dataplane_usage(&usage);
	assert_int_equal(usage.expected, 0);
	assert_int_equal(usage.flows[FTPNAT_DATA], 1);

	/* back again, in the middle of the transfer */
	assert_true(cluster_data("data", &talk, &data, !opener, ACK | PSH, "defg",
				 taken_over));
	assert_true(cluster_data("data", &talk, &data, opener, ACK | PSH, "hi", NULL));
	assert_true(
		talk_step(&talk, "on the first", &(struct step)S("150 ok\r\n", MINE)));
	assert_true(talk_step(&talk, "client", &(struct step)C("NOOP\r\n")));
	passed = cluster_pass(SECOND);
	assert_int_equal(passed.result[FTPNAT_APPLIED_DEMOTED], 2);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	cluster_compare(cluster_session(&talk), false);
}

/* ---- old records ---- */

static void test_old_records(void **state)
{
	struct ftpnat_record *old = malloc(sizeof(*old)), *line = malloc(sizeof(*line));
	struct ftpnat_session before, after;
	struct talk talk;
	__u32 id;

	(void)state;
	cluster_begin(&talk, MASQ4);
	id = cluster_session(&talk);
	assert_true(talk_step(&talk, "a line", &(struct step)C("NOOP\r\n")));
	cluster_newest(old);
	assert_true(talk_step(&talk, "a line", &(struct step)C("SYST\r\n")));
	cluster_newest(line);
	assert_int_equal(cluster_apply(SECOND, line), FTPNAT_APPLIED);
	cluster_go_to(SECOND);
	assert_true(dataplane_session(id, &before));

	/* bytes that are known already */
	assert_int_equal(cluster_apply(SECOND, old), FTPNAT_APPLIED_STALE);
	/* the same once more changes nothing */
	assert_int_equal(cluster_apply(SECOND, line), FTPNAT_APPLIED);
	assert_true(dataplane_session(id, &after));
	assert_memory_equal(&before, &after, sizeof(before));

	/* a gateway that has taken it over no longer believes its former owner */
	assert_true(talk_step(&talk, "second", &(struct step)S("200 ok\r\n", MINE)));
	assert_true(dataplane_session(id, &before));
	assert_true((__s32)(before.epoch - line->state.epoch) > 0);
	assert_int_equal((before.epoch & (FTPNAT_SLOTS - 1)) + 1, SECOND);
	assert_int_equal(cluster_apply(SECOND, line), FTPNAT_APPLIED_STALE);
	line->has |= FTPNAT_RECORD_CLAIMED;
	assert_int_equal(cluster_apply(SECOND, line), FTPNAT_APPLIED_STALE);
	assert_true(dataplane_session(id, &after));
	assert_memory_equal(&before, &after, sizeof(before));

	/* its former owner gives it up */
	cluster_newest(old);
	assert_true(old->has & FTPNAT_RECORD_CLAIMED);
	assert_int_equal(cluster_apply(FIRST, old), FTPNAT_APPLIED_DEMOTED);
	cluster_compare(id, false);
	assert_int_equal(cluster_apply(FIRST, line), FTPNAT_APPLIED_STALE);
	assert_true(talk_step(&talk, "goes on", &(struct step)S("215 UNIX\r\n")));
	free(old);
	free(line);
}

/* ---- ends ---- */

static void test_end(void **state)
{
	struct ftpnat_record *end = calloc(1, sizeof(*end));
	const struct published *published;
	struct ftpnat_usage usage;
	struct packet_spec in, out;
	struct talk talk, next;
	struct passed passed;
	size_t n;

	(void)state;
	cluster_begin(&talk, MASQ4);
	assert_true(talk_step(&talk, "announced",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n",
					      OPENS)));
	passed = cluster_pass(SECOND);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	assert_true(talk_step(&talk, "the end",
			      &(struct step)C(NULL, .flags = RST | ACK,
					      .also = { FTPNAT_CONTROL_CLOSED,
							FTPNAT_EXPECTED_CLOSED })));
	/* its entry stays for what is still on its way, until another one needs the room */
	dataplane_config()->limit[FTPNAT_CONTROL] = 1;
	dataplane_apply();
	talk_from_port(&next, scene_get(MASQ4), CLIENT_PORT + FTPNAT_SLOTS);
	in = talk_syn(&next);
	out = talk_syn_heard(&next);
	assert_true(check_from("next", &next, CLIENT, &in, &out, FTPNAT_FORWARDED, NULL));
	n = cluster_published(&published);
	assert_int_equal(n, 3); /* the reset, the end, and the new connection */
	*end = published[1].record;
	assert_int_equal(end->type, FTPNAT_RECORD_END);
	cluster_go_to(SECOND);
	assert_int_equal(dataplane_flows(), 2);
	assert_int_equal(dataplane_expectations(), 1);

	/* the end of another session changes nothing */
	end->session++;
	assert_int_equal(cluster_apply(SECOND, end), FTPNAT_APPLIED_STALE);
	end->session--;
	assert_int_equal(cluster_apply(SECOND, end), FTPNAT_APPLIED);
	assert_int_equal(cluster_apply(SECOND, end), FTPNAT_APPLIED_STALE);
	assert_int_equal(dataplane_flows(), 0);
	assert_int_equal(dataplane_sessions(), 0);
	assert_int_equal(dataplane_expectations(), 0);
	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_CONTROL], 0);
	assert_int_equal(usage.sessions[0], 0);
	assert_int_equal(usage.expected, 0);
	free(end);
}

/* ---- slices ---- */

/* A port that the gateway at hand chooses for what the server announces. */
static uint16_t chosen_port(struct talk *talk, const char *line)
{
	struct ftpnat_expected_key key;
	struct ftpnat_expected e;
	struct packet packet;
	struct packet_spec in = talk_sent(talk, SERVER);
	struct run run;

	in.flags = PSH | ACK;
	in.seq = talk->isn[SERVER] + talk->sent[SERVER];
	in.ack = talk->isn[CLIENT] + talk->heard[CLIENT];
	in.payload = line;
	option_timestamps(&in.options, ++talk->clock[SERVER], talk->clock[CLIENT]);
	packet_build(&packet, &in);
	dataplane_run(&run, INGRESS, talk_side(talk, SERVER), &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	dataplane_expectation(&key, &e);
	return ntohs(key.dport);
}

static void test_slices(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	__u32 last[SECOND + 1] = { 0 };
	struct talk talk;

	(void)state;
	rule.data_port_min = 50000; /* 50000 is of slot 1, 50017 of slot 2 */
	rule.data_port_max = 50017;
	for (int i = 0; i < 16; i++) {
		cluster_configure(scene, &rule);
		for (__u32 slot = FIRST; slot <= SECOND; slot++) {
			uint16_t port;
			__u32 id;

			cluster_go_to(slot);
			talk_init(&talk, scene);
			talk_open(&talk);
			id = cluster_session(&talk);
			assert_int_equal(SLOT_OF_ID(id), slot);
			/* it has forgotten all since, as after a boot; others may not have */
			assert_int_not_equal(id, last[slot]);
			last[slot] = id;
			assert_true(
				talk_step(&talk, "asked", &(struct step)C("EPSV\r\n")));
			/* 50001 is of slot 2 */
			port = chosen_port(&talk, "229 (|||50001|)\r\n");
			assert_int_equal(SLOT_OF(port), slot);
			if (slot == SECOND)
				assert_int_equal(port, 50001);
			else
				assert_true(port == 50000 || port == 50016);
		}
	}
}

/* A slice that the range hasn't: refused as a range that is full. */
static void test_no_port_of_the_slice(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	struct talk talk;

	(void)state;
	rule.data_port_min = 50001; /* of slot 2 only */
	rule.data_port_max = 50001;
	cluster_configure(scene, &rule);
	cluster_go_to(SECOND);
	talk_init(&talk, scene);
	talk_open(&talk);
	assert_true(talk_step(&talk, "asked", &(struct step)C("EPSV\r\n")));
	assert_int_equal(chosen_port(&talk, "229 (|||60000|)\r\n"), 50001);
}

/* ---- records that no gateway makes ---- */

/* Entries of ftpnat_flows whose other half is missing. */
static size_t halves(void)
{
	struct ftpnat_tuple key, reverse, *last = NULL;
	struct ftpnat_flow flow, other;
	size_t n = 0;

	while (!bpf_map_get_next_key(dataplane_fd("ftpnat_flows"), last, &key)) {
		last = &key;
		assert_true(dataplane_flow(&key, &flow));
		reverse = (struct ftpnat_tuple){ .src = flow.to.dst,
						 .dst = flow.to.src,
						 .sport = flow.to.dport,
						 .dport = flow.to.sport };
		n += !dataplane_flow(&reverse, &other);
	}
	return n;
}

/* Bytes of a message change: some are refused, none harms what the gateway owns itself. */
static void test_mutated_records(void **state)
{
	struct ftpnat_record *record = malloc(sizeof(*record));
	size_t results[FTPNAT_APPLIED_FULL + 2] = { 0 };
	struct message_row row = { 0 };
	struct talk theirs, own;
	unsigned short random[3] = { 1, 2, 3 };
	static struct ftpnat_record end = { .type = FTPNAT_RECORD_END };
	char expectation[512];
	uint8_t *bytes;
	__u32 id;

	(void)state;
	cluster_begin(&theirs, MASQ4);
	cluster_go_to(SECOND);
	talk_from_port(&own, scene_get(MASQ4), CLIENT_PORT + 1); /* of slot 2 */
	talk_open(&own);
	assert_true(talk_step(&own, "its own",
			      &(struct step)C("PORT $c,10,1\r\n", "PORT $p,10,1\r\n",
					      OPENS)));
	snprintf(expectation, sizeof(expectation), "%s", talk_expectation());
	id = cluster_session(&own);

	cluster_go_to(FIRST);
	assert_true(talk_step(&theirs, "theirs",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n",
					      OPENS)));
	cluster_newest(record);
	cluster_message(&row, record);
	bytes = malloc(row.len);
	cluster_go_to(SECOND);
	cluster_order(&(struct ftpnat_cluster){ 0 }); /* nobody listens to it */
	end.key = record->key;
	end.session = record->session;
	for (int i = 0; i < 3000; i++) {
		const uint8_t *at = bytes;
		struct message message;

		if (i % 10 == 0)
			cluster_apply(SECOND, &end);
		memcpy(bytes, row.bytes, row.len);
		for (long n = nrand48(random) % 4; n >= 0; n--)
			bytes[(size_t)nrand48(random) % row.len] =
				(uint8_t)nrand48(random);
		if (message_next(&at, bytes + row.len, &message))
			results[1 + cluster_apply_message(SECOND, &message)]++;
		else
			results[0]++;
	}
	assert_true(results[0] > 100); /* refused */
	assert_true(results[1 + FTPNAT_APPLIED] > 100);
	assert_true(results[1 + FTPNAT_APPLIED_STALE] > 10);
	assert_int_equal(halves(), 0);
	assert_int_equal(cluster_session(&own), id);
	assert_int_equal(results[1 + FTPNAT_APPLIED_DEMOTED], 0);
	assert_true(talk_step(&own, "goes on", &(struct step)S("200 ok\r\n")));
	assert_true(talk_step(
		&own, "announces again",
		&(struct step)C("PORT $c,10,1\r\n", "PORT $p,10,1\r\n",
				.also = { FTPNAT_EXPECTED, FTPNAT_EXPECTED_REPLACED })));
	message_row_free(&row);
	free(bytes);
	free(record);
}

int main(void)
{
	struct CMUnitTest test[ARRAY_SIZE(takeovers) + 5];
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_old_records),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_no_port_of_the_slice),
		cmocka_unit_test(test_mutated_records),
	};
	size_t n = rows_as_tests(test, takeovers, ARRAY_SIZE(takeovers),
				 sizeof(*takeovers), test_takeover);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		test[n++] = others[i];
	return _cmocka_run_group_tests("cluster", test, n, dataplane_setup,
				       dataplane_teardown);
}
