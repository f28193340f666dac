// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Duties of a router: hop limit, MTU, ICMP errors; data connections, GSO and next hops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "lib/talk.h"
#include "base/util.h"

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
			in = talk_syn(&talk);
			in.ttl = rows[i].in;
			out = talk_syn_heard(&talk);
			out.ttl = local ? rows[i].in : rows[i].out;
			good &= check_from(rows[i].says, &talk, CLIENT, &in, &out,
					   talk_reason(&talk), NULL);
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
		in = talk_syn(&talk);
		in.ttl = 1;
		out = talk_syn_heard(&talk);
		out.ttl = 1;
		good &= check_from("ttl 1", &talk, CLIENT, &in, &out, FTPNAT_TRANSLATED,
				   NULL);
	}
	assert_true(good);
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
	uint32_t pseudo = 0; /* header, of ICMPv6 only */

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
		pseudo = sum16(58 + 8 + (uint32_t)quoted, out + 22, 32);
	} else {
		out[14] = 0x45;
		out[15] = 0xc0;
		out[17] = (uint8_t)(20 + 8 + quoted);
		out[22] = 64;
		out[23] = 1;
		memcpy(out + 26, in->byte + 30, 4);
		memcpy(out + 30, in->byte + 26, 4);
		put16(out + 24, (uint16_t)~sum16(0, out + 14, 20));
	}
	out[icmp] = v6 ? type6 : type4;
	out[icmp + 1] = v6 ? 0 : code4;
	put16(out + icmp + 6, mtu);
	memcpy(out + icmp + 8, in->byte + 14, quoted);
	memcpy(out + icmp + 8 + ip + 16, chosen->byte + icmp + 8 + ip + 16, 2);
	put16(out + icmp + 2, (uint16_t)~sum16(pseudo, out + icmp, 8 + quoted));
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
	bool good = true;

	(void)state;
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct packet_spec in;
		struct talk talk;

		talk_begin(&talk, scenes_routed[i]);
		in = talk_sent(&talk, CLIENT);
		in.seq = talk.isn[CLIENT] + talk.sent[CLIENT];
		in.ack = talk.isn[SERVER] + talk.heard[SERVER];
		in.flags = PSH | ACK;
		in.payload = "PASV\r\n";
		in.ttl = 1;
		good &= check_error("ttl 1", scene_get(scenes_routed[i])->client_side,
				    &in, FTPNAT_TTL, 0);
		/* it was not heard: when it comes again it is the first time */
		good &= talk_step(&talk, "then with more hops",
				  &(struct step)C("PASV\r\n"));
	}
	assert_true(good);
}

/* ICMP errors are rationed: sooner or later, a flood gets none. */
static void test_flood_is_not_answered(void **state)
{
	static const enum scene_id ids[] = { KEEP4, KEEP6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct packet_spec in;
		struct packet packet;
		struct counters before, after;
		int answered = 0;
		struct talk talk;
		struct run run;

		talk_begin(&talk, ids[i]);
		in = talk_sent(&talk, CLIENT);
		in.seq = talk.isn[CLIENT] + talk.sent[CLIENT];
		in.ack = talk.isn[SERVER] + talk.heard[SERVER];
		in.flags = ACK;
		in.ttl = 1;
		packet_build(&packet, &in);
		dataplane_counters(&before);
		do
			dataplane_run(&run, INGRESS, scene_get(ids[i])->client_side,
				      &packet, 0);
		while (run.action == TC_REDIRECT && ++answered < 5000);
		assert_int_equal(run.action, TC_SHOT);
		dataplane_counters(&after);
		assert_int_equal(after.reason[FTPNAT_UNANSWERED] -
					 before.reason[FTPNAT_UNANSWERED],
				 1);
	}
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
	in = talk_syn(&talk);
	in.ttl = 1;
	packet_build(&packet, &in);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	assert_int_equal(dataplane_flows(), 0);
}

/* ---- data connections ---- */

/* Its payload is never read, whatever it looks like. */
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

/* Does this packet leave without a lookup? Perhaps a second begins before it. */
static void check_at_once(const struct talk *talk, enum end from, const char *what,
			  const struct packet_spec *in)
{
	struct packet packet;
	struct run run;

	packet_build(&packet, in);
	for (int i = 0; i < 10; i++) {
		dataplane_run(&run, INGRESS, talk_side(talk, from), &packet, 0);
		if (run.at_once)
			return;
	}
	fail_msg("%s: %s from %d: not at once", talk->scene->name, what, from);
}

/* The next hop is looked up once per second only, for packets of all kinds. */
static void test_at_once(void **state)
{
	(void)state;
	for (enum scene_id id = 0; id < SERVER4; id++) {
		struct packet_spec in;
		struct talk talk;

		data_open(&talk, id);
		for (enum end from = CLIENT; from <= SERVER; from++) {
			in = data_sent(&talk, from);
			check_at_once(&talk, from, "data", &in);
			in.flags = FIN | ACK;
			check_at_once(&talk, from, "the end of data", &in);
			in = talk_sent(&talk, from);
			check_at_once(&talk, from, "control", &in);
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
	bool good = true;

	(void)state;
	memset(bulk, 'x', sizeof(bulk));
	for (size_t i = 0; i < SCENES_ROUTED; i++) {
		struct packet_spec in;
		struct talk talk;

		data_open(&talk, scenes_routed[i]);
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

/* Packets that may be fragmented are left to the stack. */
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

/* A data SYN with this MSS leaves with that one. */
static bool check_mss(const char *says, const struct talk *talk, enum end from,
		      uint8_t flags, uint16_t in_mss, uint16_t out_mss, bool first)
{
	struct packet_spec in = data_sent(talk, from), out = data_heard(talk, from);

	in.flags = out.flags = flags;
	in.seq--;
	out.seq--;
	if (in_mss) {
		option_mss(&in.options, in_mss);
		option_mss(&out.options, out_mss);
	}
	option_timestamps(&in.options, 1, 0);
	option_timestamps(&out.options, 1, 0);
	return check_from(says, talk, from, &in, &out, FTPNAT_FORWARDED,
			  first ? data_arrives : NULL);
}

/* The outer link carries 1500 bytes, the inner one less. */
static void test_mss_of_data_fits_the_link(void **state)
{
	static const enum scene_id ids[] = { KEEP4, KEEP6, FULL4, FULL6 };
	static const struct {
		const char *says;
		uint16_t in, inner, outer; /* for IPv4; with IPv6 headers 20 less */
	} rows[] = {
		{ "jumbo frames", 8960, 1360, 1460 },
		{ "Ethernet", 1460, 1360, 1460 },
		{ "just too much", 1361, 1360, 1361 },
		{ "just right", 1360, 1360, 1360 },
		{ "small", 536, 536, 536 },
		{ "none", 0, 0, 0 },
	};
	bool good = true;

	(void)state;
	dataplane_sh("ip link set inner0 mtu 1400");
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
			struct talk talk;
			uint16_t less;

			talk_begin(&talk, ids[i]);
			data_announce(&talk);
			less = rows[row].in && strchr(talk_sent(&talk, CLIENT).src, ':') ?
				       20 :
				       0;
			for (int sent = 0; sent < 2; sent++) {
				good &= check_mss(rows[row].says, &talk, CLIENT, SYN,
						  rows[row].in - less,
						  rows[row].inner - less, !sent);
			}
			for (int sent = 0; sent < 2; sent++) {
				good &= check_mss(rows[row].says, &talk, SERVER,
						  SYN | ACK, rows[row].in - less,
						  rows[row].outer - less, false);
			}
		}
	}
	dataplane_sh("ip link set inner0 mtu 1500");
	assert_true(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_ttl_1),
		cmocka_unit_test(test_ttl_1_to_the_gateway_itself),
		cmocka_unit_test(test_syn_with_ttl_1_opens_nothing),
		cmocka_unit_test(test_data_connection),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_gso),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_too_big_without_df),
		cmocka_unit_test(test_mss_of_data_fits_the_link),
		cmocka_unit_test(test_flood_is_not_answered), /* last: nothing is left */
	};

	return cmocka_run_group_tests_name("tc_forward", tests, dataplane_setup,
					   dataplane_teardown);
}
