// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where packets may come from: martians, rp_filter, and the interface that a flow is bound to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "lib/syn.h"
#include "lib/talk.h"
#include "base/util.h"

#define SERVER4 "10.9.0.10"
#define SERVER6 "fd00:9::10"

/* What the host's sysctls say of an interface. */
static void filter(enum side side, enum ftpnat_rp_filter rp_filter, bool accept_local)
{
	const __u32 key = (__u32)dataplane_ifindex(side);
	struct ftpnat_ifaddr value;
	int fd = dataplane_fd("ftpnat_ifaddrs");

	assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0);
	value.rp_filter = rp_filter;
	value.accept_local = accept_local;
	assert_int_equal(bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
}

/* ---- what opens a flow ---- */

enum { OFF = 1, STRICT = 2, LOOSE = 4, LOCAL = 8, ALL = OFF | STRICT | LOOSE };

static const struct row {
	const char *says;
	const char *src;
	unsigned int modes;	   /* of rp_filter; LOCAL: with accept_local */
	enum ftpnat_reason reason; /* PASS: it opens one */
} rows[] = {
	{ "a host on the link", "198.51.100.7", ALL, FTPNAT_PASS },
	{ "a host behind the router of the link", "203.0.113.99", ALL, FTPNAT_PASS },
	{ "a host of the other interface", "10.9.0.10", STRICT, FTPNAT_SPOOFED },
	{ "a host of the other interface", "10.9.0.11", OFF | LOOSE, FTPNAT_PASS },
	{ "a host behind the other interface", "10.77.0.1", STRICT, FTPNAT_SPOOFED },
	{ "a host behind the other interface", "10.77.0.1", OFF | LOOSE, FTPNAT_PASS },
	{ "a host that no route leads to", "192.0.2.77", ALL, FTPNAT_MARTIAN },
	{ "a host that is unreachable", "192.0.2.161", STRICT | LOOSE, FTPNAT_SPOOFED },
	{ "a host that is unreachable", "192.0.2.161", OFF, FTPNAT_PASS },
	{ "the gateway's address there", "198.51.100.1", ALL, FTPNAT_MARTIAN },
	{ "another address of the gateway", "10.9.0.1", ALL, FTPNAT_MARTIAN },
	{ "the gateway's, where that is accepted", "10.9.0.1", ALL | LOCAL, FTPNAT_PASS },
	{ "the address that it dials (LAND)", "192.0.2.10", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "0.0.0.0", "0.0.0.0", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "0/8", "0.1.2.3", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "127/8", "127.0.0.1", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "the last of 127/8", "127.255.255.254", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "multicast", "224.0.0.1", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "the last of multicast", "239.255.255.255", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "240/4", "240.0.0.1", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "broadcast", "255.255.255.255", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "the link's broadcast", "198.51.100.255", ALL, FTPNAT_MARTIAN },
	{ "a host on the link", "2001:db8:1::7", ALL, FTPNAT_PASS },
	{ "a host behind the router of the link", "2001:db8:1:9::7", ALL, FTPNAT_PASS },
	{ "a host of the other interface", "fd00:9::10", STRICT, FTPNAT_SPOOFED },
	{ "a host of the other interface", "fd00:9::11", OFF | LOOSE, FTPNAT_PASS },
	{ "a host that no route leads to", "2001:db8:77::7", ALL, FTPNAT_MARTIAN },
	{ "the gateway's address there", "2001:db8:1::1", ALL, FTPNAT_MARTIAN },
	{ "another address of the gateway", "fd00:9::1", ALL, FTPNAT_MARTIAN },
	{ "the gateway's, where that is accepted", "fd00:9::1", ALL | LOCAL,
	  FTPNAT_PASS },
	{ "the address that it dials (LAND)", "2001:db8:2::10", ALL | LOCAL,
	  FTPNAT_MARTIAN },
	{ "::", "::", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "::1", "::1", ALL | LOCAL, FTPNAT_MARTIAN },
	{ "multicast", "ff02::1", ALL | LOCAL, FTPNAT_MARTIAN },
};

static bool check_syn(const struct row *row, enum ftpnat_rp_filter mode)
{
	struct packet_spec spec = strchr(row->src, ':') ? syn6 : syn4;
	struct packet packet, expected;
	struct counters before;
	struct run run;
	bool good = true;
	char says[128];

	snprintf(says, sizeof(says), "%s, rp_filter %d", row->says, mode);
	spec.src = row->src;
	syn_publish();
	filter(OUTER, mode, row->modes & LOCAL);
	syn_build(&packet, &spec);
	syn_build_translated(&expected, &spec);
	if (row->reason == FTPNAT_PASS)
		return check_translated(says, &packet, &expected);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	if (run.action != TC_SHOT) {
		printf("%s: returned %d\n", says, run.action);
		good = false;
	}
	good &= dataplane_counted(says, &before, row->reason, NULL);
	return good && dataplane_flows() == 0 && dataplane_sessions() == 0;
}

static void test_row(void **state)
{
	const struct row *row = *state;
	bool good = true;

	for (int mode = FTPNAT_RP_OFF; mode <= FTPNAT_RP_LOOSE; mode++)
		if (row->modes & 1u << mode)
			good &= check_syn(row, (enum ftpnat_rp_filter)mode);
	assert_true(good);
}

/* This host's own packets are not checked. */
static void test_egress(void **state)
{
	struct packet_spec spec = syn4;
	struct counters before;
	struct packet packet;
	struct run run;

	(void)state;
	syn_publish();
	filter(OUTER, FTPNAT_RP_STRICT, false);
	spec.src = "198.51.100.1";
	packet_build(&packet, &spec);
	dataplane_counters(&before);
	dataplane_run(&run, EGRESS, OUTER, &packet, 0);
	assert_int_equal(dataplane_flows(), 2);
}

/* ---- multipath: each of the next hops counts, whichever the hash has chosen ---- */

static bool opens(const char *says, const char *src, bool from_inner, bool good)
{
	struct packet_spec spec = strchr(src, ':') ? syn6 : syn4;
	struct packet packet;
	struct run run;

	spec.src = src;
	spec.dst_mac = dataplane_mac(from_inner ? INNER : OUTER);
	packet_build(&packet, &spec);
	dataplane_run(&run, INGRESS, from_inner ? INNER : OUTER, &packet, 0);
	if ((run.action == TC_SHOT) == !good)
		return true;
	printf("%s: %s returned %d\n", says, src, run.action);
	return false;
}

static void multipath(const char *says, const char *policy, bool both)
{
	bool good = true;
	char src[64];

	dataplane_sh("sysctl -qw net.ipv4.fib_multipath_hash_policy=%s "
		     "net.ipv6.fib_multipath_hash_policy=%s",
		     policy, policy);
	syn_publish();
	filter(OUTER, FTPNAT_RP_STRICT, false);
	filter(INNER, FTPNAT_RP_STRICT, false);
	for (int i = 0; i < 16; i++) {
		dataplane_forget();
		snprintf(src, sizeof(src), "172.16.0.%d", 10 + i);
		good &= opens(says, src, false, true);
		dataplane_forget();
		good &= opens(says, src, true, both);
		dataplane_forget();
		snprintf(src, sizeof(src), "2001:db8:16::%d", 10 + i);
		good &= opens(says, src, false, true);
		dataplane_forget();
		good &= opens(says, src, true, both);
	}
	assert_true(good);
}

static void test_multipath(void **state)
{
	(void)state;
	dataplane_fresh();
	dataplane_sh("ip route add 172.16.0.0/16 nexthop via 198.51.100.254 nexthop via "
		     "10.9.0.254; ip -6 route add 2001:db8:16::/48 nexthop via "
		     "2001:db8:1::fe nexthop via fd00:9::fe");
	multipath("by address", "0", true);
	multipath("by ports, too", "1", true);
	/* a longer prefix leads to one of them alone */
	dataplane_sh("ip route add 172.16.0.0/24 via 198.51.100.254; ip -6 route add "
		     "2001:db8:16::/64 via 2001:db8:1::fe");
	multipath("a longer prefix", "0", false);
	dataplane_sh("ip route del 172.16.0.0/24; ip -6 route del 2001:db8:16::/64; "
		     "ip route del 172.16.0.0/16; ip -6 route del 2001:db8:16::/48");
}

/* The stack, to which such packets go, knows whether it may be forwarded. */
static void test_link_local(void **state)
{
	(void)state;
	syn_publish();
	filter(OUTER, FTPNAT_RP_STRICT, false);
	assert_true(opens("link-local", "fe80::7", false, true));
}

/* ip rule: the way back is looked for as from where the packet goes on to, as the kernel does. */
static void test_policy_routing(void **state)
{
	bool good;

	(void)state;
	syn_publish();
	filter(OUTER, FTPNAT_RP_STRICT, false);
	dataplane_sh(
		"ip route add 172.17.0.0/16 via 10.9.0.254; ip route add default via "
		"198.51.100.254 table 7; ip rule add iif inner0 lookup 7 pref 100");
	good = opens("with the rule", "172.17.0.1", false, true);
	dataplane_forget();
	dataplane_sh("ip rule del pref 100");
	good &= opens("without it", "172.17.0.1", false, false);
	dataplane_sh("ip route del 172.17.0.0/16; ip route flush table 7");
	assert_true(good);
}

/* ---- what belongs to a flow ---- */

static __u32 bound(const struct talk *talk, enum end from)
{
	const struct packet_spec spec = talk_sent(talk, from);
	const struct ftpnat_tuple key = tuple(spec.src, spec.sport, spec.dst, spec.dport);
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	return flow.ifindex;
}

static void flow_state(const struct talk *talk, enum end from, struct ftpnat_flow *flow)
{
	const struct packet_spec spec = talk_sent(talk, from);
	const struct ftpnat_tuple key = tuple(spec.src, spec.sport, spec.dst, spec.dport);

	assert_true(dataplane_flow(&key, flow));
}

/* A packet of `from` that arrives on the other side's interface. */
static bool strays(const char *says, const struct talk *talk, enum end from,
		   enum ftpnat_reason reason)
{
	enum side side = from == CLIENT ? INNER : OUTER;
	struct packet_spec spec = talk_sent(talk, from);
	bool passes = reason == FTPNAT_FORWARDED;
	struct ftpnat_flow before, after;
	struct counters counters;
	struct packet packet;
	struct run run;
	bool good;

	spec.seq = talk->isn[from] + talk->sent[from];
	spec.ack = talk->isn[!from] + talk->heard[!from];
	spec.flags = reason == FTPNAT_FORWARDED ? ACK : RST | ACK;
	spec.dst_mac = dataplane_mac(side);
	packet_build(&packet, &spec);
	flow_state(talk, from, &before);
	dataplane_counters(&counters);
	dataplane_run(&run, INGRESS, side, &packet, 0);
	good = dataplane_counted(says, &counters, reason, NULL);
	flow_state(talk, from, &after);
	return good && (passes || !memcmp(&before, &after, sizeof(after)));
}

static void test_binding(void **state)
{
	static const enum scene_id names[] = { KEEP4, KEEP6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct talk talk;

		scene_configure(scene_get(names[i]), NULL);
		filter(OUTER, FTPNAT_RP_STRICT, false);
		filter(INNER, FTPNAT_RP_STRICT, false);
		talk_init(&talk, scene_get(names[i]));
		talk.timestamps = false;
		talk_open(&talk);
		assert_int_equal(bound(&talk, CLIENT), dataplane_ifindex(OUTER));
		assert_int_equal(bound(&talk, SERVER), dataplane_ifindex(INNER));
		good &= strays("the client's, inside", &talk, CLIENT, FTPNAT_SPOOFED);
		good &= strays("the server's, outside", &talk, SERVER, FTPNAT_SPOOFED);
		filter(OUTER, FTPNAT_RP_LOOSE, false);
		good &= strays("the server's, outside, loose", &talk, SERVER,
			       FTPNAT_FORWARDED);
		assert_int_equal(bound(&talk, SERVER), dataplane_ifindex(OUTER));
	}
	assert_true(good);
}

/* A route that changes takes the direction's packets to another interface. */
static void test_route_change(void **state)
{
	struct talk talk;
	bool good;

	(void)state;
	scene_configure(scene_get(KEEP4), NULL);
	filter(OUTER, FTPNAT_RP_STRICT, false);
	filter(INNER, FTPNAT_RP_STRICT, false);
	talk_init(&talk, scene_get(KEEP4));
	talk.timestamps = false;
	talk_open(&talk);
	dataplane_sh("ip route add 198.51.100.7/32 via 10.9.0.254");
	good = strays("where the route leads now", &talk, CLIENT, FTPNAT_FORWARDED);
	assert_int_equal(bound(&talk, CLIENT), dataplane_ifindex(INNER));
	dataplane_sh("ip route del 198.51.100.7/32");
	good &= strays("and no more", &talk, CLIENT, FTPNAT_FORWARDED);
	assert_true(good);
}

/* ---- ICMP errors ---- */

static void put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static uint16_t sum16(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* From `router` to the source of `quoted`: "host unreachable", or "no route" of IPv6. */
static void unreachable(struct packet *error, const char *router,
			const struct packet_spec *quoted)
{
	struct packet about, outer;
	struct packet_spec spec = { .src = router,
				    .dst = quoted->src,
				    .dst_mac = quoted->dst_mac };
	bool v6 = strchr(router, ':');
	size_t ip = v6 ? 40 : 20, len = ip + 20, icmp = 14 + ip;
	uint8_t *out = error->byte;

	packet_build(&about, quoted);
	packet_build(&outer, &spec);
	memset(error, 0, sizeof(*error));
	error->len = icmp + 8 + len;
	memcpy(out, outer.byte, icmp);
	memcpy(out + icmp + 8, about.byte + 14, len);
	out[icmp] = v6 ? 1 : 3;
	out[icmp + 1] = v6 ? 0 : 1;
	if (v6) {
		put16(out + 18, 8 + (uint32_t)len);
		out[20] = 58;
		put16(out + icmp + 2,
		      sum16(58 + 8 + (uint32_t)len, out + 22, 32 + 8 + len));
		return;
	}
	put16(out + 16, 20 + 8 + (uint32_t)len);
	out[23] = 1;
	put16(out + 24, 0);
	put16(out + 24, sum16(0, out + 14, 20));
	put16(out + icmp + 2, sum16(0, out + icmp, 8 + len));
}

static const struct icmp_row {
	const char *says;
	enum scene_id id;
	enum side side;
	const char *router;
	enum ftpnat_rp_filter rp_filter;
	enum ftpnat_reason reason;
} icmp_rows[] = {
	{ "a router inside", KEEP4, INNER, "10.9.0.254", FTPNAT_RP_STRICT,
	  FTPNAT_FORWARDED },
	{ "the server", KEEP4, INNER, "10.9.0.10", FTPNAT_RP_STRICT, FTPNAT_FORWARDED },
	{ "a router outside", KEEP4, OUTER, "203.0.113.9", FTPNAT_RP_STRICT,
	  FTPNAT_SPOOFED },
	{ "the server's name, outside", KEEP4, OUTER, "10.9.0.10", FTPNAT_RP_STRICT,
	  FTPNAT_SPOOFED },
	{ "an outside router's name, inside", KEEP4, INNER, "203.0.113.9",
	  FTPNAT_RP_STRICT, FTPNAT_SPOOFED },
	{ "an outside router, loose", KEEP4, OUTER, "203.0.113.9", FTPNAT_RP_LOOSE,
	  FTPNAT_FORWARDED },
	{ "127.0.0.1", KEEP4, INNER, "127.0.0.1", FTPNAT_RP_OFF, FTPNAT_MARTIAN },
	{ "a router inside", KEEP6, INNER, "fd00:9::fe", FTPNAT_RP_STRICT,
	  FTPNAT_FORWARDED },
	{ "a router outside", KEEP6, OUTER, "2001:db8:1::9", FTPNAT_RP_STRICT,
	  FTPNAT_SPOOFED },
	{ "::1", KEEP6, INNER, "::1", FTPNAT_RP_OFF, FTPNAT_MARTIAN },
};

static void test_icmp_errors(void **state)
{
	static const enum ftpnat_reason icmp[] = { FTPNAT_ICMP, FTPNAT_REASON_MAX };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(icmp_rows); i++) {
		const struct icmp_row *row = &icmp_rows[i];
		struct packet_spec quoted;
		struct counters before;
		struct packet error;
		struct talk talk;
		struct run run;

		scene_configure(scene_get(row->id), NULL);
		filter(OUTER, row->rp_filter, false);
		filter(INNER, row->rp_filter, false);
		talk_init(&talk, scene_get(row->id));
		talk_open(&talk);
		quoted = talk_heard(&talk, CLIENT);
		quoted.dst_mac = dataplane_mac(row->side);
		quoted.seq = talk.isn[CLIENT] + talk.heard[CLIENT];
		unreachable(&error, row->router, &quoted);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, row->side, &error, 0);
		good &= dataplane_counted(row->says, &before, row->reason,
					  row->reason == FTPNAT_FORWARDED ? icmp : NULL);
	}
	assert_true(good);
}

/* What an error quotes must be in flight (RFC 5927 section 4.1), more or less than the next byte. */
static void test_icmp_sequence(void **state)
{
	static const enum ftpnat_reason icmp[] = { FTPNAT_ICMP, FTPNAT_REASON_MAX };
	static const struct step lines[] = {
		C("EPSV\r\n"),
		S("229 (|||2570|)\r\n", .also = { FTPNAT_EXPECTED }),
		C(NULL, .flags = ACK),
		C("NOOP\r\n"),
		{ 0 },
	};
	static const struct {
		const char *says;
		uint32_t offset; /* from what was sent next, the last 6 bytes in flight */
		bool plausible;
	} numbers[] = {
		{ "the next byte", 0, true },
		{ "the oldest in flight", -6u, true },
		{ "acknowledged, a window ago", -6u - 0x10000u, true },
		{ "acknowledged before that", -6u - 0x10001u, false },
		{ "never sent", 1, false },
		{ "far ahead", 0x40000000, false },
		{ "far behind", -0x40000000u, false },
	};
	static const struct {
		enum scene_id id;
		const char *router;
		enum side side;
	} scenes[] = {
		{ KEEP4, "10.9.0.10", INNER },
		{ KEEP6, "fd00:9::10", INNER },
		{ MASQ4, "198.51.100.21", OUTER },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes) * ARRAY_SIZE(numbers); i++) {
		size_t scene = i / ARRAY_SIZE(numbers), row = i % ARRAY_SIZE(numbers);
		struct packet_spec quoted;
		struct counters before;
		struct packet error;
		struct talk talk;
		struct run run;

		talk_begin(&talk, scenes[scene].id);
		good &= talk_steps(&talk, numbers[row].says, lines);
		quoted = talk_heard(&talk, CLIENT);
		quoted.dst_mac = dataplane_mac(scenes[scene].side);
		quoted.seq = talk.isn[CLIENT] + talk.heard[CLIENT] + numbers[row].offset;
		unreachable(&error, scenes[scene].router, &quoted);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, scenes[scene].side, &error, 0);
		good &= numbers[row].plausible == (run.action == TC_REDIRECT);
		good &= dataplane_counted(numbers[row].says, &before,
					  numbers[row].plausible ? FTPNAT_FORWARDED :
								   FTPNAT_ICMP_SEQUENCE,
					  numbers[row].plausible ? icmp : NULL);
	}
	assert_true(good);
}

/* The same of a data connection, and of a SYN that nobody has answered. */
static void test_icmp_sequence_of_data(void **state)
{
	static const enum scene_id ids[] = { KEEP4, KEEP6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const char *router = ids[i] == KEEP4 ? "10.9.0.10" : "fd00:9::10";

		for (int answered = 0; answered < 2; answered++) {
			for (uint32_t offset = -2u; offset + 2 < 5; offset++) {
				struct packet_spec quoted;
				struct packet error;
				struct talk talk;
				struct run run;
				bool passes;

				talk_begin(&talk, ids[i]);
				data_announce(&talk);
				good &= data_check("SYN", &talk, CLIENT, SYN, NULL,
						   data_arrives);
				if (answered) {
					good &= data_check("SYN-ACK", &talk, SERVER,
							   SYN | ACK, NULL, NULL);
					good &= data_check("ACK", &talk, CLIENT, ACK,
							   NULL, data_opens);
				}
				quoted = data_heard(&talk, CLIENT);
				quoted.dst_mac = dataplane_mac(INNER);
				/* before an answer the SYN is in flight, then nothing */
				passes = answered ? (int32_t)offset <= 0 : !offset;
				if (!answered)
					quoted.flags = SYN;
				quoted.seq += offset - !answered;
				unreachable(&error, router, &quoted);
				dataplane_run(&run, INGRESS, INNER, &error, 0);
				good &= passes == (run.action == TC_REDIRECT);
			}
		}
	}
	assert_true(good);
}

/* ---- source routes ---- */

static const struct options_row {
	const char *says;
	struct options options;
	enum ftpnat_reason reason;
} options_rows[] = {
	{ "LSRR", { 8, { 131, 7, 4, 10, 9, 0, 10, 0 } }, FTPNAT_SOURCE_ROUTED },
	{ "SSRR", { 8, { 137, 7, 4, 10, 9, 0, 10, 0 } }, FTPNAT_SOURCE_ROUTED },
	{ "LSRR behind others",
	  { 16, { 1, 148, 4, 0, 0, 7, 3, 4, 131, 7, 4, 10, 9, 0, 10, 0 } },
	  FTPNAT_SOURCE_ROUTED },
	{ "behind the end of the list",
	  { 8, { 0, 131, 7, 4, 10, 9, 0, 10 } },
	  FTPNAT_PASS },
	{ "as the data of another option",
	  { 8, { 7, 7, 131, 137, 131, 137, 131, 0 } },
	  FTPNAT_PASS },
	{ "router alert", { 4, { 148, 4, 0, 0 } }, FTPNAT_PASS },
};

static void test_source_routes(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(options_rows); i++) {
		const struct options_row *row = &options_rows[i];
		struct packet_spec spec = syn4;
		struct packet packet, expected;

		spec.ip_options = row->options;
		syn_publish();
		syn_build(&packet, &spec);
		syn_build_translated(&expected, &spec);
		good &= row->reason == FTPNAT_PASS ?
				check_translated(row->says, &packet, &expected) :
				check_passes(row->says, INGRESS, OUTER, &packet,
					     row->reason);
	}
	assert_true(good);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(rows) + 8];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_egress),
		cmocka_unit_test(test_icmp_errors),
		cmocka_unit_test(test_icmp_sequence),
		cmocka_unit_test(test_icmp_sequence_of_data),
		cmocka_unit_test(test_multipath),
		cmocka_unit_test(test_policy_routing),
		cmocka_unit_test(test_link_local),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_route_change),
		cmocka_unit_test(test_source_routes),
	};
	size_t n = rows_as_tests(tests, rows, ARRAY_SIZE(rows), sizeof(*rows), test_row);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_source", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
