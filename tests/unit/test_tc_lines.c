// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Lines of a control connection: which are rewritten, refused or unchanged, and which
 * data connection each announces.
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

static void no_active(struct ftpnat_rule *rule)
{
	rule->modes = 1 << FTPNAT_PASSIVE;
}

static void no_passive(struct ftpnat_rule *rule)
{
	rule->modes = 1 << FTPNAT_ACTIVE;
}

static void no_tls(struct ftpnat_rule *rule)
{
	rule->flags = FTPNAT_RULE_NO_TLS;
}

static void foreign(struct ftpnat_rule *rule)
{
	rule->flags = FTPNAT_RULE_FOREIGN;
}

static void data_address(struct ftpnat_rule *rule)
{
	rule->data_address[FTPNAT_V4] = address("203.0.113.200");
}

#define BLANKS50   "                                                  "
#define BLANKS300  BLANKS50 BLANKS50 BLANKS50 BLANKS50 BLANKS50 BLANKS50
#define ZEROS50	   "00000000000000000000000000000000000000000000000000"
#define ZEROS300   ZEROS50 ZEROS50 ZEROS50 ZEROS50 ZEROS50 ZEROS50
#define TLS_DENIED .also = { FTPNAT_LINE_TLS }

#define UNCLEAR .also = { FTPNAT_LINE_AMBIGUOUS }
#define X50	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200	X50 X50 X50 X50
#define X30	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X1000	X200 X200 X200 X200 X200
/* 2000 bytes and twice `end` */
#define VERY_LONG(end)                                                                   \
	C(X1000 end), S(NULL, .flags = ACK), C(X1000 end), S(NULL, .flags = ACK)
#define NO_CLEAR_ADDRESS "425 The server names no clear address."

static const struct row told[] = {
	/* ---- the four lines, in all kinds of rule ---- */
	{ "PORT", IN_PUBLISH &IN_V4, .expectation = ACTIVE_PUBLISH,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS), S("200 ok\r\n"),
		     C("LIST\r\n") } },
	{ "PORT under masquerade", IN_MASQUERADE &IN_V4, .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS), S("200 ok\r\n"),
		     C("LIST\r\n") } },
	{ "EPRT over IPv4", IN_PUBLISH &IN_V4, .expectation = ACTIVE_PUBLISH,
	  .steps = { C("EPRT |1|$C|2000|\r\n", "EPRT |1|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "EPRT over IPv4 under masquerade", IN_MASQUERADE &IN_V4,
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("EPRT |1|$C|2000|\r\n", "EPRT |1|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "EPRT over IPv6", IN_PUBLISH &IN_V6, .expectation = ACTIVE_PUBLISH,
	  .steps = { C("EPRT |2|$C|2000|\r\n", "EPRT |2|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "EPRT over IPv6 under masquerade", IN_MASQUERADE &IN_V6,
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("EPRT |2|$C|2000|\r\n", "EPRT |2|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "227", IN_V4, .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227 Entering Passive Mode ($s,10,10).\r\n",
		       "227 Entering Passive Mode ($d,10,10).\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n226 done\r\n") } },
	{ "229", IN_ALL, .expectation = PASSIVE,
	  .steps = { C("EPSV\r\n"),
		     S("229 Entering Extended Passive Mode (|||2570|)\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n226 done\r\n") } },
	{ "227 with a port that the range hasn't", IN_PUBLISH &IN_V4, one_port,
	  .expectation = "$C > $D 50000 = $P 0 > $S 2570 passive",
	  .steps = { C("PASV\r\n"), S("227 =$s,10,10\r\n", "227 =$d,195,80\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n") } },
	{ "229 with a port that the range hasn't", IN_PUBLISH, one_port,
	  .expectation = "$C > $D 50000 = $P 0 > $S 2570 passive",
	  .steps = { C("EPSV 1\r\n"),
		     S("229 ok (|||2570|)\r\n", "229 ok (|||50000|)\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n") } },
	{ "PORT with a port that the range hasn't", (IN_MASQUERADE)&IN_V4, one_port,
	  .expectation = "$S > $P 50000 = $D 0 > $C 2000 active",
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,195,80\r\n", OPENS), S("200 ok\r\n"),
		     C("LIST\r\n") } },
	{ "227 names the rule's data_address, the expectation is where the client dialled",
	  IN(KEEP4), data_address, .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227 ($s,10,10)\r\n", "227 (203,0,113,200,10,10)\r\n", OPENS) } },
	{ "227 of a server that knows its published address", IN(KEEP4) | IN(FULL4),
	  .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227 ($d,10,10)\r\n", OPENS) } },
	{ "227 of a server that knows the rule's data_address", IN(KEEP4) | IN(FULL4),
	  data_address, .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227 (203,0,113,200,10,10)\r\n", OPENS) } },
	{ "LF alone ends a line, blanks before it stay", IN(GROW4) | IN(FULL4),
	  .expectation = NULL,
	  .steps = { C("port  $c,7,208  \n", "port  $p,7,208  \n", OPENS),
		     S("550 no\n", .also = { FTPNAT_EXPECTED_CLOSED }), C("NOOP\n") } },
	{ "EPRT keeps its delimiter", IN(GROW4), .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("EPRT !1!$C!2000!\r\n", "EPRT !1!$P!2000!\r\n", OPENS) } },
	{ "a line that needs no change keeps its spelling", IN(KEEP4),
	  .expectation = ACTIVE_PUBLISH,
	  .steps = { C("pOrT   198,51,100,007,7,208 \r\n", OPENS) } },
	{ "Telnet commands before ABOR do not concern us", IN(FULL4) | IN(MASQ6),
	  .steps = { C("\xff\xf4\xff\xf2"
		       "ABOR\r\n"),
		     S("226 ok\r\n") } },

	/* ---- lines that announce nothing ---- */
	{ "PORT that names another host is refused in the server's place", IN_V4,
	  .steps = { C("PORT 10,66,66,66,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }),
		     S("501 Bad.\r\n",
		       "500 Data connections to another host are refused.\r\n"),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "EPRT that names another host", IN_V6,
	  .steps = { C("EPRT |2|2001:db8:66::1|2000|\r\n", "EPRT |2|::|0|\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }),
		     S("501 Bad.\r\n",
		       "500 Data connections to another host are refused.\r\n"),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "a refused PORT in two pieces", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PORT 10,66", .reason = FTPNAT_ANSWERED),
		     C(",66,66,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }),
		     S("50", HELD_WITH_ACK),
		     S("1 Bad.\r\n",
		       "500 Data connections to another host are refused.\r\n"),
		     C("NOOP\r\n") } },
	{ "where the rule allows another host it may be named", IN(MASQ4), foreign,
	  .expectation = "$S > $P 2000 = $D 0 > 10.66.66.66 2000 active",
	  .steps = { C("PORT 10,66,66,66,7,208\r\n", "PORT $p,7,208\r\n", OPENS) } },
	{ "227 that names another host", IN_PUBLISH &IN_V4,
	  .steps = { C("PASV\r\n"),
		     S("227 Entering Passive Mode (10,66,66,66,10,10).\r\n",
		       "500 Data connections to another host are refused.\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	/* a server behind a NAT of its own; curl and lftp dial the peer then, too */
	{ "227 that names another host, to a masqueraded client", IN_MASQUERADE &IN_V4,
	  .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227 Entering Passive Mode (10,66,66,66,10,10).\r\n",
		       "227 Entering Passive Mode ($d,10,10).\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n") } },
	/* ---- lines that servers read differently ---- */
	{ "PORT with text and a seventh number behind", IN_PUBLISH &IN_V4,
	  .expectation = ACTIVE_PUBLISH,
	  .steps = { C("PORT $c,7,208x,1\r\n", "PORT $p,7,208x,1\r\n", OPENS) } },
	{ "policy for PORT with text behind", IN_V4,
	  .steps = { C("PORT 10,66,66,66,7,208 x\r\n", "PORT 0,0,0,0,0,0 x\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }) } },
	{ "policy for PORT after hundreds of blanks", IN_V4,
	  .steps = { C("PORT" BLANKS300 "10,66,66,66,7,208\r\n",
		       "PORT" BLANKS300 "0,0,0,0,0,0\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }) } },
	{ "PORT that proftpd reads without its quotes", IN_V4,
	  .steps = { C("PORT \"$c,7,208\"\r\n", "PORT DENIED\r\n",
		       .also = { FTPNAT_LINE_AMBIGUOUS }),
		     S("501 Bad.\r\n",
		       "501 Address not understood, write it as RFC 959 has it.\r\n"),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "EPRT to whom only some read", IN_V4,
	  .steps = { C("EPRT |1|10.66.66.66 |2000|\r\n", "EPRT |1|DENIED\r\n",
		       .also = { FTPNAT_LINE_AMBIGUOUS }),
		     S("501 Bad.\r\n",
		       "501 Address not understood, write it as RFC 959 has it.\r\n"),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "LF that proftpd takes for a Telnet option", IN_V4,
	  .steps = { C("PO\xff\xfb\n", "DENIED\r\n", .also = { FTPNAT_LINE_AMBIGUOUS }),
		     C("RT $c,7,208\r\n") } },
	{ "PORT that is too long to be held", IN_V4,
	  .steps = { C("PORT" BLANKS300, "PORT" BLANKS300 "DENIED",
		       .also = { FTPNAT_LINE_AMBIGUOUS }),
		     C("10,66,66,66,7,208\r\n"),
		     S("501 Bad.\r\n",
		       "501 Address not understood, write it as RFC 959 has it.\r\n"),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "PORT whose numbers go on for too long", IN_V4,
	  .steps = { C("PORT 10,66,66,66,7," ZEROS300, "PORT DENIED",
		       .also = { FTPNAT_LINE_AMBIGUOUS }),
		     C("208\r\n") } },
	{ "an urgent mark keeps no PORT from being held", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PORT 10,66,66", .flags = URG | ACK, .reason = FTPNAT_ANSWERED),
		     C(",66,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }) } },

	/* ---- what is not FTP ---- */
	{ "HTTP from a masqueraded client opens nothing (NAT slipstreaming)", IN(GROW4),
	  .steps = { C("POST / HTTP/1.1\r\nHost: x:21\r\n\r\nPORT $c,7,208\r\n",
		       .also = { FTPNAT_NOT_FTP }),
		     C("PORT $c,7,208\r\n"),
		     S("227 Entering (10,66,66,66,7,208)\r\n") } },
	{ "a header line after any request line", IN(GROW4),
	  .steps = { C("USER / HTTP/1.1\r\n"),
		     C("Host: x:21\r\n", .also = { FTPNAT_NOT_FTP }),
		     C("PORT $c,7,208\r\n") } },
	{ "a login before it changes nothing", IN(GROW4),
	  .steps = { S("220 hi\r\n"), S("230 in\r\n"),
		     C("GET / HTTP/1.1\r\n", .also = { FTPNAT_NOT_FTP }),
		     C("PORT $c,7,208\r\n") } },
	{ "STUN, whose user name may have lines", IN(GROW4),
	  .steps = { C("\x01\x03\x01\x58\x21\x12\xa4\x42\r\nPORT $c,7,208\r\n",
		       .also = { FTPNAT_NOT_FTP }),
		     C("PORT $c,7,208\r\n") } },
	{ "what was announced before is closed", IN(GROW4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("Host: x\r\n",
		       .also = { FTPNAT_NOT_FTP, FTPNAT_EXPECTED_CLOSED }) } },
	{ "HTTP to a published server is not a way round the rule", IN_PUBLISH &IN_V4,
	  .steps = { C("GET / HTTP/1.1\r\n", .also = { FTPNAT_NOT_FTP }),
		     C("PORT $c,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
		       .also = { FTPNAT_NOT_FTP }) } },
	{ "PORT to a privileged port", IN_V4,
	  .steps = { C("PORT $c,3,255\r\n", "PORT 0,0,0,0,0,0\r\n",
		       .also = { FTPNAT_LINE_PRIVILEGED }),
		     S("501 Bad.\r\n", "500 This kind of data connection is refused.\r\n"),
		     C("NOOP\r\n") } },
	{ "port 1024 is not privileged", IN(KEEP4),
	  .expectation = "$S > $P 1024 = $D 20 > $C 1024 active",
	  .steps = { C("PORT $c,4,0\r\n", OPENS) } },
	{ "active mode not allowed", IN(FULL4) | IN(KEEP4) | IN(MASQ4), no_active,
	  .steps = { C("PORT $c,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
		       .also = { FTPNAT_LINE_MODE }),
		     S("501 Bad.\r\n", "500 This kind of data connection is refused.\r\n"),
		     C("NOOP\r\n") } },
	{ "active mode not allowed, IPv6", IN(FULL6) | IN(KEEP6) | IN(MASQ6), no_active,
	  .steps = { C("EPRT |2|$C|2000|\r\n", "EPRT |2|::|0|\r\n",
		       .also = { FTPNAT_LINE_MODE }),
		     S("522 Bad.\r\n", "500 This kind of data connection is refused.\r\n"),
		     C("NOOP\r\n") } },
	{ "passive mode not allowed", IN_V4, no_passive,
	  .steps = { C("PASV\r\n"),
		     S("227 Entering Passive Mode ($s,10,10).\r\n",
		       "500 This kind of data connection is refused.\r\n",
		       .also = { FTPNAT_LINE_MODE }),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "extended passive mode not allowed", IN_V6, no_passive,
	  .steps = { C("EPSV\r\n"),
		     S("229 ok (|||2570|)\r\n",
		       "500 This kind of data connection is refused.\r\n",
		       .also = { FTPNAT_LINE_MODE }),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "227 that nobody asked for", IN(KEEP4) | IN(MASQ4),
	  .steps = { S("227 Entering Passive Mode ($s,10,10).\r\n",
		       .also = { FTPNAT_LINE_UNASKED }),
		     C("NOOP\r\n"),
		     S("227 Entering Passive Mode ($s,10,10).\r\n",
		       .also = { FTPNAT_LINE_UNASKED }) } },
	{ "229 in answer to PASV, 227 in answer to EPSV", IN(KEEP4),
	  .steps = { C("PASV\r\n"),
		     S("229 ok (|||2570|)\r\n", .also = { FTPNAT_LINE_UNASKED }),
		     C("EPSV\r\n"),
		     S("227 ($s,10,10)\r\n", .also = { FTPNAT_LINE_UNASKED }) } },
	{ "227 a second time", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS),
		     S("227 ($s,10,11)\r\n", .also = { FTPNAT_LINE_UNASKED }) } },
	{ "an address inside a multi-line reply", IN(KEEP4),
	  .steps = { C("PASV\r\n"),
		     S("226-hello\r\n227 ($s,10,10)\r\n226 done\r\n",
		       "226-hello\r\n\r\n226 done\r\n", UNCLEAR),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "the last line of a multi-line 227", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227-first\r\n227 ($s,10,10)\r\n",
				      "227-first\r\n227 ($d,10,10)\r\n", OPENS) } },
	{ "an address in front of the last line of a 227", IN(KEEP4),
	  .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227-first ($s,10,11)\r\n227 ($s,10,10)\r\n",
		       "227-first \r\n227 ($d,10,10)\r\n",
		       .also = { FTPNAT_LINE_AMBIGUOUS, FTPNAT_EXPECTED }) } },
	{ "the same in two segments", IN(KEEP4),
	  .steps = { C("PASV\r\n"), S("227-first ($s,1", HELD_WITH_ACK),
		     S("0,11)\r\n", "227-first \r\n", UNCLEAR) } },
	{ "a 227 with blanks between its numbers", IN(MASQ4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227 (10, 9, 0, 10, 10, 10)\r\n", "227 ($d,10,10)\r\n", OPENS) } },
	{ "a 229 with digits in its text", IN(KEEP4) | IN(KEEP6) | IN(MASQ6),
	  .expectation = PASSIVE,
	  .steps = { C("EPSV\r\n"), S("229 Mode 2 of 3 (|||2570|)\r\n", OPENS) } },
	{ "a 227 that clients read differently", IN(KEEP4) | IN(KEEP6) | IN(MASQ4),
	  .steps = { C("PASV\r\n"),
		     S("227 (10,9,0,10,10, 10)\r\n", NO_CLEAR_ADDRESS "\r\n", UNCLEAR),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "a 229 that clients read differently", IN(KEEP4) | IN(KEEP6) | IN(MASQ6),
	  .steps = { C("EPSV\r\n"),
		     S("229 (|||2570)\r\n", NO_CLEAR_ADDRESS "\r\n", UNCLEAR) } },
	{ "the same as the last of several lines", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("EPSV\r\n"), S("229-first\r\n229 (|||2570)\r\n",
				      "229-first\r\n229 Refused.\r\n", UNCLEAR) } },
	{ "another host in the last of several lines", IN(KEEP4),
	  .steps = { C("PASV\r\n"), S("227-first\r\n227 (10,66,66,66,10,10)\r\n",
				      "227-first\r\n227 Refused.\r\n",
				      .also = { FTPNAT_LINE_FOREIGN }) } },
	/* ---- lines that pyftpdlib reads in more than 2048 bytes without CR LF ---- */
	{ "PORT in the middle of a very long line", IN_V4,
	  .steps = { VERY_LONG(""), C(X50),
		     C("PORT 10,66,66,66,10,10\r\n", "PORT_10,66,66,66,10,10\r\n",
		       UNCLEAR),
		     S("500 too long\r\n"), C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "several verbs, cut into pieces", IN(KEEP4) | IN(KEEP6) | IN(MASQ4),
	  .steps = { VERY_LONG(""), C(X50 "xpo"), C("rt"), C(" x", "_x", UNCLEAR),
		     C("EPRT |1|1.2.3.4|5|Eprt 1", "EPRT_|1|1.2.3.4|5|Eprt_1",
		       .also = { FTPNAT_LINE_AMBIGUOUS, FTPNAT_LINE_AMBIGUOUS }),
		     C("PORTS PASS secret PORT\r\n", "PORTS PASS_secret PORT\r\n",
		       UNCLEAR),
		     S("500 too long\r\n"), C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "a line that LF alone has ended is one with the next", IN(KEEP4),
	  .steps = { VERY_LONG("\n"), C(X50 "\n"),
		     C("SITE PORT 10,66,66,66,10,10\r\n",
		       "SITE PORT_10,66,66,66,10,10\r\n", UNCLEAR),
		     C("SITE PORT 1,2,3,4,5,6\r\n") } },
	{ "its own verb is read as always", IN(KEEP4), .expectation = ACTIVE_PUBLISH,
	  .steps = { VERY_LONG("\n"), C(X50 "\n"),
		     C("PORT $c,7,208\r\n", .also = { FTPNAT_EXPECTED }) } },
	{ "a second verb in a line that is held back", IN(KEEP4),
	  .steps = { VERY_LONG("\n"), C(X50 "\n"), C("PORT ", .reason = FTPNAT_HELD),
		     C("x PORT 1,2,3,4,5,6\r\n", "PORT DENIED1,2,3,4,5,6\r\n",
		       UNCLEAR) } },
	{ "a long line below the limit", IN_V4 | IN(KEEP6),
	  .steps = { VERY_LONG(""), C(X30 "PORT 10,66,66,66,10,10\r\n"),
		     S("500 too long\r\n"), C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "a very long line in front of a 227's last one", IN(KEEP4) | IN(MASQ4),
	  .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227-about 2 " X200 X50 " (10,1,1,7", "227-about _", UNCLEAR),
		     S(",10,10) x\r\n", ",\r\n", UNCLEAR),
		     S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS) } },
	{ "the same, of which some is held", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227-about (", HELD_WITH_ACK),
		     S(X200 X50 "10,1,1,7,", "227-about _xxxxx_",
		       .also = { FTPNAT_LINE_AMBIGUOUS, FTPNAT_LINE_AMBIGUOUS }),
		     S("x"), S("10,10) x\r\n", "\r\n", UNCLEAR),
		     S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS) } },
	{ "another reply's line that begins as a 227 and never ends", IN(KEEP4),
	  .steps = { C("PASV\r\n"),
		     S("200-hello\r\n227 " X200 X50 "xx", "200-hello\r\n_", UNCLEAR),
		     S("(10,1,1,7,10,10)\r\n200 ok\r\n", "\r\n200 ok\r\n", UNCLEAR),
		     C("NOOP\r\n") } },
	{ "a 227 that is too long to be held back", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PASV\r\n"), S("227 " X200 X50 "xx", NO_CLEAR_ADDRESS, UNCLEAR),
		     S("($s,10,10)\r\n"), C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "the same at once", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PASV\r\n"), S("227 " X200 X50 "xx($s,10,10)\r\n",
				      NO_CLEAR_ADDRESS "\r\n", UNCLEAR) } },
	{ "replies are matched with their commands", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("USER x\r\nPASV\r\nNOOP\r\n"),
		     S("331 pass\r\n227 ($s,10,10)\r\n200 ok\r\n",
		       "331 pass\r\n227 ($d,10,10)\r\n200 ok\r\n", OPENS) } },
	{ "PORT that can't be parsed", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PORT 1,2,3\r\n", .also = { FTPNAT_LINE_MALFORMED }),
		     S("501 ?\r\n"),
		     C("PORT $c,264,7\r\n", .also = { FTPNAT_LINE_MALFORMED }),
		     S("501 ?\r\n") } },
	{ "227 that can't be parsed", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PASV\r\n"),
		     S("227 Entering Passive Mode.\r\n",
		       .also = { FTPNAT_LINE_MALFORMED }),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "LPRT is counted and left", IN(KEEP4),
	  .steps = { C("LPRT 4,4,198,51,100,7,2,7,208\r\n", .also = { FTPNAT_LINE_LPRT }),
		     S("500 ?\r\n") } },
	{ "a server that refuses PORT closes the expectation",
	  IN(KEEP4) | IN(MASQ4) | IN(FULL4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("500 Illegal PORT command.\r\n",
		       .also = { FTPNAT_EXPECTED_CLOSED }),
		     C("NOOP\r\n") } },
	{ "a server's refusal of another command doesn't", IN(KEEP4),
	  .expectation = ACTIVE_PUBLISH,
	  .steps = { C("PORT $c,7,208\r\n", OPENS), S("200 ok\r\n"), C("RETR x\r\n"),
		     S("550 none\r\n") } },
	{ "after AUTH and 234 nothing is parsed", IN(KEEP4) | IN(GROW4),
	  .steps = { C("AUTH TLS\r\n"), S("234 go\r\n", .also = { FTPNAT_OPAQUE }),
		     C("PORT $c,7,208\r\n"), S("227 ($s,10,10)\r\n"), C("P"),
		     C("ORT") } },
	{ "after AUTH that the server refuses it is", IN(GROW4),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("AUTH TLS\r\n"), S("502 no\r\n"),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS) } },
	{ "numbers still map in a session that went to TLS", IN(GROW4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("500 no\r\n", .also = { FTPNAT_EXPECTED_CLOSED }),
		     C("AUTH TLS\r\n"), S("234 go\r\n", .also = { FTPNAT_OPAQUE }),
		     C("\x16\x03\x01"), S("\x16\x03\x03"),
		     C(NULL, .flags = FIN | ACK) } },

	/* ---- TLS denied ---- */
	{ "AUTH is refused", IN(KEEP4) | IN(GROW4) | IN(FULL6) | IN(SERVER4), no_tls,
	  .steps = { C("AUTH TLS\r\n", "AUTH DENIED\r\n", TLS_DENIED),
		     S("504 Unknown AUTH type.\r\n", "534 TLS is refused here.\r\n"),
		     C("auth ssl\n", "AUTH DENIED\r\n", TLS_DENIED),
		     S("500 What?\r\n", "534 TLS is refused here.\r\n"), C("USER x\r\n"),
		     S("331 ok\r\n") } },
	{ "AUTH is refused also where the server would take anything",
	  IN(KEEP4) | IN(MASQ6), no_tls,
	  .steps = { C("AUTH TLS\r\n", "AUTH DENIED\r\n", TLS_DENIED),
		     S("234 fine\r\n", "534 TLS is refused here.\r\n"), C("PASV\r\n"),
		     S("500 no\r\n") } },
	{ "AUTH in pieces is refused", IN(KEEP4) | IN(GROW4), no_tls,
	  .steps = { C("A", .reason = FTPNAT_ANSWERED),
		     C("UTH ", .reason = FTPNAT_ANSWERED),
		     C("TLS\r", .reason = FTPNAT_ANSWERED),
		     C("\nNOOP\r\n", "AUTH DENIED\r\nNOOP\r\n", TLS_DENIED),
		     S("504 no\r\n200 ok\r\n",
		       "534 TLS is refused here.\r\n200 ok\r\n") } },
	{ "what only begins like AUTH goes on", IN(KEEP4) | IN(GROW4), no_tls,
	  .steps = { C("A", .reason = FTPNAT_ANSWERED), C("LLO 1\r\n", "ALLO 1\r\n"),
		     C("AUTHOR\r\n"), C("ABOR\r\n") } },
	{ "an AUTH that may pass isn't held", IN(KEEP4) | IN(GROW4),
	  .steps = { C("A"), C("UTH TLS"), C("\r\n"), S("504 no\r\n") } },
};

static void test_line_statistics(void **state)
{
	static const struct step steps[] = {
		C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		S("500 no\r\n", .also = { FTPNAT_EXPECTED_CLOSED }),
		C("EPRT |1|$C|2000|\r\n", "EPRT |1|$P|2000|\r\n", OPENS),
		S("500 no\r\n", .also = { FTPNAT_EXPECTED_CLOSED }),
		C("EPSV\r\n"),
		S("229 (|||2570|)\r\n", OPENS),
		C("PASV\r\n"),
		S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n",
		  .also = { FTPNAT_EXPECTED, FTPNAT_EXPECTED_REPLACED }),
		C("PORT 1,2\r\n", .also = { FTPNAT_LINE_MALFORMED }),
		{ 0 },
	};
	struct ftpnat_rule_stats stats;
	struct talk talk;

	(void)state;
	talk_begin(&talk, FULL4);
	dataplane_stats(0, &stats);
	assert_int_equal(stats.sessions, 1);
	assert_int_equal(stats.packets[FTPNAT_FROM_CLIENT], 2);
	assert_int_equal(stats.packets[FTPNAT_FROM_SERVER], 2);
	assert_true(talk_steps(&talk, "statistics", steps));
	dataplane_stats(0, &stats);
	for (size_t i = 0; i < FTPNAT_LINE_MAX; i++)
		assert_int_equal(stats.lines[i], 1);
}

/* More commands in flight than the session remembers: replies must still match. */
static void test_many_commands_in_flight(void **state)
{
	char text[1024] = "", replies[2048] = "";
	struct step commands = C(text), answers = S(replies);
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	for (size_t i = 0; i < 40; i++) {
		strcat(text, "NOOP\r\n");
		strcat(replies, "200 ok\r\n");
	}
	strcat(text, "PASV\r\n");
	assert_true(talk_step(&talk, "40 commands and PASV", &commands));
	assert_true(talk_step(&talk, "40 replies", &answers));
	assert_true(talk_step(&talk, "the reply to PASV",
			      &(struct step)S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n",
					      OPENS)));
}

/* RFC 959 section 4.2: the last line begins with the code that the first one had. */
static void test_refusal_in_several_lines(void **state)
{
	static const char reply[] = "501-Illegal PORT command.\r\n501 Really.\r\n";
	struct packet packet;
	struct packet_spec spec;
	struct talk talk;
	struct run run;
	char *last;

	(void)state;
	scene_configure(scene_get(KEEP4), NULL);
	talk_init(&talk, scene_get(KEEP4));
	talk.timestamps = false;
	talk_open(&talk);
	assert_true(talk_step(&talk, "PORT",
			      &(struct step)C("PORT 10,66,66,66,7,208\r\n",
					      "PORT 0,0,0,0,0,0\r\n",
					      .also = { FTPNAT_LINE_FOREIGN })));
	spec = talk_sent(&talk, SERVER);
	spec.seq = talk.isn[SERVER] + talk.sent[SERVER];
	spec.ack = talk.isn[CLIENT] + talk.heard[CLIENT];
	spec.flags = PSH | ACK;
	spec.payload = reply;
	packet_build(&packet, &spec);
	dataplane_run(&run, INGRESS, INNER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	assert_true(packet_sane("the reply", &run.packet));
	last = (char *)run.packet.byte + packet_payload(&run.packet);
	/* either one reply of one code, or one line */
	if (!strncmp(last, "501-", 4)) {
		last = strchr(last, '\n');
		assert_non_null(last);
		assert_memory_equal(last + 1, "501 ", 4);
	}
}

/* data_address_for: the first class with the client in it, within the rule's part of the table */
static void test_classes(void **state)
{
	static const struct {
		const char *says;
		__u16 first, number;
		const char *named;
	} rows[] = {
		{ "no class of this client", 0, 2, "203,0,113,200" },
		{ "its class", 0, 3, "203,0,113,3" },
		{ "the first that fits", 0, 5, "203,0,113,3" },
		{ "another rule's classes don't count", 3, 2, "203,0,113,4" },
		{ "no class at all", 2, 0, "203,0,113,200" },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ftpnat_rule rule = scene_rule(scene_get(KEEP4));
		char reply[64];
		struct talk talk;
		/* of a server that names its own address, and of one that knows the other */
		struct step steps[] = { C("PASV\r\n"),
					S("227 ($s,10,10)\r\n", reply, OPENS),
					C("PASV\r\n"),
					S(reply, .also = { FTPNAT_EXPECTED,
							   FTPNAT_EXPECTED_REPLACED }),
					{ 0 } };

		data_address(&rule);
		rule.first_class = rows[i].first;
		rule.classes = rows[i].number;
		scene_configure(scene_get(KEEP4), &rule);
		dataplane_class(0, "10.0.0.0/8", "203.0.113.1");
		dataplane_class(1, "198.51.100.8/32", "203.0.113.2");
		dataplane_class(2, "198.51.100.0/24", "203.0.113.3");
		dataplane_class(3, "198.51.100.7/32", "203.0.113.4");
		dataplane_class(4, "0.0.0.0/0", "203.0.113.5");
		snprintf(reply, sizeof(reply), "227 (%s,10,10)\r\n", rows[i].named);
		talk_init(&talk, scene_get(KEEP4));
		talk_open(&talk);
		good &= talk_steps(&talk, rows[i].says, steps);
	}
	assert_true(good);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_line_statistics),
		cmocka_unit_test(test_many_commands_in_flight),
		cmocka_unit_test(test_refusal_in_several_lines),
		cmocka_unit_test(test_classes),
	};
	static struct CMUnitTest tests[ARRAY_SIZE(told) + ARRAY_SIZE(others)];
	size_t n = rows_as_tests(tests, told, ARRAY_SIZE(told), sizeof(*told), test_row);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_lines", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
