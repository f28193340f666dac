// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who may open a control connection, and how a SYN is refused. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/syn.h"
#include "lib/talk.h"
#include "base/util.h"

/* ---- clients and deny ---- */

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct row {
	const char *says;
	const char *const *clients, *const *deny;
	bool v4, v6; /* is a client of this family let in? */
} rows[] = {
	{ "no lists", NULL, NULL, true, true },
	{ "the client's prefix", LIST("198.51.100.0/24"), NULL, true, false },
	{ "the client alone", LIST("198.51.100.7", "2001:db8:1::7"), NULL, true, true },
	{ "its neighbour", LIST("198.51.100.6", "2001:db8:1::6"), NULL, false, false },
	{ "everybody of IPv4", LIST("0.0.0.0/0"), NULL, true, false },
	{ "everybody of IPv6", LIST("::/0"), NULL, false, true },
	{ "deny of the client's prefix", NULL, LIST("198.51.100.0/24"), false, true },
	{ "deny of the client alone", NULL, LIST("2001:db8:1::7"), true, false },
	{ "deny of its neighbour", NULL, LIST("198.51.100.6", "2001:db8:1::6"), true,
	  true },
	{ "deny of all IPv6", NULL, LIST("::/0"), true, false },
	{ "deny of all IPv4", NULL, LIST("0.0.0.0/0"), false, true },
	{ "deny within clients", LIST("198.51.100.0/24", "2001:db8::/32"),
	  LIST("198.51.100.4/30"), false, true },
	{ "clients within deny", LIST("198.51.100.7", "2001:db8:1::7"),
	  LIST("198.51.0.0/16", "2001:db8::/32"), false, false },
	{ "deny within clients within deny", LIST("198.51.100.0/24"),
	  LIST("198.51.100.7", "198.51.0.0/16"), false, false },
	{ "the same in both", LIST("198.51.100.7"), LIST("198.51.100.7"), false, false },
	{ "a shorter prefix of clients beside deny", LIST("198.0.0.0/8"),
	  LIST("198.51.100.8/29"), true, false },
};

/* The rule of syn_publish(), with these bits of `admission`. */
static void admission(__u16 bits)
{
	struct ftpnat_rule rule = syn_rule;

	rule.admission = bits;
	dataplane_rule(0, &rule);
}

static bool is_refused(const char *says, const struct packet *packet,
		       enum ftpnat_reason reason)
{
	struct counters before;
	struct run run;

	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, packet, 0);
	if (run.action != TC_SHOT)
		printf("%s: returned %d\n", says, run.action);
	return (run.action == TC_SHOT) & dataplane_counted(says, &before, reason, NULL);
}

static void test_row(void **state)
{
	const struct row *row = *state;
	bool good = true;

	for (int v6 = 0; v6 < 2; v6++) {
		const struct packet_spec *spec = v6 ? &syn6 : &syn4;
		struct packet packet, expected;

		syn_publish();
		if (row->clients || row->deny)
			admission(dataplane_lists(0, row->clients, row->deny));
		syn_build(&packet, spec);
		syn_build_translated(&expected, spec);
		if (v6 ? row->v6 : row->v4) {
			good &= check_translated(row->says, &packet, &expected);
			continue;
		}
		good &= is_refused(row->says, &packet, FTPNAT_CLIENT_DENIED);
		assert_int_equal(dataplane_flows(), 0);
	}
	assert_true(good);
}

/* A rule whose lists are missing lets nobody in. */
static void test_without_trie(void **state)
{
	struct packet packet;

	(void)state;
	syn_publish();
	admission(FTPNAT_ADMIT_LISTS | FTPNAT_ADMIT_DEFAULT);
	syn_build(&packet, &syn4);
	assert_true(is_refused("no trie", &packet, FTPNAT_CLIENT_DENIED));
}

/* The lists of the configuration that is not in force decide nothing. */
static void test_other_slot(void **state)
{
	struct packet packet;
	__u16 bits;

	(void)state;
	syn_publish();
	bits = dataplane_lists(0, LIST("198.51.100.0/24"), NULL);
	dataplane_config()->slot = 1;
	dataplane_lists(0, LIST("203.0.113.0/24"), NULL);
	dataplane_config()->slot = 0;
	admission(bits);
	syn_build(&packet, &syn4);
	dataplane_run(&(struct run){ 0 }, INGRESS, OUTER, &packet, 0);
	assert_int_equal(dataplane_flows(), 2);
}

/* A forged source is refused as that, whatever the lists say, and gets no answer. */
static void test_forged_source(void **state)
{
	struct packet_spec spec = syn4;
	struct packet packet;

	(void)state;
	syn_publish();
	admission(dataplane_lists(0, LIST("127.0.0.0/8"), NULL) | FTPNAT_ADMIT_RESET);
	spec.src = "127.0.0.1";
	syn_build(&packet, &spec);
	assert_true(is_refused("a forged source", &packet, FTPNAT_MARTIAN));
}

/* ---- refuse: reset ---- */

static const uint8_t client_mac[6] = { 2, 0, 0, 0, 0, 0x5c };

/* The sum of the pseudo header of a TCP segment without payload, folded. */
static uint16_t pseudo_sum(const struct packet *packet)
{
	bool v6 = packet_tcp(packet) == TCP6;
	size_t from = v6 ? IP + 8 : IP + 12, len = v6 ? 32 : 8;
	uint32_t sum = 6 + 20;

	for (size_t i = from; i < from + len; i += 2)
		sum += (uint32_t)packet->byte[i] << 8 | packet->byte[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

struct reset_row {
	const char *says;
	uint8_t flags;
	uint16_t sport;
	uint32_t seq;
	const char *payload;
	size_t padding;
	struct options options;
};

static const struct reset_row resets[] = {
	{ .says = "a SYN", .sport = 40000, .seq = 0xffffff00 },
	{ .says = "another port and number", .sport = 1, .seq = 0 },
	{ .says = "its number before 2^32", .sport = 65535, .seq = 0xffffffff },
	{ .says = "with ECN", .flags = ECE | CWR, .sport = 40000, .seq = 7 },
	{ .says = "with options",
	  .sport = 40000,
	  .seq = 7,
	  .options = { 8, { 2, 4, 5, 180, 1, 1, 4, 2 } } },
	{ .says = "with data (TCP Fast Open)",
	  .sport = 40000,
	  .seq = 7,
	  .payload = "USER" },
	{ .says = "with an Ethernet trailer", .sport = 40000, .seq = 7, .padding = 6 },
};

static void test_reset(void **state)
{
	static const enum ftpnat_reason why[] = { FTPNAT_CLIENT_DENIED,
						  FTPNAT_REASON_MAX };
	const struct reset_row *row = *state;
	bool good = true;

	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = v6 ? syn6 : syn4, back;
		struct packet packet, expected;
		struct counters before;
		struct run run;
		size_t tcp;

		syn_publish();
		admission(dataplane_lists(0, LIST("203.0.113.0/24"), NULL) |
			  FTPNAT_ADMIT_RESET);
		spec.flags |= row->flags;
		spec.sport = row->sport;
		spec.seq = row->seq;
		spec.payload = row->payload;
		spec.padding = row->padding;
		spec.options = row->options;
		syn_build(&packet, &spec);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
		assert_int_equal(run.action, TC_REDIRECT);
		good &= dataplane_counted(row->says, &before, FTPNAT_RESET, why);
		back = (struct packet_spec){
			.src = spec.dst,
			.dst = spec.src,
			.sport = spec.dport,
			.dport = spec.sport,
			.ack = spec.seq + 1 +
			       (row->payload ? (uint32_t)strlen(row->payload) : 0),
			.flags = RST | ACK,
			.src_mac = dataplane_mac(OUTER),
			.dst_mac = client_mac,
		};
		tcp = v6 ? TCP6 : TCP;
		back.window = (uint16_t)(run.packet.byte[tcp + 14] << 8 |
					 run.packet.byte[tcp + 15]);
		packet_build(&expected, &back);
		memset(expected.byte + (v6 ? IP + 1 : IP + 4), 0, v6 ? 3 : 2);
		packet_checksums(&expected);
		good &= packet_same(row->says, &expected, &run.packet);
		good &= packet_sane(row->says, &run.packet);
		/* as right where the device still sums up the header (CHECKSUM_PARTIAL) */
		assert_int_equal(
			(pseudo_sum(&run.packet) ^
			 (run.packet.byte[tcp + 16] << 8 | run.packet.byte[tcp + 17])) %
				0xffff,
			0);
		assert_int_equal(dataplane_flows(), 0);
	}
	assert_true(good);
}

/* At egress, to a client on the gateway itself. */
static void test_reset_at_egress(void **state)
{
	static const enum ftpnat_reason why[] = { FTPNAT_CLIENT_DENIED,
						  FTPNAT_REASON_MAX };
	struct counters before;
	struct packet packet;
	struct run run;

	(void)state;
	syn_publish();
	admission(dataplane_lists(0, NULL, LIST("0.0.0.0/0")) | FTPNAT_ADMIT_RESET);
	packet_build(&packet, &syn4);
	dataplane_counters(&before);
	dataplane_run(&run, EGRESS, OUTER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	assert_true(dataplane_counted("egress", &before, FTPNAT_RESET, why));
	assert_true(packet_sane("egress", &run.packet));
	assert_int_equal(run.packet.byte[TCP + 13], RST | ACK);
}

/* A SYN with IP options is dropped without an answer. */
static void test_no_reset_for_ip_options(void **state)
{
	struct packet_spec spec = syn4;
	struct packet packet;

	(void)state;
	syn_publish();
	admission(dataplane_lists(0, NULL, LIST("0.0.0.0/0")) | FTPNAT_ADMIT_RESET);
	spec.ip_options = (struct options){ 4, { 1, 1, 1, 0 } };
	syn_build(&packet, &spec);
	assert_true(is_refused("IP options", &packet, FTPNAT_CLIENT_DENIED));
}

/* `refuse: reset` also answers where no server is left, unless the source is forged. */
static void test_no_server(void **state)
{
	static const enum ftpnat_reason why[] = { FTPNAT_NO_SERVER, FTPNAT_REASON_MAX };
	struct ftpnat_rule rule = syn_rule;
	struct packet_spec spec = syn4;
	struct counters before;
	struct packet packet;
	struct run run;

	(void)state;
	syn_publish();
	rule.weight[FTPNAT_V4] = 0;
	rule.admission = FTPNAT_ADMIT_RESET;
	dataplane_rule(0, &rule);
	syn_build(&packet, &spec);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	assert_true(dataplane_counted("no server", &before, FTPNAT_RESET, why));
	spec.src = "127.0.0.1";
	syn_build(&packet, &spec);
	assert_true(is_refused("forged", &packet, FTPNAT_MARTIAN));
	rule.admission = 0;
	dataplane_rule(0, &rule);
	syn_build(&packet, &syn4);
	assert_true(is_refused("dropped", &packet, FTPNAT_NO_SERVER));
}

/* Unless `refuse: drop`, a SYN is reset when no server is left, and only then. */
static void test_reset_without_server(void **state)
{
	static const enum ftpnat_reason why[] = { FTPNAT_NO_SERVER, FTPNAT_REASON_MAX };

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const struct packet_spec *spec = v6 ? &syn6 : &syn4;
		struct ftpnat_rule rule = syn_rule;
		struct counters before;
		struct packet packet;
		struct run run;

		syn_publish();
		rule.admission = dataplane_lists(0, NULL, LIST("0.0.0.0/0", "::/0")) |
				 FTPNAT_ADMIT_RESET_NO_SERVER;
		dataplane_rule(0, &rule);
		syn_build(&packet, spec);
		assert_true(is_refused("denied", &packet, FTPNAT_CLIENT_DENIED));
		rule.weight[FTPNAT_V4] = rule.weight[FTPNAT_V6] = 0;
		rule.admission = FTPNAT_ADMIT_RESET_NO_SERVER;
		dataplane_rule(0, &rule);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
		assert_int_equal(run.action, TC_REDIRECT);
		assert_true(dataplane_counted("no server", &before, FTPNAT_RESET, why));
		assert_int_equal(dataplane_flows(), 0);
	}
}

/* The fallback gets what no server is left for, of its own family, unless drained. */
static void test_fallback(void **state)
{
	struct ftpnat_rule rule = syn_rule;
	struct packet packet, packet6, expected;
	struct packet_spec again = syn4;

	(void)state;
	syn_publish();
	rule.flags = FTPNAT_RULE_FALLBACK;
	rule.weight[FTPNAT_V6] = 0; /* the IPv4 server is in use */
	dataplane_rule(0, &rule);
	dataplane_server(1, "10.9.0.10", 2121, NULL, 0);
	syn_build(&packet6, &syn6);
	assert_true(is_refused("of the other family", &packet6, FTPNAT_NO_SERVER));
	dataplane_server(0, "10.9.0.77", 2121, NULL, 0); /* drained */
	rule.weight[FTPNAT_V4] = 0;
	dataplane_rule(0, &rule);
	syn_build(&packet, &syn4);
	syn_build_translated(&expected, &syn4);
	assert_true(check_translated("to the fallback", &packet, &expected));
	dataplane_server_drained(1, "10.9.0.10", 2121);
	again.sport++;
	syn_build(&packet, &again);
	assert_true(is_refused("the fallback is drained", &packet, FTPNAT_NO_SERVER));
}

/* balance: source: one client always gets the same server, clients share the servers. */
static void test_balance_source(void **state)
{
	struct ftpnat_rule rule = syn_rule;
	unsigned int got[2] = { 0 };

	(void)state;
	syn_publish();
	rule.balance = FTPNAT_BALANCE_SOURCE;
	rule.weight[FTPNAT_V4] = 2;
	dataplane_server(1, "10.9.0.11", 2121, NULL, 1);
	dataplane_rule(0, &rule);
	for (int client = 20; client < 32; client++) {
		char src[32];
		int first = -1;

		snprintf(src, sizeof(src), "198.51.100.%d", client);
		for (int turn = 0; turn < 3; turn++) {
			struct packet_spec spec = syn4;
			struct packet packet;
			struct run run;
			int server;

			spec.src = src;
			spec.sport = (uint16_t)(40000 + turn);
			syn_build(&packet, &spec);
			dataplane_run(&run, INGRESS, OUTER, &packet, 0);
			assert_int_equal(run.action, TC_REDIRECT);
			server = run.packet.byte[14 + 19] - 10;
			assert_in_range(server, 0, 1);
			if (first < 0)
				first = server;
			assert_int_equal(server, first);
		}
		got[first]++;
	}
	assert_in_range(got[0], 2, 10);
}

int main(void)
{
	struct CMUnitTest tests[64] = {
		cmocka_unit_test(test_without_trie),
		cmocka_unit_test(test_other_slot),
		cmocka_unit_test(test_forged_source),
		cmocka_unit_test(test_reset_at_egress),
		cmocka_unit_test(test_no_reset_for_ip_options),
		cmocka_unit_test(test_no_server),
		cmocka_unit_test(test_reset_without_server),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_balance_source),
	};
	size_t n = 9;

	n += rows_as_tests(tests + n, rows, ARRAY_SIZE(rows), sizeof(rows[0]), test_row);
	n += rows_as_tests(tests + n, resets, ARRAY_SIZE(resets), sizeof(resets[0]),
			   test_reset);
	return _cmocka_run_group_tests("tc_admission", tests, n, dataplane_setup,
				       dataplane_teardown);
}
