/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The FTP session: what an address line means for the rule: which door it opens,
 * what the other side has to read instead, or why it is refused.
 */
#ifndef FTPNAT_BPF_SESSION_H
#define FTPNAT_BPF_SESSION_H

#include "commands.h"
#include "expected.h"
#include "ftp_text.h"
#include "tls.h"

/* What is to be told of the line at hand. */
static __always_inline void line_is(struct scratch *s, enum ftpnat_reason why)
{
	count(why);
	s->segment.why = why;
}

static __always_inline void count_line(__u16 rule, enum ftpnat_line line)
{
	struct ftpnat_rule_stats *stats = rule_stats(rule);

	if (stats)
		stats->lines[line & 3] += 1;
}

/* Opens the door described in s->announcement; the port found is in its key. */
static __always_inline int announce(struct ftpnat_session *session, struct scratch *s,
				    __u16 min, __u16 max)
{
	__u32 i;

	/* whatever is said of another door from now on, it isn't said of this one */
	for (i = 0; i < FTPNAT_MAX_COMMANDS; i++)
		session->command[i] &= (__u8)~COMMAND_DOOR;
	s->announcement.port_min = min;
	s->announcement.port_max = max;
	return door_open(session, s->segment.session, &s->announcement);
}

/* Does a line name another host than its sender where the rule doesn't let it? */
static __always_inline int is_foreign(const struct ftpnat_rule *rule,
				      const struct ftpnat_addr *named,
				      const struct ftpnat_addr *own)
{
	if (addr_equal(named, own))
		return 0;
	return !(rule->flags & FTPNAT_RULE_FOREIGN) ||
	       addr_is_v4(named) != addr_is_v4(own);
}

/* What the doors of both modes have in common; ends and ports of the connection are to come. */
static __always_inline void describe(struct ftpnat_session *session, struct scratch *s,
				     enum ftpnat_mode mode, __u16 port)
{
	struct ftpnat_expected *e = (struct ftpnat_expected *)s->announcement.value;

	s->announcement.key.dport = bpf_htons(port);
	s->announcement.key.pad = 0;
	e->dport = bpf_htons(port);
	e->session = s->segment.session;
	e->created = s->segment.now;
	e->rule = session->rule;
	e->mode = (__u8)mode;
	e->tracked = !!(session->flags & FTPNAT_SESSION_TRACKED);
}

/*
 * PORT or EPRT: the server will connect to the client. GO_ON with the text that
 * the server has to read in its place (none: as it is), else why it is refused.
 */
static __always_inline int announce_active(struct ftpnat_session *session,
					   const struct ftpnat_rule *rule,
					   struct scratch *s, const struct ftp_line *line)
{
	struct ftpnat_expected *e = (struct ftpnat_expected *)s->announcement.value;
	struct ftpnat_expected_key *key = &s->announcement.key;
	const struct ftpnat_addr *named = (const struct ftpnat_addr *)line->addr;
	int keep = addr_equal(&session->client.src, &session->server.src);
	int verdict;

	if (!(rule->modes & (1 << FTPNAT_ACTIVE)) || session->flags & FTPNAT_SESSION_EPSV)
		return FTPNAT_LINE_MODE;
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
	describe(session, s, FTPNAT_ACTIVE, line->port);
	if (keep) {
		key->dst = *named;
		verdict = announce(session, s, line->port, line->port);
	} else if (rule->kind == FTPNAT_PUBLISH) {
		verdict = announce(session, s, FTP_FIRST_DATA_PORT, 65535);
	} else {
		verdict = announce(session, s, rule->data_port_min, rule->data_port_max);
	}
	if (verdict != GO_ON)
		return verdict;
	if (addr_equal(&key->dst, named) && key->dport == e->dport)
		return GO_ON;
	if (line->delimiter)
		s->segment.text_len = ftp_write_eprt(s->segment.text, key->dst.w,
						     bpf_ntohs(key->dport),
						     line->delimiter);
	else
		s->segment.text_len = ftp_write_port(s->segment.text, key->dst.w,
						     bpf_ntohs(key->dport));
	return GO_ON;
}

static long try_class(__u32 i, struct scratch **scratch)
{
	struct scratch *s = *scratch;
	struct ftpnat_class *class;
	__u32 key = s->walk.first + i;

	if (i >= s->walk.number)
		return 1;
	class = bpf_map_lookup_elem(&ftpnat_classes, &key);
	if (!class)
		return 1;
	if (!addr_within(&s->announcement.key.peer, &class->addr, &class->mask))
		return 0;
	s->class = key;
	return 1;
}

/*
 * Looks for the class of the session's client, should a reply name an address to it:
 * s->class. Before the lines are read, since deep in there the stack has no room.
 */
__noinline int class_find(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	struct ftpnat_rule *rule;

	if (!s)
		return 0;
	s->class = WALK_NONE;
	if (!session || !session->awaiting)
		return 0;
	rule = rule_get(s, session->rule);
	if (!rule || !rule->classes)
		return 0;
	s->announcement.key.peer = session->client.src;
	s->walk.first = (s->slot & 1) * FTPNAT_MAX_CLASSES + rule->first_class;
	s->walk.number = rule->classes;
	bpf_loop(FTPNAT_MAX_CLASSES, try_class, &s, 0);
	return 0;
}

/* What a 227 names to the client whose class is s->class; 0: what it dialled. */
static __always_inline const struct ftpnat_addr *
data_address(const struct ftpnat_rule *rule, struct scratch *s)
{
	struct ftpnat_class *class;

	class = bpf_map_lookup_elem(&ftpnat_classes, &s->class);
	if (class)
		return &class->address;
	if (addr_is_zero(&rule->data_address[FTPNAT_V4]))
		return 0;
	return &rule->data_address[FTPNAT_V4];
}

/* 227 or 229: the client will connect to the server. As announce_active(). */
static __always_inline int announce_passive(struct ftpnat_session *session,
					    const struct ftpnat_rule *rule,
					    struct scratch *s,
					    const struct ftp_line *line)
{
	struct ftpnat_expected *e = (struct ftpnat_expected *)s->announcement.value;
	struct ftpnat_expected_key *key = &s->announcement.key;
	const struct ftpnat_addr *named = (const struct ftpnat_addr *)line->addr;
	const struct ftpnat_addr *shown = &session->client.dst;
	const struct ftpnat_addr *server = &session->server.dst;
	const struct ftpnat_addr *told = 0;
	int verdict;

	if (!(rule->modes & (1 << FTPNAT_PASSIVE)) ||
	    (line->code == 227 && session->flags & FTPNAT_SESSION_EPSV))
		return FTPNAT_LINE_MODE;
	if (line->code == 229)
		named = server;
	if (rule->kind == FTPNAT_PUBLISH && addr_is_v4(shown))
		told = data_address(rule, s);
	/* a server may know the address by which it is published */
	if (addr_equal(named, shown) || (told && addr_equal(named, told)))
		named = server;
	if (is_foreign(rule, named, server))
		return FTPNAT_LINE_FOREIGN;
	if (line->port < FTP_FIRST_DATA_PORT)
		return FTPNAT_LINE_PRIVILEGED;

	key->peer = session->client.src;
	key->dst = *shown;
	e->src = session->server.src;
	e->sport = 0;
	e->dst = *named;
	describe(session, s, FTPNAT_PASSIVE, line->port);
	if (rule->kind == FTPNAT_PUBLISH) {
		verdict = announce(session, s, rule->data_port_min, rule->data_port_max);
	} else {
		/* the server isn't translated: the client reaches it where it said */
		key->dst = *named;
		verdict = announce(session, s, line->port, line->port);
	}
	if (verdict != GO_ON)
		return verdict;

	if (line->code == 229) {
		if (key->dport != e->dport)
			s->segment.text_len = ftp_write_epsv_port(s->segment.text,
								  bpf_ntohs(key->dport));
		return GO_ON;
	}
	shown = told ?: &key->dst;
	if (!addr_equal(shown, (const struct ftpnat_addr *)line->addr) ||
	    key->dport != e->dport)
		s->segment.text_len =
			ftp_write_port(s->segment.text, shown->w, bpf_ntohs(key->dport));
	return GO_ON;
}

/*
 * A whole line of the client. Sets segment.text if its address has to be replaced, or
 * the whole line, which the return value says.
 */
static __always_inline int client_line(struct ftpnat_session *session, struct scratch *s,
				       const struct ftp_line *line)
{
	struct ftpnat_rule *rule;
	__u8 command = line->command;
	int verdict, whole = 0;

	if (command == FTP_COMMAND_NONE)
		return 0;
	if (command == FTP_COMMAND_ABOR)
		session->lenient = 1;
	if (command == FTP_COMMAND_LPRT || command == FTP_COMMAND_LPSV)
		line_is(s, FTPNAT_LINE_LPRT);
	if (line->form == FTP_FORM_MALFORMED)
		line_is(s, FTPNAT_LINE_MALFORMED);
	if (command == FTP_COMMAND_AUTH && tls_denied(session)) {
		line_is(s, FTPNAT_LINE_TLS);
		command = (__u8)(COMMAND_REFUSED | REFUSAL_TLS);
		refusal_write(&s->segment, REFUSED_AUTH);
		whole = 1;
	}
	if (line->form == FTP_FORM_ADDRESS) {
		rule = rule_get(s, session->rule);
		if (!rule)
			return 0;
		count_line(session->rule, command == FTP_COMMAND_EPRT ? FTPNAT_LINE_EPRT :
									FTPNAT_LINE_PORT);
		verdict = announce_active(session, rule, s, line);
		if (verdict != GO_ON && session->flags & FTPNAT_SESSION_TRACKED) {
			line_is(s, verdict); /* no door; the guard may see to the rest */
		} else if (verdict != GO_ON) {
			/* an address that no server takes */
			struct ftpnat_addr *any = &s->announcement.key.dst;

			__builtin_memset(any, 0, sizeof(*any));
			/* the server has to refuse it; its reply then becomes ours */
			line_is(s, verdict);
			command = (__u8)(COMMAND_REFUSED | refusal_index(verdict));
			if (line->delimiter)
				s->segment.text_len = ftp_write_eprt(
					s->segment.text, any->w, 0, line->delimiter);
			else
				s->segment.text_len =
					ftp_write_port(s->segment.text, any->w, 0);
		} else {
			command |= COMMAND_DOOR;
			line_is(s, s->segment.text_len ? FTPNAT_LINE_REWRITTEN :
							 FTPNAT_LINE_UNCHANGED);
		}
	}
	command_push(session, command);
	return whole;
}

/*
 * A whole line of the server. Sets segment.text; the return value says if it
 * stands for the whole line instead of the address only.
 */
static __always_inline int server_line(struct ftpnat_session *session, struct scratch *s,
				       const struct ftp_line *line)
{
	struct ftpnat_rule *rule;
	__u8 command = command_first(session);
	int verdict;

	if (!line->final || line->code < 200)
		return 0; /* inside a reply, or a preliminary one */

	if (!session->greeted) {
		session->greeted = 1;
		if (line->code == 220)
			return 0; /* answers nothing, whatever was sent before it */
	}
	if (line->code == 227 || line->code == 229) {
		__u8 asked = line->code == 227 ? FTP_COMMAND_PASV : FTP_COMMAND_EPSV;

		/* nor does a line answer what came after its start */
		if (!command_take(session, asked) || session->commands < session->late) {
			line_is(s, FTPNAT_LINE_UNASKED);
			return 0;
		}
		command = asked;
	} else {
		command_pop(session);
	}
	/* the last line of several can't get another code than the first had */
	if (command & COMMAND_REFUSED && !session->stream[FTPNAT_FROM_SERVER].reply &&
	    (line->code >= 400 || command == (COMMAND_REFUSED | REFUSAL_TLS))) {
		refusal_write(&s->segment, command);
		return 1;
	}
	if (command == FTP_COMMAND_AUTH && line->code == 234) {
		tls_begin(session);
		line_is(s, FTPNAT_OPAQUE);
	}
	if (command == FTP_COMMAND_EPSV_ALL && line->code < 300)
		session->flags |= FTPNAT_SESSION_EPSV; /* RFC 2428 section 4 */
	if (command == FTP_COMMAND_REIN && line->code < 300) {
		/* RFC 959: as right after the connection was made */
		session->flags &= ~FTPNAT_SESSION_EPSV;
		door_close(session, s->segment.session, FTPNAT_EXPECTED_CLOSED);
	}
	if (command & COMMAND_DOOR && !(command & COMMAND_REFUSED) && line->code >= 400)
		door_close(session, s->segment.session, FTPNAT_EXPECTED_CLOSED);
	if (line->code != 227 && line->code != 229)
		return 0;
	if (line->form != FTP_FORM_ADDRESS) {
		line_is(s, FTPNAT_LINE_MALFORMED);
		return 0;
	}
	rule = rule_get(s, session->rule);
	if (!rule)
		return 0;
	count_line(session->rule, line->code == 227 ? FTPNAT_LINE_227 : FTPNAT_LINE_229);
	verdict = announce_passive(session, rule, s, line);
	if (verdict == GO_ON) {
		line_is(s, s->segment.text_len ? FTPNAT_LINE_REWRITTEN :
						 FTPNAT_LINE_UNCHANGED);
		return 0;
	}
	line_is(s, verdict);
	if (session->stream[FTPNAT_FROM_SERVER].reply ||
	    session->flags & FTPNAT_SESSION_TRACKED)
		return 0; /* as above; no door was opened */
	refusal_write(&s->segment, refusal_index(verdict));
	return 1;
}

/* The line that the stream's parser has finished, see client_line() and server_line(). */
__noinline int session_line(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	int whole = 0;

	if (!session || !s)
		return 0;
	s->segment.text_len = 0;
	s->segment.why = FTPNAT_PASS;
	if (s->segment.dir == FTPNAT_FROM_SERVER) {
		whole = server_line(session, s,
				    &session->stream[FTPNAT_FROM_SERVER].parser.line);
		session->late = 0;
	} else {
		whole = client_line(session, s,
				    &session->stream[FTPNAT_FROM_CLIENT].parser.line);
	}
	if (session->closing) /* a retransmission that came late */
		door_close(session, s->segment.session, FTPNAT_EXPECTED_CLOSED);
	return whole;
}

/* Feeds one byte to the grammar: 1 when it ended a line. */
__noinline int feed_byte(struct ftp_parser *parser, __u8 byte, int dir)
{
	if (!parser)
		return 0;
	if (dir == FTPNAT_FROM_CLIENT)
		return ftp_feed_command(parser, byte);
	return ftp_feed_reply(parser, byte);
}

#endif
