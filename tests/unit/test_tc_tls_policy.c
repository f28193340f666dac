// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `tls: require` and `tls: deny`: no login before TLS, no TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/policy.h"
#include "base/util.h"

static void tls_denied(struct ftpnat_rule *rule)
{
	rule->flags |= FTPNAT_RULE_NO_TLS;
}

static const struct row rows[] = {
	/* ---- TLS ---- */
	{ "no login before TLS",
	  ALL,
	  tls_first,
	  NULL,
	  { C("USER x\r\n", DENIED, FIRST), S("500 What?\r\n", R530),
	    C("PASS y\r\n", DENIED, FIRST), S("530 Please login.\r\n", R530),
	    C("acct z\r\n", DENIED, FIRST), S("530 Please login.\r\n", R530), STEP } },
	{ "what else there is passes",
	  SOME,
	  tls_first,
	  NULL,
	  { C("FEAT\r\n"), S("211 no\r\n"), C("HELP USER\r\n"), S("214 no\r\n"), STEP,
	    C("QUIT\r\n"), S("221 bye\r\n") } },
	{ "no login in the same segment as AUTH",
	  ONE,
	  tls_first,
	  NULL,
	  { C("AUTH TLS\r\nUSER x\r\n", "AUTH TLS\r\n" DENIED, FIRST),
	    S("234 go\r\n", .also = { FTPNAT_OPAQUE }) } },
	{ "none after AUTH is refused",
	  ONE,
	  tls_first,
	  NULL,
	  { C("AUTH TLS\r\n"), S("500 no\r\n"), C("USER x\r\n", DENIED, FIRST),
	    S("500 no\r\n", R530) } },
	{ "none after AUTH in the clear all the same",
	  ONE,
	  tls_first,
	  NULL,
	  { C("AUTH TLS\r\n"), S("234 go\r\n", .also = { FTPNAT_OPAQUE }),
	    C("USER x\r\n", DENIED, .also = { FTPNAT_CLEAR, FTPNAT_LINE_TLS_FIRST }) } },
	{ "none after a ClientHello that nobody answers",
	  ONE,
	  tls_first,
	  NULL,
	  { C("\x16\x03\x01\x01\x01\x01\r\n"), C("USER x\r\n", DENIED, FIRST),
	    S("220 hi\r\n", .also = { FTPNAT_NOT_FTP }),
	    C("PASS x\r\n", DENIED, FIRST) } },
	{ "nor behind a first word that servers read differently",
	  ONE,
	  tls_first,
	  NULL,
	  { C("\x16\x03\x01\x01\x01\x01\r\n"), C("\xffxUSER x\r\n", DENIED, FIRST) } },
	{ "nor after a line, with bytes of no text",
	  ONE,
	  deny,
	  NULL,
	  { C("\x16\x03\x01\x01\x01\x01\r\n"), C("\x01\r\n"), C("USER x\r\n"),
	    C("\xc5\xbfITE CHMOD\r\n", DENIED, REFUSED) } },
	{ "a ClientHello with lines in it passes",
	  ONE,
	  read_only,
	  NULL,
	  { C("\x16\x03\x01\x01\x01\x01"
	      "a\n\xe3\x01 DELE\n\x02"
	      "b"),
	    C("\xf0\n"), S("\x16\x03\x03\x01\x01\x02", .also = { FTPNAT_OPAQUE }) } },
	{ "none in pieces behind such a ClientHello",
	  ONE,
	  tls_first,
	  NULL,
	  { C("\x16\x03\x01\x01\x01\x01\r\n"), C("US"),
	    C("ER x\r\n", .reason = FTPNAT_LOG_FULL) } },
	{ "nor with a Telnet command inside",
	  ONE,
	  tls_first,
	  NULL,
	  { C("PA\xff\xf1SS y\r\n", DENIED, FIRST), S("500 What?\r\n", R530), STEP } },
	{ "nor wrapped",
	  ONE,
	  tls_first,
	  NULL,
	  { C("ENC y\r\n", DENIED, FIRST), S("500 What?\r\n", R530), STEP } },
	{ "implicit TLS is refused where TLS is",
	  SOME,
	  tls_denied,
	  NULL,
	  { C("\x16\x03\x01\x02\x01\x01xxxx", DENIED, .also = { FTPNAT_LINE_TLS }),
	    S("220 hi\r\n500 What?\r\n", "220 hi\r\n" R534) } },
	{ "its first byte alone",
	  ONE,
	  tls_denied,
	  NULL,
	  { C("\x16", DENIED, .also = { FTPNAT_LINE_TLS }),
	    C("\x03\x01\x02\x01\x01xxxx") } },
	{ "the form of SSL 2",
	  ONE,
	  tls_denied,
	  NULL,
	  { C("\x80\x2e\x01\x03\x01", DENIED, .also = { FTPNAT_LINE_TLS }) } },
	{ "AUTH after a Synch that has left",
	  ONE,
	  tls_denied,
	  NULL,
	  { C("\xff\xf4\xff\xf2", .flags = ACK | URG),
	    C("AUTH TLS\r\n", "AUTH DENIED\r\n", .also = { FTPNAT_LINE_TLS }),
	    S("504 What?\r\n", R534), STEP } },
};

/* The event of a line that may have a password: its verb, where an address was read, too. */
static void test_event_without_argument(void **state)
{
	static const struct {
		struct step step;
		const char *verb;
	} lines[] = {
		{ C("PASS y\r\n", DENIED, FIRST), "PASS" },
		{ C("EP\xff\xf1RT |2|2001:db8::1|2000|\r\n", DENIED, FIRST), "EPRT" },
		{ C("PO\xff\xf1RT 10,1,2,3,7,208\r\n", DENIED, FIRST), "PORT" },
	};
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);

	(void)state;
	tls_first(&rule);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct ftpnat_line_event *event;
		__u8 shown[sizeof(event->line)] = { 0 };
		struct talk talk;

		scene_configure(scene, &rule);
		talk_init(&talk, scene);
		talk_open(&talk);
		dataplane_readers(1 << 0);
		assert_true(talk_step(&talk, lines[i].verb, &lines[i].step));
		assert_int_equal(dataplane_events(0, &event), 1);
		memcpy(shown, lines[i].verb, strlen(lines[i].verb));
		assert_memory_equal(event->line, shown, sizeof(shown));
	}
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(rows) + 1];
	size_t n = rows_as_tests(tests, rows, ARRAY_SIZE(rows), sizeof(*rows), test_row);

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_event_without_argument);

	return _cmocka_run_group_tests("tc_tls_policy", tests, n, dataplane_setup,
				       dataplane_teardown);
}
