// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Both ends stay in step: edits retransmitted and acknowledged in part, lines split and
 * held back, loss, SACK, MSS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/told.h"
#include "base/util.h"

static const struct row told[] = {
	/* ---- edits: several, again, acknowledged in part ---- */
	{ "two PORTs in one segment: both rewritten, the later counts",
	  IN(GROW4) | IN(SHRINK4) | IN(MASQ4),
	  .expectation = "$S > $P 2001 = $D 0 > $C 2001 active",
	  .steps = { C("PORT $c,7,208\r\nPORT $c,7,209\r\nNOOP\r\n",
		       "PORT $p,7,208\r\nPORT $p,7,209\r\nNOOP\r\n",
		       .also = { FTPNAT_EXPECTED, FTPNAT_EXPECTED,
				 FTPNAT_EXPECTED_REPLACED }),
		     S("200 a\r\n200 b\r\n200 c\r\n"), C("LIST\r\n") } },
	{ "PORT behind another line, and one behind it", IN(GROW4) | IN(SHRINK4),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("TYPE I\r\nPORT $c,7,208\r\nLIST\r\n",
		       "TYPE I\r\nPORT $p,7,208\r\nLIST\r\n", OPENS),
		     S("200 a\r\n200 b\r\n150 c\r\n"), C("QUIT\r\n") } },
	{ "PORT before PORT is acknowledged: the growth of both adds up",
	  IN(GROW4) | IN(SHRINK4) | IN(MASQ4), .expectation = ACTIVE_MASQUERADE,
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
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", .seq = 1, .to_seq = 1),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", .seq = 1, .to_seq = 1),
		     S("200 ok\r\n"), C("LIST\r\n") } },
	{ "again and with more behind it", IN(GROW4), .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("PORT 10,1,1,7,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("PORT 10,1,1,7,7,208\r\nNOOP\r\n", "PORT $p,7,208\r\nNOOP\r\n",
		       .seq = 1, .to_seq = 1),
		     S("200 a\r\n200 b\r\n", .ack = 31, .to_ack = 28) } },
	{ "again, cut in other places: an edit comes whole, with its last byte",
	  IN(GROW4), .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("NOOP\r\nPORT 10,1,1,7,7,208\r\nNOOP\r\n",
		       "NOOP\r\nPORT $p,7,208\r\nNOOP\r\n", OPENS),
		     C("NOOP\r\nPORT 10,", "NOOP\r\nPORT ", .seq = 1, .to_seq = 1),
		     C("1,1,7,7,208\r\nNO", "$p,7,208\r\nNO", .seq = 15, .to_seq = 12),
		     C("OP\r\n", .seq = 30, .to_seq = 33),
		     C("0,1,1,7,7,208\r", "$p,7,208\r", .seq = 13, .to_seq = 12),
		     C("\r\nNOOP\r\n", .seq = 26, .to_seq = 29) } },
	{ "a piece from within an edit that lacks its end waits for it", IN(GROW4),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("PORT 10,1,1,7,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C("10,1,1", .reason = FTPNAT_HELD, .seq = 6),
		     C("1,1", .reason = FTPNAT_HELD, .seq = 9) } },
	{ "an ACK within an edit acknowledges nothing of it", IN(GROW4),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("PORT 10,1,1,7,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     S(NULL, .flags = ACK, .ack = 3, .to_ack = 3),
		     S(NULL, .flags = ACK, .ack = 6, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 7, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 22, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 23, .to_ack = 20),
		     S(NULL, .flags = ACK, .ack = 24, .to_ack = 21),
		     S(NULL, .flags = ACK), C("LIST\r\n") } },
	{ "the same for an edit that shrinks", IN(SHRINK4),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("PORT 192,168,155,177,7,208\r\n", "PORT 203,0,113,7,7,208\r\n",
		       OPENS),
		     S(NULL, .flags = ACK, .ack = 6, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 22, .to_ack = 6),
		     S(NULL, .flags = ACK, .ack = 23, .to_ack = 27),
		     S(NULL, .flags = ACK), C("LIST\r\n") } },
	{ "reset within the stream goes where the receiver counts",
	  IN(GROW4) | IN(SHRINK4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C(NULL, .flags = RST | ACK,
		       .also = { FTPNAT_EXPECTED_CLOSED, FTPNAT_CONTROL_CLOSED }) } },
	{ "FIN of both behind edits", IN(GROW4) | IN(SHRINK4),
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS),
		     C(NULL, .flags = FIN | ACK),
		     S(NULL, .flags = FIN | ACK, .also = { FTPNAT_EXPECTED_CLOSED }),
		     C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }) } },
	{ "FIN on the segment that is rewritten", IN(GROW4) | IN(SHRINK4),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", OPENS,
		       .flags = FIN | PSH | ACK),
		     S("200 ok\r\n"), C(NULL, .flags = ACK) } },

	/* ---- lines cut in pieces ---- */
	{ "PORT in two segments: the first answered, the second carries it out",
	  IN(KEEP4) | IN(FULL4) | IN(MASQ4) | IN(GROW4) | IN(CLIENT4) | IN(SERVER4),
	  .expectation = NULL,
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
	{ "227 in two", IN_V4, .expectation = PASSIVE,
	  .steps = { C("PASV\r\n"), S("22", HELD_WITH_ACK),
		     S("7 ($s,10,10)\r\n", "227 ($d,10,10)\r\n", OPENS), C("LIST\r\n"),
		     S("150 ok\r\n") } },
	{ "229 in two", IN_V6, .expectation = PASSIVE,
	  .steps = { C("EPSV\r\n"), S("229 Extended (||", HELD_WITH_ACK),
		     S("|2570|)\r\n", "229 Extended (|||2570|)\r\n", OPENS),
		     C("LIST\r\n"), S("150 ok\r\n") } },
	{ "CR and LF in segments of their own", IN(GROW4),
	  .expectation = ACTIVE_MASQUERADE,
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
	  .expectation = ACTIVE_MASQUERADE,
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
	{ "a piece again with the rest of its line", IN(GROW4),
	  .expectation = ACTIVE_MASQUERADE,
	  .steps = { C("POR", .reason = FTPNAT_ANSWERED),
		     C("PORT $c,7,208\r\n", "PORT $p,7,208\r\n", .seq = 1, .to_seq = 1,
		       OPENS) } },
	{ "the completing segment again carries out all of the line again", IN(GROW4),
	  .expectation = ACTIVE_MASQUERADE,
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
	{ "what follows a FIN behind a piece goes where the receiver is",
	  IN(KEEP4) | IN(MASQ6) | IN(GROW4),
	  .steps = { C("POR", .reason = FTPNAT_ANSWERED),
		     C(NULL, "POR", .flags = FIN | ACK), S("500 ?\r\n"),
		     C(NULL, .flags = ACK), S("221 bye\r\n"), C(NULL, .flags = ACK),
		     S(NULL, .flags = FIN | ACK),
		     C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }) } },
	{ "a FIN behind a piece that is lost brings it out again", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("POR", .reason = FTPNAT_ANSWERED),
		     C(NULL, "POR", .flags = FIN | ACK),
		     C(NULL, "POR", .flags = FIN | ACK, .seq = 4, .to_seq = 1),
		     S("500 ?\r\n"), C(NULL, .flags = ACK) } },
	{ "RST after a FIN behind a piece", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("POR", .reason = FTPNAT_ANSWERED),
		     C(NULL, "POR", .flags = FIN | ACK), S("500 ?\r\n"),
		     C(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED }) } },
	{ "FIN that comes with a piece", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("POR", .flags = FIN | PSH | ACK), S(NULL, .flags = ACK),
		     C(NULL, .flags = ACK) } },
	{ "FIN that comes with one more piece", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("PO", .reason = FTPNAT_ANSWERED),
		     C("R", "POR", .flags = FIN | PSH | ACK), S(NULL, .flags = ACK) } },
	{ "a keepalive behind a piece is the receiver's to answer", IN(KEEP4) | IN(GROW4),
	  .steps = { C("POR", .reason = FTPNAT_ANSWERED),
		     C(NULL, .flags = ACK, .seq = 3, .to_seq = 0), S(NULL, .flags = ACK),
		     C("K", "PORK") } },
	{ "so is one whose window has changed since", IN(KEEP4) | IN(GROW4) | IN(KEEP6),
	  .steps = { C("POR", .reason = FTPNAT_ANSWERED),
		     C(NULL, .flags = ACK, .seq = 3, .to_seq = 0, .shuts = true),
		     S(NULL, .flags = ACK), C("K", "PORK") } },
	{ "so is the probe of its closed window", IN(KEEP4) | IN(GROW4),
	  .steps = { C("NOOP\r\n"), S(NULL, .flags = ACK),
		     C("POR", .reason = FTPNAT_ANSWERED),
		     S(NULL, .flags = ACK, .shuts = true),
		     C("R", "", .flags = ACK, .seq = 9, .to_seq = 6) } },
	{ "what a closed window keeps out is not a line", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("NOOP\r\n"), S(NULL, .flags = ACK, .shuts = true),
		     C("EPSV\r\n", "", .becomes_flags = ACK, .seq = 7, .to_seq = 6),
		     S("229 (|||2570|)\r\n", .also = { FTPNAT_LINE_UNASKED }) } },
	{ "RST behind a piece goes where the receiver is", IN(KEEP4) | IN(MASQ6),
	  .steps = { C("PO", .reason = FTPNAT_ANSWERED),
		     C(NULL, .flags = RST | ACK, .also = { FTPNAT_CONTROL_CLOSED }) } },
	{ "no piece of an unsolicited reply is held", IN(KEEP4) | IN(MASQ6),
	  .steps = { S("2"), S("20 hel"), S("lo\r\n"), C("USER x\r\n") } },

	/* ---- loss ---- */
	{ "a segment ahead of a lost one is left to retransmission",
	  IN(KEEP4) | IN(MASQ6),
	  .steps = { C("STAT\r\n", .reason = FTPNAT_AHEAD, .seq = 7), C("NOOP\r\n"),
		     C("STAT\r\n"),
		     S("220 x\r\n", .reason = FTPNAT_AHEAD, .seq = 2,
		       .also = { FTPNAT_ACK_PASSED }) } },
	{ "a keepalive probe is not a segment ahead", IN(KEEP4) | IN(GROW4),
	  .steps = { C("NOOP\r\n"), S(NULL, .flags = ACK),
		     C(NULL, .flags = ACK, .seq = 6, .to_seq = 6),
		     C("\n", .flags = ACK, .seq = 6, .to_seq = 6), C("NOOP\r\n") } },
};

static void test_one_byte_per_segment(void **state)
{
	static const enum scene_id ids[] = { KEEP4,   FULL4,   GROW4,
					     SHRINK4, CLIENT4, SERVER4 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct talk talk;
		const char *line;

		talk_begin(&talk, ids[i]);
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

/*
 * Nothing is sent or counted as sent if the neighbour layer would have to resolve the
 * address.
 */
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
	talk_begin(&talk, KEEP4);
	dataplane_sh("/sbin/ip neigh del %s", neighbour);
	wait_for_next_second();
	good = talk_steps(&talk, "no next hop", steps);
	dataplane_sh("/sbin/ip neigh add %s", neighbour);
	assert_true(good);
}

/* "PWD" differs from PORT at its second byte; what follows is forwarded byte by byte. */
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
	talk_begin(&talk, MASQ6);
	assert_true(talk_steps(&talk, "byte by byte", steps));
}

/* SACK blocks refer to the other direction's bytes; one within an edit covers nothing. */
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
	talk_begin(&talk, GROW4);
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

/*
 * What is sent on carries this much at most, and across families its answers do; what goes
 * up the stack is for this host.
 */
static uint16_t mss_carried(const struct talk *talk, enum end from, uint16_t mss)
{
	bool v6 = strchr(talk_heard(talk, from).src, ':') ||
		  strchr(talk_sent(talk, from).src, ':');
	uint16_t most = v6 ? 1500 - 60 : 1500 - 40;

	return talk_reason(talk) == FTPNAT_FORWARDED && mss > most ? most : mss;
}

static void mss_becomes(struct step *step, const struct talk *talk, enum end from,
			uint16_t in, uint16_t out)
{
	memset(&step->becomes_options, 0, sizeof(step->becomes_options));
	option_mss(&step->becomes_options,
		   (uint16_t)(out - in + mss_carried(talk, from, in)));
	option_timestamps(&step->becomes_options, 1, 0);
}

/*
 * Lowered by what a line can grow, on the SYN of either end, at both families. The links
 * have an MTU of 1500.
 */
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
			struct step step = C(NULL, .flags = SYN);
			struct talk talk;

			scene_configure(scene_get(id), NULL);
			talk_init(&talk, scene_get(id));
			option_mss(&step.options, rows[i].in);
			option_timestamps(&step.options, 1, 0);
			mss_becomes(&step, &talk, CLIENT, rows[i].in, rows[i].out);
			good &= talk_step(&talk, "SYN", &step);
			step.from = 's';
			step.flags = SYN | ACK;
			step.also[0] = 0;
			mss_becomes(&step, &talk, SERVER, rows[i].in, rows[i].out);
			good &= talk_step(&talk, "SYN and ACK", &step);
		}
	}
	assert_true(good);
}

/*
 * A client that gave up its first SYN and dials again from the same port: the SYN counts
 * that the server answers.
 */
static void test_syn_with_another_isn(void **state)
{
	static const struct step steps[] = {
		C(NULL, .flags = SYN, .also = { FTPNAT_IGNORED }),
		S(NULL, .flags = SYN | ACK),
		C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_OPENED }),
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
		assert_true(talk_step(&talk, "SYN", &(struct step)C(NULL, .flags = SYN)));
		talk_init(&talk, scene_get(GROW4));
		talk.isn[CLIENT] += later[i];
		good &= talk_steps(&talk, "dialled again before any answer", steps);
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
	talk.timestamps = false;
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
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_one_byte_per_segment),
		cmocka_unit_test(test_held_without_next_hop),
		cmocka_unit_test(test_harmless_byte_by_byte),
		cmocka_unit_test(test_sack),
		cmocka_unit_test(test_mss),
		cmocka_unit_test(test_syn_with_another_isn),
		cmocka_unit_test(test_own_answer_is_left_alone),
	};
	static struct CMUnitTest tests[ARRAY_SIZE(told) + ARRAY_SIZE(others)];
	size_t n = rows_as_tests(tests, told, ARRAY_SIZE(told), sizeof(*told), test_row);

	memcpy(tests + n, others, sizeof(others));
	return _cmocka_run_group_tests("tc_edits", tests, n + ARRAY_SIZE(others),
				       dataplane_setup, dataplane_teardown);
}
