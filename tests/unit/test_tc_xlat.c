// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Headers and addresses between a client and a server of different families (RFC 7915). What
 * a translator may choose by itself (IPv4 identification) is taken as it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "lib/told.h"
#include "base/util.h"

static void test_traffic_class(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = NAT64; id <= MASQ64; id++) {
		struct packet_spec in, out;
		struct talk talk;

		scene_configure(scene_get(id), NULL);
		talk_init(&talk, scene_get(id));
		in = talk_syn(&talk);
		out = talk_syn_heard(&talk);
		in.tos = out.tos = 0xb9;
		in.ttl = 7;
		out.ttl = 6;
		good &= check_from("SYN", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED,
				   NULL);
	}
	assert_true(good);
}

/* RFC 7915 section 4.1: they are not translated. */
static void test_ip_options(void **state)
{
	struct packet_spec in, out;
	struct talk talk;

	(void)state;
	scene_configure(scene_get(NAT46), NULL);
	talk_init(&talk, scene_get(NAT46));
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	in.ip_options = (struct options){ 8, { 1, 1, 1, 1, 1, 1, 1, 0 } };
	assert_true(check_from("SYN", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED, NULL));
}

/* Puts an extension header of 8 bytes behind the IPv6 header. */
static void extend(struct packet *packet, uint8_t kind, uint8_t type,
		   uint8_t segments_left)
{
	uint8_t *ip = packet->byte + 14;
	const uint8_t header[8] = { ip[6], 0, type, segments_left, 0, 0, 0, 0 };

	memmove(ip + 48, ip + 40, packet->len - 54);
	memcpy(ip + 40, header, sizeof(header));
	ip[6] = kind;
	put16(ip + 4, (uint16_t)(get16(ip + 4) + 8));
	packet->len += 8;
}

/* RFC 7915 section 5.1: they are ignored, but for a routing header in use. */
static void test_extension_headers(void **state)
{
	static const struct {
		const char *says;
		uint8_t kind[2];
		uint8_t left;
		bool translated;
		bool obsolete; /* of type 0 */
	} rows[] = {
		{ "hop-by-hop options", { 0, 0xff }, 0, true, false },
		{ "destination options", { 60, 0xff }, 0, true, false },
		{ "a routing header that is used up", { 43, 0xff }, 0, true, false },
		{ "a routing header", { 43, 0xff }, 1, false, false },
		{ "a source route that is used up", { 43, 0xff }, 0, false, true },
		{ "two of them", { 60, 0 }, 0, true, false },
		{ "authentication", { 51, 0xff }, 0, false, false },
		/* RFC 6946: whatever a sender makes of a small path MTU; type 0: offset 0 */
		{ "a fragment header of what is whole", { 44, 0xff }, 0, true, true },
		{ "the same behind options", { 44, 0 }, 0, true, true },
		{ "a fragment header of a first fragment", { 44, 0xff }, 1, false, true },
		{ "a fragment header of a later one", { 44, 0xff }, 8, false, true },
	};
	static const enum scene_id ids[] = { NAT64, MASQ64, FULL6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t j = 0; j < ARRAY_SIZE(ids); j++) {
			bool takes = rows[i].translated && ids[j] != FULL6;
			bool fragment = rows[i].kind[0] == 44 && rows[i].kind[1] == 0xff;
			enum ftpnat_reason left = fragment ? FTPNAT_FRAGMENT :
							     FTPNAT_PASS;
			struct packet packet, expected;
			struct packet_spec in, out;
			struct counters before;
			struct talk talk;
			struct run run;

			scene_configure(scene_get(ids[j]), NULL);
			talk_init(&talk, scene_get(ids[j]));
			in = talk_syn(&talk);
			out = talk_syn_heard(&talk);
			packet_build(&packet, &in);
			packet_build(&expected, &out);
			for (size_t n = 0; n < 2; n++)
				if (rows[i].kind[n] != 0xff)
					extend(&packet, rows[i].kind[n],
					       !rows[i].obsolete, rows[i].left);
			dataplane_counters(&before);
			dataplane_run(&run, INGRESS, talk_side(&talk, CLIENT), &packet,
				      0);
			if (takes)
				packet_translated(&expected, &run.packet);
			good &= packet_same(rows[i].says, takes ? &expected : &packet,
					    &run.packet);
			good &= dataplane_counted(rows[i].says, &before,
						  takes ? FTPNAT_FORWARDED : left, NULL);
		}
	assert_true(good);
}

/* The same of an open connection. */
static void test_extension_headers_of_data(void **state)
{
	struct packet packet, expected;
	struct packet_spec in, out;
	struct counters before;
	struct talk talk;
	struct run run;

	(void)state;
	data_open(&talk, NAT64);
	in = data_sent(&talk, CLIENT);
	out = data_heard(&talk, CLIENT);
	packet_build(&packet, &in);
	packet_build(&expected, &out);
	extend(&packet, 60, 1, 0);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, talk_side(&talk, CLIENT), &packet, 0);
	packet_translated(&expected, &run.packet);
	assert_true(packet_same("data", &expected, &run.packet));
	assert_true(dataplane_counted("data", &before, FTPNAT_FORWARDED, NULL));
}

/* An announced data connection: whole packets of both directions, up to the longest ones. */
static void test_data(void **state)
{
	static const struct step announce[SCENES][3] = {
		[NAT64] = { EPSV_IS_PASV,
			    S("227 ($s,10,10)\r\n", ENTERS("2570"), OPENS) },
		[NAT46] = { PASV_IS_EPSV,
			    S("229 (|||2570|)\r\n",
			      "227 Entering Passive Mode ($d,10,10)\r\n", OPENS) },
		[MASQ64] = { EPSV_IS_PASV,
			     S("227 ($s,10,10)\r\n", ENTERS("2570"), OPENS) },
	};
	static const size_t sizes[] = { 1, 2, 1207, 1208, 1209, 1340, 1400, 1408 };
	static char payload[1500];
	bool good = true;

	(void)state;
	for (enum scene_id id = NAT64; id <= MASQ64; id++) {
		struct talk talk;

		talk_begin(&talk, id);
		assert_true(talk_steps(&talk, "expectation", announce[id]));
		good &= data_check("data SYN", &talk, CLIENT, SYN, NULL, data_arrives);
		good &= data_check("SYN-ACK", &talk, SERVER, SYN | ACK, NULL, NULL);
		good &= data_check("ACK", &talk, CLIENT, ACK, NULL, data_opens);
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			memset(payload, 'x', sizeof(payload));
			payload[sizes[i]] = '\0';
			good &= data_check("data", &talk, SERVER, ACK, payload, NULL);
			good &= data_check("data", &talk, CLIENT, ACK, payload, NULL);
		}
	}
	assert_true(good);
}

/* A server of the client's family is preferred, and `source: keep` has no other. */
static void test_family_of_the_server(void **state)
{
	struct ftpnat_rule rule = scene_rule(scene_get(NAT64));
	struct packet_spec in, out;
	struct talk talk;

	(void)state;
	scene_configure(scene_get(NAT64), NULL);
	rule.servers = 2;
	rule.weight[FTPNAT_V6] = 1;
	dataplane_rule(0, &rule);
	dataplane_server(1, "fd00:9::10", 2121, "fd00:9::1", 1);
	talk_init(&talk, scene_get(FULL6));
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	assert_true(
		check_from("its own", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED, NULL));

	dataplane_forget();
	rule.weight[FTPNAT_V6] = 0;
	rule.source = FTPNAT_SOURCE_KEEP;
	dataplane_rule(0, &rule);
	assert_true(check_from("source: keep", &talk, CLIENT, &in, &out, FTPNAT_NO_SERVER,
			       NULL));
}

/* Which addresses behind prefix64 stand for a server. */
static void test_prefix64_servers(void **state)
{
	static const struct {
		const char *says;
		const char *prefix;
		__u8 len;
		const char *dialled;
		const char *server; /* NULL: it is left alone */
	} rows[] = {
		{ "well-known prefix", "64:ff9b::", 96, "64:ff9b::808:808", "8.8.8.8" },
		{ "well-known prefix, private address", "64:ff9b::", 96, "64:ff9b::a09:a",
		  NULL },
		{ "well-known prefix, address for documents", "64:ff9b::", 96,
		  "64:ff9b::cb00:7115", NULL },
		{ "well-known prefix, shared address", "64:ff9b::", 96, "64:ff9b::6440:1",
		  NULL },
		{ "an own prefix", "2001:db8:64::", 96, "2001:db8:64::cb00:7115",
		  "203.0.113.21" },
		{ "an own prefix, loopback", "2001:db8:64::", 96, "2001:db8:64::7f00:1",
		  NULL },
		{ "an own prefix, multicast", "2001:db8:64::", 96, "2001:db8:64::e000:1",
		  NULL },
		{ "an own prefix, the gateway itself", "2001:db8:64::", 96,
		  "2001:db8:64::cb00:7107", NULL },
		{ "32 bits", "2001:db8::", 32, "2001:db8:cb00:7115::", "203.0.113.21" },
		{ "40 bits", "2001:db8:100::", 40,
		  "2001:db8:1cb:71:15::", "203.0.113.21" },
		{ "48 bits", "2001:db8:122::", 48,
		  "2001:db8:122:cb00:71:1500::", "203.0.113.21" },
		{ "56 bits", "2001:db8:122:300::", 56,
		  "2001:db8:122:3cb:0:7115::", "203.0.113.21" },
		{ "64 bits", "2001:db8:122:344::", 64, "2001:db8:122:344:cb:71:1500:0",
		  "203.0.113.21" },
		{ "64 bits, octet 8 is not 0", "2001:db8:122:344::", 64,
		  "2001:db8:122:344:1cb:71:1500:0", NULL },
		{ "40 bits, octet 8 is not 0", "2001:db8:100::", 40,
		  "2001:db8:1cb:71:115::", NULL },
		{ "56 bits, octet 8 is not 0", "2001:db8:122:300::", 56,
		  "2001:db8:122:3cb:100:7115::", NULL },
		{ "32 bits, octet 8 is not 0", "2001:db8::", 32,
		  "2001:db8:cb00:7115:100::", NULL },
		{ "32 bits, a suffix", "2001:db8::", 32,
		  "2001:db8:cb00:7115:0:1234:5678:9abc", "203.0.113.21" },
		{ "64 bits, a suffix", "2001:db8:122:344::", 64,
		  "2001:db8:122:344:cb:71:1512:3456", "203.0.113.21" },
		{ "outside of the prefix", "2001:db8:64::", 96, "2001:db8:65::cb00:7115",
		  NULL },
	};
	struct ftpnat_rule rule = scene_rule(scene_get(MASQ64));
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char servers[64];
		struct packet_spec in, out;
		struct talk talk;

		rule.prefix64 = address(rows[i].prefix);
		rule.prefix64_len = rows[i].len;
		scene_configure(scene_get(MASQ64), &rule);
		snprintf(servers, sizeof(servers), "%s/%u", rows[i].prefix, rows[i].len);
		dataplane_track(0, "fd00:5::/64", servers, 21, 0);
		dataplane_sh("ip route replace 8.8.8.8 via 198.51.100.254");
		talk_init(&talk, scene_get(MASQ64));
		in = talk_syn(&talk);
		in.dst = rows[i].dialled;
		out = in;
		if (rows[i].server) {
			out = talk_syn_heard(&talk);
			out.dst = rows[i].server;
		}
		good &= check_from(rows[i].says, &talk, CLIENT, &in, &out,
				   rows[i].server ? FTPNAT_FORWARDED : FTPNAT_PASS, NULL);
	}
	dataplane_sh("ip route del 8.8.8.8");
	assert_true(good);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic_class),
		cmocka_unit_test(test_ip_options),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_extension_headers_of_data),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_family_of_the_server),
		cmocka_unit_test(test_prefix64_servers),
	};

	return cmocka_run_group_tests_name("tc_xlat", tests, dataplane_setup,
					   dataplane_teardown);
}
