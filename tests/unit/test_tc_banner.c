// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `banner: hide`: what the client gets in place of the greeting and the reply to SYST. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/policy.h"
#include "base/util.h"

static void hidden(struct ftpnat_rule *rule)
{
	rule->flags |= FTPNAT_RULE_HIDE_BANNER;
}

static const struct row rows[] = {
	/* ---- banner ---- */
	{ "the greeting",
	  ALL,
	  hidden,
	  NULL,
	  { S("220 Foo 1.2 ready.\r\n", "220 FTP server ready.\r\n",
	      .also = { FTPNAT_BANNER_HIDDEN }),
	    STEP } },
	{ "of several lines",
	  SOME,
	  hidden,
	  NULL,
	  { S("220-Foo 1.2\r\n hello\r\n220-you\r\n220 Foo.\r\n",
	      "220 FTP server ready.\r\n", .also = { FTPNAT_BANNER_HIDDEN }),
	    STEP } },
	{ "of several segments",
	  ONE,
	  hidden,
	  NULL,
	  { C(NULL, .flags = ACK), S("22", HELD), S("0-Foo", DROPPED),
	    S(" 1.2\r\n hel", DROPPED), S("lo\r\n220", DROPPED), S(" Foo.\r", DROPPED),
	    S("\n", "220 FTP server ready.\r\n", .also = { FTPNAT_BANNER_HIDDEN }),
	    STEP } },
	{ "SYST",
	  SOME,
	  hidden,
	  NULL,
	  { C("SYST\r\n"),
	    S("215 Foo 1.2\r\n", "215 UNIX Type: L8\r\n",
	      .also = { FTPNAT_BANNER_HIDDEN }),
	    STEP } },
	{ "other replies stay",
	  SOME,
	  hidden,
	  NULL,
	  { C("HELP\r\n"), S("214-220 a\r\n220 b\r\n214 215 c\r\n"), S("421 Foo\r\n") } },
	{ "a passive reply is translated as ever",
	  IN(KEEP4),
	  hidden,
	  PASSIVE,
	  { C("PASV\r\n"), S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS) } },
};

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(rows)];
	size_t n = rows_as_tests(tests, rows, ARRAY_SIZE(rows), sizeof(*rows), test_row);

	return _cmocka_run_group_tests("tc_banner", tests, n, dataplane_setup,
				       dataplane_teardown);
}
