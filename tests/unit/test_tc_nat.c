// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Connections: which are opened and to where, translated both ways, refused. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/talk.h"
#include "base/util.h"

/* ---- a whole connection, in every kind of rule ---- */

struct row {
	const char *says;
	struct step steps[12];
};

static const struct row connections[] = {
	{ "greeting, commands, replies, client closes",
	  .steps = { S("220 hello\r\n"), C("USER anonymous\r\n"), S("331 go on\r\n"),
		     C(NULL, .flags = ACK), C("QUIT\r\n"), S("221 bye\r\n"),
		     C(NULL, .flags = FIN | ACK), S(NULL, .flags = ACK),
		     S(NULL, .flags = FIN | ACK),
		     C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }) } },
	{ "server closes",
	  .steps = { S("421 no\r\n", .flags = FIN | PSH | ACK), C(NULL, .flags = ACK),
		     C(NULL, .flags = FIN | ACK),
		     S(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }) } },
	{ "client resets",
	  .steps = { C("NOOP\r\n"),
		     C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED }) } },
	{ "client resets, with ACK",
	  .steps = { C("NOOP\r\n"),
		     C(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED }) } },
	{ "server resets",
	  .steps = { C("NOOP\r\n"),
		     S(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED }) } },
	{ "urgent data: its mark is not held back, it is why it was sent (RFC 959, ABOR)",
	  .steps = { C("\xff\xf4\xff", .flags = URG | ACK),
		     C("\xf2"
		       "ABOR\r\n"),
		     S("226 ok\r\n") } },
	{ "ECN marks", .steps = { C("NOOP\r\n", .flags = PSH | ACK | ECE),
				  S("200 ok\r\n", .flags = PSH | ACK | CWR) } },
};

static void test_connection(void **state)
{
	const struct row *row = *state;
	bool good = true;

	for (enum scene_id id = 0; id < SCENES; id++) {
		struct talk talk;

		talk_begin(&talk, id);
		assert_int_equal(dataplane_flows(), 2);
		assert_int_equal(dataplane_sessions(), 1);
		good &= talk_steps(&talk, row->says, row->steps);
		talk.timestamps = false;
		good &= talk_step(&talk, "without timestamps",
				  &(struct step)S(NULL, .flags = ACK,
						  .also = { FTPNAT_IGNORED }));
	}
	assert_true(good);
}

static void test_refused_by_the_server(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = 0; id < SCENES; id++) {
		static const struct step steps[] = {
			C(NULL, .flags = SYN),
			S(NULL, .flags = RST | ACK,
			  .also = { FTPNAT_CONTROL_UNANSWERED }),
			{ 0 },
		};
		struct talk talk;

		scene_configure(scene_get(id), NULL);
		talk_init(&talk, scene_get(id));
		good &= talk_steps(&talk, "connection refused", steps);
	}
	assert_true(good);
}

/* RFC 9293 section 3.5.2: the server still has an earlier connection and says so. */
static void test_left_over_at_the_server(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = 0; id < SCENES; id++) {
		static const struct step steps[] = {
			C(NULL, .flags = SYN),
			S(NULL, .flags = ACK, .also = { FTPNAT_IGNORED }),
			C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_UNANSWERED }),
			C(NULL, .flags = SYN),
			{ 0 },
		};
		struct talk talk;

		scene_configure(scene_get(id), NULL);
		talk_init(&talk, scene_get(id));
		good &= talk_steps(&talk, "half-open connection", steps);
	}
	assert_true(good);
}

/* Both entries, their counters and their destinations. */
static void test_entries(void **state)
{
	static const struct step steps[] = {
		C("NOOP\r\n"), S("200 ok\r\n"), C(NULL, .flags = FIN | ACK), { 0 }
	};
	struct ftpnat_tuple there, translated, back;
	struct ftpnat_flow flow;
	struct ftpnat_rule_stats stats;
	struct ftpnat_usage usage;
	struct talk talk;

	(void)state;
	talk_begin(&talk, FULL4);
	assert_true(talk_steps(&talk, "steps", steps));
	there = tuple("198.51.100.7", CLIENT_PORT, "192.0.2.10", 21);
	translated = tuple("10.9.0.1", CLIENT_PORT, "10.9.0.10", 2121);
	back = tuple("10.9.0.10", 2121, "10.9.0.1", CLIENT_PORT);

	assert_true(dataplane_flow(&there, &flow));
	assert_memory_equal(&flow.to, &translated, sizeof(flow.to));
	assert_int_equal(flow.packets, 4);
	assert_int_equal(flow.bytes, 4 * 52 + 6);
	assert_int_equal(flow.rule, 0);
	assert_int_equal(flow.kind, FTPNAT_CONTROL);
	assert_int_equal(flow.flags,
			 FTPNAT_FLOW_CLIENT | FTPNAT_FLOW_SERVED | FTPNAT_FLOW_COUNTED);
	assert_int_equal(flow.tcp, FTPNAT_TCP_SYN | FTPNAT_TCP_ACK | FTPNAT_TCP_FIN |
					   FTPNAT_TCP_OPENED);

	assert_true(dataplane_flow(&back, &flow));
	translated = tuple("192.0.2.10", 21, "198.51.100.7", CLIENT_PORT);
	assert_memory_equal(&flow.to, &translated, sizeof(flow.to));
	assert_int_equal(flow.packets, 3);
	assert_int_equal(flow.bytes, 3 * 52 + 8);
	assert_int_equal(flow.flags, FTPNAT_FLOW_SERVED | FTPNAT_FLOW_COUNTED);
	assert_int_equal(flow.tcp, FTPNAT_TCP_ESTABLISHED | FTPNAT_TCP_PEER);
	assert_int_equal(flow.end, talk.isn[SERVER] + 1); /* the session has the rest */

	dataplane_stats(0, &stats);
	assert_int_equal(stats.sessions, 1);
	assert_int_equal(stats.packets[FTPNAT_FROM_CLIENT], 4);
	assert_int_equal(stats.packets[FTPNAT_FROM_SERVER], 3);
	assert_int_equal(stats.bytes[FTPNAT_FROM_CLIENT], 4 * 52 + 6);
	assert_int_equal(stats.bytes[FTPNAT_FROM_SERVER], 3 * 52 + 8);
	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_CONTROL], 1);
	assert_int_equal(usage.flows[FTPNAT_DATA], 0);
}

/* ---- where a SYN goes ---- */

static void test_who_is_masqueraded(void **state)
{
	static const struct {
		const char *says, *src;
		uint16_t dport;
		bool ours;
		const char *dst;
	} rows[] = {
		{ "first of the prefix", "192.168.5.0", 21, true, NULL },
		{ "last of the prefix", "192.168.5.255", 21, true, NULL },
		{ "below the prefix", "192.168.4.255", 21, false, NULL },
		{ "above the prefix", "192.168.6.0", 21, false, NULL },
		{ "another control port", "192.168.5.7", 2121, true, NULL },
		{ "no control port", "192.168.5.7", 22, false, NULL },
		{ "no control port, other byte order", "192.168.5.7", 0x1500, false,
		  NULL },
		{ "to this host itself", "192.168.5.7", 21, false, "192.168.5.1" },
		{ "to this host's other side", "192.168.5.7", 21, false, "203.0.113.7" },
	};
	const struct scene *scene = scene_get(MASQ4);
	bool good = true;

	(void)state;
	scene_configure(scene, NULL);
	dataplane_select(1, scene->prefix, 2121, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct talk talk;
		struct packet_spec in, out;

		talk_init(&talk, scene);
		in = talk_syn(&talk);
		in.src = rows[i].src;
		in.dst = rows[i].dst ? rows[i].dst : in.dst;
		in.dport = rows[i].dport;
		in.sport = (uint16_t)(50000 + i);
		out = rows[i].ours ? talk_syn_heard(&talk) : in;
		out.dport = rows[i].dport;
		out.sport = in.sport;
		good &= check_from(rows[i].says, &talk, CLIENT, &in, &out,
				   rows[i].ours ? FTPNAT_FORWARDED : FTPNAT_PASS, NULL);
	}
	assert_true(good);
}

static void test_first_selector_wins(void **state)
{
	const struct scene *scene = scene_get(MASQ4);
	struct ftpnat_rule other = scene_rule(scene);
	struct packet_spec in, out;
	struct talk talk;
	bool good = true;

	(void)state;
	scene_configure(scene, NULL);
	other.address[FTPNAT_V4] = address("198.51.100.1");
	dataplane_rule(1, &other);
	dataplane_select(0, "192.168.5.7", 21, 1);
	dataplane_select(1, "192.168.0.0/16", 21, 0);
	talk_init(&talk, scene);
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	out.src = "198.51.100.1";
	good &= check_from("the narrower, first", &talk, CLIENT, &in, &out,
			   FTPNAT_FORWARDED, NULL);
	in.src = "192.168.5.8";
	out.src = "203.0.113.7";
	good &= check_from("the wider, second", &talk, CLIENT, &in, &out,
			   FTPNAT_FORWARDED, NULL);
	assert_true(good);
}

static void no_server(void)
{
	struct ftpnat_rule rule = scene_rule(scene_get(KEEP4));

	rule.weight[FTPNAT_V4] = 0;
	dataplane_rule(0, &rule);
}

static void only_servers_of_the_other_family(void)
{
	struct ftpnat_rule rule = scene_rule(scene_get(KEEP4));

	rule.weight[FTPNAT_V6] = 1;
	rule.weight[FTPNAT_V4] = 0;
	dataplane_server(0, "fd00:9::10", 21, NULL, 1);
	dataplane_rule(0, &rule);
}

static void no_source(void)
{
	struct ftpnat_rule rule = scene_rule(scene_get(KEEP4));

	rule.source = FTPNAT_SOURCE_ADDRESS;
	dataplane_server(0, "10.9.0.10", 2121, NULL, 1);
	dataplane_rule(0, &rule);
}

static void no_control(void)
{
	dataplane_config()->limit[FTPNAT_CONTROL] = 0;
	dataplane_apply();
}

static void test_refused(void **state)
{
	static const struct {
		const char *says;
		void (*arrange)(void);
		enum ftpnat_reason reason;
	} rows[] = {
		{ "no server in use", no_server, FTPNAT_NO_SERVER },
		{ "only servers of the other family", only_servers_of_the_other_family,
		  FTPNAT_NO_SERVER },
		{ "no source address for the server", no_source, FTPNAT_NO_ADDRESS },
		{ "limit of control connections 0", no_control, FTPNAT_CONTROL_FULL },
	};
	struct ftpnat_usage usage;
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet_spec in;
		struct talk talk;

		scene_configure(scene_get(KEEP4), NULL);
		rows[i].arrange();
		talk_init(&talk, scene_get(KEEP4));
		in = talk_syn(&talk);
		good &= check_from(rows[i].says, &talk, CLIENT, &in, &in, rows[i].reason,
				   NULL);
		assert_int_equal(dataplane_flows(), 0);
		dataplane_usage(&usage);
		assert_int_equal(usage.flows[FTPNAT_CONTROL], 0);
	}
	assert_true(good);
}

static void test_interface_without_address(void **state)
{
	struct packet_spec in;
	struct talk talk;

	(void)state;
	scene_configure(scene_get(IFACE4), NULL);
	talk_init(&talk, scene_get(IFACE4));
	dataplane_no_ifaddr(OUTER);
	in = talk_syn(&talk);
	assert_true(check_from("no address", &talk, CLIENT, &in, &in, FTPNAT_NO_ADDRESS,
			       NULL));
	assert_int_equal(dataplane_flows(), 0);
}

static void test_no_route(void **state)
{
	struct packet_spec in, out;
	struct packet packet;
	struct counters before;
	struct talk talk;
	struct run run, again;
	bool good;

	(void)state;
	scene_configure(scene_get(KEEP4), NULL);
	dataplane_server(0, "172.16.0.10", 2121, NULL, 1);
	talk_init(&talk, scene_get(KEEP4));
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	out.dst = "172.16.0.10";
	out.ttl = 64;
	good = check_from("left to the stack", &talk, CLIENT, &in, &out,
			  FTPNAT_TRANSLATED, NULL);
	/* should the stack know a way, our egress lets it pass */
	packet_build(&packet, &out);
	dataplane_counters(&before);
	dataplane_run(&run, EGRESS, INNER, &packet, 0);
	assert_int_equal(run.action, TC_UNSPEC);
	good &= packet_same("at egress", &packet, &run.packet);
	good &= dataplane_counted("at egress", &before, FTPNAT_SEEN, NULL);
	/* a SYN again finds the same way */
	packet_build(&packet, &in);
	dataplane_run(&again, INGRESS, OUTER, &packet, 0);
	good &= packet_same("again", &run.packet, &again.packet);
	assert_int_equal(dataplane_flows(), 2);
	assert_true(good);
}

/* ---- the same source port twice ---- */

static void get_tuple(const struct packet *packet, uint16_t *sport)
{
	const uint8_t *tcp = packet->byte + packet_tcp(packet);

	*sport = (uint16_t)(tcp[0] << 8 | tcp[1]);
}

static void test_same_port_of_two_clients(void **state)
{
	static const struct {
		enum scene_id id;
		const char *second;
	} rows[] = { { MASQ4, "192.168.5.8" },
		     { FULL4, "198.51.100.8" },
		     { MASQ6, "fd00:5::8" },
		     { FULL6, "2001:db8:1::8" } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct scene scene = *scene_get(rows[i].id);
		struct packet_spec in, out;
		struct talk first, second;
		struct packet packet, expected;
		struct run run;

		talk_begin(&first, rows[i].id);
		scene.client = rows[i].second;
		talk_init(&second, &scene);
		in = talk_syn(&second);
		packet_build(&packet, &in);
		dataplane_run(&run, INGRESS, scene.client_side, &packet, 0);
		assert_int_equal(run.action, TC_REDIRECT);
		get_tuple(&run.packet, &second.seen_port);
		assert_int_not_equal(second.seen_port, CLIENT_PORT);
		assert_true(second.seen_port >= 1024);
		out = talk_syn_heard(&second);
		packet_build(&expected, &out);
		good &= packet_same("the other port", &expected, &run.packet);
		/* the SYN again goes out of the same port */
		good &= check_from("again", &second, CLIENT, &in, &out, FTPNAT_FORWARDED,
				   NULL);
		/* replies find each its own client */
		second.sent[CLIENT] = second.heard[CLIENT] = 1;
		good &= talk_step(&second, "the second's SYN-ACK",
				  &(struct step)S(NULL, .flags = SYN | ACK));
		good &= talk_step(&first, "the first's greeting",
				  &(struct step)S("220 hello\r\n"));
	}
	assert_true(good);
}

/* ---- which server ---- */

#define SYNS 4000

static void test_weights(void **state)
{
	static const struct {
		const char *addr;
		__u16 weight;
	} servers[] = { { "10.9.0.10", 1 },
			{ "10.9.0.11", 0 },
			{ "fd00:9::10", 5 },
			{ "10.9.0.12", 3 },
			{ "10.9.0.13", 4 } };
	unsigned int hits[ARRAY_SIZE(servers)] = { 0 };
	struct ftpnat_rule rule = scene_rule(scene_get(KEEP4));
	struct talk talk;

	(void)state;
	scene_configure(scene_get(KEEP4), NULL);
	rule.servers = ARRAY_SIZE(servers);
	rule.first_server = 3;
	rule.weight[FTPNAT_V4] = 8;
	rule.weight[FTPNAT_V6] = 5;
	dataplane_rule(0, &rule);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		dataplane_server((__u16)(3 + i), servers[i].addr, 2121, NULL,
				 servers[i].weight);
	talk_init(&talk, scene_get(KEEP4));
	for (size_t n = 0; n < SYNS; n++) {
		struct packet_spec in = talk_syn(&talk);
		struct packet packet;
		struct run run;
		char dst[INET_ADDRSTRLEN];

		if (n % 50 == 0)
			dataplane_forget();
		in.sport = (uint16_t)(10000 + n);
		packet_build(&packet, &in);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
		assert_int_equal(run.action, TC_REDIRECT);
		inet_ntop(AF_INET, run.packet.byte + 30, dst, sizeof(dst));
		for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
			hits[i] += !strcmp(dst, servers[i].addr);
	}
	/* eight standard deviations and more on either side */
	assert_in_range(hits[0], SYNS / 8 - 200, SYNS / 8 + 200);
	assert_int_equal(hits[1], 0);
	assert_int_equal(hits[2], 0);
	assert_in_range(hits[3], 3 * SYNS / 8 - 260, 3 * SYNS / 8 + 260);
	assert_in_range(hits[4], SYNS / 2 - 260, SYNS / 2 + 260);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(connections) + 32];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_refused_by_the_server),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_left_over_at_the_server),
		cmocka_unit_test(test_who_is_masqueraded),
		cmocka_unit_test(test_first_selector_wins),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_interface_without_address),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_same_port_of_two_clients),
		cmocka_unit_test(test_weights),
	};
	size_t n = rows_as_tests(tests, connections, ARRAY_SIZE(connections),
				 sizeof(*connections), test_connection);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_nat", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
