// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The XDP program: the table of next hops, counters and clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "lib/xdp.h"
#include "base/util.h"

static char bulk[3000];

/* As if a second had passed. */
static void forget_hop(const struct talk *talk, enum end from)
{
	const struct packet_spec in = data_sent(talk, from);
	const struct ftpnat_tuple key = xdp_key(&in);
	struct ftpnat_flow flow = xdp_flow(&in);

	flow.seen--;
	xdp_set_flow(&key, &flow);
}

static void test_link(void **state)
{
	const __u32 key = (__u32)dataplane_ifindex(INNER);
	struct talk talk;
	bool good = true;

	(void)state;
	xdp_begin(&talk, KEEP4);
	good &= xdp_takes("it transmits", &talk, NATIVE, true);
	xdp_link(INNER, false);
	forget_hop(&talk, CLIENT);
	good &= xdp_takes("no more", &talk, NATIVE, false);
	good &= xdp_takes("nor later", &talk, NATIVE, false);
	forget_hop(&talk, CLIENT);
	good &= xdp_takes("generic doesn't mind", &talk, GENERIC, true);
	assert_int_equal(bpf_map_delete_elem(dataplane_fd("ftpnat_links"), &key), 0);
	forget_hop(&talk, CLIENT);
	good &= xdp_takes("nothing known of it", &talk, NATIVE, false);
	good &= data_check("TC takes it", &talk, CLIENT, ACK, NULL, NULL);
	xdp_link(INNER, true);
	forget_hop(&talk, CLIENT);
	good &= xdp_takes("again", &talk, NATIVE, true);
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

		xdp_begin(&talk, rows[i].id);
		dataplane_sh("ip neigh del %s dev inner0", rows[i].addr);
		forget_hop(&talk, CLIENT);
		good &= xdp_takes("unknown", &talk, NATIVE, false);
		good &= xdp_takes("unknown", &talk, GENERIC, false);
		dataplane_sh("ip neigh replace %s lladdr "
			     "02:00:00:00:02:10 dev inner0 nud permanent",
			     rows[i].addr);
		good &= xdp_takes("known", &talk, NATIVE, true);
	}
	assert_true(good);
}

static void test_no_route(void **state)
{
	struct talk talk;
	bool good = true;

	(void)state;
	xdp_begin(&talk, MASQ4);
	dataplane_sh("ip route add unreachable "
		     "198.51.100.21/32");
	forget_hop(&talk, CLIENT);
	good &= xdp_takes("no route", &talk, NATIVE, false);
	dataplane_sh("ip route del unreachable "
		     "198.51.100.21/32");
	good &= xdp_takes("a route", &talk, NATIVE, true);
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
	xdp_begin(&talk, KEEP4);
	in = data_sent(&talk, CLIENT);
	out = xdp_leaves(&talk, CLIENT);
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
	xdp_begin(&talk, KEEP4);
	assert_true(xdp_takes("first", &talk, NATIVE, true));
	in = data_sent(&talk, CLIENT);
	key = xdp_key(&in);
	flow = xdp_flow(&in);
	flow.hop = flow.hop == 1 ? 2 : 1;
	flow.seen--;
	xdp_set_hop(flow.hop - 1u, &wrong);
	xdp_set_flow(&key, &flow);
	assert_true(xdp_takes("learned again", &talk, NATIVE, true));
	assert_int_not_equal(xdp_flow(&in).hop, flow.hop);
}

static void test_hops_are_shared(void **state)
{
	struct packet_spec in, other_in;
	struct talk talk;
	__u16 hop;

	(void)state;
	xdp_begin(&talk, KEEP4);
	assert_true(xdp_takes("data", &talk, NATIVE, true));
	in = data_sent(&talk, CLIENT);
	hop = xdp_flow(&in).hop;
	assert_int_not_equal(hop, 0);
	other_in = data_sent(&talk, SERVER);
	assert_int_not_equal(xdp_flow(&other_in).hop, hop);
	other_in = talk_sent(&talk, CLIENT); /* the control connection goes there too */
	assert_int_equal(xdp_flow(&other_in).hop, hop);
}

/* All its places belong to others: after some seconds they are free, before that not. */
static void test_full_set(void **state)
{
	struct ftpnat_hop busy = { .ifindex = 99, .mtu = 1500 };
	struct packet_spec in;
	struct ftpnat_hop hop;
	struct talk talk;
	bool good = true;

	(void)state;
	xdp_begin(&talk, KEEP4);
	in = data_sent(&talk, CLIENT);

	busy.used = ~0u; /* claimed: somebody writes it */
	xdp_set_hops(&busy);
	forget_hop(&talk, CLIENT);
	good &= xdp_takes("claimed", &talk, NATIVE, false);
	assert_int_equal(xdp_flow(&in).hop, 0);

	busy.used = xdp_now();
	xdp_set_hops(&busy);
	forget_hop(&talk, CLIENT);
	good &= xdp_takes("used", &talk, NATIVE, false);
	assert_int_equal(xdp_flow(&in).hop, 0);
	good &= data_check("TC takes the long way", &talk, CLIENT, ACK, NULL, NULL);
	assert_int_equal(xdp_flow(&in).hop, 0);

	busy.used = xdp_now() - 4;
	xdp_set_hops(&busy);
	forget_hop(&talk, CLIENT);
	good &= xdp_takes("free", &talk, NATIVE, true);
	xdp_hop(xdp_flow(&in).hop - 1u, &hop);
	assert_int_equal(hop.ifindex, dataplane_ifindex(INNER));
	assert_memory_equal(hop.mac.dst, xdp_mac_of("10.9.0.10", INNER), 6);
	assert_memory_equal(hop.mac.src, dataplane_mac(INNER), 6);
	assert_true(good);
}

/*
 * TC regularly sends a packet, so that the neighbour layer knows that the entry is in
 * use.
 */
static void test_confirmation(void **state)
{
	struct packet_spec in;
	struct ftpnat_hop hop;
	struct talk talk;
	__u32 index, before;
	bool good = true;

	(void)state;
	xdp_begin(&talk, KEEP4);
	good &= xdp_takes("confirmed", &talk, NATIVE, true);
	in = data_sent(&talk, CLIENT);
	index = xdp_flow(&in).hop - 1u;
	xdp_hop(index, &hop);
	hop.confirmed = xdp_now() - 1;
	xdp_set_hop(index, &hop);
	forget_hop(&talk, CLIENT);
	good &= xdp_takes("too long ago", &talk, NATIVE, false);
	good &= xdp_takes("still", &talk, NATIVE, false);
	good &= data_check("TC", &talk, CLIENT, ACK, NULL, NULL);
	before = hop.confirmed;
	xdp_hop(index, &hop);
	assert_true(hop.confirmed > before);
	good &= xdp_takes("confirmed again", &talk, NATIVE, true);
	assert_true(good);
}

/* TC tells the neighbour layer once per second and next hop, not by each connection. */
static void test_told_once(void **state)
{
	struct packet_spec in;
	struct packet packet;
	struct ftpnat_hop hop;
	struct talk talk;
	struct run run;
	__u32 index, begun;

	(void)state;
	xdp_begin(&talk, KEEP4);
	assert_true(xdp_takes("data", &talk, NATIVE, true));
	in = data_sent(&talk, CLIENT);
	packet_build(&packet, &in);
	index = xdp_flow(&in).hop - 1u;
	xdp_hop(index, &hop);
	hop.confirmed = xdp_now() - 1;
	xdp_set_hop(index, &hop);
	forget_hop(&talk, CLIENT);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_false(run.at_once);
	do { /* again, if what was confirmed has ended with its second */
		begun = xdp_now();
		xdp_confirm();
		forget_hop(&talk, CLIENT);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	} while (!run.at_once && xdp_now() != begun);
	assert_true(run.at_once);
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
	xdp_begin(&talk, FULL6);
	in = data_sent(&talk, CLIENT);
	answer = data_sent(&talk, SERVER);
	before = xdp_flow(&in);
	back = xdp_flow(&answer);
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
	after = xdp_flow(&in);
	assert_int_equal(after.packets - before.packets, 4);
	assert_int_equal(after.bytes - before.bytes, 3 * 1060 + 60);
	assert_true(after.seen >= begun);
	assert_int_equal(after.tcp, before.tcp);
	assert_int_equal(after.created, before.created);
	assert_int_equal(xdp_flow(&answer).packets, back.packets);

	packet_build(&packet, &answer);
	do {
		xdp_confirm();
		xdp_run(&run, NATIVE, INNER, &packet);
	} while (run.action != XDP_REDIRECT && xdp_now() != begun);
	assert_int_equal(xdp_flow(&answer).packets, back.packets + 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_neighbour_unknown),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_hop_of_another_second),
		cmocka_unit_test(test_hops_are_shared),
		cmocka_unit_test(test_full_set),
		cmocka_unit_test(test_confirmation),
		cmocka_unit_test(test_told_once),
		cmocka_unit_test(test_counters),
	};

	memset(bulk, 'x', sizeof(bulk));
	return cmocka_run_group_tests_name("xdp_hops", tests, dataplane_setup,
					   xdp_teardown);
}
