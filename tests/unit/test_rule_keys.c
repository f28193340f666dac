// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Each key about clients, and each kind of rule: from the file, through what the loader writes,
 * to what becomes of a packet and who is told; or the message where a kind of rule doesn't have the key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "lib/config_rows.h"
#include "lib/config_text.h"
#include "lib/dataplane_parts.h"
#include "lib/talk.h"
#include "base/util.h"
#include "config/load.h"
#include "dataplane/apply.h"

enum kind { PUBLISHED_RULE, MASQUERADE_RULE, TRACK_RULE, KINDS };

/* In front of the key; `clients` of a masquerade rule only where it isn't the key. */
#define HEAD	    "interfaces: [outer0, inner0]\n"
#define CLIENTS_KEY "    clients: [192.168.5.0/24, \"fd00:5::/64\"]\n"
static const char *const rule_text[KINDS] = {
	[PUBLISHED_RULE] = HEAD
	"publish:\n  - name: files\n"
	"    listen: [\"192.0.2.10:21\", \"[2001:db8:2::10]:21\"]\n"
	"    servers: [\"10.9.0.10:2121\", \"[fd00:9::10]:2121\"]\n",
	[MASQUERADE_RULE] = HEAD "masquerade:\n  - name: lan\n"
				 "    to: [203.0.113.7, \"2001:db8:1::1\"]\n",
	[TRACK_RULE] = HEAD "track:\n  - name: dmz\n"
			    "    servers: [10.9.0.0/24, \"fd00:9::/64\"]\n",
};

#define TRACKED(...)                                                                     \
	.kind = FTPNAT_TRACK, .dialled_port = 21, .server_port = 21,                     \
	.client_side = OUTER, .server_side = INNER, __VA_ARGS__
static const struct scene tracked[] = {
	{ "track v4", TRACKED(.client = "198.51.100.7", .dialled = "10.9.0.10",
			      .seen = "198.51.100.7", .server = "10.9.0.10") },
	{ "track v6", TRACKED(.client = "2001:db8:1::7", .dialled = "fd00:9::10",
			      .seen = "2001:db8:1::7", .server = "fd00:9::10") },
};

static const struct scene *scene_of(enum kind kind, int v6)
{
	if (kind == TRACK_RULE)
		return &tracked[v6];
	if (kind == MASQUERADE_RULE)
		return scene_get(v6 ? MASQ6 : MASQ4);
	return scene_get(v6 ? KEEP6 : KEEP4);
}

/* ---- what a key does; the connection is not open yet ---- */

/* Has a reader of events been told of this refusal, with the rule and the client? */
static bool is_told(const struct talk *talk, enum ftpnat_reason reason)
{
	const struct ftpnat_addr client = address(talk->scene->client);
	const struct ftpnat_line_event *events;
	size_t n = dataplane_events(0, &events);

	for (size_t i = 0; i < n; i++)
		if (events[i].event.reason == reason &&
		    events[i].event.rule != FTPNAT_NO_RULE &&
		    !memcmp(&events[i].event.client.src, &client, sizeof(client)))
			return true;
	return false;
}

#define TURNS 20 /* of a second, in which other refusals may have had all events */

static bool is_dropped(struct talk *talk, enum ftpnat_reason reason)
{
	struct packet_spec in = talk_syn(talk);

	for (int i = 0; i < TURNS; i++) {
		if (!check_from(reason_name(reason), talk, CLIENT, &in, &in, reason,
				NULL))
			return false;
		if (is_told(talk, reason))
			return true;
		usleep(100000);
	}
	printf("%s: no event\n", reason_name(reason));
	return false;
}

/* Whom the rule is not about. */
static bool passes(struct talk *talk)
{
	struct packet_spec in = talk_syn(talk);

	return check_from("not of this rule", talk, CLIENT, &in, &in, FTPNAT_PASS, NULL);
}

static bool is_denied(struct talk *talk)
{
	return is_dropped(talk, FTPNAT_CLIENT_DENIED);
}

static bool is_reset(struct talk *talk)
{
	static const enum ftpnat_reason why[] = { FTPNAT_CLIENT_DENIED,
						  FTPNAT_REASON_MAX };
	struct packet_spec in = talk_syn(talk);
	struct counters before;
	struct packet packet;
	struct run run;

	packet_build(&packet, &in);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, talk_side(talk, CLIENT), &packet, 0);
	return (run.action == TC_REDIRECT) &
	       dataplane_counted("reset", &before, FTPNAT_RESET, why);
}

/* One more from the client, beside a connection. */
static void next_port(struct talk *talk)
{
	const struct scene *scene = talk->scene;
	uint16_t port = talk->client_port;

	talk_init(talk, scene);
	talk->client_port = talk->seen_port = (uint16_t)(port + 1);
}

static bool second_is(struct talk *talk, enum ftpnat_reason reason)
{
	talk_open(talk);
	next_port(talk);
	return is_dropped(talk, reason);
}

static bool one_session(struct talk *talk)
{
	return second_is(talk, FTPNAT_CLIENT_SESSIONS);
}

static bool one_new_session(struct talk *talk)
{
	return second_is(talk, FTPNAT_CLIENT_NEW_SESSIONS);
}

static bool one_of_the_rule(struct talk *talk)
{
	return second_is(talk, FTPNAT_RULE_SESSIONS);
}

static bool one_half_open(struct talk *talk)
{
	struct packet_spec in = talk_syn(talk), out = talk_syn_heard(talk);
	bool good =
		check_from("the first", talk, CLIENT, &in, &out, talk_reason(talk), NULL);

	next_port(talk);
	return good & is_dropped(talk, FTPNAT_CLIENT_HALF_OPEN);
}

static bool one_expected(struct talk *talk)
{
	static const struct step more[] = {
		C("EPSV\r\n"),
		S("229 ok (|||2571|)\r\n",
		  "425 Too many data connections announced, try again later.\r\n",
		  .also = { FTPNAT_CLIENT_EXPECTED }),
		{ 0 },
	};

	talk_open(talk);
	data_announce(talk);
	next_port(talk);
	talk_open(talk);
	return talk_steps(talk, "one more", more) &&
	       is_told(talk, FTPNAT_CLIENT_EXPECTED);
}

/* Until when the only ban holds, since when it does; 0: there is none. */
static __u32 ban_time(void)
{
	int fd = dataplane_fd("ftpnat_bans");
	struct ftpnat_ban_key key;
	struct ftpnat_ban ban;

	if (bpf_map_get_next_key(fd, NULL, &key) || bpf_map_lookup_elem(fd, &key, &ban))
		return 0;
	return ban.until - ban.since;
}

static bool one_failed_login(struct talk *talk)
{
	static const struct step steps[] = {
		C("USER a\r\n"),
		S("331 go on\r\n"),
		C("PASS b\r\n"),
		S("530 no\r\n", "421 Too many failed logins, try again later.\r\n",
		  .also = { FTPNAT_LOGIN_BANNED }),
		{ 0 },
	};

	talk_open(talk);
	if (!talk_steps(talk, "a login", steps) || ban_time() != 3600 ||
	    !is_told(talk, FTPNAT_LOGIN_BANNED))
		return false;
	next_port(talk);
	return is_dropped(talk, FTPNAT_BANNED);
}

static bool says(struct talk *talk, const struct step *steps)
{
	talk_open(talk);
	return talk_steps(talk, "lines", steps);
}

/* The client's line is refused with this reply, and the session is in step. */
#define IS_REFUSED(name, line, sent, reason, answer)                                     \
	static bool name(struct talk *talk)                                              \
	{                                                                                \
		static const struct step steps[] = {                                     \
			C(line "\r\n", sent "\r\n", .also = { reason }),                 \
			S("500 What?\r\n", answer "\r\n"),                               \
			C("NOOP\r\n"),                                                   \
			S("200 ok\r\n"),                                                 \
			{ 0 },                                                           \
		};                                                                       \
                                                                                         \
		return says(talk, steps) && is_told(talk, reason);                       \
	}

IS_REFUSED(no_tls, "AUTH TLS", "AUTH DENIED", FTPNAT_LINE_TLS, "534 TLS is refused here.")
IS_REFUSED(tls_first, "USER a", "DENIED", FTPNAT_LINE_TLS_FIRST,
	   "530 TLS is required here, AUTH TLS comes first.")
IS_REFUSED(no_dele, "DELE a", "DENIED", FTPNAT_LINE_COMMAND,
	   "550 This command is refused here.")

static bool no_greeting(struct talk *talk)
{
	static const struct step steps[] = {
		S("220 Foo 1.2 ready.\r\n", "220 FTP server ready.\r\n",
		  .also = { FTPNAT_BANNER_HIDDEN }),
		{ 0 },
	};

	return says(talk, steps);
}

static bool has_mark(struct talk *talk)
{
	struct packet_spec in = talk_syn(talk);
	struct packet packet;
	struct run run;

	packet_build(&packet, &in);
	dataplane_run_marked(&run, INGRESS, talk_side(talk, CLIENT), &packet, 0xab00);
	return run.ctx.mark == 0xab10;
}

static bool has_dscp(struct talk *talk)
{
	talk->tos_heard = 10 << 2; /* AF11 */
	talk_open(talk);
	return true;
}

/*
 * Packets that take more than a second each get a departure time; the first one doesn't, nor
 * does one that comes when its time is there.
 */
static bool has_rate(struct talk *talk)
{
	static char payload[1001];
	struct packet_spec in;
	struct packet packet;
	struct run run;

	talk_open(talk);
	data_announce(talk);
	if (!data_check("SYN", talk, CLIENT, SYN, NULL, data_arrives) ||
	    !data_check("SYN-ACK", talk, SERVER, SYN | ACK, NULL, NULL) ||
	    !data_check("ACK", talk, CLIENT, ACK, NULL, data_opens))
		return false;
	memset(payload, 'x', sizeof(payload) - 1);
	in = data_sent(talk, SERVER);
	in.payload = payload;
	packet_build(&packet, &in);
	for (int i = 0; i < 100; i++) {
		dataplane_run(&run, INGRESS, talk_side(talk, SERVER), &packet, 0);
		if (run.ctx.tstamp)
			return true;
	}
	return false;
}

/* ---- rows ---- */

struct outcome {
	bool (*does)(struct talk *talk);
	const char *message; /* behind "LINE:COLUMN: " of the key, if it is refused */
};

struct row {
	const char *key;
	struct outcome of[KINDS];
};

#define DOES(effect)                                                                     \
	{                                                                                \
		.does = effect                                                           \
	}
#define SAYS(text)                                                                       \
	{                                                                                \
		.message = text                                                          \
	}
#define UNKNOWN(key, rule, keys)                                                         \
	"unknown key '" key "' in a " rule " rule; accepted: " keys
#define MASQUERADE_KEYS                                                                  \
	"name, clients, to, prefix64, control_ports, data_ports, modes, foreign_data, "  \
	"tls, commands, tls_data_ports, deny, refuse, per_client, max_sessions, mark, "  \
	"dscp, rate"
#define TRACK_KEYS                                                                       \
	"name, servers, clients, control_ports, tls_data_ports, mark, dscp, rate"
#define NO_TRACK(key) SAYS("5:5: " UNKNOWN(key, "track", TRACK_KEYS))
#define ALL(effect)                                                                      \
	{                                                                                \
		DOES(effect), DOES(effect), DOES(effect)                                 \
	}
/* in rules that translate */
#define BOTH(effect, key)                                                                \
	{                                                                                \
		DOES(effect), DOES(effect), NO_TRACK(key)                                \
	}
#define NO_REFUSE                                                                        \
	SAYS("5:5: " UNKNOWN("refuse", "track",                                          \
			     TRACK_KEYS) "\n6:5: " UNKNOWN("deny", "track", TRACK_KEYS))

#define NEIGHBOURS "[198.51.100.6, \"2001:db8:1::6\", 192.168.5.6, \"fd00:5::6\"]"
#define EVERYBODY  "[0.0.0.0/0, \"::/0\"]"
#define NO_FILE	   SAYS("5:14: clients: is a mapping; accepted: " CLIENTS_TEXT)

static const struct row rows[] = {
	{ "clients: " NEIGHBOURS, { DOES(is_denied), DOES(passes), DOES(passes) } },
	{ "clients: {file: neighbours}", { DOES(is_denied), NO_FILE, NO_FILE } },
	{ "deny: " EVERYBODY, BOTH(is_denied, "deny") },
	{ "deny: {file: everybody}", BOTH(is_denied, "deny") },
	{ "refuse: drop", { DOES(is_denied), DOES(is_denied), NO_REFUSE } },
	{ "refuse: reset", { DOES(is_reset), DOES(is_reset), NO_REFUSE } },
	{ "per_client: {sessions: 1}", BOTH(one_session, "per_client") },
	{ "per_client: {new_sessions: 1/h}", BOTH(one_new_session, "per_client") },
	{ "per_client: {half_open: 1}", BOTH(one_half_open, "per_client") },
	{ "per_client: {expected: 1}", BOTH(one_expected, "per_client") },
	{ "per_client: {failed_logins: 1/10min, ban: 1h}",
	  BOTH(one_failed_login, "per_client") },
	{ "max_sessions: 1", BOTH(one_of_the_rule, "max_sessions") },
	{ "tls: deny", BOTH(no_tls, "tls") },
	{ "tls: require", BOTH(tls_first, "tls") },
	{ "commands: {profile: read_only}", BOTH(no_dele, "commands") },
	{ "commands: {allow: [NOOP]}", BOTH(no_dele, "commands") },
	{ "commands: {deny: [DELE]}", BOTH(no_dele, "commands") },
	{ "banner: hide",
	  { DOES(no_greeting),
	    SAYS("6:5: " UNKNOWN("banner", "masquerade", MASQUERADE_KEYS)),
	    NO_TRACK("banner") } },
	{ "mark: 0x10/0xff", ALL(has_mark) },
	{ "dscp: af11", ALL(has_dscp) },
	{ "rate: {rule: 8Kbit}", ALL(has_rate) },
	{ "rate: {client: 8Kbit}", ALL(has_rate) },
};

/* As `reload` puts a file in force; the test fails if it can't. */
static void put_in_force(const struct config *cfg)
{
	const struct dataplane dataplane = { .skel = dataplane_skel() };
	struct apply apply;

	/* these are left to the gateway: a client's port is another one then */
	dataplane_sh("echo 1024 1999 > /proc/sys/net/ipv4/ip_local_port_range");
	assert_int_equal(apply_prepare(&apply, &dataplane, cfg), 0);
	assert_int_equal(apply_commit(&apply), 0);
}

static void forget_bans(void)
{
	const struct ftpnat_banned none = { 0 };
	int fd = dataplane_fd("ftpnat_bans");
	struct ftpnat_ban_key key;
	const __u32 zero = 0;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	bpf_map_update_elem(dataplane_fd("ftpnat_banned"), &zero, &none, BPF_ANY);
}

static bool does(const struct row *row, enum kind kind, const struct config *cfg)
{
	bool good = true;

	for (int v6 = 0; v6 < 2; v6++) {
		struct talk talk;

		dataplane_fresh();
		forget_bans();
		put_in_force(cfg);
		talk_init(&talk, scene_of(kind, v6));
		if (row->of[kind].does(&talk))
			continue;
		printf("%s [%s]: does not do what it should\n", row->key,
		       talk.scene->name);
		good = false;
	}
	forget_bans();
	return good;
}

static char dir[] = "/tmp/ftpnat-rule-keys.XXXXXX";

/* `refuse` shows where somebody is refused. */
static void test_row(void **state)
{
	const struct row *row = *state;
	char path[64];
	bool good = true;

	snprintf(path, sizeof(path), "%s/rules.yaml", dir);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		_cleanup_config_ struct config *cfg = NULL;
		_cleanup_free_ char *lines = NULL;
		struct config_errors err = { 0 };
		char yaml[1024];

		snprintf(yaml, sizeof(yaml), "%s%s    %s\n    %s\n", rule_text[kind],
			 kind == MASQUERADE_RULE && strncmp(row->key, "clients", 7) ?
				 CLIENTS_KEY :
				 "",
			 row->key,
			 strncmp(row->key, "refuse", 6) ? "" : "deny: " EVERYBODY);
		config_load_text(path, yaml, strlen(yaml), &cfg, &err);
		lines = config_error_lines(&err);
		assert_string_equal(lines, row->of[kind].message ?: "");
		if (row->of[kind].does)
			good &= does(row, kind, cfg);
	}
	assert_true(good);
}

/* Without any key, all that the rows ask about goes on. */
static void test_without(void **state)
{
	static const struct step lines[] = {
		S("220 Foo 1.2 ready.\r\n"),
		C("USER a\r\n"),
		S("331 go on\r\n"),
		C("PASS b\r\n"),
		S("530 no\r\n"),
		C("DELE a\r\n"),
		S("250 gone\r\n"),
		C("AUTH TLS\r\n"),
		S("500 What?\r\n"),
		{ 0 },
	};

	(void)state;
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (int v6 = 0; v6 < 2; v6++) {
			_cleanup_config_ struct config *cfg = NULL;
			char yaml[1024];
			struct talk talk;

			snprintf(yaml, sizeof(yaml), "%s%s", rule_text[kind],
				 kind == MASQUERADE_RULE ? CLIENTS_KEY : "");
			cfg = config_parsed(yaml);
			dataplane_fresh();
			put_in_force(cfg);
			talk_init(&talk, scene_of(kind, v6));
			assert_false(has_mark(&talk));
			dataplane_forget();
			talk_init(&talk, scene_of(kind, v6));
			assert_false(has_rate(&talk));
			next_port(&talk);
			assert_true(says(&talk, lines));
			assert_int_equal(ban_time(), 0);
		}
}

/* The lists of the rows, beside the file that names them. */
static const struct list {
	const char *name, *text;
} lists[] = {
	{ "neighbours", "198.51.100.6\n2001:db8:1::6\n" },
	{ "everybody", "0.0.0.0/0\n::/0\n" },
};

static int make_lists(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		char path[64];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", dir, lists[i].name);
		file = fopen(path, "w");
		if (!file || fputs(lists[i].text, file) < 0 || fclose(file))
			return -1;
	}
	return dataplane_setup(state);
}

static int remove_lists(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", dir, lists[i].name);
		unlink(path);
	}
	rmdir(dir);
	return dataplane_teardown(state);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows) + 1] = { cmocka_unit_test(
		test_without) };
	size_t n = 1 + rows_as_tests(tests + 1, rows, ARRAY_SIZE(rows), sizeof(rows[0]),
				     test_row);

	return _cmocka_run_group_tests("rule_keys", tests, n, make_lists, remove_lists);
}
