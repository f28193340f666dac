/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of a session that wait for their replies, and the refusals that replace a
 * reply or a command.
 */
#ifndef FTPNAT_BPF_COMMANDS_H
#define FTPNAT_BPF_COMMANDS_H

#include "ftp_grammar.h"
#include "scratch.h"

#define REFUSAL_TLS  4
#define REFUSED_AUTH 5

/*
 * What a client reads when policy refuses, and what a server reads instead of AUTH: a
 * mechanism that doesn't exist (RFC 2228). At most sizeof(segment.outcome.text).
 */
static const char refusal_text[8][64] = {
	"425 No free data port, try again later.\r\n",
	"425 Too many data connections announced, try again later.\r\n",
	"500 Data connections to another host are refused.\r\n",
	"500 This kind of data connection is refused.\r\n",
	[REFUSAL_TLS] = "534 TLS is refused here.\r\n",
	[REFUSED_AUTH] = "AUTH DENIED\r\n",
};

static __always_inline __u32 refusal_index(enum ftpnat_reason why)
{
	switch (why) {
	case FTPNAT_LINE_NO_PORT:
		return 0;
	case FTPNAT_LINE_FULL:
		return 1;
	case FTPNAT_LINE_FOREIGN:
		return 2;
	case FTPNAT_LINE_TLS:
		return REFUSAL_TLS;
	default:
		return 3;
	}
}

static __always_inline void refusal_write(struct segment *seg, __u32 index)
{
	__u32 i;

	for (i = 0; i < sizeof(refusal_text[0]); i++) {
		char c = refusal_text[index & 7][i];

		if (!c)
			break;
		seg->outcome.text[i] = c;
	}
	seg->outcome.text_len = i;
}

/* Must the reply to this command be read, and perhaps changed? */
static __always_inline int awaits_address(__u8 command)
{
	return command == FTP_COMMAND_PASV || command == FTP_COMMAND_EPSV ||
	       (command & COMMAND_REFUSED);
}

/* Does the reply to this command cause anything? */
static __always_inline int command_matters(__u8 command)
{
	return awaits_address(command) || (command & COMMAND_DOOR) ||
	       command == FTP_COMMAND_EPSV_ALL || command == FTP_COMMAND_AUTH ||
	       command == FTP_COMMAND_REIN;
}

/* The oldest command without its final reply, FTP_COMMAND_OTHER if it doesn't matter. */
static __always_inline __u8 command_first(const struct ftpnat_session *session)
{
	__u32 i = bounded(session->first, FTPNAT_MAX_COMMANDS);

	if (!session->commands || session->ahead[i])
		return FTP_COMMAND_OTHER;
	return session->command[i];
}

/* The oldest command got its final reply. */
static __always_inline void command_pop(struct ftpnat_session *session)
{
	__u32 i = bounded(session->first, FTPNAT_MAX_COMMANDS);

	if (!session->commands) {
		if (session->others)
			session->others--;
		return;
	}
	if (session->ahead[i]) {
		session->ahead[i]--;
		return;
	}
	if (awaits_address(session->command[i]))
		session->awaiting--;
	session->first++;
	session->commands--;
}

static __always_inline void command_push(struct ftpnat_session *session, __u8 command)
{
	__u32 i = bounded(session->first + session->commands, FTPNAT_MAX_COMMANDS);

	if (!command_matters(command)) {
		if (session->others < 65535)
			session->others++;
		return;
	}
	if (session->commands == FTPNAT_MAX_COMMANDS) {
		session->ahead[i] = 0;
		command_pop(session); /* more in flight than any client sends */
	}
	session->command[i] = command;
	session->ahead[i] = session->others;
	session->others = 0;
	session->commands++;
	if (session->stream[FTPNAT_FROM_SERVER].parser.length &&
	    session->late < FTPNAT_MAX_COMMANDS)
		session->late++;
	if (awaits_address(command))
		session->awaiting++;
}

/*
 * The oldest command got its final reply, a 227 or 229: is it PASV or EPSV? After an
 * ABOR the reply belongs to the oldest such command, and all before it are done: servers
 * differ in how many replies an aborted transfer gets.
 */
__noinline int command_take(struct ftpnat_session *session, __u8 command)
{
	struct scratch *s = scratch_get();
	__u32 i, at;

	if (!session || !s)
		return 0;
	if (!session->lenient || command_first(session) == command) {
		int found = command_first(session) == command;

		command_pop(session);
		return found;
	}
	s->command_search.number = 0; /* of commands to take; in memory, see verifier.h */
	for (i = 0; i < FTPNAT_MAX_COMMANDS; i++) {
		at = bounded(session->first + i, FTPNAT_MAX_COMMANDS);
		if (!s->command_search.number && i < session->commands &&
		    session->command[at] == command)
			s->command_search.number = i + 1;
	}
	if (!s->command_search.number) {
		command_pop(session);
		return 0;
	}
	for (i = 0; i < FTPNAT_MAX_COMMANDS && i < s->command_search.number; i++) {
		session->ahead[bounded(session->first, FTPNAT_MAX_COMMANDS)] = 0;
		command_pop(session);
	}
	return 1;
}

#endif
