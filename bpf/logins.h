/* SPDX-License-Identifier: GPL-2.0-only */
/* Failed logins of a client: after too many it is banned and its session ends. */
#ifndef FTPNAT_BPF_LOGINS_H
#define FTPNAT_BPF_LOGINS_H

#include "bans.h"
#include "clients.h"
#include "commands.h"
#include "verdict.h"

#define REPLY_NOT_LOGGED_IN 530 /* RFC 959 section 5.4 */

/* Does the session's rule count them? Then PASS is followed. */
__noinline int logins_counted(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	struct ftpnat_rule *rule = s && session ? rule_get(s, session->rule) : NULL;

	return rule && rule->per_client.failed_logins &&
	       !(session->flags & FTPNAT_SESSION_TRACKED);
}

/* Does a reply of this code say what became of a password? RFC 959 section 5.4 */
static __always_inline bool login_decides(__u16 code)
{
	return code == 230 || code == 202 || code == 332 || code == REPLY_NOT_LOGGED_IN;
}

/*
 * Has the server refused a password, by the final reply that command_answered() takes for
 * that of `command`? A client can make a server send more replies than it gets commands (a
 * long line may be several), or fewer, and which reply is whose is then wrong. So a PASS that
 * got another's reply is still owed its own, and the next 530 is that; a 530 that comes too
 * early is that of a PASS that waits. Each counts once.
 */
__noinline bool login_refused(struct ftpnat_session *session, __u8 command, __u16 code)
{
	struct scratch *s = scratch_get();
	__s8 owed;

	if (!session || !s)
		return false;
	owed = session->stream[FTPNAT_FROM_CLIENT].owed;
	if (command == FTP_COMMAND_PASS) {
		if (owed <= 0 || !login_decides(code))
			return false;
		login_owed(session, -1);
		return code == REPLY_NOT_LOGGED_IN;
	}
	if (code != REPLY_NOT_LOGGED_IN)
		return false;
	if (owed <= 0) {
		if (-owed >= session->awaiting)
			return false;
		command_find(session, s, FTP_COMMAND_PASS);
		if (!s->command_search.number ||
		    session->commands - s->command_search.number < session->late)
			return false;
	}
	login_owed(session, -1);
	return true;
}

/* Bans the client of s->client_key from its rule, and ends the session. */
static __always_inline void login_ban(struct ftpnat_session *session, struct scratch *s,
				      const struct ftpnat_rule *rule)
{
	struct ftpnat_ban_key *key = &s->ban_key;
	struct ftpnat_ban *ban = &s->ban, *old;
	struct ftpnat_banned *any;
	__u32 zero = 0;

	key->addr = s->client_key.addr;
	key->rule = session->rule;
	key->family = addr_is_v4(&key->addr) ? FTPNAT_V4 : FTPNAT_V6;
	key->len = FTPNAT_BAN_FIXED +
		   (key->family == FTPNAT_V4 ? ADDR_BITS : CLIENT_V6_BITS);
	__builtin_memset(ban, 0, sizeof(*ban));
	ban->since = s->segment.now;
	ban->until = s->segment.now + rule->per_client.ban_time;
	ban->len = key->len;
	__builtin_memcpy(ban->rule, rule->name, sizeof(ban->rule));
	__builtin_memcpy(ban->why, "failed logins", sizeof("failed logins"));
	old = bpf_map_lookup_elem(&ftpnat_bans, key);
	/* one by hand that holds for longer stays */
	if ((!old || old->len != key->len ||
	     (old->until && (__s32)(ban->until - old->until) > 0)) &&
	    bpf_map_update_elem(&ftpnat_bans, key, ban, BPF_ANY))
		count(FTPNAT_BANS_FULL);
	any = bpf_map_lookup_elem(&ftpnat_banned, &zero);
	if (any) /* behind the ban, see bans_recount() */
		any->rules = 1;
	s->ending.key = session->client;
	s->ending.created = session->created;
	s->ending.session = s->segment.session;
	s->ending.expected = 0;
	bpf_map_push_elem(&ftpnat_ending, &s->ending, 0);
}

/* The server has refused a password: LOGIN_FAILED, or LOGIN_BANNED. */
__noinline enum ftpnat_reason login_failed(struct ftpnat_session *session)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct scratch *s = scratch_get();
	struct ftpnat_client *client;
	struct ftpnat_rule *rule;

	if (!session || !s)
		return FTPNAT_LOGIN_FAILED;
	client_of(s, &session->client.src, session->rule);
	client = bpf_map_lookup_elem(&ftpnat_clients, &s->client_key);
	rule = rule_get(s, session->rule);
	if (!client || !rule || !rule->per_client.failed_logins)
		return FTPNAT_LOGIN_FAILED;
	if (client->failed_end <= now) {
		client->number[FTPNAT_HAS_FAILED] = 0;
		client->failed_end = now + rule->per_client.failed_time * SECOND;
	}
	if (__sync_fetch_and_add(&client->number[FTPNAT_HAS_FAILED], 1) + 1 <
	    rule->per_client.failed_logins)
		return FTPNAT_LOGIN_FAILED;
	login_ban(session, s, rule);
	return FTPNAT_LOGIN_BANNED;
}

#endif
