/* SPDX-License-Identifier: GPL-2.0-only */
/* What a line of the client means: PORT and EPRT announce an active data connection. */
#ifndef FTPNAT_BPF_LINE_CLIENT_H
#define FTPNAT_BPF_LINE_CLIENT_H

#include "line_xlat.h"
#include "policy.h"
#include "tls.h"
#include "transfers.h"

/*
 * PORT or EPRT: the server will connect to the client. GO_ON with the text that the
 * server must read instead (none: unchanged; across families: of the whole line), else the
 * reason of the refusal.
 */
static __always_inline enum ftpnat_reason expect_active(struct __sk_buff *skb,
							struct ftpnat_session *session,
							const struct ftpnat_rule *rule,
							struct scratch *s,
							const struct ftp_line *line)
{
	struct ftpnat_expected *e = (struct ftpnat_expected *)s->expectation.value;
	struct ftpnat_expected_key *key = &s->expectation.key;
	const struct ftpnat_addr *named = (const struct ftpnat_addr *)line->addr;
	bool keep = addr_equal(&session->client.src, &session->server.src);
	__u16 min = line->port, max = line->port;
	enum ftpnat_reason verdict;

	if (!(rule->modes & (1 << FTPNAT_ACTIVE)) || session->flags & FTPNAT_SESSION_EPSV)
		return FTPNAT_LINE_MODE;
	if (xlat_is_clat(session, rule, named))
		named = &session->client.src;
	if (is_foreign(rule, named, &session->client.src))
		return FTPNAT_LINE_FOREIGN;
	if (line->port < FTP_FIRST_DATA_PORT)
		return FTPNAT_LINE_PRIVILEGED;

	key->peer = session->server.dst;
	key->dst = session->server.src;
	/* RFC 959: from port 20 of the address that the client dialled */
	e->src = session->client.dst;
	e->sport = rule->kind == FTPNAT_PUBLISH ? bpf_htons(FTP_DATA_PORT) : 0;
	e->dst = *named;
	expectation_fill(session, s, FTPNAT_ACTIVE, line->port);
	if (keep) {
		key->dst = *named;
	} else if (rule->kind == FTPNAT_PUBLISH) {
		min = FTP_FIRST_DATA_PORT;
		max = PORT_MAX;
	} else {
		min = rule->data_port_min;
		max = rule->data_port_max;
	}
	verdict = expect(skb, session, s, min, max);
	if (verdict != GO_ON)
		return verdict;
	if (addr_equal(&key->dst, named) && key->dport == e->dport)
		return GO_ON;
	if (session_crosses(session))
		s->segment.outcome.text_len =
			ftp_write_port_line((struct ftp_text *)s->segment.outcome.text,
					    (const struct ftp_text_address *)&key->dst,
					    bpf_ntohs(key->dport));
	else if (line->delimiter)
		s->segment.outcome.text_len =
			ftp_write_eprt(s->segment.outcome.text, key->dst.w,
				       bpf_ntohs(key->dport), line->delimiter);
	else
		s->segment.outcome.text_len = ftp_write_port(
			s->segment.outcome.text, key->dst.w, bpf_ntohs(key->dport));
	return GO_ON;
}

/*
 * A transfer that no line has announced a data connection for (RFC 959 section 3.2): the
 * server will connect to the port of the client's control connection. The client, which
 * dialled port L, sees it come from L-1, whatever the server's port is: inetutils' ftpd
 * takes any, as servers do behind PORT. GO_ON, PASS where there is nothing to do, else why not.
 */
static __always_inline enum ftpnat_reason
expect_default(struct __sk_buff *skb, struct ftpnat_session *session, struct scratch *s)
{
	struct ftpnat_rule *rule;
	struct ftpnat_expected *e;
	enum ftpnat_reason verdict;
	__u16 port;

	if (session->flags & FTPNAT_SESSION_NOT_FTP || session->closing ||
	    bpf_ntohs(session->client.dport) < 2)
		return FTPNAT_PASS;
	/* or the one before, which was announced, is about to begin */
	if (session->announced == FTPNAT_ANNOUNCED_USED &&
	    expectation_stands(session, s->segment.session))
		return FTPNAT_PASS;
	rule = rule_get(s, session->rule);
	if (!rule)
		return FTPNAT_PASS;
	verdict = default_port_is_refused(session, rule);
	if (verdict != GO_ON)
		return session->announced == FTPNAT_ANNOUNCED_NEVER ? verdict :
								      FTPNAT_PASS;
	s->expectation.key.peer = session->server.dst;
	s->expectation.key.dst = session->server.src;
	e = (struct ftpnat_expected *)s->expectation.value;
	e->src = session->client.dst;
	e->sport = session->flags & FTPNAT_SESSION_TRACKED ?
			   0 :
			   bpf_htons(bpf_ntohs(session->client.dport) - 1);
	e->dst = session->client.src;
	expectation_fill(session, s, FTPNAT_ACTIVE, bpf_ntohs(session->client.sport));
	port = bpf_ntohs(session->server.sport);
	s->expectation.key.dport = session->server.sport;
	return expect(skb, session, s, port, port);
}

/*
 * A transfer: the command as it waits for its reply. One for which the server can't connect
 * is replaced, as far as its start is still here.
 */
static __always_inline __u8 transfer_begins(struct __sk_buff *skb,
					    struct ftpnat_session *session,
					    struct scratch *s, __u8 command)
{
	const struct scanning *scan = &s->segment.scan;
	enum ftpnat_reason verdict;

	if (session->announced == FTPNAT_ANNOUNCED) {
		session->announced = FTPNAT_ANNOUNCED_USED;
		return command;
	}
	verdict = expect_default(skb, session, s);
	if (verdict == FTPNAT_PASS)
		return command;
	line_is(s, verdict == GO_ON ? FTPNAT_LINE_DEFAULT : verdict);
	if (verdict == GO_ON)
		return command | COMMAND_EXPECTS;
	if (session->flags & FTPNAT_SESSION_TRACKED ||
	    session->announced != FTPNAT_ANNOUNCED_NEVER ||
	    (!scan->releasing && seq_before(scan->line, scan->fresh)))
		return command;
	refusal_write(&s->segment, REFUSED_ADDRESS);
	s->segment.outcome.drops = true;
	return (__u8)(COMMAND_REFUSED |
		      (verdict == FTPNAT_LINE_MODE || verdict == FTPNAT_LINE_PRIVILEGED ?
			       REFUSAL_DEFAULT :
			       refusal_index(verdict)));
}

/*
 * The client speaks another protocol: a browser, say, that a web page makes write an
 * address line (NAT slipstreaming). Nothing is opened for it any more. What it says to a
 * server outside isn't read either; on its way to a published server an address line
 * is still refused, or this would be a way round the rule.
 */
static __always_inline void not_ftp(struct ftpnat_session *session, struct scratch *s)
{
	struct ftpnat_rule *rule = rule_get(s, session->rule);

	line_is(s, FTPNAT_NOT_FTP);
	session->flags |= FTPNAT_SESSION_NOT_FTP;
	expectation_close(session, s->segment.session, FTPNAT_EXPECTED_CLOSED);
	if (rule && login_is_refused(rule))
		s->policy.has |= POLICY_NO_LOGIN;
	if ((rule && rule->kind == FTPNAT_PUBLISH) || s->policy.has & ~POLICY_ANNOUNCE)
		return;
	session->stream[FTPNAT_FROM_CLIENT].tls = FTPNAT_TLS_LOST;
	session->stream[FTPNAT_FROM_SERVER].tls = FTPNAT_TLS_LOST;
}

/* Is this not a line of FTP? A binary protocol shows itself in its first line. */
static __always_inline bool is_alien(const struct ftpnat_session *session, __u8 command)
{
	return command == FTP_COMMAND_ALIEN || (command == FTP_COMMAND_BINARY &&
						!(session->flags & FTPNAT_SESSION_LINES));
}

/* PORT or EPRT: GO_ON with what the server has to read, or why it is refused. */
static __always_inline enum ftpnat_reason address_line(struct __sk_buff *skb,
						       struct ftpnat_session *session,
						       struct scratch *s,
						       const struct ftp_line *line)
{
	struct ftpnat_rule *rule;

	if (session->flags & FTPNAT_SESSION_NOT_FTP)
		return FTPNAT_NOT_FTP;
	if (session->untranslated)
		return FTPNAT_LINE_FAMILY;
	if (line->form == FTP_FORM_AMBIGUOUS)
		return FTPNAT_LINE_AMBIGUOUS;
	rule = rule_get(s, session->rule);
	if (!rule)
		return FTPNAT_LINE_AMBIGUOUS;
	count_line(session->rule, line->command == FTP_COMMAND_EPRT ? FTPNAT_LINE_EPRT :
								      FTPNAT_LINE_PORT);
	return expect_active(skb, session, rule, s, line);
}

/* What the server reads instead of an address that is refused: nothing that it takes. */
static __always_inline void address_deny(struct scratch *s, const struct ftp_line *line)
{
	if (line->form == FTP_FORM_AMBIGUOUS)
		refusal_write(&s->segment, REFUSED_ADDRESS);
	else if (line->delimiter)
		s->segment.outcome.text_len = ftp_write_eprt(
			s->segment.outcome.text, s->addr_none.w, 0, line->delimiter);
	else
		s->segment.outcome.text_len =
			ftp_write_port(s->segment.outcome.text, s->addr_none.w, 0);
}

/* Policy refuses the line: the server gets a command that none has, the client this text. */
static __always_inline void client_line_refuse(struct ftpnat_session *session,
					       struct scratch *s, __u32 refusal)
{
	const struct ftp_parser *p = &session->stream[FTPNAT_FROM_CLIENT].parser;

	if (refusal == REFUSAL_TLS_FIRST)
		line_is(s, FTPNAT_LINE_TLS_FIRST);
	else if (refusal == REFUSAL_DEFAULT)
		line_is(s, session->flags & FTPNAT_SESSION_EPSV ||
					   bpf_ntohs(session->client.sport) >=
						   FTP_FIRST_DATA_PORT ?
				   FTPNAT_LINE_MODE :
				   FTPNAT_LINE_PRIVILEGED);
	else
		line_is(s, FTPNAT_LINE_COMMAND);
	/* as a file name, if its start has left */
	refusal_write(&s->segment,
		      refusal == REFUSAL_LONG ? REFUSED_LONG : REFUSED_ADDRESS);
	s->segment.outcome.drops = true;
	s->segment.outcome.secret = policy_secret(p);
	command_push(session, (__u8)(COMMAND_REFUSED | refusal));
}

/*
 * A complete line of the client. Sets segment.outcome.text if its address or the whole
 * line must be replaced; the return value says which. `refusal`: as policy_refuses().
 */
static __always_inline bool client_line(struct __sk_buff *skb,
					struct ftpnat_session *session, struct scratch *s,
					const struct ftp_line *line, __u32 refusal)
{
	__u8 command = line->command;
	enum ftpnat_reason verdict;
	bool whole = s->segment.outcome.text_len; /* passive_translate() */

	if (command == FTP_COMMAND_NONE && !refusal)
		return false;
	commands_settle(session, s->segment.now);
	if (command == FTP_COMMAND_LPRT || command == FTP_COMMAND_LPSV)
		line_is(s, FTPNAT_LINE_LPRT);
	if (line->form == FTP_FORM_MALFORMED)
		line_is(s, FTPNAT_LINE_MALFORMED);
	if (is_alien(session, command) && !(session->flags & FTPNAT_SESSION_NOT_FTP)) {
		if (session->flags & FTPNAT_SESSION_HELLO)
			session->flags |=
				FTPNAT_SESSION_NOT_FTP; /* or TLS: tls_answer() */
		else
			not_ftp(session, s);
	}
	if (command != FTP_COMMAND_BINARY || !(session->flags & FTPNAT_SESSION_HELLO))
		session->flags |= FTPNAT_SESSION_LINES;
	if (refusal) {
		client_line_refuse(session, s, refusal);
		return true;
	}
	if (command == FTP_COMMAND_AUTH && s->policy.has & POLICY_NO_TLS) {
		line_is(s, FTPNAT_LINE_TLS);
		command = (__u8)(COMMAND_REFUSED | REFUSAL_TLS);
		refusal_write(&s->segment, REFUSED_AUTH);
		s->segment.outcome.drops = true;
		whole = true;
	}
	if (line->form == FTP_FORM_ADDRESS || line->form == FTP_FORM_AMBIGUOUS) {
		verdict = address_line(skb, session, s, line);
		if (verdict != GO_ON && session->flags & FTPNAT_SESSION_TRACKED) {
			/* no expectation is opened; a guard may drop the data connection */
			line_is(s, verdict);
		} else if (verdict != GO_ON) {
			/* the server must refuse it; we then replace its reply */
			line_is(s, verdict);
			command = (__u8)(COMMAND_REFUSED | refusal_index(verdict));
			address_deny(s, line);
		} else {
			command |= COMMAND_EXPECTS;
			whole = session_crosses(session);
			line_is(s, s->segment.outcome.text_len ? FTPNAT_LINE_REWRITTEN :
								 FTPNAT_LINE_UNCHANGED);
		}
	}
	if (ftp_announces(command & (__u8)~COMMAND_EXPECTS) &&
	    !(command & COMMAND_REFUSED)) {
		session->announced = FTPNAT_ANNOUNCED;
		if (!(command & COMMAND_EXPECTS))
			expectation_of_port(session, s->segment.session);
	}
	if (ftp_transfers(command))
		return false; /* session_transfer_line() is next */
	if (command == FTP_COMMAND_USER) {
		if (transfers_on())
			transfer_line(session);
		command = FTP_COMMAND_OTHER;
	}
	if (command == FTP_COMMAND_PASS && !logins_counted(session))
		command = FTP_COMMAND_OTHER;
	command_push(session, command);
	return whole;
}

/* The line that client_line() has looked at is a transfer. Returns as that. */
static __always_inline bool client_transfer(struct __sk_buff *skb,
					    struct ftpnat_session *session,
					    struct scratch *s, __u8 command)
{
	bool file = command == FTP_COMMAND_TRANSFER && transfers_on();

	command = transfer_begins(skb, session, s, command);
	if (!(command & COMMAND_REFUSED) && file)
		transfer_line(session);
	else if (ftp_transfers(command))
		command = FTP_COMMAND_OTHER;
	command_push(session, command);
	return s->segment.outcome.drops;
}

/*
 * A line of the client that can neither be held back any longer nor go on as it is: what
 * the server reads of it from here on makes it refuse the line. Sets segment.outcome.text.
 */
static __always_inline void client_line_break(struct ftpnat_session *session,
					      struct scratch *s,
					      struct ftp_parser *parser)
{
	bool auth = parser->line.command == FTP_COMMAND_AUTH;
	enum ftpnat_reason why = auth ? FTPNAT_LINE_TLS : FTPNAT_LINE_AMBIGUOUS;

	line_is(s, why);
	refusal_write(&s->segment, REFUSED_ADDRESS);
	s->segment.outcome.text_len -= 2; /* the line goes on */
	command_push(session, (__u8)(COMMAND_REFUSED | refusal_index(why)));
	parser->state = FTP_STATE_SKIP;
	parser->line.command = FTP_COMMAND_NONE; /* at its end all is said */
	parser->line.form = FTP_FORM_PLAIN;
}

#endif
