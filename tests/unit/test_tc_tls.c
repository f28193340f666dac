// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Control connections under TLS: how long nothing is read, and which clients reach the
 * ports of `tls_data_ports` meanwhile. (test_tc_lines has `tls: deny`.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/policy.h"
#include "base/util.h"

/* Bodies of 257 bytes, so that no header has a NUL in it. */
#define X16  "xxxxxxxxxxxxxxxx"
#define X128 X16 X16 X16 X16 X16 X16 X16 X16
#define BODY X128 X128 "x"
#define HAS_LINES                                                                        \
	X128 "PORT 192,0,2,7,7,208\r\nPORT 192,0,2,7,7,208\r\nPORT 192,0,2,7,7,208\r\n"  \
	     "PORT 192,0,2,7,7,208\r\nPORT 192,0,2,7,7,208\r\nxxxxxxxxxxxxxxxxxxx"
#define RECORD(body) "\x17\x03\x03\x01\x01" body
#define HELLO	     "\x16\x03\x01\x01\x01\x01" X128 X128
#define ALERT	     "\x15\x03\x03\x01\x01" BODY

_Static_assert(sizeof(BODY) == 258, "as the headers say");
_Static_assert(sizeof(HAS_LINES) == 258, "as the headers say");

#define AUTH C("AUTH TLS\r\n"), S("234 go\r\n", .also = { FTPNAT_OPAQUE })
#define UP   AUTH, C(HELLO), S(HELLO)
#define ENDS .also = { FTPNAT_CLEAR }

static const struct row rows[] = {
	{ "lines after CCC are read",
	  IN(GROW4) | IN(MASQ4),
	  NULL,
	  ACTIVE_MASQUERADE,
	  { UP, C(RECORD(BODY)), S(RECORD(BODY)), S(ALERT), C(ALERT),
	    C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n",
	      .also = { FTPNAT_CLEAR, FTPNAT_EXPECTED }),
	    S("200 ok\r\n"), C("LIST\r\n"), S("150 here\r\n226 done\r\n") } },
	{ "and so are replies",
	  IN(KEEP4),
	  NULL,
	  PASSIVE,
	  { UP, S(ALERT), C(ALERT), C("PASV\r\n", ENDS),
	    S("227 =$s,10,10\r\n", "227 =$d,10,10\r\n", .also = { FTPNAT_EXPECTED }) } },
	{ "the last record and the first line in one segment",
	  IN(GROW4),
	  NULL,
	  ACTIVE_MASQUERADE,
	  { UP, S(ALERT),
	    C(ALERT "PORT $c,7,208\r\n", ALERT "PORT $p,7,208\r\n",
	      .also = { FTPNAT_CLEAR, FTPNAT_EXPECTED }) } },
	{ "records in all cuts",
	  IN(GROW4),
	  NULL,
	  ACTIVE_MASQUERADE,
	  { UP, C("\x17"), C("\x03\x03\x01"), C("\x01" X128), C(X128),
	    C("x" RECORD(BODY) "\x15\x03"), C("\x03\x01\x01" BODY), S(ALERT),
	    C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n",
	      .also = { FTPNAT_CLEAR, FTPNAT_EXPECTED }) } },
	{ "lines within a record are not read",
	  IN(GROW4) | IN(KEEP4),
	  NULL,
	  NULL,
	  { UP, C(RECORD(HAS_LINES)), S(RECORD(HAS_LINES)),
	    C("\x17\x03\x03\x01\x01" X128),
	    C("PORT $c,7,208\r\nPORT $c,7,208\r\nPORT $c,7,208\r\n") } },
	{ "without a record before, lines are not read",
	  IN(GROW4),
	  NULL,
	  NULL,
	  { AUTH, C("PORT $c,7,208\r\n"), C("PORT $c,7,208\r\n"), C(HELLO),
	    C("PORT $c,7,208\r\n") } },
	{ "after what is neither record nor line, nothing is read any more",
	  IN(GROW4),
	  NULL,
	  NULL,
	  { UP, C("\x01\r\n"), C("PORT $c,7,208\r\n") } },
	{ "after a record of another protocol version neither",
	  IN(GROW4),
	  NULL,
	  NULL,
	  { UP, C("\x17\x02\x03\x01\x01" BODY), C("PORT $c,7,208\r\n") } },
	{ "after a record that is too long neither",
	  IN(GROW4),
	  NULL,
	  NULL,
	  { UP, C("\x17\x03\x03\x48\x01" BODY), C("PORT $c,7,208\r\n") } },
	{ "a segment ahead of a lost one is left to retransmission",
	  IN(GROW4),
	  NULL,
	  ACTIVE_MASQUERADE,
	  { UP, S(ALERT), C(NULL, .flags = ACK),
	    C(ALERT, .seq = 500, .to_seq = 500, .reason = FTPNAT_AHEAD), C(RECORD(BODY)),
	    C(ALERT),
	    C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n",
	      .also = { FTPNAT_CLEAR, FTPNAT_EXPECTED }) } },
	{ "TLS again after CCC",
	  IN(GROW4),
	  NULL,
	  NULL,
	  { UP, S(ALERT), C(ALERT), C("AUTH TLS\r\n", ENDS),
	    S("234 go\r\n", .also = { FTPNAT_OPAQUE }), C(HELLO), S(HELLO),
	    C(RECORD(HAS_LINES)) } },
	{ "no login after CCC where TLS is required, until there is TLS again",
	  SOME | IN(KEEP6) | IN(MASQ4),
	  tls_first,
	  NULL,
	  { UP, S(ALERT), C(ALERT),
	    C("USER x\r\n", DENIED, .also = { FTPNAT_CLEAR, FTPNAT_LINE_TLS_FIRST }),
	    S("500 What?\r\n", R530), C("PASS y\r\n", DENIED, FIRST),
	    S("500 What?\r\n", R530), UP } },
	{ "implicit TLS",
	  IN(KEEP4) | IN(GROW4),
	  NULL,
	  NULL,
	  { C(HELLO), S(HELLO, .also = { FTPNAT_OPAQUE }), C(RECORD(HAS_LINES)),
	    S(RECORD(HAS_LINES)) } },
	{ "implicit TLS, refused by an alert",
	  IN(KEEP4) | IN(GROW4),
	  NULL,
	  NULL,
	  { C(HELLO), S(ALERT, .also = { FTPNAT_OPAQUE }) } },
	{ "no TLS: a ClientHello that the server doesn't answer as one",
	  IN(GROW4),
	  NULL,
	  NULL,
	  { C("\x16\x03\x01\x01\x01\x01\r\n"),
	    C("PORT $c,7,208\r\n", "PORT 0,0,0,0,0,0\r\n", .also = { FTPNAT_NOT_FTP }),
	    S("220 hello\r\n", .also = { FTPNAT_NOT_FTP }), S("500 what?\r\n") } },
	{ "no TLS: an address line in pieces behind such a ClientHello",
	  IN(GROW4),
	  NULL,
	  NULL,
	  { C("\x16\x03\x01\x01\x01\x01\r\n"),
	    C("PORT $c,7,", "PORT DENIED", .also = { FTPNAT_LINE_AMBIGUOUS }),
	    C("208\r\n") } },
	{ "no TLS: no ClientHello, and no FTP",
	  IN(GROW4),
	  NULL,
	  NULL,
	  { C("\x16\x03\x01\x01\x01\x02\r\n", .also = { FTPNAT_NOT_FTP }),
	    C("PORT $c,7,208\r\n") } },
	{ "no TLS, and no FTP: the server has greeted the client",
	  IN(GROW4),
	  NULL,
	  NULL,
	  { S("220 hello\r\n"),
	    C("\x16\x03\x01\x01\x01\x01\r\n", .also = { FTPNAT_NOT_FTP }),
	    C("PORT $c,7,208\r\n") } },
	{ "no TLS: the client has said something before",
	  IN(GROW4),
	  NULL,
	  ACTIVE_MASQUERADE,
	  { C("NOOP\r\n"), C("\x16\x03\x01\x01\x01\x01\r\n"),
	    C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", .also = { FTPNAT_EXPECTED }) } },
};

/* ---- tls_data_ports ---- */

static const enum ftpnat_reason comes[] = { FTPNAT_TLS_DATA, FTPNAT_REASON_MAX };

static const struct step up[] = { UP, { 0 } };
static const struct step ccc[] = { S(ALERT), C(ALERT), C("NOOP\r\n", ENDS), { 0 } };

static void configure(enum scene_id id)
{
	struct ftpnat_rule rule = scene_rule(scene_get(id));

	rule.tls_port_min = 60000;
	rule.tls_port_max = 60099;
	scene_configure(scene_get(id), &rule);
}

/* Another control connection of the scene, from another port. */
static void begin(struct talk *talk, const struct scene *scene, uint16_t port)
{
	talk_init(talk, scene);
	talk->client_port = port;
	talk->seen_port = port;
	talk_open(talk);
}

/* A data SYN of the talk's client: does it reach the talk's server on the same port? */
static bool dials(const struct talk *talk, const char *says, const char *client,
		  uint16_t from, uint16_t port, bool reaches)
{
	struct packet_spec in = talk_sent(talk, CLIENT), out = talk_heard(talk, CLIENT);

	in.flags = SYN;
	in.sport = from;
	in.dport = port;
	if (client)
		in.src = client;
	out.flags = SYN;
	out.sport = from;
	out.dport = port;
	return check_packet(says, talk_hook(talk, CLIENT), talk_side(talk, CLIENT), &in,
			    reaches ? &out : &in,
			    reaches ? talk_reason(talk) : FTPNAT_PASS,
			    reaches ? comes : NULL);
}

static void test_data_ports(void **state)
{
	static const struct {
		enum scene_id id;
		const char *stranger;
	} scenes[] = {
		{ KEEP4, "198.51.100.8" },  { KEEP6, "2001:db8:1::8" },
		{ FULL4, "198.51.100.8" },  { FULL6, "2001:db8:1::8" },
		{ MASQ4, "192.168.5.8" },   { MASQ6, "fd00:5::8" },
		{ IFACE4, "192.168.5.8" },  { IFACE6, "fd00:5::8" },
		{ CLIENT4, "192.168.5.8" }, { SERVER4, "198.51.100.8" },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i].id);
		const char *stranger = scenes[i].stranger;
		/* what leaves is translated, see test_leaves() */
		bool beside = scene->kind == FTPNAT_MASQUERADE && scene->client_local;
		struct talk talk;

		configure(scenes[i].id);
		begin(&talk, scene, CLIENT_PORT);
		good &= dials(&talk, "before TLS", NULL, 50001, 60001, false);
		assert_true(talk_steps(&talk, "TLS", up));
		good &= dials(&talk, "the first port", NULL, 50002, 60000, true);
		good &= dials(&talk, "the last port", NULL, 50003, 60099, true);
		good &= dials(&talk, "a second time", NULL, 50004, 60099, true);
		good &= dials(&talk, "the port before", NULL, 50005, 59999, beside);
		good &= dials(&talk, "the port behind", NULL, 50006, 60100, beside);
		good &= dials(&talk, "another client", stranger, 50007, 60001, false);
		assert_true(talk_steps(&talk, "CCC", ccc));
		good &= dials(&talk, "after CCC", NULL, 50008, 60001, false);
	}
	assert_true(good);
}

static void test_no_data_ports_without_the_key(void **state)
{
	struct talk talk;

	(void)state;
	scene_configure(scene_get(KEEP4), NULL);
	begin(&talk, scene_get(KEEP4), CLIENT_PORT);
	assert_true(talk_steps(&talk, "TLS", up));
	assert_true(dials(&talk, "no range", NULL, 50001, 60001, false));
}

static void test_end_of_session(void **state)
{
	static const struct step closes[][4] = {
		{ { 'c', .flags = FIN | ACK }, { 's', .flags = FIN | ACK }, { 0 } },
		{ { 'c', .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED } }, { 0 } },
		{ { 's', .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED } }, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(closes); i++) {
		struct talk talk;

		configure(KEEP4);
		begin(&talk, scene_get(KEEP4), CLIENT_PORT);
		assert_true(talk_steps(&talk, "TLS", up));
		assert_true(dials(&talk, "alive", NULL, 50001, 60001, true));
		assert_true(talk_steps(&talk, "the end", closes[i]));
		assert_true(dials(&talk, "ended", NULL, 50002, 60001, false));
	}
}

/* A listen within the range stays a listen. */
static void test_control_port_in_range(void **state)
{
	static const enum scene_id ids[] = { KEEP4, MASQ4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct scene *scene = scene_get(ids[i]);
		struct packet_spec in, out;
		struct talk talk;

		configure(ids[i]);
		if (scene->kind == FTPNAT_PUBLISH)
			dataplane_listen(scene->dialled, 60001, 0);
		else
			dataplane_select(1, scene->prefix, 60001, 0);
		begin(&talk, scene, CLIENT_PORT);
		assert_true(talk_steps(&talk, "TLS", up));
		in = talk_sent(&talk, CLIENT);
		out = talk_heard(&talk, CLIENT);
		in.flags = out.flags = SYN;
		in.sport = out.sport = 50001;
		in.dport = 60001;
		if (scene->kind == FTPNAT_MASQUERADE)
			out.dport = 60001;
		option_mss(&in.options, 1460);
		option_mss(&out.options, 1460 - 320);
		assert_true(check_packet("a control connection", INGRESS,
					 talk_side(&talk, CLIENT), &in, &out,
					 FTPNAT_FORWARDED, NULL));
	}
}

/* A masqueraded client's session with one server does not affect another server. */
static void test_another_server(void **state)
{
	struct packet_spec syn;
	struct talk talk;

	(void)state;
	configure(MASQ4);
	begin(&talk, scene_get(MASQ4), CLIENT_PORT);
	assert_true(talk_steps(&talk, "TLS", up));
	syn = talk_sent(&talk, CLIENT);
	syn.flags = SYN;
	syn.sport = 50001;
	syn.dport = 60001;
	syn.dst = "198.51.100.22";
	assert_true(check_packet("another server", INGRESS, INNER, &syn, &syn,
				 FTPNAT_PASS, NULL));
}

/*
 * Without the key a masqueraded client's connection is translated at egress, if
 * everything else has accepted it. It does not pass where others would not.
 */
static void test_leaves(void **state)
{
	static const struct step ends[] = {
		{ 'c', .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED } }, { 0 }
	};
	static const struct ftpnat_guard guard = { .number = 1,
						   .ports = { { 1024, 65535 } } };
	const struct scene *scene = scene_get(MASQ4);
	struct packet_spec in, out;
	struct talk talk;
	bool good = true;

	(void)state;
	for (int guarded = 0; guarded < 2; guarded++) {
		scene_configure(scene, NULL);
		if (guarded)
			dataplane_guard(OUTER, &guard);
		begin(&talk, scene, CLIENT_PORT);
		in = talk_sent(&talk, CLIENT);
		in.flags = SYN;
		in.dport = 60001;
		in.sport = 50001;
		out = in;
		out.src = scene->seen;
		good &= check_packet("in clear text", EGRESS, OUTER, &in, &in,
				     guarded ? FTPNAT_GUARDED : FTPNAT_PASS, NULL);
		assert_true(talk_steps(&talk, "TLS", up));
		good &= check_packet("coming in", INGRESS, INNER, &in, &in, FTPNAT_PASS,
				     NULL);
		good &= check_packet("leaving", EGRESS, OUTER, &in, guarded ? &in : &out,
				     guarded ? FTPNAT_GUARDED : FTPNAT_TRANSLATED,
				     guarded ? NULL : comes);
		in.dport = 1023;
		good &= check_packet("no data port", EGRESS, OUTER, &in, &in, FTPNAT_PASS,
				     NULL);
		assert_true(talk_steps(&talk, "the end", ends));
		in.dport = 60001;
		in.sport = 50002;
		good &= check_packet("after the session", EGRESS, OUTER, &in, &in,
				     guarded ? FTPNAT_GUARDED : FTPNAT_PASS, NULL);
	}
	assert_true(good);
}

/*
 * One client with sessions on two servers: its connections go to the server that sent
 * something last.
 */
static void test_two_servers(void **state)
{
	static const struct step speaks[] = { S(RECORD(BODY)), { 0 } };
	static const struct step ends[] = {
		{ 'c', .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED } }, { 0 }
	};
	struct scene second = *scene_get(KEEP4);
	struct talk one, two;

	(void)state;
	configure(KEEP4);
	begin(&one, scene_get(KEEP4), 40000);
	assert_true(talk_steps(&one, "TLS", up));
	second.server = "10.9.0.11";
	dataplane_server(0, second.server, second.server_port, NULL, 1);
	begin(&two, &second, 40001);
	assert_true(dials(&one, "the second isn't under TLS", NULL, 50001, 60001, true));
	assert_true(talk_steps(&two, "TLS", up));
	assert_true(dials(&two, "the second spoke", NULL, 50002, 60001, true));
	assert_true(talk_steps(&one, "the first speaks", speaks));
	assert_true(dials(&one, "the first spoke", NULL, 50003, 60001, true));
	assert_true(talk_steps(&two, "the second speaks", speaks));
	assert_true(talk_steps(&two, "the second ends", ends));
	assert_true(dials(&one, "the first spoke before it", NULL, 50004, 60001, true));
	assert_true(talk_steps(&one, "the first ends", ends));
	assert_true(dials(&one, "no session is left", NULL, 50005, 60001, false));
}

/*
 * An expectation of one session stays valid when other sessions of the same client end.
 */
static void test_many_sessions(void **state)
{
	static const struct step speaks[] = { S(RECORD(BODY)), { 0 } };
	static const struct step ends[] = {
		{ 'c', .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED } }, { 0 }
	};
	struct talk talk[FTPNAT_TLS_SESSIONS + 1];
	const size_t n = ARRAY_SIZE(talk);
	uint16_t port = 50001;

	(void)state;
	configure(KEEP4);
	for (size_t i = 0; i < n; i++) {
		begin(&talk[i], scene_get(KEEP4), (uint16_t)(40000 + i));
		assert_true(talk_steps(&talk[i], "TLS", up));
	}
	assert_true(talk_steps(&talk[1], "one speaks", speaks));
	for (size_t i = n; i-- > 1;) {
		assert_true(dials(&talk[0], "some are left", NULL, port++, 60001, true));
		assert_true(talk_steps(&talk[i], "one ends", ends));
	}
	assert_true(talk_steps(&talk[0], "the one that was left out speaks", speaks));
	assert_true(dials(&talk[0], "one is left", NULL, port++, 60001, true));
	assert_true(talk_steps(&talk[0], "the last ends", ends));
	assert_true(dials(&talk[0], "none is left", NULL, port, 60001, false));
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(rows) + 8];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_data_ports),
		cmocka_unit_test(test_no_data_ports_without_the_key),
		cmocka_unit_test(test_end_of_session),
		cmocka_unit_test(test_control_port_in_range),
		cmocka_unit_test(test_another_server),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_two_servers),
		cmocka_unit_test(test_many_sessions),
	};
	size_t n = rows_as_tests(tests, rows, ARRAY_SIZE(rows), sizeof(*rows), test_row);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_tls", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
