// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "alg_model.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "alg_command.h"
#include "alg_expect.h"
#include "alg_line.h"

static const char *const refusals[] = {
	[REFUSE_NO_PORT] = "425 No free data port, try again later.\r\n",
	[REFUSE_FULL] = "425 Too many data connections announced, try again later.\r\n",
	[REFUSE_FOREIGN] = "500 Data connections to another host are refused.\r\n",
	[REFUSE_POLICY] = "500 This kind of data connection is refused.\r\n",
	[REFUSE_AMBIGUOUS] =
		"501 Address not understood, write it as RFC 959 has it.\r\n",
	[REFUSE_USE_V4] = "522 Network protocol not supported, use (1).\r\n",
	[REFUSE_USE_V6] = "522 Network protocol not supported, use (2).\r\n",
	[REFUSE_ARGUMENT] = "504 Command not implemented for that parameter.\r\n",
	[REFUSE_NO_CLEAR_ADDRESS] = "425 The server names no clear address.\r\n",
	[REFUSE_NO_CONNECT] = "425 Data connections to another host are refused.\r\n",
	[ANSWER_ALGS_ON] = "216 EPSVEPRT translated.\r\n",
	[ANSWER_ALGS_OFF] = "216 NONE translated.\r\n",
	[REFUSE_NO_ADDRESS] = "425 Use PASV or EPSV first.\r\n",
};

bool alg_across(const struct alg_config *config)
{
	return alg_addr_is_v4(&config->client) != alg_addr_is_v4(&config->server);
}

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
		command->refusal = REFUSE_POLICY;
	else if (reading == UNCLEAR)
		command->refusal = REFUSE_AMBIGUOUS;
	else
		command->refusal = alg_expect_active(m, p, text);
	command->expectation = command->refusal == REFUSE_NONE;
	/* refused: the server has to read what it must refuse itself */
	if (command->refusal != REFUSE_NONE && reading == UNCLEAR) {
		p->end = len;
		strcpy(text, "DENIED\r\n");
	} else if (command->refusal != REFUSE_NONE && p->delimiter) {
		sprintf(text, "::%c0", p->delimiter);
	} else if (command->refusal != REFUSE_NONE) {
		strcpy(text, "0,0,0,0,0,0");
	}
}

/* The server must refuse it; the client reads what it is told. */
static void refuse(struct alg_command *command, enum alg_refusal refusal, struct place *p,
		   size_t len, char *text)
{
	command->verb = OTHER;
	command->refusal = refusal;
	command->matters = true;
	p->end = len;
	strcpy(text, "DENIED\r\n");
}

/* RFC 6384 section 11 */
static enum alg_refusal algs_answer(struct alg_model *m, size_t args)
{
	const uint8_t *s = m->stream[ALG_CLIENT].line;
	size_t len = m->stream[ALG_CLIENT].line_len;

	if (argument_is(s, len, args, "ENABLE64"))
		m->untranslated = false;
	else if (argument_is(s, len, args, "DISABLE64"))
		m->untranslated = true;
	else if (!argument_is(s, len, args, "STATUS64"))
		return REFUSE_ARGUMENT;
	return m->untranslated ? ANSWER_ALGS_OFF : ANSWER_ALGS_ON;
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
		refuse(command, REFUSE_ARGUMENT, p, len, text);
	} else if (argument && argument != (to_v4 ? '2' : '1')) {
		refuse(command, to_v4 ? REFUSE_USE_V6 : REFUSE_USE_V4, p, len, text);
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

/* RFC 959 section 3.2: nothing has said where data go. */
static void transfer(struct alg_model *m, struct place *p, struct alg_command *command,
		     char *text)
{
	const struct alg_config *c = &m->config;
	bool possible = c->active && !m->epsv_only;

	if (m->address == ADDRESS_SAID) {
		m->address = ADDRESS_USED;
		return;
	}
	if (m->alien || (possible && m->dialled_port < 2) ||
	    (m->address == ADDRESS_USED && (m->expecting || !possible)))
		return;
	if (!possible) {
		refuse(command, REFUSE_NO_ADDRESS, p, m->stream[ALG_CLIENT].line_len,
		       text);
		return;
	}
	for (unsigned i = 0; i < m->commands; i++)
		m->command[i].expectation = false;
	m->expecting = false;
	if (c->no_room) { /* refused, unless its start has left */
		m->stream[ALG_CLIENT].unknown = true;
		m->stream[ALG_SERVER].unknown = true;
		return;
	}
	m->expecting = true;
	m->expectation = (struct alg_expectation){
		.peer = c->server,
		.public = c->seen,
		.public_port = m->seen_port,
		.to_src = c->dialled,
		.to_sport = (uint16_t)(m->dialled_port - 1),
		.to_dst = c->client,
		.to_dport = m->client_port,
		.active = true,
	};
	command->expectation = true;
	command->transfer = true;
	command->matters = true;
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
					      .refusal = REFUSE_NONE,
					      .number = ++m->commands_seen,
					      .alone = m->commands == 1,
					      .matters = verb == PASV || verb == EPSV ||
							 verb == EPSV_ALL ||
							 verb == AUTH || verb == REIN };
		address_line(m, verb, args, &p, command, text);
		if (alg_across(&m->config) &&
		    (verb == PASV || verb == EPSV || verb == EPSV_ALL || verb == ALGS))
			passive_across(m, args, &p, command, text);
		if (verb == RETR || verb == STOR || verb == STOU || verb == APPE ||
		    verb == LISTING)
			transfer(m, &p, command, text);
		if ((verb == PORT || verb == EPRT || verb == PASV || verb == EPSV ||
		     verb == LPRT || verb == LPSV) &&
		    command->refusal == REFUSE_NONE) {
			m->address = ADDRESS_SAID;
			if (!command->expectation &&
			    m->expectation.public_port == m->seen_port)
				m->expecting = false;
		}
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

/* A 227 or 229 that was asked for: the refusal, or its text. */
static enum alg_refusal passive_line(struct alg_model *m, struct alg_stream *stream,
				     bool is_227, size_t at,
				     const struct alg_command *command, bool several,
				     struct place *p, char *text)
{
	enum reading reading = is_227 ? find_227(stream->line, stream->line_len, at, p) :
					find_229(stream->line, stream->line_len, at, p);

	if (reading == UNCLEAR)
		return REFUSE_NO_CLEAR_ADDRESS;
	if (reading != READ && m->reply_told)
		return REFUSE_NO_CLEAR_ADDRESS;
	/* of several lines the first has left with the server's code */
	if (reading != READ ||
	    (several && command->said != command->verb && !m->reply_told))
		return REFUSE_NONE;
	return alg_expect_passive(m, p, is_227, command, text);
}

/*
 * The first line of a 227 or 229 of several that answers a translated command begins as
 * its own. A line that is too long to be held back leaves as it is.
 */
static bool reply_begins(struct alg_model *m, struct alg_stream *stream, unsigned open)
{
	static const char *const lines[] = { "227-Entering Passive Mode:\r\n",
					     "229-Entering Extended Passive Mode:\r\n" };
	int asked = alg_command_of(m->reply);
	const struct alg_command *command = &m->again;

	if (open || (m->reply != 227 && m->reply != 229))
		return false;
	m->reply_told = 0;
	for (unsigned i = m->commands; i--;)
		if (m->command[i].verb == asked && m->command[i].refusal == REFUSE_NONE)
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
	struct alg_command command = { .verb = NONE, .refusal = REFUSE_NONE };
	struct place p = { .start = 0 };
	char text[128] = "";
	enum alg_refusal refusal = REFUSE_NONE, denied = REFUSE_NONE;

	if (!code && reply_begins(m, stream, open))
		return;
	if (several && !code && alg_command_awaits_passive(m) &&
	    find_stray(s, len, open) < len) {
		say(stream, s, find_stray(s, len, open));
		say(stream, "\r\n", 2);
		return;
	}
	if (code >= 200 && m->greeted) /* the greeting answers nothing */
		command = alg_command_take(m, code);
	if (code >= 200)
		m->greeted = true;
	if (code >= 400)
		refusal = command.refusal;
	if (command.expectation && (code >= 400 || command.transfer))
		m->expecting = false;
	if (command.verb == AUTH && code == 234 && command.number <= m->commands_before)
		m->opaque = true;
	if (command.verb == EPSV_ALL && code < 300)
		m->epsv_only = true;
	if (command.verb == REIN && code < 300) { /* all over again */
		m->epsv_only = false;
		m->expecting = false;
		m->address = ADDRESS_NEVER;
	}
	if (((command.verb == PASV && code == 227) ||
	     (command.verb == EPSV && code == 229)) &&
	    command.number <=
		    m->commands_before) /* none answers what came after its start */
		denied = passive_line(m, stream, code == 227, at, &command, several, &p,
				      text);
	/* the last of several lines can't have another code than the first */
	if (denied != REFUSE_NONE && several) {
		sprintf(text, "%u Refused.\r\n", m->reply_told ? m->reply_told : code);
		say(stream, text, strlen(text));
	} else if (denied != REFUSE_NONE) {
		say(stream, refusals[denied], strlen(refusals[denied]));
	} else if (refusal != REFUSE_NONE && !several) {
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
	m->address = ADDRESS_NEVER;
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
