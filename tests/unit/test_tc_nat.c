// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Connections: which are opened and to where, translated both ways, refused, ended. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"
#include "lib/talk.h"
#include "util.h"

static const enum ftpnat_reason opens[] = { FTPNAT_CONTROL_OPENED, FTPNAT_REASON_MAX };
static const enum ftpnat_reason opens_again[] = { FTPNAT_CONTROL_CLOSED,
						  FTPNAT_CONTROL_OPENED,
						  FTPNAT_REASON_MAX };

static void begin(struct talk *talk, enum scene_id id)
{
	scene_configure(scene_get(id), NULL);
	talk_init(talk, scene_get(id));
	talk_open(talk);
}

static bool check_from(const char *says, const struct talk *talk, enum end from,
		       const struct packet_spec *in, const struct packet_spec *out,
		       enum ftpnat_reason reason, const enum ftpnat_reason *also)
{
	return check_packet(says, talk_hook(talk, from), talk_side(talk, from), in, out,
			    reason, also);
}

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
		     S(NULL, .flags = FIN | ACK), C(NULL, .flags = ACK) } },
	{ "server closes",
	  .steps = { S("421 no\r\n", .flags = FIN | PSH | ACK), C(NULL, .flags = ACK),
		     C(NULL, .flags = FIN | ACK), S(NULL, .flags = ACK) } },
	{ "client resets", .steps = { C("NOOP\r\n"), C(NULL, .flags = RST) } },
	{ "client resets, with ACK",
	  .steps = { C("NOOP\r\n"), C(NULL, .flags = RST | ACK) } },
	{ "server resets", .steps = { C("NOOP\r\n"), S(NULL, .flags = RST | ACK) } },
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

		begin(&talk, id);
		assert_int_equal(dataplane_flows(), 2);
		assert_int_equal(dataplane_sessions(), 1);
		good &= talk_steps(&talk, row->says, row->steps);
		talk.timestamps = false;
		good &= talk_step(&talk, "without timestamps",
				  &(struct step)S(NULL, .flags = ACK));
	}
	assert_true(good);
}

static void test_refused_by_the_server(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = 0; id < SCENES; id++) {
		static const struct step steps[] = {
			C(NULL, .flags = SYN, .also = { FTPNAT_CONTROL_OPENED }),
			S(NULL, .flags = RST | ACK),
			{ 0 },
		};
		struct talk talk;

		scene_configure(scene_get(id), NULL);
		talk_init(&talk, scene_get(id));
		good &= talk_steps(&talk, "connection refused", steps);
	}
	assert_true(good);
}

/* Both entries, what they count and where they lead. */
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
	begin(&talk, FULL4);
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
	assert_int_equal(flow.flags, FTPNAT_FLOW_CLIENT | FTPNAT_FLOW_TIMER);
	assert_int_equal(flow.tcp, FTPNAT_TCP_SYN | FTPNAT_TCP_ACK | FTPNAT_TCP_FIN);
	assert_int_equal(flow.isn, talk.isn[CLIENT]);

	assert_true(dataplane_flow(&back, &flow));
	translated = tuple("192.0.2.10", 21, "198.51.100.7", CLIENT_PORT);
	assert_memory_equal(&flow.to, &translated, sizeof(flow.to));
	assert_int_equal(flow.packets, 3);
	assert_int_equal(flow.bytes, 3 * 52 + 8);
	assert_int_equal(flow.flags, 0);
	assert_int_equal(flow.tcp, FTPNAT_TCP_SYN | FTPNAT_TCP_ACK);
	assert_int_equal(flow.isn, talk.isn[SERVER]);

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

static struct packet_spec syn(const struct talk *talk)
{
	struct packet_spec spec = talk_sent(talk, CLIENT);

	spec.flags = SYN;
	return spec;
}

static struct packet_spec syn_heard(const struct talk *talk)
{
	struct packet_spec spec = talk_heard(talk, CLIENT);

	spec.flags = SYN;
	return spec;
}

static void test_who_is_masqueraded(void **state)
{
	static const struct {
		const char *says, *src;
		uint16_t dport;
		bool ours;
	} rows[] = {
		{ "first of the prefix", "192.168.5.0", 21, true },
		{ "last of the prefix", "192.168.5.255", 21, true },
		{ "below the prefix", "192.168.4.255", 21, false },
		{ "above the prefix", "192.168.6.0", 21, false },
		{ "another control port", "192.168.5.7", 2121, true },
		{ "no control port", "192.168.5.7", 22, false },
		{ "no control port, other byte order", "192.168.5.7", 0x1500, false },
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
		in = syn(&talk);
		in.src = rows[i].src;
		in.dport = rows[i].dport;
		in.sport = (uint16_t)(50000 + i);
		out = rows[i].ours ? syn_heard(&talk) : in;
		out.dport = rows[i].dport;
		out.sport = in.sport;
		good &= check_from(rows[i].says, &talk, CLIENT, &in, &out,
				   rows[i].ours ? FTPNAT_FORWARDED : FTPNAT_PASS,
				   rows[i].ours ? opens : NULL);
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
	in = syn(&talk);
	out = syn_heard(&talk);
	out.src = "198.51.100.1";
	good &= check_from("the narrower, first", &talk, CLIENT, &in, &out,
			   FTPNAT_FORWARDED, opens);
	in.src = "192.168.5.8";
	out.src = "203.0.113.7";
	good &= check_from("the wider, second", &talk, CLIENT, &in, &out,
			   FTPNAT_FORWARDED, opens);
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
		in = syn(&talk);
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
	in = syn(&talk);
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
	in = syn(&talk);
	out = syn_heard(&talk);
	out.dst = "172.16.0.10";
	out.ttl = 64;
	good = check_from("left to the stack", &talk, CLIENT, &in, &out,
			  FTPNAT_TRANSLATED, opens);
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
	static const enum scene_id ids[] = { MASQ4, FULL4, MASQ6, FULL6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct scene scene = *scene_get(ids[i]);
		struct packet_spec in, out;
		struct talk first, second;
		struct packet packet, expected;
		struct run run;

		begin(&first, ids[i]);
		scene.client = strchr(scene.client, ':')       ? "fd00:5::8" :
			       scene.kind == FTPNAT_MASQUERADE ? "192.168.5.8" :
								 "198.51.100.8";
		talk_init(&second, &scene);
		in = syn(&second);
		packet_build(&packet, &in);
		dataplane_run(&run, INGRESS, scene.client_side, &packet, 0);
		assert_int_equal(run.action, TC_REDIRECT);
		get_tuple(&run.packet, &second.seen_port);
		assert_int_not_equal(second.seen_port, CLIENT_PORT);
		assert_true(second.seen_port >= 1024);
		out = syn_heard(&second);
		packet_build(&expected, &out);
		good &= packet_same("the other port", &expected, &run.packet);
		/* the SYN again goes out of the same port */
		good &= check_from("again", &second, CLIENT, &in, &out, FTPNAT_FORWARDED,
				   NULL);
		/* replies find each its own client */
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
		struct packet_spec in = syn(&talk);
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

/* ---- hop limit ---- */

static void test_ttl(void **state)
{
	static const struct {
		const char *says;
		uint8_t in, out;
	} rows[] = { { "ttl 255", 255, 254 },
		     { "ttl 128", 128, 127 },
		     { "ttl 2", 2, 1 } };
	bool good = true;

	(void)state;
	for (enum scene_id id = 0; id < SCENES; id++) {
		const struct scene *scene = scene_get(id);
		bool local = scene->client_local || scene->server_local;

		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct packet_spec in, out;
			struct talk talk;

			scene_configure(scene, NULL);
			talk_init(&talk, scene);
			in = syn(&talk);
			in.ttl = rows[i].in;
			out = syn_heard(&talk);
			out.ttl = local ? rows[i].in : rows[i].out;
			good &= check_from(rows[i].says, &talk, CLIENT, &in, &out,
					   talk_reason(&talk), opens);
		}
	}
	assert_true(good);
}

static void test_ttl_1_to_the_gateway_itself(void **state)
{
	static const enum scene_id ids[] = { SERVER4, SERVER6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct packet_spec in, out;
		struct talk talk;

		scene_configure(scene_get(ids[i]), NULL);
		talk_init(&talk, scene_get(ids[i]));
		in = syn(&talk);
		in.ttl = 1;
		out = syn_heard(&talk);
		out.ttl = 1;
		good &= check_from("ttl 1", &talk, CLIENT, &in, &out, FTPNAT_TRANSLATED,
				   opens);
	}
	assert_true(good);
}

static uint32_t add16(uint32_t sum, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/*
 * The ICMP error about `in`, RFC 792 and RFC 4443: to its source, from the address that
 * it was for, quoting it as it came. Only the quoted TCP checksum is the gateway's choice.
 */
static void build_error(struct packet *error, const struct packet *in, uint8_t type4,
			uint8_t code4, uint8_t type6, uint32_t mtu,
			const struct packet *chosen)
{
	bool v6 = in->byte[12] == 0x86;
	size_t ip = v6 ? 40 : 20, quoted = ip + 20, icmp = 14 + ip;
	uint8_t *out = error->byte;
	uint32_t sum = 0;

	memset(error, 0, sizeof(*error));
	error->len = icmp + 8 + quoted;
	memcpy(out, in->byte + 6, 6);
	memcpy(out + 6, in->byte, 6);
	memcpy(out + 12, in->byte + 12, 2);
	if (v6) {
		out[14] = 0x60;
		out[19] = (uint8_t)(8 + quoted);
		out[20] = 58;
		out[21] = 64;
		memcpy(out + 22, in->byte + 38, 16);
		memcpy(out + 38, in->byte + 22, 16);
		sum = add16(58 + 8 + (uint32_t)quoted, out + 22, 32);
	} else {
		out[14] = 0x45;
		out[15] = 0xc0;
		out[17] = (uint8_t)(20 + 8 + quoted);
		out[22] = 64;
		out[23] = 1;
		memcpy(out + 26, in->byte + 30, 4);
		memcpy(out + 30, in->byte + 26, 4);
		sum = ~add16(0, out + 14, 20) & 0xffff;
		out[24] = (uint8_t)(sum >> 8);
		out[25] = (uint8_t)sum;
		sum = 0;
	}
	out[icmp] = v6 ? type6 : type4;
	out[icmp + 1] = v6 ? 0 : code4;
	out[icmp + 6] = (uint8_t)(mtu >> 8);
	out[icmp + 7] = (uint8_t)mtu;
	memcpy(out + icmp + 8, in->byte + 14, quoted);
	memcpy(out + icmp + 8 + ip + 16, chosen->byte + icmp + 8 + ip + 16, 2);
	sum = ~add16(sum, out + icmp, 8 + quoted) & 0xffff;
	out[icmp + 2] = (uint8_t)(sum >> 8);
	out[icmp + 3] = (uint8_t)sum;
}

static bool check_error(const char *says, enum side side, const struct packet_spec *in,
			enum ftpnat_reason reason, uint32_t mtu)
{
	struct packet packet, expected;
	struct counters before;
	struct run run;
	bool good = true;

	packet_build(&packet, in);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, side, &packet, 0);
	if (run.action != TC_REDIRECT) {
		printf("%s: returned %d\n", says, run.action);
		good = false;
	}
	build_error(&expected, &packet, mtu ? 3 : 11, mtu ? 4 : 0, mtu ? 2 : 3, mtu,
		    &run.packet);
	good &= packet_same(says, &expected, &run.packet);
	good &= dataplane_counted(says, &before, reason, NULL);
	return good;
}

static void test_ttl_1(void **state)
{
	static const enum scene_id ids[] = { KEEP4, KEEP6, FULL4, FULL6, MASQ4, MASQ6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct packet_spec in;
		struct talk talk;

		begin(&talk, ids[i]);
		in = talk_sent(&talk, CLIENT);
		in.seq = talk.isn[CLIENT] + talk.sent[CLIENT];
		in.ack = talk.isn[SERVER] + talk.heard[SERVER];
		in.flags = PSH | ACK;
		in.payload = "PASV\r\n";
		in.ttl = 1;
		good &= check_error("ttl 1", scene_get(ids[i])->client_side, &in,
				    FTPNAT_TTL, 0);
		/* it was not heard: when it comes again it is the first time */
		good &= talk_step(&talk, "then with more hops",
				  &(struct step)C("PASV\r\n"));
	}
	assert_true(good);
}

/* A SYN that dies here must not take a place in the table. */
static void test_syn_with_ttl_1_opens_nothing(void **state)
{
	struct packet_spec in;
	struct packet packet;
	struct run run;
	struct talk talk;

	(void)state;
	scene_configure(scene_get(KEEP4), NULL);
	talk_init(&talk, scene_get(KEEP4));
	in = syn(&talk);
	in.ttl = 1;
	packet_build(&packet, &in);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	assert_int_equal(dataplane_flows(), 0);
}

/* ---- data connections ---- */

/* What it carries is no business of ours, whatever it looks like. */
static void test_data_connection(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = 0; id < SCENES; id++) {
		struct ftpnat_rule_stats stats;
		struct ftpnat_usage usage;
		struct talk talk;

		data_open(&talk, id);
		good &= data_check("a PORT in a file", &talk, CLIENT, PSH | ACK,
				   "PORT 10,66,66,66,7,208\r\n", NULL);
		good &= data_check("half a PORT", &talk, CLIENT, PSH | ACK, "PORT", NULL);
		good &= data_check("a 227 in a file", &talk, SERVER, PSH | ACK,
				   "227 (10,9,0,10,10,10)\r\n", NULL);
		good &= data_check("FIN", &talk, SERVER, FIN | ACK, NULL, NULL);
		good &= data_check("FIN", &talk, CLIENT, FIN | ACK, NULL, NULL);
		good &= data_check("last ACK", &talk, SERVER, ACK, NULL, NULL);
		dataplane_usage(&usage);
		assert_int_equal(usage.flows[FTPNAT_CONTROL], 1);
		assert_int_equal(usage.flows[FTPNAT_DATA], 1);
		dataplane_stats(0, &stats);
		assert_int_equal(stats.data_connections, 1);
	}
	assert_true(good);
}

static char bulk[3000];

/* The next hop is looked up once per second only, and control packets leave the long way. */
static void test_at_once(void **state)
{
	(void)state;
	for (enum scene_id id = 0; id < SERVER4; id++) {
		struct packet_spec in;
		struct packet packet;
		struct talk talk;
		struct run run;

		data_open(&talk, id);
		for (enum end from = CLIENT; from <= SERVER; from++) {
			in = data_sent(&talk, from);
			packet_build(&packet, &in);
			for (int i = 0; i < 10; i++) { /* a second may begin in between */
				dataplane_run(&run, INGRESS, talk_side(&talk, from),
					      &packet, 0);
				if (run.at_once)
					break;
			}

			if (!run.at_once)
				fail_msg("%s from %d: not at once", talk.scene->name,
					 from);
			in.flags = FIN | ACK;
			packet_build(&packet, &in);
			dataplane_run(&run, INGRESS, talk_side(&talk, from), &packet, 0);
			assert_false(run.at_once);
		}
	}
}

static void test_gso(void **state)
{
	static const enum scene_id ids[] = { KEEP4, KEEP6, FULL4, MASQ6 };
	bool good = true;

	(void)state;
	memset(bulk, 'x', sizeof(bulk));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct packet packet, expected;
		struct packet_spec in, out;
		struct talk talk;
		struct run run;

		data_open(&talk, ids[i]);
		for (enum end from = CLIENT; from <= SERVER; from++) {
			in = data_sent(&talk, from);
			out = data_heard(&talk, from);
			in.payload = out.payload = bulk;
			in.payload_len = out.payload_len = sizeof(bulk);
			packet_build(&packet, &in);
			packet_build(&expected, &out);
			dataplane_run(&run, INGRESS, talk_side(&talk, from), &packet,
				      1400);
			good &= run.action == TC_REDIRECT;
			good &= packet_same("a GSO frame above the MTU", &expected,
					    &run.packet);
			good &= run.ctx.gso_size == 1400;
		}
	}
	assert_true(good);
}

static void test_too_big(void **state)
{
	static const enum scene_id ids[] = { KEEP4, KEEP6, FULL4, FULL6, MASQ4, MASQ6 };
	bool good = true;

	(void)state;
	memset(bulk, 'x', sizeof(bulk));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct packet_spec in;
		struct talk talk;

		data_open(&talk, ids[i]);
		in = data_sent(&talk, CLIENT);
		in.payload = bulk;
		in.payload_len = 1501 - 20 - (strchr(in.src, ':') ? 40 : 20);
		good &= check_error("one byte above the MTU", talk.scene->client_side,
				    &in, FTPNAT_TOO_BIG, 1500);
		in.payload_len--;
		{
			struct packet_spec out = data_heard(&talk, CLIENT);

			out.payload = bulk;
			out.payload_len = in.payload_len;
			good &= check_from("the MTU", &talk, CLIENT, &in, &out,
					   FTPNAT_FORWARDED, NULL);
		}
	}
	assert_true(good);
}

/* What may be fragmented is the stack's to fragment. */
static void test_too_big_without_df(void **state)
{
	struct packet packet, expected;
	struct packet_spec in, out;
	struct counters before;
	struct talk talk;
	struct run run;

	(void)state;
	data_open(&talk, KEEP4);
	in = data_sent(&talk, CLIENT);
	out = data_heard(&talk, CLIENT);
	out.ttl = 64;
	in.payload = out.payload = bulk;
	in.payload_len = out.payload_len = 2000;
	packet_build(&packet, &in);
	packet_build(&expected, &out);
	packet.byte[20] = expected.byte[20] = 0;
	packet_checksums(&packet);
	packet_checksums(&expected);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_int_equal(run.action, TC_UNSPEC);
	assert_true(packet_same("without DF", &expected, &run.packet));
	assert_true(dataplane_counted("without DF", &before, FTPNAT_TRANSLATED, NULL));
}

/* ---- limits: the new is refused, the old lives ---- */

static void test_control_full(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_usage usage;
	struct packet_spec in, out;
	struct talk old, new;

	(void)state;
	begin(&old, KEEP4);
	dataplane_config()->limit[FTPNAT_CONTROL] = 1;
	dataplane_apply();
	talk_init(&new, scene);
	new.client_port = new.seen_port = CLIENT_PORT + 1;
	in = syn(&new);
	out = syn_heard(&new);
	for (int i = 0; i < 3; i++)
		assert_true(check_from("refused", &new, CLIENT, &in, &in,
				       FTPNAT_CONTROL_FULL, NULL));
	assert_true(talk_step(&old, "the old lives", &(struct step)S("220 hello\r\n")));
	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_CONTROL], 1);
	assert_int_equal(dataplane_flows(), 2);

	/* what has ended makes room */
	assert_true(talk_step(&old, "the old ends",
			      &(struct step)C(NULL, .flags = RST | ACK)));
	assert_true(check_from("now", &new, CLIENT, &in, &out, FTPNAT_FORWARDED,
			       opens_again));
	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_CONTROL], 1);
	assert_int_equal(dataplane_flows(), 2);
}

static void test_data_full(void **state)
{
	struct ftpnat_usage usage;
	struct packet_spec in;
	struct talk talk;

	(void)state;
	begin(&talk, KEEP4);
	data_announce(&talk);
	dataplane_config()->limit[FTPNAT_DATA] = 0;
	dataplane_apply();
	in = data_sent(&talk, CLIENT);
	in.flags = SYN;
	assert_true(
		check_from("refused", &talk, CLIENT, &in, &in, FTPNAT_DATA_FULL, NULL));
	assert_int_equal(dataplane_doors(), 1);
	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_DATA], 0);
	assert_true(talk_step(&talk, "control lives", &(struct step)C("NOOP\r\n")));

	dataplane_config()->limit[FTPNAT_DATA] = 1;
	dataplane_apply();
	assert_true(
		data_check("its retransmission", &talk, CLIENT, SYN, NULL, data_opens));
}

/* ---- the same tuple again ---- */

static void test_syn_after_the_end(void **state)
{
	static const struct {
		const char *says;
		struct step steps[6];
		bool ended;
	} rows[] = {
		{ "after a reset of the client", { C(NULL, .flags = RST | ACK) }, true },
		{ "after a reset of the server", { S(NULL, .flags = RST | ACK) }, true },
		{ "after FIN of both",
		  { C(NULL, .flags = FIN | ACK), S(NULL, .flags = FIN | ACK),
		    C(NULL, .flags = ACK) },
		  true },
		{ "after FIN of the client alone",
		  { C(NULL, .flags = FIN | ACK) },
		  false },
		{ "after FIN of the server alone",
		  { S(NULL, .flags = FIN | ACK) },
		  false },
		{ "in the midst of it", { C("NOOP\r\n") }, false },
	};
	static const enum scene_id ids[] = { KEEP4, FULL4, MASQ4, KEEP6, FULL6, MASQ6 };
	bool good = true;

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(ids); n++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct packet_spec in, out;
			struct talk talk;

			begin(&talk, ids[n]);
			good &= talk_steps(&talk, rows[i].says, rows[i].steps);
			talk_init(&talk, scene_get(ids[n]));
			talk.isn[CLIENT] = talk.isn[SERVER] = 0x11111111;
			in = syn(&talk);
			out = syn_heard(&talk);
			in.seq = out.seq = talk.isn[CLIENT];
			good &= check_from(rows[i].says, &talk, CLIENT, &in, &out,
					   FTPNAT_FORWARDED,
					   rows[i].ended ? opens_again : NULL);
			assert_int_equal(dataplane_flows(), 2);
			if (!rows[i].ended)
				continue;
			talk.sent[CLIENT] = talk.heard[CLIENT] = 1;
			good &= talk_step(&talk, "its answer",
					  &(struct step)S(NULL, .flags = SYN | ACK));
			good &= talk_step(&talk, "its first command",
					  &(struct step)C("NOOP\r\n"));
		}
	}
	assert_true(good);
}

/* ---- configuration that changes under a connection ---- */

static void test_other_half_of_the_configuration(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	struct packet_spec in, out;
	struct talk old, new;
	bool good = true;

	(void)state;
	begin(&old, KEEP4);
	dataplane_config()->slot = 1;
	dataplane_rule(0, &rule);
	dataplane_listen("192.0.2.10", 21, 0);
	dataplane_server(0, "10.9.0.11", 2122, NULL, 1);
	dataplane_apply();
	talk_init(&new, scene);
	new.client_port = new.seen_port = CLIENT_PORT + 1;
	in = syn(&new);
	good &= check_from("interface not in it", &new, CLIENT, &in, &in, FTPNAT_PASS,
			   NULL);
	dataplane_attached(OUTER, 1 << 1);
	out = syn_heard(&new);
	out.dst = "10.9.0.11";
	out.dport = 2122;
	good &= check_from("the new server", &new, CLIENT, &in, &out, FTPNAT_FORWARDED,
			   opens);
	good &= talk_step(&old, "the old one's connection", &(struct step)C("NOOP\r\n"));
	in.dst = "192.0.2.11";
	good &= check_from("no rule", &new, CLIENT, &in, &in, FTPNAT_PASS, NULL);
	assert_true(good);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(connections) + 32];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_refused_by_the_server),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_who_is_masqueraded),
		cmocka_unit_test(test_first_selector_wins),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_interface_without_address),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_same_port_of_two_clients),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_ttl_1),
		cmocka_unit_test(test_ttl_1_to_the_gateway_itself),
		cmocka_unit_test(test_syn_with_ttl_1_opens_nothing),
		cmocka_unit_test(test_data_connection),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_gso),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_too_big_without_df),
		cmocka_unit_test(test_control_full),
		cmocka_unit_test(test_data_full),
		cmocka_unit_test(test_syn_after_the_end),
		cmocka_unit_test(test_other_half_of_the_configuration),
	};
	size_t n = rows_as_tests(tests, connections, ARRAY_SIZE(connections),
				 sizeof(*connections), test_connection);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_nat", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
