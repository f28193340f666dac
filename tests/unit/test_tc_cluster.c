// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two gateways of a cluster: what one publishes the other enters, and goes on with it, byte
 * for byte; bpf/cluster.h, record.h and replica.h.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "base/util.h"
#include "lib/cluster.h"

#define SLOT_OF(port)	  (((port) & (FTPNAT_SLOTS - 1)) + 1u)
#define SLOT_OF_ID(id)	  (((id) >> 27) + 1)
#define OPENS		  .also = { FTPNAT_EXPECTED }
#define MINE		  .also = { FTPNAT_TAKEN_OVER }
#define LINES		  4
#define NOT_ALIVE	  (1U << 31) /* of ftpnat_cluster.alive */
#define FIRST_PORT	  2560	/* of the slice of slot 1 */
#define SECOND_CLIENT	  41009 /* of the slice of slot 2 */

static const enum ftpnat_reason taken_over[] = { FTPNAT_TAKEN_OVER, FTPNAT_REASON_MAX };

static bool order_is_right(void)
{
	return SLOT_OF(FIRST_PORT) == FIRST && SLOT_OF(SECOND_CLIENT) == SECOND;
}

/* ---- data connections ---- */

struct data {
	bool active;
	uint16_t port[2];  /* of the client and of the server, the same for both */
	uint32_t first[2]; /* sequence number of the first byte */
};

static struct packet_spec data_ports(const struct data *data, struct packet_spec spec,
				     enum end from)
{
	spec.sport = data->port[from];
	spec.dport = data->port[!from];
	spec.seq = data->first[from];
	spec.ack = data->first[!from];
	return spec;
}

static bool data_packet(const char *says, const struct talk *talk, struct data *data,
			enum end from, uint8_t flags, const char *payload,
			const enum ftpnat_reason *also)
{
	struct packet_spec in = data_ports(data, talk_sent(talk, from), from);
	struct packet_spec out = data_ports(data, talk_heard(talk, from), from);

	in.flags = out.flags = flags;
	in.payload = out.payload = payload;
	if (!(flags & ACK))
		in.ack = out.ack = 0;
	data->first[from] += (payload ? (uint32_t)strlen(payload) : 0) + !!(flags & SYN) +
			     !!(flags & FIN);
	return check_from(says, talk, from, &in, &out, talk_reason(talk), also);
}

/* From another port of the announced peer: nobody expects it. */
static bool data_again_refused(const char *says, const struct talk *talk,
			       const struct data *data)
{
	enum end from = data->active ? SERVER : CLIENT;
	struct packet_spec in = data_ports(data, talk_sent(talk, from), from);

	in.sport += FTPNAT_SLOTS;
	in.flags = SYN;
	in.ack = 0;
	return check_from(says, talk, from, &in, &in, FTPNAT_PASS, NULL);
}

/* ---- a session goes on elsewhere ---- */

static const struct takeover {
	const char *name;
	enum scene_id scene;
	struct step steps[LINES + 1]; /* the last one announces */
	struct data data;	      /* its ports */
	const char *reply;	      /* to it; NULL: it is one */
} takeovers[] = {
	{ "PORT under masquerade", MASQ4,
	  .steps = { C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "PORT that grows", GROW4,
	  .steps = { C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "PORT that shrinks", SHRINK4,
	  .steps = { C("NOOP\r\n"), S("200 ok\r\n"),
		     C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "EPRT, IPv6", MASQ6,
	  .steps = { C("EPRT |2|$C|2560|\r\n", "EPRT |2|$P|2560|\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "PORT to a published server", KEEP4,
	  .steps = { C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n", OPENS) },
	  .data = { true, { FIRST_PORT, 20 } }, .reply = "200 ok\r\n" },
	{ "227", KEEP4,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,0)\r\n", "227 ($d,10,0)\r\n", OPENS) },
	  .data = { false, { SECOND_CLIENT, FIRST_PORT } } },
	{ "227, full NAT", FULL4,
	  .steps = { C("PASV\r\n"), S("227 ($s,10,0)\r\n", "227 ($d,10,0)\r\n", OPENS) },
	  .data = { false, { SECOND_CLIENT, FIRST_PORT } } },
	{ "229, IPv6", FULL6,
	  .steps = { C("EPSV\r\n"), S("229 (|||2560|)\r\n", OPENS) },
	  .data = { false, { SECOND_CLIENT, FIRST_PORT } } },
	{ "229 under masquerade", MASQ4,
	  .steps = { C("EPSV\r\n"), S("229 (|||2560|)\r\n", OPENS) },
	  .data = { false, { SECOND_CLIENT, FIRST_PORT } } },
};

/* The session, in what a replica has of it. An expectation that was used may be forgotten. */
static void compare_sessions(__u32 id, bool expects)
{
	struct ftpnat_session first, second;

	cluster_go_to(FIRST);
	assert_true(dataplane_session(id, &first));
	cluster_go_to(SECOND);
	assert_true(dataplane_session(id, &second));
	second.queued = first.queued;
	second.log = first.log;
	second.logged = first.logged;
	if (!expects) {
		first.flags &= (__u8)~FTPNAT_SESSION_EXPECTS;
		assert_false(second.flags & FTPNAT_SESSION_EXPECTS);
	}
	assert_memory_equal(&first, &second, sizeof(first));
}

static __u32 session_id(const struct talk *talk)
{
	const struct packet_spec syn = talk_sent(talk, CLIENT);
	const struct ftpnat_tuple key =
		tuple(syn.src, syn.sport, syn.dst, syn.dport);
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	assert_true(flow.session);
	return flow.session;
}

/* The announcing line once more, as if the receiver had not got it. */
static bool repeat(struct talk *talk, const struct step *line)
{
	enum end from = line->from == 'c' ? CLIENT : SERVER;
	struct step again = *line;

	again.seq = talk->sent[from] - (uint32_t)strlen(talk_text(talk, line->text));
	again.to_seq = talk->heard[from] -
		       (uint32_t)strlen(talk_text(talk, line->becomes ? line->becomes :
									line->text));
	memset(again.also, 0, sizeof(again.also));
	again.also[0] = FTPNAT_TAKEN_OVER;
	return talk_step(talk, "the line comes again", &again);
}

static void test_takeover(void **state)
{
	const struct takeover *row = *state;
	struct data data = row->data;
	enum end opener = data.active ? SERVER : CLIENT;
	const struct step *line = row->steps;
	struct ftpnat_usage usage;
	char expectation[512];
	struct passed passed;
	struct talk talk;

	assert_true(order_is_right());
	data.first[CLIENT] = 0xffffff00;
	data.first[SERVER] = 0x7fffff00;
	cluster_begin(&talk, row->scene);
	assert_true(talk_steps(&talk, "announced", row->steps));
	while (line[1].from)
		line++;
	snprintf(expectation, sizeof(expectation), "%s", talk_expectation());
	passed = cluster_pass(SECOND);
	assert_true(passed.result[FTPNAT_APPLIED] > 0);
	assert_int_equal(passed.result[FTPNAT_APPLIED_STALE], 0);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	compare_sessions(session_id(&talk), true);

	/* the same port is open there */
	assert_string_equal(talk_expectation(), expectation);
	assert_int_equal(dataplane_flows(), 2);
	assert_true(repeat(&talk, line));
	if (row->reply)
		assert_true(talk_step(&talk, "its reply", &(struct step)S(row->reply)));
	assert_true(data_packet("data SYN", &talk, &data, opener, SYN, NULL, data_arrives));
	assert_true(data_again_refused("again", &talk, &data));

	/* ... and here no more */
	passed = cluster_pass(FIRST);
	assert_int_equal(passed.result[FTPNAT_APPLIED_DEMOTED], 1);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	assert_true(
		data_packet("SYN-ACK", &talk, &data, !opener, SYN | ACK, NULL, NULL));
	assert_true(data_packet("ACK", &talk, &data, opener, ACK, NULL, data_opens));
	assert_true(data_packet("data", &talk, &data, opener, ACK | PSH, "abc", NULL));
	passed = cluster_pass(FIRST);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	cluster_go_to(FIRST);
	assert_string_equal(talk_expectation(), "none");
	assert_true(data_again_refused("again", &talk, &data));
	assert_int_equal(dataplane_flows(), 4);
	dataplane_usage(&usage);
	assert_int_equal(usage.expected, 0);
	assert_int_equal(usage.flows[FTPNAT_DATA], 1);

	/* back again, in the middle of the transfer */
	assert_true(data_packet("data", &talk, &data, !opener, ACK | PSH, "defg",
				taken_over));
	assert_true(data_packet("data", &talk, &data, opener, ACK | PSH, "hi", NULL));
	assert_true(talk_step(&talk, "on the first", &(struct step)S("150 ok\r\n", MINE)));
	assert_true(talk_step(&talk, "client", &(struct step)C("NOOP\r\n")));
	passed = cluster_pass(SECOND);
	assert_int_equal(passed.result[FTPNAT_APPLIED_DEMOTED], 2);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	compare_sessions(session_id(&talk), false);
}

/* ---- old records ---- */

/* The newest record of a control connection that the gateway at hand has published. */
static void newest_record(struct ftpnat_record *record)
{
	const struct published *published;
	size_t n = cluster_published(&published);

	while (n && (published[n - 1].record.type != FTPNAT_RECORD_CONNECTION ||
		     published[n - 1].record.flow.kind != FTPNAT_CONTROL))
		n--;
	assert_true(n > 0);
	*record = published[n - 1].record;
}

static void test_old_records(void **state)
{
	struct ftpnat_record *old = malloc(sizeof(*old)), *line = malloc(sizeof(*line));
	struct ftpnat_session before, after;
	struct talk talk;
	__u32 id;

	(void)state;
	cluster_begin(&talk, MASQ4);
	id = session_id(&talk);
	assert_true(talk_step(&talk, "a line", &(struct step)C("NOOP\r\n")));
	newest_record(old);
	assert_true(talk_step(&talk, "a line", &(struct step)C("SYST\r\n")));
	newest_record(line);
	assert_int_equal(cluster_apply(SECOND, line), FTPNAT_APPLIED);
	cluster_go_to(SECOND);
	assert_true(dataplane_session(id, &before));

	/* bytes that are known already */
	assert_int_equal(cluster_apply(SECOND, old), FTPNAT_APPLIED_STALE);
	/* the same once more changes nothing */
	assert_int_equal(cluster_apply(SECOND, line), FTPNAT_APPLIED);
	assert_true(dataplane_session(id, &after));
	assert_memory_equal(&before, &after, sizeof(before));

	/* who has taken it over believes its former owner no more */
	assert_true(talk_step(&talk, "second", &(struct step)S("200 ok\r\n", MINE)));
	assert_true(dataplane_session(id, &before));
	assert_true((__s32)(before.epoch - line->state.epoch) > 0);
	assert_int_equal((before.epoch & (FTPNAT_SLOTS - 1)) + 1, SECOND);
	assert_int_equal(cluster_apply(SECOND, line), FTPNAT_APPLIED_STALE);
	line->has |= FTPNAT_RECORD_CLAIMED;
	assert_int_equal(cluster_apply(SECOND, line), FTPNAT_APPLIED_STALE);
	assert_true(dataplane_session(id, &after));
	assert_memory_equal(&before, &after, sizeof(before));

	/* its former owner gives it up */
	newest_record(old);
	assert_true(old->has & FTPNAT_RECORD_CLAIMED);
	assert_int_equal(cluster_apply(FIRST, old), FTPNAT_APPLIED_DEMOTED);
	compare_sessions(id, false);
	assert_int_equal(cluster_apply(FIRST, line), FTPNAT_APPLIED_STALE);
	assert_true(talk_step(&talk, "goes on", &(struct step)S("215 UNIX\r\n")));
	free(old);
	free(line);
}

/* ---- ends ---- */

static void test_end(void **state)
{
	struct ftpnat_record *end = calloc(1, sizeof(*end));
	const struct published *published;
	struct ftpnat_usage usage;
	struct packet_spec in, out;
	struct talk talk, next;
	struct passed passed;
	size_t n;

	(void)state;
	cluster_begin(&talk, MASQ4);
	assert_true(talk_step(&talk, "announced",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n",
					      OPENS)));
	passed = cluster_pass(SECOND);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	assert_true(talk_step(&talk, "the end",
			      &(struct step)C(NULL, .flags = RST | ACK,
					      .also = { FTPNAT_CONTROL_CLOSED,
							FTPNAT_EXPECTED_CLOSED })));
	/* its entry stays for what is still on its way, until another one needs the room */
	dataplane_config()->limit[FTPNAT_CONTROL] = 1;
	dataplane_apply();
	talk_init(&next, scene_get(MASQ4));
	next.client_port = next.seen_port = CLIENT_PORT + FTPNAT_SLOTS;
	in = talk_syn(&next);
	out = talk_syn_heard(&next);
	assert_true(check_from("next", &next, CLIENT, &in, &out, FTPNAT_FORWARDED, NULL));
	n = cluster_published(&published);
	assert_int_equal(n, 1);
	*end = published[0].record;
	assert_int_equal(end->type, FTPNAT_RECORD_END);
	cluster_go_to(SECOND);
	assert_int_equal(dataplane_flows(), 2);
	assert_int_equal(dataplane_expectations(), 1);

	/* the end of another session is none */
	end->session++;
	assert_int_equal(cluster_apply(SECOND, end), FTPNAT_APPLIED_STALE);
	end->session--;
	assert_int_equal(cluster_apply(SECOND, end), FTPNAT_APPLIED);
	assert_int_equal(cluster_apply(SECOND, end), FTPNAT_APPLIED_STALE);
	assert_int_equal(dataplane_flows(), 0);
	assert_int_equal(dataplane_sessions(), 0);
	assert_int_equal(dataplane_expectations(), 0);
	dataplane_usage(&usage);
	assert_int_equal(usage.flows[FTPNAT_CONTROL], 0);
	assert_int_equal(usage.sessions[0], 0);
	assert_int_equal(usage.expected, 0);
	free(end);
}

int main(void)
{
	struct CMUnitTest test[ARRAY_SIZE(takeovers) + 16];
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_old_records),
		cmocka_unit_test(test_end),
	};
	size_t n = rows_as_tests(test, takeovers, ARRAY_SIZE(takeovers),
				 sizeof(*takeovers), test_takeover);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		test[n++] = others[i];
	return _cmocka_run_group_tests("cluster", test, n, dataplane_setup,
				       dataplane_teardown);
}
