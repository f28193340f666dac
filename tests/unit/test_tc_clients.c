// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What one client may have of a rule: per_client, max_sessions, its share under pressure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "lib/syn.h"
#include "lib/talk.h"
#include "base/util.h"

/* Clients, two of each in one /64, one elsewhere. */
#define NEAR4  "198.51.100.7"
#define OTHER4 "198.51.100.8"
#define NEAR6  "2001:db8:1::7"
#define SAME64 "2001:db8:1::8"
#define OTHER6 "2001:db8:1:9::7"

static void limits(struct ftpnat_per_client per_client, __u32 max_sessions)
{
	struct ftpnat_rule rule = syn_rule;

	syn_publish();
	rule.per_client = per_client;
	rule.max_sessions = max_sessions;
	dataplane_rule(0, &rule);
}

static const enum ftpnat_reason replaces[] = { FTPNAT_CONTROL_UNANSWERED,
					       FTPNAT_HALF_OPEN_RECLAIMED,
					       FTPNAT_REASON_MAX };

/* A SYN of the client from this port: does it go on, or is it refused so? What else is counted? */
static bool dials_also(const char *client, uint16_t port, enum ftpnat_reason refused,
		       const enum ftpnat_reason *also)
{
	struct packet_spec spec = strchr(client, ':') ? syn6 : syn4;
	struct counters before;
	struct packet packet;
	struct run run;
	bool good;

	spec.src = client;
	spec.sport = port;
	syn_build(&packet, &spec);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	good = run.action == (refused ? TC_SHOT : TC_REDIRECT);
	if (!good)
		printf("%s port %u: returned %d\n", client, port, run.action);
	return good & dataplane_counted(client, &before,
					refused ? refused : FTPNAT_FORWARDED, also);
}

static bool dials(const char *client, uint16_t port, enum ftpnat_reason refused)
{
	return dials_also(client, port, refused, NULL);
}

/* What the client has of rule 0; all zero if it isn't counted. */
static struct ftpnat_client has(const char *client)
{
	struct ftpnat_client_key key = { .addr = address(client) };
	struct ftpnat_client value = { .next = 0 };

	if (strchr(client, ':'))
		memset(key.addr.octet + 8, 0, 8);
	bpf_map_lookup_elem(dataplane_fd("ftpnat_clients"), &key, &value);
	return value;
}

static __u32 of_rule(void)
{
	struct ftpnat_usage usage;

	dataplane_usage(&usage);
	return usage.sessions[0];
}

static void test_sessions(void **state)
{
	bool good = true;

	(void)state;
	limits((struct ftpnat_per_client){ .sessions = 2 }, 0);
	good &= dials(NEAR4, 40000, 0);
	good &= dials(NEAR4, 40001, 0);
	good &= dials(NEAR4, 40002, FTPNAT_CLIENT_SESSIONS);
	good &= dials(NEAR4, 40003, FTPNAT_CLIENT_SESSIONS);
	good &= dials(OTHER4, 40000, 0);
	good &= dials(NEAR6, 40000, 0);
	good &= dials(SAME64, 40001, 0);
	good &= dials(SAME64, 40002, FTPNAT_CLIENT_SESSIONS);
	good &= dials(NEAR6, 40003, FTPNAT_CLIENT_SESSIONS);
	good &= dials(OTHER6, 40000, 0);
	assert_true(good);
	assert_int_equal(has(NEAR4).number[FTPNAT_HAS_SESSIONS], 2);
	assert_int_equal(has(NEAR4).number[FTPNAT_HAS_HALF_OPEN], 2);
	assert_int_equal(has(SAME64).number[FTPNAT_HAS_SESSIONS], 2);
	assert_int_equal(of_rule(), 6);
}

/* The server refuses: the client's next SYN with these ports replaces what has ended. */
static void server_resets(uint16_t port)
{
	struct packet_spec spec = { .src = "10.9.0.10",
				    .dst = NEAR4,
				    .sport = 2121,
				    .dport = port,
				    .ack = syn4.seq + 1,
				    .flags = RST | ACK,
				    .dst_mac = dataplane_mac(INNER) };
	struct packet packet;
	struct run run;

	packet_build(&packet, &spec);
	dataplane_run(&run, INGRESS, INNER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
}

static void test_ended_sessions_are_not_counted(void **state)
{
	struct counters before;
	struct packet packet;
	struct run run;

	(void)state;
	limits((struct ftpnat_per_client){ .sessions = 1 }, 1);
	for (int i = 0; i < 5; i++) {
		struct packet_spec spec = syn4;

		dataplane_counters(&before);
		syn_build(&packet, &spec);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
		assert_true(dataplane_counted("again", &before, FTPNAT_FORWARDED, NULL));
		assert_int_equal(has(NEAR4).number[FTPNAT_HAS_SESSIONS], 1);
		assert_int_equal(has(NEAR4).number[FTPNAT_HAS_HALF_OPEN], 1);
		assert_int_equal(of_rule(), 1);
		server_resets(syn4.sport);
	}
}

/* What a host resets that somebody dialled in its name does not count against it. */
static void test_ended_make_room(void **state)
{
	bool good = true;

	(void)state;
	limits((struct ftpnat_per_client){ .sessions = 2 }, 0);
	good &= dials(NEAR4, 40000, 0);
	good &= dials(NEAR4, 40001, 0);
	good &= dials(NEAR4, 40002, FTPNAT_CLIENT_SESSIONS);
	server_resets(40000);
	good &= dials(NEAR4, 40002, 0);
	good &= dials(NEAR4, 40003, FTPNAT_CLIENT_SESSIONS);
	assert_int_equal(has(NEAR4).number[FTPNAT_HAS_SESSIONS], 2);

	limits((struct ftpnat_per_client){ .half_open = 2 }, 0);
	good &= dials(NEAR4, 40000, 0);
	good &= dials(NEAR4, 40001, 0);
	good &= dials(NEAR4, 40002, FTPNAT_CLIENT_HALF_OPEN);
	server_resets(40001);
	good &= dials(NEAR4, 40002, 0);
	good &= dials(NEAR4, 40003, FTPNAT_CLIENT_HALF_OPEN);
	assert_true(good);
	assert_int_equal(has(NEAR4).number[FTPNAT_HAS_HALF_OPEN], 2);
	assert_int_equal(of_rule(), 2);
}

static void test_rule_sessions(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, KEEP6, FULL4, MASQ4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct ftpnat_rule rule = scene_rule(scene);
		struct talk first, second;
		struct packet_spec in, out;

		rule.max_sessions = 1;
		scene_configure(scene, &rule);
		talk_init(&first, scene);
		talk_open(&first);
		talk_init(&second, scene);
		second.client_port = second.seen_port = CLIENT_PORT + 1;
		in = talk_syn(&second);
		assert_true(check_from("one more", &second, CLIENT, &in, &in,
				       FTPNAT_RULE_SESSIONS, NULL));
		assert_int_equal(of_rule(), 1);
		assert_true(
			talk_step(&first, "the session ends",
				  &(struct step)S(NULL, .flags = RST | ACK,
						  .also = { FTPNAT_CONTROL_CLOSED })));
		out = talk_syn_heard(&second);
		assert_true(check_from("in its place", &second, CLIENT, &in, &out,
				       talk_reason(&second), NULL));
		assert_int_equal(of_rule(), 1);
	}
}

/* Spoofed SYNs use up no max_sessions: half-open ones of the same rule make room. */
static void test_rule_half_open(void **state)
{
	const struct ftpnat_tuple others = tuple(OTHER4, 40000, syn4.dst, 2122);
	struct ftpnat_rule rule = syn_rule;
	struct packet_spec spec = syn4;
	struct ftpnat_flow flow;
	struct packet packet;
	struct run run;
	bool good = true;

	(void)state;
	limits((struct ftpnat_per_client){ 0 }, 3);
	dataplane_rule(1, &rule);
	dataplane_listen(syn4.dst, 2122, 1);
	spec.src = OTHER4;
	spec.dport = 2122;
	syn_build(&packet, &spec);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_true(dataplane_flow(&others, &flow)); /* the oldest one, of another rule */

	good &= dials(NEAR4, 40000, 0);
	good &= dials(OTHER4, 40001, 0);
	good &= dials(OTHER6, 40000, 0);
	for (uint16_t port = 40001; port < 40020; port++)
		good &= dials_also(NEAR4, port, 0, replaces);
	good &= dials_also(OTHER6, 40001, 0, replaces);
	assert_true(good);
	assert_int_equal(of_rule(), 3);
	assert_int_equal(has(NEAR4).number[FTPNAT_HAS_SESSIONS], 2);
	assert_int_equal(has(OTHER6).number[FTPNAT_HAS_SESSIONS], 1);
	assert_true(dataplane_flow(&others, &flow));
}

/* A complete handshake ends the half-open state. */
static void test_half_open(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, KEEP6, FULL4, MASQ4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct ftpnat_rule rule = scene_rule(scene);
		struct talk first, second;
		struct packet_spec in, out;

		rule.per_client.half_open = 1;
		scene_configure(scene, &rule);
		talk_init(&first, scene);
		talk_open(&first);
		assert_int_equal(has(scene->client).number[FTPNAT_HAS_HALF_OPEN], 0);
		assert_int_equal(has(scene->client).number[FTPNAT_HAS_SESSIONS], 1);
		talk_init(&second, scene);
		second.client_port = second.seen_port = CLIENT_PORT + 1;
		in = talk_syn(&second);
		out = talk_syn_heard(&second);
		assert_true(check_from("one half-open", &second, CLIENT, &in, &out,
				       talk_reason(&second), NULL));
		second.client_port = second.seen_port = CLIENT_PORT + 2;
		in = talk_syn(&second);
		assert_true(check_from("two", &second, CLIENT, &in, &in,
				       FTPNAT_CLIENT_HALF_OPEN, NULL));
		assert_int_equal(has(scene->client).number[FTPNAT_HAS_HALF_OPEN], 1);
		assert_int_equal(has(scene->client).number[FTPNAT_HAS_SESSIONS], 2);
	}
}

static void test_new_sessions(void **state)
{
	bool good = true;

	(void)state;
	limits((struct ftpnat_per_client){ .new_sessions = 3, .new_time = 3600 }, 0);
	for (uint16_t port = 40000; port < 40003; port++)
		good &= dials(NEAR4, port, 0);
	good &= dials(NEAR4, 40003, FTPNAT_CLIENT_NEW_SESSIONS);
	good &= dials(OTHER4, 40003, 0);
	good &= dials(NEAR6, 40003, 0);
	assert_true(good);
	assert_int_equal(has(NEAR4).number[FTPNAT_HAS_SESSIONS], 3);
	/* the rate is remembered without sessions */
	server_resets(40000);
	server_resets(40001);
	server_resets(40002);
	dataplane_config()->limit[FTPNAT_CONTROL] = 1;
	dataplane_apply();
	assert_true(has(NEAR4).next > 0);
}

static bool waits_until_forgotten(const char *client)
{
	for (int i = 0; i < 500; i++) {
		if (!has(client).next)
			return true;
		usleep(10000);
	}
	return false;
}

/* When a client without sessions may dial as before, nothing is kept of it. */
static void test_forgotten(void **state)
{
	struct packet_spec spec = syn4;
	struct counters before;
	struct packet packet;
	struct run run;

	(void)state;
	limits((struct ftpnat_per_client){ .new_sessions = 1, .new_time = 1 }, 0);
	assert_true(dials(NEAR4, 40000, 0));
	dataplane_config()->limit[FTPNAT_CONTROL] = 1;
	dataplane_apply();
	spec.src = OTHER4;
	syn_build(&packet, &spec);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_true(dataplane_counted("replaces", &before, FTPNAT_FORWARDED, replaces));
	assert_int_equal(has(NEAR4).number[FTPNAT_HAS_SESSIONS], 0);
	assert_true(waits_until_forgotten(NEAR4));
	assert_int_equal(has(OTHER4).number[FTPNAT_HAS_SESSIONS], 1);
}

/* ---- failed logins ---- */

#define REFUSES "530 Login incorrect.\r\n"
#define ENDS	"421 Too many failed logins, try again later.\r\n"

static const struct login_row {
	const char *says;
	__u32 limit; /* 0: they are not counted */
	struct step steps[16];
	__u32 failed; /* of the client, at the end */
} logins[] = {
	{ "the second failure bans",
	  2,
	  { S("220 hello\r\n"), C("USER a\r\n"), S("331 go on\r\n"), C("PASS b\r\n"),
	    S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), C("USER a\r\n"),
	    S("331 go on\r\n"), C("pass c\r\n"),
	    S(REFUSES, ENDS, .also = { FTPNAT_LOGIN_BANNED }) },
	  2 },
	{ "a login that succeeds",
	  1,
	  { S("220 hello\r\n"), C("USER a\r\n"), S("331 go on\r\n"), C("PASS b\r\n"),
	    S("230 welcome\r\n") },
	  0 },
	{ "530 to what is not a password",
	  1,
	  { S("220 hello\r\n"), C("PWD\r\n"), S(REFUSES), C("PASSWORD b\r\n"), S(REFUSES),
	    C("USER PASS\r\n"), S(REFUSES) },
	  0 },
	{ "another refusal of a password",
	  1,
	  { S("220 hello\r\n"), C("PASS b\r\n"), S("503 USER first\r\n") },
	  0 },
	{ "more replies than commands",
	  2,
	  { S("220 hello\r\n"), C("long\r\n"), C("USER a\r\n"), C("PASS b\r\n"),
	    S("500 what\r\n"), S("500 what\r\n"), S("331 go on\r\n"),
	    S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), C("USER a\r\n"), C("PASS b\r\n"),
	    S("331 go on\r\n"), S(REFUSES, ENDS, .also = { FTPNAT_LOGIN_BANNED }) },
	  2 },
	{ "more replies, among them one to a password",
	  2,
	  { S("220 hello\r\n"), C("long\r\n"), C("PASS b\r\n"), S("500 what\r\n"),
	    S("500 what\r\n"), S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), C("PWD\r\n"),
	    S(REFUSES) },
	  1 },
	{ "fewer replies than commands",
	  2,
	  { S("220 hello\r\n"), C("NOOP\r\n"), C("NOOP\r\n"), C("USER a\r\n"),
	    C("PASS b\r\n"), S("200 ok\r\n"), S("331 go on\r\n"),
	    S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), C("USER a\r\n"),
	    S("331 go on\r\n"), C("PASS c\r\n"),
	    S(REFUSES, ENDS, .also = { FTPNAT_LOGIN_BANNED }) },
	  2 },
	{ "530 while a password waits counts for it, once",
	  2,
	  { S("220 hello\r\n"), C("PWD\r\n"), C("USER a\r\n"), C("PASS b\r\n"),
	    S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), S("331 go on\r\n"), S(REFUSES),
	    C("PWD\r\n"), S(REFUSES) },
	  1 },
	{ "530 that began before the password",
	  1,
	  { S("220 hello\r\n"), C("PWD\r\n"), S("530 Login"), C("PASS b\r\n"),
	    S(" first.\r\n"), S("230 welcome\r\n") },
	  0 },
	{ "where they are not counted",
	  0,
	  { S("220 hello\r\n"), C("PASS b\r\n"), S(REFUSES), C("PASS b\r\n"),
	    S(REFUSES) },
	  0 },
};

static size_t bans_number(void)
{
	int fd = dataplane_fd("ftpnat_bans");
	struct ftpnat_ban_key key;
	size_t n = 0;

	for (; !bpf_map_get_next_key(fd, NULL, &key); n++)
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	return n;
}

static void test_login(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, KEEP6, FULL4, MASQ6 };
	const struct login_row *row = *state;

	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct ftpnat_rule rule = scene_rule(scene);
		struct talk talk;

		rule.per_client.failed_logins = row->limit;
		rule.per_client.failed_time = 600;
		rule.per_client.ban_time = 600;
		scene_configure(scene, &rule);
		bans_number();
		talk_init(&talk, scene);
		talk_open(&talk);
		assert_true(talk_steps(&talk, row->says, row->steps));
		assert_int_equal(has(scene->client).number[FTPNAT_HAS_FAILED],
				 row->failed);
		assert_int_equal(bans_number(), row->limit && row->failed == row->limit);
	}
}

/* A ban by hand that holds for longer stays as it is. */
static void test_login_of_banned(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	struct ftpnat_ban_key key = { .len = FTPNAT_BAN_FIXED + 128,
				      .family = FTPNAT_V4 };
	struct ftpnat_ban by_hand = { .len = key.len }, kept;
	struct talk talk;

	(void)state;
	rule.per_client.failed_logins = 2;
	rule.per_client.failed_time = 600;
	rule.per_client.ban_time = 600;
	scene_configure(scene, &rule);
	bans_number();
	talk_init(&talk, scene);
	talk_open(&talk);
	key.addr = address(scene->client);
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_bans"), &key, &by_hand,
					     BPF_ANY),
			 0);
	assert_true(talk_steps(&talk, "banned for good", logins[0].steps));
	assert_int_equal(bpf_map_lookup_elem(dataplane_fd("ftpnat_bans"), &key, &kept),
			 0);
	assert_int_equal(kept.until, 0);
	assert_int_equal(bans_number(), 1);
}

/* ---- without any limit: shares ---- */

#define TABLE 100 /* three quarters: 75; a share, which is the least one: 64 */

static void test_share(void **state)
{
	uint16_t port = 40000;
	bool good = true;

	(void)state;
	limits((struct ftpnat_per_client){ 0 }, 0);
	dataplane_config()->limit[FTPNAT_CONTROL] = TABLE;
	dataplane_apply();
	for (int i = 0; i < 70; i++)
		good &= dials(NEAR4, port++, 0);
	for (int i = 0; i < 6; i++)
		good &= dials(OTHER4, port++, 0);
	good &= dials(NEAR4, port++, FTPNAT_CLIENT_SHARE);
	good &= dials(OTHER4, port++, 0);
	good &= dials(OTHER6, port++, 0);
	assert_true(good);
	assert_int_equal(has(NEAR4).number[FTPNAT_HAS_SESSIONS], 70);
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
	talk_init(talk, other);
	talk->client_port = talk->seen_port = CLIENT_PORT + 1;
}

/* An announced data connection from this port of the client: does it go on, or is it refused? */
static bool data_dials(struct talk *talk, uint16_t port, enum ftpnat_reason refused)
{
	struct packet_spec in, out;

	data_announce(talk);
	in = data_sent(talk, CLIENT);
	out = data_heard(talk, CLIENT);
	in.flags = out.flags = SYN;
	in.sport = out.sport = port;
	return check_from("data SYN", talk, CLIENT, &in, refused ? &in : &out,
			  refused ? refused : talk_reason(talk),
			  refused ? NULL : data_arrives);
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

		scene_configure(scene, NULL);
		dataplane_config()->limit[FTPNAT_DATA] = TABLE;
		dataplane_apply();
		talk_init(&talk, scene);
		talk_open(&talk);
		other_talk(&second, &other, scene);
		talk_open(&second);
		for (int n = 0; n < 70; n++)
			good &= data_dials(&talk, port++, 0);
		for (int n = 0; n < 6; n++)
			good &= data_dials(&second, port++, 0);
		good &= data_dials(&talk, port++, FTPNAT_CLIENT_SHARE);
		good &= data_dials(&second, port++, 0);
		assert_true(good);
		assert_int_equal(has(scene->client).number[FTPNAT_HAS_DATA], 70);
		assert_int_equal(has(other.client).number[FTPNAT_HAS_DATA], 7);
	}
}

static bool known(const char *client)
{
	struct ftpnat_client_key key = { .addr = address(client) };
	struct ftpnat_client value;

	if (strchr(client, ':'))
		memset(key.addr.octet + 8, 0, 8);
	return !bpf_map_lookup_elem(dataplane_fd("ftpnat_clients"), &key, &value);
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
		assert_int_equal(has(scene->client).number[FTPNAT_HAS_SESSIONS], 0);
		assert_int_equal(has(scene->client).number[FTPNAT_HAS_DATA], 1);
		assert_true(known(scene->client));

		assert_true(data_check("its data connection, too", &talk, SERVER,
				       RST | ACK, NULL, data_ends));
		assert_true(data_dials(&second, DATA_PORT + 2, 0));
		assert_false(known(scene->client));
		assert_int_equal(has(other.client).number[FTPNAT_HAS_DATA], 1);
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
	struct packet_spec spec = syn6;
	struct counters before;
	struct packet packet;
	struct run run;
	bool good = true;

	(void)state;
	limits((struct ftpnat_per_client){ 0 }, 0);
	dataplane_config()->limit[FTPNAT_CONTROL] = TABLE;
	dataplane_apply();
	for (uint16_t port = 40000; port < 40050; port++)
		good &= dials(NEAR4, port, 0);
	age(11);
	for (uint16_t port = 40000; port < 40026; port++)
		good &= dials(OTHER4, port, 0);
	assert_true(good);
	assert_int_equal(of_rule(), 76);
	syn_build(&packet, &spec);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_true(dataplane_counted("an old one goes", &before, FTPNAT_FORWARDED,
				      replaces));
	assert_int_equal(of_rule(), 76);
	assert_int_equal(has(NEAR4).number[FTPNAT_HAS_SESSIONS], 49);
}

/* A full table of clients refuses nobody. */
static void test_clients_full(void **state)
{
	static const enum ftpnat_reason uncounted[] = { FTPNAT_CLIENTS_FULL,
							FTPNAT_REASON_MAX };
	struct ftpnat_client_key key = { .rule = 7 };
	struct ftpnat_client value = { .number = { 1 } };
	int fd = dataplane_fd("ftpnat_clients");
	struct packet_spec spec = syn4;
	struct counters before;
	struct packet packet;
	struct run run;

	(void)state;
	limits((struct ftpnat_per_client){ .sessions = 1 }, 0);
	while (!bpf_map_update_elem(fd, &key, &value, BPF_NOEXIST))
		key.addr.w[0]++;
	for (uint16_t port = 40000; port < 40003; port++) {
		spec.sport = port;
		syn_build(&packet, &spec);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
		assert_true(dataplane_counted("not counted", &before, FTPNAT_FORWARDED,
					      uncounted));
	}
	assert_int_equal(of_rule(), 3);
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(test_share_of_data),
		cmocka_unit_test(test_data_outlives_its_session),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_ended_sessions_are_not_counted),
		cmocka_unit_test(test_ended_make_room),
		cmocka_unit_test(test_rule_sessions),
		cmocka_unit_test(test_rule_half_open),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_new_sessions),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_login_of_banned),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_old_half_open),
		cmocka_unit_test(test_clients_full),
	};
	size_t n = 14;

	n += rows_as_tests(tests + n, logins, ARRAY_SIZE(logins), sizeof(logins[0]),
			   test_login);
	return _cmocka_run_group_tests("tc_clients", tests, n, dataplane_setup,
				       dataplane_teardown);
}
