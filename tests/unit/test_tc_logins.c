// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Failed logins of a client: which replies count, and the ban. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "lib/clients.h"
#include "lib/talk.h"
#include "base/util.h"

#define REFUSES "530 Login incorrect.\r\n"
#define ENDS	"421 Too many failed logins, try again later.\r\n"

static const struct login_row {
	const char *says;
	__u32 limit; /* 0: they are not counted */
	struct step steps[16];
	__u32 failed; /* of the client, at the end */
} logins[] = {
	{ "the second failure bans",
	  2,
	  { S("220 hello\r\n"), C("USER a\r\n"), S("331 go on\r\n"), C("PASS b\r\n"),
	    S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), C("USER a\r\n"),
	    S("331 go on\r\n"), C("pass c\r\n"),
	    S(REFUSES, ENDS, .also = { FTPNAT_LOGIN_BANNED }) },
	  2 },
	{ "a login that succeeds",
	  1,
	  { S("220 hello\r\n"), C("USER a\r\n"), S("331 go on\r\n"), C("PASS b\r\n"),
	    S("230 welcome\r\n") },
	  0 },
	{ "530 to what is not a password",
	  1,
	  { S("220 hello\r\n"), C("PWD\r\n"), S(REFUSES), C("PASSWORD b\r\n"), S(REFUSES),
	    C("USER PASS\r\n"), S(REFUSES) },
	  0 },
	{ "another refusal of a password",
	  1,
	  { S("220 hello\r\n"), C("PASS b\r\n"), S("503 USER first\r\n") },
	  0 },
	{ "more replies than commands",
	  2,
	  { S("220 hello\r\n"), C("long\r\n"), C("USER a\r\n"), C("PASS b\r\n"),
	    S("500 what\r\n"), S("500 what\r\n"), S("331 go on\r\n"),
	    S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), C("USER a\r\n"), C("PASS b\r\n"),
	    S("331 go on\r\n"), S(REFUSES, ENDS, .also = { FTPNAT_LOGIN_BANNED }) },
	  2 },
	{ "more replies, among them one to a password",
	  2,
	  { S("220 hello\r\n"), C("long\r\n"), C("PASS b\r\n"), S("500 what\r\n"),
	    S("500 what\r\n"), S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), C("PWD\r\n"),
	    S(REFUSES) },
	  1 },
	{ "fewer replies than commands",
	  2,
	  { S("220 hello\r\n"), C("NOOP\r\n"), C("NOOP\r\n"), C("USER a\r\n"),
	    C("PASS b\r\n"), S("200 ok\r\n"), S("331 go on\r\n"),
	    S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), C("USER a\r\n"),
	    S("331 go on\r\n"), C("PASS c\r\n"),
	    S(REFUSES, ENDS, .also = { FTPNAT_LOGIN_BANNED }) },
	  2 },
	{ "530 while a password waits counts for it, once",
	  2,
	  { S("220 hello\r\n"), C("PWD\r\n"), C("USER a\r\n"), C("PASS b\r\n"),
	    S(REFUSES, .also = { FTPNAT_LOGIN_FAILED }), S("331 go on\r\n"), S(REFUSES),
	    C("PWD\r\n"), S(REFUSES) },
	  1 },
	{ "530 that began before the password",
	  1,
	  { S("220 hello\r\n"), C("PWD\r\n"), S("530 Login"), C("PASS b\r\n"),
	    S(" first.\r\n"), S("230 welcome\r\n") },
	  0 },
	{ "where they are not counted",
	  0,
	  { S("220 hello\r\n"), C("PASS b\r\n"), S(REFUSES), C("PASS b\r\n"),
	    S(REFUSES) },
	  0 },
};

static size_t bans_number(void)
{
	int fd = dataplane_fd("ftpnat_bans");
	struct ftpnat_ban_key key;
	size_t n = 0;

	for (; !bpf_map_get_next_key(fd, NULL, &key); n++)
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	return n;
}

static void test_login(void **state)
{
	static const enum scene_id scenes[] = { KEEP4, KEEP6, FULL4, MASQ6 };
	const struct login_row *row = *state;

	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct scene *scene = scene_get(scenes[i]);
		struct ftpnat_rule rule = scene_rule(scene);
		struct talk talk;

		rule.per_client.failed_logins = row->limit;
		rule.per_client.failed_time = 600;
		rule.per_client.ban_time = 600;
		scene_configure(scene, &rule);
		bans_number();
		talk_init(&talk, scene);
		talk_open(&talk);
		assert_true(talk_steps(&talk, row->says, row->steps));
		assert_int_equal(client_has(scene->client).number[FTPNAT_HAS_FAILED],
				 row->failed);
		assert_int_equal(bans_number(), row->limit && row->failed == row->limit);
	}
}

/* A ban by hand that holds for longer stays as it is. */
static void test_login_of_banned(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	struct ftpnat_ban_key key = { .len = FTPNAT_BAN_FIXED + 128,
				      .family = FTPNAT_V4 };
	struct ftpnat_ban by_hand = { .len = key.len }, kept;
	struct talk talk;

	(void)state;
	rule.per_client.failed_logins = 2;
	rule.per_client.failed_time = 600;
	rule.per_client.ban_time = 600;
	scene_configure(scene, &rule);
	bans_number();
	talk_init(&talk, scene);
	talk_open(&talk);
	key.addr = address(scene->client);
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_bans"), &key, &by_hand,
					     BPF_ANY),
			 0);
	assert_true(talk_steps(&talk, "banned for good", logins[0].steps));
	assert_int_equal(bpf_map_lookup_elem(dataplane_fd("ftpnat_bans"), &key, &kept),
			 0);
	assert_int_equal(kept.until, 0);
	assert_int_equal(bans_number(), 1);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(logins) + 1];
	size_t n = rows_as_tests(tests, logins, ARRAY_SIZE(logins), sizeof(logins[0]),
				 test_login);

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_login_of_banned);
	return _cmocka_run_group_tests("tc_logins", tests, n, dataplane_setup,
				       dataplane_teardown);
}
