// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The XDP program: data connections that the TC programs opened, packets compared byte
 * by byte; what it must leave to TC.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "lib/xdp.h"
#include "base/util.h"

#define ETH 14 /* bytes of an Ethernet header */

static char bulk[3000];

/* ---- what it takes ---- */

static const struct taken {
	const char *says;
	uint8_t flags;
	size_t len;
	uint8_t ttl;
	size_t padding;
	bool timestamps;
	bool sack;
} taken[] = {
	{ "an ACK", .flags = ACK },
	{ "an ACK with padding up to 60 bytes", .flags = ACK, .padding = 6 },
	{ "data", .flags = PSH | ACK, .len = 100 },
	{ "an odd number of bytes", .flags = ACK, .len = 1427, .timestamps = true },
	{ "as much as the MTU of 1500 allows (IPv6)", .flags = ACK, .len = 1440 },
	{ "timestamps", .flags = ACK, .len = 536, .timestamps = true },
	{ "timestamps and SACK", .flags = ACK, .len = 0, .timestamps = true,
	  .sack = true },
	{ "an urgent byte", .flags = URG | ACK, .len = 1 },
	{ "ECN marks", .flags = ECE | CWR | ACK, .len = 10 },
	{ "TTL 2", .flags = ACK, .len = 10, .ttl = 2 },
	{ "TTL 255", .flags = ACK, .len = 10, .ttl = 255 },
};

static void fill(struct packet_spec *spec, const struct taken *row, uint8_t ttl)
{
	static const uint32_t edges[] = { 7000, 8000, 9000, 9100 };

	spec->flags = row->flags;
	spec->payload = row->len ? bulk : NULL;
	spec->payload_len = row->len;
	spec->padding = row->padding;
	if (row->ttl)
		spec->ttl = ttl;
	if (row->timestamps)
		option_timestamps(&spec->options, 0xfffffff0, 77);
	if (row->sack)
		option_sack(&spec->options, edges, 2);
}

static void test_taken(void **state)
{
	const struct taken *row = *state;
	bool good = true;

	for (enum scene_id id = 0; id < SCENES; id++)
		for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++) {
			struct talk talk;

			if (id >= SERVER4 && id < NAT64)
				continue; /* the gateway is an end */

			xdp_begin(&talk, id);
			for (enum end from = CLIENT; from <= SERVER; from++) {
				struct packet_spec in = data_sent(&talk, from);
				struct packet_spec out = xdp_leaves(&talk, from);
				struct packet packet, expected;
				char says[128];

				fill(&in, row, row->ttl);
				fill(&out, row, row->ttl - 1);
				packet_build(&packet, &in);
				packet_build(&expected, &out);
				snprintf(says, sizeof(says), "%s [%s, %s, from %s]",
					 row->says, talk.scene->name,
					 mode == NATIVE ? "native" : "generic",
					 from == CLIENT ? "client" : "server");
				good &= xdp_check(says, mode, talk_side(&talk, from),
						  &packet, &expected);
			}
		}
	assert_true(good);
}

/* Checksums with every carry: many values of everything that is in them. */
static void test_checksums(void **state)
{
	static const enum scene_id ids[] = { FULL4, FULL6, MASQ4, MASQ6,
					     NAT64, NAT46, MASQ64 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct talk talk;

		xdp_begin(&talk, ids[i]);
		for (uint32_t n = 0; n < 300 && good; n++) {
			struct packet_spec in = data_sent(&talk, CLIENT);
			struct packet_spec out = xdp_leaves(&talk, CLIENT);
			struct packet packet, expected;

			/* within a window of the one before */
			in.seq += n * 0xfff1u;
			out.seq = in.seq;
			in.ttl = (uint8_t)(2 + n % 254);
			out.ttl = (uint8_t)(in.ttl - 1);
			packet_build(&packet, &in);
			packet_build(&expected, &out);
			good &= xdp_check("checksum", NATIVE, talk_side(&talk, CLIENT),
					  &packet, &expected);
		}
	}
	assert_true(good);
}

/* ---- what it leaves to TC ---- */

static uint8_t *ip(struct packet *packet)
{
	return packet->byte + ETH;
}

static uint8_t *tcp(struct packet *packet)
{
	return packet->byte + packet_tcp(packet);
}

static bool is_v6(const struct packet *packet)
{
	return packet->byte[ETH] >> 4 == 6;
}

static void no_ethernet(struct packet *packet)
{
	packet->len = ETH;
}

static void other_mac(struct packet *packet)
{
	packet->byte[5] ^= 1;
}

static void broadcast(struct packet *packet)
{
	memset(packet->byte, 0xff, 6);
}

static void arp(struct packet *packet)
{
	packet->byte[12] = 0x08;
	packet->byte[13] = 0x06;
}

static void vlan(struct packet *packet)
{
	memmove(packet->byte + 16, packet->byte + 12, packet->len - 12);
	memcpy(packet->byte + 12, "\x81\x00\x00\x05", 4);
	packet->len += 4;
}

static void other_version(struct packet *packet)
{
	ip(packet)[0] ^= 0x10;
}

static void cut_in_ip(struct packet *packet)
{
	packet->len = ETH + 19;
}

static void cut_in_tcp(struct packet *packet)
{
	packet->len = packet_tcp(packet) + 19;
}

static void cut_in_payload(struct packet *packet)
{
	packet->len--;
}

static void udp(struct packet *packet)
{
	ip(packet)[is_v6(packet) ? 6 : 9] = IPPROTO_UDP;
}

static void short_doff(struct packet *packet)
{
	tcp(packet)[12] = 0x40;
}

static void long_doff(struct packet *packet)
{
	tcp(packet)[12] = 0xf0;
}

/* What a sender leaves to the card: the field holds the pseudo header's sum, not inverted. */
static void unfinished_checksum(struct packet *packet)
{
	const uint32_t len = (uint32_t)(packet->len - packet_tcp(packet));

	if (is_v6(packet))
		put16(tcp(packet) + 16, sum16(IPPROTO_TCP + len, ip(packet) + 8, 32));
	else
		put16(tcp(packet) + 16, sum16(IPPROTO_TCP + len, ip(packet) + 12, 8));
}

static void short_ihl(struct packet *packet)
{
	ip(packet)[0] = 0x44;
}

static void more_fragments(struct packet *packet)
{
	ip(packet)[6] = 0x20;
}

static void later_fragment(struct packet *packet)
{
	ip(packet)[6] = 0;
	ip(packet)[7] = 100;
}

static void hop_by_hop(struct packet *packet)
{
	ip(packet)[6] = IPPROTO_HOPOPTS;
}

static void routing_header(struct packet *packet)
{
	ip(packet)[6] = IPPROTO_ROUTING;
}

static void fragment_header(struct packet *packet)
{
	ip(packet)[6] = IPPROTO_FRAGMENT;
}

static void destination_options(struct packet *packet)
{
	ip(packet)[6] = IPPROTO_DSTOPTS;
}

enum only { BOTH, ONLY4, ONLY6 };

static const struct left {
	const char *says;
	void (*spoil)(struct packet *packet);
	uint8_t flags; /* 0: PSH and ACK */
	uint8_t ttl;
	size_t len; /* 0: 100 */
	enum only only;
	bool ip_options;
	bool control; /* a packet of the control connection */
	uint16_t sport;
} left[] = {
	{ "SYN", .flags = SYN },
	{ "SYN-ACK", .flags = SYN | ACK },
	{ "FIN", .flags = FIN | ACK },
	{ "RST", .flags = RST },
	{ "RST with ACK", .flags = RST | ACK },
	{ "no ACK", .flags = PSH },
	{ "no flags but URG", .flags = URG },
	{ "control connection", .control = true },
	{ "no flow", .sport = 41001 },
	{ "TTL 1", .ttl = 1 },
	{ "longer than the MTU", .len = 1461 },
	{ "much longer than the MTU", .len = 2900 },
	{ "only an Ethernet header", .spoil = no_ethernet },
	{ "another host's MAC address", .spoil = other_mac },
	{ "broadcast", .spoil = broadcast },
	{ "ARP", .spoil = arp },
	{ "VLAN tag", .spoil = vlan },
	{ "version of the other family", .spoil = other_version },
	{ "cut in the IP header", .spoil = cut_in_ip },
	{ "cut in the TCP header", .spoil = cut_in_tcp },
	{ "cut in the payload", .spoil = cut_in_payload },
	{ "UDP", .spoil = udp },
	{ "TCP header of 16 bytes", .spoil = short_doff },
	{ "TCP header longer than the packet", .spoil = long_doff, .len = 1 },
	{ "checksum left to the card", .spoil = unfinished_checksum },
	{ "IP header of 16 bytes", .spoil = short_ihl, .only = ONLY4 },
	{ "first fragment", .spoil = more_fragments, .only = ONLY4 },
	{ "later fragment", .spoil = later_fragment, .only = ONLY4 },
	{ "IP options", .ip_options = true, .only = ONLY4 },
	{ "hop-by-hop header", .spoil = hop_by_hop, .only = ONLY6 },
	{ "routing header", .spoil = routing_header, .only = ONLY6 },
	{ "fragment header", .spoil = fragment_header, .only = ONLY6 },
	{ "destination options", .spoil = destination_options, .only = ONLY6 },
};

static void test_left(void **state)
{
	static const enum scene_id ids[] = { FULL4, FULL6, NAT46, NAT64 };
	const struct left *row = *state;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct packet_spec in;
		struct ftpnat_flow before, after;
		struct packet packet;
		struct talk talk;

		if (row->only == (strchr(scene_get(ids[i])->client, ':') ? ONLY4 : ONLY6))
			continue;
		xdp_begin(&talk, ids[i]);
		good &= xdp_takes("a plain packet", &talk, NATIVE, true);
		in = data_sent(&talk, CLIENT);
		before = xdp_flow(&in);
		if (row->control)
			in = talk_sent(&talk, CLIENT);
		in.flags = row->flags ? row->flags : PSH | ACK;
		in.ttl = row->ttl;
		in.payload = bulk;
		in.payload_len = row->len ? row->len : 100;
		if (row->sport)
			in.sport = row->sport;
		if (row->ip_options)
			in.ip_options =
				(struct options){ .len = 4, .byte = { 1, 1, 1, 0 } };
		packet_build(&packet, &in);
		if (row->spoil)
			row->spoil(&packet);
		for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++)
			good &= xdp_check(row->says, mode, talk_side(&talk, CLIENT),
					  &packet, NULL);
		in = data_sent(&talk, CLIENT);
		after = xdp_flow(&in);
		assert_int_equal(after.packets, before.packets);
		assert_int_equal(after.bytes, before.bytes);
	}
	assert_true(good);
}

/* The first ACK of a direction makes it established, and that is TC's to see. */
static void test_not_established(void **state)
{
	struct packet_spec in;
	struct packet packet;
	struct talk talk;

	(void)state;
	dataplane_fresh();
	xdp_fresh();
	scene_configure(scene_get(KEEP4), NULL);
	talk_init(&talk, scene_get(KEEP4));
	talk_open(&talk);
	data_announce(&talk);
	assert_true(data_check("SYN", &talk, CLIENT, SYN, NULL, data_arrives));
	assert_true(data_check("SYN-ACK", &talk, SERVER, SYN | ACK, NULL, NULL));
	in = data_sent(&talk, CLIENT);
	packet_build(&packet, &in);
	assert_true(xdp_check("first ACK", NATIVE, OUTER, &packet, NULL));
	assert_true(data_check("first ACK", &talk, CLIENT, ACK, NULL, data_opens));
	assert_true(xdp_takes("second ACK", &talk, NATIVE, true));
}

static void test_gateway_is_an_end(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = SERVER4; id < NAT64; id++)
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet_spec in;
			struct packet packet;
			struct talk talk;

			xdp_begin(&talk, id);
			if (talk_hook(&talk, from) == EGRESS)
				continue;
			in = data_sent(&talk, from);
			packet_build(&packet, &in);
			good &= xdp_check(talk.scene->name, NATIVE,
					  talk_side(&talk, from), &packet, NULL);
			in = data_heard(&talk, from);
			good &= data_check("TC takes it", &talk, from, ACK, NULL, NULL);
		}
	assert_true(good);
}

/* Across families a packet gets longer or shorter: what counts is its length behind us. */
static void test_mtu_across_families(void **state)
{
	static const struct {
		enum scene_id id;
		enum end from;
		size_t taken; /* the longest payload */
	} rows[] = {
		{ NAT46, CLIENT, 1440 },
		{ NAT46, SERVER, 1460 },
		{ NAT64, CLIENT, 1460 },
		{ NAT64, SERVER, 1440 },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet_spec in, out;
		struct packet packet, expected;
		struct talk talk;

		xdp_begin(&talk, rows[i].id);
		in = data_sent(&talk, rows[i].from);
		out = xdp_leaves(&talk, rows[i].from);
		in.payload = out.payload = bulk;
		in.payload_len = out.payload_len = rows[i].taken;
		packet_build(&packet, &in);
		packet_build(&expected, &out);
		good &= xdp_check("as long as may be", NATIVE,
				  talk_side(&talk, rows[i].from), &packet, &expected);
		in.payload_len++;
		packet_build(&packet, &in);
		good &= xdp_check("a byte longer", NATIVE, talk_side(&talk, rows[i].from),
				  &packet, NULL);
	}
	assert_true(good);
}

/* The traffic class is copied, with its ECN bits; a rule's DSCP takes the place of the other. */
static void test_traffic_class_across_families(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = NAT64; id < SCENES; id++)
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet_spec in, out;
			struct packet packet, expected;
			struct talk talk;

			xdp_begin(&talk, id);
			in = data_sent(&talk, from);
			out = xdp_leaves(&talk, from);
			in.tos = out.tos = 0xb9;
			packet_build(&packet, &in);
			packet_build(&expected, &out);
			good &= xdp_check(talk.scene->name, GENERIC,
					  talk_side(&talk, from), &packet, &expected);
		}
	assert_true(good);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(taken) + ARRAY_SIZE(left) + 16];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_not_established),
		cmocka_unit_test(test_gateway_is_an_end),
		cmocka_unit_test(test_mtu_across_families),
		cmocka_unit_test(test_traffic_class_across_families),
	};
	size_t n = rows_as_tests(tests, taken, ARRAY_SIZE(taken), sizeof(*taken),
				 test_taken);

	memset(bulk, 'x', sizeof(bulk));
	n += rows_as_tests(tests + n, left, ARRAY_SIZE(left), sizeof(*left), test_left);
	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("xdp", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, xdp_teardown);
}
