/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of sessions whose ends are of different families: each end gets the form that its
 * family has (RFC 6384).
 */
#ifndef FTPNAT_BPF_LINE_XLAT_H
#define FTPNAT_BPF_LINE_XLAT_H

#include "line.h"
#include "prefix64.h"

/* Are the session's client and server of different families? */
static __always_inline bool session_crosses(const struct ftpnat_session *session)
{
	return !addr_v4_diff(&session->client.dst) != !addr_v4_diff(&session->server.dst);
}

/*
 * Sets *dst, where the client of a masquerade rule will connect to for `named`, an address
 * of the server's family: to itself within a family, as the server isn't translated.
 */
__noinline int xlat_towards(struct ftpnat_addr *dst, const struct ftpnat_session *session,
			    const struct ftpnat_rule *rule,
			    const struct ftpnat_addr *named)
{
	if (!dst || !session || !rule || !named)
		return 0;
	if (!session_crosses(session))
		*dst = *named;
	else if (addr_equal(named, &session->server.dst) || !rule->prefix64_len)
		*dst = session->client.dst;
	else
		prefix64_embed(dst, &rule->prefix64, rule->prefix64_len, named);
	return 0;
}

/*
 * Behind a CLAT (RFC 6877) an IPv4 client speaks over IPv6 and names its own, private
 * address.
 */
static __always_inline bool xlat_is_clat(const struct ftpnat_session *session,
					 const struct ftpnat_rule *rule,
					 const struct ftpnat_addr *named)
{
	return rule->kind == FTPNAT_MASQUERADE && session_crosses(session) &&
	       !addr_v4_diff(named);
}

/* The server must refuse the line; the client reads refusal_text[refusal] instead. */
static __always_inline __u8 xlat_refuse(struct scratch *s, __u8 refusal)
{
	line_is(s, refusal == REFUSAL_ALGS_ON || refusal == REFUSAL_ALGS_OFF ?
			   FTPNAT_LINE_REWRITTEN :
			   FTPNAT_LINE_FAMILY);
	refusal_write(&s->segment, REFUSED_ADDRESS);
	return (__u8)(COMMAND_REFUSED | refusal);
}

/* ALGS: what the client reads, an index into refusal_text. */
static __always_inline __u8 algs_answer(struct ftpnat_session *session, __u8 argument)
{
	if (argument == FTP_ALGS_UNKNOWN)
		return REFUSAL_ARGUMENT;
	if (argument != FTP_ALGS_STATUS)
		session->untranslated = argument == FTP_ALGS_DISABLE;
	return session->untranslated ? REFUSAL_ALGS_OFF : REFUSAL_ALGS_ON;
}

/* An IPv6 client's command to an IPv4 server. The command, see passive_translate(). */
static __always_inline __u8 passive_to_v4(struct ftpnat_session *session,
					  struct scratch *s, const struct ftp_line *line)
{
	struct outcome *outcome = &s->segment.outcome;

	if (line->command == FTP_COMMAND_ALGS)
		return xlat_refuse(s, algs_answer(session, line->delimiter));
	if (session->untranslated)
		return line->command;
	switch (line->command) {
	case FTP_COMMAND_EPSV:
		if (line->delimiter && line->delimiter != '2')
			return xlat_refuse(s, REFUSAL_USE_V6);
		outcome->text_len = ftp_write_pasv_line(outcome->text);
		return FTP_COMMAND_EPSV_AS_PASV;
	case FTP_COMMAND_EPSV_ALL: /* the server would take no PASV after it */
		return xlat_refuse(s, REFUSAL_ARGUMENT);
	default:
		return line->command;
	}
}

/* An IPv4 client's command to an IPv6 server. The command, see passive_translate(). */
static __always_inline __u8 passive_to_v6(struct scratch *s, const struct ftp_line *line)
{
	struct outcome *outcome = &s->segment.outcome;

	switch (line->command) {
	case FTP_COMMAND_PASV:
		outcome->text_len = ftp_write_epsv_line(outcome->text);
		return FTP_COMMAND_PASV_AS_EPSV;
	case FTP_COMMAND_EPSV:
		if (line->delimiter && line->delimiter != '1')
			return xlat_refuse(s, REFUSAL_USE_V4);
		if (line->delimiter)
			outcome->text_len = ftp_write_epsv_line(outcome->text);
		return FTP_COMMAND_EPSV;
	default:
		return line->command;
	}
}

/*
 * PASV, EPSV or ALGS across families: the client's line becomes the command that has to wait
 * for its reply, with what the server reads instead of the whole line in segment.outcome, if
 * that differs.
 */
__noinline int passive_translate(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	struct ftp_line *line;

	if (!session || !s || !session_crosses(session))
		return 0;
	line = &session->stream[FTPNAT_FROM_CLIENT].parser.line;
	line->command = addr_is_v4(&session->server.dst) ?
				passive_to_v4(session, s, line) :
				passive_to_v6(s, line);
	if (s->segment.outcome.text_len && !(line->command & COMMAND_REFUSED))
		line_is(s, FTPNAT_LINE_REWRITTEN);
	return 0;
}

/*
 * The first of several lines of a 227 or 229 (aioftp sends such) that answers a translated
 * command: the client gets the code of its own command. True: the line is replaced.
 */
static __noinline bool xlat_reply_begins(struct ftpnat_session *session,
					 struct scratch *s, __u16 code)
{
	const struct scanning *scan = &s->segment.scan;
	__u8 named = reply_names(code), command;
	bool to_227 = code == 229;

	session->stream[FTPNAT_FROM_SERVER].reply_told = 0;
	if (!session_crosses(session) || (code != 227 && code != 229) ||
	    (!scan->releasing && seq_before(scan->line, scan->fresh)))
		return false; /* or its start has left */
	command = (__u8)command_waiting(session, named);
	if (command == command_read(command))
		return false;
	session->stream[FTPNAT_FROM_SERVER].reply_told = to_227 ? 227 : 229;
	line_is(s, FTPNAT_LINE_REWRITTEN);
	refusal_write(&s->segment, to_227 ? BEGINS_227 : BEGINS_229);
	return true;
}

/*
 * The reply to a PASV or EPSV that was translated: the whole line for the client, which will
 * connect to this address and port.
 */
static __always_inline void passive_reply(struct scratch *s, __u8 command,
					  const struct ftpnat_addr *addr, __u16 port)
{
	struct outcome *outcome = &s->segment.outcome;

	struct ftp_text *text = (struct ftp_text *)outcome->text;

	if (command == FTP_COMMAND_EPSV_AS_PASV)
		outcome->text_len = ftp_write_229_line(text, port);
	else
		outcome->text_len = ftp_write_227_line(
			text, (const struct ftp_text_address *)addr, port);
}

#endif
