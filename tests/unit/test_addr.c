// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Addresses, endpoints, prefixes and ports: text to maps and back. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"

static void test_address(void **state)
{
	static const struct {
		const char *text;
		const char *printed; /* NULL: refused */
		enum ftpnat_family family;
	} rows[] = {
		{ "192.0.2.10", "192.0.2.10", FTPNAT_V4 },
		{ "0.0.0.0", "0.0.0.0", FTPNAT_V4 },
		{ "255.255.255.255", "255.255.255.255", FTPNAT_V4 },
		{ "2001:db8::10", "2001:db8::10", FTPNAT_V6 },
		{ "2001:0DB8:0:0:0:0:0:10", "2001:db8::10", FTPNAT_V6 },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", FTPNAT_V6 },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", FTPNAT_V6 },
		{ "::", "::", FTPNAT_V6 },
		{ "::1", "::1", FTPNAT_V6 },
		{ "fe80::1", "fe80::1", FTPNAT_V6 },
		{ "1111:2222:3333:4444:5555:6666:7777:8888",
		  "1111:2222:3333:4444:5555:6666:7777:8888", FTPNAT_V6 },
		{ "", NULL, 0 },
		{ "192.0.2", NULL, 0 },
		{ "192.0.2.256", NULL, 0 },
		{ "192.0.2.10.1", NULL, 0 },
		{ "192.0.2.010", NULL, 0 },
		{ " 192.0.2.10", NULL, 0 },
		{ "192.0.2.10 ", NULL, 0 },
		{ "::ffff:192.0.2.10", NULL, 0 },
		{ "::ffff:c000:20a", NULL, 0 },
		{ "[2001:db8::10]", NULL, 0 },
		{ "fe80::1%eth0", NULL, 0 },
		{ "2001:db8::10::1", NULL, 0 },
		{ "localhost", NULL, 0 },
	};
	char text[FTPNAT_ADDR_STRLEN];
	struct ftpnat_addr addr;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int ret = ftpnat_addr_parse(rows[i].text, &addr);

		assert_int_equal(ret, rows[i].printed ? 0 : -EINVAL);
		if (ret)
			continue;
		assert_string_equal(ftpnat_addr_str(text, &addr), rows[i].printed);
		assert_int_equal(ftpnat_addr_family(&addr), rows[i].family);
		assert_int_equal(ftpnat_addr_is_v4(&addr), rows[i].family == FTPNAT_V4);
	}
}

static void test_layout(void **state)
{
	static const uint8_t v4[] = { 0, 0, 0,	  0,	0,   0, 0, 0,
				      0, 0, 0xff, 0xff, 192, 0, 2, 10 };
	static const uint8_t v6[] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0,
				      0,    0, 0,   0,	  0, 0, 0, 0x10 };
	struct ftpnat_addr addr, other;
	struct in6_addr in6;
	struct in_addr in;

	(void)state;
	assert_int_equal(ftpnat_addr_parse("192.0.2.10", &addr), 0);
	assert_memory_equal(&addr, v4, sizeof(v4));
	memcpy(&in, v4 + 12, sizeof(in));
	other = ftpnat_addr_from_in(&in);
	assert_true(ftpnat_addr_equal(&addr, &other));

	assert_int_equal(ftpnat_addr_parse("2001:db8::10", &addr), 0);
	assert_memory_equal(&addr, v6, sizeof(v6));
	assert_false(ftpnat_addr_equal(&addr, &other));
	memcpy(&in6, v6, sizeof(in6));
	other = ftpnat_addr_from_in6(&in6);
	assert_true(ftpnat_addr_equal(&addr, &other));
}

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		bool none, unicast;
	} rows[] = {
		{ "0.0.0.0", false, false },
		{ "0.1.2.3", false, false },
		{ "1.0.0.0", false, true },
		{ "127.0.0.1", false, true },
		{ "223.255.255.255", false, true },
		{ "224.0.0.1", false, false },
		{ "240.0.0.1", false, false },
		{ "255.255.255.255", false, false },
		{ "::", true, false },
		{ "::1", false, true },
		{ "2001:db8::", false, true },
		{ "fe80::1", false, true },
		{ "ff02::1", false, false },
	};
	struct ftpnat_addr addr;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(ftpnat_addr_parse(rows[i].text, &addr), 0);
		assert_int_equal(ftpnat_addr_is_none(&addr), rows[i].none);
		assert_int_equal(ftpnat_addr_is_unicast(&addr), rows[i].unicast);
	}
}

static void test_endpoint(void **state)
{
	static const struct {
		const char *text;
		const char *printed; /* NULL: refused */
		uint16_t port;
	} rows[] = {
		{ "192.0.2.10:21", "192.0.2.10:21", 21 },
		{ "192.0.2.10:1", "192.0.2.10:1", 1 },
		{ "192.0.2.10:65535", "192.0.2.10:65535", 65535 },
		{ "[2001:db8::10]:21", "[2001:db8::10]:21", 21 },
		{ "[2001:DB8:0::10]:2121", "[2001:db8::10]:2121", 2121 },
		{ "[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
		  "[1111:2222:3333:4444:5555:6666:7777:8888]:65535", 65535 },
		{ "", NULL, 0 },
		{ ":21", NULL, 0 },
		{ "192.0.2.10", NULL, 0 },
		{ "192.0.2.10:", NULL, 0 },
		{ "192.0.2.10:0", NULL, 0 },
		{ "192.0.2.10:65536", NULL, 0 },
		{ "192.0.2.10:4294967317", NULL, 0 },
		{ "192.0.2.10:+21", NULL, 0 },
		{ "192.0.2.10: 21", NULL, 0 },
		{ "192.0.2.10:21x", NULL, 0 },
		{ "192.0.2.10:ftp", NULL, 0 },
		{ "[192.0.2.10]:21", NULL, 0 },
		{ "2001:db8::10:21", NULL, 0 },
		{ "[2001:db8::10]", NULL, 0 },
		{ "[2001:db8::10]21", NULL, 0 },
		{ "[2001:db8::10:21", NULL, 0 },
		{ "2001:db8::10]:21", NULL, 0 },
		{ "[]:21", NULL, 0 },
		{ "[:21", NULL, 0 },
		{ "]:21", NULL, 0 },
		{ "[::ffff:192.0.2.10]:21", NULL, 0 },
		{ "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa]:21", NULL, 0 },
	};
	char text[FTPNAT_ENDPOINT_STRLEN];
	struct ftpnat_endpoint endpoint;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int ret = ftpnat_endpoint_parse(rows[i].text, &endpoint);

		assert_int_equal(ret, rows[i].printed ? 0 : -EINVAL);
		if (ret)
			continue;
		assert_int_equal(ntohs(endpoint.port), rows[i].port);
		assert_string_equal(ftpnat_endpoint_str(text, &endpoint.addr,
							endpoint.port),
				    rows[i].printed);
	}
}

static void test_prefix(void **state)
{
	static const struct {
		const char *text;
		int ret;
		const char *printed;
		const char *mask;
	} rows[] = {
		{ "192.168.5.0/24", 0, "192.168.5.0/24",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00" },
		{ "10.0.0.0/8", 0, "10.0.0.0/8", "ffff:ffff:ffff:ffff:ffff:ffff:ff00:0" },
		{ "10.1.2.3", 0, "10.1.2.3/32",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "10.1.2.4/30", 0, "10.1.2.4/30",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc" },
		{ "0.0.0.0/0", 0, "0.0.0.0/0", "ffff:ffff:ffff:ffff:ffff:ffff::" },
		{ "2001:db8::/32", 0, "2001:db8::/32", "ffff:ffff::" },
		{ "2001:db8::/33", 0, "2001:db8::/33", "ffff:ffff:8000::" },
		{ "2001:db8::1", 0, "2001:db8::1/128",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "::/0", 0, "::/0", "::" },
		{ "192.168.5.1/24", -ERANGE, "192.168.5.0/24", NULL },
		{ "2001:db8::1/64", -ERANGE, "2001:db8::/64", NULL },
		{ "192.168.5.0/33", -EINVAL, NULL, NULL },
		{ "192.168.5.0/", -EINVAL, NULL, NULL },
		{ "192.168.5.0/-1", -EINVAL, NULL, NULL },
		{ "192.168.5.0/24/24", -EINVAL, NULL, NULL },
		{ "192.168.5.0/255.255.255.0", -EINVAL, NULL, NULL },
		{ "2001:db8::/129", -EINVAL, NULL, NULL },
		{ "192.168.5/24", -EINVAL, NULL, NULL },
		{ "/24", -EINVAL, NULL, NULL },
		{ "", -EINVAL, NULL, NULL },
	};
	char text[FTPNAT_PREFIX_STRLEN], mask_text[FTPNAT_ADDR_STRLEN];
	struct ftpnat_prefix prefix;
	struct ftpnat_addr mask;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(ftpnat_prefix_parse(rows[i].text, &prefix), rows[i].ret);
		if (rows[i].printed)
			assert_string_equal(ftpnat_prefix_str(text, &prefix),
					    rows[i].printed);
		if (rows[i].mask) {
			mask = ftpnat_prefix_mask(&prefix);
			assert_string_equal(ftpnat_addr_str(mask_text, &mask),
					    rows[i].mask);
		}
	}
}

static void test_prefix_equal(void **state)
{
	struct ftpnat_prefix a, b, c, d;

	(void)state;
	assert_int_equal(ftpnat_prefix_parse("10.0.0.0/8", &a), 0);
	assert_int_equal(ftpnat_prefix_parse("10.0.0.0/8", &b), 0);
	assert_int_equal(ftpnat_prefix_parse("10.0.0.0/9", &c), 0);
	assert_int_equal(ftpnat_prefix_parse("11.0.0.0/8", &d), 0);
	assert_true(ftpnat_prefix_equal(&a, &b));
	assert_false(ftpnat_prefix_equal(&a, &c));
	assert_false(ftpnat_prefix_equal(&a, &d));
}

static void test_ports(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint16_t min, max;
	} rows[] = {
		{ "1024-65535", 0, 1024, 65535 }, { "1-1", 0, 1, 1 },
		{ "2121", 0, 2121, 2121 },	  { "2048-1024", -ERANGE, 0, 0 },
		{ "0-1024", -EINVAL, 0, 0 },	  { "1024-65536", -EINVAL, 0, 0 },
		{ "1024-", -EINVAL, 0, 0 },	  { "-1024", -EINVAL, 0, 0 },
		{ "-", -EINVAL, 0, 0 },		  { "", -EINVAL, 0, 0 },
		{ "1-2-3", -EINVAL, 0, 0 },	  { "1024 - 2048", -EINVAL, 0, 0 },
		{ "0x400-0x800", -EINVAL, 0, 0 },
	};
	struct ftpnat_ports ports;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(ftpnat_ports_parse(rows[i].text, &ports), rows[i].ret);
		if (rows[i].ret)
			continue;
		assert_int_equal(ports.min, rows[i].min);
		assert_int_equal(ports.max, rows[i].max);
	}
	assert_int_equal(ftpnat_port_parse("21", &port), 0);
	assert_int_equal(port, 21);
	assert_int_equal(ftpnat_port_parse("0", &port), -EINVAL);
	assert_int_equal(ftpnat_port_parse("70000", &port), -EINVAL);
	assert_int_equal(ftpnat_port_parse("", &port), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address), cmocka_unit_test(test_layout),
		cmocka_unit_test(test_kinds),	cmocka_unit_test(test_endpoint),
		cmocka_unit_test(test_prefix),	cmocka_unit_test(test_prefix_equal),
		cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
