/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of a session that wait for their replies, and the refusals that replace a
 * reply or a command.
 */
#ifndef FTPNAT_BPF_COMMANDS_H
#define FTPNAT_BPF_COMMANDS_H

#include "ftp_grammar.h"
#include "scratch.h"

/* Seconds of silence after which a missing reply is no longer expected. */
#define COMMANDS_QUIET 3
#define TRANSFER_QUIET 60 /* the same while the reply that ends a transfer is missing */

#define REFUSAL_TLS	   4
#define REFUSED_AUTH	   5
#define REFUSAL_AMBIGUOUS  6
#define REFUSED_ADDRESS	   7
#define REFUSAL_LOGIN	   8
#define REFUSAL_USE_V6	   9
#define REFUSAL_USE_V4	   10
#define REFUSAL_ARGUMENT   11
#define REFUSAL_ALGS_ON	   12
#define REFUSAL_ALGS_OFF   13
#define REFUSAL_UNREADABLE 14
#define REFUSED_227	   15
#define REFUSED_229	   16
#define REFUSED_TEXT	   17
#define REFUSAL_NO_CONNECT 18
#define BEGINS_227	   19
#define BEGINS_229	   20
#define OVERLONG_BLANK	   21
#define REFUSAL_TLS_FIRST  22
#define REFUSAL_550	   23
#define REFUSAL_502	   24
#define REFUSAL_LONG	   25
#define REFUSED_LONG	   26
#define HIDDEN_220	   27
#define HIDDEN_215	   28
#define REFUSAL_PEERS	   29
#define REFUSAL_DEFAULT	   30
#define REFUSALS	   32 /* power of two */

/*
 * What a client reads when policy refuses, and what a server reads instead of AUTH, a
 * mechanism that doesn't exist (RFC 2228), or instead of an address that servers read
 * differently. What clients read where a reply's code can't be changed any more, and in
 * place of an address in front of a reply's last line. At most sizeof(segment.outcome.text).
 */
static const char refusal_text[REFUSALS][64] = {
	"425 No free data port, try again later.\r\n",
	"425 Too many data connections announced, try again later.\r\n",
	"500 Data connections to another host are refused.\r\n",
	"500 This kind of data connection is refused.\r\n",
	[REFUSAL_TLS] = "534 TLS is refused here.\r\n",
	[REFUSED_AUTH] = "AUTH DENIED\r\n",
	[REFUSAL_AMBIGUOUS] =
		"501 Address not understood, write it as RFC 959 has it.\r\n",
	[REFUSED_ADDRESS] = "DENIED\r\n",
	[REFUSAL_USE_V6] = "522 Network protocol not supported, use (2).\r\n",
	[REFUSAL_USE_V4] = "522 Network protocol not supported, use (1).\r\n",
	[REFUSAL_ARGUMENT] = "504 Command not implemented for that parameter.\r\n",
	[REFUSAL_ALGS_ON] = "216 EPSVEPRT translated.\r\n",
	[REFUSAL_ALGS_OFF] = "216 NONE translated.\r\n",
	[REFUSAL_LOGIN] = "421 Too many failed logins, try again later.\r\n",
	[REFUSAL_UNREADABLE] = "425 The server names no clear address.\r\n",
	[REFUSED_227] = "227 Refused.\r\n",
	[REFUSED_229] = "229 Refused.\r\n",
	[REFUSED_TEXT] = "\r\n",
	/* RFC 6384 section 6: 4xx, as it may pass */
	[REFUSAL_NO_CONNECT] = "425 Data connections to another host are refused.\r\n",
	[BEGINS_227] = "227-Entering Passive Mode:\r\n",
	[BEGINS_229] = "229-Entering Extended Passive Mode:\r\n",
	[OVERLONG_BLANK] = "_",
	[REFUSAL_TLS_FIRST] = "530 TLS is required here, AUTH TLS comes first.\r\n",
	[REFUSAL_550] = "550 This command is refused here.\r\n",
	[REFUSAL_502] = "502 This command is refused here.\r\n",
	[REFUSAL_LONG] = "500 Line too long.\r\n",
	[REFUSED_LONG] = "/DENIED\r\n",
	[HIDDEN_220] = "220 FTP server ready.\r\n",
	[HIDDEN_215] = "215 UNIX Type: L8\r\n",
	[REFUSAL_PEERS] = "425 A part of this service is away, try again later.\r\n",
	[REFUSAL_DEFAULT] = "425 Use PASV or EPSV first.\r\n",
};

static __always_inline __u32 refusal_index(enum ftpnat_reason why)
{
	switch (why) {
	case FTPNAT_LINE_NO_PORT:
		return 0;
	case FTPNAT_LINE_FULL:
	case FTPNAT_CLIENT_EXPECTED:
	case FTPNAT_CLIENT_SHARE:
	case FTPNAT_BANNED:
		return 1;
	case FTPNAT_LINE_FOREIGN:
		return 2;
	case FTPNAT_LINE_TLS:
		return REFUSAL_TLS;
	case FTPNAT_LINE_UNPROTECTED:
		return REFUSAL_PEERS;
	case FTPNAT_LINE_AMBIGUOUS:
		return REFUSAL_AMBIGUOUS;
	default:
		return 3;
	}
}

__noinline int refusal_write(struct segment *seg, __u32 index)
{
	__u32 i;

	if (!seg)
		return 0;
	for (i = 0; i < sizeof(refusal_text[0]); i++) {
		char c = refusal_text[index & (REFUSALS - 1)][i];

		if (!c)
			break;
		seg->outcome.text[i] = c;
	}
	seg->outcome.text_len = i;
	return 0;
}

/* Does the reply to this command name where to connect? */
static __always_inline bool is_passive(__u8 command)
{
	return command == FTP_COMMAND_PASV || command == FTP_COMMAND_EPSV ||
	       command == FTP_COMMAND_EPSV_AS_PASV || command == FTP_COMMAND_PASV_AS_EPSV;
}

/* The command as the server has read it. */
static __always_inline __u8 command_read(__u8 command)
{
	switch (command) {
	case FTP_COMMAND_EPSV_AS_PASV:
		return FTP_COMMAND_PASV;
	case FTP_COMMAND_PASV_AS_EPSV:
		return FTP_COMMAND_EPSV;
	default:
		return command;
	}
}

/* Must the reply to this command be read, and perhaps changed? */
static __always_inline bool awaits_address(__u8 command)
{
	return is_passive(command) || command == FTP_COMMAND_PASS ||
	       (command & COMMAND_REFUSED);
}

/* Does the reply to this command cause anything? */
static __always_inline bool command_matters(__u8 command)
{
	return awaits_address(command) || (command & COMMAND_EXPECTS) ||
	       command == FTP_COMMAND_EPSV_ALL || command == FTP_COMMAND_AUTH ||
	       command == FTP_COMMAND_REIN || command == FTP_COMMAND_TRANSFER;
}

/* May the server's next lines contain an address that must be changed, or a refusal? */
static __always_inline bool awaits_any(const struct ftpnat_session *session)
{
	return session->awaiting || session->again;
}

/* Is the oldest command that matters a PASV or EPSV, and older than the server's present line? */
static __always_inline bool awaits_passive(const struct ftpnat_session *session)
{
	__u8 command = session->command[bounded(session->first, FTPNAT_MAX_COMMANDS)];

	if (session->commands <= session->late)
		return false;
	command = command_read(command);
	return command == FTP_COMMAND_PASV || command == FTP_COMMAND_EPSV;
}

/* The oldest command without its final reply, FTP_COMMAND_OTHER if it doesn't matter. */
static __always_inline __u8 command_first(const struct ftpnat_session *session)
{
	__u32 i = bounded(session->first, FTPNAT_MAX_COMMANDS);

	if (!session->commands || session->ahead[i])
		return FTP_COMMAND_OTHER;
	return session->command[i];
}

#define OWED_MAX 31 /* ftpnat_stream.owed has six bits */

/* See login_refused(). */
static __always_inline void login_owed(struct ftpnat_session *session, __s8 more)
{
	struct ftpnat_stream *stream = &session->stream[FTPNAT_FROM_CLIENT];
	__s32 owed = stream->owed + more;

	if (owed >= -OWED_MAX && owed <= OWED_MAX)
		stream->owed = (__s8)owed;
}

/* Removes the oldest command, or one before it that doesn't matter. */
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
	if (session->command[i] == FTP_COMMAND_PASS)
		login_owed(session, 1);
	session->first++;
	session->commands--;
}

#define REPLY_CLOSING 421 /* of the server itself, at any time (RFC 959 section 5.4) */

/* The command that a reply of this code answers, whatever else waits; NONE: any. */
static __always_inline __u8 reply_names(__u16 code)
{
	switch (code) {
	case 227:
		return FTP_COMMAND_PASV;
	case 229:
		return FTP_COMMAND_EPSV;
	case 234: /* RFC 4217 */
		return FTP_COMMAND_AUTH;
	default:
		return FTP_COMMAND_NONE;
	}
}

/* Is it a transfer over the default data port? Its expectation ends with it. */
static __always_inline bool command_is_default(__u8 command)
{
	return (command & (COMMAND_EXPECTS | COMMAND_REFUSED)) == COMMAND_EXPECTS &&
	       ftp_transfers(command & (__u8) ~(COMMAND_EXPECTS | COMMAND_ALONE));
}

/* Does the code refuse the command? */
static __always_inline bool reply_refuses(__u16 code)
{
	return code >= 400;
}

/* About files (x5z, RFC 959 section 4.2.1), or about the whole session (421, section 5.4) */
static __always_inline bool reply_on_no_address(__u16 code)
{
	return code / 10 % 10 == 5 || code == REPLY_CLOSING;
}

/*
 * May a final reply of this code answer the command? If not, the server has sent too
 * many replies, or too few before. While replies are missing, a reply about
 * no address doesn't answer a command with one.
 */
static __always_inline bool command_fits(__u8 command, __u16 code)
{
	if (!reply_refuses(code))
		return !is_passive(command) && command != FTP_COMMAND_AUTH;
	return !reply_on_no_address(code) || (command & COMMAND_ALONE) ||
	       !(command & (COMMAND_EXPECTS | COMMAND_REFUSED)) ||
	       command_is_default(command);
}

/*
 * A final reply that doesn't name its command belongs to the oldest one. Returns that
 * command, FTP_COMMAND_OTHER if it doesn't matter or the reply answers none.
 */
static __always_inline __u8 command_answered(struct ftpnat_session *session, __u16 code)
{
	__u8 command = command_first(session);

	if (!command_fits(command, code))
		return FTP_COMMAND_OTHER;
	/* not a reply to a command sent after its start */
	if (command != FTP_COMMAND_OTHER && session->commands <= session->late)
		return FTP_COMMAND_OTHER;
	/* should that have been one reply too many, its own may still come */
	if (is_passive(command) || command == FTP_COMMAND_AUTH)
		session->again = command;
	command_pop(session);
	return command & (__u8)~COMMAND_ALONE;
}

/*
 * Servers leave commands unanswered (pure-ftpd answers three NOOPs in one segment once).
 * After some silence, replies that are still missing will not come any more.
 */
static __always_inline void commands_settle(struct ftpnat_session *session, __u32 now)
{
	__u32 quiet = session->busy ? TRANSFER_QUIET : COMMANDS_QUIET, i;

	if (seconds_since(session->spoken, now) < quiet)
		return;
	for (i = 0; i < FTPNAT_MAX_COMMANDS; i++)
		session->ahead[i] = 0;
	session->others = 0;
}

static __always_inline void command_push(struct ftpnat_session *session, __u8 command)
{
	__u32 i = bounded(session->first + session->commands, FTPNAT_MAX_COMMANDS);

	session->again = FTP_COMMAND_NONE;
	if (!command_matters(command)) {
		if (session->others < (__u16)~0U)
			session->others++;
		return;
	}
	if (session->commands == FTPNAT_MAX_COMMANDS) {
		session->ahead[i] = 0;
		command_pop(session); /* more in flight than any client sends */
	}
	if (!session->commands && !session->others &&
	    command & (COMMAND_EXPECTS | COMMAND_REFUSED))
		command |= COMMAND_ALONE;
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

/* The oldest command that the server has read as `command`, and how many it is from the front. */
static __always_inline void command_find(const struct ftpnat_session *session,
					 struct scratch *s, __u8 command)
{
	__u32 i, at;

	s->command_search.number = 0; /* of commands to take; in memory, see verifier.h */
	for (i = 0; i < FTPNAT_MAX_COMMANDS; i++) {
		at = bounded(session->first + i, FTPNAT_MAX_COMMANDS);
		if (!s->command_search.number && i < session->commands &&
		    command_read(session->command[at]) == command) {
			s->command_search.number = i + 1;
			s->command_search.found = session->command[at];
		}
	}
}

/*
 * The command that a reply whose code names `command` will answer if it goes on as it has
 * begun, or NONE: a PASV or EPSV that waits, and is not younger than that beginning.
 */
__noinline int command_waiting(struct ftpnat_session *session, __u8 command)
{
	struct scratch *s = scratch_get();

	if (!session || !s)
		return FTP_COMMAND_NONE;
	command_find(session, s, command);
	if (!s->command_search.number)
		return command_read(session->again) == command ? session->again :
								 FTP_COMMAND_NONE;
	if (session->commands - s->command_search.number < session->late)
		return FTP_COMMAND_NONE;
	return s->command_search.found;
}

/*
 * A final reply whose code names its command (227, 229, 234) answers the oldest such
 * command, wherever it waits, and all before it are done: servers don't answer some
 * commands, and differ in how many replies an aborted transfer gets. The command, or NONE.
 */
__noinline int command_take(struct ftpnat_session *session, __u8 command)
{
	struct scratch *s = scratch_get();
	__u32 i;

	if (!session || !s)
		return FTP_COMMAND_NONE;
	command_find(session, s, command);
	if (!s->command_search.number) {
		__u8 again = session->again;

		session->again = FTP_COMMAND_NONE;
		return command_read(again) == command ? again : FTP_COMMAND_NONE;
	}
	for (i = 0; i < FTPNAT_MAX_COMMANDS && i < s->command_search.number; i++) {
		session->ahead[bounded(session->first, FTPNAT_MAX_COMMANDS)] = 0;
		command_pop(session);
	}
	return s->command_search.found;
}

/* Is it a transfer that waits for its reply? */
static __always_inline bool command_transfers(__u8 command)
{
	return !(command & COMMAND_REFUSED) &&
	       ftp_transfers(command & (__u8) ~(COMMAND_EXPECTS | COMMAND_ALONE));
}

/*
 * While a transfer runs, some servers answer what comes after it at once: that they don't
 * know a command (RFC 959 section 4.2) then answers one that `commands` or `tls` refused,
 * since they don't know what became of it. That, or NONE.
 */
static __always_inline __u8 reply_overtakes(struct ftpnat_session *session, __u16 code)
{
	__u32 i = bounded(session->first, FTPNAT_MAX_COMMANDS), transfer = i;
	__u8 behind = command_transfers(session->command[i]), command;
	__u16 ahead;

	i = bounded(i + behind, FTPNAT_MAX_COMMANDS);
	command = session->command[i];
	ahead = session->ahead[i];
	if ((code != 500 && code != 502) ||
	    session->commands <= session->late + (__u32)behind ||
	    !(command & COMMAND_REFUSED) ||
	    (command & (__u8) ~(COMMAND_REFUSED | COMMAND_ALONE)) < REFUSAL_TLS_FIRST ||
	    (command & (__u8)~COMMAND_ALONE) == (COMMAND_REFUSED | REFUSAL_DEFAULT))
		return FTP_COMMAND_NONE;
	if (behind) { /* the transfer itself still waits, in its place */
		session->command[i] = session->command[transfer];
		session->ahead[i] = session->ahead[transfer];
	}
	session->awaiting--;
	session->first++;
	session->commands--;
	if (session->commands > behind)
		session->ahead[bounded(session->first + behind, FTPNAT_MAX_COMMANDS)] +=
			ahead;
	else
		session->others += ahead;
	return command & (__u8)~COMMAND_ALONE;
}

/*
 * Which command does a final reply of this code answer? NONE: an unsolicited 227 or 229.
 */
static __always_inline __u8 reply_answers(struct ftpnat_session *session, __u16 code)
{
	__u8 named = reply_names(code), taken;

	if (named == FTP_COMMAND_NONE)
		return command_answered(session, code);
	taken = (__u8)command_take(session, named);
	if (taken != FTP_COMMAND_NONE)
		return session->commands < session->late ? FTP_COMMAND_NONE : taken;
	if (named == FTP_COMMAND_AUTH)
		return command_answered(session, code); /* of an AUTH that is refused */
	command_pop(session);
	return FTP_COMMAND_NONE;
}

#endif
