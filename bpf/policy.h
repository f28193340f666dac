/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a rule lets clients say: `commands`, `tls: require`, `tls: deny`; and what servers do
 * not say of themselves: `banner: hide`. A line that servers may read in different ways is
 * refused when one of the ways is.
 */
#ifndef FTPNAT_BPF_POLICY_H
#define FTPNAT_BPF_POLICY_H

#include "commands.h"
#include "config.h"

/* struct policy.has */
#define POLICY_COMMANDS	 0x01
#define POLICY_TLS_FIRST 0x02
#define POLICY_NO_TLS	 0x04
#define POLICY_HIDE	 0x08
#define POLICY_ANNOUNCE	 0x10 /* no transfer over the default data port */
#define POLICY_NO_LOGIN	 0x20 /* of a client that speaks no FTP, see not_ftp() */
#define POLICY_VERBS	 (POLICY_COMMANDS | POLICY_TLS_FIRST | POLICY_NO_LOGIN)

/*
 * Some servers read so much of a line and take what follows for the next one. What has left
 * and REFUSED_LONG are below 512 bytes.
 */
#define POLICY_LINE_MAX 500

/* What policy says of a line so far; greater: it is refused with this text of refusal_text. */
#define POLICY_PASSES 0
#define POLICY_WAITS  1 /* the rest of the line decides */
#define POLICY_DROPS  2 /* of a server's line: it is hidden */

/*
 * May the server connect from its default data port to the port of the client's control
 * connection, with this rule? GO_ON, or why not.
 */
static __always_inline enum ftpnat_reason
default_port_is_refused(const struct ftpnat_session *session,
			const struct ftpnat_rule *rule)
{
	if (!(rule->modes & (1 << FTPNAT_ACTIVE)) || session->flags & FTPNAT_SESSION_EPSV)
		return FTPNAT_LINE_MODE;
	if (bpf_ntohs(session->client.sport) < FTP_FIRST_DATA_PORT)
		return FTPNAT_LINE_PRIVILEGED;
	return GO_ON;
}

/*
 * A web page that makes a browser log in, badly, must not get the client banned; and whoever
 * guesses passwords must not get round the ban by beginning like a browser.
 */
static __always_inline bool login_is_refused(const struct ftpnat_rule *rule)
{
	return rule->kind == FTPNAT_PUBLISH && rule->per_client.failed_logins;
}

/* Sets s->policy for the session of the segment at hand, which has this rule. */
static __always_inline void policy_take(struct scratch *s,
					const struct ftpnat_session *session,
					const struct ftpnat_rule *rule)
{
	__u8 has = 0;

	if (rule && !(session->flags & FTPNAT_SESSION_TRACKED)) {
		if (rule->commands)
			has |= POLICY_COMMANDS;
		if (rule->flags & FTPNAT_RULE_TLS_FIRST)
			has |= POLICY_TLS_FIRST;
		if (rule->flags & FTPNAT_RULE_NO_TLS)
			has |= POLICY_NO_TLS;
		if (rule->flags & FTPNAT_RULE_HIDE_BANNER)
			has |= POLICY_HIDE;
		if (session->announced == FTPNAT_ANNOUNCED_NEVER &&
		    default_port_is_refused(session, rule) != GO_ON)
			has |= POLICY_ANNOUNCE;
		if (session->flags & FTPNAT_SESSION_NOT_FTP && login_is_refused(rule))
			has |= POLICY_NO_LOGIN;
		s->policy.key.list = rule->commands;
		s->policy.key.slot = (__u16)s->slot;
	}
	s->policy.has = has;
}

/* The verb of the client's line as a number. */
static __always_inline __u64 policy_verb(const struct ftp_parser *p)
{
	__u64 verb = 0;
	__u32 i;

	/* their addresses are there */
	if (p->line.command == FTP_COMMAND_PORT)
		return FTP_VERB('P', 'O', 'R', 'T');
	if (p->line.command == FTP_COMMAND_EPRT)
		return FTP_VERB('E', 'P', 'R', 'T');
	for (i = 0; i < FTP_VERB_LEN; i++)
		verb |= (__u64)p->line.verb[i] << 8 * i;
	return verb;
}

/* Has the line a password, or perhaps one? */
static __always_inline bool policy_secret(const struct ftp_parser *p)
{
	__u64 verb = policy_verb(p);

	return p->odd & FTP_ODD_VERB || verb == FTP_VERB('P', 'A', 'S', 'S') ||
	       verb == FTP_VERB('A', 'C', 'C', 'T');
}

/* Does the command log in, or hide another one (RFC 2228)? */
static __always_inline bool policy_is_login(__u64 verb)
{
	return verb == FTP_VERB('U', 'S', 'E', 'R') ||
	       verb == FTP_VERB('P', 'A', 'S', 'S') ||
	       verb == FTP_VERB('A', 'C', 'C', 'T') ||
	       verb == FTP_VERB('M', 'I', 'C', 0) ||
	       verb == FTP_VERB('C', 'O', 'N', 'F') || verb == FTP_VERB('E', 'N', 'C', 0);
}

static __always_inline __u32 policy_refusal(const struct ftpnat_command *command)
{
	switch (command->policy) {
	case FTPNAT_COMMAND_PASS:
		return POLICY_PASSES;
	case FTPNAT_COMMAND_550:
		return REFUSAL_550;
	default:
		return REFUSAL_502;
	}
}

/* `commands` of the line in p, whose verb is complete. */
static __always_inline __u32 policy_listed(struct scratch *s, const struct ftp_parser *p)
{
	struct ftpnat_command_key *key = &s->policy.key;
	const struct ftpnat_command *command, *with_word;
	__u64 verb = policy_verb(p), word;

	if (ftp_verb_ends_synched(verb))
		return REFUSAL_502;
	__builtin_memset(key->word, 0, sizeof(key->word));
	__builtin_memcpy(key->verb, &verb, sizeof(key->verb));
	command = bpf_map_lookup_elem(&ftpnat_commands, key);
	if (!command) {
		__builtin_memset(key->verb, 0, sizeof(key->verb));
		command = bpf_map_lookup_elem(&ftpnat_commands, key);
	}
	if (!command)
		return REFUSAL_502;
	if (!command->has_words)
		return policy_refusal(command);
	if (p->state == FTP_STATE_SITE)
		return POLICY_WAITS;
	__builtin_memcpy(&word, p->line.site, sizeof(word));
	if (p->odd & FTP_ODD_WORD || ftp_verb_ends_synched(word))
		return REFUSAL_550;
	__builtin_memcpy(key->word, p->line.site, sizeof(key->word));
	with_word = bpf_map_lookup_elem(&ftpnat_commands, key);
	return policy_refusal(with_word ? with_word : command);
}

/*
 * Do servers differ in the verb? Bytes of no text don't count as long as they may be those
 * of a ClientHello.
 */
static __always_inline bool policy_is_odd(const struct ftpnat_session *session,
					  const struct ftp_parser *p)
{
	bool hello = (session->flags & (FTPNAT_SESSION_HELLO | FTPNAT_SESSION_LINES)) ==
		     FTPNAT_SESSION_HELLO;

	return p->odd & FTP_ODD_VERB && !(hello && p->line.command == FTP_COMMAND_BINARY);
}

/* The same of the rule's lists and `tls: require`. */
static __always_inline __u32 policy_of_verb(const struct ftpnat_session *session,
					    struct scratch *s, const struct ftp_parser *p)
{
	bool odd;

	if (ftp_verb_is_open(p))
		return POLICY_WAITS;
	if (p->line.command == FTP_COMMAND_NONE)
		return POLICY_PASSES;
	odd = policy_is_odd(session, p);
	if (p->odd & FTP_ODD_VERB && !odd)
		return POLICY_PASSES;
	if (p->length > POLICY_LINE_MAX)
		return REFUSAL_LONG;
	if (s->policy.has & POLICY_TLS_FIRST &&
	    !(session->flags & FTPNAT_SESSION_OPAQUE) &&
	    (odd || policy_is_login(policy_verb(p))))
		return REFUSAL_TLS_FIRST;
	if (s->policy.has & POLICY_NO_LOGIN && (odd || policy_is_login(policy_verb(p))))
		return REFUSAL_502;
	if (!(s->policy.has & POLICY_COMMANDS))
		return POLICY_PASSES;
	return odd ? REFUSAL_502 : policy_listed(s, p);
}

/*
 * A transfer that nothing was announced for, where the server may not connect from its
 * default data port.
 */
static __always_inline __u32 policy_of_transfer(const struct ftpnat_session *session,
						const struct ftp_parser *p)
{
	if (session->announced != FTPNAT_ANNOUNCED_NEVER ||
	    session->flags & (FTPNAT_SESSION_HELLO | FTPNAT_SESSION_NOT_FTP))
		return POLICY_PASSES;
	if (ftp_verb_is_open(p) && p->state != FTP_STATE_WORD)
		return p->length < FTPNAT_HELD_LEN ? POLICY_WAITS : POLICY_PASSES;
	return ftp_transfers(p->line.command) ? REFUSAL_DEFAULT : POLICY_PASSES;
}

/* What policy says of the client's line at hand, finished or not: POLICY_* or the refusal. */
__noinline __u32 policy_asks(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	const struct ftp_parser *p;
	__u32 asked = POLICY_PASSES;

	if (!session || !s)
		return POLICY_PASSES;
	p = &session->stream[FTPNAT_FROM_CLIENT].parser;
	if (!p->length)
		return POLICY_PASSES;
	if (s->policy.has & POLICY_VERBS)
		asked = policy_of_verb(session, s, p);
	if (asked == POLICY_PASSES && s->policy.has & POLICY_ANNOUNCE)
		asked = policy_of_transfer(session, p);
	return asked;
}

/* With which text is the client's line refused that is complete? 0: it is not. */
static __always_inline __u32 policy_refuses(struct ftpnat_session *session,
					    const struct scratch *s)
{
	__u32 asked;

	if (!(s->policy.has & (POLICY_VERBS | POLICY_ANNOUNCE)))
		return 0;
	asked = policy_asks(session);
	if (asked > POLICY_WAITS)
		return asked;
	/* its start is gone already */
	return session->stream[FTPNAT_FROM_CLIENT].dropping ? REFUSAL_LONG : 0;
}

static __always_inline bool policy_hides(__u16 code)
{
	return code == 220 || code == 215;
}

/* What policy says of the server's line at hand, finished or not. */
static __always_inline __u32 policy_of_reply(const struct ftpnat_stream *stream,
					     const struct scratch *s)
{
	const struct ftp_parser *p = &stream->parser;

	if (!(s->policy.has & POLICY_HIDE))
		return POLICY_PASSES;
	if (policy_hides(p->line.code) || policy_hides(stream->reply))
		return POLICY_DROPS;
	if (!stream->reply &&
	    (p->state == FTP_STATE_START || p->state == FTP_STATE_IAC ||
	     p->state == FTP_STATE_IAC_OPTION || p->state == FTP_STATE_CODE))
		return POLICY_WAITS;
	return POLICY_PASSES;
}

/* Does the client begin with TLS (a record, or SSL 2's form of it), not with a line? */
static __always_inline bool policy_is_tls(__u8 byte)
{
	return byte == 0x16 || (byte >= 0x80 && byte < 0xf0);
}

#endif
