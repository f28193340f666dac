// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Transfers: from the client's line to the reply and the end of the data connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "lib/talk.h"
#include "base/util.h"
#include "ftpnat_ftp.h"

static void records(bool on)
{
	dataplane_config()->records = on;
	dataplane_apply();
}

/* A talk while records are on. */
static void begin(struct talk *talk)
{
	talk_begin(talk, KEEP4);
	records(true);
	data_announce(talk); /* or they would go over the default data port */
}

/* The entry of the only session; false: there is none. */
static bool transfer_get(struct ftpnat_transfer *t)
{
	int fd = dataplane_fd("ftpnat_transfers");
	__u32 id;

	return !bpf_map_get_next_key(fd, NULL, &id) && !bpf_map_lookup_elem(fd, &id, t);
}

static struct ftpnat_transfer transfer(void)
{
	struct ftpnat_transfer t;

	assert_true(transfer_get(&t));
	return t;
}

static __u64 told(void)
{
	struct counters counters;

	dataplane_counters(&counters);
	return counters.reason[FTPNAT_TRANSFER_DONE];
}

/* One packet each, until one with from == 0. */
static void steps(struct talk *talk, const struct step *step)
{
	assert_true(talk_steps(talk, "", step));
}

#define TOLD .also = { FTPNAT_TRANSFER_DONE }

static const struct step login[] = {
	C("USER joe\r\n"), S("331 ?\r\n"), C("PASS x\r\n"), S("230 ok\r\n"), { 0 },
};

static void test_without_records_nothing_is_kept(void **state)
{
	static const struct step all[] = {
		C("USER joe\r\n"), S("331 ?\r\n"), C("RETR a\r\n"),
		S("550 no\r\n"),   { 0 },
	};
	struct ftpnat_transfer t;
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	data_announce(&talk);
	steps(&talk, all);
	assert_false(transfer_get(&t));
}

/* A line and what is known of it at its end, when no data connection was seen. */
static const struct command_row {
	const char *says;
	struct step steps[4];
	__u8 verb;
	const char *path;
	__u16 code;
} commands[] = {
	{ "RETR",
	  { C("RETR a b\r\n"), S("550 no\r\n", TOLD) },
	  FTP_TRANSFER_RETR,
	  "a b\r\n",
	  550 },
	{ "stor",
	  { C("stor x\n"), S("553 no\r\n", TOLD) },
	  FTP_TRANSFER_STOR,
	  "x\n",
	  553 },
	{ "APPE",
	  { C("APPE x\r\n"), S("226 ok\r\n", TOLD) },
	  FTP_TRANSFER_APPE,
	  "x\r\n",
	  226 },
	{ "STOU", { C("STOU\r\n"), S("226 ok\r\n", TOLD) }, FTP_TRANSFER_STOU, "\n", 226 },
	{ "a preliminary reply is not the result",
	  { C("RETR x\r\n"), S("150 here\r\n"), S("226-so\r\n226 ok\r\n", TOLD) },
	  FTP_TRANSFER_RETR,
	  "x\r\n",
	  226 },
	{ "a line in pieces",
	  { C("RE"), C("TR di"), C("r/x\r\n"), S("550 no\r\n", TOLD) },
	  FTP_TRANSFER_RETR,
	  "dir/x\r\n",
	  550 },
	{ "two lines in one packet",
	  { C("NOOP\r\nRETR x\r\n"), S("200 ok\r\n"), S("550 no\r\n", TOLD) },
	  FTP_TRANSFER_RETR,
	  "x\r\n",
	  550 },
};

static void test_commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command_row *row = &commands[i];
		struct ftpnat_transfer t;
		struct talk talk;

		begin(&talk);
		steps(&talk, login);
		for (size_t n = 0; n < ARRAY_SIZE(row->steps) && row->steps[n].from; n++)
			assert_true(talk_step(&talk, row->says, &row->steps[n]));
		t = transfer();
		assert_int_equal(t.pending, 0);
		assert_int_equal(t.done.verb, row->verb);
		assert_int_equal(t.done.code, row->code);
		assert_int_equal(t.done.path_len, strlen(row->path));
		assert_memory_equal(t.done.path, row->path, strlen(row->path));
		assert_int_equal(t.done.user_len, strlen("joe\r\n"));
		assert_memory_equal(t.done.user, "joe\r\n", strlen("joe\r\n"));
	}
}

static void test_a_long_path_is_kept_in_part(void **state)
{
	static char line[600];
	const struct step long_line[] = { C(line), S("550 no\r\n", TOLD), { 0 } };
	struct ftpnat_transfer t;
	struct talk talk;

	(void)state;
	memset(line, 'x', sizeof(line) - 3);
	memcpy(line, "RETR ", 5);
	memcpy(line + sizeof(line) - 3, "\r\n", 3);
	begin(&talk);
	steps(&talk, long_line);
	t = transfer();
	assert_int_equal(t.done.path_len, sizeof(line) - 1 - 5);
	for (size_t i = 0; i < FTPNAT_PATH_LEN; i++)
		assert_int_equal(t.done.path[i], 'x');
}

static void test_other_commands_are_no_transfers(void **state)
{
	static const struct step all[] = {
		C("LIST\r\n"),
		S("226 ok\r\n"),
		C("NLST a\r\n"),
		S("226 ok\r\n"),
		C("RETRY\r\n"),
		S("500 what\r\n"),
		C("RET\r\n"),
		S("500 what\r\n"),
		C("NOOP RETR x\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	struct talk talk;

	(void)state;
	begin(&talk);
	steps(&talk, login);
	steps(&talk, all);
	assert_int_equal(transfer().pending, 0);
	assert_int_equal(told(), 0);
}

static void test_replies_find_their_transfers(void **state)
{
	/* the reply to NOOP isn't the transfer's, the transfer's isn't that to the second */
	static const struct step all[] = {
		C("NOOP\r\nRETR a\r\nNOOP\r\n"),
		S("200 ok\r\n"),
		S("550 no\r\n", TOLD),
		S("200 ok\r\n"),
		{ 0 },
	};
	struct talk talk;

	(void)state;
	begin(&talk);
	steps(&talk, all);
	assert_int_equal(transfer().done.code, 550);
}

static void test_a_second_transfer_ends_the_first_without_a_reply(void **state)
{
	static const struct step two[] = {
		C("RETR a\r\n"),
		C("RETR b\r\n", TOLD),
		{ 0 },
	};
	struct ftpnat_transfer t;
	struct talk talk;

	(void)state;
	begin(&talk);
	steps(&talk, two);
	t = transfer();
	assert_int_equal(t.pending, 1);
	assert_memory_equal(t.done.path, "b\r\n", 3);
}

static void test_under_tls_the_user_is_forgotten(void **state)
{
	static const struct step tls[] = {
		C("AUTH TLS\r\n"),
		S("234 go\r\n", .also = { FTPNAT_OPAQUE }),
		{ 0 },
	};
	struct talk talk;

	(void)state;
	begin(&talk);
	steps(&talk, login);
	assert_int_equal(transfer().done.user_len, 5);
	steps(&talk, tls);
	assert_int_equal(transfer().done.user_len, 0);
}

static void test_after_rein_nobody_is_logged_in(void **state)
{
	static const struct step rein[] = { C("REIN\r\n"),
					    S("220 hello\r\n", DEFAULT_OVER),
					    { 0 } };
	struct talk talk;

	(void)state;
	begin(&talk);
	steps(&talk, login);
	steps(&talk, rein);
	assert_int_equal(transfer().done.user_len, 0);
}

/* ---- with a data connection ---- */

static void data(const struct talk *talk, enum end from, uint8_t flags,
		 const char *payload, const enum ftpnat_reason *also)
{
	assert_true(data_check("data", talk, from, flags, payload, also));
}

/* The server's FIN, behind so many bytes. */
static void data_fin(const struct talk *talk, __u32 sent, const enum ftpnat_reason *also)
{
	struct packet_spec in = data_sent(talk, SERVER), out = data_heard(talk, SERVER);

	in.flags = out.flags = FIN | ACK;
	in.seq += sent;
	out.seq += sent;
	assert_true(check_from("FIN", talk, SERVER, &in, &out, talk_reason(talk), also));
}

/* A session with a data connection, and RETR. */
static void begin_with_data(struct talk *talk)
{
	static const struct step retr[] = { C("RETR a\r\n"), S("150 here\r\n"), { 0 } };

	begin(talk);
	data(talk, CLIENT, SYN, NULL, data_arrives);
	data(talk, SERVER, SYN | ACK, NULL, NULL);
	data(talk, CLIENT, ACK, NULL, data_opens);
	steps(talk, retr);
}

static void check_done(__u16 code, __u32 bytes)
{
	struct ftpnat_transfer t = transfer();

	assert_int_equal(told(), 1);
	assert_int_equal(t.pending, 0);
	assert_int_equal(t.done.code, code);
	assert_int_equal(t.done.mode, FTPNAT_PASSIVE);
	assert_int_equal(t.done.payload[FTPNAT_FROM_SERVER], bytes);
	assert_int_equal(t.done.payload[FTPNAT_FROM_CLIENT], 0);
}

static const enum ftpnat_reason with_transfer[] = { FTPNAT_TRANSFER_DONE,
						    FTPNAT_REASON_MAX };

static void test_the_reply_comes_last(void **state)
{
	static const struct step reply[] = { S("226 ok\r\n", TOLD), { 0 } };
	struct talk talk;

	(void)state;
	begin_with_data(&talk);
	data(&talk, SERVER, ACK, "seven..", NULL);
	data_fin(&talk, 7, NULL);
	assert_int_equal(transfer().data_state, FTPNAT_TRANSFER_ENDED);
	assert_int_equal(told(), 0);
	steps(&talk, reply);
	check_done(226, 7);
}

static void test_the_end_of_the_data_comes_last(void **state)
{
	static const struct step reply[] = { S("226 ok\r\n"), { 0 } };
	struct talk talk;

	(void)state;
	begin_with_data(&talk);
	steps(&talk, reply);
	data(&talk, SERVER, ACK, "seven..", NULL);
	assert_int_equal(told(), 0);
	data_fin(&talk, 7, with_transfer);
	check_done(226, 7);
}

static void test_a_client_that_closes_first_ends_no_download(void **state)
{
	struct talk talk;

	(void)state;
	begin_with_data(&talk);
	data(&talk, CLIENT, FIN | ACK, NULL, NULL);
	assert_int_equal(transfer().data_state, FTPNAT_TRANSFER_OPEN);
}

static void test_what_is_refused_waits_for_no_data(void **state)
{
	static const struct step reply[] = { S("550 no\r\n", TOLD), { 0 } };
	struct talk talk;

	(void)state;
	begin_with_data(&talk);
	steps(&talk, reply);
	check_done(550, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_records_nothing_is_kept),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_a_long_path_is_kept_in_part),
		cmocka_unit_test(test_other_commands_are_no_transfers),
		cmocka_unit_test(test_replies_find_their_transfers),
		cmocka_unit_test(test_a_second_transfer_ends_the_first_without_a_reply),
		cmocka_unit_test(test_under_tls_the_user_is_forgotten),
		cmocka_unit_test(test_after_rein_nobody_is_logged_in),
		cmocka_unit_test(test_the_reply_comes_last),
		cmocka_unit_test(test_the_end_of_the_data_comes_last),
		cmocka_unit_test(test_a_client_that_closes_first_ends_no_download),
		cmocka_unit_test(test_what_is_refused_waits_for_no_data),
	};

	return cmocka_run_group_tests(tests, dataplane_setup, dataplane_teardown);
}
