// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Bans: of prefixes, from rules, in time; and what was announced before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include <cmocka.h>

#include "lib/syn.h"
#include "lib/talk.h"
#include "base/addr.h"
#include "base/util.h"

#define FOR_GOOD 0
#define OVER	 (-1)

struct entry {
	const char *prefix; /* NULL: none */
	int seconds;	    /* FOR_GOOD, OVER, or left */
	int rule;	    /* -1: all */
};

static __u32 monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u32)now.tv_sec;
}

static void put(const struct entry *entry)
{
	const __u32 zero = 0;
	const struct ftpnat_banned banned = { .all = 1, .rules = 1 };
	struct ftpnat_ban value = { .since = monotonic() };
	struct ftpnat_ban_key key = { .rule = (__u16)entry->rule };
	struct ftpnat_prefix prefix;

	assert_int_equal(ftpnat_prefix_parse(entry->prefix, &prefix), 0);
	key.addr = prefix.addr;
	key.family = (__u16)ftpnat_addr_family(&prefix.addr);
	key.len = FTPNAT_BAN_FIXED + prefix.len + (key.family == FTPNAT_V4 ? 96u : 0u);
	value.len = key.len;
	if (entry->seconds)
		value.until = value.since + (__u32)entry->seconds;
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_bans"), &key, &value,
					     BPF_ANY),
			 0);
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_banned"), &zero,
					     &banned, BPF_ANY),
			 0);
}

static void clear(void)
{
	int fd = dataplane_fd("ftpnat_bans");
	const struct ftpnat_banned none = { 0 };
	struct ftpnat_ban_key key;
	const __u32 zero = 0;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	bpf_map_update_elem(dataplane_fd("ftpnat_banned"), &zero, &none, BPF_ANY);
}

static const struct row {
	const char *says;
	struct entry bans[3];
	bool v4, v6; /* is a client of this family let in? */
} rows[] = {
	{ "nobody", { { 0 } }, true, true },
	{ "the client", { { "198.51.100.7", FOR_GOOD, -1 } }, false, true },
	{ "its neighbour", { { "198.51.100.6", FOR_GOOD, -1 } }, true, true },
	{ "its prefix, for a time", { { "198.51.100.0/24", 1000, -1 } }, false, true },
	{ "its prefix, over", { { "198.51.100.0/24", OVER, -1 } }, true, true },
	{ "all IPv6", { { "::/0", FOR_GOOD, -1 } }, true, false },
	{ "all IPv4", { { "0.0.0.0/0", FOR_GOOD, -1 } }, false, true },
	{ "from the rule", { { "2001:db8:1::/64", FOR_GOOD, 0 } }, true, false },
	{ "from another rule", { { "2001:db8:1::/64", FOR_GOOD, 1 } }, true, true },
	{ "one that is over within one that isn't",
	  { { "198.51.100.7", OVER, -1 }, { "198.51.0.0/16", FOR_GOOD, -1 } },
	  false,
	  true },
	{ "one that holds within one that is over",
	  { { "2001:db8:1::7", 1000, -1 }, { "2001:db8::/32", OVER, -1 } },
	  true,
	  false },
	{ "over from all, not from the rule",
	  { { "198.51.100.7", OVER, -1 }, { "198.51.100.7", 1000, 0 } },
	  false,
	  true },
	{ "all of IPv4, over, within nothing", { { "0.0.0.0/0", OVER, -1 } }, true, true },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	bool good = true;

	for (int v6 = 0; v6 < 2; v6++) {
		const struct packet_spec *spec = v6 ? &syn6 : &syn4;
		struct packet packet, expected;
		struct counters before;
		struct run run;

		syn_publish();
		clear();
		for (size_t i = 0; i < ARRAY_SIZE(row->bans); i++)
			if (row->bans[i].prefix)
				put(&row->bans[i]);
		syn_build(&packet, spec);
		syn_build_translated(&expected, spec);
		if (v6 ? row->v6 : row->v4) {
			good &= check_translated(row->says, &packet, &expected);
			continue;
		}
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
		good &= run.action == TC_SHOT;
		good &= dataplane_counted(row->says, &before, FTPNAT_BANNED, NULL);
		assert_int_equal(dataplane_flows(), 0);
	}
	clear();
	assert_true(good);
}

/* What was announced to the client, by PASV or PORT, does not open any more. */
static void test_announced(void **state)
{
	static const enum ftpnat_reason closes[] = { FTPNAT_EXPECTED_CLOSED,
						     FTPNAT_REASON_MAX };
	const struct entry client = { "198.51.100.7", FOR_GOOD, -1 };
	struct packet_spec in;
	struct talk talk;

	(void)state;
	talk_begin(&talk, KEEP4);
	clear();
	data_announce(&talk);
	put(&client);
	in = data_sent(&talk, CLIENT);
	in.flags = SYN;
	assert_true(check_from("the client's SYN", &talk, CLIENT, &in, &in, FTPNAT_BANNED,
			       closes));
	assert_int_equal(dataplane_expectations(), 0);
	clear();
}

/* Nor does it announce anything more; the session goes on. */
static void test_announcing(void **state)
{
	static const struct step steps[] = {
		S("220 hello\r\n"),
		C("EPSV\r\n"),
		S("229 ok (|||2570|)\r\n",
		  "425 Too many data connections announced, try again later.\r\n",
		  .also = { FTPNAT_BANNED }),
		C("NOOP\r\n"),
		S("200 ok\r\n"),
		{ 0 },
	};
	static const enum scene_id scenes[] = { KEEP4, KEEP6, FULL4, MASQ4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		struct talk talk;

		talk_begin(&talk, scenes[i]);
		clear();
		put(&(struct entry){ talk.scene->client, FOR_GOOD, 0 });
		assert_true(talk_steps(&talk, talk.scene->name, steps));
		assert_int_equal(dataplane_expectations(), 0);
		clear();
	}
}

/* ---- a full table ---- */

/* The number-th IPv6 /64 behind the outer interface, of all that there are. */
static struct ftpnat_ban_key network(unsigned int number)
{
	struct ftpnat_ban_key key = { .len = FTPNAT_BAN_FIXED + 64,
				      .rule = FTPNAT_BAN_ALL,
				      .family = FTPNAT_V6,
				      .addr = address("2001:db8:1::") };

	key.addr.octet[6] = (uint8_t)(number >> 8);
	key.addr.octet[7] = (uint8_t)number;
	return key;
}

static void fill(void)
{
	static struct ftpnat_ban_key keys[FTPNAT_MAX_BANS];
	static struct ftpnat_ban values[FTPNAT_MAX_BANS];
	__u32 n = FTPNAT_MAX_BANS;

	put(&(struct entry){ "2001:db8:1::/64", FOR_GOOD, -1 });
	for (unsigned int i = 0; i < n; i++) {
		keys[i] = network(i);
		values[i] =
			(struct ftpnat_ban){ .since = monotonic(), .len = keys[i].len };
	}
	assert_int_equal(bpf_map_update_batch(dataplane_fd("ftpnat_bans"), keys, values,
					      &n, NULL),
			 0);
}

static bool is_banned(const char *client)
{
	static uint16_t port = 50000; /* a SYN of a connection that exists is let in */
	struct packet_spec spec = strchr(client, ':') ? syn6 : syn4;
	struct packet packet;
	struct run run;

	spec.src = client;
	spec.sport = port++;
	syn_build(&packet, &spec);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	return run.action == TC_SHOT;
}

/* A login that fails once too often, from this port: is it counted so? */
static bool fails(struct talk *talk, uint16_t port, enum ftpnat_reason full)
{
	const struct step steps[] = {
		C("PASS b\r\n"),
		S("530 no\r\n", "421 Too many failed logins, try again later.\r\n",
		  .also = { FTPNAT_LOGIN_BANNED, full }),
		{ 0 },
	};

	talk_init(talk, scene_get(KEEP4));
	talk->client_port = talk->seen_port = port;
	talk_open(talk);
	return talk_steps(talk, "a failed login", steps);
}

/*
 * What is banned stays so. A client that fails too often is not banned any more, and nobody else
 * is refused; its session ends. The next one is banned when there is room.
 */
static void test_full(void **state)
{
	const struct scene *scene = scene_get(KEEP4);
	struct ftpnat_rule rule = scene_rule(scene);
	const struct ftpnat_ban_key key = network(4711);
	struct talk talk;

	(void)state;
	rule.per_client = (struct ftpnat_per_client){ .failed_logins = 1,
						      .failed_time = 600,
						      .ban_time = 600 };
	scene_configure(scene, &rule);
	dataplane_listen(syn6.dst, syn6.dport, 0);
	clear();
	fill();
	assert_true(is_banned("2001:db8:1::7"));
	assert_true(is_banned("2001:db8:1:1267::7"));
	assert_true(is_banned("2001:db8:1:ffff::7"));
	assert_true(fails(&talk, CLIENT_PORT, FTPNAT_BANS_FULL));
	assert_false(is_banned(scene->client));
	assert_int_equal(bpf_map_delete_elem(dataplane_fd("ftpnat_bans"), &key), 0);
	assert_true(fails(&talk, CLIENT_PORT + 1, 0));
	assert_true(is_banned(scene->client));
	assert_true(is_banned("2001:db8:1::7"));
	clear();
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(test_announced),
		cmocka_unit_test(test_announcing),
		cmocka_unit_test(test_full),
	};
	size_t n = 3;

	n += rows_as_tests(tests + n, rows, ARRAY_SIZE(rows), sizeof(rows[0]), test_row);
	return _cmocka_run_group_tests("tc_bans", tests, n, dataplane_setup,
				       dataplane_teardown);
}
