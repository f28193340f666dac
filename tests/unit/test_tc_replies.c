// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Replies and the commands that they answer, where a server says too little or too
 * much: no reply may be taken for another command's for longer than it takes the
 * server to name one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/told.h"
#include "base/util.h"

#define PASV_ANSWERED                                                                    \
	C("PASV\r\n"), S("227 ok ($s,10,10)\r\n", "227 ok ($d,10,10)\r\n", OPENS)
#define UNASKED .also = { FTPNAT_LINE_UNASKED }

static const struct row told[] = {
	/* ---- too little ---- */
	{ "three NOOPs in one segment, answered once, then PASV", IN(KEEP4) | IN(FULL4),
	  .expectation = PASSIVE,
	  .steps = { C("NOOP\r\nNOOP\r\nNOOP\r\n"), S("200 ok\r\n"), PASV_ANSWERED } },
	{ "the same with EPSV", IN(KEEP6) | IN(MASQ6), .expectation = PASSIVE,
	  .steps = { C("NOOP\r\nNOOP\r\nNOOP\r\n"), S("200 ok\r\n"), C("EPSV\r\n"),
		     S("229 (|||2570|)\r\n", OPENS) } },
	{ "the same with AUTH", IN(KEEP4) | IN(GROW4),
	  .steps = { C("NOOP\r\nNOOP\r\nNOOP\r\n"), S("200 ok\r\n"), C("AUTH TLS\r\n"),
		     S("234 go\r\n", .also = { FTPNAT_OPAQUE }), C("PORT $c,7,208\r\n"),
		     S("227 ($s,10,10)\r\n") } },
	{ "STAT and ALLO without an answer", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("STAT\r\n"), C("ALLO 1\r\n"), PASV_ANSWERED } },
	{ "a transfer that never ends", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("RETR x\r\n", DEFAULT_PORT), S("150 here it comes\r\n"),
		     C("PASV\r\n", .also = { FTPNAT_EXPECTED_REPLACED }),
		     S("227 ok ($s,10,10)\r\n", "227 ok ($d,10,10)\r\n", OPENS) } },
	{ "a PASV without an answer, then another", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), PASV_ANSWERED } },
	{ "of replies that are missing none closes an active transfer's expectation",
	  IN(KEEP4) | IN(FULL4), .expectation = ACTIVE_PUBLISH,
	  .steps = { C("NOOP\r\nNOOP\r\nNOOP\r\n"), S("200 ok\r\n"),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS), S("200 ok\r\n"),
		     C("SIZE x\r\n"), S("550 none\r\n"), C("MDTM x\r\n"),
		     S("550 none\r\n"), C("RETR x\r\n") } },
	{ "nor gets one the text of a refusal", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("NOOP\r\nNOOP\r\n"), S("200 ok\r\n"),
		     C("PORT 10,66,66,66,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }),
		     S("501 Bad.\r\n"), C("SIZE x\r\n"), S("550 none\r\n") } },

	/* ---- too much ---- */
	{ "a reply too many before that to PASV", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("226 Transfer complete.\r\n"),
		     S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS) } },
	{ "an error too many before that to PASV", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("426 Aborted.\r\n"),
		     S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS) } },
	{ "an empty line that the server answers", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("\r\nPASV\r\n"), S("500 ?\r\n227 ($s,10,10)\r\n",
					  "500 ?\r\n227 ($d,10,10)\r\n", OPENS) } },
	{ "421 while a reply is awaited", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("421 Shutting down soon.\r\n"),
		     S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS) } },
	{ "421 while replies are missing", IN(KEEP4), .expectation = ACTIVE_PUBLISH,
	  .steps = { C("NOOP\r\n"), C("PORT $c,7,208\r\n", OPENS),
		     S("200 ok\r\n421 Shutting down soon.\r\n"), S("200 ok\r\n") } },
	{ "an error too many, in pieces with the reply", IN(KEEP4),
	  .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("426 Aborted.\r\n22", "426 Aborted.\r\n",
		       .also = { FTPNAT_REPEATED }),
		     S("7 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS) } },

	/* ---- what still answers nothing ---- */
	{ "a 227 after PASV was refused and something else was said", IN(KEEP4),
	  .steps = { C("PASV\r\n"), S("500 no\r\n"), C("NOOP\r\n"),
		     S("227 ($s,10,10)\r\n", UNASKED) } },
	{ "two 227 for one PASV that was refused first", IN(KEEP4),
	  .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("500 no\r\n"),
		     S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS),
		     S("227 ($s,10,11)\r\n", UNASKED) } },
	{ "a 229 after a refused PASV", IN(KEEP4),
	  .steps = { C("PASV\r\n"), S("500 no\r\n"), S("229 (|||2570|)\r\n", UNASKED) } },
	{ "a 234 that nobody asked for ends no reading", IN(GROW4),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("NOOP\r\n"), S("234 go\r\n"),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS) } },

	/* ---- what closes an expectation as before ---- */
	{ "PORT refused as vsftpd does", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("550 Permission denied.\r\n",
		       .also = { FTPNAT_EXPECTED_CLOSED }) } },

	/* aioftp's server: the first line of its 227 names no address */
	{ "227 in two lines", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227-listen socket created\r\n227 ($s,10,10)\r\n",
		       "227-listen socket created\r\n227 ($d,10,10)\r\n", OPENS) } },
};

/* After some silence, what was not answered will not be. */
static void test_silence(void **state)
{
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	assert_true(talk_steps(&talk, "unanswered",
			       (const struct step[]){ C("NOOP\r\nNOOP\r\nNOOP\r\n"),
						      S("200 ok\r\n"),
						      { 0 } }));
	dataplane_silence(60);
	assert_true(talk_steps(
		&talk, "refused PORT gets its own reply",
		(const struct step[]){
			C("PORT 10,66,66,66,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
			  .also = { FTPNAT_LINE_FOREIGN }),
			S("501 Bad.\r\n",
			  "500 Data connections to another host are refused.\r\n"),
			{ 0 } }));
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_silence),
	};
	static struct CMUnitTest tests[ARRAY_SIZE(told) + ARRAY_SIZE(others)];
	size_t n = rows_as_tests(tests, told, ARRAY_SIZE(told), sizeof(*told), test_row);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_replies", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
