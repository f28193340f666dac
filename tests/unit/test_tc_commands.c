// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `commands`, `tls: require`, `tls: deny` and `banner: hide`: what reaches which end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/told.h"
#include "base/util.h"

#define BLANKS50  "                                                  "
#define BLANKS300 BLANKS50 BLANKS50 BLANKS50 BLANKS50 BLANKS50 BLANKS50

static void read_only(struct ftpnat_rule *rule)
{
	rule->commands = COMMANDS_READ_ONLY;
}

static void deny(struct ftpnat_rule *rule)
{
	rule->commands = COMMANDS_DENY;
}

static void allow(struct ftpnat_rule *rule)
{
	rule->commands = COMMANDS_ALLOW;
}

static void tls_first(struct ftpnat_rule *rule)
{
	rule->flags |= FTPNAT_RULE_TLS_FIRST;
}

static void tls_denied(struct ftpnat_rule *rule)
{
	rule->flags |= FTPNAT_RULE_NO_TLS;
}

static void hidden(struct ftpnat_rule *rule)
{
	rule->flags |= FTPNAT_RULE_HIDE_BANNER;
}

#define ALL	 (IN_ALL | IN(NAT64) | IN(NAT46) | IN(MASQ64))
#define SOME	 (IN(KEEP4) | IN(FULL6) | IN(GROW4) | IN(MASQ6))
#define ONE	 (IN(KEEP4) | IN(MASQ4))
#define DENIED	 "DENIED\r\n"
#define R550	 "550 This command is refused here.\r\n"
#define R502	 "502 This command is refused here.\r\n"
#define R530	 "530 TLS is required here, AUTH TLS comes first.\r\n"
#define R534	 "534 TLS is refused here.\r\n"
#define REFUSED	 .also = { FTPNAT_LINE_COMMAND }
#define REFUSED2 .also = { FTPNAT_LINE_COMMAND, FTPNAT_LINE_COMMAND }
#define FIRST	 .also = { FTPNAT_LINE_TLS_FIRST }
#define NO	 S("500 What?\r\n", R550)
#define NO_VERB	 S("500 What?\r\n", R502)
/* The server has nothing new, all before is acknowledged. */
#define DROPPED .reason = FTPNAT_ANSWERED
#define HELD	.reason = FTPNAT_ANSWERED

/* one that is refused, and then the session is in step */
#define STEP C("NOOP\r\n"), S("200 ok\r\n")

static const struct row rows[] = {
	/* ---- read_only ---- */
	{ "read_only refuses DELE",
	  ALL,
	  read_only,
	  NULL,
	  { C("DELE x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "and STOR",
	  SOME,
	  read_only,
	  NULL,
	  { C("STOR x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "and XMKD",
	  SOME,
	  read_only,
	  NULL,
	  { C("XMKD x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "and XRMD",
	  SOME,
	  read_only,
	  NULL,
	  { C("XRMD x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "and SITE CHMOD",
	  SOME,
	  read_only,
	  NULL,
	  { C("SITE CHMOD 777 x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "and SITE alone",
	  SOME,
	  read_only,
	  NULL,
	  { C("SITE\r\n", DENIED, REFUSED), NO, STEP } },
	{ "and commands that nobody knows",
	  SOME,
	  read_only,
	  NULL,
	  { C("XFOO\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "and one that is too long to be known",
	  SOME,
	  read_only,
	  NULL,
	  { C("XFOOXFOOXFOO a\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "and MDTM with a time",
	  SOME,
	  read_only,
	  NULL,
	  { C("MDTM 20200101000000 x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "MDTM of a file passes",
	  SOME,
	  read_only,
	  NULL,
	  { C("MDTM 2020 x\r\n"), S("213 1\r\n"), C("MDTM a.b-c\r\n"), S("213 1\r\n") } },
	{ "what only reads passes",
	  ALL,
	  read_only,
	  NULL,
	  { C("USER x\r\n"), S("331 go\r\n"), C("PASS y\r\n"), S("230 in\r\n"),
	    C("RETR STOR\r\n", DEFAULT_PORT), S("150 a\r\n226 b\r\n", DEFAULT_OVER),
	    C("XSHA256 x\r\n"), S("250 a\r\n"), C("SITE HELP\r\n"), S("214 x\r\n"),
	    C("site\t help\r\n"), S("214 x\r\n"), C("pwd\r\n"), S("257 x\r\n") } },
	{ "nothing acts inside an argument",
	  SOME,
	  read_only,
	  NULL,
	  { C("RETR DELE x\r\n", DEFAULT_PORT), S("550 no\r\n", DEFAULT_OVER),
	    C("LIST \r DELE x\r\n", DEFAULT_PORT), S("226 no\r\n", DEFAULT_OVER),
	    C("HELP SITE CHMOD\r\n"), S("214 x\r\n") } },
	{ "an empty line passes",
	  SOME,
	  read_only,
	  NULL,
	  { C("\r\n"), C("  \r\n"), STEP } },
	{ "announced data connections are translated as ever",
	  IN(GROW4),
	  read_only,
	  ACTIVE_MASQUERADE,
	  { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS), S("200 ok\r\n") } },

	/* ---- spelling ---- */
	{ "lower case", SOME, deny, NULL, { C("dele x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "mixed case, LF alone",
	  SOME,
	  deny,
	  NULL,
	  { C("dElE x\n", DENIED, REFUSED), NO, STEP } },
	{ "blanks in front",
	  ONE,
	  deny,
	  NULL,
	  { C(" \t\r DELE x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "hundreds of them",
	  ONE,
	  deny,
	  NULL,
	  { C(BLANKS300 "DELE x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "a tab, a vertical tab",
	  ONE,
	  deny,
	  NULL,
	  { C("DELE\tx\r\nDELE\vx\r\n", DENIED DENIED, REFUSED2), NO, NO, STEP } },
	{ "CR in the middle",
	  ONE,
	  deny,
	  NULL,
	  { C("DELE\rx\r\n", DENIED, REFUSED), NO, STEP } },
	{ "quotes, which proftpd takes off",
	  ONE,
	  deny,
	  NULL,
	  { C("\"DELE\" x\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "quotes in the middle",
	  ONE,
	  deny,
	  NULL,
	  { C("DE\"LE\" x\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "a letter that Python makes a capital of ASCII",
	  ONE,
	  deny,
	  NULL,
	  { C("NOOP\r\n\xc5\xbfITE CHMOD 777 x\r\n", "NOOP\r\n" DENIED, REFUSED),
	    S("200 ok\r\n"), NO_VERB, STEP } },
	{ "Synch in front",
	  ONE,
	  deny,
	  NULL,
	  { C("\xff\xf4\xff\xf2"
	      "DELE x\r\n",
	      DENIED, REFUSED),
	    NO, STEP } },
	{ "urgent Synch in front",
	  ONE,
	  deny,
	  NULL,
	  { C("\xff\xf4\xff\xf2", .flags = ACK | URG), C("DELE x\r\n", DENIED, REFUSED),
	    NO, STEP } },
	{ "urgent Synch in front, and cut",
	  ONE,
	  deny,
	  NULL,
	  { C("\xff\xf4\xff\xf2", .flags = ACK | URG), S(NULL, .flags = ACK),
	    C("DE", HELD), C("LE x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "ABOR after an urgent Synch passes",
	  SOME,
	  deny,
	  NULL,
	  { C("\xff\xf4\xff\xf2", .flags = ACK | URG), C("ABOR\r\n"), S("226 ok\r\n"),
	    STEP } },
	{ "Telnet command inside, which proftpd takes out",
	  ONE,
	  deny,
	  NULL,
	  { C("DE\xff\xf1LE x\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "Telnet option inside",
	  ONE,
	  deny,
	  NULL,
	  { C("DE\xff\xfb\x01LE x\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "a byte behind IAC that inetutils takes out",
	  ONE,
	  deny,
	  NULL,
	  { C("DE\xff\x41LE x\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "the same in front",
	  ONE,
	  deny,
	  NULL,
	  { C("\xff\x41"
	      "DELE x\r\n",
	      DENIED, REFUSED),
	    NO_VERB, STEP } },
	{ "LF that proftpd takes for an option",
	  ONE,
	  deny,
	  NULL,
	  { C("DE\xff\xfb\nLE x\r\n", DENIED "LE x\r\n", REFUSED), NO_VERB,
	    S("500 What?\r\n"), STEP } },
	{ "the other name of MKD",
	  SOME,
	  deny,
	  NULL,
	  { C("xmkd x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "a long one",
	  SOME,
	  deny,
	  NULL,
	  { C("xsha256 x\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "commands that hide others (RFC 2228)",
	  ONE,
	  deny,
	  NULL,
	  { C("ENC abcd\r\n", DENIED, REFUSED), NO_VERB,
	    C("MIC abcd\r\n", DENIED, REFUSED), NO_VERB,
	    C("CONF abcd\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "what is not listed passes",
	  ALL,
	  deny,
	  NULL,
	  { C("RMD DELE\r\n"), S("250 ok\r\n"), C("DEL x\r\n"), S("500 no\r\n"),
	    C("DELEX y\r\n"), S("500 no\r\n"), C("XSHA25 y\r\n"), S("500 no\r\n") } },

	/* ---- SITE ---- */
	{ "SITE CHMOD",
	  SOME,
	  deny,
	  NULL,
	  { C("SITE CHMOD 777 x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "SITE CHMOD, spelt",
	  SOME,
	  deny,
	  NULL,
	  { C("sItE \t  chMOD\t7 x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "SITE CHMOD, cut",
	  ONE,
	  deny,
	  NULL,
	  { C("SI", HELD), C("TE CH", .reason = FTPNAT_ANSWERED),
	    C("MOD 777 x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "SITE \"CHMOD\"",
	  ONE,
	  deny,
	  NULL,
	  { C("SITE \"CHMOD\" 7 x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "SITE with a Telnet command inside of CHMOD",
	  ONE,
	  deny,
	  NULL,
	  { C("SITE CH\xff\xf1MOD 7 x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "SITE with others passes",
	  SOME,
	  deny,
	  NULL,
	  { C("SITE UMASK 022\r\n"), S("200 ok\r\n"), C("SITE\r\n"), S("501 no\r\n"),
	    C("SITE CHMO 7\r\n"), S("501 no\r\n"), C("SITE HELP CHMOD\r\n"),
	    S("214 no\r\n") } },

	/* ---- cut, pipelined, during a transfer ---- */
	{ "in single bytes",
	  ONE,
	  deny,
	  NULL,
	  { C("D", HELD), C("E", .reason = FTPNAT_ANSWERED),
	    C("L", .reason = FTPNAT_ANSWERED), C("E", .reason = FTPNAT_ANSWERED),
	    C(" ", DROPPED), C("x", DROPPED), C("\r", DROPPED), C("\n", DENIED, REFUSED),
	    NO, STEP } },
	{ "cut behind the verb",
	  SOME,
	  deny,
	  NULL,
	  { C("DELE ", DROPPED), C("x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "an argument in pieces, and the next command",
	  ONE,
	  deny,
	  NULL,
	  { C("DELE aaa", DROPPED), C("bbb", DROPPED),
	    C("ccc\r\nNOOP\r\n", DENIED "NOOP\r\n", REFUSED), NO, S("200 ok\r\n"),
	    STEP } },
	{ "a longer one than is ever held",
	  ONE,
	  deny,
	  NULL,
	  { C("DELE" BLANKS300, DROPPED), C(BLANKS50, DROPPED),
	    C("x\r\n", DENIED, REFUSED), NO, STEP } },
	{ "blanks, more than are ever held",
	  ONE,
	  deny,
	  NULL,
	  { C(BLANKS300, DROPPED), C("NOOP\r\n", "/DENIED\r\n", REFUSED),
	    S("500 What?\r\n", "500 Line too long.\r\n"), STEP } },
	{ "a line that is longer than some servers read",
	  ONE,
	  deny,
	  NULL,
	  { C("RETR " BLANKS300 BLANKS50 BLANKS50 BLANKS50 BLANKS50 "DELE x\r\n",
	      "/DENIED\r\n", REFUSED),
	    S("500 What?\r\n", "500 Line too long.\r\n"), STEP } },
	{ "the same, its start has left",
	  ONE,
	  deny,
	  NULL,
	  { C("RETR a" BLANKS300), S(NULL, .flags = ACK),
	    C(BLANKS50 BLANKS50 BLANKS50 BLANKS50, DROPPED),
	    C("DELE x\r\n", "/DENIED\r\n", REFUSED),
	    S("550 no such file\r\n", "500 Line too long.\r\n"), STEP } },
	{ "a long one, but not too long",
	  ONE,
	  deny,
	  NULL,
	  { C("RETR a" BLANKS300), C(BLANKS50 BLANKS50 BLANKS50),
	    C("DELE x\r\n", DEFAULT_PORT), S("550 no\r\n", DEFAULT_OVER), STEP } },
	{ "a start that becomes another command",
	  ONE,
	  deny,
	  NULL,
	  { C("DE", HELD), C("LX y\r\n", "DELX y\r\n"), S("500 ok\r\n"), STEP } },
	{ "pipelined",
	  SOME,
	  deny,
	  NULL,
	  { C("NOOP\r\nDELE x\r\nMKD y\r\nNOOP\r\nDELE z",
	      "NOOP\r\n" DENIED DENIED "NOOP\r\n", REFUSED2),
	    S("200 a\r\n"), C("\r\n", DENIED, REFUSED),
	    S("500 b\r\n500 c\r\n200 d\r\n500 e\r\n", R550 R550 "200 d\r\n" R550),
	    STEP } },
	{ "behind a transfer",
	  SOME,
	  deny,
	  NULL,
	  { C("RETR a\r\n", DEFAULT_PORT), S("150 go\r\n"),
	    C("DELE x\r\n", DENIED, REFUSED),
	    S("226 done\r\n500 What?\r\n", "226 done\r\n" R550, DEFAULT_OVER), STEP } },
	{ "answered during a transfer",
	  SOME,
	  deny,
	  NULL,
	  { C("RETR a\r\n", DEFAULT_PORT), S("150 go\r\n"),
	    C("DELE x\r\nDELE x\r\nNOOP\r\n", DENIED DENIED "NOOP\r\n", REFUSED2), NO, NO,
	    S("200 ok\r\n226 done\r\n", DEFAULT_OVER), STEP } },
	{ "behind one that fails",
	  SOME,
	  deny,
	  NULL,
	  { C("RETR a\r\nDELE x\r\n", "RETR a\r\n" DENIED,
	      .also = { FTPNAT_LINE_COMMAND, FTPNAT_LINE_DEFAULT, FTPNAT_EXPECTED }),
	    S("550 no such file\r\n", DEFAULT_OVER), NO, STEP } },
	{ "before the login",
	  SOME,
	  deny,
	  NULL,
	  { S("220 hi\r\n"), C("DELE x\r\n", DENIED, REFUSED),
	    S("530 Please login.\r\n", R550), C("USER x\r\n"), S("331 go\r\n") } },
	{ "refused address lines open nothing",
	  IN_V4,
	  deny,
	  NULL,
	  { C("EPRT |1|$C|2000|\r\n", DENIED, REFUSED), NO_VERB, STEP } },
	{ "PASV that is refused",
	  IN(KEEP4) | IN(NAT46),
	  deny,
	  NULL,
	  { C("PASV\r\n", DENIED, REFUSED), NO_VERB, STEP } },

	/* ---- allow ---- */
	{ "allow lets pass what it names",
	  SOME,
	  allow,
	  NULL,
	  { C("USER x\r\n"), S("331 go\r\n"), C("PASS y\r\n"), S("230 in\r\n"),
	    C("XPWD\r\n"), S("257 x\r\n"), C("RETR x\r\n", DEFAULT_PORT),
	    S("226 x\r\n", DEFAULT_OVER), C("SITE HELP\r\n"), S("214 x\r\n"),
	    C("QUIT\r\n"), S("221 x\r\n") } },
	{ "and nothing else",
	  SOME,
	  allow,
	  NULL,
	  { C("NOOP\r\n", DENIED, REFUSED), NO_VERB, C("DELE x\r\n", DENIED, REFUSED), NO,
	    C("SITE CHMOD 1 x\r\n", DENIED, REFUSED), NO,
	    C("AUTH TLS\r\n", DENIED, REFUSED), NO_VERB } },
	{ "PORT of a list is translated",
	  IN(GROW4),
	  allow,
	  ACTIVE_MASQUERADE,
	  { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS), S("200 ok\r\n") } },
	{ "a browser gets no further by its request",
	  IN(GROW4),
	  read_only,
	  NULL,
	  { C("POST / HTTP/1.1\r\n", DENIED,
	      .also = { FTPNAT_LINE_COMMAND, FTPNAT_NOT_FTP }),
	    C("PORT $c,7,208\r\n", "PORT 0,0,0,0,0,0\r\n", .also = { FTPNAT_NOT_FTP }) } },

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

	return _cmocka_run_group_tests("tc_commands", tests, n, dataplane_setup,
				       dataplane_teardown);
}
