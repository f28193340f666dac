// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* guard and track: which SYNs are refused, and that tracked packets stay as they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "lib/talk.h"
#include "base/util.h"

#define HOME4 "198.51.100.7"
#define HOST4 "10.9.0.10"
#define HOME6 "2001:db8:1::7"
#define HOST6 "fd00:9::10"

static const struct ftpnat_guard guard = { .number = 2,
					   .ports = { { 20, 20 }, { 1024, 65535 } } };

static const struct ftpnat_rule track = { .name = "dmz",
					  .kind = FTPNAT_TRACK,
					  .modes = 1 << FTPNAT_PASSIVE |
						   1 << FTPNAT_ACTIVE };

static void configure(void)
{
	dataplane_fresh();
	dataplane_rule(0, &track);
	dataplane_track(0, NULL, "10.9.0.0/24", 21, 0);
	dataplane_track(1, NULL, "fd00:9::/64", 21, 0);
	dataplane_guard(OUTER, &guard);
	dataplane_ifaddr(OUTER, "198.51.100.1", "2001:db8:1::1");
	dataplane_ifaddr(INNER, "10.9.0.1", "fd00:9::1");
}

/* Is the packet left as it is, or refused, for this reason? */
static bool stays(const char *title, enum hook hook, enum side side,
		  struct packet_spec spec, enum ftpnat_reason reason,
		  const enum ftpnat_reason *also)
{
	if (hook == INGRESS)
		spec.dst_mac = dataplane_mac(side);
	return check_packet(title, hook, side, &spec, &spec, reason, also);
}

static bool passes(const char *title, enum hook hook, enum side side,
		   const struct packet_spec *spec, enum ftpnat_reason reason)
{
	return stays(title, hook, side, *spec, reason, NULL);
}

/* ---- guard ---- */

struct row {
	const char *says;
	uint16_t sport, dport;
	uint8_t flags;
	bool refused;
};

static const struct row rows[] = {
	{ "a SYN to a port of the list", 40000, 1024, SYN, true },
	{ "to the last port of the list", 40000, 65535, SYN, true },
	{ "to the port before the list", 40000, 1023, SYN, false },
	{ "to port 20", 40000, 20, SYN, true },
	{ "to the control port of no rule", 40000, 990, SYN, false },
	{ "from port 20", 20, 80, SYN, true },
	{ "from another port of the list", 1024, 80, SYN, false },
	{ "with ECN", 40000, 2000, SYN | ECE | CWR, true },
	{ "with PSH", 40000, 2000, SYN | PSH, true },
	{ "SYN with FIN", 40000, 2000, SYN | FIN, true },
	{ "SYN with FIN to another port", 40000, 80, SYN | FIN, false },
	{ "SYN with RST", 40000, 2000, SYN | RST, true },
	{ "SYN with all but ACK", 20, 80, SYN | FIN | RST | PSH | URG | ECE | CWR, true },
	{ "SYN and ACK", 40000, 2000, SYN | ACK, false },
	{ "ACK", 40000, 2000, ACK, false },
	{ "FIN and ACK", 20, 2000, FIN | ACK, false },
	{ "RST", 40000, 2000, RST, false },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	bool good = true;

	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = { .src = v6 ? HOME6 : HOME4,
					    .dst = v6 ? HOST6 : HOST4,
					    .sport = row->sport,
					    .dport = row->dport,
					    .flags = row->flags };
		enum ftpnat_reason reason = row->refused ? FTPNAT_GUARDED : FTPNAT_PASS;

		configure();
		good &= passes(row->says, INGRESS, OUTER, &spec, reason);
		good &= passes(row->says, EGRESS, OUTER, &spec, reason);
		good &= passes("an interface without guard", INGRESS, INNER, &spec,
			       FTPNAT_PASS);
		good &= passes("an interface without guard", EGRESS, INNER, &spec,
			       FTPNAT_PASS);
		dataplane_config()->slot = 1;
		dataplane_apply();
		good &= passes("the guard of a configuration that isn't in force",
			       INGRESS, OUTER, &spec, FTPNAT_PASS);
	}
	assert_true(good);
}

/* ---- what hides a SYN ---- */

static bool runs(const char *says, const struct packet *packet, int action,
		 enum ftpnat_reason reason)
{
	struct packet ours = *packet;
	struct counters before;
	struct run run;

	memcpy(ours.byte, dataplane_mac(OUTER), 6);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, &ours, 0);
	if (run.action != action) {
		printf("%s: returned %d, expected %d\n", says, run.action, action);
		return false;
	}
	return dataplane_counted(says, &before, reason, NULL);
}

/* The packet as a fragment: so much of it, from so far on (in units of 8 bytes). */
static void fragment(struct packet *packet, uint16_t offset, bool more, size_t tcp_len)
{
	packet->len = packet_tcp(packet) + tcp_len;
	packet->byte[16] = 0;
	packet->byte[17] = (uint8_t)(packet->len - 14);
	packet->byte[20] = (uint8_t)((more ? 0x20 : 0) | offset >> 8);
	packet->byte[21] = (uint8_t)offset;
}

static void test_fragments(void **state)
{
	static const struct {
		const char *says;
		uint8_t flags;
		uint16_t dport, offset;
		bool more;
		size_t len;
		bool refused;
	} cut[] = {
		{ "the first of a SYN", SYN, 2000, 0, true, 24, true },
		{ "the first of a SYN to another port", SYN, 80, 0, true, 24, false },
		{ "the first of an established connection", PSH | ACK, 2000, 0, true, 24,
		  false },
		{ "without its flags", PSH | ACK, 2000, 0, true, 8, true },
		{ "without its flags, to another port", SYN, 80, 0, true, 8, false },
		{ "without its ports", PSH | ACK, 80, 0, true, 0, true },
		{ "of a SYN with FIN", SYN | FIN, 2000, 0, true, 24, true },
		{ "over the flags", PSH | ACK, 80, 1, false, 16, true },
		{ "behind the header", PSH | ACK, 2000, 3, false, 24, false },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cut); i++) {
		const struct packet_spec spec = { .src = HOME4,
						  .dst = HOST4,
						  .sport = 40000,
						  .dport = cut[i].dport,
						  .flags = cut[i].flags,
						  .payload =
							  "twenty-four bytes of it.." };
		struct packet packet;

		configure();
		packet_build(&packet, &spec);
		fragment(&packet, cut[i].offset, cut[i].more, cut[i].len);
		good &= runs(cut[i].says, &packet, cut[i].refused ? TC_SHOT : TC_UNSPEC,
			     cut[i].refused ? FTPNAT_GUARDED : FTPNAT_FRAGMENT);
	}
	assert_true(good);
}

/* Puts an IPv6 extension header of 8 bytes in front of what is there. */
static void extend(struct packet *packet, uint8_t header, uint8_t third, uint8_t fourth)
{
	uint8_t *ip = packet->byte + 14, *next = ip + 40;

	memmove(next + 8, next, packet->len - 54);
	memset(next, 0, 8);
	next[0] = ip[6];
	next[2] = third;
	next[3] = fourth;
	ip[6] = header;
	ip[5] = (uint8_t)(ip[5] + 8);
	packet->len += 8;
}

static void test_extension_headers(void **state)
{
	struct packet_spec spec = {
		.src = HOME6, .dst = HOST6, .sport = 40000, .dport = 2000, .flags = SYN
	};
	static const uint8_t rare[] = { 135, 139, 140 };
	struct packet packet;
	bool good = true;

	(void)state;
	configure();
	packet_build(&packet, &spec);
	extend(&packet, 60, 1, 4);
	good &= runs("destination options", &packet, TC_SHOT, FTPNAT_GUARDED);
	extend(&packet, 0, 1, 4);
	good &= runs("and hop-by-hop options", &packet, TC_SHOT, FTPNAT_GUARDED);
	packet_build(&packet, &spec);
	extend(&packet, 44, 0, 1);
	good &= runs("a first fragment", &packet, TC_SHOT, FTPNAT_GUARDED);
	packet_build(&packet, &spec);
	extend(&packet, 44, 0, 1 << 3 | 1);
	good &= runs("over the flags", &packet, TC_SHOT, FTPNAT_GUARDED);
	packet_build(&packet, &spec);
	extend(&packet, 44, 0, 3 << 3 | 1);
	good &= runs("behind the header", &packet, TC_UNSPEC, FTPNAT_FRAGMENT);
	packet_build(&packet, &spec);
	extend(&packet, 44, 0, 1 << 3 | 1);
	packet.byte[54] = 17;
	good &= runs("over the flags, as if it were UDP", &packet, TC_SHOT,
		     FTPNAT_GUARDED);
	packet_build(&packet, &spec);
	extend(&packet, 60, 1, 4);
	extend(&packet, 44, 0, 1);
	packet.byte[63] = 200; /* the options go on in the next fragment */
	good &= runs("a first fragment without the TCP header", &packet, TC_SHOT,
		     FTPNAT_GUARDED);
	packet_build(&packet, &spec);
	extend(&packet, 51, 1, 4);
	packet.byte[55] = 0; /* AH counts in units of 4 bytes, less 2 */
	good &= runs("an authentication header", &packet, TC_SHOT, FTPNAT_GUARDED);
	for (size_t i = 0; i < ARRAY_SIZE(rare); i++) {
		packet_build(&packet, &spec);
		extend(&packet, rare[i], 0, 0);
		good &= runs("mobility, HIP, Shim6", &packet, TC_SHOT, FTPNAT_GUARDED);
	}
	for (int n = 7; n <= 28; n++) {
		packet_build(&packet, &spec);
		for (int i = 0; i < n; i++)
			extend(&packet, 60, 1, 4);
		good &= runs("many extension headers", &packet, TC_SHOT, FTPNAT_GUARDED);
	}
	spec.dport = 80;
	packet_build(&packet, &spec);
	extend(&packet, 60, 1, 4);
	good &= runs("another port", &packet, TC_UNSPEC, FTPNAT_PASS);
	spec.dport = 2000;
	spec.flags = ACK;
	packet_build(&packet, &spec);
	extend(&packet, 60, 1, 4);
	good &= runs("no SYN", &packet, TC_UNSPEC, FTPNAT_PASS);
	assert_true(good);
}

/* Two tags in the frame: one more would be beside it, as the kernel has the outer one. */
static void test_tags(void **state)
{
	static const struct {
		const char *says;
		uint16_t kind, tci;
		int tags;
		bool udp, refused;
	} tags[] = {
		{ "a priority tag in the frame", 0x8100, 0xe000, 1, false, true },
		{ "the same of a provider", 0x88a8, 0, 1, false, true },
		{ "four of them", 0x8100, 0, 4, false, true },
		{ "more than are read", 0x8100, 0, 6, false, true },
		{ "UDP", 0x8100, 0, 1, true, false },
		{ "another VLAN", 0x8100, 0xe005, 1, false, false },
	};
	const struct packet_spec spec = {
		.src = HOME4, .dst = HOST4, .sport = 40000, .dport = 2000, .flags = SYN
	};
	bool good = true;

	(void)state;
	configure();
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		struct packet packet;

		packet_build(&packet, &spec);
		if (tags[i].udp)
			packet.byte[23] = 17;
		for (int n = 0; n < tags[i].tags; n++) {
			memmove(packet.byte + 16, packet.byte + 12, packet.len - 12);
			packet.len += 4;
			packet.byte[12] = (uint8_t)(tags[i].kind >> 8);
			packet.byte[13] = (uint8_t)tags[i].kind;
			packet.byte[14] = (uint8_t)(tags[i].tci >> 8);
			packet.byte[15] = (uint8_t)tags[i].tci;
		}
		good &= runs(tags[i].says, &packet, tags[i].refused ? TC_SHOT : TC_UNSPEC,
			     tags[i].refused ? FTPNAT_GUARDED : FTPNAT_PASS);
	}
	assert_true(good);
}

/* ---- track ---- */

static const enum ftpnat_reason none[] = { FTPNAT_REASON_MAX };
static const enum ftpnat_reason opens[] = { FTPNAT_CONTROL_OPENED, FTPNAT_REASON_MAX };
static const enum ftpnat_reason arrives[] = { FTPNAT_EXPECTED_USED, FTPNAT_REASON_MAX };
static const enum ftpnat_reason announces[] = { FTPNAT_EXPECTED, FTPNAT_LINE_UNCHANGED,
						FTPNAT_REASON_MAX };

/* One packet of a tracked conversation: untouched, for these reasons. */
static bool says(bool v6, bool server, uint32_t seq, uint8_t flags, const char *text,
		 const enum ftpnat_reason *also)
{
	const char *client = v6 ? HOME6 : HOME4, *host = v6 ? HOST6 : HOST4;
	const struct packet_spec spec = { .src = server ? host : client,
					  .dst = server ? client : host,
					  .sport = server ? 21 : 40000,
					  .dport = server ? 40000 : 21,
					  .seq = seq,
					  .ack = server ? 101 : 501,
					  .flags = flags,
					  .payload = text };

	return stays(text ? text : "(no data)", INGRESS, server ? INNER : OUTER, spec,
		     FTPNAT_TRACKED, also);
}

static bool opened(bool v6)
{
	return says(v6, false, 100, SYN, NULL, none) &&
	       says(v6, true, 500, SYN | ACK, NULL, none) &&
	       says(v6, false, 101, ACK, NULL, opens) &&
	       says(v6, true, 501, PSH | ACK, "220 hello\r\n", none);
}

static bool dials(const char *title, enum hook hook, enum side side, const char *src,
		  uint16_t sport, const char *dst, uint16_t dport,
		  enum ftpnat_reason reason, const enum ftpnat_reason *also)
{
	const struct packet_spec spec = {
		.src = src, .dst = dst, .sport = sport, .dport = dport, .flags = SYN
	};

	return stays(title, hook, side, spec, reason,
		     reason == FTPNAT_TRACKED ? also : NULL);
}

static bool data_syn(const char *title, enum hook hook, enum side side, const char *src,
		     uint16_t sport, const char *dst, uint16_t dport,
		     enum ftpnat_reason reason)
{
	return dials(title, hook, side, src, sport, dst, dport, reason, arrives);
}

static void test_passive(void **state)
{
	bool good;

	(void)state;
	configure();
	good = opened(false) && says(false, false, 101, PSH | ACK, "PASV\r\n", none) &&
	       says(false, true, 512, PSH | ACK, "227 (10,9,0,10,10,10)\r\n", announces);
	good = good && data_syn("the port beside", INGRESS, OUTER, HOME4, 41000, HOST4,
				2571, FTPNAT_GUARDED);
	good = good && data_syn("another client", INGRESS, OUTER, "198.51.100.8", 41000,
				HOST4, 2570, FTPNAT_GUARDED);
	good = good && data_syn("the announced", INGRESS, OUTER, HOME4, 41000, HOST4,
				2570, FTPNAT_TRACKED);
	good = good && data_syn("a second", INGRESS, OUTER, HOME4, 41001, HOST4, 2570,
				FTPNAT_GUARDED);
	assert_true(good);
	assert_int_equal(dataplane_expectations(), 0);
}

/* tls_data_ports: only from the client of a session under TLS to its server. */
static void test_tls_data_ports(void **state)
{
	static const enum ftpnat_reason opaque[] = { FTPNAT_OPAQUE, FTPNAT_REASON_MAX };
	static const enum ftpnat_reason comes[] = { FTPNAT_TLS_DATA, FTPNAT_REASON_MAX };
	static const enum ftpnat_reason ends[] = { FTPNAT_CONTROL_CLOSED,
						   FTPNAT_REASON_MAX };
	const struct {
		const char *says;
		const char *src, *dst;
		uint16_t dport;
		enum ftpnat_reason reason;
	} syns[] = {
		{ "the range", HOME4, HOST4, 2000, FTPNAT_TRACKED },
		{ "once more", HOME4, HOST4, 2000, FTPNAT_TRACKED },
		{ "below", HOME4, HOST4, 1999, FTPNAT_GUARDED },
		{ "above", HOME4, HOST4, 2100, FTPNAT_GUARDED },
		{ "another client", "198.51.100.8", HOST4, 2000, FTPNAT_GUARDED },
		{ "another server", HOME4, "10.9.0.11", 2000, FTPNAT_GUARDED },
		{ "from the server", HOST4, HOME4, 2000, FTPNAT_GUARDED },
	};
	struct ftpnat_rule rule = track;
	uint16_t sport = 41000;
	bool good = true;

	(void)state;
	rule.tls_port_min = 2000;
	rule.tls_port_max = 2099;
	for (int tls = 0; tls < 2; tls++) {
		configure();
		if (tls)
			dataplane_rule(0, &rule);
		assert_true(opened(false));
		good &= dials("in clear text", INGRESS, OUTER, HOME4, sport++, HOST4,
			      2000, FTPNAT_GUARDED, NULL);
		assert_true(says(false, false, 101, PSH | ACK, "AUTH TLS\r\n", none) &&
			    says(false, true, 512, PSH | ACK, "234 go\r\n", opaque) &&
			    says(false, true, 520, PSH | ACK, "\x16\x03\x03", none));
		for (size_t i = 0; i < ARRAY_SIZE(syns); i++)
			good &= dials(syns[i].says, INGRESS, OUTER, syns[i].src, sport++,
				      syns[i].dst, syns[i].dport,
				      tls ? syns[i].reason : FTPNAT_GUARDED, comes);
		assert_true(says(false, false, 111, RST | ACK, NULL, ends));
		good &= dials("after the session", INGRESS, OUTER, HOME4, sport++, HOST4,
			      2000, FTPNAT_GUARDED, NULL);
	}
	assert_true(good);
}

/* Nothing is held back: a split line is read as it arrives. */
static void test_active_in_pieces(void **state)
{
	bool good;

	(void)state;
	configure();
	good = opened(true) && says(true, false, 101, PSH | ACK, "EP", none) &&
	       says(true, false, 103, PSH | ACK, "RT |2|2001:db8", none) &&
	       says(true, false, 117, PSH | ACK, ":1::7|2000|\r\n", announces);
	good = good && data_syn("from another host", EGRESS, OUTER, "fd00:9::11", 20,
				HOME6, 2000, FTPNAT_GUARDED);
	good = good && data_syn("the announced", INGRESS, INNER, HOST6, 20, HOME6, 2000,
				FTPNAT_TRACKED);
	assert_true(good);
}

/* A line that other rules would refuse passes here, and announces nothing. */
static void test_refused_lines_pass(void **state)
{
	static const enum ftpnat_reason foreign[] = { FTPNAT_LINE_FOREIGN,
						      FTPNAT_REASON_MAX };
	static const enum ftpnat_reason privileged[] = { FTPNAT_LINE_PRIVILEGED,
							 FTPNAT_REASON_MAX };
	bool good;

	(void)state;
	configure();
	good = opened(false) &&
	       says(false, false, 101, PSH | ACK, "PORT 10,9,9,9,7,208\r\n", foreign) &&
	       says(false, true, 512, PSH | ACK, "500 no\r\n", none) &&
	       says(false, false, 122, PSH | ACK, "PORT 198,51,100,7,0,22\r\n",
		    privileged) &&
	       says(false, true, 520, PSH | ACK, "200 ok\r\n", none) &&
	       says(false, false, 146, PSH | ACK, "PASV\r\n", none) &&
	       says(false, true, 528, PSH | ACK, "227 (10,9,9,9,7,208)\r\n", foreign);
	assert_true(good);
	assert_int_equal(dataplane_expectations(), 0);
}

/* A routed packet passes two hooks; the second knows where it came in. */
static void test_second_hook(void **state)
{
	const struct packet_spec spec = { .src = HOME4,
					  .dst = HOST4,
					  .sport = 40000,
					  .dport = 21,
					  .seq = 101,
					  .ack = 501,
					  .flags = PSH | ACK,
					  .payload = "PASV\r\n" };
	struct counters before;
	struct packet packet;
	struct run run;

	(void)state;
	configure();
	assert_true(opened(false));
	packet_build(&packet, &spec);
	dataplane_counters(&before);
	assert_int_equal(dataplane_forwarded(&run, INNER, OUTER, &packet), 0);
	assert_int_equal(run.action, TC_UNSPEC);
	assert_true(dataplane_counted("egress", &before, FTPNAT_SEEN, NULL));
	/* what came in where none of our hooks is, is read here */
	dataplane_no_ifaddr(OUTER);
	dataplane_counters(&before);
	assert_int_equal(dataplane_forwarded(&run, INNER, OUTER, &packet), 0);
	assert_true(dataplane_counted("egress alone", &before, FTPNAT_TRACKED, NULL));
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(rows) + 9];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_passive),
		cmocka_unit_test(test_tls_data_ports),
		cmocka_unit_test(test_active_in_pieces),
		cmocka_unit_test(test_refused_lines_pass),
		cmocka_unit_test(test_second_hook),
	};
	size_t n = rows_as_tests(tests, rows, ARRAY_SIZE(rows), sizeof(*rows), test_row);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_guard", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
