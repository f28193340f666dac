// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A client and a server of different families: headers by RFC 7915, lines by RFC 6384. What
 * a translator may choose by itself (IPv4 identification) is taken as it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "lib/told.h"
#include "base/util.h"

/* ---- lines ---- */

#define IN_64	 (IN(NAT64) | IN(MASQ64))
#define IN_CROSS (IN_64 | IN(NAT46))

static void no_active(struct ftpnat_rule *rule)
{
	rule->modes = 1 << FTPNAT_PASSIVE;
}

static void no_passive(struct ftpnat_rule *rule)
{
	rule->modes = 1 << FTPNAT_ACTIVE;
}

static void foreign(struct ftpnat_rule *rule)
{
	rule->flags = FTPNAT_RULE_FOREIGN;
}

static void data_address(struct ftpnat_rule *rule)
{
	rule->data_address[FTPNAT_V4] = address("203.0.113.200");
}

#define PASV_IS_EPSV C("PASV\r\n", "EPSV\r\n", .also = { FTPNAT_LINE_REWRITTEN })
#define EPSV_IS_PASV C("EPSV\r\n", "PASV\r\n", .also = { FTPNAT_LINE_REWRITTEN })
#define REFUSED(...) C(__VA_ARGS__, "DENIED\r\n", .also = { FTPNAT_LINE_FAMILY })
#define ENTERS(port) "229 Entering Extended Passive Mode (|||" port "|)\r\n"
#define SEVERAL_227  "227-Entering Passive Mode:\r\n"
#define SEVERAL_229  "229-Entering Extended Passive Mode:\r\n"
#define ALGS(line)   C(line, "DENIED\r\n", .also = { FTPNAT_LINE_REWRITTEN })
#define ALGS_ON	     "216 EPSVEPRT translated.\r\n"
#define ALGS_OFF     "216 NONE translated.\r\n"
#define IN_STEP	     C("NOOP\r\n"), S("200 ok\r\n")

static const struct row told[] = {
	{ "EPSV is PASV to an IPv4 server, its 227 is a 229", IN_64,
	  .expectation = PASSIVE,
	  .steps = { EPSV_IS_PASV,
		     S("227 Entering Passive Mode ($s,10,10).\r\n", ENTERS("2570"), OPENS),
		     C("LIST\r\n"), S("150 here\r\n226 done\r\n"), IN_STEP } },
	{ "EPSV 2", IN_64, .expectation = PASSIVE,
	  .steps = { C("EPSV 2\r\n", "PASV\r\n", .also = { FTPNAT_LINE_REWRITTEN }),
		     S("227 =$s,10,10\r\n", ENTERS("2570"), OPENS), C("LIST\r\n"),
		     S("150 here\r\n") } },
	{ "EPSV in small letters, with LF alone", IN_64, .expectation = PASSIVE,
	  .steps = { C("epsv\n", "PASV\r\n", .also = { FTPNAT_LINE_REWRITTEN }),
		     S("227 ($s,10,10)\r\n", ENTERS("2570"), OPENS) } },
	{ "a 227 with a port that the range hasn't", IN(NAT64), one_port,
	  .expectation = "$C > $D 50000 = $P 0 > $S 2570 passive",
	  .steps = { EPSV_IS_PASV, S("227 ($s,10,10)\r\n", ENTERS("50000"), OPENS) } },
	{ "EPSV in two pieces", IN_64, .expectation = PASSIVE,
	  .steps = { C("EPS", .reason = FTPNAT_ANSWERED),
		     C("V\r\n", "PASV\r\n", .also = { FTPNAT_LINE_REWRITTEN }),
		     S("227 ($s,10,10)\r\n", ENTERS("2570"), OPENS), IN_STEP } },
	{ "a 227 in two pieces", IN_64, .expectation = PASSIVE,
	  .steps = { EPSV_IS_PASV, S("227 ($s", HELD_WITH_ACK),
		     S(",10,10)\r\n", ENTERS("2570"), OPENS), IN_STEP } },
	{ "a 227 of several lines, as aioftp has it", IN_64, .expectation = PASSIVE,
	  .steps = { EPSV_IS_PASV,
		     S("227-listen socket created\r\n", SEVERAL_229,
		       .also = { FTPNAT_LINE_REWRITTEN }),
		     S("227 ($s,10,10) \r\n", ENTERS("2570"), OPENS), IN_STEP } },
	{ "a 227 of several lines in one segment, with text in between", IN_64,
	  .expectation = PASSIVE,
	  .steps = { EPSV_IS_PASV,
		     S("227-listen (1,2,3,4,5,6)\r\n text\r\n227-more\r\n"
		       "227 ($s,10,10)\r\n",
		       SEVERAL_229 " text\r\n227-more\r\n" ENTERS("2570"),
		       .also = { FTPNAT_LINE_REWRITTEN, FTPNAT_EXPECTED }),
		     IN_STEP } },
	{ "a 227 of several lines, cut in the first one", IN_64, .expectation = PASSIVE,
	  .steps = { EPSV_IS_PASV, S("227-lis", HELD_WITH_ACK),
		     S("ten\r\n227 ($s,10,10)\r\n", SEVERAL_229 ENTERS("2570"),
		       .also = { FTPNAT_LINE_REWRITTEN, FTPNAT_EXPECTED }),
		     IN_STEP } },
	{ "a 227 of several lines without an address: the client sees its end", IN_64,
	  .steps = { EPSV_IS_PASV,
		     S("227-listen\r\n", SEVERAL_229, .also = { FTPNAT_LINE_REWRITTEN }),
		     S("227 ok\r\n", "229 Refused.\r\n",
		       .also = { FTPNAT_LINE_MALFORMED }),
		     IN_STEP } },
	{ "a 227 of several lines that names another host", IN(NAT64),
	  .steps = { EPSV_IS_PASV,
		     S("227-listen\r\n227 (10,66,66,66,10,10)\r\n",
		       SEVERAL_229 "229 Refused.\r\n",
		       .also = { FTPNAT_LINE_REWRITTEN, FTPNAT_LINE_FOREIGN }),
		     IN_STEP } },
	{ "a 227 of several lines in answer to a PASV does not concern EPSV", IN(MASQ64),
	  .expectation = PASSIVE,
	  .steps = { C("PASV\r\nEPSV\r\n", "PASV\r\nPASV\r\n",
		       .also = { FTPNAT_LINE_REWRITTEN }),
		     S("227-listen\r\n227 ($s,10,9)\r\n", OPENS),
		     S("227-listen\r\n227 ($s,10,10)\r\n", SEVERAL_229 ENTERS("2570"),
		       .also = { FTPNAT_LINE_REWRITTEN, FTPNAT_EXPECTED,
				 FTPNAT_EXPECTED_REPLACED }),
		     IN_STEP } },
	{ "a 229 of several lines", IN(NAT46), .expectation = PASSIVE,
	  .steps = { PASV_IS_EPSV,
		     S("229-listen\r\n229 (|||2570|)\r\n",
		       SEVERAL_227 "227 Entering Passive Mode ($d,10,10)\r\n",
		       .also = { FTPNAT_LINE_REWRITTEN, FTPNAT_EXPECTED }),
		     IN_STEP } },
	{ "EPSV between other commands", IN_64, .expectation = PASSIVE,
	  .steps = { C("PWD\r\nEPSV\r\nNOOP\r\n", "PWD\r\nPASV\r\nNOOP\r\n",
		       .also = { FTPNAT_LINE_REWRITTEN }),
		     S("257 /\r\n227 ($s,10,10)\r\n200 ok\r\n",
		       "257 /\r\n" ENTERS("2570") "200 ok\r\n", OPENS),
		     IN_STEP } },
	{ "a server that refuses PASV", IN_64,
	  .steps = { EPSV_IS_PASV, S("502 no\r\n"), IN_STEP } },
	{ "EPSV 1 asks for IPv4, which the client hasn't", IN_64,
	  .steps = { REFUSED("EPSV 1\r\n"),
		     S("500 what?\r\n",
		       "522 Network protocol not supported, use (2).\r\n"),
		     IN_STEP } },
	{ "EPSV 3 asks for what nobody has", IN_64,
	  .steps = { REFUSED("EPSV 3\r\n"),
		     S("500 what?\r\n",
		       "522 Network protocol not supported, use (2).\r\n"),
		     REFUSED("EPSV 22\r\n"),
		     S("500 what?\r\n",
		       "522 Network protocol not supported, use (2).\r\n"),
		     REFUSED("EPSV 123456\r\n"),
		     S("500 what?\r\n",
		       "522 Network protocol not supported, use (2).\r\n"),
		     REFUSED("EPSV ALL x\r\n"),
		     S("500 what?\r\n",
		       "522 Network protocol not supported, use (2).\r\n"),
		     IN_STEP } },
	{ "EPSV ALL: the server would take no PASV any more", IN_64,
	  .expectation = PASSIVE,
	  .steps = { REFUSED("EPSV ALL\r\n"),
		     S("500 what?\r\n",
		       "504 Command not implemented for that parameter.\r\n"),
		     EPSV_IS_PASV, S("227 ($s,10,10)\r\n", ENTERS("2570"), OPENS),
		     IN_STEP } },
	{ "ALGS says what is translated", IN_64, .expectation = PASSIVE,
	  .steps = { ALGS("algs Status64\r\n"), S("500 what?\r\n", ALGS_ON), EPSV_IS_PASV,
		     S("227 ($s,10,10)\r\n", ENTERS("2570"), OPENS), IN_STEP } },
	{ "ALGS turns it off: the server has to take EPSV, and gets no EPRT", IN_64,
	  .expectation = PASSIVE,
	  .steps = { ALGS("ALGS DISABLE64\r\n"), S("500 what?\r\n", ALGS_OFF),
		     C("EPSV\r\n"), S("229 ok (|||2570|)\r\n", OPENS),
		     C("EPRT |2|$C|2000|\r\n", "EPRT |2|::|0|\r\n",
		       .also = { FTPNAT_LINE_FAMILY }),
		     S("522 no\r\n", "500 This kind of data connection is refused.\r\n"),
		     ALGS("ALGS STATUS64\r\n"), S("500 what?\r\n", ALGS_OFF), IN_STEP } },
	{ "ALGS turns it on again", IN_64, .expectation = PASSIVE,
	  .steps = { ALGS("ALGS DISABLE64\r\n"), S("500 what?\r\n", ALGS_OFF),
		     ALGS("ALGS ENABLE64\r\n"), S("500 what?\r\n", ALGS_ON), EPSV_IS_PASV,
		     S("227 ($s,10,10)\r\n", ENTERS("2570"), OPENS), IN_STEP } },
	{ "ALGS with something else", IN_64,
	  .steps = { REFUSED("ALGS STATUS65\r\n"),
		     S("500 what?\r\n",
		       "504 Command not implemented for that parameter.\r\n"),
		     REFUSED("ALGS\r\n"),
		     S("500 what?\r\n",
		       "504 Command not implemented for that parameter.\r\n"),
		     IN_STEP } },
	{ "ALGS where nothing 64 is translated", IN(NAT46) | IN(FULL6),
	  .steps = { C("ALGS STATUS64\r\n"), S("500 what?\r\n"), IN_STEP } },
	{ "a 227 that names another host", IN(NAT64),
	  .steps = { EPSV_IS_PASV,
		     S("227 (10,66,66,66,10,10)\r\n",
		       "425 Data connections to another host are refused.\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }),
		     IN_STEP } },
	{ "PASV over IPv6: a 227 has no room for the address", IN(NAT64),
	  .steps = { C("PASV\r\n"),
		     S("227 ($s,10,10)\r\n",
		       "500 This kind of data connection is refused.\r\n",
		       .also = { FTPNAT_LINE_FAMILY }),
		     IN_STEP } },
	{ "PASV is EPSV to an IPv6 server, its 229 is a 227", IN(NAT46),
	  .expectation = PASSIVE,
	  .steps = { PASV_IS_EPSV,
		     S("229 ok (|||2570|)\r\n",
		       "227 Entering Passive Mode ($d,10,10)\r\n", OPENS),
		     C("LIST\r\n"), S("150 here\r\n226 done\r\n"), IN_STEP } },
	{ "PASV in two pieces", IN(NAT46), .expectation = PASSIVE,
	  .steps = { C("PA", .reason = FTPNAT_ANSWERED),
		     C("SV\r\n", "EPSV\r\n", .also = { FTPNAT_LINE_REWRITTEN }),
		     S("229 (|||2570|)\r\n", "227 Entering Passive Mode ($d,10,10)\r\n",
		       OPENS),
		     IN_STEP } },
	{ "the 227 names the rule's data_address", IN(NAT46), data_address,
	  .expectation = PASSIVE,
	  .steps = { PASV_IS_EPSV,
		     S("229 ok (|||2570|)\r\n",
		       "227 Entering Passive Mode (203,0,113,200,10,10)\r\n", OPENS) } },
	{ "EPSV needs no translation", IN(NAT46), one_port,
	  .expectation = "$C > $D 50000 = $P 0 > $S 2570 passive",
	  .steps = { C("EPSV\r\n"),
		     S("229 ok (|||2570|)\r\n", "229 ok (|||50000|)\r\n", OPENS),
		     IN_STEP } },
	{ "EPSV 1 asks for what the client has", IN(NAT46), .expectation = PASSIVE,
	  .steps = { C("EPSV 1\r\n", "EPSV\r\n", .also = { FTPNAT_LINE_REWRITTEN }),
		     S("229 ok (|||2570|)\r\n", OPENS), IN_STEP } },
	{ "EPSV 3 asks an IPv6 server for what nobody has", IN(NAT46),
	  .steps = { REFUSED("EPSV 3\r\n"),
		     S("500 what?\r\n",
		       "522 Network protocol not supported, use (1).\r\n"),
		     IN_STEP } },
	{ "EPSV 2 asks for IPv6, which the client hasn't", IN(NAT46),
	  .steps = { REFUSED("EPSV 2\r\n"),
		     S("500 what?\r\n",
		       "522 Network protocol not supported, use (1).\r\n"),
		     IN_STEP } },
	{ "after EPSV ALL there is no PASV", IN(NAT46),
	  .steps = { C("EPSV ALL\r\n"), S("200 ok\r\n"), PASV_IS_EPSV,
		     S("229 ok (|||2570|)\r\n",
		       "500 This kind of data connection is refused.\r\n",
		       .also = { FTPNAT_LINE_MODE }),
		     IN_STEP } },
	{ "passive mode that the rule refuses", IN_64, no_passive,
	  .steps = { EPSV_IS_PASV,
		     S("227 ($s,10,10)\r\n",
		       "500 This kind of data connection is refused.\r\n",
		       .also = { FTPNAT_LINE_MODE }),
		     IN_STEP } },

	{ "EPRT is PORT to an IPv4 server", IN(NAT64), .expectation = ACTIVE_PUBLISH,
	  .steps = { C("EPRT |2|$C|2000|\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n"), S("150 here\r\n226 done\r\n") } },
	{ "EPRT is PORT, under masquerade", IN(MASQ64), .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("EPRT |2|$C|2000|\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("200 ok\r\n"), IN_STEP } },
	{ "PORT of a client with a CLAT names its private address", IN(MASQ64),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("PORT 192,0,0,1,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("200 ok\r\n"), IN_STEP } },
	{ "EPRT of a client with a CLAT", IN(MASQ64), .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("EPRT |1|192.0.0.1|2000|\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("200 ok\r\n"), IN_STEP } },
	{ "PASV of a client with a CLAT: it reaches the server by its IPv4 address",
	  IN(MASQ64), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,10)\r\n", OPENS), IN_STEP } },
	{ "a 227 that names an inside address means the server", IN(MASQ64),
	  .expectation = PASSIVE,
	  .steps = { EPSV_IS_PASV,
		     S("227 (10,66,66,66,10,10)\r\n", ENTERS("2570"), OPENS),
		     C("PASV\r\n"),
		     S("227 (10,66,66,66,10,10)\r\n", "227 ($s,10,10)\r\n",
		       .also = { FTPNAT_EXPECTED, FTPNAT_EXPECTED_REPLACED }),
		     IN_STEP } },
	{ "a 227 that names another host, where the rule allows that", IN(MASQ64),
	  foreign,
	  .expectation =
		  "$C > 2001:db8:64::cb00:7142 2570 = $P 0 > 203.0.113.66 2570 passive",
	  .steps = { EPSV_IS_PASV,
		     S("227 (203,0,113,66,10,10)\r\n", ENTERS("2570"), OPENS),
		     IN_STEP } },
	{ "EPRT in three pieces", IN(NAT64), .expectation = ACTIVE_PUBLISH,
	  .steps = { C("EP", .reason = FTPNAT_ANSWERED),
		     C("RT |2|$C|", .reason = FTPNAT_ANSWERED),
		     C("2000|\r\n", "PORT $p,7,208\r\n", OPENS), S("200 ok\r\n"),
		     IN_STEP } },
	{ "EPRT that the server refuses", IN(NAT64),
	  .steps = { C("EPRT |2|$C|2000|\r\n", "PORT $p,7,208\r\n", OPENS),
		     S("500 no\r\n", .also = { FTPNAT_EXPECTED_CLOSED }), IN_STEP } },
	{ "EPRT with an address of the other family", IN(NAT64),
	  .steps = { C("EPRT |1|10.9.0.10|2000|\r\n", "EPRT |1|::|0|\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }),
		     S("522 no\r\n",
		       "500 Data connections to another host are refused.\r\n"),
		     IN_STEP } },
	{ "EPRT of another host", IN_64,
	  .steps = { C("EPRT |2|2001:db8:66::1|2000|\r\n", "EPRT |2|::|0|\r\n",
		       .also = { FTPNAT_LINE_FOREIGN }),
		     S("522 no\r\n",
		       "500 Data connections to another host are refused.\r\n"),
		     IN_STEP } },
	{ "active mode that the rule refuses", IN_64, no_active,
	  .steps = { C("EPRT |2|$C|2000|\r\n", "EPRT |2|::|0|\r\n",
		       .also = { FTPNAT_LINE_MODE }),
		     S("522 no\r\n", "500 This kind of data connection is refused.\r\n"),
		     IN_STEP } },
	{ "PORT is EPRT to an IPv6 server", IN(NAT46), .expectation = ACTIVE_PUBLISH,
	  .steps = { C("PORT $c,7,208\r\n", "EPRT |2|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), C("LIST\r\n"), S("150 here\r\n226 done\r\n") } },
	{ "EPRT |1| is EPRT |2| to an IPv6 server", IN(NAT46),
	  .expectation = ACTIVE_PUBLISH,
	  .steps = { C("EPRT |1|$C|2000|\r\n", "EPRT |2|$P|2000|\r\n", OPENS),
		     S("200 ok\r\n"), IN_STEP } },
	{ "lines without addresses", IN_CROSS,
	  .steps = { S("220 hello\r\n"), C("USER anonymous\r\n"), S("331 go on\r\n"),
		     C("PASS x\r\n"), S("230 ok\r\n"), C("FEAT\r\n"),
		     S("211-Features:\r\n EPSV\r\n211 End\r\n"), C("QUIT\r\n"),
		     S("221 bye\r\n") } },
};

/* ---- headers ---- */

static void test_traffic_class(void **state)
{
	bool good = true;

	(void)state;
	for (enum scene_id id = NAT64; id <= MASQ64; id++) {
		struct packet_spec in, out;
		struct talk talk;

		scene_configure(scene_get(id), NULL);
		talk_init(&talk, scene_get(id));
		in = talk_syn(&talk);
		out = talk_syn_heard(&talk);
		in.tos = out.tos = 0xb9;
		in.ttl = 7;
		out.ttl = 6;
		good &= check_from("SYN", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED,
				   NULL);
	}
	assert_true(good);
}

/* RFC 7915 section 4.1: they are not translated. */
static void test_ip_options(void **state)
{
	struct packet_spec in, out;
	struct talk talk;

	(void)state;
	scene_configure(scene_get(NAT46), NULL);
	talk_init(&talk, scene_get(NAT46));
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	in.ip_options = (struct options){ 8, { 1, 1, 1, 1, 1, 1, 1, 0 } };
	assert_true(check_from("SYN", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED, NULL));
}

/* Puts an extension header of 8 bytes behind the IPv6 header. */
static void extend(struct packet *packet, uint8_t kind, uint8_t type,
		   uint8_t segments_left)
{
	uint8_t *ip = packet->byte + 14;
	const uint8_t header[8] = { ip[6], 0, type, segments_left, 0, 0, 0, 0 };

	memmove(ip + 48, ip + 40, packet->len - 54);
	memcpy(ip + 40, header, sizeof(header));
	ip[6] = kind;
	put16(ip + 4, (uint16_t)(get16(ip + 4) + 8));
	packet->len += 8;
}

/* RFC 7915 section 5.1: they are ignored, but for a routing header in use. */
static void test_extension_headers(void **state)
{
	static const struct {
		const char *says;
		uint8_t kind[2];
		uint8_t left;
		bool translated;
		bool obsolete; /* of type 0 */
	} rows[] = {
		{ "hop-by-hop options", { 0, 0xff }, 0, true, false },
		{ "destination options", { 60, 0xff }, 0, true, false },
		{ "a routing header that is used up", { 43, 0xff }, 0, true, false },
		{ "a routing header", { 43, 0xff }, 1, false, false },
		{ "a source route that is used up", { 43, 0xff }, 0, false, true },
		{ "two of them", { 60, 0 }, 0, true, false },
		{ "authentication", { 51, 0xff }, 0, false, false },
	};
	static const enum scene_id ids[] = { NAT64, MASQ64, FULL6 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t j = 0; j < ARRAY_SIZE(ids); j++) {
			bool takes = rows[i].translated && ids[j] != FULL6;
			struct packet packet, expected;
			struct packet_spec in, out;
			struct counters before;
			struct talk talk;
			struct run run;

			scene_configure(scene_get(ids[j]), NULL);
			talk_init(&talk, scene_get(ids[j]));
			in = talk_syn(&talk);
			out = talk_syn_heard(&talk);
			packet_build(&packet, &in);
			packet_build(&expected, &out);
			for (size_t n = 0; n < 2; n++)
				if (rows[i].kind[n] != 0xff)
					extend(&packet, rows[i].kind[n],
					       !rows[i].obsolete, rows[i].left);
			dataplane_counters(&before);
			dataplane_run(&run, INGRESS, talk_side(&talk, CLIENT), &packet,
				      0);
			if (takes)
				packet_translated(&expected, &run.packet);
			good &= packet_same(rows[i].says, takes ? &expected : &packet,
					    &run.packet);
			good &= dataplane_counted(rows[i].says, &before,
						  takes ? FTPNAT_FORWARDED : FTPNAT_PASS,
						  NULL);
		}
	assert_true(good);
}

/* The same of an open connection. */
static void test_extension_headers_of_data(void **state)
{
	struct packet packet, expected;
	struct packet_spec in, out;
	struct counters before;
	struct talk talk;
	struct run run;

	(void)state;
	data_open(&talk, NAT64);
	in = data_sent(&talk, CLIENT);
	out = data_heard(&talk, CLIENT);
	packet_build(&packet, &in);
	packet_build(&expected, &out);
	extend(&packet, 60, 1, 0);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, talk_side(&talk, CLIENT), &packet, 0);
	packet_translated(&expected, &run.packet);
	assert_true(packet_same("data", &expected, &run.packet));
	assert_true(dataplane_counted("data", &before, FTPNAT_FORWARDED, NULL));
}

/* An announced data connection: whole packets of both directions, up to the longest ones. */
static void test_data(void **state)
{
	static const struct step announce[SCENES][3] = {
		[NAT64] = { EPSV_IS_PASV,
			    S("227 ($s,10,10)\r\n", ENTERS("2570"), OPENS) },
		[NAT46] = { PASV_IS_EPSV,
			    S("229 (|||2570|)\r\n",
			      "227 Entering Passive Mode ($d,10,10)\r\n", OPENS) },
		[MASQ64] = { EPSV_IS_PASV,
			     S("227 ($s,10,10)\r\n", ENTERS("2570"), OPENS) },
	};
	static const size_t sizes[] = { 1, 2, 1207, 1208, 1209, 1340, 1400, 1408 };
	static char payload[1500];
	bool good = true;

	(void)state;
	for (enum scene_id id = NAT64; id <= MASQ64; id++) {
		struct talk talk;

		talk_begin(&talk, id);
		assert_true(talk_steps(&talk, "announcement", announce[id]));
		good &= data_check("data SYN", &talk, CLIENT, SYN, NULL, data_arrives);
		good &= data_check("SYN-ACK", &talk, SERVER, SYN | ACK, NULL, NULL);
		good &= data_check("ACK", &talk, CLIENT, ACK, NULL, data_opens);
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			memset(payload, 'x', sizeof(payload));
			payload[sizes[i]] = '\0';
			good &= data_check("data", &talk, SERVER, ACK, payload, NULL);
			good &= data_check("data", &talk, CLIENT, ACK, payload, NULL);
		}
	}
	assert_true(good);
}

/* A server of the client's family is preferred, and `source: keep` has no other. */
static void test_family_of_the_server(void **state)
{
	struct ftpnat_rule rule = scene_rule(scene_get(NAT64));
	struct packet_spec in, out;
	struct talk talk;

	(void)state;
	scene_configure(scene_get(NAT64), NULL);
	rule.servers = 2;
	rule.weight[FTPNAT_V6] = 1;
	dataplane_rule(0, &rule);
	dataplane_server(1, "fd00:9::10", 2121, "fd00:9::1", 1);
	talk_init(&talk, scene_get(FULL6));
	in = talk_syn(&talk);
	out = talk_syn_heard(&talk);
	assert_true(
		check_from("its own", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED, NULL));

	dataplane_forget();
	rule.weight[FTPNAT_V6] = 0;
	rule.source = FTPNAT_SOURCE_KEEP;
	dataplane_rule(0, &rule);
	assert_true(check_from("source: keep", &talk, CLIENT, &in, &out, FTPNAT_NO_SERVER,
			       NULL));
}

/* Which addresses behind prefix64 stand for a server. */
static void test_prefix64_servers(void **state)
{
	static const struct {
		const char *says;
		const char *prefix;
		__u8 len;
		const char *dialled;
		const char *server; /* NULL: it is left alone */
	} rows[] = {
		{ "well-known prefix", "64:ff9b::", 96, "64:ff9b::808:808", "8.8.8.8" },
		{ "well-known prefix, private address", "64:ff9b::", 96, "64:ff9b::a09:a",
		  NULL },
		{ "well-known prefix, address for documents", "64:ff9b::", 96,
		  "64:ff9b::cb00:7115", NULL },
		{ "well-known prefix, shared address", "64:ff9b::", 96, "64:ff9b::6440:1",
		  NULL },
		{ "an own prefix", "2001:db8:64::", 96, "2001:db8:64::cb00:7115",
		  "203.0.113.21" },
		{ "an own prefix, loopback", "2001:db8:64::", 96, "2001:db8:64::7f00:1",
		  NULL },
		{ "an own prefix, multicast", "2001:db8:64::", 96, "2001:db8:64::e000:1",
		  NULL },
		{ "an own prefix, the gateway itself", "2001:db8:64::", 96,
		  "2001:db8:64::cb00:7107", NULL },
		{ "32 bits", "2001:db8::", 32, "2001:db8:cb00:7115::", "203.0.113.21" },
		{ "40 bits", "2001:db8:100::", 40,
		  "2001:db8:1cb:71:15::", "203.0.113.21" },
		{ "48 bits", "2001:db8:122::", 48,
		  "2001:db8:122:cb00:71:1500::", "203.0.113.21" },
		{ "56 bits", "2001:db8:122:300::", 56,
		  "2001:db8:122:3cb:0:7115::", "203.0.113.21" },
		{ "64 bits", "2001:db8:122:344::", 64, "2001:db8:122:344:cb:71:1500:0",
		  "203.0.113.21" },
		{ "64 bits, octet 8 is not 0", "2001:db8:122:344::", 64,
		  "2001:db8:122:344:1cb:71:1500:0", NULL },
		{ "outside of the prefix", "2001:db8:64::", 96, "2001:db8:65::cb00:7115",
		  NULL },
	};
	struct ftpnat_rule rule = scene_rule(scene_get(MASQ64));
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char servers[64];
		struct packet_spec in, out;
		struct talk talk;

		rule.prefix64 = address(rows[i].prefix);
		rule.prefix64_len = rows[i].len;
		scene_configure(scene_get(MASQ64), &rule);
		snprintf(servers, sizeof(servers), "%s/%u", rows[i].prefix, rows[i].len);
		dataplane_track(0, "fd00:5::/64", servers, 21, 0);
		dataplane_sh("ip route replace 8.8.8.8 via 198.51.100.254");
		talk_init(&talk, scene_get(MASQ64));
		in = talk_syn(&talk);
		in.dst = rows[i].dialled;
		out = in;
		if (rows[i].server) {
			out = talk_syn_heard(&talk);
			out.dst = rows[i].server;
		}
		good &= check_from(rows[i].says, &talk, CLIENT, &in, &out,
				   rows[i].server ? FTPNAT_FORWARDED : FTPNAT_PASS, NULL);
	}
	dataplane_sh("ip route del 8.8.8.8");
	assert_true(good);
}

/* ---- ICMP errors ---- */

struct icmp {
	uint8_t type;
	uint8_t code;
	uint32_t rest; /* MTU or pointer */
};

/* An error with the addresses of `outer` that quotes headers of `about`, without options. */
static void icmp_build(struct packet *error, const struct packet_spec *outer,
		       const struct icmp *icmp, const struct packet *about)
{
	bool v6 = strchr(outer->src, ':');
	size_t ip = v6 ? 40 : 20, len = ip + 20, at = 14 + ip;
	uint8_t *out = error->byte;

	packet_build(error, outer);
	error->len = at + 8 + len;
	out[at] = icmp->type;
	out[at + 1] = icmp->code;
	put16(out + at + 2, 0);
	put32(out + at + 4, icmp->rest);
	memcpy(out + at + 8, about->byte + 14, len);
	if (v6) {
		put32(out + 14, 6u << 28 | (uint32_t)outer->tos << 20);
		put16(out + 18, (uint16_t)(8 + len));
		out[20] = 58;
		put16(out + at + 2,
		      (uint16_t)~sum16(58 + 8 + (uint32_t)len, out + 22, 32 + 8 + len));
		return;
	}
	put16(out + 16, (uint16_t)(28 + len));
	put16(out + 18, 0);
	put16(out + 20, 0);
	out[23] = 1;
	put16(out + 24, 0);
	put16(out + 24, (uint16_t)~sum16(0, out + 14, 20));
	put16(out + at + 2, (uint16_t)~sum16(0, out + at, 8 + len));
}

/* The client's last packet as its sender's error quotes it: what is quoted was translated. */
static void quoted_build(struct packet *quoted, const struct talk *talk,
			 const struct packet *error)
{
	struct packet_spec spec = talk_sent(talk, CLIENT);
	bool v6 = strchr(spec.src, ':');
	size_t ip = v6 ? 40 : 20;

	spec.seq = talk->isn[CLIENT] + talk->sent[CLIENT];
	spec.ttl = 63;
	spec.flags = ACK;
	packet_build(quoted, &spec);
	if (v6) {
		put32(quoted->byte + 14, 6u << 28);
	} else {
		put16(quoted->byte + 18, 0);
		put16(quoted->byte + 24, 0);
		put16(quoted->byte + 24, (uint16_t)~sum16(0, quoted->byte + 14, 20));
	}
	/* of a checksum nobody looks at, and of numbers that only the other side has seen */
	memcpy(quoted->byte + 14 + ip + 8, error->byte + 14 + ip + 8 + ip + 8, 12);
}

static const struct icmp_row {
	const char *says;
	enum scene_id id;
	struct icmp in;
	struct icmp out; /* type 0: it is dropped */
	uint16_t len;	 /* of the quoted packet, 0: without payload */
} icmp_rows[] = {
	{ "host unreachable", NAT64, { 3, 1, 0 }, { 1, 0, 0 }, 0 },
	{ "protocol unreachable", NAT64, { 3, 2, 0 }, { 4, 1, 6 }, 0 },
	{ "port unreachable", NAT64, { 3, 3, 0 }, { 1, 4, 0 }, 0 },
	{ "fragmentation needed", NAT64, { 3, 4, 1400 }, { 2, 0, 1420 }, 0 },
	{ "fragmentation needed, below IPv6's minimum",
	  NAT64,
	  { 3, 4, 600 },
	  { 2, 0, 1280 },
	  0 },
	{ "fragmentation needed, of an old router",
	  NAT64,
	  { 3, 4, 0 },
	  { 2, 0, 1280 },
	  0 },
	{ "fragmentation needed, of an old router, a longer packet",
	  NAT64,
	  { 3, 4, 0 },
	  { 2, 0, 1512 },
	  1500 },
	{ "fragmentation needed, of an old router, a jumbo packet",
	  NAT64,
	  { 3, 4, 0 },
	  { 2, 0, 8186 },
	  9000 },
	{ "an unknown kind of unreachable", NAT64, { 3, 16, 0 }, { 0, 0, 0 }, 0 },
	{ "prohibited", NAT64, { 3, 13, 0 }, { 1, 1, 0 }, 0 },
	{ "precedence violation", NAT64, { 3, 14, 0 }, { 0, 0, 0 }, 0 },
	{ "time exceeded", NAT64, { 11, 0, 0 }, { 3, 0, 0 }, 0 },
	{ "parameter problem: TTL", NAT64, { 12, 0, 8u << 24 }, { 4, 0, 7 }, 0 },
	{ "parameter problem: destination", NAT64, { 12, 0, 17u << 24 }, { 4, 0, 24 }, 0 },
	{ "parameter problem: identification",
	  NAT64,
	  { 12, 0, 4u << 24 },
	  { 0, 0, 0 },
	  0 },
	{ "parameter problem: an option is missing", NAT64, { 12, 1, 0 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: bad length", NAT64, { 12, 2, 2u << 24 }, { 4, 0, 4 }, 0 },
	{ "parameter problem: unknown code", NAT64, { 12, 3, 2u << 24 }, { 0, 0, 0 }, 0 },
	{ "no route", NAT46, { 1, 0, 0 }, { 3, 1, 0 }, 0 },
	{ "prohibited", NAT46, { 1, 1, 0 }, { 3, 10, 0 }, 0 },
	{ "port unreachable", NAT46, { 1, 4, 0 }, { 3, 3, 0 }, 0 },
	{ "source address failed policy", NAT46, { 1, 5, 0 }, { 0, 0, 0 }, 0 },
	{ "too big", NAT46, { 2, 0, 1400 }, { 3, 4, 1380 }, 0 },
	{ "hop limit exceeded", NAT46, { 3, 0, 0 }, { 11, 0, 0 }, 0 },
	{ "next header unknown", NAT46, { 4, 1, 6 }, { 3, 2, 0 }, 0 },
	{ "parameter problem: length", NAT46, { 4, 0, 5 }, { 12, 0, 2u << 24 }, 0 },
	{ "parameter problem: source", NAT46, { 4, 0, 9 }, { 12, 0, 12u << 24 }, 0 },
	{ "parameter problem: flow label", NAT46, { 4, 0, 2 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: an option", NAT46, { 4, 2, 0 }, { 0, 0, 0 }, 0 },
};

static void test_icmp_errors(void **state)
{
	static const enum ftpnat_reason icmp[] = { FTPNAT_ICMP, FTPNAT_REASON_MAX };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(icmp_rows); i++) {
		const struct icmp_row *row = &icmp_rows[i];
		struct packet_spec outer = { .tos = 0xc0, .window = 1 }, about;
		struct packet error, quoted, expected;
		struct counters before;
		struct talk talk;
		struct run run;

		talk_begin(&talk, row->id);
		about = talk_heard(&talk, CLIENT);
		about.seq = talk.isn[CLIENT] + talk.heard[CLIENT];
		about.flags = ACK;
		packet_build(&quoted, &about);
		packet_translated(&quoted, &quoted);
		if (row->len)
			put16(quoted.byte + 16, row->len);
		outer.src = row->id == NAT64 ? "10.9.0.254" : "fd00:9::fe";
		outer.dst = about.src;
		outer.dst_mac = dataplane_mac(INNER);
		icmp_build(&error, &outer, &row->in, &quoted);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, INNER, &error, 0);
		if (!row->out.type) {
			good &= dataplane_counted(row->says, &before, FTPNAT_ICMP_DROPPED,
						  NULL);
			continue;
		}
		outer.src = scene_get(row->id)->dialled;
		outer.dst = scene_get(row->id)->client;
		outer.ttl = 63;
		outer.tos = row->id == NAT64 ? 0 : 0xc0; /* as of our own errors */
		quoted_build(&quoted, &talk, &run.packet);
		if (row->len)
			put16(quoted.byte + 18, (uint16_t)(row->len - 20));
		icmp_build(&expected, &outer, &row->out, &quoted);
		good &= packet_same(row->says, &expected, &run.packet);
		good &= dataplane_counted(row->says, &before, FTPNAT_FORWARDED, icmp);
	}
	assert_true(good);
}

/*
 * Too long for the link behind us: the sender is told what it may send, which is more or less
 * than that link carries by what headers differ.
 */
static void test_too_big(void **state)
{
	static const struct {
		enum scene_id id;
		uint8_t type;
		uint32_t mtu;
	} rows[] = { { NAT64, 2, 1420 }, { NAT46, 3, 1380 } };
	static char payload[1440];

	(void)state;
	memset(payload, 'x', sizeof(payload) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet_spec in;
		struct packet packet;
		struct counters before;
		struct talk talk;
		struct run run;
		size_t icmp;

		dataplane_fresh();
		dataplane_sh("ip link set inner0 mtu 1400");
		talk_begin(&talk, rows[i].id);
		data_announce(&talk);
		assert_true(data_check("SYN", &talk, CLIENT, SYN, NULL, data_arrives));
		in = data_sent(&talk, CLIENT);
		in.payload = payload;
		packet_build(&packet, &in);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
		dataplane_sh("ip link set inner0 mtu 1500");
		assert_true(dataplane_counted(
			"too big", &before, FTPNAT_TOO_BIG,
			(enum ftpnat_reason[]){ FTPNAT_IGNORED, FTPNAT_REASON_MAX }));
		icmp = 14 + (rows[i].id == NAT64 ? 40 : 20);
		assert_int_equal(run.packet.byte[icmp], rows[i].type);
		assert_int_equal(get32(run.packet.byte + icmp + 4), rows[i].mtu);
	}
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_traffic_class),
		cmocka_unit_test(test_ip_options),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_extension_headers_of_data),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_family_of_the_server),
		cmocka_unit_test(test_prefix64_servers),
		cmocka_unit_test(test_icmp_errors),
		cmocka_unit_test(test_too_big),
	};
	static struct CMUnitTest tests[ARRAY_SIZE(told) + ARRAY_SIZE(others)];
	size_t n = rows_as_tests(tests, told, ARRAY_SIZE(told), sizeof(*told), test_row);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_xlat", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
