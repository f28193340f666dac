// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The XDP program: data connections that the TC programs opened, packets whole and byte
 * by byte; what it must leave to TC; the table of next hops.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "addr.h"
#include "lib/talk.h"
#include "lib/xdp.h"
#include "util.h"

#define ETH 14 /* bytes of an Ethernet header */

static char bulk[3000];

/* ---- packets of the connection ---- */

static void begin(struct talk *talk, enum scene_id id)
{
	dataplane_fresh();
	xdp_fresh();
	data_open(talk, id);
}

/* Neighbours of the lab, and the router of each side for all others. */
static const uint8_t *mac_of(const char *addr, enum side side)
{
	static const struct {
		const char *addr;
		uint8_t mac[6];
	} known[] = {
		{ "198.51.100.7", { 2, 0, 0, 0, 1, 0x07 } },
		{ "198.51.100.8", { 2, 0, 0, 0, 1, 0x08 } },
		{ "198.51.100.21", { 2, 0, 0, 0, 1, 0x21 } },
		{ "10.9.0.10", { 2, 0, 0, 0, 2, 0x10 } },
		{ "10.9.0.11", { 2, 0, 0, 0, 2, 0x11 } },
		{ "2001:db8:1::7", { 2, 0, 0, 0, 1, 0x07 } },
		{ "fd00:9::10", { 2, 0, 0, 0, 2, 0x10 } },
		{ "192.168.5.7", { 2, 0, 0, 0, 2, 0x07 } },
	};
	static const uint8_t router[SIDES][6] = {
		[OUTER] = { 2, 0, 0, 0, 1, 0xfe }, [INNER] = { 2, 0, 0, 0, 2, 0xfe }
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(addr, known[i].addr))
			return known[i].mac;
	return router[side];
}

static enum side other(enum side side)
{
	return side == OUTER ? INNER : OUTER;
}

/* As it leaves: translated, one hop further, from our MAC address to the next one's. */
static struct packet_spec leaves(const struct talk *talk, enum end from)
{
	struct packet_spec spec = data_heard(talk, from);
	enum side side = other(talk_side(talk, from));

	spec.src_mac = dataplane_mac(side);
	spec.dst_mac = mac_of(spec.dst, side);
	return spec;
}

static struct ftpnat_tuple key_of(const struct packet_spec *spec)
{
	return tuple(spec->src, spec->sport, spec->dst, spec->dport);
}

static struct ftpnat_flow flow_of(const struct packet_spec *spec)
{
	const struct ftpnat_tuple key = key_of(spec);
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	return flow;
}

/* Does XDP take a plain packet, or leave it to TC? */
static bool takes(const char *says, const struct talk *talk, enum xdp_mode mode, bool yes)
{
	struct packet_spec in = data_sent(talk, CLIENT), out = leaves(talk, CLIENT);
	struct packet packet, expected;

	packet_build(&packet, &in);
	packet_build(&expected, &out);
	return xdp_check(says, mode, talk_side(talk, CLIENT), &packet,
			 yes ? &expected : NULL);
}

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

	for (enum scene_id id = 0; id < SERVER4; id++)
		for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++) {
			struct talk talk;

			begin(&talk, id);
			for (enum end from = CLIENT; from <= SERVER; from++) {
				struct packet_spec in = data_sent(&talk, from);
				struct packet_spec out = leaves(&talk, from);
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
	static const enum scene_id ids[] = { FULL4, FULL6, MASQ4, MASQ6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct talk talk;

		begin(&talk, ids[i]);
		for (uint32_t n = 0; n < 300 && good; n++) {
			struct packet_spec in = data_sent(&talk, CLIENT);
			struct packet_spec out = leaves(&talk, CLIENT);
			struct packet packet, expected;

			in.seq = out.seq = n * 0x10007u;
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
	size_t len = packet->len - packet_tcp(packet);
	const uint8_t *addrs = ip(packet) + (is_v6(packet) ? 8 : 12);
	uint32_t sum = IPPROTO_TCP + (uint32_t)len;

	for (size_t i = 0; i < (is_v6(packet) ? 32 : 8); i += 2)
		sum += (uint32_t)(addrs[i] << 8 | addrs[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	tcp(packet)[16] = (uint8_t)(sum >> 8);
	tcp(packet)[17] = (uint8_t)sum;
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
	static const enum scene_id ids[] = { FULL4, FULL6 };
	const struct left *row = *state;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct packet_spec in;
		struct ftpnat_flow before, after;
		struct packet packet;
		struct talk talk;

		if (row->only == (ids[i] == FULL4 ? ONLY6 : ONLY4))
			continue;
		begin(&talk, ids[i]);
		good &= takes("a plain packet", &talk, NATIVE, true);
		in = data_sent(&talk, CLIENT);
		before = flow_of(&in);
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
		after = flow_of(&in);
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
	assert_true(data_check("SYN", &talk, CLIENT, SYN, NULL, data_opens));
	assert_true(data_check("SYN-ACK", &talk, SERVER, SYN | ACK, NULL, NULL));
	in = data_sent(&talk, CLIENT);
	packet_build(&packet, &in);
	assert_true(xdp_check("first ACK", NATIVE, OUTER, &packet, NULL));
	assert_true(data_check("first ACK", &talk, CLIENT, ACK, NULL, NULL));
	assert_true(takes("second ACK", &talk, NATIVE, true));
}

static void test_gateway_is_an_end(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = SERVER4; id < SCENES; id++)
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet_spec in;
			struct packet packet;
			struct talk talk;

			begin(&talk, id);
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

/* ---- next hops ---- */

/* As if a second had passed. */
static void forget_hop(const struct talk *talk, enum end from)
{
	const struct packet_spec in = data_sent(talk, from);
	const struct ftpnat_tuple key = key_of(&in);
	struct ftpnat_flow flow = flow_of(&in);

	flow.seen--;
	xdp_set_flow(&key, &flow);
}

static void test_link(void **state)
{
	const __u32 key = (__u32)dataplane_ifindex(INNER);
	struct talk talk;
	bool good = true;

	(void)state;
	begin(&talk, KEEP4);
	good &= takes("it transmits", &talk, NATIVE, true);
	xdp_link(INNER, false);
	forget_hop(&talk, CLIENT);
	good &= takes("no more", &talk, NATIVE, false);
	good &= takes("nor later", &talk, NATIVE, false);
	forget_hop(&talk, CLIENT);
	good &= takes("generic doesn't mind", &talk, GENERIC, true);
	assert_int_equal(bpf_map_delete_elem(dataplane_fd("ftpnat_links"), &key), 0);
	forget_hop(&talk, CLIENT);
	good &= takes("nothing known of it", &talk, NATIVE, false);
	good &= data_check("TC takes it", &talk, CLIENT, ACK, NULL, NULL);
	xdp_link(INNER, true);
	forget_hop(&talk, CLIENT);
	good &= takes("again", &talk, NATIVE, true);
	assert_true(good);
}

static void test_neighbour_unknown(void **state)
{
	static const struct {
		enum scene_id id;
		const char *addr;
	} rows[] = { { KEEP4, "10.9.0.10" }, { KEEP6, "fd00:9::10" } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct talk talk;

		begin(&talk, rows[i].id);
		dataplane_sh("ip neigh del %s dev inner0", rows[i].addr);
		forget_hop(&talk, CLIENT);
		good &= takes("unknown", &talk, NATIVE, false);
		good &= takes("unknown", &talk, GENERIC, false);
		dataplane_sh("ip neigh replace %s lladdr "
			     "02:00:00:00:02:10 dev inner0 nud permanent",
			     rows[i].addr);
		good &= takes("known", &talk, NATIVE, true);
	}
	assert_true(good);
}

static void test_no_route(void **state)
{
	struct talk talk;
	bool good = true;

	(void)state;
	begin(&talk, MASQ4);
	dataplane_sh("ip route add unreachable "
		     "198.51.100.21/32");
	forget_hop(&talk, CLIENT);
	good &= takes("no route", &talk, NATIVE, false);
	dataplane_sh("ip route del unreachable "
		     "198.51.100.21/32");
	good &= takes("a route", &talk, NATIVE, true);
	assert_true(good);
}

/* A smaller MTU counts from the next second on. */
static void test_mtu(void **state)
{
	struct packet_spec in, out;
	struct packet packet, expected;
	struct talk talk;
	bool good = true;

	(void)state;
	begin(&talk, KEEP4);
	in = data_sent(&talk, CLIENT);
	out = leaves(&talk, CLIENT);
	in.payload = out.payload = bulk;
	in.payload_len = out.payload_len = 1361;
	packet_build(&packet, &in);
	packet_build(&expected, &out);
	good &= xdp_check("1401 of 1500", NATIVE, OUTER, &packet, &expected);
	dataplane_sh("ip route add 10.9.0.10 dev inner0 mtu lock "
		     "1400");
	forget_hop(&talk, CLIENT);
	good &= xdp_check("1401 of 1400", NATIVE, OUTER, &packet, NULL);
	in.payload_len = out.payload_len = 1360;
	packet_build(&packet, &in);
	packet_build(&expected, &out);
	good &= xdp_check("1400 of 1400", NATIVE, OUTER, &packet, &expected);
	dataplane_sh("ip route del 10.9.0.10 dev inner0");
	assert_true(good);
}

/* A flow trusts its hop in the second in which it was learned only. */
static void test_hop_of_another_second(void **state)
{
	const struct ftpnat_hop wrong = { .ifindex = (__u32)dataplane_ifindex(OUTER),
					  .mtu = 1500,
					  .used = xdp_now(),
					  .confirmed = xdp_now() };
	struct packet_spec in;
	struct ftpnat_tuple key;
	struct ftpnat_flow flow;
	struct talk talk;

	(void)state;
	begin(&talk, KEEP4);
	assert_true(takes("first", &talk, NATIVE, true));
	in = data_sent(&talk, CLIENT);
	key = key_of(&in);
	flow = flow_of(&in);
	flow.hop = flow.hop == 1 ? 2 : 1;
	flow.seen--;
	xdp_set_hop(flow.hop - 1u, &wrong);
	xdp_set_flow(&key, &flow);
	assert_true(takes("learned anew", &talk, NATIVE, true));
	assert_int_not_equal(flow_of(&in).hop, flow.hop);
}

static void test_hops_are_shared(void **state)
{
	struct packet_spec in, other_in;
	struct talk talk;
	__u16 hop;

	(void)state;
	begin(&talk, KEEP4);
	assert_true(takes("data", &talk, NATIVE, true));
	in = data_sent(&talk, CLIENT);
	hop = flow_of(&in).hop;
	assert_int_not_equal(hop, 0);
	other_in = data_sent(&talk, SERVER);
	assert_int_not_equal(flow_of(&other_in).hop, hop);
	other_in = talk_sent(&talk, CLIENT); /* the control connection goes there too */
	assert_int_equal(flow_of(&other_in).hop, hop);
}

/* All its places are another's: seconds ago they are free, now they are not. */
static void test_full_set(void **state)
{
	struct ftpnat_hop busy = { .ifindex = 99, .mtu = 1500 };
	struct packet_spec in;
	struct ftpnat_hop hop;
	struct talk talk;
	bool good = true;

	(void)state;
	begin(&talk, KEEP4);
	in = data_sent(&talk, CLIENT);

	busy.used = ~0u; /* claimed: somebody writes it */
	xdp_set_hops(&busy);
	forget_hop(&talk, CLIENT);
	good &= takes("claimed", &talk, NATIVE, false);
	assert_int_equal(flow_of(&in).hop, 0);

	busy.used = xdp_now();
	xdp_set_hops(&busy);
	forget_hop(&talk, CLIENT);
	good &= takes("used", &talk, NATIVE, false);
	assert_int_equal(flow_of(&in).hop, 0);
	good &= data_check("TC takes the long way", &talk, CLIENT, ACK, NULL, NULL);
	assert_int_equal(flow_of(&in).hop, 0);

	busy.used = xdp_now() - 4;
	xdp_set_hops(&busy);
	forget_hop(&talk, CLIENT);
	good &= takes("free", &talk, NATIVE, true);
	xdp_hop(flow_of(&in).hop - 1u, &hop);
	assert_int_equal(hop.ifindex, dataplane_ifindex(INNER));
	assert_memory_equal(hop.mac.dst, mac_of("10.9.0.10", INNER), 6);
	assert_memory_equal(hop.mac.src, dataplane_mac(INNER), 6);
	assert_true(good);
}

/* Now and then TC sends a packet, by which the neighbour layer knows of the use. */
static void test_confirmation(void **state)
{
	struct packet_spec in;
	struct ftpnat_hop hop;
	struct talk talk;
	__u32 index, before;
	bool good = true;

	(void)state;
	begin(&talk, KEEP4);
	good &= takes("confirmed", &talk, NATIVE, true);
	in = data_sent(&talk, CLIENT);
	index = flow_of(&in).hop - 1u;
	xdp_hop(index, &hop);
	hop.confirmed = xdp_now() - 1;
	xdp_set_hop(index, &hop);
	forget_hop(&talk, CLIENT);
	good &= takes("too long ago", &talk, NATIVE, false);
	good &= takes("still", &talk, NATIVE, false);
	good &= data_check("TC", &talk, CLIENT, ACK, NULL, NULL);
	before = hop.confirmed;
	xdp_hop(index, &hop);
	assert_true(hop.confirmed > before);
	good &= takes("confirmed again", &talk, NATIVE, true);
	assert_true(good);
}

/* ---- counters and clocks ---- */

static void test_counters(void **state)
{
	struct ftpnat_rule_stats stats, later;
	struct ftpnat_flow before, after, back;
	struct packet_spec in, answer;
	struct packet packet;
	struct xdp_run run;
	struct talk talk;
	__u32 begun;

	(void)state;
	begin(&talk, FULL6);
	in = data_sent(&talk, CLIENT);
	answer = data_sent(&talk, SERVER);
	before = flow_of(&in);
	back = flow_of(&answer);
	dataplane_stats(0, &stats);

	forget_hop(&talk, CLIENT);
	in.payload = bulk;
	in.payload_len = 1000;
	packet_build(&packet, &in);
	begun = xdp_now();
	for (int i = 0; i < 3;) {
		xdp_confirm();
		xdp_run(&run, NATIVE, OUTER, &packet);
		if (run.action == XDP_REDIRECT)
			i++;
		else /* just then another second began */
			assert_int_not_equal(xdp_now(), begun);
	}
	assert_true(data_check("and TC", &talk, CLIENT, ACK, NULL, NULL));
	after = flow_of(&in);
	assert_int_equal(after.packets - before.packets, 4);
	assert_int_equal(after.bytes - before.bytes, 3 * 1060 + 60);
	assert_true(after.seen >= begun);
	assert_int_equal(after.tcp, before.tcp);
	assert_int_equal(after.created, before.created);
	assert_int_equal(flow_of(&answer).packets, back.packets);

	packet_build(&packet, &answer);
	do {
		xdp_confirm();
		xdp_run(&run, NATIVE, INNER, &packet);
	} while (run.action != XDP_REDIRECT && xdp_now() != begun);
	assert_int_equal(flow_of(&answer).packets, back.packets + 1);
	dataplane_stats(0, &later);
	assert_int_equal(
		later.packets[FTPNAT_FROM_CLIENT] - stats.packets[FTPNAT_FROM_CLIENT], 4);
	assert_int_equal(later.bytes[FTPNAT_FROM_CLIENT] -
				 stats.bytes[FTPNAT_FROM_CLIENT],
			 3 * 1060 + 60);
	assert_int_equal(
		later.packets[FTPNAT_FROM_SERVER] - stats.packets[FTPNAT_FROM_SERVER], 1);
	assert_int_equal(
		later.bytes[FTPNAT_FROM_SERVER] - stats.bytes[FTPNAT_FROM_SERVER], 60);
}

static int teardown(void **state)
{
	xdp_unload();
	return dataplane_teardown(state);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(taken) + ARRAY_SIZE(left) + 16];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_not_established),
		cmocka_unit_test(test_gateway_is_an_end),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_neighbour_unknown),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_hop_of_another_second),
		cmocka_unit_test(test_hops_are_shared),
		cmocka_unit_test(test_full_set),
		cmocka_unit_test(test_confirmation),
		cmocka_unit_test(test_counters),
	};
	size_t n = rows_as_tests(tests, taken, ARRAY_SIZE(taken), sizeof(*taken),
				 test_taken);

	memset(bulk, 'x', sizeof(bulk));
	n += rows_as_tests(tests + n, left, ARRAY_SIZE(left), sizeof(*left), test_left);
	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("xdp", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, teardown);
}
