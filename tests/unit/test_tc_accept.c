// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Segments that their receiver will not accept go on and change nothing: no state, no
 * clock, no expectation. Blind ones of somebody who knows all but the sequence numbers.
 */
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xdp.h"
#include "base/util.h"

#define AWAY 0x3000000

static const enum ftpnat_reason ignored[] = { FTPNAT_IGNORED, FTPNAT_REASON_MAX };

static const struct blind {
	const char *says;
	uint8_t flags;
	uint32_t seq, ack; /* more than the right ones */
} blind[] = {
	{ "a reset far away", RST, AWAY, 0 },
	{ "a reset in the window", RST, 1, 0 },
	{ "a reset before the window", RST, -1u, 0 },
	{ "a reset with ACK", RST | ACK, 1, 0 },
	{ "a SYN", SYN, AWAY, 0 },
	{ "a SYN at the next number", SYN, 0, 0 },
	{ "a SYN-ACK", SYN | ACK, AWAY, AWAY },
	{ "a FIN far away", FIN | ACK, AWAY, 0 },
	{ "a FIN that acknowledges what was never sent", FIN | ACK, 0, AWAY },
	{ "a FIN without ACK", FIN, 0, 0 },
	{ "an ACK far away", ACK, AWAY, 0 },
	{ "an ACK of what was never sent", ACK, 0, AWAY },
};

#define BLIND_CONTROL 7 /* of them, also for control connections */

static const enum scene_id routed[] = { KEEP4, KEEP6, FULL4, FULL6, MASQ4, MASQ6 };

/* Everything in an entry but its counters, and the next hop that it believes in. */
static struct ftpnat_flow state_of(const struct packet_spec *spec)
{
	struct ftpnat_flow flow = xdp_flow(spec);

	flow.packets = flow.bytes = 0;
	flow.hop = 0;
	flow.xdp = 0;
	return flow;
}

/* The clock of an entry is set back, so that a packet that is believed shows. */
static void forget_seen(const struct packet_spec *spec)
{
	const struct ftpnat_tuple key = xdp_key(spec);
	struct ftpnat_flow flow = xdp_flow(spec);

	flow.seen -= 5;
	xdp_set_flow(&key, &flow);
}

static void test_data(void **state)
{
	const struct blind *row = *state;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct ftpnat_flow before[2], after[2];
			struct packet_spec in, out, ends[2];
			struct talk talk;

			xdp_begin(&talk, routed[i]);
			for (enum end end = CLIENT; end <= SERVER; end++) {
				ends[end] = data_sent(&talk, end);
				forget_seen(&ends[end]);
				before[end] = state_of(&ends[end]);
			}
			in = data_sent(&talk, from);
			out = data_heard(&talk, from);
			in.flags = out.flags = row->flags;
			in.seq = out.seq = in.seq + row->seq;
			in.ack = out.ack = in.ack + row->ack;
			good &= check_from(row->says, &talk, from, &in, &out,
					   FTPNAT_FORWARDED, ignored);
			for (enum end end = CLIENT; end <= SERVER; end++) {
				after[end] = state_of(&ends[end]);
				assert_memory_equal(&before[end], &after[end],
						    sizeof(before[end]));
			}
			good &= data_check("the connection lives", &talk, CLIENT, ACK,
					   "some data", NULL);
			good &= xdp_takes("and by XDP", &talk, NATIVE, true);
		}
	}
	assert_true(good);
}

/* XDP believes no more than TC, and leaves it what it doesn't. */
static void test_xdp(void **state)
{
	static const struct blind rows[] = {
		{ "far away", ACK, AWAY, 0 },
		{ "an ACK of what was never sent", ACK, 0, AWAY },
		{ "both", ACK, AWAY, AWAY },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		struct ftpnat_flow before, after;
		struct packet packet;
		struct talk talk;

		xdp_begin(&talk, routed[i]);
		good &= xdp_takes("a plain packet", &talk, NATIVE, true);
		for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
			struct packet_spec in = data_sent(&talk, CLIENT);

			forget_seen(&in);
			before = xdp_flow(&in);
			in.seq += rows[n].seq;
			in.ack += rows[n].ack;
			packet_build(&packet, &in);
			for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++)
				good &= xdp_check(rows[n].says, mode,
						  talk_side(&talk, CLIENT), &packet,
						  NULL);
			after = xdp_flow(&in);
			assert_memory_equal(&before, &after, sizeof(before));
		}
	}
	assert_true(good);
}

/* After FIN or RST of either end TC sees all packets; after a FIN that was none, XDP again. */
static void test_xdp_after_the_end(void **state)
{
	struct packet_spec in, out;
	struct talk talk;
	bool good = true;

	(void)state;
	xdp_begin(&talk, FULL4);
	good &= data_check("FIN", &talk, SERVER, FIN | ACK, NULL, NULL);
	good &= xdp_takes("the other direction", &talk, NATIVE, false);
	in = data_sent(&talk, SERVER);
	out = data_heard(&talk, SERVER);
	in.flags = out.flags = ACK;
	in.payload = out.payload = "no end at all";
	good &= check_from("data behind it", &talk, SERVER, &in, &out, FTPNAT_FORWARDED,
			   NULL);
	good &= xdp_takes("the other direction", &talk, NATIVE, true);
	assert_true(good);
}

/* The same on a control connection; its expectation stays open, and lines go on being read. */
static void test_control(void **state)
{
	static const struct step announces[] = {
		C("EPSV\r\n"),
		S("229 (|||2570|)\r\n", .also = { FTPNAT_EXPECTED }),
		C("NOOP\r\n"),
		{ 0 },
	};
	const struct blind *row = *state;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet_spec in, out;
			struct counters before;
			struct packet packet;
			struct talk talk;
			struct run run;

			talk_begin(&talk, routed[i]);
			good &= talk_steps(&talk, row->says, announces);
			in = talk_sent(&talk, from);
			in.flags = row->flags;
			in.seq = talk.isn[from] + talk.sent[from] + row->seq;
			in.ack = talk.isn[!from] + talk.heard[!from] + row->ack;
			packet_build(&packet, &in);
			dataplane_counters(&before);
			dataplane_run(&run, INGRESS, talk_side(&talk, from), &packet, 0);
			assert_int_equal(run.action, TC_REDIRECT);
			good &= dataplane_counted(row->says, &before, FTPNAT_FORWARDED,
						  ignored);
			assert_int_equal(dataplane_expectations(), 1);
			good &= talk_step(&talk, "it lives",
					  &(struct step)S("200 ok\r\n"));
			out = talk_syn(&talk);
			packet_build(&packet, &out);
			dataplane_run(&run, INGRESS, talk.scene->client_side, &packet, 0);
			assert_int_equal(dataplane_sessions(), 1);
			assert_int_equal(dataplane_expectations(), 1);
		}
	}
	assert_true(good);
}

/* What makes a segment with a line one that its receiver discards: it is dropped, whole. */
static const struct flaw {
	const char *says;
	enum ftpnat_reason reason;
	uint8_t flags;
	uint32_t seq, ack; /* more than the right ones */
	int32_t clock;	   /* 0: the next */
	bool no_options, bad_checksum, bad_ip_checksum;
	uint8_t option;
} flaws[] = {
	{ "a wrong checksum", FTPNAT_BAD_CHECKSUM, .bad_checksum = true },
	{ "a wrong checksum of the IPv4 header", FTPNAT_BAD_CHECKSUM,
	  .bad_ip_checksum = true },
	{ "no ACK flag", FTPNAT_BAD_FLAGS, .flags = PSH },
	{ "no ACK flag, with FIN", FTPNAT_BAD_FLAGS, .flags = PSH | FIN },
	{ "TCP-MD5", FTPNAT_BAD_OPTION, .option = 19 },
	{ "TCP-AO", FTPNAT_BAD_OPTION, .option = 29 },
	{ "an old timestamp", FTPNAT_BAD_TIMESTAMP, .clock = -1000 },
	{ "no timestamp", FTPNAT_BAD_TIMESTAMP, .no_options = true },
	{ "an ACK of one byte more than was sent", FTPNAT_BAD_ACK, .ack = 1 },
	{ "an ACK far ahead", FTPNAT_BAD_ACK, .ack = 0x40000000 },
	{ "an ACK far behind", FTPNAT_BAD_ACK, .ack = -0x20000u },
	{ "far ahead", FTPNAT_BAD_SEQUENCE, .seq = 0x20000 },
	{ "half the space away", FTPNAT_BAD_SEQUENCE, .seq = 0x80000000 },
	{ "far behind", FTPNAT_BAD_SEQUENCE, .seq = -0x20000u },
	{ "behind the window", FTPNAT_BAD_WINDOW, .seq = SERVER_WINDOW },
};

static void flawed(struct packet *packet, const struct talk *talk, enum end from,
		   const struct flaw *row, const char *line)
{
	struct packet_spec in = talk_sent(talk, from);

	in.flags = row->flags ? row->flags : PSH | ACK;
	in.seq = talk->isn[from] + talk->sent[from] + row->seq;
	in.ack = talk->isn[!from] + talk->heard[!from] + row->ack;
	in.payload = line;
	if (row->option) {
		in.options.byte[0] = row->option;
		in.options.byte[1] = 16;
		in.options.len = 16;
	} else if (!row->no_options) {
		option_timestamps(&in.options,
				  talk->clock[from] +
					  (row->clock ? (uint32_t)row->clock : 1),
				  talk->clock[!from]);
	}
	packet_build(packet, &in);
	if (row->bad_checksum)
		packet->byte[packet_tcp(packet) + 16] ^= 1;
	if (row->bad_ip_checksum)
		packet->byte[ETH_HLEN + offsetof(struct iphdr, check)] ^= 1;
}

/* The header of IPv6 has no checksum (RFC 8200 section 3). */
static bool flaw_exists(const struct flaw *row, enum scene_id id)
{
	return !row->bad_ip_checksum || !(IN(id) & IN_V6);
}

/* The session but for its lock: parsers, clocks, windows, what is acknowledged. */
static struct ftpnat_session session_of(const struct talk *talk)
{
	const struct ftpnat_tuple key = tuple(talk->scene->client, talk->client_port,
					      talk->scene->dialled,
					      talk->scene->dialled_port);
	struct ftpnat_session session;
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	assert_true(dataplane_session(flow.session, &session));
	return session;
}

static void test_line(void **state)
{
	static const struct step before[] = {
		S("220 hello\r\n"),    C("NOOP\r\n"), S("200 ok\r\n"),
		C(NULL, .flags = ACK), { 0 },
	};
	static const struct step after[] = {
		C("EPSV\r\n"),
		S("229 (|||2570|)\r\n", .also = { FTPNAT_EXPECTED }),
		{ 0 },
	};
	const struct flaw *row = *state;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct ftpnat_session was, is;
			struct counters counters;
			struct packet packet;
			struct talk talk;
			struct run run;

			if (!flaw_exists(row, routed[i]))
				continue;
			talk_begin(&talk, routed[i]);
			good &= talk_steps(&talk, row->says, before);
			was = session_of(&talk);
			flawed(&packet, &talk, from, row,
			       from == CLIENT ? "PASV\r\n" : "500 no\r\n");
			dataplane_counters(&counters);
			dataplane_run(&run, INGRESS, talk_side(&talk, from), &packet, 0);
			good &= run.action == TC_SHOT;
			good &= dataplane_counted(row->says, &counters, row->reason,
						  NULL);
			good &= !dataplane_copy(&packet);
			is = session_of(&talk);
			assert_memory_equal(&was, &is, sizeof(was));
			good &= talk_steps(&talk, row->says, after);
			assert_int_equal(dataplane_expectations(), 1);
		}
	}
	assert_true(good);
}

/* The same without a line: it goes on, and the session is as before. */
static void test_no_line(void **state)
{
	const struct flaw *row = *state;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct ftpnat_session was, is;
			struct counters counters;
			struct packet packet;
			struct talk talk;
			struct run run;

			if (row->reason == FTPNAT_BAD_WINDOW || row->bad_ip_checksum ||
			    (row->bad_checksum && !(row->flags & FIN)))
				continue;
			talk_begin(&talk, routed[i]);
			good &= talk_step(&talk, row->says, &(struct step)C("NOOP\r\n"));
			was = session_of(&talk);
			flawed(&packet, &talk, from, row, NULL);
			dataplane_counters(&counters);
			dataplane_run(&run, INGRESS, talk_side(&talk, from), &packet, 0);
			good &= run.action == TC_REDIRECT;
			good &= dataplane_counted(row->says, &counters, FTPNAT_FORWARDED,
						  ignored);
			is = session_of(&talk);
			assert_memory_equal(&was, &is, sizeof(was));
			good &= talk_step(&talk, row->says,
					  &(struct step)S("200 ok\r\n"));
		}
	}
	assert_true(good);
}

/*
 * A FIN with an old timestamp: whether its receiver takes it can't be known, so it has to
 * come again, with a new one.
 */
static void test_late_fin(void **state)
{
	static const struct flaw late = { "a late FIN", FTPNAT_BAD_TIMESTAMP,
					  .flags = FIN | ACK, .clock = -1000 };
	static const struct step ends[] = {
		C(NULL, .flags = FIN | ACK),
		S(NULL, .flags = FIN | ACK),
		C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }),
		{ 0 },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct ftpnat_session was, is;
			struct counters counters;
			struct packet packet;
			struct talk talk;
			struct run run;

			talk_begin(&talk, routed[i]);
			good &= talk_step(&talk, late.says, &(struct step)C("NOOP\r\n"));
			good &= talk_step(&talk, late.says,
					  &(struct step)S("200 ok\r\n"));
			was = session_of(&talk);
			flawed(&packet, &talk, from, &late, NULL);
			dataplane_counters(&counters);
			dataplane_run(&run, INGRESS, talk_side(&talk, from), &packet, 0);
			good &= run.action == TC_SHOT;
			good &= dataplane_counted(late.says, &counters, late.reason,
						  NULL);
			is = session_of(&talk);
			assert_memory_equal(&was, &is, sizeof(was));
			good &= talk_steps(&talk, "it comes again", ends);
		}
	}
	assert_true(good);
}

/* An urgent byte is read by some and not by others: only Telnet's Synch stays urgent. */
static void test_urgent(void **state)
{
	static const struct step steps[] = {
		C("NOOP\r\n", .flags = URG | PSH | ACK, .becomes_flags = PSH | ACK),
		S("200 ok\r\n", .flags = URG | PSH | ACK, .becomes_flags = PSH | ACK),
		C(NULL, .flags = URG | ACK, .becomes_flags = ACK),
		C("N\xff", .flags = URG | PSH | ACK, .becomes_flags = PSH | ACK),
		C("OOP\r\n"),
		C("\xff\xf4\xff", .flags = URG | PSH | ACK),
		C("\xf2"
		  "ABOR\r\n"),
		{ 0 },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		struct talk talk;

		talk_begin(&talk, routed[i]);
		good &= talk_steps(&talk, "urgent", steps);
	}
	assert_true(good);
}

/* Of an option that comes twice, receivers take the first or the last: only that one remains. */
static void test_repeated_options(void **state)
{
	static const struct options twice = { 24, { 3,	3, 14, 1, 2, 4, 2,   0,
						    34, 2, 34, 6, 1, 2, 3,   4,
						    3,	3, 13, 2, 4, 3, 232, 1 } };
	static const struct options once = { 24,
					     { 1, 1, 1, 1, 1, 1, 1,  1, 1, 1, 1,   1,
					       1, 1, 1, 1, 3, 3, 10, 2, 4, 2, 168, 1 } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		struct packet_spec in, out;
		struct talk talk;

		scene_configure(scene_get(routed[i]), NULL);
		talk_init(&talk, scene_get(routed[i]));
		in = talk_syn(&talk);
		out = talk_syn_heard(&talk);
		in.options = twice;
		out.options = once;
		good &= check_from("SYN", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED,
				   NULL);
	}
	assert_true(good);
}

/* Fast Open: its option and its data are taken out of both SYNs. */
static void test_fast_open(void **state)
{
	static const struct options asks = { 4, { 34, 2, 1, 1 } };
	static const struct options nothing = { 4, { 1, 1, 1, 1 } };
	static const struct step steps[] = {
		C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_OPENED }),
		S("220 hello\r\n"),
		C("NOOP\r\n"),
		{ 0 },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		struct packet_spec in, out;
		struct talk talk;

		scene_configure(scene_get(routed[i]), NULL);
		talk_init(&talk, scene_get(routed[i]));
		talk.timestamps = false;
		in = talk_syn(&talk);
		out = talk_syn_heard(&talk);
		in.options = asks;
		out.options = nothing;
		in.payload = "USER a\r\n";
		good &= check_from("SYN", &talk, CLIENT, &in, &out, FTPNAT_FORWARDED,
				   NULL);
		talk.sent[CLIENT] = talk.heard[CLIENT] = 1;
		in = talk_sent(&talk, SERVER);
		out = talk_heard(&talk, SERVER);
		in.flags = out.flags = SYN | ACK;
		in.seq = out.seq = talk.isn[SERVER];
		in.ack = out.ack = talk.isn[CLIENT] + 1;
		in.options = asks;
		out.options = nothing;
		in.payload = "220 hello\r\n";
		good &= check_from("SYN-ACK", &talk, SERVER, &in, &out, FTPNAT_FORWARDED,
				   NULL);
		talk.sent[SERVER] = talk.heard[SERVER] = 1;
		good &= talk_steps(&talk, "as any other", steps);
	}
	assert_true(good);
}

/* The same on a data connection, in whichever direction it opens. */
static void test_fast_open_of_data(void **state)
{
	static const struct options asks = { 4, { 34, 2, 1, 1 } };
	static const struct options nothing = { 4, { 1, 1, 1, 1 } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		struct talk talk;

		talk_begin(&talk, routed[i]);
		data_announce(&talk);
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet_spec in = data_sent(&talk, from);
			struct packet_spec out = data_heard(&talk, from);

			in.flags = out.flags = from == CLIENT ? SYN : SYN | ACK;
			in.seq = out.seq = in.seq - 1;
			in.options = asks;
			out.options = nothing;
			in.payload = "some data";
			good &= check_from("SYN", &talk, from, &in, &out,
					   FTPNAT_FORWARDED,
					   from == CLIENT ? data_arrives : NULL);
		}
		good &= data_check("ACK", &talk, CLIENT, ACK, NULL, data_opens);
		good &= data_check("data", &talk, CLIENT, ACK, "some data", NULL);
	}
	assert_true(good);
}

/* A line that would not get as far as those before it does so all the same. */
static void test_ttl(void **state)
{
	static const struct {
		uint8_t ttl, becomes;
		const char *line;
	} rows[] = { { 64, 63, "NOOP\r\n" },
		     { 2, 63, "NOOP\r\n" },
		     { 200, 199, "NOOP\r\n" },
		     { 64, 199, "NOOP\r\n" },
		     { 10, 9, NULL } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct talk talk;

			talk_begin(&talk, routed[i]);
			for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
				struct packet_spec in = talk_sent(&talk, from);
				struct packet_spec out = talk_heard(&talk, from);

				in.flags = out.flags = PSH | ACK;
				in.ttl = rows[n].ttl;
				out.ttl = rows[n].becomes;
				in.payload = out.payload = rows[n].line;
				in.seq = out.seq = talk.isn[from] + talk.sent[from];
				in.ack = out.ack = talk.isn[!from] + talk.sent[!from];
				option_timestamps(&in.options, ++talk.clock[from],
						  talk.clock[!from]);
				out.options = in.options;
				talk.sent[from] += rows[n].line ? 6 : 0;
				good &= check_from("TTL", &talk, from, &in, &out,
						   FTPNAT_FORWARDED, NULL);
			}
		}
	}
	assert_true(good);
}

/* What the sender has left to its card is not a wrong checksum. */
static void test_unfinished_checksum(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		static const struct flaw none = { .says = "GSO", .bad_checksum = true };
		struct packet packet;
		struct talk talk;
		struct run run;

		talk_begin(&talk, routed[i]);
		flawed(&packet, &talk, CLIENT, &none, "NOOP\r\nNOOP\r\nNOOP\r\n");
		dataplane_run(&run, INGRESS, talk_side(&talk, CLIENT), &packet, 12);
		good &= run.action == TC_REDIRECT;
	}
	assert_true(good);
}

/* A reset with the right number ends a session: behind all that was said, or acknowledged. */
static void test_control_reset(void **state)
{
	static const struct step steps[] = {
		C("EPSV\r\n"),
		S("229 (|||2570|)\r\n", .also = { FTPNAT_EXPECTED }),
		C("NOOP\r\n"),
		{ 0 },
	};
	static const struct step behind =
		C(NULL, .flags = RST,
		  .also = { FTPNAT_EXPECTED_CLOSED, FTPNAT_CONTROL_CLOSED });
	static const struct step acknowledged = /* the server has EPSV, but not NOOP */
		C(NULL, .flags = RST, .seq = 7, .to_seq = 7,
		  .also = { FTPNAT_EXPECTED_CLOSED, FTPNAT_CONTROL_CLOSED });
	struct talk talk;
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		talk_begin(&talk, routed[i]);
		good &= talk_steps(&talk, "an expectation", steps);
		good &= talk_step(&talk, "behind all", &behind);
		assert_int_equal(dataplane_expectations(), 0);

		talk_begin(&talk, routed[i]);
		good &= talk_steps(&talk, "an expectation", steps);
		good &= talk_step(&talk, "as acknowledged", &acknowledged);
		assert_int_equal(dataplane_expectations(), 0);
	}
	assert_true(good);
}

/*
 * A client that crashed dials again from the same port: the server challenges it, and is
 * reset with the number that it asked for; then the SYN comes again.
 */
static void test_client_that_crashed(void **state)
{
	static const struct step steps[] = {
		S("220 hello\r\n"),
		C("NOOP\r\n"),
		C(NULL, .flags = SYN, .seq = 0x12345678, .to_seq = 0x12345678,
		  .also = { FTPNAT_IGNORED }),
		S(NULL, .flags = ACK),
		C(NULL, .flags = RST, .also = { FTPNAT_CONTROL_CLOSED }),
		C(NULL, .flags = SYN, .seq = 0x12345678, .to_seq = 0x12345678),
		{ 0 },
	};
	struct talk talk;
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routed); i++) {
		talk_begin(&talk, routed[i]);
		good &= talk_steps(&talk, "crashed", steps);
		assert_int_equal(dataplane_flows(), 2);
	}
	assert_true(good);
}

int main(void)
{
	static struct CMUnitTest tests[2 * ARRAY_SIZE(blind) + 2 * ARRAY_SIZE(flaws) + 16];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_xdp),
		cmocka_unit_test(test_xdp_after_the_end),
		cmocka_unit_test(test_urgent),
		cmocka_unit_test(test_late_fin),
		cmocka_unit_test(test_repeated_options),
		cmocka_unit_test(test_fast_open),
		cmocka_unit_test(test_fast_open_of_data),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_unfinished_checksum),
		cmocka_unit_test(test_control_reset),
		cmocka_unit_test(test_client_that_crashed),
	};
	size_t n =
		rows_as_tests(tests, blind, ARRAY_SIZE(blind), sizeof(*blind), test_data);

	n += rows_as_tests(tests + n, blind, BLIND_CONTROL, sizeof(*blind), test_control);
	n += rows_as_tests(tests + n, flaws, ARRAY_SIZE(flaws), sizeof(*flaws),
			   test_line);
	n += rows_as_tests(tests + n, flaws, ARRAY_SIZE(flaws), sizeof(*flaws),
			   test_no_line);
	memcpy(tests + n, others, sizeof(others));
	n += ARRAY_SIZE(others);
	return _cmocka_run_group_tests("tc_accept", tests, n, dataplane_setup,
				       xdp_teardown);
}
