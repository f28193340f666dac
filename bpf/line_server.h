/* SPDX-License-Identifier: GPL-2.0-only */
/* What a line of the server means: 227 and 229 announce a passive data connection. */
#ifndef FTPNAT_BPF_LINE_SERVER_H
#define FTPNAT_BPF_LINE_SERVER_H

#include "line_xlat.h"
#include "policy.h"
#include "tls.h"
#include "transfers.h"

static long try_class(__u32 i, struct scratch **scratch)
{
	struct scratch *s = *scratch;
	struct ftpnat_class *class;
	__u32 key = s->class_walk.first + i;

	if (i >= s->class_walk.number)
		return 1;
	class = bpf_map_lookup_elem(&ftpnat_classes, &key);
	if (!class)
		return 1;
	if (!addr_within(&s->class_walk.client, &class->addr, &class->mask))
		return 0;
	s->class_walk.found = key;
	return 1;
}

/*
 * What lines need of the session's rule: s->policy, and in s->class_walk.found the class of
 * its client, in case a reply names an address to it. Called before lines are parsed,
 * because there the stack has no room left.
 */
__noinline int line_prepare(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	struct ftpnat_rule *rule;

	if (!s || !session || !s->packet.len)
		return 0;
	rule = rule_get(s, session->rule);
	policy_take(s, session, rule);
	s->class_walk.found = WALK_NONE;
	if (!awaits_any(session))
		return 0;
	if (!rule || !rule->classes)
		return 0;
	s->class_walk.client = session->client.src;
	s->class_walk.first = (s->slot & 1) * FTPNAT_MAX_CLASSES + rule->first_class;
	s->class_walk.number = rule->classes;
	bpf_loop(FTPNAT_MAX_CLASSES, try_class, &s, 0);
	return 0;
}

/*
 * The address in a 227 for the client of class s->class_walk.found; 0: the one that it
 * dialled.
 */
static __always_inline const struct ftpnat_addr *
data_address(const struct ftpnat_rule *rule, struct scratch *s)
{
	struct ftpnat_class *class;

	class = bpf_map_lookup_elem(&ftpnat_classes, &s->class_walk.found);
	if (class)
		return &class->address;
	if (addr_is_zero(&rule->data_address[FTPNAT_V4]))
		return 0;
	return &rule->data_address[FTPNAT_V4];
}

/* Is the client's command for sessions without EPSV ALL only (RFC 2428 section 4)? */
static __always_inline bool passive_is_old(__u8 command)
{
	return command == FTP_COMMAND_PASV || command == FTP_COMMAND_PASV_AS_EPSV;
}

/*
 * 227 or 229, the reply to `command`: the client will connect to the server. As
 * expect_active().
 */
static __always_inline enum ftpnat_reason
expect_passive(struct __sk_buff *skb, struct ftpnat_session *session,
	       const struct ftpnat_rule *rule, struct scratch *s,
	       const struct ftp_line *line, __u8 command)
{
	struct ftpnat_expected *e = (struct ftpnat_expected *)s->expectation.value;
	struct ftpnat_expected_key *key = &s->expectation.key;
	const struct ftpnat_addr *named = (const struct ftpnat_addr *)line->addr;
	const struct ftpnat_addr *shown = &session->client.dst;
	const struct ftpnat_addr *server = &session->server.dst;
	const struct ftpnat_addr *told = NULL;
	enum ftpnat_reason verdict;

	if (!(rule->modes & (1 << FTPNAT_PASSIVE)) ||
	    (passive_is_old(command) && session->flags & FTPNAT_SESSION_EPSV))
		return FTPNAT_LINE_MODE;
	/* a 227 can't name an IPv6 address; behind prefix64 the client is an IPv4 one with a CLAT */
	if (command == FTP_COMMAND_PASV && session_crosses(session) &&
	    rule->kind == FTPNAT_PUBLISH)
		return FTPNAT_LINE_FAMILY;
	if (line->code == 229)
		named = server;
	if (rule->kind == FTPNAT_PUBLISH && addr_is_v4(shown))
		told = data_address(rule, s);
	/* a server may know its published address */
	if (addr_equal(named, shown) || (told && addr_equal(named, told)))
		named = server;
	if (is_foreign(rule, named, server)) {
		if (rule->kind != FTPNAT_MASQUERADE || !addr_is_v4(server))
			return FTPNAT_LINE_FOREIGN;
		/* a server behind a NAT of its own that names its inside address */
		named = server;
	}
	if (line->port < FTP_FIRST_DATA_PORT)
		return FTPNAT_LINE_PRIVILEGED;

	key->peer = session->client.src;
	key->dst = *shown;
	e->src = session->server.src;
	e->sport = 0;
	e->dst = *named;
	expectation_fill(session, s, FTPNAT_PASSIVE, line->port);
	if (rule->kind == FTPNAT_PUBLISH) {
		verdict =
			expect(skb, session, s, rule->data_port_min, rule->data_port_max);
	} else {
		xlat_towards(&key->dst, session, rule, named);
		s->expectation.own = true;
		verdict = expect(skb, session, s, line->port, line->port);
	}
	if (verdict != GO_ON)
		return verdict;

	/* with a CLAT a client dials the IPv4 address, and arrives as an IPv6 one at `key` */
	shown = rule->kind == FTPNAT_PUBLISH ? &key->dst : &e->dst;
	if (told)
		shown = told;
	if (command != command_read(command)) {
		passive_reply(s, command, shown, bpf_ntohs(key->dport));
		return GO_ON;
	}
	if (line->code == 229) {
		if (key->dport != e->dport)
			s->segment.outcome.text_len = ftp_write_epsv_port(
				s->segment.outcome.text, bpf_ntohs(key->dport));
		return GO_ON;
	}
	if (!addr_equal(shown, (const struct ftpnat_addr *)line->addr) ||
	    key->dport != e->dport)
		s->segment.outcome.text_len = ftp_write_port(
			s->segment.outcome.text, shown->w, bpf_ntohs(key->dport));
	return GO_ON;
}

/* The code of the reply that the client reads the last of several lines of; 0: one line. */
static __always_inline __u16 reply_open(const struct ftpnat_session *session)
{
	const struct ftpnat_stream *stream = &session->stream[FTPNAT_FROM_SERVER];

	return stream->reply && stream->reply_told ? stream->reply_told : stream->reply;
}

/* Has the client read another code in the lines before this one? */
static __always_inline bool reply_changed(const struct ftpnat_session *session)
{
	return reply_open(session) != session->stream[FTPNAT_FROM_SERVER].reply;
}

/*
 * What the client reads instead of an address that is refused, but with a track rule: true.
 * The last of several lines must have the code of the first one.
 */
static __noinline bool passive_deny(const struct ftpnat_session *session,
				    struct scratch *s, enum ftpnat_reason why)
{
	__u16 code = reply_open(session);
	__u32 text = refusal_index(why);

	if (why == FTPNAT_LINE_AMBIGUOUS)
		text = REFUSAL_UNREADABLE;
	else if (why == FTPNAT_LINE_FOREIGN && session_crosses(session))
		text = REFUSAL_NO_CONNECT;
	line_is(s, why);
	if (session->flags & FTPNAT_SESSION_TRACKED)
		return false; /* no expectation was opened */
	if (code)
		text = code == 227 ? REFUSED_227 : REFUSED_229;
	refusal_write(&s->segment, text);
	return true;
}

/* An address that some clients read in front of a reply's last line is taken out. */
static __noinline void stray_address(const struct ftpnat_session *session,
				     struct scratch *s, const struct ftp_line *line)
{
	if (line->form != FTP_FORM_AMBIGUOUS || !awaits_passive(session))
		return;
	line_is(s, FTPNAT_LINE_AMBIGUOUS);
	if (!(session->flags & FTPNAT_SESSION_TRACKED))
		refusal_write(&s->segment, REFUSED_TEXT);
}

/* The final reply to a command: what was announced may be over with it. */
__noinline int announcement_answered(struct ftpnat_session *session, __u8 command,
				     __u16 code)
{
	struct scratch *s = scratch_get();
	bool over = command & COMMAND_EXPECTS && !(command & COMMAND_REFUSED) &&
		    (reply_refuses(code) || command_is_default(command));

	if (!session || !s)
		return 0;
	if (command == FTP_COMMAND_EPSV_ALL && code < 300)
		session->flags |= FTPNAT_SESSION_EPSV; /* RFC 2428 section 4 */
	if (command == FTP_COMMAND_REIN && code < 300) {
		/* RFC 959: as right after the connection was made */
		session->flags &= ~FTPNAT_SESSION_EPSV;
		session->announced = FTPNAT_ANNOUNCED_NEVER;
		transfer_forget_user();
		over = true;
	}
	if (over)
		expectation_close(session, s->segment.session, FTPNAT_EXPECTED_CLOSED);
	return 0;
}

/*
 * A complete line of the server. Sets segment.outcome.text; the return value says
 * whether it replaces the whole line or only the address.
 */
static __always_inline bool server_line(struct __sk_buff *skb,
					struct ftpnat_session *session, struct scratch *s,
					const struct ftp_line *line)
{
	struct ftpnat_rule *rule;
	__u8 command, busy;
	enum ftpnat_reason verdict;

	if (!line->final) {
		if (line->code && xlat_reply_begins(session, s, line->code))
			return true;
		stray_address(session, s, line);
		return false; /* inside a reply */
	}
	busy = session->busy;
	session->busy = line->code < 200;
	if (session->busy)
		return false;

	if (!session->greeted) {
		session->greeted = 1;
		if (line->code == 220)
			return false; /* not a reply to anything that was sent before */
	}
	command = busy ? reply_overtakes(session, line->code) : FTP_COMMAND_NONE;
	if (command != FTP_COMMAND_NONE)
		session->busy = 1;
	else
		command = reply_answers(session, line->code);
	if (command == FTP_COMMAND_NONE && (line->code == 227 || line->code == 229)) {
		if (reply_changed(session))
			return passive_deny(session, s, FTPNAT_LINE_UNASKED);
		line_is(s, FTPNAT_LINE_UNASKED);
		return false;
	}
	if (login_refused(session, command, line->code)) {
		verdict = login_failed(session);
		line_is(s, verdict);
		if (verdict == FTPNAT_LOGIN_BANNED &&
		    !session->stream[FTPNAT_FROM_SERVER].reply) {
			refusal_write(&s->segment, REFUSAL_LOGIN);
			return true;
		}
	}
	/* the last line of a multi-line reply must have the code of the first */
	if (command & COMMAND_REFUSED && !session->stream[FTPNAT_FROM_SERVER].reply &&
	    (line->code >= 400 || command == (COMMAND_REFUSED | REFUSAL_TLS))) {
		refusal_write(&s->segment, command);
		return true;
	}
	if ((command & (__u8)~COMMAND_EXPECTS) == FTP_COMMAND_TRANSFER)
		transfer_reply(line->code);
	if (command == FTP_COMMAND_AUTH && line->code == 234) {
		transfer_forget_user();
		tls_begin(session);
		line_is(s, FTPNAT_OPAQUE);
	}
	announcement_answered(session, command, line->code);
	if (line->code != 227 && line->code != 229)
		return false;
	if (line->form == FTP_FORM_MALFORMED) {
		if (reply_changed(session))
			return passive_deny(session, s, FTPNAT_LINE_MALFORMED);
		line_is(s, FTPNAT_LINE_MALFORMED);
		return false;
	}
	if (line->form == FTP_FORM_AMBIGUOUS)
		return passive_deny(session, s, FTPNAT_LINE_AMBIGUOUS);
	rule = rule_get(s, session->rule);
	if (!rule)
		return false;
	count_line(session->rule, line->code == 227 ? FTPNAT_LINE_227 : FTPNAT_LINE_229);
	/* the first of several lines was too long to be changed */
	if (command != command_read(command) &&
	    session->stream[FTPNAT_FROM_SERVER].reply && !reply_changed(session)) {
		line_is(s, FTPNAT_LINE_MALFORMED);
		return false;
	}
	verdict = expect_passive(skb, session, rule, s, line, command);
	if (verdict == GO_ON) {
		line_is(s, s->segment.outcome.text_len ? FTPNAT_LINE_REWRITTEN :
							 FTPNAT_LINE_UNCHANGED);
		return command != command_read(command);
	}
	return passive_deny(session, s, verdict);
}

/* A line of a reply that is hidden: none but the last one is there, with a text of ours. */
static __always_inline void server_line_hide(struct ftpnat_session *session,
					     struct scratch *s)
{
	const struct ftp_line *line = &session->stream[FTPNAT_FROM_SERVER].parser.line;

	s->segment.outcome.drops = true;
	s->segment.outcome.text_len = 0;
	if (!line->final)
		return;
	line_is(s, FTPNAT_BANNER_HIDDEN);
	refusal_write(&s->segment, line->code == 220 ? HIDDEN_220 : HIDDEN_215);
}

/*
 * A final 227 or 229 that can't be held back any longer: it is answered as one that clients
 * read differently, and what follows of it is only text. Of a line in front of the last one,
 * what has come of an address is taken out.
 */
static __always_inline void server_line_break(struct ftpnat_session *session,
					      struct scratch *s,
					      struct ftp_parser *parser)
{
	__u16 code = parser->line.code;

	if (!parser->line.final) { /* what follows may have another address */
		line_is(s, FTPNAT_LINE_AMBIGUOUS);
		refusal_write(&s->segment, OVERLONG_BLANK);
		parser->state = FTP_STATE_INSIDE;
		parser->line.form = FTP_FORM_PLAIN;
		parser->line.span_start = 0;
		return;
	}
	session->busy = 0;
	if (reply_answers(session, code) == FTP_COMMAND_NONE && !reply_changed(session))
		line_is(s, FTPNAT_LINE_UNASKED);
	else if (passive_deny(session, s, FTPNAT_LINE_AMBIGUOUS))
		s->segment.outcome.text_len -= 2; /* the line goes on */
	parser->state = FTP_STATE_SKIP;
	parser->line.code = 0;
	parser->line.final = 0;
	parser->line.form = FTP_FORM_PLAIN;
}

#endif
