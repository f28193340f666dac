// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The lines of a control connection on their way through the programs: what is
 * rewritten, held back, refused, left alone, what door each opens, and that
 * both ends stay in step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/talk.h"
#include "util.h"

#define STEPS 16

/* Held and answered; what it acknowledges goes on without it. */
#define HELD_WITH_ACK .reason = FTPNAT_ANSWERED, .also = { FTPNAT_ACK_PASSED }

struct row {
	const char *says;
	unsigned int scenes;
	void (*rule)(struct ftpnat_rule *rule);
	const char *door; /* at the end; NULL: none */
	struct step steps[STEPS];
};

#define ACTIVE_PUBLISH	  "$S > $P 2000 = $D 20 > $C 2000 active"
#define ACTIVE_MASQUERADE "$S > $P 2000 = $D 0 > $C 2000 active"
#define PASSIVE		  "$C > $D 2570 = $P 0 > $S 2570 passive"

static void one_port(struct ftpnat_rule *rule)
{
	rule->data_port_min = 50000;
	rule->data_port_max = 50000;
}

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

#define OPENS	   .also = { FTPNAT_EXPECTED }
#define TLS_DENIED .also = { FTPNAT_LINE_TLS }

static const struct row told[] = {
	/* ---- the four lines, in all kinds of rule ---- */
	{ "PORT", IN_PUBLISH &IN_V4, .door = ACTIVE_PUBLISH,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS), S("200 ok\r\n"),
		     C("LIST\r\n") } },
	{ "PORT under masquerade", IN_MASQUERADE &IN_V4, .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS), S("200 ok\r\n"),
		     C("LIST\r\n") } },
	{ "EPRT over IPv4", IN_PUBLISH &IN_V4, .door = ACTIVE_PUBLISH,
	  .steps = { C("EPRT |1|$C|2000|\r\n", "EPRT |1|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "EPRT over IPv4 under masquerade", IN_MASQUERADE &IN_V4,
	  .door = ACTIVE_MASQUERADE,
	  .steps = { C("EPRT |1|$C|2000|\r\n", "EPRT |1|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "EPRT over IPv6", IN_PUBLISH &IN_V6, .door = ACTIVE_PUBLISH,
	  .steps = { C("EPRT |2|$C|2000|\r\n", "EPRT |2|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "EPRT over IPv6 under masquerade", IN_MASQUERADE &IN_V6,
	  .door = ACTIVE_MASQUERADE,
	  .steps = { C("EPRT |2|$C|2000|\r\n", "EPRT |2|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "227", IN_V4, .door = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227 Entering Passive Mode ($s,10,10).\r\n",
		       "227 Entering Passive Mode ($d,10,10).\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n226 done\r\n") } },
	{ "229", IN_ALL, .door = PASSIVE,
	  .steps = { C("EPSV\r\n"),
		     S("229 Entering Extended Passive Mode (|||2570|)\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n226 done\r\n") } },
	{ "227 with a port that the range hasn't", IN_PUBLISH &IN_V4, one_port,
	  .door = "$C > $D 50000 = $P 0 > $S 2570 passive",
	  .steps = { C("PASV\r\n"), S("227 =$s,10,10\r\n", "227 =$d,195,80\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n") } },
	{ "229 with a port that the range hasn't", IN_PUBLISH, one_port,
	  .door = "$C > $D 50000 = $P 0 > $S 2570 passive",
	  .steps = { C("EPSV 1\r\n"),
		     S("229 ok (|||2570|)\r\n", "229 ok (|||50000|)\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n") } },
	{ "PORT with a port that the range hasn't", (IN_MASQUERADE)&IN_V4, one_port,
	  .door = "$S > $P 50000 = $D 0 > $C 2000 active",
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,195,80\r\n", OPENS), S("200 ok\r\n"),
		     C("LIST\r\n") } },
	{ "227 names the rule's data_address, the door is where the client dialled",
	  IN(KEEP4), data_address, .door = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227 ($s,10,10)\r\n", "227 (203,0,113,200,10,10)\r\n", OPENS) } },
	{ "227 of a server that knows its published address", IN(KEEP4) | IN(FULL4),
	  .door = PASSIVE, .steps = { C("PASV\r\n"), S("227 ($d,10,10)\r\n", OPENS) } },
	{ "227 of a server that knows the rule's data_address", IN(KEEP4) | IN(FULL4),
	  data_address, .door = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227 (203,0,113,200,10,10)\r\n", OPENS) } },
	{ "LF alone ends a line, blanks before it stay", IN(GROW4) | IN(FULL4),
	  .door = NULL,
	  .steps = { C("port  $c,7,208  \n", "port  $p,7,208  \n", OPENS),
		     S("550 no\n", .also = { FTPNAT_EXPECTED_CLOSED }), C("NOOP\n") } },
	{ "EPRT keeps its delimiter", IN(GROW4), .door = ACTIVE_MASQUERADE,
	  .steps = { C("EPRT !1!$C!2000!\r\n", "EPRT !1!$P!2000!\r\n", OPENS) } },
	{ "a line that needs no change keeps its spelling", IN(KEEP4),
	  .door = ACTIVE_PUBLISH,
	  .steps = { C("pOrT   198,51,100,007,7,208 \r\n", OPENS) } },
	{ "Telnet commands before ABOR are no business of ours", IN(FULL4) | IN(MASQ6),
	  .steps = { C("\xff\xf4\xff\xf2"
		       "ABOR\r\n"),
		     S("226 ok\r\n") } },

	/* ---- edits: several, again, acknowledged in part ---- */
	{ "two PORTs in one segment: both rewritten, the later counts",
	  IN(GROW4) | IN(SHRINK4) | IN(MASQ4),
	  .door = "$S > $P 2001 = $D 0 > $C 2001 active",
	  .steps = { C("PORT $c,7,208\r\nPORT $c,7,209\r\nNOOP\r\n",
		       "PORT $p,7,208\r\nPORT $p,7,209\r\nNOOP\r\n",
		       .also = { FTPNAT_EXPECTED, FTPNAT_EXPECTED,
				 FTPNAT_EXPECTED_REPLACED }),
		     S("200 a\r\n200 b\r\n200 c\r\n"), C("LIST\r\n") } },
	{ "PORT behind another line, and one behind it", IN(GROW4) | IN(SHRINK4),
	  .door = ACTIVE_MASQUERADE,
	  .steps = { C("TYPE I\r\nPORT $c,7,208\r\nLIST\r\n",
		       "TYPE I\r\nPORT $p,7,208\r\nLIST\r\n", OPENS),
		     S("200 a\r\n200 b\r\n150 c\r\n"), C("QUIT\r\n") } },
	{ "PORT before PORT is acknowledged: the growth of both adds up",
	  IN(GROW4) | IN(SHRINK4) | IN(MASQ4), .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,209\r\n", "PORT $p,7,209\r\n", OPENS, .ack = 1,
		       .to_ack = 1),
		     C("PORT $c,7,210\r\n", "PORT $p,7,210\r\n",
		       .also = { FTPNAT_EXPECTED, FTPNAT_EXPECTED_REPLACED }, .ack = 1,
		       .to_ack = 1),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n",
		       .also = { FTPNAT_EXPECTED, FTPNAT_EXPECTED_REPLACED }, .ack = 1,
		       .to_ack = 1),
		     S("200 a\r\n"), C("NOOP\r\n") } },
	{ "the same segment again gives the same bytes", IN(GROW4),
	  .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", .seq = 1, .to_seq = 1),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", .seq = 1, .to_seq = 1),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "again and with more behind it", IN(GROW4), .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT 10,1,1,7,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("PORT 10,1,1,7,7,208\r\nNOOP\r\n", "PORT $p,7,208\r\nNOOP\r\n",
		       .seq = 1, .to_seq = 1),
		     S("200 a\r\n200 b\r\n", .ack = 31, .to_ack = 28) } },
	{ "again, cut in other places: an edit comes whole, with its last byte",
	  IN(GROW4), .door = ACTIVE_MASQUERADE,
	  .steps = { C("NOOP\r\nPORT 10,1,1,7,7,208\r\nNOOP\r\n",
		       "NOOP\r\nPORT $p,7,208\r\nNOOP\r\n", OPENS),
		     C("NOOP\r\nPORT 10,", "NOOP\r\nPORT ", .seq = 1, .to_seq = 1),
		     C("1,1,7,7,208\r\nNO", "$p,7,208\r\nNO", .seq = 15, .to_seq = 12),
		     C("OP\r\n", .seq = 30, .to_seq = 33),
		     C("0,1,1,7,7,208\r", "$p,7,208\r", .seq = 13, .to_seq = 12),
		     C("\r\nNOOP\r\n", .seq = 26, .to_seq = 29) } },
	{ "a piece from within an edit that lacks its end waits for it", IN(GROW4),
	  .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT 10,1,1,7,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("10,1,1", .reason = FTPNAT_HELD, .seq = 6),
		     C("1,1", .reason = FTPNAT_HELD, .seq = 9) } },
	{ "an ACK within an edit acknowledges nothing of it", IN(GROW4),
	  .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT 10,1,1,7,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S(NULL, .flags = ACK, .ack = 3, .to_ack = 3),
		     S(NULL, .flags = ACK, .ack = 6, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 7, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 22, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 23, .to_ack = 20),
		     S(NULL, .flags = ACK, .ack = 24, .to_ack = 21),
		     S(NULL, .flags = ACK), C("LIST\r\n") } },
	{ "the same for an edit that shrinks", IN(SHRINK4), .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT 192,168,155,177,7,208\r\n", "PORT 203,0,113,7,7,208\r\n",
		       OPENS),
		     S(NULL, .flags = ACK, .ack = 6, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 22, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 23, .to_ack = 27),
		     S(NULL, .flags = ACK), C("LIST\r\n") } },
	{ "reset within the stream goes where the receiver counts",
	  IN(GROW4) | IN(SHRINK4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C(NULL, .flags = RST | ACK, .also = { FTPNAT_EXPECTED_CLOSED }) } },
	{ "FIN of both behind edits", IN(GROW4) | IN(SHRINK4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C(NULL, .flags = FIN | ACK),
		     S(NULL, .flags = FIN | ACK, .also = { FTPNAT_EXPECTED_CLOSED }),
		     C(NULL, .flags = ACK) } },
	{ "FIN on the segment that is rewritten", IN(GROW4) | IN(SHRINK4),
	  .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS,
		       .flags = FIN | PSH | ACK),
		     S("200 ok\r\n"), C(NULL, .flags = ACK) } },

	/* ---- lines cut in pieces ---- */
	{ "PORT in two segments: the first answered, the second carries it out",
	  IN(KEEP4) | IN(FULL4) | IN(MASQ4) | IN(GROW4) | IN(CLIENT4) | IN(SERVER4),
	  .door = NULL,
	  .steps = { C("PORT ", .reason = FTPNAT_ANSWERED),
		     C("$c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("500 no\r\n", .also = { FTPNAT_EXPECTED_CLOSED }),
		     C("LIST\r\n") } },
	{ "EPRT in three", IN(FULL6) | IN(MASQ6) | IN(CLIENT6) | IN(SERVER6),
	  .steps = { C("E", .reason = FTPNAT_ANSWERED),
		     C("PRT |2|", .reason = FTPNAT_ANSWERED),
		     C("$C|2000|\r\n", "EPRT |2|$P|2000|\r\n", OPENS),
		     S("500 no\r\n", .also = { FTPNAT_EXPECTED_CLOSED }),
		     C("LIST\r\n") } },
	{ "227 in two", IN_V4, .door = PASSIVE,
	  .steps = { C("PASV\r\n"), S("22", HELD_WITH_ACK),
		     S("7 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS), C("LIST\r\n"),
		     S("150 ok\r\n") } },
	{ "229 in two", IN_V6, .door = PASSIVE,
	  .steps = { C("EPSV\r\n"), S("229 Extended (||", HELD_WITH_ACK),
		     S("|2570|)\r\n", "229 Extended (|||2570|)\r\n", OPENS),
		     C("LIST\r\n"), S("150 ok\r\n") } },
	{ "CR and LF in segments of their own", IN(GROW4), .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,208", .reason = FTPNAT_ANSWERED),
		     C("\r", .reason = FTPNAT_ANSWERED),
		     C("\n", "PORT $p,7,208\r\n", OPENS), S("200 ok\r\n") } },
	{ "a line begins behind another: what is before goes, its ACK covers both",
	  IN(GROW4) | IN(FULL4),
	  .steps = { C("NOOP\r\nPORT $c", "NOOP\r\n", .also = { FTPNAT_REPEATED }),
		     S("200 ok\r\n"), C(",7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("500 no\r\n", .also = { FTPNAT_EXPECTED_CLOSED }),
		     C("LIST\r\n") } },
	{ "a line begins behind others while a rewritten one is not acknowledged",
	  IN(GROW4) | IN(FULL4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("NOOP\r\nPO", "NOOP\r\n", .also = { FTPNAT_REPEATED }),
		     S("500 no\r\n", .also = { FTPNAT_EXPECTED_CLOSED }),
		     C("X\r\n", "POX\r\n") } },
	{ "FIN behind a piece while a rewritten line is not acknowledged", IN(GROW4),
	  .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("NOOP\r\nPO", "NOOP\r\n", .also = { FTPNAT_REPEATED }),
		     C(NULL, "PO", .flags = FIN | ACK) } },
	{ "a piece behind what is not acknowledged waits for that ACK",
	  IN(GROW4) | IN(FULL4),
	  .steps = { C("NOOP\r\n"), C("PORT $c", .reason = FTPNAT_HELD), S("200 ok\r\n"),
		     C(",7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("500 no\r\n", .also = { FTPNAT_EXPECTED_CLOSED }) } },
	{ "a piece again is answered again", IN(GROW4),
	  .steps = { C("POR", .reason = FTPNAT_ANSWERED),
		     C("POR", .reason = FTPNAT_ANSWERED, .seq = 1), C(NULL, .flags = ACK),
		     S("220 hello\r\n"), C("X\r\n", "PORX\r\n") } },
	{ "a piece again with the rest of its line", IN(GROW4), .door = ACTIVE_MASQUERADE,
	  .steps = { C("POR", .reason = FTPNAT_ANSWERED),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", .seq = 1, .to_seq = 1,
		       OPENS) } },
	{ "the completing segment again carries out all of the line again", IN(GROW4),
	  .door = ACTIVE_MASQUERADE,
	  .steps = { C("PORT ", .reason = FTPNAT_ANSWERED),
		     C("10,1,1,7,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("10,1,1,7,7,208\r\n", "PORT $p,7,208\r\n", .seq = 6, .to_seq = 1),
		     S(NULL, .flags = ACK, .ack = 1, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 9, .to_ack = 6), S("200 ok\r\n"),
		     C("LIST\r\n") } },
	{ "a line that turns out harmless is let go unchanged", IN_ALL,
	  .steps = { C("P", .reason = FTPNAT_ANSWERED), C("WD\r\n", "PWD\r\n"),
		     S("257 /\r\n"), C("NOOP\r\n") } },
	{ "at the byte that shows it", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("PO", .reason = FTPNAT_ANSWERED),
		     C("R", .reason = FTPNAT_ANSWERED), C("K", "PORK"), C("\r\n"),
		     S("500 ?\r\n"), C("NOOP\r\n") } },
	{ "a malformed line is let go when it is seen to be", IN(GROW4),
	  .steps = { C("PORT 1,2", .reason = FTPNAT_ANSWERED), C("56,", "PORT 1,256,"),
		     C("4,5,6\r\n", .also = { FTPNAT_LINE_MALFORMED }), S("501 ?\r\n"),
		     C("NOOP\r\n") } },
	{ "227 that isn't one", IN(KEEP4),
	  .steps = { C("PASV\r\n"), S("22", HELD_WITH_ACK), S("6 no\r\n", "226 no\r\n"),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "FIN behind a piece brings it out", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("POR", .reason = FTPNAT_ANSWERED),
		     C(NULL, "POR", .flags = FIN | ACK), S(NULL, .flags = ACK),
		     S("221 bye\r\n") } },
	{ "FIN that comes with a piece", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("POR", .flags = FIN | PSH | ACK), S(NULL, .flags = ACK) } },
	{ "FIN that comes with one more piece", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("PO", .reason = FTPNAT_ANSWERED),
		     C("R", "POR", .flags = FIN | PSH | ACK), S(NULL, .flags = ACK) } },
	{ "RST behind a piece goes where the receiver is", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("PO", .reason = FTPNAT_ANSWERED), C(NULL, .flags = RST | ACK) } },
	{ "no piece of a reply is held that nobody asked for", IN(KEEP4) | IN(MASQ6),
	  .steps = { S("2"), S("20 hel"), S("lo\r\n"), C("USER x\r\n") } },

	/* ---- what opens no door ---- */
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
	  .door = "$S > $P 2000 = $D 0 > 10.66.66.66 2000 active",
	  .steps = { C("PORT 10,66,66,66,7,208\r\n", "PORT $p,7,208\r\n", OPENS) } },
	{ "227 that names another host", IN_V4,
	  .steps = { C("PASV\r\n"),
		     S("227 Entering Passive Mode (10,66,66,66,10,10).\r\n",
		       "500 Data connections to another host are refused.\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "PORT to a privileged port", IN_V4,
	  .steps = { C("PORT $c,3,255\r\n", "PORT 0,0,0,0,0,0\r\n",
		       .also = { FTPNAT_LINE_PRIVILEGED }),
		     S("501 Bad.\r\n", "500 This kind of data connection is refused.\r\n"),
		     C("NOOP\r\n") } },
	{ "port 1024 is not privileged", IN(KEEP4),
	  .door = "$S > $P 1024 = $D 20 > $C 1024 active",
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
	{ "227 a second time", IN(KEEP4), .door = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS),
		     S("227 ($s,10,11)\r\n", .also = { FTPNAT_LINE_UNASKED }) } },
	{ "an address inside a multi-line reply", IN(KEEP4),
	  .steps = { C("PASV\r\n"), S("226-hello\r\n227 ($s,10,10)\r\n226 done\r\n"),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "the last line of a multi-line 227", IN(KEEP4), .door = PASSIVE,
	  .steps = { C("PASV\r\n"),
		     S("227-first ($s,10,11)\r\n227 ($s,10,10)\r\n",
		       "227-first ($s,10,11)\r\n227 ($d,10,10)\r\n", OPENS) } },
	{ "replies are matched with their commands", IN(KEEP4), .door = PASSIVE,
	  .steps = { C("USER x\r\nPASV\r\nNOOP\r\n"),
		     S("331 pass\r\n227 ($s,10,10)\r\n200 ok\r\n",
		       "331 pass\r\n227 ($d,10,10)\r\n200 ok\r\n", OPENS) } },
	{ "PORT that can't be parsed", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PORT 1,2,3\r\n", .also = { FTPNAT_LINE_MALFORMED }),
		     S("501 ?\r\n"),
		     C("PORT $c,7,264\r\n", .also = { FTPNAT_LINE_MALFORMED }),
		     S("501 ?\r\n") } },
	{ "227 that can't be parsed", IN(KEEP4) | IN(MASQ4),
	  .steps = { C("PASV\r\n"),
		     S("227 Entering Passive Mode.\r\n",
		       .also = { FTPNAT_LINE_MALFORMED }),
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "LPRT is counted and left", IN(KEEP4),
	  .steps = { C("LPRT 4,4,198,51,100,7,2,7,208\r\n", .also = { FTPNAT_LINE_LPRT }),
		     S("500 ?\r\n") } },
	{ "a server that refuses PORT closes the door", IN(KEEP4) | IN(MASQ4) | IN(FULL4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("500 Illegal PORT command.\r\n",
		       .also = { FTPNAT_EXPECTED_CLOSED }),
		     C("NOOP\r\n") } },
	{ "a server's refusal of another command doesn't", IN(KEEP4),
	  .door = ACTIVE_PUBLISH,
	  .steps = { C("PORT $c,7,208\r\n", OPENS), S("200 ok\r\n"), C("RETR x\r\n"),
		     S("550 none\r\n") } },
	{ "after AUTH and 234 nothing is parsed", IN(KEEP4) | IN(GROW4),
	  .steps = { C("AUTH TLS\r\n"), S("234 go\r\n", .also = { FTPNAT_OPAQUE }),
		     C("PORT $c,7,208\r\n"), S("227 ($s,10,10)\r\n"), C("P"),
		     C("ORT") } },
	{ "after AUTH that the server refuses it is", IN(GROW4),
	  .door = ACTIVE_MASQUERADE,
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

	/* ---- loss ---- */
	{ "a segment ahead of a lost one is left to retransmission",
	  IN(KEEP4) | IN(MASQ6),
	  .steps = { C("LIST\r\n", .reason = FTPNAT_AHEAD, .seq = 7), C("NOOP\r\n"),
		     C("LIST\r\n"),
		     S("220 x\r\n", .reason = FTPNAT_AHEAD, .seq = 2,
		       .also = { FTPNAT_ACK_PASSED }) } },
	{ "a keepalive probe is no segment ahead", IN(KEEP4) | IN(GROW4),
	  .steps = { C("NOOP\r\n"), S(NULL, .flags = ACK),
		     C(NULL, .flags = ACK, .seq = 6, .to_seq = 6),
		     C("\n", .flags = ACK, .seq = 6, .to_seq = 6), C("NOOP\r\n") } },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	bool good = true;

	for (enum scene_id id = 0; id < SCENES; id++) {
		const struct scene *scene = scene_get(id);
		struct ftpnat_rule rule;
		const char *door;
		struct talk talk;

		if (!(row->scenes & IN(id)))
			continue;
		rule = scene_rule(scene);
		if (row->rule)
			row->rule(&rule);
		scene_configure(scene, &rule);
		talk_init(&talk, scene);
		talk_open(&talk);
		if (!talk_steps(&talk, row->says, row->steps)) {
			good = false;
			continue;
		}
		door = row->door ? talk_text(&talk, row->door) : "none";
		if (strcmp(door, talk_door())) {
			printf("%s [%s]: the door is\n    %s, expected\n    %s\n",
			       row->says, scene->name, talk_door(), door);
			good = false;
		}
	}
	assert_true(good);
}

static void begin(struct talk *talk, enum scene_id id)
{
	scene_configure(scene_get(id), NULL);
	talk_init(talk, scene_get(id));
	talk_open(talk);
}

/* ---- what doesn't fit a row ---- */

static void test_one_byte_per_segment(void **state)
{
	static const enum scene_id ids[] = { KEEP4,   FULL4,   GROW4,
					     SHRINK4, CLIENT4, SERVER4 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct talk talk;
		const char *line;

		begin(&talk, ids[i]);
		line = talk_text(&talk, "PORT $c,7,208\r\n");
		for (; line[1]; line++) {
			const char byte[2] = { *line };

			good &= talk_step(&talk, "byte by byte",
					  &(struct step)C(byte,
							  .reason = FTPNAT_ANSWERED));
		}
		good &= talk_step(&talk, "the last byte",
				  &(struct step)C(line, "PORT $p,7,208\r\n", OPENS));
		good &= talk_step(&talk, "its reply", &(struct step)S("200 ok\r\n"));
		good &= talk_step(&talk, "later", &(struct step)C("LIST\r\n"));
	}
	assert_true(good);
}

/* Until then a flow goes where it has learned in this second. */
static void wait_for_next_second(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &start);
	do {
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	} while (now.tv_sec == start.tv_sec);
}

/* Nothing is sent, nor counted as sent, where the neighbour layer would have to be asked. */
static void test_held_without_next_hop(void **state)
{
	static const char neighbour[] =
		"198.51.100.7 lladdr 02:00:00:00:01:07 dev outer0";
	static const struct step steps[] = {
		C("PASV\r\n"),
		S("22", .reason = FTPNAT_ANSWERED),
		S("7 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS),
		{ 0 },
	};
	struct talk talk;
	bool good;

	(void)state;
	begin(&talk, KEEP4);
	dataplane_sh("/sbin/ip neigh del %s", neighbour);
	wait_for_next_second();
	good = talk_steps(&talk, "no next hop", steps);
	dataplane_sh("/sbin/ip neigh add %s", neighbour);
	assert_true(good);
}

/* "PWD" is told from PORT at its second byte; what follows goes byte by byte. */
static void test_harmless_byte_by_byte(void **state)
{
	static const struct step steps[] = {
		C("P", .reason = FTPNAT_ANSWERED),
		C("W", "PW"),
		C("D"),
		C("\r"),
		C("\n"),
		S("257 /\r\n"),
		C("E", HELD_WITH_ACK),
		C("P", .reason = FTPNAT_ANSWERED),
		C("S", "EPS"),
		C("V\r\n"),
		{ 0 },
	};
	struct talk talk;

	(void)state;
	begin(&talk, MASQ6);
	assert_true(talk_steps(&talk, "byte by byte", steps));
}

/* Blocks speak of the other direction's bytes; one within an edit covers nothing. */
static void test_sack(void **state)
{
	static const struct {
		const char *says;
		uint32_t in[2], out[2];
	} rows[] = {
		{ "behind the edit", { 24, 31 }, { 21, 28 } },
		{ "from the edit's start on", { 6, 31 }, { 6, 28 } },
		{ "from within the edit on: its bytes don't count",
		  { 9, 31 },
		  { 20, 28 } },
		{ "up to within the edit", { 2, 9 }, { 2, 6 } },
		{ "before the edit", { 1, 6 }, { 1, 6 } },
	};
	struct talk talk;
	bool good = true;

	(void)state;
	begin(&talk, GROW4);
	assert_true(talk_step(&talk, "PORT",
			      &(struct step)C("PORT 10,1,1,7,7,208\r\nNOOP..\r\n",
					      "PORT $p,7,208\r\nNOOP..\r\n", OPENS)));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t in[4], out[4], isn = talk.isn[CLIENT];
		struct step step = S(NULL, .flags = ACK, .ack = 1, .to_ack = 1);

		for (size_t n = 0; n < 4; n++) {
			in[n] = isn + rows[i].in[n & 1];
			out[n] = isn + rows[i].out[n & 1];
		}
		for (size_t blocks = 1; blocks <= 2; blocks++) {
			step.options.len = step.becomes_options.len = 0;
			option_timestamps(&step.options, 77, 88);
			option_timestamps(&step.becomes_options, 77, 88);
			option_sack(&step.options, in, blocks);
			option_sack(&step.becomes_options, out, blocks);
			good &= talk_step(&talk, rows[i].says, &step);
		}
	}
	assert_true(good);
}

/* Lowered by what a line can grow, on the SYN of either end, at both families. */
static void test_mss(void **state)
{
	static const struct {
		uint16_t in, out;
	} rows[] = { { 1460, 1140 }, { 1440, 1120 }, { 8960, 8640 }, { 65535, 65215 },
		     { 641, 321 },   { 640, 320 },   { 536, 268 },   { 2, 1 } };
	bool good = true;

	(void)state;
	for (enum scene_id id = 0; id < SCENES; id++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct step step =
				C(NULL, .flags = SYN, .also = { FTPNAT_CONTROL_OPENED });
			struct talk talk;

			scene_configure(scene_get(id), NULL);
			talk_init(&talk, scene_get(id));
			option_mss(&step.options, rows[i].in);
			option_timestamps(&step.options, 1, 0);
			option_mss(&step.becomes_options, rows[i].out);
			option_timestamps(&step.becomes_options, 1, 0);
			good &= talk_step(&talk, "SYN", &step);
			step.from = 's';
			step.flags = SYN | ACK;
			step.also[0] = 0;
			good &= talk_step(&talk, "SYN and ACK", &step);
		}
	}
	assert_true(good);
}

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
	begin(&talk, FULL4);
	dataplane_stats(0, &stats);
	assert_int_equal(stats.sessions, 1);
	assert_int_equal(stats.packets[FTPNAT_FROM_CLIENT], 2);
	assert_int_equal(stats.packets[FTPNAT_FROM_SERVER], 2);
	assert_true(talk_steps(&talk, "statistics", steps));
	dataplane_stats(0, &stats);
	for (size_t i = 0; i < FTPNAT_LINE_MAX; i++)
		assert_int_equal(stats.lines[i], 1);
}

/* ---- doors ---- */

static void second_client(struct talk *talk, const struct scene *scene)
{
	talk_init(talk, scene);
	talk->client_port = CLIENT_PORT + 1;
	talk->seen_port = CLIENT_PORT + 1;
}

static void test_range_full(void **state)
{
	static const struct step first[] = {
		C("PASV\r\n"),
		S("227 ($s,10,10)\r\n", "227 ($d,195,80)\r\n", OPENS),
		{ 0 },
	};
	static const struct step second[] = {
		C("PASV\r\n"),
		S("227 ($s,10,11)\r\n", "425 No free data port, try again later.\r\n",
		  .also = { FTPNAT_LINE_NO_PORT }),
		C("NOOP\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	struct talk one, two;
	struct ftpnat_usage usage;

	(void)state;
	one_port(&rule);
	scene_configure(scene, &rule);
	talk_init(&one, scene);
	talk_open(&one);
	assert_true(talk_steps(&one, "the only port", first));
	second_client(&two, scene);
	talk_open(&two);
	assert_true(talk_steps(&two, "no port left", second));
	assert_string_equal(talk_door(),
			    talk_text(&one, "$C > $D 50000 = $P 0 > $S 2570 passive"));
	dataplane_usage(&usage);
	assert_int_equal(usage.expected, 1);
}

static void test_expectations_full(void **state)
{
	static const struct step steps[] = {
		C("PORT $c,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
		  .also = { FTPNAT_LINE_FULL }),
		S("501 Bad.\r\n",
		  "425 Too many data connections announced, try again later.\r\n"),
		C("PASV\r\n"),
		S("227 ($s,10,10)\r\n",
		  "425 Too many data connections announced, try again later.\r\n",
		  .also = { FTPNAT_LINE_FULL }),
		C("NOOP\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	struct ftpnat_usage usage;
	struct talk talk;

	(void)state;
	begin(&talk, KEEP4);
	dataplane_config()->limit_expected = 0;
	dataplane_apply();
	assert_true(talk_steps(&talk, "full", steps));
	assert_string_equal(talk_door(), "none");
	dataplane_usage(&usage);
	assert_int_equal(usage.expected, 0);
}

static const enum ftpnat_reason arrives[] = { FTPNAT_EXPECTED_USED, FTPNAT_DATA_OPENED,
					      FTPNAT_REASON_MAX };

static const enum scene_id routed[] = { KEEP4, KEEP6, FULL4, FULL6, MASQ4, MASQ6 };

/* The door that the talk opened is for one SYN of the one peer. */
static void test_passive_door(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		static const struct step steps[] = {
			C("EPSV\r\n"),
			S("229 (|||2570|)\r\n", OPENS),
			{ 0 },
		};
		const struct scene *scene = scene_get(routed[i]);
		struct packet_spec in, out, stranger;
		struct talk talk;

		begin(&talk, routed[i]);
		assert_true(talk_steps(&talk, "EPSV", steps));
		in = talk_sent(&talk, CLIENT);
		in.flags = SYN;
		in.sport = 41000;
		in.dport = 2570;
		in.seq = 12345;
		out = talk_heard(&talk, CLIENT);
		out.flags = SYN;
		out.sport = 41000;
		out.dport = 2570;
		out.seq = 12345;

		stranger = in;
		stranger.src = strchr(in.src, ':') ? "fd00:5::8" : "192.168.5.8";
		good &= check_packet("a stranger's SYN", INGRESS, scene->client_side,
				     &stranger, &stranger, FTPNAT_PASS, NULL);
		stranger = in;
		stranger.dport = 2571;
		good &= check_packet("the port beside", INGRESS, scene->client_side,
				     &stranger, &stranger, FTPNAT_PASS, NULL);
		stranger = in;
		stranger.flags = ACK;
		good &= check_packet("no SYN", INGRESS, scene->client_side, &stranger,
				     &stranger, FTPNAT_PASS, NULL);
		assert_int_equal(dataplane_doors(), 1);

		good &= check_packet("the SYN", INGRESS, scene->client_side, &in, &out,
				     FTPNAT_FORWARDED, arrives);
		assert_int_equal(dataplane_doors(), 0);
		good &= check_packet("the SYN again", INGRESS, scene->client_side, &in,
				     &out, FTPNAT_FORWARDED, NULL);
		stranger = in;
		stranger.sport = 41001;
		good &= check_packet("a second SYN through the door", INGRESS,
				     scene->client_side, &stranger, &stranger,
				     FTPNAT_PASS, NULL);

		/* the answer finds back */
		in = talk_sent(&talk, SERVER);
		in.flags = SYN | ACK;
		in.sport = 2570;
		in.dport = 41000;
		out = talk_heard(&talk, SERVER);
		out.flags = SYN | ACK;
		out.sport = 2570;
		out.dport = 41000;
		good &= check_packet("its answer", INGRESS, scene->server_side, &in, &out,
				     FTPNAT_FORWARDED, NULL);
	}
	assert_true(good);
}

static void test_active_door(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		static const struct step v4[] = {
			C("EPRT |1|$C|2000|\r\n", "EPRT |1|$P|2000|\r\n", OPENS),
			{ 0 },
		};
		static const struct step v6[] = {
			C("EPRT |2|$C|2000|\r\n", "EPRT |2|$P|2000|\r\n", OPENS),
			{ 0 },
		};
		const struct scene *scene = scene_get(routed[i]);
		struct packet_spec in, out, stranger;
		struct talk talk;

		begin(&talk, routed[i]);
		assert_true(talk_steps(&talk, "EPRT", IN(routed[i]) & IN_V6 ? v6 : v4));
		in = talk_sent(&talk, SERVER);
		in.flags = SYN;
		in.sport = 2120;
		in.dport = 2000;
		out = talk_heard(&talk, SERVER);
		out.flags = SYN;
		out.sport = scene->kind == FTPNAT_PUBLISH ? 20 : 2120;
		out.dport = 2000;

		stranger = in;
		stranger.src = strchr(in.src, ':') ? "fd00:9::66" : "10.9.0.66";
		good &= check_packet("a stranger's SYN", INGRESS, scene->server_side,
				     &stranger, &stranger, FTPNAT_PASS, NULL);
		good &= check_packet("the SYN", INGRESS, scene->server_side, &in, &out,
				     FTPNAT_FORWARDED, arrives);
		stranger = in;
		stranger.sport = 2119;
		good &= check_packet("a second SYN through the door", INGRESS,
				     scene->server_side, &stranger, &stranger,
				     FTPNAT_PASS, NULL);

		in = talk_sent(&talk, CLIENT);
		in.flags = SYN | ACK;
		in.sport = 2000;
		in.dport = out.sport;
		out = talk_heard(&talk, CLIENT);
		out.flags = SYN | ACK;
		out.sport = 2000;
		out.dport = 2120;
		good &= check_packet("its answer", INGRESS, scene->client_side, &in, &out,
				     FTPNAT_FORWARDED, NULL);
	}
	assert_true(good);
}

/* ---- in step whatever happens ---- */

/*
 * A client that gave up its first SYN and dials again from the same port, or a
 * server that was started again: the newest SYN counts.
 */
static void test_syn_with_another_isn(void **state)
{
	static const struct step steps[] = {
		C(NULL, .flags = SYN),
		S(NULL, .flags = SYN | ACK),
		C(NULL, .flags = ACK),
		C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		S("200 ok\r\n"),
		C("LIST\r\n"),
		{ 0 },
	};
	static const uint32_t later[] = { 1000, 0x70000000, 0x90000000, (uint32_t)-1000 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		struct talk talk;

		scene_configure(scene_get(GROW4), NULL);
		talk_init(&talk, scene_get(GROW4));
		assert_true(
			talk_step(&talk, "SYN",
				  &(struct step)C(NULL, .flags = SYN,
						  .also = { FTPNAT_CONTROL_OPENED })));
		talk_init(&talk, scene_get(GROW4));
		talk.isn[CLIENT] += later[i];
		good &= talk_steps(&talk, "dialled again before any answer", steps);
	}
	assert_true(good);
}

/* More commands in flight than the session remembers: no reply may slip by for it. */
static void test_many_commands_in_flight(void **state)
{
	char text[1024] = "", replies[2048] = "";
	struct step commands = C(text), answers = S(replies);
	struct talk talk;

	(void)state;
	begin(&talk, KEEP4);
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
	begin(&talk, KEEP4);
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

/*
 * Our own ACK to a local sender comes in at the ingress hook. Where the sender's
 * address is the one that it is masqueraded to, its tuple is that of the flow.
 */
static void test_own_answer_is_left_alone(void **state)
{
	/* a refusal, so that the numbers of both ends differ */
	static const struct step steps[] = {
		C("PORT 10,66,66,66,7,208\r\n", "PORT 0,0,0,0,0,0\r\n",
		  .also = { FTPNAT_LINE_FOREIGN }),
		S("501 Bad.\r\n",
		  "500 Data connections to another host are refused.\r\n"),
		C("POR", HELD_WITH_ACK),
		{ 0 },
	};
	static const struct scene scene = {
		.name = "the gateway as its own client",
		.kind = FTPNAT_MASQUERADE,
		.client = "203.0.113.7",
		.dialled = "198.51.100.21",
		.seen = "203.0.113.7",
		.server = "198.51.100.21",
		.dialled_port = 21,
		.server_port = 21,
		.prefix = "203.0.113.7/32",
		.to = "203.0.113.7",
		.client_side = INNER,
		.server_side = OUTER,
		.client_local = true,
	};
	struct packet_spec spec;
	struct counters before;
	struct packet packet;
	struct run run, again;
	struct talk talk;

	(void)state;
	scene_configure(&scene, NULL);
	talk_init(&talk, &scene);
	talk_open(&talk);
	assert_true(talk_steps(&talk, "a piece", steps));
	spec = talk_sent(&talk, CLIENT);
	spec.seq = talk.isn[CLIENT] + talk.sent[CLIENT] - 3;
	spec.ack = talk.isn[SERVER] + talk.heard[SERVER];
	spec.flags = PSH | ACK;
	spec.payload = "POR";
	packet_build(&packet, &spec);
	dataplane_run(&run, EGRESS, OUTER, &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	dataplane_counters(&before);
	assert_int_equal(
		dataplane_try(&again, INGRESS, OUTER, &run.packet, 0, run.ctx.cb[4]), 0);
	assert_true(packet_same("our ACK: what it acknowledges is already mapped",
				&run.packet, &again.packet));
	assert_int_equal(again.action, TC_UNSPEC);
	assert_true(dataplane_counted("our ACK", &before, FTPNAT_SEEN, NULL));
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(told) + 32];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_one_byte_per_segment),
		cmocka_unit_test(test_held_without_next_hop),
		cmocka_unit_test(test_harmless_byte_by_byte),
		cmocka_unit_test(test_sack),
		cmocka_unit_test(test_mss),
		cmocka_unit_test(test_line_statistics),
		cmocka_unit_test(test_range_full),
		cmocka_unit_test(test_expectations_full),
		cmocka_unit_test(test_passive_door),
		cmocka_unit_test(test_active_door),
		cmocka_unit_test(test_syn_with_another_isn),
		cmocka_unit_test(test_many_commands_in_flight),
		cmocka_unit_test(test_refusal_in_several_lines),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_own_answer_is_left_alone),
	};
	size_t n = rows_as_tests(tests, told, ARRAY_SIZE(told), sizeof(*told), test_row);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_lines", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
