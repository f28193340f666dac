// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the programs take for a TCP packet of theirs. Nearly every row starts
 * from a SYN that a rule would translate and changes one thing, so that it
 * passes for that reason and no other: byte-identical, TC_ACT_UNSPEC, counted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dataplane.h"
#include "util.h"

#define IP   14 /* offset of the IP header */
#define TCP  34 /* of the TCP header behind an IPv4 header without options */
#define TCP6 54

static const struct packet_spec syn4 = {
	.src = "198.51.100.7",
	.dst = "192.0.2.10",
	.sport = 40000,
	.dport = 21,
	.seq = 0xffffff00,
	.flags = SYN,
};

static const struct packet_spec syn6 = {
	.src = "2001:db8:1::7",
	.dst = "2001:db8:2::10",
	.sport = 40000,
	.dport = 21,
	.seq = 0xffffff00,
	.flags = SYN,
};

static const struct ftpnat_rule rule = {
	.name = "files",
	.kind = FTPNAT_PUBLISH,
	.modes = 3,
	.data_port_min = 1024,
	.data_port_max = 65535,
	.servers = 2,
	.weight = { 1, 1 },
};

static void publish(void)
{
	dataplane_fresh();
	dataplane_rule(0, &rule);
	dataplane_server(0, "10.9.0.10", 2121, NULL, 1);
	dataplane_server(1, "fd00:9::10", 2121, NULL, 1);
	dataplane_listen("192.0.2.10", 21, 0);
	dataplane_listen("2001:db8:2::10", 21, 0);
}

static void build(struct packet *packet, const struct packet_spec *spec)
{
	struct packet_spec copy = *spec;

	if (!copy.dst_mac)
		copy.dst_mac = dataplane_mac(OUTER);
	packet_build(packet, &copy);
}

/* The SYN as the server gets it. */
static void build_translated(struct packet *packet, const struct packet_spec *spec)
{
	struct packet_spec copy = *spec;

	copy.dst = strchr(copy.src, ':') ? "fd00:9::10" : "10.9.0.10";
	copy.dport = 2121;
	copy.ttl = 63;
	build(packet, &copy);
}

/* The kernel may refuse a frame; then there is nothing to see. */
static bool check_passes(const char *says, enum hook hook, enum side side,
			 const struct packet *packet, enum ftpnat_reason reason)
{
	struct counters before;
	struct run run;
	bool good = true;
	int err;

	dataplane_counters(&before);
	err = dataplane_try(&run, hook, side, packet, 0, 0);
	if (err) {
		printf("%s: the kernel refuses the frame: %s\n", says, strerror(-err));
		return false;
	}
	if (run.action != TC_UNSPEC) {
		printf("%s: returned %d\n", says, run.action);
		good = false;
	}
	good &= packet_same(says, packet, &run.packet);
	good &= dataplane_counted(says, &before, reason, NULL);
	return good;
}

static bool check_translated(const char *says, const struct packet *packet,
			     const struct packet *expected)
{
	static const enum ftpnat_reason opened[] = { FTPNAT_CONTROL_OPENED,
						     FTPNAT_REASON_MAX };
	struct counters before;
	struct run run;
	bool good = true;

	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, packet, 0);
	if (run.action != TC_REDIRECT) {
		printf("%s: returned %d\n", says, run.action);
		good = false;
	}
	good &= packet_same(says, expected, &run.packet);
	good &= dataplane_counted(says, &before, FTPNAT_FORWARDED, opened);
	return good;
}

/* ---- one thing changed ---- */

struct row {
	const char *says;
	const struct packet_spec *spec; /* NULL: syn4 */
	void (*change)(struct packet *packet);
	enum ftpnat_reason reason;
};

static void insert(struct packet *packet, size_t at, const void *bytes, size_t len)
{
	memmove(packet->byte + at + len, packet->byte + at, packet->len - at);
	memcpy(packet->byte + at, bytes, len);
	packet->len += len;
}

static void ethertype(struct packet *packet, uint16_t type)
{
	packet->byte[12] = (uint8_t)(type >> 8);
	packet->byte[13] = (uint8_t)type;
}

static void udp(struct packet *p)
{
	p->byte[IP + 9] = 17;
	packet_checksums(p);
}

static void icmp(struct packet *p)
{
	p->byte[IP + 9] = 1;
	packet_checksums(p);
}

static void udp6(struct packet *p)
{
	p->byte[IP + 6] = 17;
}

static void icmp6(struct packet *p)
{
	p->byte[IP + 6] = 58;
}

static void arp(struct packet *p)
{
	ethertype(p, 0x0806);
}

static void lldp(struct packet *p)
{
	ethertype(p, 0x88cc);
}

static void length_field(struct packet *p)
{
	ethertype(p, 0x0040);
}

static void ipv6_type(struct packet *p)
{
	ethertype(p, 0x86dd);
}

static void ipv4_type(struct packet *p)
{
	ethertype(p, 0x0800);
}

static void vlan(struct packet *p)
{
	static const uint8_t tag[] = { 0x81, 0, 0, 5 };

	insert(p, 12, tag, sizeof(tag));
}

static void vlan_ad(struct packet *p)
{
	static const uint8_t tag[] = { 0x88, 0xa8, 0, 5 };

	insert(p, 12, tag, sizeof(tag));
}

static void vlan_priority(struct packet *p)
{
	static const uint8_t tag[] = { 0x81, 0, 0xe0, 0 };

	insert(p, 12, tag, sizeof(tag));
}

static void other_mac(struct packet *p)
{
	p->byte[5] ^= 1;
}

static void broadcast(struct packet *p)
{
	memset(p->byte, 0xff, 6);
}

static void multicast(struct packet *p)
{
	p->byte[0] |= 1;
}

static void fragment(struct packet *p, uint16_t field)
{
	p->byte[IP + 6] = (uint8_t)(field >> 8);
	p->byte[IP + 7] = (uint8_t)field;
	packet_checksums(p);
}

static void first_fragment(struct packet *p)
{
	fragment(p, 0x2000);
}

static void middle_fragment(struct packet *p)
{
	fragment(p, 0x2000 | 185);
}

static void last_fragment(struct packet *p)
{
	fragment(p, 185);
}

static void small_offset(struct packet *p)
{
	fragment(p, 1);
}

static void version5(struct packet *p)
{
	p->byte[IP] = 0x55;
}

static void version0(struct packet *p)
{
	p->byte[IP] = 0x05;
}

static void version6_of_4(struct packet *p)
{
	p->byte[IP] = 0x65;
}

static void version4_of_6(struct packet *p)
{
	p->byte[IP] = 0x45;
}

static void total_length(struct packet *p, uint16_t len)
{
	p->byte[IP + 2] = (uint8_t)(len >> 8);
	p->byte[IP + 3] = (uint8_t)len;
}

static void total_zero(struct packet *p)
{
	total_length(p, 0);
}

static void total_ip_only(struct packet *p)
{
	total_length(p, 20);
}

static void total_one_short(struct packet *p)
{
	total_length(p, 39);
}

static void total_one_long(struct packet *p)
{
	total_length(p, 41);
}

static void total_max(struct packet *p)
{
	total_length(p, 65535);
}

static void payload_length(struct packet *p, uint16_t len)
{
	p->byte[IP + 4] = (uint8_t)(len >> 8);
	p->byte[IP + 5] = (uint8_t)len;
}

static void payload_zero(struct packet *p)
{
	payload_length(p, 0);
}

static void payload_one_short(struct packet *p)
{
	payload_length(p, 19);
}

static void payload_one_long(struct packet *p)
{
	payload_length(p, 21);
}

static void payload_max(struct packet *p)
{
	payload_length(p, 65535);
}

/* An extension header of 8 bytes in front of TCP. */
static void extension(struct packet *p, uint8_t kind)
{
	uint8_t header[8] = { 6, 0, 1, 4 }; /* PadN where that is what it is */

	insert(p, TCP6, header, sizeof(header));
	p->byte[IP + 6] = kind;
	payload_length(p, 28);
}

static void hop_by_hop(struct packet *p)
{
	extension(p, 0);
}

static void routing(struct packet *p)
{
	extension(p, 43);
	p->byte[TCP6 + 2] = 0;
	p->byte[TCP6 + 3] = 0;
}

static void destination(struct packet *p)
{
	extension(p, 60);
}

static void authentication(struct packet *p)
{
	extension(p, 51);
}

static void atomic_fragment6(struct packet *p)
{
	extension(p, 44);
	p->byte[TCP6 + 2] = 0;
	p->byte[TCP6 + 3] = 0;
}

static void first_fragment6(struct packet *p)
{
	extension(p, 44);
	p->byte[TCP6 + 2] = 0;
	p->byte[TCP6 + 3] = 1;
}

static void later_fragment6(struct packet *p)
{
	extension(p, 44);
	p->byte[TCP6 + 2] = 4;
	p->byte[TCP6 + 3] = 0;
}

static const struct packet_spec other_port = { .src = "198.51.100.7",
					       .dst = "192.0.2.10",
					       .sport = 40000,
					       .dport = 22,
					       .flags = SYN };
static const struct packet_spec from_port = { .src = "198.51.100.7",
					      .dst = "192.0.2.10",
					      .sport = 21,
					      .dport = 40000,
					      .flags = SYN };
static const struct packet_spec other_address = { .src = "198.51.100.7",
						  .dst = "192.0.2.11",
						  .sport = 40000,
						  .dport = 21,
						  .flags = SYN };
static const struct packet_spec the_server = { .src = "198.51.100.7",
					       .dst = "10.9.0.10",
					       .sport = 40000,
					       .dport = 2121,
					       .flags = SYN };
static const struct packet_spec ack_only = { .src = "198.51.100.7",
					     .dst = "192.0.2.10",
					     .sport = 40000,
					     .dport = 21,
					     .flags = ACK };
static const struct packet_spec data_only = { .src = "198.51.100.7",
					      .dst = "192.0.2.10",
					      .sport = 40000,
					      .dport = 21,
					      .flags = PSH | ACK,
					      .payload = "PORT 198,51,100,7,7,208\r\n" };
static const struct packet_spec other_port6 = { .src = "2001:db8:1::7",
						.dst = "2001:db8:2::10",
						.sport = 40000,
						.dport = 22,
						.flags = SYN };
/* What an IPv6 packet can't mean (RFC 4038), although the tables write IPv4 so. */
static const struct packet_spec mapped = { .src = "::ffff:198.51.100.7",
					   .dst = "::ffff:192.0.2.10",
					   .sport = 40000,
					   .dport = 21,
					   .flags = SYN };
static const struct packet_spec mapped_dst = { .src = "2001:db8:1::7",
					       .dst = "::ffff:192.0.2.10",
					       .sport = 40000,
					       .dport = 21,
					       .flags = SYN };

static const struct row passing[] = {
	{ "UDP to the port of a rule", NULL, udp, FTPNAT_PASS },
	{ "ICMP to the address of a rule", NULL, icmp, FTPNAT_PASS },
	{ "UDP over IPv6", &syn6, udp6, FTPNAT_PASS },
	{ "ICMPv6", &syn6, icmp6, FTPNAT_PASS },
	{ "ARP", NULL, arp, FTPNAT_PASS },
	{ "an unknown EtherType", NULL, lldp, FTPNAT_PASS },
	{ "an IEEE 802.3 length", NULL, length_field, FTPNAT_PASS },
	{ "TCP to another port", &other_port, NULL, FTPNAT_PASS },
	{ "TCP to another port, IPv6", &other_port6, NULL, FTPNAT_PASS },
	{ "TCP from the rule's port", &from_port, NULL, FTPNAT_PASS },
	{ "the rule's port at another address", &other_address, NULL, FTPNAT_PASS },
	{ "the server itself dialled", &the_server, NULL, FTPNAT_PASS },
	{ "an ACK of no known connection", &ack_only, NULL, FTPNAT_PASS },
	{ "a PORT of no known connection", &data_only, NULL, FTPNAT_PASS },
	{ "IPv6 between IPv4-mapped addresses", &mapped, NULL, FTPNAT_PASS },
	{ "IPv6 to an IPv4-mapped address", &mapped_dst, NULL, FTPNAT_PASS },
	{ "802.1Q tag in the frame", NULL, vlan, FTPNAT_PASS },
	{ "802.1Q priority tag in the frame", NULL, vlan_priority, FTPNAT_PASS },
	{ "802.1ad tag in the frame", NULL, vlan_ad, FTPNAT_PASS },
	{ "802.1Q tag before IPv6", &syn6, vlan, FTPNAT_PASS },
	{ "a frame for another host", NULL, other_mac, FTPNAT_OTHER_HOST },
	{ "a frame for another host, IPv6", &syn6, other_mac, FTPNAT_OTHER_HOST },
	{ "a broadcast frame", NULL, broadcast, FTPNAT_OTHER_HOST },
	{ "a multicast frame", NULL, multicast, FTPNAT_OTHER_HOST },
	{ "first fragment", NULL, first_fragment, FTPNAT_FRAGMENT },
	{ "middle fragment", NULL, middle_fragment, FTPNAT_FRAGMENT },
	{ "last fragment", NULL, last_fragment, FTPNAT_FRAGMENT },
	{ "fragment that would overwrite the TCP header (RFC 1858)", NULL, small_offset,
	  FTPNAT_FRAGMENT },
	{ "IPv6 atomic fragment", &syn6, atomic_fragment6, FTPNAT_FRAGMENT },
	{ "IPv6 first fragment", &syn6, first_fragment6, FTPNAT_FRAGMENT },
	{ "IPv6 later fragment", &syn6, later_fragment6, FTPNAT_FRAGMENT },
	{ "IPv6 hop-by-hop options", &syn6, hop_by_hop, FTPNAT_PASS },
	{ "IPv6 routing header", &syn6, routing, FTPNAT_PASS },
	{ "IPv6 destination options", &syn6, destination, FTPNAT_PASS },
	{ "IPv6 authentication header", &syn6, authentication, FTPNAT_PASS },
	{ "IP version 0", NULL, version0, FTPNAT_TRUNCATED },
	{ "IP version 5", NULL, version5, FTPNAT_TRUNCATED },
	{ "version 6 under IPv4's EtherType", NULL, version6_of_4, FTPNAT_TRUNCATED },
	{ "version 4 under IPv6's EtherType", &syn6, version4_of_6, FTPNAT_TRUNCATED },
	{ "IPv4 under IPv6's EtherType", NULL, ipv6_type, FTPNAT_TRUNCATED },
	{ "IPv6 under IPv4's EtherType", &syn6, ipv4_type, FTPNAT_TRUNCATED },
	{ "total length 0", NULL, total_zero, FTPNAT_TRUNCATED },
	{ "total length of the IP header alone", NULL, total_ip_only, FTPNAT_TRUNCATED },
	{ "total length one less than the headers", NULL, total_one_short,
	  FTPNAT_TRUNCATED },
	{ "total length one more than the frame", NULL, total_one_long,
	  FTPNAT_TRUNCATED },
	{ "total length 65535", NULL, total_max, FTPNAT_TRUNCATED },
	{ "IPv6 payload length 0", &syn6, payload_zero, FTPNAT_TRUNCATED },
	{ "IPv6 payload length one less than TCP", &syn6, payload_one_short,
	  FTPNAT_TRUNCATED },
	{ "IPv6 payload length one more than the frame", &syn6, payload_one_long,
	  FTPNAT_TRUNCATED },
	{ "IPv6 payload length 65535", &syn6, payload_max, FTPNAT_TRUNCATED },
};

static void test_passes(void **state)
{
	const struct row *row = *state;
	struct packet packet;
	bool good;

	publish();
	build(&packet, row->spec ? row->spec : &syn4);
	if (row->change)
		row->change(&packet);
	good = check_passes(row->says, INGRESS, OUTER, &packet, row->reason);
	/* egress knows no frames for others: there it is told by what is inside */
	if (row->reason != FTPNAT_OTHER_HOST)
		good &= check_passes(row->says, EGRESS, INNER, &packet, row->reason);
	assert_int_equal(dataplane_flows(), 0);
	assert_true(good);
}

/* ---- the same at every length and value ---- */

static void test_syn_translated(void **state)
{
	static const struct packet_spec *const specs[] = { &syn4, &syn6 };
	struct packet packet, expected;

	(void)state;
	publish();
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		build(&packet, specs[i]);
		build_translated(&expected, specs[i]);
		assert_true(check_translated("the SYN of all rows", &packet, &expected));
	}
	assert_int_equal(dataplane_flows(), 4);
}

/*
 * Cut after `len` bytes. Kernels from 6.17 on refuse to run frames without a whole
 * IP header; what the program does with the others is the same on all.
 */
static void check_cut(const struct packet_spec *spec, bool lengths_too, size_t ip_header)
{
	struct packet packet;
	struct run run;
	char says[80];
	size_t whole;
	bool good = true;

	build(&packet, spec);
	whole = packet.len;
	for (size_t len = IP; len < whole; len++) {
		snprintf(says, sizeof(says), "%s cut after %zu bytes%s",
			 ip_header == 20 ? "IPv4" : "IPv6", len,
			 lengths_too ? ", with its length field" : "");
		build(&packet, spec);
		packet.len = len;
		if (lengths_too && len >= IP + ip_header && ip_header == 20)
			total_length(&packet, (uint16_t)(len - IP));
		else if (lengths_too && len >= IP + ip_header)
			payload_length(&packet, (uint16_t)(len - IP - ip_header));
		if (len < IP + ip_header &&
		    dataplane_try(&run, INGRESS, OUTER, &packet, 0, 0) == -EINVAL)
			continue;
		good &= check_passes(says, INGRESS, OUTER, &packet, FTPNAT_TRUNCATED);
		good &= check_passes(says, EGRESS, INNER, &packet, FTPNAT_TRUNCATED);
	}
	assert_int_equal(dataplane_flows(), 0);
	assert_true(good);
}

static void test_cut(void **state)
{
	(void)state;
	publish();
	check_cut(&syn4, false, 20);
	check_cut(&syn4, true, 20);
	check_cut(&syn6, false, 40);
	check_cut(&syn6, true, 40);
}

static void test_frame_without_ethernet_is_the_kernels_to_refuse(void **state)
{
	struct packet packet;
	struct run run;

	(void)state;
	publish();
	build(&packet, &syn4);
	packet.len = 13;
	assert_int_equal(dataplane_try(&run, INGRESS, OUTER, &packet, 0, 0), -EINVAL);
}

static void test_ihl_below_5(void **state)
{
	struct packet packet;
	char says[40];
	bool good = true;

	(void)state;
	publish();
	for (uint8_t ihl = 0; ihl < 5; ihl++) {
		snprintf(says, sizeof(says), "ihl %u", ihl);
		build(&packet, &syn4);
		packet.byte[IP] = (uint8_t)(4 << 4 | ihl);
		good &= check_passes(says, INGRESS, OUTER, &packet, FTPNAT_TRUNCATED);
	}
	assert_true(good);
}

/* No-operation and record route: their bytes are as they were behind us. */
static void test_ip_options(void **state)
{
	struct packet_spec spec = syn4;
	struct packet packet, expected;
	char says[40];
	bool good = true;

	(void)state;
	publish();
	for (uint8_t ihl = 6; ihl <= 15; ihl++) {
		snprintf(says, sizeof(says), "IP options, ihl %u", ihl);
		spec.sport++;
		spec.ip_options.len = (ihl - 5u) * 4;
		memset(spec.ip_options.byte, 1, sizeof(spec.ip_options.byte));
		spec.ip_options.byte[0] = 7;
		spec.ip_options.byte[1] = (uint8_t)(spec.ip_options.len - 1);
		spec.ip_options.byte[2] = 4;
		build(&packet, &spec);
		build_translated(&expected, &spec);
		good &= check_translated(says, &packet, &expected);
	}
	assert_true(good);
}

static void test_ihl_beyond_the_packet(void **state)
{
	struct packet packet;
	char says[40];
	bool good = true;

	(void)state;
	publish();
	for (uint8_t ihl = 6; ihl <= 15; ihl++) {
		snprintf(says, sizeof(says), "ihl %u of a packet without options", ihl);
		build(&packet, &syn4);
		packet.byte[IP] = (uint8_t)(4 << 4 | ihl);
		good &= check_passes(says, INGRESS, OUTER, &packet, FTPNAT_TRUNCATED);
	}
	assert_true(good);
}

static void check_data_offset(const struct packet_spec *spec, size_t tcp)
{
	struct packet packet;
	char says[60];
	bool good = true;

	for (uint8_t doff = 0; doff < 16; doff++) {
		snprintf(says, sizeof(says), "data offset %u, at %zu", doff, tcp);
		build(&packet, spec);
		packet.byte[tcp + 12] = (uint8_t)(doff << 4);
		if (doff != 5)
			good &= check_passes(says, INGRESS, OUTER, &packet,
					     FTPNAT_TRUNCATED);
	}
	assert_int_equal(dataplane_flows(), 0);
	assert_true(good);
}

static void test_data_offset(void **state)
{
	(void)state;
	publish();
	check_data_offset(&syn4, TCP);
	check_data_offset(&syn6, TCP6);
}

/* The frame has the bytes, the IP packet hasn't: padding is no header. */
static void test_data_offset_into_padding(void **state)
{
	struct packet_spec spec = syn4;
	struct packet packet;

	(void)state;
	publish();
	spec.padding = 6;
	build(&packet, &spec);
	packet.byte[TCP + 12] = 6 << 4;
	assert_true(check_passes("data offset into the padding", INGRESS, OUTER, &packet,
				 FTPNAT_TRUNCATED));
}

static void test_padding(void **state)
{
	static const size_t paddings[] = { 1, 6, 46, 1000 };
	struct packet_spec specs[] = { syn4, syn6 };
	struct packet packet, expected;
	char says[40];
	bool good = true;

	(void)state;
	publish();
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		for (size_t n = 0; n < ARRAY_SIZE(paddings); n++) {
			snprintf(says, sizeof(says), "%zu bytes of padding", paddings[n]);
			specs[i].padding = paddings[n];
			specs[i].sport++;
			build(&packet, &specs[i]);
			build_translated(&expected, &specs[i]);
			good &= check_translated(says, &packet, &expected);
		}
	}
	assert_true(good);
}

static void test_tcp_options(void **state)
{
	struct packet_spec spec = syn4;
	struct packet packet, expected;
	char says[40];
	bool good = true;

	(void)state;
	publish();
	for (size_t len = 4; len <= 40; len += 4) {
		snprintf(says, sizeof(says), "%zu bytes of TCP options", len);
		spec.sport++;
		memset(spec.options.byte, 1, sizeof(spec.options.byte));
		spec.options.len = len;
		build(&packet, &spec);
		build_translated(&expected, &spec);
		good &= check_translated(says, &packet, &expected);
	}
	assert_true(good);
}

/* Options that lie about their length are no reason to drop or to read on. */
static void test_bad_tcp_options(void **state)
{
	static const struct {
		const char *says;
		struct options options;
	} rows[] = {
		{ "length 0", { 4, { 2, 0, 5, 0xb4 } } },
		{ "length 1", { 4, { 2, 1, 5, 0xb4 } } },
		{ "MSS of length 3", { 4, { 2, 3, 5, 0xb4 } } },
		{ "MSS that ends behind the header", { 4, { 1, 2, 4, 5 } } },
		{ "length byte behind the header", { 4, { 1, 1, 1, 2 } } },
		{ "length 255", { 4, { 2, 255, 5, 0xb4 } } },
		{ "MSS behind the end of the list",
		  { 8, { 0, 1, 1, 1, 2, 4, 5, 0xb4 } } },
		{ "unknown option that runs over an MSS",
		  { 8, { 99, 8, 1, 1, 2, 4, 5, 0xb4 } } },
	};
	struct packet_spec spec = syn4;
	struct packet packet, expected;
	bool good = true;

	(void)state;
	publish();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		spec.sport++;
		spec.options = rows[i].options;
		build(&packet, &spec);
		build_translated(&expected, &spec);
		good &= check_translated(rows[i].says, &packet, &expected);
	}
	assert_true(good);
}

/* RFC 9293: SYN begins a connection unless ACK, RST or FIN are with it. */
static void check_flags(const struct packet_spec *spec)
{
	struct packet_spec copy = *spec;
	struct packet packet, expected;
	char says[40];
	bool good = true;

	for (unsigned int flags = 0; flags < 256; flags++) {
		snprintf(says, sizeof(says), "TCP flags %02x", flags);
		copy.sport++;
		copy.flags = (uint8_t)flags;
		build(&packet, &copy);
		build_translated(&expected, &copy);
		if ((flags & (SYN | ACK | RST | FIN)) == SYN)
			good &= check_translated(says, &packet, &expected);
		else
			good &= check_passes(says, INGRESS, OUTER, &packet, FTPNAT_PASS);
	}
	assert_true(good);
}

static void test_flags(void **state)
{
	(void)state;
	publish();
	check_flags(&syn4);
	assert_int_equal(dataplane_flows(), 2 * 16);
	check_flags(&syn6);
	assert_int_equal(dataplane_flows(), 4 * 16);
}

static void test_other_hook_was_there(void **state)
{
	struct counters before;
	struct packet packet;
	struct run run, again;

	(void)state;
	publish();
	build(&packet, &syn4);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	dataplane_counters(&before);
	assert_int_equal(
		dataplane_try(&again, EGRESS, INNER, &run.packet, 0, run.ctx.cb[4]), 0);
	assert_int_equal(again.action, TC_UNSPEC);
	assert_true(packet_same("at egress", &run.packet, &again.packet));
	assert_true(dataplane_counted("at egress", &before, FTPNAT_SEEN, NULL));
}

/* What others keep in skb->cb is theirs. */
static void test_control_buffer(void **state)
{
	static const uint32_t cb[] = { 0x11, 0x22, 0x33, 0x44 };
	struct packet packet;
	struct run run;

	(void)state;
	publish();
	build(&packet, &syn4);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_memory_equal(run.ctx.cb, cb, sizeof(cb));
	build(&packet, &other_port);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_memory_equal(run.ctx.cb, cb, sizeof(cb));
	assert_int_equal(run.ctx.cb[4], 0);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(passing) + 32];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_syn_translated),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_frame_without_ethernet_is_the_kernels_to_refuse),
		cmocka_unit_test(test_ihl_below_5),
		cmocka_unit_test(test_ip_options),
		cmocka_unit_test(test_ihl_beyond_the_packet),
		cmocka_unit_test(test_data_offset),
		cmocka_unit_test(test_data_offset_into_padding),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_tcp_options),
		cmocka_unit_test(test_bad_tcp_options),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_other_hook_was_there),
		cmocka_unit_test(test_control_buffer),
	};
	size_t n = rows_as_tests(tests, passing, ARRAY_SIZE(passing), sizeof(*passing),
				 test_passes);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_parse", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
