// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Header lengths, options, flags and padding: the same at every value of a field. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/syn.h"
#include "base/util.h"

static void test_syn_translated(void **state)
{
	static const struct packet_spec *const specs[] = { &syn4, &syn6 };
	struct packet packet, expected;

	(void)state;
	syn_publish();
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		syn_build(&packet, specs[i]);
		syn_build_translated(&expected, specs[i]);
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

	syn_build(&packet, spec);
	whole = packet.len;
	for (size_t len = IP; len < whole; len++) {
		snprintf(says, sizeof(says), "%s cut after %zu bytes%s",
			 ip_header == 20 ? "IPv4" : "IPv6", len,
			 lengths_too ? ", with its length field" : "");
		syn_build(&packet, spec);
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
	syn_publish();
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
	syn_publish();
	syn_build(&packet, &syn4);
	packet.len = 13;
	assert_int_equal(dataplane_try(&run, INGRESS, OUTER, &packet, 0, 0), -EINVAL);
}

static void test_ihl_below_5(void **state)
{
	struct packet packet;
	char says[40];
	bool good = true;

	(void)state;
	syn_publish();
	for (uint8_t ihl = 0; ihl < 5; ihl++) {
		snprintf(says, sizeof(says), "ihl %u", ihl);
		syn_build(&packet, &syn4);
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
	syn_publish();
	for (uint8_t ihl = 6; ihl <= 15; ihl++) {
		snprintf(says, sizeof(says), "IP options, ihl %u", ihl);
		spec.sport++;
		spec.ip_options.len = (ihl - 5u) * 4;
		memset(spec.ip_options.byte, 1, sizeof(spec.ip_options.byte));
		spec.ip_options.byte[0] = 7;
		spec.ip_options.byte[1] = (uint8_t)(spec.ip_options.len - 1);
		spec.ip_options.byte[2] = 4;
		syn_build(&packet, &spec);
		syn_build_translated(&expected, &spec);
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
	syn_publish();
	for (uint8_t ihl = 6; ihl <= 15; ihl++) {
		snprintf(says, sizeof(says), "ihl %u of a packet without options", ihl);
		syn_build(&packet, &syn4);
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
		syn_build(&packet, spec);
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
	syn_publish();
	check_data_offset(&syn4, TCP);
	check_data_offset(&syn6, TCP6);
}

/* The frame has the bytes, the IP packet hasn't: padding is not a header. */
static void test_data_offset_into_padding(void **state)
{
	struct packet_spec spec = syn4;
	struct packet packet;

	(void)state;
	syn_publish();
	spec.padding = 6;
	syn_build(&packet, &spec);
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
	syn_publish();
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		for (size_t n = 0; n < ARRAY_SIZE(paddings); n++) {
			snprintf(says, sizeof(says), "%zu bytes of padding", paddings[n]);
			specs[i].padding = paddings[n];
			specs[i].sport++;
			syn_build(&packet, &specs[i]);
			syn_build_translated(&expected, &specs[i]);
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
	syn_publish();
	for (size_t len = 4; len <= 40; len += 4) {
		snprintf(says, sizeof(says), "%zu bytes of TCP options", len);
		spec.sport++;
		memset(spec.options.byte, 1, sizeof(spec.options.byte));
		spec.options.len = len;
		syn_build(&packet, &spec);
		syn_build_translated(&expected, &spec);
		good &= check_translated(says, &packet, &expected);
	}
	assert_true(good);
}

/* Options with a wrong length are neither dropped nor parsed further. */
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
	syn_publish();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		spec.sport++;
		spec.options = rows[i].options;
		syn_build(&packet, &spec);
		syn_build_translated(&expected, &spec);
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
		syn_build(&packet, &copy);
		syn_build_translated(&expected, &copy);
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
	syn_publish();
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
	syn_publish();
	syn_build(&packet, &syn4);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	dataplane_counters(&before);
	assert_int_equal(
		dataplane_try(&again, EGRESS, INNER, &run.packet, 0, run.ctx.cb[4]), 0);
	assert_int_equal(again.action, TC_UNSPEC);
	assert_true(packet_same("at egress", &run.packet, &again.packet));
	assert_true(dataplane_counted("at egress", &before, FTPNAT_SEEN, NULL));
}

/* skb->cb of other programs is left alone. */
static void test_control_buffer(void **state)
{
	static const uint32_t cb[] = { 0x11, 0x22, 0x33, 0x44 };
	struct packet_spec other = syn4;
	struct packet packet;
	struct run run;

	(void)state;
	syn_publish();
	syn_build(&packet, &syn4);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_memory_equal(run.ctx.cb, cb, sizeof(cb));
	other.dport = 22;
	syn_build(&packet, &other);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	assert_memory_equal(run.ctx.cb, cb, sizeof(cb));
	assert_int_equal(run.ctx.cb[4], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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

	return cmocka_run_group_tests_name("tc_headers", tests, dataplane_setup,
					   dataplane_teardown);
}
