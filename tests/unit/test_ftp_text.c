// SPDX-License-Identifier: GPL-2.0-only
/* What is written into address lines (bpf/ftp_text.h). */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ftp_text.h"
#include "base/util.h"

static void test_write_port(void **state)
{
	__u8 buf[FTP_TEXT_MAX];
	char want[FTP_TEXT_MAX];

	(void)state;
	srandom(959);
	for (int i = 0; i < 100000; i++) {
		__u32 a = random() * 3, port = random() & 0xffff;
		__be32 addr[4] = { 0, 0, htonl(0xffff), htonl(a) };
		__u32 len = ftp_write_port(buf, addr, port);

		snprintf(want, sizeof(want), "%u,%u,%u,%u,%u,%u", a >> 24, a >> 16 & 255,
			 a >> 8 & 255, a & 255, port >> 8, port & 255);
		assert_int_equal(len, strlen(want));
		assert_memory_equal(buf, want, len);
	}
}

static void test_write_epsv_port(void **state)
{
	__u8 buf[FTP_TEXT_MAX];
	char want[FTP_TEXT_MAX];

	(void)state;
	for (__u32 port = 0; port < 65536; port++) {
		snprintf(want, sizeof(want), "%u", port);
		assert_int_equal(ftp_write_epsv_port(buf, port), strlen(want));
		assert_memory_equal(buf, want, strlen(want));
	}
}

static void check_eprt(const __be32 addr[4], __u16 port, char delimiter, const char *text)
{
	__u8 buf[FTP_TEXT_MAX];
	char want[80];
	__u32 len = ftp_write_eprt(buf, addr, port, delimiter);

	snprintf(want, sizeof(want), "%s%c%u", text, delimiter, port);
	if (len != strlen(want) || memcmp(buf, want, len))
		fail_msg("wrote %.*s, not %s", (int)len, buf, want);
}

static const char *const rfc5952[][2] = {
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "::1.2.3.4", "::102:304" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, /* the first of two equal runs */
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },	 /* the longer run */
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* a single zero stays */
	{ "0:1:0:1:0:1:0:0", "0:1:0:1:0:1::" },
	{ "2001:DB8:A00:B0:C:ABCD:EF01:FFFF", "2001:db8:a00:b0:c:abcd:ef01:ffff" },
	{ "::ffff:10.20.30.255", "10.20.30.255" },
	{ "::ffff:0:0", "0.0.0.0" },
	{ "::1:ffff:a14:1eff", "::1:ffff:a14:1eff" },
};

static void test_write_eprt(void **state)
{
	char text[INET6_ADDRSTRLEN];
	__be32 addr[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rfc5952); i++) {
		assert_int_equal(inet_pton(AF_INET6, rfc5952[i][0], addr), 1);
		check_eprt(addr, 65535, '|', rfc5952[i][1]);
	}
	srandom(2428);
	for (int i = 0; i < 200000; i++) {
		__u16 group[8];
		long zeros = random(), small = random();

		for (int k = 0; k < 8; k++)
			group[k] = zeros >> k & 1 ? 0 :
						    htons((__u16)random() >>
							  (small >> 2 * k & 3) * 4);
		memcpy(addr, group, sizeof(addr));
		if (!addr[0] && !addr[1] &&
		    !group[4]) /* inet_ntop ends such in a dotted quad */
			continue;
		inet_ntop(AF_INET6, addr, text, sizeof(text));
		check_eprt(addr, random(), '!', text);

		addr[0] = addr[1] = 0;
		addr[2] = htonl(0xffff);
		inet_ntop(AF_INET, &addr[3], text, sizeof(text));
		check_eprt(addr, random(), '|', text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_port),
		cmocka_unit_test(test_write_epsv_port),
		cmocka_unit_test(test_write_eprt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
