// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a gateway counts of the connections of others, and how long it keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/util.h"
#include "lib/clients.h"
#include "lib/cluster_talk.h"

#define MINE .also = { FTPNAT_TAKEN_OVER }

static const struct step syns[] = {
	{ 'c', .flags = SYN },
	{ 's', .flags = SYN | ACK },
	{ 0 },
};

static const enum scene_id scenes[] = { MASQ4, FULL4, FULL6 };

/* So many control connections at the gateway at hand; so many not over, and open. */
static void counts(const struct scene *scene, __u32 sessions, __s32 present, __s32 open)
{
	struct ftpnat_served served;
	struct ftpnat_usage usage;

	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_CONTROL], sessions);
	assert_int_equal(usage.sessions[0], sessions);
	assert_int_equal(usage.open[0], open);
	if (scene->kind != FTPNAT_PUBLISH)
		return;
	served = dataplane_served(scene->server, scene->server_port);
	assert_int_equal(served.present, present);
	assert_int_equal(served.open, open);
}

/* Only a gateway that has died has seen the client's ACK: the one that takes over counts it as open. */
static void test_taken_over_half_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct talk talk;

		cluster_configure(scene, NULL);
		talk_init(&talk, scene);
		assert_true(talk_steps(&talk, "handshake", syns));
		assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED_FULL], 0);
		assert_true(
			talk_step(&talk, "ACK",
				  &(struct step)C(NULL, .flags = ACK,
						  .also = { FTPNAT_CONTROL_OPENED })));
		cluster_go_to(SECOND);
		counts(scene, 1, 1, 0);
		assert_true(talk_step(&talk, "greeting",
				      &(struct step)S("220 hello\r\n", MINE)));
		counts(scene, 1, 1, 1);
		assert_true(
			talk_step(&talk, "RST",
				  &(struct step)S(NULL, .flags = RST | ACK,
						  .also = { FTPNAT_CONTROL_CLOSED })));
		counts(scene, 1, 0, 0);
	}
}

/* The owner has told the end of a connection before another gateway hears of it. */
static void test_over_when_it_came(void **state)
{
	struct ftpnat_record *record = malloc(sizeof(*record));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct ftpnat_record end = { .type = FTPNAT_RECORD_END };
		struct talk talk;

		cluster_configure(scene, NULL);
		talk_init(&talk, scene);
		talk_open(&talk);
		assert_true(
			talk_step(&talk, "RST",
				  &(struct step)S(NULL, .flags = RST | ACK,
						  .also = { FTPNAT_CONTROL_CLOSED })));
		assert_int_equal(cluster_tell(&talk, 0), 0);
		cluster_newest(record);
		assert_int_equal(cluster_apply(SECOND, record), FTPNAT_APPLIED);
		cluster_go_to(SECOND);
		counts(scene, 1, 0, 0);
		end.key = record->key;
		end.session = record->session;
		assert_int_equal(cluster_apply(SECOND, &end), FTPNAT_APPLIED);
		counts(scene, 0, 0, 0);
	}
	free(record);
}

/* What has come with one record only is as old as that: not as the gateway itself. */
static void test_seen_when_it_came(void **state)
{
	struct ftpnat_record *record = malloc(sizeof(*record));
	struct ftpnat_flow flow, other;
	struct talk talk;

	(void)state;
	cluster_configure(scene_get(MASQ4), NULL);
	talk_init(&talk, scene_get(MASQ4));
	talk_open(&talk);
	cluster_newest(record);
	assert_int_equal(cluster_apply(SECOND, record), FTPNAT_APPLIED);
	cluster_go_to(SECOND);
	assert_true(dataplane_flow(&record->key, &flow));
	assert_true(dataplane_flow(&record->reverse, &other));
	assert_true(flow.seen >= flow.created);
	assert_int_equal(flow.seen, other.seen);
	free(record);
}

/* Whether its client is counted is each gateway's own: there may be no room for it elsewhere. */
static void test_counted_here_only(void **state)
{
	struct ftpnat_record *record = malloc(sizeof(*record));
	const struct scene *scene = scene_get(FULL4);
	struct ftpnat_client client;
	struct talk talk;

	(void)state;
	cluster_configure(scene, NULL);
	talk_init(&talk, scene);
	assert_true(talk_steps(&talk, "handshake", syns));
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED_FULL], 0);
	assert_true(talk_step(&talk, "ACK",
			      &(struct step)C(NULL, .flags = ACK,
					      .also = { FTPNAT_CONTROL_OPENED })));
	assert_true(talk_step(&talk, "greeting", &(struct step)S("220 hello\r\n")));
	cluster_newest(record);
	record->flow.flags &= (__u8)~FTPNAT_FLOW_COUNTED;
	assert_int_equal(cluster_apply(SECOND, record), FTPNAT_APPLIED);
	cluster_go_to(SECOND);
	client = client_has(scene->client);
	assert_int_equal(client.number[FTPNAT_HAS_SESSIONS], 1);
	assert_int_equal(client.number[FTPNAT_HAS_HALF_OPEN], 0);
	free(record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken_over_half_open),
		cmocka_unit_test(test_over_when_it_came),
		cmocka_unit_test(test_seen_when_it_came),
		cmocka_unit_test(test_counted_here_only),
	};

	return cmocka_run_group_tests_name("tc_cluster_counts", tests, dataplane_setup,
					   dataplane_teardown);
}
