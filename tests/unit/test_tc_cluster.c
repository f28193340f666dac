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
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "base/util.h"
#include "lib/cluster.h"

#define SLOT_OF(port)  (((port) & (FTPNAT_SLOTS - 1)) + 1u)
#define SLOT_OF_ID(id) (((id) >> 27) + 1)
#define OPENS	       .also = { FTPNAT_EXPECTED }
#define MINE	       .also = { FTPNAT_TAKEN_OVER }
#define LINES	       4
#define NOT_ALIVE      (1U << 31) /* of ftpnat_cluster.alive */
#define FIRST_PORT     2560	  /* of the slice of slot 1 */
#define SECOND_CLIENT  41009	  /* of the slice of slot 2 */

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
	{ "229, IPv6", FULL6, .steps = { C("EPSV\r\n"), S("229 (|||2560|)\r\n", OPENS) },
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
		second.flags &= (__u8)~FTPNAT_SESSION_EXPECTS;
	}
	assert_memory_equal(&first, &second, sizeof(first));
}

static __u32 session_id(const struct talk *talk)
{
	const struct packet_spec syn = talk_sent(talk, CLIENT);
	const struct ftpnat_tuple key = tuple(syn.src, syn.sport, syn.dst, syn.dport);
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
	assert_true(
		data_packet("data SYN", &talk, &data, opener, SYN, NULL, data_arrives));
	assert_true(data_again_refused("again", &talk, &data));

	/* ... and here no more */
	passed = cluster_pass(FIRST);
	assert_int_equal(passed.result[FTPNAT_APPLIED_DEMOTED], 1);
	assert_int_equal(passed.result[FTPNAT_APPLIED_FULL], 0);
	assert_true(data_packet("SYN-ACK", &talk, &data, !opener, SYN | ACK, NULL, NULL));
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
	assert_true(
		talk_step(&talk, "on the first", &(struct step)S("150 ok\r\n", MINE)));
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

/* ---- what waits for the peers ---- */

/* The frame that waited comes in again: does the other end get `text`? */
static bool injected(const char *says, struct talk *talk, enum end from,
		     const struct published *waited, const char *text,
		     enum ftpnat_reason reason, const enum ftpnat_reason *also)
{
	struct packet_spec out = talk_heard(talk, from);
	struct counters before;
	struct packet expected;
	struct run run;
	bool good;

	out.flags = PSH | ACK;
	out.seq = talk->isn[from] + talk->heard[from];
	out.ack = talk->isn[!from] + talk->sent[!from];
	out.payload = talk_text(talk, text);
	option_timestamps(&out.options, talk->clock[from], talk->clock[!from]);
	packet_build(&expected, &out);
	dataplane_counters(&before);
	assert_int_equal(waited->record.type, FTPNAT_RECORD_FRAME);
	assert_int_equal(waited->ifindex, dataplane_ifindex(talk_side(talk, from)));
	assert_int_equal(dataplane_try(&run, talk_hook(talk, from), talk_side(talk, from),
				       &waited->frame, 0, INJECT_MARK),
			 0);
	good = dataplane_counted(says, &before, reason, also);
	if (reason != FTPNAT_FORWARDED)
		return good && run.action == TC_SHOT;
	memcpy(run.packet.byte, expected.byte, 12); /* by whichever next hop */
	talk->heard[from] += (uint32_t)strlen(out.payload);
	talk->unheard[from][0] = '\0';
	return good && run.action == TC_REDIRECT &&
	       packet_same(says, &expected, &run.packet);
}

/* The last that was published is a frame, and before it the record that it waits for. */
static const struct published *one_waits(void)
{
	const struct published *published;
	size_t n = cluster_published(&published);

	assert_true(n >= 2);
	assert_int_equal(published[n - 1].record.type, FTPNAT_RECORD_FRAME);
	for (size_t i = 0; i < n - 1; i++) {
		assert_int_equal(published[i].record.type, FTPNAT_RECORD_CONNECTION);
		assert_in_range(cluster_apply(SECOND, &published[i].record), 0,
				FTPNAT_APPLIED_STALE);
	}
	return &published[n - 1];
}

static void test_waits(void **state)
{
	const struct published *waited;
	struct ftpnat_cluster told;
	char expectation[512];
	struct talk talk;

	(void)state;
	cluster_begin(&talk, KEEP4);
	cluster_order(&(struct ftpnat_cluster){ .tell = 1, .commit = FTPNAT_COMMIT_ALL });

	/* a command, then its reply that is rewritten */
	assert_true(talk_step(&talk, "command",
			      &(struct step)C("PASV\r\n", .reason = FTPNAT_PARKED)));
	waited = one_waits();
	assert_true(injected("command", &talk, CLIENT, waited, "PASV\r\n",
			     FTPNAT_FORWARDED, NULL));
	assert_true(talk_step(&talk, "reply",
			      &(struct step)S("227 ($s,10,0)\r\n", "227 ($d,10,0)\r\n",
					      OPENS, .reason = FTPNAT_PARKED)));
	snprintf(expectation, sizeof(expectation), "%s", talk_expectation());
	waited = one_waits();
	cluster_go_to(SECOND);
	assert_string_equal(talk_expectation(), expectation); /* before anybody sees it */
	cluster_go_to(FIRST);
	assert_true(injected("reply", &talk, SERVER, waited, "227 ($d,10,0)\r\n",
			     FTPNAT_FORWARDED, NULL));

	/* what acknowledges needs not wait */
	assert_true(talk_step(&talk, "ack", &(struct step)C(NULL, .flags = ACK)));
	told = cluster_told();
	assert_int_equal(told.lost, 0);
	assert_int_equal(told.unprotected, 0);
}

/* The start of a line is held; what completes it waits, and so does the answer to the start. */
static void test_held_waits(void **state)
{
	static const enum ftpnat_reason passed[] = { FTPNAT_ACK_PASSED,
						     FTPNAT_REASON_MAX };
	const struct published *waited;
	struct counters before;
	struct packet copy;
	struct talk talk;
	struct run run;

	(void)state;
	cluster_begin(&talk, MASQ4);
	cluster_order(&(struct ftpnat_cluster){ .tell = 1, .commit = FTPNAT_COMMIT_ALL });
	assert_true(talk_step(&talk, "start",
			      &(struct step)C("PORT $c,", .reason = FTPNAT_PARKED)));
	waited = one_waits();
	dataplane_counters(&before);
	assert_int_equal(dataplane_try(&run, INGRESS, talk_side(&talk, CLIENT),
				       &waited->frame, 0, INJECT_MARK),
			 0);
	assert_int_equal(run.action, TC_REDIRECT); /* back to the client */
	assert_true(dataplane_counted("start", &before, FTPNAT_ANSWERED, passed));
	assert_true(dataplane_copy(&copy));
	assert_true(talk_step(&talk, "rest",
			      &(struct step)C("10,0\r\n", OPENS, .becomes = "10,0\r\n",
					      .reason = FTPNAT_PARKED)));
	waited = one_waits();
	assert_true(injected("line", &talk, CLIENT, waited, "PORT $p,10,0\r\n",
			     FTPNAT_FORWARDED, NULL));
}

/* Nobody can be told: what waits is dropped, and comes again; or goes on and is counted. */
static void test_nobody_listens(void **state)
{
	struct ftpnat_cluster order = { .tell = 1,
					.commit = FTPNAT_COMMIT_ALL,
					.alive = NOT_ALIVE };
	const struct published *published;
	struct talk talk;

	(void)state;
	cluster_begin(&talk, KEEP4);
	cluster_published(&published);
	cluster_order(&order);
	assert_true(talk_step(&talk, "a line",
			      &(struct step)C("PASV\r\n", .reason = FTPNAT_UNCOMMITTED)));
	assert_int_equal(cluster_published(&published), 0);
	order.go_on = 1;
	cluster_order(&order);
	assert_true(talk_step(&talk, "again",
			      &(struct step)C("PASV\r\n", .seq = 1, .to_seq = 1)));
	assert_int_equal(cluster_published(&published), 0);
	assert_int_equal(cluster_told().unprotected, 1);
	/* no peer: nothing waits, nobody is told */
	talk.heard[CLIENT] = talk.sent[CLIENT];
	cluster_order(&(struct ftpnat_cluster){ 0 });
	assert_true(talk_step(&talk, "alone",
			      &(struct step)S("227 ($s,10,0)\r\n", "227 ($d,10,0)\r\n",
					      OPENS)));
	assert_int_equal(cluster_published(&published), 0);
}

/* ---- the peers are late ---- */

static bool is_unprotected(const struct talk *talk)
{
	const struct packet_spec syn = talk_sent(talk, CLIENT);
	const struct ftpnat_tuple key = tuple(syn.src, syn.sport, syn.dst, syn.dport);
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	return flow.flags & FTPNAT_FLOW_UNPROTECTED;
}

/* As a timer of the programs, or `run`, has it published; FTPNAT_RECORD_CLAIMED: taken over. */
static __u32 tell(const struct talk *talk, __u32 has)
{
	struct ftpnat_record *record = calloc(1, sizeof(*record));
	const struct packet_spec syn = talk_sent(talk, CLIENT);
	uint8_t frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame,
		    .data_size_in = sizeof(frame));
	__u32 zero = 0;

	record->key = tuple(syn.src, syn.sport, syn.dst, syn.dport);
	record->has = has;
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_inbox"), &zero, record,
					     BPF_ANY),
			 0);
	assert_int_equal(bpf_prog_test_run_opts(dataplane_program("ftpnat_tell"), &run),
			 0);
	free(record);
	return run.retval;
}

#define AWAY "425 A part of this service is away, try again later.\r\n"

/* `order`: why the peers aren't told. */
static void refuses(const struct ftpnat_cluster *order)
{
	static const struct step refused[] = {
		C("PORT $c,10,0\r\n", "PORT 0,0,0,0,0,0\r\n",
		  .also = { FTPNAT_LINE_UNPROTECTED }),
		S("501 Bad.\r\n", AWAY),
		C("EPSV\r\n"),
		S("229 (|||2560|)\r\n", AWAY, .also = { FTPNAT_LINE_UNPROTECTED }),
		C("NOOP\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	static const struct step again[] = {
		C("EPSV\r\n"),
		S("229 (|||2560|)\r\n", OPENS),
		{ 0 },
	};
	struct data data = { .active = true, .port = { FIRST_PORT, 20 } };
	struct talk talk, second;

	cluster_begin(&talk, MASQ4);
	talk_init(&second, scene_get(MASQ4));
	second.client_port = second.seen_port = CLIENT_PORT + FTPNAT_SLOTS;
	talk_open(&second);
	assert_true(talk_step(&talk, "announced before",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n",
					      OPENS)));
	assert_false(is_unprotected(&talk));
	cluster_order(order);
	/* what is announced stays so, all other lines go on */
	assert_true(talk_step(&talk, "lives", &(struct step)S("200 ok\r\n")));
	assert_true(
		data_packet("announced", &talk, &data, SERVER, SYN, NULL, data_arrives));
	assert_true(talk_steps(&second, "refused", refused));
	assert_string_equal(talk_expectation(), "none");
	assert_true(is_unprotected(&talk));
	assert_true(is_unprotected(&second));
	assert_true(cluster_told().unprotected >= 7);

	/* on time again: what has not changed since is told by `run` */
	cluster_order(&(struct ftpnat_cluster){
		.tell = 1, .commit = FTPNAT_COMMIT_ALL, .go_on = 1, .refuse = 1 });
	assert_int_equal(tell(&talk, 0), 0);
	assert_false(is_unprotected(&talk));
	cluster_order(&(struct ftpnat_cluster){ .tell = 1 });
	assert_true(talk_steps(&second, "as before", again));
	assert_false(is_unprotected(&second));
	cluster_pass(SECOND);
	compare_sessions(session_id(&second), true);
}

static void test_refuse_while_late(void **state)
{
	(void)state;
	refuses(&(struct ftpnat_cluster){ .tell = 1,
					  .commit = FTPNAT_COMMIT_ALL,
					  .go_on = 1,
					  .late = 1,
					  .refuse = 1 });
}

static void test_refuse_without_run(void **state)
{
	(void)state;
	refuses(&(struct ftpnat_cluster){ .tell = 1,
					  .commit = FTPNAT_COMMIT_ALL,
					  .go_on = 1,
					  .refuse = 1,
					  .alive = NOT_ALIVE });
}

/* on_loss: go_on */
static void test_late_and_goes_on(void **state)
{
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	cluster_order(&(struct ftpnat_cluster){
		.tell = 1, .commit = FTPNAT_COMMIT_ALL, .go_on = 1, .late = 1 });
	assert_true(talk_step(&talk, "announced",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n",
					      OPENS)));
	assert_true(is_unprotected(&talk));
	assert_int_equal(cluster_told().unprotected, 1);
	/* told nevertheless; a replica is not what is unprotected */
	assert_true(cluster_pass(SECOND).result[FTPNAT_APPLIED] >= 1);
	compare_sessions(session_id(&talk), true);
	assert_false(is_unprotected(&talk));
}

/* ---- cluster take ---- */

/* Before a packet of it comes, with its data connection, which follows with its packets. */
static void test_take(void **state)
{
	struct data data = { .active = false, .port = { 41008, FIRST_PORT } };
	struct talk talk;

	(void)state;
	cluster_begin(&talk, MASQ4);
	assert_true(talk_step(&talk, "asked", &(struct step)C("EPSV\r\n")));
	assert_true(talk_step(&talk, "announced",
			      &(struct step)S("229 (|||2560|)\r\n", OPENS)));
	assert_true(
		data_packet("data SYN", &talk, &data, CLIENT, SYN, NULL, data_arrives));
	assert_true(data_packet("SYN-ACK", &talk, &data, SERVER, SYN | ACK, NULL, NULL));
	assert_true(data_packet("ACK", &talk, &data, CLIENT, ACK, NULL, data_opens));
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED_FULL], 0);

	/* its own can't be taken */
	assert_int_equal(tell(&talk, FTPNAT_RECORD_CLAIMED), 1);
	cluster_go_to(SECOND);
	assert_int_equal(tell(&talk, FTPNAT_RECORD_CLAIMED), 0);
	assert_int_equal(tell(&talk, FTPNAT_RECORD_CLAIMED), 1);
	assert_int_equal(cluster_pass(FIRST).result[FTPNAT_APPLIED_DEMOTED], 1);
	compare_sessions(session_id(&talk), false);
	assert_true(talk_step(&talk, "there", &(struct step)S("150 ok\r\n")));
	assert_true(
		data_packet("data", &talk, &data, SERVER, ACK | PSH, "abc", taken_over));
	assert_true(data_packet("data", &talk, &data, CLIENT, ACK, NULL, NULL));
	assert_int_equal(cluster_pass(FIRST).result[FTPNAT_APPLIED_FULL], 0);
	compare_sessions(session_id(&talk), false);
}

/* ---- slices ---- */

/* A port that the gateway at hand chooses for what the server announces. */
static uint16_t chosen_port(struct talk *talk, const char *line)
{
	struct ftpnat_expected_key key;
	struct ftpnat_expected e;
	struct packet packet;
	struct packet_spec in = talk_sent(talk, SERVER);
	struct run run;

	in.flags = PSH | ACK;
	in.seq = talk->isn[SERVER] + talk->sent[SERVER];
	in.ack = talk->isn[CLIENT] + talk->heard[CLIENT];
	in.payload = line;
	option_timestamps(&in.options, ++talk->clock[SERVER], talk->clock[CLIENT]);
	packet_build(&packet, &in);
	dataplane_run(&run, INGRESS, talk_side(talk, SERVER), &packet, 0);
	assert_int_equal(run.action, TC_REDIRECT);
	dataplane_expectation(&key, &e);
	return ntohs(key.dport);
}

static void test_slices(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	struct talk talk;

	(void)state;
	rule.data_port_min = 50000; /* 50000 is of slot 1, 50017 of slot 2 */
	rule.data_port_max = 50017;
	for (int i = 0; i < 16; i++) {
		cluster_configure(scene, &rule);
		for (__u32 slot = FIRST; slot <= SECOND; slot++) {
			uint16_t port;

			cluster_go_to(slot);
			talk_init(&talk, scene);
			talk_open(&talk);
			assert_int_equal(SLOT_OF_ID(session_id(&talk)), slot);
			assert_true(
				talk_step(&talk, "asked", &(struct step)C("EPSV\r\n")));
			/* 50001 is of slot 2 */
			port = chosen_port(&talk, "229 (|||50001|)\r\n");
			assert_int_equal(SLOT_OF(port), slot);
			if (slot == SECOND)
				assert_int_equal(port, 50001);
			else
				assert_true(port == 50000 || port == 50016);
		}
	}
}

/* A slice that the range hasn't: refused as a range that is full. */
static void test_no_port_of_the_slice(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	struct talk talk;

	(void)state;
	rule.data_port_min = 50001; /* of slot 2 only */
	rule.data_port_max = 50001;
	cluster_configure(scene, &rule);
	cluster_go_to(SECOND);
	talk_init(&talk, scene);
	talk_open(&talk);
	assert_true(talk_step(&talk, "asked", &(struct step)C("EPSV\r\n")));
	assert_int_equal(chosen_port(&talk, "229 (|||60000|)\r\n"), 50001);
}

/* ---- records that no gateway makes ---- */

/* Entries of ftpnat_flows whose other half is missing. */
static size_t halves(void)
{
	struct ftpnat_tuple key, reverse, *last = NULL;
	struct ftpnat_flow flow, other;
	size_t n = 0;

	while (!bpf_map_get_next_key(dataplane_fd("ftpnat_flows"), last, &key)) {
		last = &key;
		assert_true(dataplane_flow(&key, &flow));
		reverse = (struct ftpnat_tuple){ .src = flow.to.dst,
						 .dst = flow.to.src,
						 .sport = flow.to.dport,
						 .dport = flow.to.sport };
		n += !dataplane_flow(&reverse, &other);
	}
	return n;
}

/* Bytes of a message change: some are refused, none harms what the gateway owns itself. */
static void test_mutated_records(void **state)
{
	struct ftpnat_record *record = malloc(sizeof(*record));
	size_t results[FTPNAT_APPLIED_FULL + 2] = { 0 };
	struct message_row row = { 0 };
	struct talk theirs, own;
	unsigned short random[3] = { 1, 2, 3 };
	static struct ftpnat_record end = { .type = FTPNAT_RECORD_END };
	char expectation[512];
	uint8_t *bytes;
	__u32 id;

	(void)state;
	cluster_begin(&theirs, MASQ4);
	cluster_go_to(SECOND);
	talk_init(&own, scene_get(MASQ4));
	own.client_port = own.seen_port = CLIENT_PORT + 1; /* of slot 2 */
	talk_open(&own);
	assert_true(talk_step(&own, "its own",
			      &(struct step)C("PORT $c,10,1\r\n", "PORT $p,10,1\r\n",
					      OPENS)));
	snprintf(expectation, sizeof(expectation), "%s", talk_expectation());
	id = session_id(&own);

	cluster_go_to(FIRST);
	assert_true(talk_step(&theirs, "theirs",
			      &(struct step)C("PORT $c,10,0\r\n", "PORT $p,10,0\r\n",
					      OPENS)));
	newest_record(record);
	cluster_message(&row, record);
	bytes = malloc(row.len);
	cluster_go_to(SECOND);
	cluster_order(&(struct ftpnat_cluster){ 0 }); /* nobody listens to it */
	end.key = record->key;
	end.session = record->session;
	for (int i = 0; i < 3000; i++) {
		const uint8_t *at = bytes;
		struct message message;

		if (i % 10 == 0)
			cluster_apply(SECOND, &end);
		memcpy(bytes, row.bytes, row.len);
		for (long n = nrand48(random) % 4; n >= 0; n--)
			bytes[(size_t)nrand48(random) % row.len] =
				(uint8_t)nrand48(random);
		if (message_next(&at, bytes + row.len, &message))
			results[1 + cluster_apply_message(SECOND, &message)]++;
		else
			results[0]++;
	}
	assert_true(results[0] > 100); /* refused */
	assert_true(results[1 + FTPNAT_APPLIED] > 100);
	assert_true(results[1 + FTPNAT_APPLIED_STALE] > 10);
	assert_int_equal(halves(), 0);
	assert_int_equal(session_id(&own), id);
	assert_int_equal(results[1 + FTPNAT_APPLIED_DEMOTED], 0);
	assert_true(talk_step(&own, "goes on", &(struct step)S("200 ok\r\n")));
	assert_true(talk_step(
		&own, "announces again",
		&(struct step)C("PORT $c,10,1\r\n", "PORT $p,10,1\r\n",
				.also = { FTPNAT_EXPECTED, FTPNAT_EXPECTED_REPLACED })));
	message_row_free(&row);
	free(bytes);
	free(record);
}

int main(void)
{
	struct CMUnitTest test[ARRAY_SIZE(takeovers) + 16];
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_old_records),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_held_waits),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_refuse_while_late),
		cmocka_unit_test(test_refuse_without_run),
		cmocka_unit_test(test_late_and_goes_on),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_no_port_of_the_slice),
		cmocka_unit_test(test_mutated_records),
	};
	size_t n = rows_as_tests(test, takeovers, ARRAY_SIZE(takeovers),
				 sizeof(*takeovers), test_takeover);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		test[n++] = others[i];
	return _cmocka_run_group_tests("cluster", test, n, dataplane_setup,
				       dataplane_teardown);
}
