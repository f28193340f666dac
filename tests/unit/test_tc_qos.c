// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* mark and dscp: what the packets of a rule get, in TC and XDP, and what they keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "lib/xdp.h"
#include "base/util.h"

#define AF11 10
#define EF   46

/* The rule of the talk's scene, with this in addition. */
static void set_qos(const struct talk *talk, const struct ftpnat_qos *qos)
{
	struct ftpnat_rule rule = scene_rule(talk->scene);

	rule.qos = *qos;
	dataplane_rule(0, &rule);
}

/* ---- dscp ---- */

static const struct dscp_row {
	const char *says;
	uint8_t came, dscp, leaves;
} dscp_rows[] = {
	{ "a DSCP", 0x00, AF11, AF11 << 2 },
	{ "another one than its sender's", EF << 2, AF11, AF11 << 2 },
	{ "the same as its sender's", AF11 << 2, AF11, AF11 << 2 },
	{ "none", 0xff, 0, 3 },
	{ "all bits", 0x00, 63, 0xfc },
	{ "ECN: congestion was experienced", 0x03, EF, EF << 2 | 3 },
	{ "ECN: capable", 0x02, EF, EF << 2 | 2 },
	{ "ECN beside another DSCP", AF11 << 2 | 1, EF, EF << 2 | 1 },
};

/* Lines and data of both ends. */
static void test_dscp(void **state)
{
	static const struct step lines[] = {
		C("NOOP\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	const struct dscp_row *row = *state;
	bool good = true;

	for (enum scene_id id = 0; id < SCENES; id++) {
		struct talk talk;

		data_open(&talk, id);
		set_qos(&talk, &(struct ftpnat_qos){ .does = FTPNAT_QOS_DSCP,
						     .dscp = row->dscp });
		talk.tos = row->came;
		talk.tos_heard = row->leaves;
		good &= talk_steps(&talk, row->says, lines);
		for (enum end from = CLIENT; from <= SERVER; from++)
			good &= data_check(row->says, &talk, from, ACK, "data", NULL);
	}
	assert_true(good);
}

static void test_dscp_in_xdp(void **state)
{
	const struct dscp_row *row = *state;
	bool good = true;

	xdp_qos(FTPNAT_QOS_DSCP);
	for (enum scene_id id = 0; id < SERVER4; id++)
		for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++) {
			struct talk talk;

			xdp_begin(&talk, id);
			set_qos(&talk, &(struct ftpnat_qos){ .does = FTPNAT_QOS_DSCP,
							     .dscp = row->dscp });
			for (enum end from = CLIENT; from <= SERVER; from++) {
				struct packet_spec in = data_sent(&talk, from);
				struct packet_spec out = xdp_leaves(&talk, from);
				struct packet packet, expected;

				in.tos = row->came;
				out.tos = row->leaves;
				packet_build(&packet, &in);
				packet_build(&expected, &out);
				good &= xdp_check(row->says, mode, talk_side(&talk, from),
						  &packet, &expected);
			}
		}
	xdp_qos(0);
	assert_true(good);
}

/* ---- mark ---- */

static const struct mark_row {
	const char *says;
	__u32 came;
	struct ftpnat_qos qos;
	__u32 leaves;
} mark_rows[] = {
	{ "a mark", 0, { .does = FTPNAT_QOS_MARK, .mark = 0x10, .mark_mask = ~0u }, 0x10 },
	{ "in place of another one",
	  0xabcd,
	  { .does = FTPNAT_QOS_MARK, .mark = 0x10, .mark_mask = ~0u },
	  0x10 },
	{ "with a mask",
	  0xabcd,
	  { .does = FTPNAT_QOS_MARK, .mark = 0x10, .mark_mask = 0xff },
	  0xab10 },
	{ "the highest bit",
	  1,
	  { .does = FTPNAT_QOS_MARK, .mark = 0x80000000, .mark_mask = 0x80000000 },
	  0x80000001 },
	{ "no mark", 0xabcd, { 0 }, 0xabcd },
	{ "no mark but a DSCP", 0xabcd, { .does = FTPNAT_QOS_DSCP, .dscp = 1 }, 0xabcd },
};

static bool is_marked(const struct mark_row *row, const struct talk *talk, enum end from,
		      const struct packet_spec *spec, const char *what)
{
	struct packet packet;
	struct run run;

	packet_build(&packet, spec);
	dataplane_run_marked(&run, talk_hook(talk, from), talk_side(talk, from), &packet,
			     row->came);
	if (run.ctx.mark == row->leaves)
		return true;
	printf("%s: %s [%s, from %s] has mark 0x%x, expected 0x%x\n", row->says, what,
	       talk->scene->name, from == CLIENT ? "client" : "server", run.ctx.mark,
	       row->leaves);
	return false;
}

static void test_mark(void **state)
{
	const struct mark_row *row = *state;
	bool good = true;

	for (enum scene_id id = 0; id < SCENES; id++) {
		struct talk talk;

		data_open(&talk, id);
		set_qos(&talk, &row->qos);
		for (enum end from = CLIENT; from <= SERVER; from++) {
			struct packet_spec data = data_sent(&talk, from);
			struct packet_spec control = talk_sent(&talk, from);

			control.flags = ACK;
			control.seq = talk.isn[from] + talk.sent[from];
			control.ack = talk.isn[!from] + talk.heard[!from];
			good &= is_marked(row, &talk, from, &data, "data");
			good &= is_marked(row, &talk, from, &control, "control");
		}
	}
	assert_true(good);
}

/* The SYNs that open a control and a data connection. */
static void test_marked_syn(void **state)
{
	static const struct mark_row row = {
		"a SYN",
		0,
		{ .does = FTPNAT_QOS_MARK, .mark = 0x10, .mark_mask = ~0u },
		0x10
	};
	bool good = true;

	(void)state;
	for (enum scene_id id = 0; id < SCENES; id++) {
		struct ftpnat_rule rule = scene_rule(scene_get(id));
		struct packet_spec spec;
		struct talk talk;

		rule.qos = row.qos;
		scene_configure(scene_get(id), &rule);
		talk_init(&talk, scene_get(id));
		spec = talk_syn(&talk);
		good &= is_marked(&row, &talk, CLIENT, &spec, "control");
		talk_begin(&talk, id);
		set_qos(&talk, &row.qos);
		data_announce(&talk);
		spec = data_sent(&talk, CLIENT);
		spec.flags = SYN;
		good &= is_marked(&row, &talk, CLIENT, &spec, "data");
	}
	assert_true(good);
}

/* A program of the reload under way knows the new rule, and the old one is in force. */
static void test_not_yet_in_force(void **state)
{
	static const struct mark_row row = { "not yet in force", 0xabcd, { 0 }, 0xabcd };
	struct talk talk;

	(void)state;
	data_open(&talk, KEEP4);
	dataplane_qos(0, FTPNAT_QOS_MARK | FTPNAT_QOS_DSCP);
	for (enum end from = CLIENT; from <= SERVER; from++) {
		struct packet_spec data = data_sent(&talk, from);

		assert_true(is_marked(&row, &talk, from, &data, "data"));
		assert_true(data_check("not yet in force", &talk, from, ACK, NULL, NULL));
	}
}

/* Frames have no mark: XDP leaves them to TC, and takes the same ones without the key. */
static void test_mark_in_xdp(void **state)
{
	struct talk talk;

	(void)state;
	for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++) {
		xdp_qos(FTPNAT_QOS_MARK);
		xdp_begin(&talk, KEEP4);
		assert_true(xdp_takes("marked", &talk, mode, false));
		xdp_qos(0);
		xdp_begin(&talk, KEEP4);
		assert_true(xdp_takes("not marked", &talk, mode, true));
	}
}

int main(void)
{
	struct CMUnitTest tests[64] = {
		cmocka_unit_test(test_marked_syn),
		cmocka_unit_test(test_not_yet_in_force),
		cmocka_unit_test(test_mark_in_xdp),
	};
	size_t n = 3;

	n += rows_as_tests(tests + n, dscp_rows, ARRAY_SIZE(dscp_rows),
			   sizeof(dscp_rows[0]), test_dscp);
	n += rows_as_tests(tests + n, dscp_rows, ARRAY_SIZE(dscp_rows),
			   sizeof(dscp_rows[0]), test_dscp_in_xdp);
	n += rows_as_tests(tests + n, mark_rows, ARRAY_SIZE(mark_rows),
			   sizeof(mark_rows[0]), test_mark);
	return _cmocka_run_group_tests("tc_qos", tests, n, dataplane_setup, xdp_teardown);
}
