// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which packets the programs accept as TCP of their own. Nearly every row starts from a
 * SYN that a rule would translate and changes one thing, so that it passes for that
 * reason only: byte-identical, TC_ACT_UNSPEC, counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/syn.h"
#include "base/util.h"

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

static void vlan_priority_six(struct packet *p)
{
	for (int i = 0; i < 6; i++)
		vlan_priority(p);
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
/* Not valid in an IPv6 packet (RFC 4038), although the tables store IPv4 so. */
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

	syn_publish();
	syn_build(&packet, row->spec ? row->spec : &syn4);
	if (row->change)
		row->change(&packet);
	good = check_passes(row->says, INGRESS, OUTER, &packet, row->reason);
	/* egress knows no frames for others: there it is told by what is inside */
	if (row->reason != FTPNAT_OTHER_HOST)
		good &= check_passes(row->says, EGRESS, INNER, &packet, row->reason);
	assert_int_equal(dataplane_flows(), 0);
	assert_true(good);
}

/* The kernel takes off priority tags, however many; we take off four that are in the frame. */
static void test_priority_tags(void **state)
{
	static const struct {
		const char *says;
		const struct packet_spec *spec;
		void (*change)(struct packet *packet);
		bool passes;
	} rows[] = {
		{ "one", &syn4, vlan_priority, false },
		{ "one, IPv6", &syn6, vlan_priority, false },
		{ "six", &syn4, vlan_priority_six, true },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet packet, expected;
		struct run run;

		syn_publish();
		syn_build(&packet, rows[i].spec);
		rows[i].change(&packet);
		syn_build_translated(&expected, rows[i].spec);
		if (!rows[i].passes) {
			good &= check_translated(rows[i].says, &packet, &expected);
			continue;
		}
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
		good &= run.action == TC_UNSPEC;
		assert_int_equal(dataplane_flows(), 0);
	}
	assert_true(good);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(passing) + 1];
	size_t n = rows_as_tests(tests, passing, ARRAY_SIZE(passing), sizeof(*passing),
				 test_passes);

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_priority_tags);
	return _cmocka_run_group_tests("tc_parse", tests, n, dataplane_setup,
				       dataplane_teardown);
}
