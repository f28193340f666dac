// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The default data port (RFC 959 section 3.2): a transfer that no line has announced a data
 * connection for opens one to the port of the control connection.
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

#define CROSSED	 (IN(NAT64) | IN(NAT46) | IN(MASQ64))
#define ONE	 (IN(KEEP4) | IN(FULL6) | IN(MASQ4) | IN(GROW4))
#define FROM_20	 "$S > $P 40000 = $D 20 > $C 40000 active"
#define DENIED	 "DENIED\r\n"
#define ANSWER	 S("500 What?\r\n", "425 Use PASV or EPSV first.\r\n")
#define NOT_HERE .also = { FTPNAT_LINE_MODE }
#define HELD	 .reason = FTPNAT_ANSWERED

static const struct row told[] = {
	/* ---- it is opened ---- */
	{ "RETR without PORT or PASV", IN_PUBLISH | IN(NAT64) | IN(NAT46),
	  .expectation = FROM_20,
	  .steps = { C("USER x\r\n"), S("331 go\r\n"), C("PASS y\r\n"), S("230 in\r\n"),
		     C("RETR a\r\n", DEFAULT_PORT), S("150 here\r\n") } },
	{ "the same under masquerade", IN_MASQUERADE | IN(MASQ64), .expectation = FROM_20,
	  .steps = { C("RETR a\r\n", DEFAULT_PORT), S("150 here\r\n") } },
	{ "STOR", IN(KEEP4), .expectation = FROM_20,
	  .steps = { C("stor a\r\n", DEFAULT_PORT) } },
	{ "STOU", IN(KEEP4), .expectation = FROM_20,
	  .steps = { C("STOU\r\n", DEFAULT_PORT) } },
	{ "APPE", IN(KEEP4), .expectation = FROM_20,
	  .steps = { C("APPE a\n", DEFAULT_PORT) } },
	{ "LIST", IN(KEEP4), .expectation = FROM_20,
	  .steps = { C("LIST -la\r\n", DEFAULT_PORT) } },
	{ "NLST", IN(KEEP4), .expectation = FROM_20,
	  .steps = { C("  nlst\r\n", DEFAULT_PORT) } },
	{ "MLSD", IN(KEEP4), .expectation = FROM_20,
	  .steps = { C("MLSD /\r\n", DEFAULT_PORT) } },
	{ "a line in pieces", ONE, .expectation = FROM_20,
	  .steps = { C("RE"), C("TR a"), C("\r\n", DEFAULT_PORT) } },
	{ "after a transfer that was announced and has begun", IN(KEEP4),
	  .expectation = FROM_20,
	  .steps = { C("PASV\r\n"), S("425 no\r\n"), C("RETR a\r\n"), S("425 no\r\n"),
		     C("RETR a\r\n", DEFAULT_PORT) } },
	{ "after REIN as at the beginning", IN(KEEP4), .expectation = FROM_20,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS),
		     C("REIN\r\n"), S("220 hi\r\n", .also = { FTPNAT_EXPECTED_CLOSED }),
		     C("RETR a\r\n", DEFAULT_PORT) } },
	{ "one expectation for two transfers", IN(KEEP4), .expectation = FROM_20,
	  .steps = { C("RETR a\r\n", DEFAULT_PORT),
		     C("RETR b\r\n", .also = { FTPNAT_LINE_DEFAULT, FTPNAT_EXPECTED,
					       FTPNAT_EXPECTED_REPLACED }),
		     S("550 the first\r\n") } },

	/* ---- it is closed ---- */
	{ "with the end of the transfer", ONE,
	  .steps = { C("RETR a\r\n", DEFAULT_PORT),
		     S("150 go\r\n226 done\r\n", DEFAULT_OVER) } },
	{ "with its refusal", ONE,
	  .steps = { C("RETR a\r\n", DEFAULT_PORT), S("550 no\r\n", DEFAULT_OVER) } },
	{ "not with the replies to what came before", ONE, .expectation = FROM_20,
	  .steps = { C("NOOP\r\nSIZE a\r\nRETR a\r\n", DEFAULT_PORT), S("200 ok\r\n"),
		     S("550 no\r\n"), S("150 go\r\n") } },
	{ "with PASV, before its answer", ONE &IN_V4,
	  .steps = { C("RETR a\r\n", DEFAULT_PORT), S("150 go\r\n"),
		     C("PASV\r\n", .also = { FTPNAT_EXPECTED_REPLACED }) } },
	{ "with EPSV", IN(FULL6),
	  .steps = { C("RETR a\r\n", DEFAULT_PORT),
		     C("EPSV\r\n", .also = { FTPNAT_EXPECTED_REPLACED }) } },
	{ "by PORT, which takes its place", IN(KEEP4), .expectation = ACTIVE_PUBLISH,
	  .steps = { C("RETR a\r\n", DEFAULT_PORT),
		     C("PORT $c,7,208\r\n",
		       .also = { FTPNAT_EXPECTED_REPLACED, FTPNAT_EXPECTED }),
		     S("226 of RETR\r\n") } },
	{ "with REIN", IN(KEEP4),
	  .steps = { C("RETR a\r\n", DEFAULT_PORT), C("REIN\r\n"),
		     S("226 x\r\n", DEFAULT_OVER), S("220 hi\r\n") } },

	/* ---- it is not opened ---- */
	{ "behind PORT", IN(KEEP4), .expectation = ACTIVE_PUBLISH,
	  .steps = { C("PORT $c,7,208\r\n", OPENS), S("200 ok\r\n"), C("LIST\r\n") } },
	{ "behind PORT for two transfers, of which none has begun", IN(KEEP4),
	  .expectation = ACTIVE_PUBLISH,
	  .steps = { C("PORT $c,7,208\r\n", OPENS), S("200 ok\r\n"), C("LIST\r\n"),
		     C("RETR a\r\n") } },
	{ "behind PASV", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS),
		     C("RETR a\r\n") } },
	{ "behind a PASV whose reply is still to come", IN(KEEP4), .expectation = PASSIVE,
	  .steps = { C("PASV\r\nRETR a\r\n"),
		     S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS) } },
	{ "behind LPRT", IN(KEEP4),
	  .steps = { C("LPRT 4,4,10,0,0,1,2,7,208\r\n", .also = { FTPNAT_LINE_LPRT }),
		     C("RETR a\r\n") } },
	{ "for other commands", IN(KEEP4),
	  .steps = { C("RETRY a\r\nLISTS\r\nSTAT /\r\nMLST\r\nSIZE a\r\nREST 1\r\n") } },
	{ "for what speaks another protocol", IN(GROW4),
	  .steps = { C("Host: x\r\n", .also = { FTPNAT_NOT_FTP }), C("RETR a\r\n") } },
	{ "for a client that is another protocol's, published", IN(KEEP4), no_active,
	  .steps = { C("Host: x\r\n", .also = { FTPNAT_NOT_FTP }), C("RETR a\r\n") } },

	/* ---- it is refused ---- */
	{ "active mode not allowed", IN_ALL | CROSSED, no_active,
	  .steps = { C("RETR a\r\n", DENIED, NOT_HERE), ANSWER, C("NOOP\r\n"),
		     S("200 ok\r\n") } },
	{ "active mode not allowed, for a listing", ONE, no_active,
	  .steps = { C("list\r\n", DENIED, NOT_HERE), ANSWER, C("NOOP\r\n"),
		     S("200 ok\r\n") } },
	{ "in pieces nothing of it reaches the server", ONE, no_active,
	  .steps = { C("ST", HELD), C("OR a", HELD), C("b\r\n", DENIED, NOT_HERE), ANSWER,
		     C("NOOP\r\n"), S("200 ok\r\n") } },
	{ "a verb that only begins like one goes on", ONE, no_active,
	  .steps = { C("ST", HELD), C("AT x\r\n", "STAT x\r\n"), S("211 ok\r\n") } },
	{ "what is announced is not refused", IN(KEEP4), no_active,
	  .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS),
		     C("RETR a\r\n"), S("550 no\r\n"), C("RETR b\r\n") } },
	{ "in one segment with PASV neither", IN(KEEP4), no_active,
	  .steps = { C("PASV\r\nRETR a\r\n") } },
	{ "after EPSV ALL", IN(KEEP4) | IN(FULL6) | IN(MASQ6),
	  .steps = { C("EPSV ALL\r\n"), S("200 ok\r\n"),
		     C("RETR a\r\n", DENIED, NOT_HERE), ANSWER, C("NOOP\r\n"),
		     S("200 ok\r\n") } },
};

#define SERVER_PORT 45481 /* of the data connection */

/* A packet of the data connection on the default ports: from the server, or to it. */
static bool data_packet(const char *says, const struct talk *talk, enum end from,
			uint8_t flags, const enum ftpnat_reason *also)
{
	uint16_t seen_port = talk->scene->dialled_port - 1;
	struct packet_spec in = talk_sent(talk, from), out = talk_heard(talk, from);

	in.flags = out.flags = flags;
	in.seq = out.seq = 1000u * (from + 1) + !(flags & SYN);
	in.ack = out.ack = 1000u * (2 - from) + 1;
	if (from == SERVER) {
		in.sport = SERVER_PORT;
		out.sport = seen_port;
	} else {
		in.dport = seen_port;
		out.dport = SERVER_PORT;
	}
	return check_from(says, talk, from, &in, &out, talk_reason(talk), also);
}

static const enum scene_id routed[] = { KEEP4, KEEP6, FULL4, FULL6, MASQ4, MASQ6 };

static const struct step retr[] = { C("RETR a\r\n", DEFAULT_PORT), { 0 } };

/* Only the server, and only once; from whatever port, as inetutils' ftpd does. */
static void test_who_may_come(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		const struct scene *scene = scene_get(routed[i]);
		struct packet_spec in, stranger;
		struct talk talk;

		talk_begin(&talk, routed[i]);
		assert_true(talk_steps(&talk, scene_name(routed[i]), retr));
		in = talk_sent(&talk, SERVER);
		in.flags = SYN;
		in.seq = 2000;
		in.sport = SERVER_PORT;

		stranger = in;
		stranger.src = strchr(in.src, ':') ? "fd00:9::66" : "10.9.0.66";
		good &= check_packet("another host", INGRESS, scene->server_side,
				     &stranger, &stranger, FTPNAT_PASS, NULL);
		stranger = in;
		stranger.dport++;
		good &= check_packet("the server to the port beside", INGRESS,
				     scene->server_side, &stranger, &stranger,
				     FTPNAT_PASS, NULL);
		stranger = in;
		stranger.flags = ACK;
		good &= check_packet("no SYN", INGRESS, scene->server_side, &stranger,
				     &stranger, FTPNAT_PASS, NULL);
		assert_int_equal(dataplane_expectations(), 1);
		assert_int_equal(dataplane_flows(), 2);

		good &= data_packet("the SYN", &talk, SERVER, SYN, data_arrives);
		assert_int_equal(dataplane_expectations(), 0);
		assert_int_equal(dataplane_flows(), 4);
		good &= data_packet("its answer", &talk, CLIENT, SYN | ACK, NULL);
		good &= data_packet("its end", &talk, SERVER, ACK, data_opens);
		/* the control connection beside it is the same as ever */
		good &= talk_steps(&talk, "the control connection",
				   (const struct step[]){ S("226 done\r\n"),
							  C("NOOP\r\n"),
							  S("200 ok\r\n"),
							  { 0 } });
	}
	assert_true(good);
}

/* The same two ports again for the next transfer, when the connection before is over. */
static void test_again(void **state)
{
	static const enum ftpnat_reason again[] = { FTPNAT_EXPECTED_USED,
						    FTPNAT_DATA_CLOSED,
						    FTPNAT_REASON_MAX };
	static const struct step next[] = { S("226 done\r\n"),
					    C("RETR b\r\n", DEFAULT_PORT),
					    { 0 } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		struct packet_spec in, out;
		struct talk talk;

		talk_begin(&talk, routed[i]);
		good &= talk_steps(&talk, scene_name(routed[i]), retr);
		good &= data_packet("SYN", &talk, SERVER, SYN, data_arrives);
		good &= data_packet("SYN-ACK", &talk, CLIENT, SYN | ACK, NULL);
		in = talk_sent(&talk, SERVER);
		out = talk_heard(&talk, SERVER);
		in.flags = out.flags = FIN | ACK;
		in.sport = SERVER_PORT;
		out.sport = talk.scene->dialled_port - 1;
		in.seq = out.seq = 2001;
		in.ack = out.ack = 1001;
		good &= check_from("FIN", &talk, SERVER, &in, &out, FTPNAT_FORWARDED,
				   data_opens);
		in = talk_sent(&talk, CLIENT);
		out = talk_heard(&talk, CLIENT);
		in.flags = out.flags = FIN | ACK;
		in.dport = talk.scene->dialled_port - 1;
		out.dport = SERVER_PORT;
		in.seq = out.seq = 1001;
		in.ack = out.ack = 2002;
		good &= check_from("FIN", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED,
				   NULL);
		good &= talk_steps(&talk, scene_name(routed[i]), next);
		good &= data_packet("SYN again", &talk, SERVER, SYN, again);
		good &= data_packet("SYN-ACK again", &talk, CLIENT, SYN | ACK, NULL);
		assert_int_equal(dataplane_flows(), 4);
	}
	assert_true(good);
}

/* A client that dials from a privileged port: what listens there is not the client's. */
static void test_privileged_port(void **state)
{
	static const struct step steps[] = {
		C("RETR a\r\n", DENIED, .also = { FTPNAT_LINE_PRIVILEGED }),
		ANSWER,
		C("NOOP\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	const struct scene *scene = scene_get(KEEP4);
	struct talk talk;

	(void)state;
	scene_configure(scene, NULL);
	talk_init(&talk, scene);
	talk.client_port = talk.seen_port = FTP_FIRST_DATA_PORT - 1;
	talk_open(&talk);
	assert_true(talk_steps(&talk, "privileged", steps));
	assert_string_equal(talk_expectation(), "none");
}

static void test_table_full(void **state)
{
	static const struct step steps[] = {
		C("RETR a\r\n", DENIED, .also = { FTPNAT_LINE_FULL }),
		S("500 What?\r\n",
		  "425 Too many data connections announced, try again later.\r\n"),
		/* its start has left: the server finds out */
		C("RETR "),
		C("a\r\n", .also = { FTPNAT_LINE_FULL }),
		S("425 no\r\n"),
		{ 0 },
	};
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	dataplane_config()->limit_expected = 0;
	dataplane_apply();
	assert_true(talk_steps(&talk, "full", steps));
	assert_string_equal(talk_expectation(), "none");
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_who_may_come),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_privileged_port),
		cmocka_unit_test(test_table_full),
	};
	static struct CMUnitTest tests[ARRAY_SIZE(told) + ARRAY_SIZE(others)];
	size_t n = rows_as_tests(tests, told, ARRAY_SIZE(told), sizeof(*told), test_row);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_default_port", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
