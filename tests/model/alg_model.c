// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "alg_model.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "alg_line.h"

#define FIRST_DATA_PORT 1024

enum {
	NO_PORT,
	FULL,
	FOREIGN,
	POLICY,
	AMBIGUOUS,
	USE_V4,
	USE_V6,
	ARGUMENT,
	NO_CLEAR_ADDRESS,
	NO_CONNECT,
	ALGS_ON,
	ALGS_OFF
};

static const char *const refusals[] = {
	[NO_PORT] = "425 No free data port, try again later.\r\n",
	[FULL] = "425 Too many data connections announced, try again later.\r\n",
	[FOREIGN] = "500 Data connections to another host are refused.\r\n",
	[POLICY] = "500 This kind of data connection is refused.\r\n",
	[AMBIGUOUS] = "501 Address not understood, write it as RFC 959 has it.\r\n",
	[USE_V4] = "522 Network protocol not supported, use (1).\r\n",
	[USE_V6] = "522 Network protocol not supported, use (2).\r\n",
	[ARGUMENT] = "504 Command not implemented for that parameter.\r\n",
	[NO_CLEAR_ADDRESS] = "425 The server names no clear address.\r\n",
	[NO_CONNECT] = "425 Data connections to another host are refused.\r\n",
	[ALGS_ON] = "216 EPSVEPRT translated.\r\n",
	[ALGS_OFF] = "216 NONE translated.\r\n",
};

bool alg_across(const struct alg_config *config)
{
	return alg_addr_is_v4(&config->client) != alg_addr_is_v4(&config->server);
}

static bool same(const struct alg_addr *a, const struct alg_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool is_zero(const struct alg_addr *a)
{
	static const struct alg_addr zero;

	return same(a, &zero);
}

/* ---- expectations ---- */

static bool is_listen(const struct alg_model *m,
		      const struct alg_expectation *expectation, unsigned port)
{
	return m->config.listen_port == port &&
	       same(&expectation->public, &m->config.dialled);
}

/* The port stays if it may; else any of the range. -1: none is free, -2: not to be known. */
static int choose_port(struct alg_model *m, const struct alg_expectation *expectation,
		       unsigned wanted, unsigned min, unsigned max, enum alg_side reader,
		       size_t offset, int numbers)
{
	int port;

	if (wanted >= min && wanted <= max && !is_listen(m, expectation, wanted))
		return (int)wanted;
	if (min == max && is_listen(m, expectation, min))
		return -1;
	port = m->port_told(m->arg, reader, offset, numbers);
	if (port < 0)
		return -2;
	/* a choice that must not be is not a choice: what follows will differ */
	return port >= (int)min && port <= (int)max &&
			       !is_listen(m, expectation, (unsigned)port) ?
		       port :
		       (int)min;
}

/* How the reader is told of an address and a port: text around the port, or around its two bytes. */
struct telling {
	char before[128];
	const char *after;
	bool octets;
	bool whole;  /* all of the line is replaced, else the address at *p */
	bool needed; /* even if the port stays */
};

/* In place of the address at *p; `shown` NULL: the port alone. */
static struct telling tell_address(const struct place *p, const struct alg_addr *shown)
{
	struct telling t = { .after = "",
			     .octets = shown && !p->delimiter,
			     .needed = shown && !same(shown, &p->addr) };

	if (shown) {
		alg_addr_str(t.before, shown, p->delimiter ? '.' : ',');
		sprintf(t.before + strlen(t.before), "%c",
			p->delimiter ? p->delimiter : ',');
	}
	return t;
}

/* RFC 6384: a line of the reader's own family. */
static struct telling tell_line(const char *begins, const struct alg_addr *shown,
				const char *after)
{
	struct telling t = { .after = after, .whole = true, .needed = true };

	strcpy(t.before, begins);
	if (!shown)
		return t;
	t.octets = alg_addr_is_v4(shown);
	alg_addr_str(t.before + strlen(t.before), shown, t.octets ? ',' : '.');
	strcat(t.before, t.octets ? "," : "|");
	return t;
}

/* What the reader has to be told, or why it is refused: -1, or the refusal. */
static int announce(struct alg_model *m, struct alg_expectation *expectation,
		    struct place *p, const struct telling *t, unsigned min, unsigned max,
		    char *text)
{
	enum alg_side reader = expectation->active ? ALG_SERVER : ALG_CLIENT;
	struct alg_stream *stream = &m->stream[!reader];
	int port;

	m->expecting = false; /* a session has one at most, and this replaces it */
	for (unsigned i = 0; i < m->commands; i++)
		m->command[i].expectation = false;
	if (m->config.no_room)
		return FULL;
	port = choose_port(m, expectation, p->port, min, max, reader,
			   stream->out_len + (t->whole ? 0 : p->start) +
				   strlen(t->before),
			   t->octets ? 2 : 1);
	if (port == -1)
		return NO_PORT;
	if (port == -2) {
		stream->unknown = true;
		return -1;
	}
	expectation->public_port = (uint16_t)port;
	m->expectation = *expectation;
	m->expecting = true;
	if (!t->needed && (unsigned)port == p->port)
		return -1;
	if (t->octets)
		sprintf(text, "%s%d,%d%s", t->before, port >> 8, port & 255, t->after);
	else
		sprintf(text, "%s%d%s", t->before, port, t->after);
	if (t->whole) {
		p->start = 0;
		p->end = stream->line_len;
	}
	return -1;
}

/* PORT or EPRT: the server will connect to the client. */
static int announce_active(struct alg_model *m, struct place *p, char *text)
{
	const struct alg_config *c = &m->config;
	/* of a client behind prefix64 an IPv4 address is its own (464XLAT) */
	bool clat = alg_across(c) && !c->publish && alg_addr_is_v4(&p->addr);
	const struct alg_addr *named = clat ? &c->client : &p->addr;
	struct telling t;
	bool keep = same(&c->client, &c->seen);
	struct alg_expectation expectation = {
		.peer = c->server,
		.public = keep ? *named : c->seen,
		.to_src = c->dialled,
		.to_sport = c->publish ? 20 : 0,
		.to_dst = *named,
		.to_dport = (uint16_t)p->port,
		.active = true,
	};
	unsigned min = c->port_min, max = c->port_max;

	if (!c->active || m->epsv_only)
		return POLICY;
	if (!same(named, &c->client) &&
	    (!c->foreign || alg_addr_is_v4(named) != alg_addr_is_v4(&c->client)))
		return FOREIGN;
	if (p->port < FIRST_DATA_PORT)
		return POLICY;
	if (keep) {
		min = max = p->port;
	} else if (c->publish) {
		min = FIRST_DATA_PORT;
		max = 65535;
	}
	if (!alg_across(c))
		t = tell_address(p, &expectation.public);
	else if (alg_addr_is_v4(&c->seen))
		t = tell_line("PORT ", &c->seen, "\r\n");
	else
		t = tell_line("EPRT |2|", &c->seen, "|\r\n");
	return announce(m, &expectation, p, &t, min, max, text);
}

/* 227 or 229 in reply to `command`: the client will connect to the server. */
static int announce_passive(struct alg_model *m, struct place *p, bool is_227,
			    const struct alg_command *command, char *text)
{
	const struct alg_config *c = &m->config;
	const struct alg_addr *named = is_227 ? &p->addr : &c->server, *shown;
	struct telling t;
	struct alg_expectation expectation = {
		.peer = c->client,
		.to_src = c->seen,
		.to_dport = (uint16_t)p->port,
	};

	if (!c->passive || (command->said == PASV && m->epsv_only))
		return POLICY;
	if (command->said == PASV && c->publish && alg_across(c) &&
	    !alg_addr_is_v4(&c->client))
		return POLICY; /* no 227 can name what the client dialled */
	if (same(named, &c->dialled))
		named = &c->server; /* it may know its public address */
	if (!same(named, &c->server) &&
	    (!c->foreign || alg_addr_is_v4(named) != alg_addr_is_v4(&c->server))) {
		if (c->publish || !alg_addr_is_v4(&c->server))
			return alg_across(c) ? NO_CONNECT : FOREIGN;
		named = &c->server; /* it doesn't know its address */
	}
	if (p->port < FIRST_DATA_PORT)
		return POLICY;
	expectation.to_dst = *named;
	expectation.public = c->publish ? c->dialled : *named;
	shown = &expectation.public;
	if (c->publish && alg_addr_is_v4(&c->dialled) && !is_zero(&c->data_address))
		shown = &c->data_address;
	if (!c->publish && alg_across(c)) {
		/* the prefix in front of it; the client's CLAT puts it there, too */
		expectation.public = c->dialled;
		memcpy(expectation.public.b + 12, named->b + 12, 4);
		shown = named;
	}
	if (command->said == command->verb)
		t = tell_address(p, is_227 ? shown : NULL);
	else if (command->said == EPSV)
		t = tell_line("229 Entering Extended Passive Mode (|||", NULL, "|)\r\n");
	else
		t = tell_line("227 Entering Passive Mode (", shown, ")\r\n");
	return announce(m, &expectation, p, &t, c->publish ? c->port_min : p->port,
			c->publish ? c->port_max : p->port, text);
}

/* ---- lines ---- */

static void say(struct alg_stream *stream, const void *bytes, size_t len)
{
	if (stream->unknown || stream->out_len + len > sizeof(stream->out))
		return;
	memcpy(stream->out + stream->out_len, bytes, len);
	stream->out_len += len;
}

/* The line with `text` in place of what it said at *p. */
static void say_changed(struct alg_stream *stream, const struct place *p,
			const char *text)
{
	if (stream->unknown)
		return;
	if (!*text) {
		say(stream, stream->line, stream->line_len);
		return;
	}
	say(stream, stream->line, p->start);
	say(stream, text, strlen(text));
	say(stream, stream->line + p->end, stream->line_len - p->end);
}

/* Browsers speak HTTP to whatever a web page names, see docs/design.md. */
static void alien_line(struct alg_model *m)
{
	m->alien = true;
	m->expecting = false;
	if (!m->config.publish)
		m->opaque = true; /* nothing is read any more */
}

/* A line that may have an address: what the server has to read, if it isn't what was said. */
static void address_line(struct alg_model *m, int verb, size_t args, struct place *p,
			 struct alg_command *command, char *text)
{
	const uint8_t *s = m->stream[ALG_CLIENT].line;
	size_t len = m->stream[ALG_CLIENT].line_len;
	enum reading reading = UNREADABLE;

	if (verb == PORT)
		reading = find_port(s, len, args, p);
	else if (verb == EPRT)
		reading = find_eprt(s, len, args, p);
	else if (verb == CUT)
		reading = UNCLEAR;
	if (reading == UNREADABLE)
		return;
	command->matters = true;
	if (m->alien || m->untranslated)
		command->refusal = POLICY;
	else if (reading == UNCLEAR)
		command->refusal = AMBIGUOUS;
	else
		command->refusal = announce_active(m, p, text);
	command->expectation = command->refusal < 0;
	/* refused: the server has to read what it must refuse itself */
	if (command->refusal >= 0 && reading == UNCLEAR) {
		p->end = len;
		strcpy(text, "DENIED\r\n");
	} else if (command->refusal >= 0 && p->delimiter) {
		sprintf(text, "::%c0", p->delimiter);
	} else if (command->refusal >= 0) {
		strcpy(text, "0,0,0,0,0,0");
	}
}

/* The server must refuse it; the client reads what it is told. */
static void refuse(struct alg_command *command, int refusal, struct place *p, size_t len,
		   char *text)
{
	command->verb = OTHER;
	command->refusal = refusal;
	command->matters = true;
	p->end = len;
	strcpy(text, "DENIED\r\n");
}

/* RFC 6384 section 11 */
static int algs_answer(struct alg_model *m, size_t args)
{
	const uint8_t *s = m->stream[ALG_CLIENT].line;
	size_t len = m->stream[ALG_CLIENT].line_len;

	if (argument_is(s, len, args, "ENABLE64"))
		m->untranslated = false;
	else if (argument_is(s, len, args, "DISABLE64"))
		m->untranslated = true;
	else if (!argument_is(s, len, args, "STATUS64"))
		return ARGUMENT;
	return m->untranslated ? ALGS_OFF : ALGS_ON;
}

/* PASV, EPSV, ALGS across families: RFC 6384 section 6, and the reverse. */
static void passive_across(struct alg_model *m, size_t args, struct place *p,
			   struct alg_command *command, char *text)
{
	const uint8_t *s = m->stream[ALG_CLIENT].line;
	size_t len = m->stream[ALG_CLIENT].line_len;
	bool to_v4 = alg_addr_is_v4(&m->config.server);
	char argument = command->said == EPSV ? epsv_argument(s, len, args) : 0;

	if (command->said == ALGS) {
		if (to_v4)
			refuse(command, algs_answer(m, args), p, len, text);
	} else if (m->untranslated) {
		return;
	} else if (to_v4 && command->said == EPSV_ALL) {
		refuse(command, ARGUMENT, p, len, text);
	} else if (argument && argument != (to_v4 ? '2' : '1')) {
		refuse(command, to_v4 ? USE_V6 : USE_V4, p, len, text);
	} else if (to_v4 && command->said == EPSV) {
		command->verb = PASV;
		p->end = len;
		strcpy(text, "PASV\r\n");
	} else if (!to_v4 && (command->said == PASV || argument)) {
		command->verb = EPSV;
		p->end = len;
		strcpy(text, "EPSV\r\n");
	}
}

static void client_line(struct alg_model *m, struct alg_stream *stream)
{
	const uint8_t *s = stream->line;
	size_t len = stream->line_len, args;
	struct alg_command *command;
	struct place p = { .start = 0 };
	char text[128] = "";
	int verb = verb_of(s, len, &args);

	if (!m->alien && (verb == ALIEN || (verb == BINARY && !m->spoken)))
		alien_line(m);
	if (verb != NONE) {
		m->again.verb = NONE;
		m->spoken = true;
		if (m->commands == ALG_COMMANDS)
			memmove(m->command, m->command + 1,
				--m->commands * sizeof(*m->command));
		command = &m->command[m->commands++];
		*command =
			(struct alg_command){ .verb = verb,
					      .said = verb,
					      .refusal = -1,
					      .number = ++m->commands_seen,
					      .alone = m->commands == 1,
					      .matters = verb == PASV || verb == EPSV ||
							 verb == EPSV_ALL ||
							 verb == AUTH || verb == REIN };
		address_line(m, verb, args, &p, command, text);
		if (alg_across(&m->config) &&
		    (verb == PASV || verb == EPSV || verb == EPSV_ALL || verb == ALGS))
			passive_across(m, args, &p, command, text);
	}
	say_changed(stream, &p, text);
}

/* The code of a line that ends a reply, and where its text begins; 0: it doesn't. */
static unsigned final_code(struct alg_model *m, const uint8_t *s, size_t len,
			   size_t *text)
{
	size_t at = skip_telnet(s, len, false);
	unsigned code = 0;

	if (at + 3 >= len || s[at] == '0')
		return 0;
	for (int i = 0; i < 3; i++) {
		if (!isdigit(s[at + i]))
			return 0;
		code = code * 10 + s[at + i] - '0';
	}
	*text = at + 4;
	if (s[at + 3] == '-' && !m->reply)
		m->reply = code;
	if (!blank(s[at + 3]) || (m->reply && m->reply != code))
		return 0;
	m->reply = 0;
	return code;
}

/* The oldest n commands are through; the last of them. */
static struct alg_command drop(struct alg_model *m, unsigned n)
{
	struct alg_command last = { .verb = NONE, .refusal = -1 };

	if (n > m->commands)
		n = m->commands;
	if (!n)
		return last;
	last = m->command[n - 1];
	m->commands -= n;
	memmove(m->command, m->command + n, m->commands * sizeof(*m->command));
	return last;
}

/* Can a reply of this code be meant for the command? */
static bool suits(const struct alg_command *command, unsigned code)
{
	bool named = command->verb == PASV || command->verb == EPSV ||
		     command->verb == AUTH;
	bool matters = command->expectation || command->refusal >= 0;

	if (code < 400)
		return !named;
	return !matters || command->alone || (code / 10 % 10 != 5 && code != 421);
}

/* The command that a reply of this code answers; NONE: any. */
static int command_of(unsigned code)
{
	switch (code) {
	case 227:
		return PASV;
	case 229:
		return EPSV;
	case 234:
		return AUTH;
	default:
		return NONE;
	}
}

/*
 * 227, 229 and 234 answer the oldest PASV, EPSV or AUTH wherever it waits, and all before
 * it are through. Any other reply answers the oldest command, if it can.
 */
static struct alg_command take_command(struct alg_model *m, unsigned code)
{
	struct alg_command none = { .verb = NONE, .refusal = -1 }, taken;
	int asked = command_of(code);
	bool again = asked != NONE && m->again.verb == asked;
	struct alg_command last = m->again;

	for (unsigned i = 0; asked != NONE && i < m->commands; i++)
		if (m->command[i].verb == asked && m->command[i].refusal < 0)
			return drop(m, i + 1);
	if (asked != NONE)
		m->again.verb = NONE;
	if (again)
		return (struct alg_command){ .verb = asked,
					     .said = last.said,
					     .refusal = -1 };
	if (code == 227 || code == 229) {
		drop(m, 1);
		return none;
	}
	if (!m->commands || !suits(&m->command[0], code) ||
	    (m->command[0].matters && m->command[0].number > m->commands_before))
		return none;
	taken = drop(m, 1);
	if (taken.verb == PASV || taken.verb == EPSV || taken.verb == AUTH)
		m->again = taken;
	return taken;
}

/* Is the oldest command that matters a PASV or EPSV, from before the present line? */
static bool awaits_passive(const struct alg_model *m)
{
	for (unsigned i = 0; i < m->commands; i++) {
		const struct alg_command *command = &m->command[i];

		if (command->matters)
			return command->number <= m->commands_before &&
			       command->refusal < 0 &&
			       (command->verb == PASV || command->verb == EPSV);
	}
	return false;
}

/* A 227 or 229 that was asked for: the refusal, or -1 with the text. */
static int passive_line(struct alg_model *m, struct alg_stream *stream, bool is_227,
			size_t at, const struct alg_command *command, bool several,
			struct place *p, char *text)
{
	enum reading reading = is_227 ? find_227(stream->line, stream->line_len, at, p) :
					find_229(stream->line, stream->line_len, at, p);

	if (reading == UNCLEAR)
		return NO_CLEAR_ADDRESS;
	if (reading != READ && m->reply_told)
		return NO_CLEAR_ADDRESS;
	/* of several lines the first has left with the server's code */
	if (reading != READ ||
	    (several && command->said != command->verb && !m->reply_told))
		return -1;
	return announce_passive(m, p, is_227, command, text);
}

/*
 * The first line of a 227 or 229 of several that answers a translated command begins as
 * its own. A line that is too long to be held back leaves as it is.
 */
static bool reply_begins(struct alg_model *m, struct alg_stream *stream, unsigned open)
{
	static const char *const lines[] = { "227-Entering Passive Mode:\r\n",
					     "229-Entering Extended Passive Mode:\r\n" };
	int asked = command_of(m->reply);
	const struct alg_command *command = &m->again;

	if (open || (m->reply != 227 && m->reply != 229))
		return false;
	m->reply_told = 0;
	for (unsigned i = m->commands; i--;)
		if (m->command[i].verb == asked && m->command[i].refusal < 0)
			command = &m->command[i];
	if (command->verb != asked || command->said == asked ||
	    command->number > m->commands_before)
		return false;
	m->reply_told = m->reply == 227 ? 229 : 227;
	say(stream, lines[m->reply == 227], strlen(lines[m->reply == 227]));
	return true;
}

static void server_line(struct alg_model *m, struct alg_stream *stream)
{
	const uint8_t *s = stream->line;
	size_t len = stream->line_len, at = 0;
	unsigned open = m->reply;
	bool several = open; /* the reply has lines before this one */
	unsigned code = final_code(m, s, len, &at);
	struct alg_command command = { .verb = NONE, .refusal = -1 };
	struct place p = { .start = 0 };
	char text[128] = "";
	int refusal = -1, denied = -1;

	if (!code && reply_begins(m, stream, open))
		return;
	if (several && !code && awaits_passive(m) && find_stray(s, len, open) < len) {
		say(stream, s, find_stray(s, len, open));
		say(stream, "\r\n", 2);
		return;
	}
	if (code >= 200 && m->greeted) /* the greeting answers nothing */
		command = take_command(m, code);
	if (code >= 200)
		m->greeted = true;
	if (code >= 400)
		refusal = command.refusal;
	if (command.expectation && code >= 400)
		m->expecting = false;
	if (command.verb == AUTH && code == 234 && command.number <= m->commands_before)
		m->opaque = true;
	if (command.verb == EPSV_ALL && code < 300)
		m->epsv_only = true;
	if (command.verb == REIN && code < 300) { /* all over again */
		m->epsv_only = false;
		m->expecting = false;
	}
	if (((command.verb == PASV && code == 227) ||
	     (command.verb == EPSV && code == 229)) &&
	    command.number <=
		    m->commands_before) /* none answers what came after its start */
		denied = passive_line(m, stream, code == 227, at, &command, several, &p,
				      text);
	/* the last of several lines can't have another code than the first */
	if (denied >= 0 && several) {
		sprintf(text, "%u Refused.\r\n", m->reply_told ? m->reply_told : code);
		say(stream, text, strlen(text));
	} else if (denied >= 0) {
		say(stream, refusals[denied], strlen(refusals[denied]));
	} else if (refusal >= 0 && !several) {
		say(stream, refusals[refusal], strlen(refusals[refusal]));
	} else {
		say_changed(stream, &p, text);
	}
	if (code)
		m->reply_told = 0;
}

void alg_init(struct alg_model *m, const struct alg_config *config, alg_port_fn port_told,
	      void *arg)
{
	m->config = *config;
	for (int i = 0; i < 2; i++) {
		m->stream[i].line_len = 0;
		m->stream[i].out_len = 0;
		m->stream[i].unknown = false;
	}
	m->commands = 0;
	m->commands_seen = 0;
	m->reply = 0;
	m->reply_told = 0;
	m->greeted = false;
	m->again.verb = NONE;
	m->opaque = false;
	m->alien = false;
	m->spoken = false;
	m->epsv_only = false;
	m->untranslated = false;
	m->expecting = false;
	m->port_told = port_told;
	m->arg = arg;
}

void alg_feed(struct alg_model *m, enum alg_side from, const uint8_t *bytes, size_t len)
{
	struct alg_stream *stream = &m->stream[from];

	for (size_t i = 0; i < len; i++) {
		if (from == ALG_SERVER && !stream->line_len)
			m->commands_before = m->commands_seen;
		stream->line[stream->line_len++] = bytes[i];
		if (m->opaque) {
			alg_finish(m, ALG_CLIENT);
			alg_finish(m, ALG_SERVER);
		} else if (bytes[i] == '\n') {
			if (from == ALG_CLIENT)
				client_line(m, stream);
			else
				server_line(m, stream);
			stream->line_len = 0;
		}
	}
}

void alg_finish(struct alg_model *m, enum alg_side from)
{
	struct alg_stream *stream = &m->stream[from];

	say(stream, stream->line, stream->line_len);
	stream->line_len = 0;
}

void alg_close(struct alg_model *m)
{
	alg_finish(m, ALG_CLIENT);
	alg_finish(m, ALG_SERVER);
	m->expecting = false;
}
