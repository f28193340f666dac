// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fragments: the first one of a session's segment goes no further, and its sender is told
 * what comes in one piece. All others are unchanged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "bytes.h"
#include "lib/talk.h"
#include "base/util.h"

#define IP	      14
#define FRAGMENT      44
#define IPV4_MTU_MIN  68
#define IPV6_MTU_MIN  1280
#define FIRST_PAYLOAD 1400 /* of TCP, in a first fragment */
#define SHORT_PAYLOAD 400
#define TINY_PAYLOAD  4

static char bulk[1500];

/*
 * Makes a fragment of the packet: so far behind the first one, `more` follow. In IPv6 there
 * is a header for it.
 */
static void fragment(struct packet *packet, uint16_t offset, bool more)
{
	uint8_t *ip = packet->byte + IP;

	if (ip[0] >> 4 == 4) {
		put16(ip + 6, (uint16_t)((more ? 0x2000 : 0) | offset >> 3));
		packet_checksums(packet);
		return;
	}
	memmove(ip + 48, ip + 40, packet->len - IP - 40);
	memcpy(ip + 40, (uint8_t[8]){ ip[6], 0, 0, 0, 0, 0, 0x47, 0x11 }, 8);
	put16(ip + 42, (uint16_t)(offset | more));
	ip[6] = FRAGMENT;
	put16(ip + 4, (uint16_t)(get16(ip + 4) + 8));
	packet->len += 8;
}

/* The next data or control packet of an end, so long. */
static void build(struct packet *packet, const struct talk *talk, enum end from,
		  bool data, size_t len)
{
	struct packet_spec spec = data ? data_sent(talk, from) : talk_sent(talk, from);

	if (!data) {
		spec.seq = talk->isn[from] + talk->sent[from];
		spec.ack = talk->isn[!from] + talk->heard[!from];
		spec.flags = ACK;
	}
	memset(bulk, 'x', sizeof(bulk));
	spec.payload = bulk;
	spec.payload_len = len;
	packet_build(packet, &spec);
}

/* An ICMP error to the sender of `about`, which says this MTU and quotes it as it was sent. */
static bool is_answer(const char *says, const struct packet *answer,
		      const struct packet *about, uint32_t mtu)
{
	bool v6 = about->byte[IP] >> 4 == 6;
	const uint8_t *icmp = answer->byte + IP + (v6 ? 40 : 20);
	size_t quoted = (v6 ? 48 : 20) + 16; /* up to the checksum */

	if (memcmp(answer->byte, about->byte + 6, 6) ||
	    answer->byte[IP] >> 4 != (v6 ? 6 : 4) || icmp[0] != (v6 ? 2 : 3) ||
	    icmp[1] != (v6 ? 0 : 4) || get32(icmp + 4) != mtu ||
	    memcmp(answer->byte + IP + (v6 ? 24 : 16), about->byte + IP + (v6 ? 8 : 12),
		   v6 ? 16 : 4) ||
	    memcmp(icmp + 8, about->byte + IP, quoted)) {
		printf("%s: not the right answer: type %u, code %u, MTU %u, not %u\n",
		       says, icmp[0], icmp[1], get32(icmp + 4), mtu);
		packet_print("answer", answer);
		return false;
	}
	return true;
}

static bool answered(const char *says, const struct talk *talk, enum end from,
		     const struct packet *packet, uint32_t mtu)
{
	static const enum ftpnat_reason also[] = { FTPNAT_FRAGMENT, FTPNAT_REASON_MAX };
	struct counters before;
	struct run run;
	bool good = true;

	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, talk_side(talk, from), packet, 0);
	if (run.action != TC_REDIRECT) {
		printf("%s: returned %d\n", says, run.action);
		good = false;
	}
	good &= dataplane_counted(says, &before, FTPNAT_TOO_BIG, also);
	return good && is_answer(says, &run.packet, packet, mtu);
}

static bool unchanged(const char *says, enum side side, enum hook hook,
		      const struct packet *packet)
{
	struct counters before;
	struct run run;
	bool good;

	dataplane_counters(&before);
	dataplane_run(&run, hook, side, packet, 0);
	good = run.action == TC_UNSPEC;
	if (!good)
		printf("%s: returned %d\n", says, run.action);
	good &= packet_same(says, packet, &run.packet);
	return good && dataplane_counted(says, &before, FTPNAT_FRAGMENT, NULL);
}

static const enum scene_id ids[] = { KEEP4, FULL4, MASQ4, KEEP6,
				     MASQ6, NAT64, NAT46, MASQ64 };

static struct ftpnat_flow flow_of(const struct talk *talk, enum end from)
{
	const struct packet_spec spec = data_sent(talk, from);
	const struct ftpnat_tuple key = tuple(spec.src, spec.sport, spec.dst, spec.dport);
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	return flow;
}

static void test_first_fragments(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct ftpnat_flow before, after;
		struct packet packet;
		struct talk talk;

		data_open(&talk, ids[i]);
		for (int n = 0; n < 4; n++) { /* answers are rationed */
			enum end from = n & 1 ? CLIENT : SERVER;
			uint32_t mtu;

			before = flow_of(&talk, from);
			build(&packet, &talk, from, n & 2,
			      n & 2 ? FIRST_PAYLOAD : SHORT_PAYLOAD);
			fragment(&packet, 0, true);
			mtu = (uint32_t)packet.len - IP;
			if (packet.byte[IP] >> 4 == 6 && mtu < IPV6_MTU_MIN)
				mtu = IPV6_MTU_MIN;
			good &= answered(talk.scene->name, &talk, from, &packet, mtu);
			after = flow_of(&talk, from);
			good &= !memcmp(&before, &after, sizeof(before));
		}
	}
	assert_true(good);
}

/* No link carries less than the least MTU: a sender is never told to cut its packets below it. */
static void test_tiny(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, KEEP6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++)
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet packet;
			struct talk talk;

			data_open(&talk, scenes[i]);
			build(&packet, &talk, from, true, TINY_PAYLOAD);
			fragment(&packet, 0, true);
			good &= answered(talk.scene->name, &talk, from, &packet,
					 scenes[i] == KEEP6 ? IPV6_MTU_MIN :
							      IPV4_MTU_MIN);
		}
	assert_true(good);
}

/* Whose they are only a first one says, and a part of a header is not answered. */
static void test_others(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct scene *scene = scene_get(ids[i]);
		struct packet packet;
		struct talk talk;
		uint8_t *ip = packet.byte + IP;

		data_open(&talk, ids[i]);
		build(&packet, &talk, CLIENT, true, SHORT_PAYLOAD);
		fragment(&packet, 1208, true);
		good &= unchanged("one in the middle", scene->client_side, INGRESS,
				  &packet);
		build(&packet, &talk, CLIENT, true, SHORT_PAYLOAD);
		fragment(&packet, 1208, false);
		good &= unchanged("the last one", scene->client_side, INGRESS, &packet);
		build(&packet, &talk, CLIENT, true, SHORT_PAYLOAD);
		fragment(&packet, 0, true);
		good &= unchanged("at egress", scene->server_side, EGRESS, &packet);
		packet.byte[packet.len - SHORT_PAYLOAD - 20] ^= 1; /* the port */
		good &= unchanged("a stranger's", scene->client_side, INGRESS, &packet);
		build(&packet, &talk, CLIENT, true, SHORT_PAYLOAD);
		fragment(&packet, 0, true);
		packet.len -= SHORT_PAYLOAD + 1;
		if (ip[0] >> 4 == 4)
			put16(ip + 2, 39);
		else
			put16(ip + 4, 27);
		good &= unchanged("without all of the TCP header", scene->client_side,
				  INGRESS, &packet);
	}
	assert_true(good);
}

/* An IPv6 packet with the addresses that we use for IPv4 is of no flow (RFC 4038). */
static void test_mapped(void **state)
{
	struct packet_spec spec;
	char src[64], dst[64];
	struct packet packet;
	struct talk talk;

	(void)state;
	data_open(&talk, FULL4);
	spec = data_sent(&talk, CLIENT);
	snprintf(src, sizeof(src), "::ffff:%s", spec.src);
	snprintf(dst, sizeof(dst), "::ffff:%s", spec.dst);
	spec.src = src;
	spec.dst = dst;
	spec.payload = "x";
	packet_build(&packet, &spec);
	fragment(&packet, 0, true);
	assert_true(unchanged("mapped", OUTER, INGRESS, &packet));
}

/* What is only watched is the kernel's to put together. */
static void test_tracked(void **state)
{
	struct ftpnat_rule rule = { .kind = FTPNAT_TRACK,
				    .modes = 1 << FTPNAT_ACTIVE | 1 << FTPNAT_PASSIVE };
	struct packet_spec spec = { .src = "198.51.100.7",
				    .dst = "10.9.0.10",
				    .sport = CLIENT_PORT,
				    .dport = 21,
				    .flags = SYN,
				    .dst_mac = dataplane_mac(OUTER) };
	struct packet packet;
	struct run run;

	(void)state;
	dataplane_fresh();
	dataplane_rule(0, &rule);
	dataplane_track(0, NULL, "10.9.0.0/24", 21, 0);
	packet_build(&packet, &spec);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_int_equal(dataplane_flows(), 2);
	fragment(&packet, 0, true);
	assert_true(unchanged("tracked", OUTER, INGRESS, &packet));
}

/* It is from somewhere else: nobody is told. */
static void test_spoofed(void **state)
{
	const __u32 key = (__u32)dataplane_ifindex(INNER);
	struct ftpnat_ifaddr value;
	struct counters before;
	struct packet packet;
	struct talk talk;
	struct run run;
	int fd;

	(void)state;
	data_open(&talk, NAT46);
	fd = dataplane_fd("ftpnat_ifaddrs");
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0);
	value.rp_filter = FTPNAT_RP_STRICT;
	assert_int_equal(bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
	build(&packet, &talk, CLIENT, true, SHORT_PAYLOAD);
	memcpy(packet.byte, dataplane_mac(INNER), 6);
	fragment(&packet, 0, true);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, INNER, &packet, 0);
	assert_int_equal(run.action, TC_SHOT);
	assert_true(dataplane_counted("spoofed", &before, FTPNAT_SPOOFED, NULL));
}

/* Sooner or later a flood gets no answers, and goes no further for all that. */
static void test_flood(void **state)
{
	struct packet packet;
	struct talk talk;
	struct run run;
	int answers = 0;

	(void)state;
	data_open(&talk, FULL4);
	build(&packet, &talk, CLIENT, true, SHORT_PAYLOAD);
	fragment(&packet, 0, true);
	do
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	while (run.action == TC_REDIRECT && ++answers < 5000);
	assert_int_equal(run.action, TC_SHOT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_fragments), cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_others),		cmocka_unit_test(test_mapped),
		cmocka_unit_test(test_tracked),		cmocka_unit_test(test_spoofed),
		cmocka_unit_test(test_flood), /* last: nothing is left */
	};

	return _cmocka_run_group_tests("tc_fragments", tests, ARRAY_SIZE(tests),
				       dataplane_setup, dataplane_teardown);
}
