// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tables under pressure: a client that has its share of one, and half-open connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "lib/clients.h"
#include "lib/talk.h"
#include "base/util.h"

#define TABLE 100 /* three quarters: 75 */
#define SHARE 64  /* of it: the least one */

static void test_share(void **state)
{
	uint16_t port = 40000;
	bool good = true;

	(void)state;
	clients_limit((struct ftpnat_per_client){ 0 }, 0);
	dataplane_config()->limit[FTPNAT_CONTROL] = TABLE;
	dataplane_apply();
	for (int i = 0; i < 70; i++)
		good &= client_dials(NEAR4, port++, 0);
	for (int i = 0; i < 6; i++)
		good &= client_dials(OTHER4, port++, 0);
	good &= client_dials(NEAR4, port++, FTPNAT_CLIENT_SHARE);
	good &= client_dials(OTHER4, port++, 0);
	good &= client_dials(OTHER6, port++, 0);
	assert_true(good);
	assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_SESSIONS], 70);
}

/* A talk of another client of this scene; `other` is that scene. */
static void other_talk(struct talk *talk, struct scene *other, const struct scene *scene)
{
	*other = *scene;
	if (scene->kind == FTPNAT_MASQUERADE)
		other->client = "192.168.5.8";
	else
		other->client = strchr(scene->client, ':') ? OTHER6 : OTHER4;
	if (!strcmp(scene->seen, scene->client))
		other->seen = other->client;
	talk_from_port(talk, other, CLIENT_PORT + 1);
}

/* Sessions of two clients, in a table of few data connections. */
static void two_clients(const struct scene *scene, struct talk *talk, struct scene *other,
			struct talk *second)
{
	scene_configure(scene, NULL);
	dataplane_config()->limit[FTPNAT_DATA] = TABLE;
	dataplane_apply();
	talk_init(talk, scene);
	talk_open(talk);
	other_talk(second, other, scene);
	talk_open(second);
}

/* The SYN of an announced data connection from this port of the client: does it go on, or is it refused? */
static bool data_syn(struct talk *talk, uint16_t port, enum ftpnat_reason refused)
{
	struct packet_spec in, out;

	in = data_sent(talk, CLIENT);
	out = data_heard(talk, CLIENT);
	in.flags = out.flags = SYN;
	in.ack = out.ack = 0;
	in.sport = out.sport = port;
	return check_from("data SYN", talk, CLIENT, &in, refused ? &in : &out,
			  refused ? refused : talk_reason(talk),
			  refused ? NULL : data_arrives);
}

static bool data_dials(struct talk *talk, uint16_t port, enum ftpnat_reason refused)
{
	data_announce(talk);
	return data_syn(talk, port, refused);
}

static const enum ftpnat_reason data_refused[] = { FTPNAT_DATA_UNANSWERED,
						   FTPNAT_REASON_MAX };

/* The client gives up the one from this port. */
static bool data_resets(struct talk *talk, uint16_t port)
{
	struct packet_spec in = data_sent(talk, CLIENT), out = data_heard(talk, CLIENT);

	in.flags = out.flags = RST;
	in.ack = out.ack = 0;
	in.sport = out.sport = port;
	in.seq++;
	out.seq++;
	return check_from("data RST", talk, CLIENT, &in, &out, talk_reason(talk),
			  data_refused);
}

static void test_share_of_data(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, KEEP6, FULL4, MASQ4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct talk talk, second;
		struct scene other;
		uint16_t port = DATA_PORT;
		bool good = true;

		two_clients(scene, &talk, &other, &second);
		for (int n = 0; n < 70; n++)
			good &= data_dials(&talk, port++, 0);
		for (int n = 0; n < 6; n++)
			good &= data_dials(&second, port++, 0);
		good &= data_dials(&talk, port++, FTPNAT_CLIENT_SHARE);
		good &= data_dials(&second, port++, 0);
		/* what has ended makes room */
		good &= data_resets(&talk, DATA_PORT);
		good &= data_resets(&talk, DATA_PORT + 1);
		good &= data_syn(&talk, port++, 0);
		good &= data_dials(&talk, port++, FTPNAT_CLIENT_SHARE);
		assert_true(good);
		assert_int_equal(client_has(scene->client).number[FTPNAT_HAS_DATA], 69);
		assert_int_equal(client_has(other.client).number[FTPNAT_HAS_DATA], 7);
	}
}

static bool known(const char *client)
{
	struct ftpnat_client_key key = client_key(client);
	struct ftpnat_client value;

	return !bpf_map_lookup_elem(dataplane_fd("ftpnat_clients"), &key, &value);
}

/*
 * The last that a client has is gone with what made room for one more: that one isn't counted,
 * and nothing is taken back for it later.
 */
static void test_room_is_all_it_had(void **state)
{
	const struct scene *scene = scene_get(FULL4);
	struct ftpnat_client_key key;
	struct talk talk, second;
	struct ftpnat_client client;
	struct packet_spec syn;
	struct ftpnat_tuple came;
	struct ftpnat_flow flow;
	struct scene other;
	uint16_t port = DATA_PORT;
	bool good = true;

	(void)state;
	two_clients(scene, &talk, &other, &second);
	for (int n = 0; n < SHARE; n++)
		good &= data_dials(&talk, port++, 0);
	for (int n = SHARE; n <= TABLE * 3 / 4; n++)
		good &= data_dials(&second, port++, 0);
	good &= data_dials(&talk, port, FTPNAT_CLIENT_SHARE);
	for (int n = 0; n < SHARE; n++)
		good &= data_resets(&talk, (uint16_t)(DATA_PORT + n));
	assert_true(good);
	/* its session was not counted: the table of clients was full */
	key = client_key(scene->client);
	client = client_has(scene->client);
	client.number[FTPNAT_HAS_SESSIONS] = 0;
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_clients"), &key,
					     &client, BPF_EXIST),
			 0);
	assert_true(data_syn(&talk, port, 0));
	assert_false(known(scene->client));
	syn = data_sent(&talk, CLIENT);
	came = tuple(syn.src, port, syn.dst, syn.dport);
	assert_true(dataplane_flow(&came, &flow));
	assert_false(flow.flags & FTPNAT_FLOW_COUNTED);
}

static const enum ftpnat_reason data_ends[] = { FTPNAT_DATA_CLOSED, FTPNAT_REASON_MAX };

/* A client without sessions is still counted for the data connections that it has left. */
static void test_data_outlives_its_session(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, FULL6, MASQ4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct talk talk, second;
		struct ftpnat_usage usage;
		struct scene other;

		data_open(&talk, scenes[i]);
		dataplane_config()->limit[FTPNAT_CONTROL] = 1;
		dataplane_config()->limit[FTPNAT_DATA] = 1;
		dataplane_apply();
		assert_true(
			talk_step(&talk, "the session ends",
				  &(struct step)S(NULL, .flags = RST | ACK,
						  .also = { FTPNAT_CONTROL_CLOSED })));
		other_talk(&second, &other, scene);
		talk_open(&second); /* in its place */
		assert_int_equal(client_has(scene->client).number[FTPNAT_HAS_SESSIONS],
				 0);
		assert_int_equal(client_has(scene->client).number[FTPNAT_HAS_DATA], 1);
		assert_true(known(scene->client));

		assert_true(data_check("its data connection, too", &talk, SERVER,
				       RST | ACK, NULL, data_ends));
		assert_true(data_dials(&second, DATA_PORT + 2, 0));
		assert_false(known(scene->client));
		assert_int_equal(client_has(other.client).number[FTPNAT_HAS_DATA], 1);
		dataplane_usage(&usage);
		assert_int_equal(usage.flows[FTPNAT_DATA], 1);
	}
}

static void age(__u32 seconds)
{
	int fd = dataplane_fd("ftpnat_flows");
	struct ftpnat_tuple key[2 * TABLE];
	struct ftpnat_flow flow;
	size_t n = 0;

	/* first all keys: a change of an entry moves it */
	while (n < ARRAY_SIZE(key) &&
	       !bpf_map_get_next_key(fd, n ? &key[n - 1] : NULL, &key[n]))
		n++;
	assert_int_equal(n, dataplane_flows());
	while (n--) {
		assert_int_equal(bpf_map_lookup_elem(fd, &key[n], &flow), 0);
		flow.created -= seconds;
		assert_int_equal(bpf_map_update_elem(fd, &key[n], &flow, BPF_EXIST), 0);
	}
}

/* In a table that is over three quarters full, half-open connections end after 10 s. */
static void test_old_half_open(void **state)
{
	bool good = true;

	(void)state;
	clients_limit((struct ftpnat_per_client){ 0 }, 0);
	dataplane_config()->limit[FTPNAT_CONTROL] = TABLE;
	dataplane_apply();
	for (uint16_t port = 40000; port < 40050; port++)
		good &= client_dials(NEAR4, port, 0);
	age(11);
	for (uint16_t port = 40000; port < 40026; port++)
		good &= client_dials(OTHER4, port, 0);
	assert_true(good);
	assert_int_equal(rule_sessions(), 76);
	assert_true(client_dials_also(NEAR6, 40000, 0, replaces_half_open));
	assert_int_equal(rule_sessions(), 76);
	assert_int_equal(client_has(NEAR4).number[FTPNAT_HAS_SESSIONS], 49);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_share_of_data),
		cmocka_unit_test(test_room_is_all_it_had),
		cmocka_unit_test(test_data_outlives_its_session),
		cmocka_unit_test(test_old_half_open),
	};

	return cmocka_run_group_tests_name("tc_shares", tests, dataplane_setup,
					   dataplane_teardown);
}
