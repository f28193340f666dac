// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "alg_model.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_ADDRESS 255 /* a longer line is no address line */
#define FIRST_DATA_PORT	 1024

enum { NONE, OTHER, PORT, EPRT, PASV, EPSV, EPSV_ALL, AUTH, REIN, ABOR };
enum { NO_PORT, FULL, FOREIGN, POLICY };

static const char *const refusals[] = {
	[NO_PORT] = "425 No free data port, try again later.\r\n",
	[FULL] = "425 Too many data connections announced, try again later.\r\n",
	[FOREIGN] = "500 Data connections to another host are refused.\r\n",
	[POLICY] = "500 This kind of data connection is refused.\r\n",
};

/* An address in a line: [start, end) are the bytes to replace. */
struct place {
	struct alg_addr addr;
	unsigned port;
	size_t start, end;
	uint8_t delimiter;
};

static bool same(const struct alg_addr *a, const struct alg_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool is_zero(const struct alg_addr *a)
{
	static const struct alg_addr zero;

	return same(a, &zero);
}

static bool is_v4(const struct alg_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(a, mapped, sizeof(mapped));
}

static void set_v4(struct alg_addr *a, const unsigned *octet)
{
	memset(a, 0, sizeof(*a));
	memset(a->b + 10, 0xff, 2);
	for (int i = 0; i < 4; i++)
		a->b[12 + i] = (uint8_t)octet[i];
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_blanks(const uint8_t *s, size_t len, size_t at)
{
	while (at < len && blank(s[at]))
		at++;
	return at;
}

/* Decimal number of at most `digits` digits and at most `max`; false: it is not. */
static bool number(const uint8_t *s, size_t len, size_t *at, unsigned digits,
		   unsigned max, unsigned *value)
{
	size_t i = *at;

	for (*value = 0; i < len && isdigit(s[i]); i++) {
		*value = *value * 10 + s[i] - '0';
		if (i - *at >= digits || *value > max)
			return false;
	}
	if (i == *at)
		return false;
	*at = i;
	return true;
}

static bool six_numbers(const uint8_t *s, size_t len, size_t *at, unsigned *n)
{
	for (int i = 0; i < 6; i++)
		if ((i && (*at >= len || s[(*at)++] != ',')) ||
		    !number(s, len, at, 3, 255, &n[i]))
			return false;
	return true;
}

static bool set_place(struct place *p, size_t start, size_t end, unsigned port)
{
	p->start = start;
	p->end = end;
	p->port = port;
	return port >= 1 && port <= 65535;
}

/* ---- what the client says ---- */

static bool find_port(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	unsigned n[6];
	size_t start = at = skip_blanks(s, len, at);

	if (!six_numbers(s, len, &at, n) || skip_blanks(s, len, at) != len ||
	    !blank(s[at]))
		return false;
	set_v4(&p->addr, n);
	p->delimiter = 0;
	return set_place(p, start, at, n[4] << 8 | n[5]);
}

/* No octet with a leading zero, which some read as octal: as inet_pton has it. */
static bool eprt_address(int protocol, const uint8_t *s, size_t len,
			 struct alg_addr *addr)
{
	char text[64];
	uint8_t v4[4];

	if (len >= sizeof(text) || memchr(s, 0, len))
		return false;
	memcpy(text, s, len);
	text[len] = 0;
	if (protocol == '2')
		return inet_pton(AF_INET6, text, addr) == 1 && !is_v4(addr);
	if (inet_pton(AF_INET, text, v4) != 1)
		return false;
	set_v4(addr, (unsigned[]){ v4[0], v4[1], v4[2], v4[3] });
	return true;
}

/* RFC 2428: <d>protocol<d>address<d>port<d> */
static bool find_eprt(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	size_t start, end;
	unsigned port;
	uint8_t d;

	at = skip_blanks(s, len, at);
	if (at + 3 >= len)
		return false;
	d = s[at];
	if (d < 33 || d > 126 || isxdigit(d) || (s[at + 1] != '1' && s[at + 1] != '2') ||
	    s[at + 2] != d)
		return false;
	start = end = at + 3;
	while (end < len && s[end] != d)
		end++;
	if (end == len || !eprt_address(s[at + 1], s + start, end - start, &p->addr))
		return false;
	at = end + 1;
	if (!number(s, len, &at, 5, 99999, &port) || at >= len || s[at] != d)
		return false;
	p->delimiter = d;
	return skip_blanks(s, len, at + 1) == len && set_place(p, start, at, port);
}

/* Blanks and Telnet commands before a verb. */
static size_t skip_telnet(const uint8_t *s, size_t len, bool blanks)
{
	size_t at = 0;

	for (;;) {
		if (blanks)
			at = skip_blanks(s, len, at);
		if (at + 1 < len && s[at] == 255 && s[at + 1] >= 240 && s[at + 1] <= 250)
			at += 2;
		else if (at + 1 < len && s[at] == 255 && s[at + 1] > 250 &&
			 s[at + 1] < 255)
			at += at + 2 < len ? 3 : 2;
		else
			return at;
	}
}

static bool word_is(const uint8_t *s, size_t len, const char *word)
{
	return len == strlen(word) && !strncasecmp((const char *)s, word, len);
}

static size_t word_end(const uint8_t *s, size_t len, size_t at)
{
	while (at < len && !blank(s[at]))
		at++;
	return at;
}

static int verb_of(const uint8_t *s, size_t len, size_t *args)
{
	size_t at = skip_telnet(s, len, true), end = word_end(s, len, at), all, all_end;

	*args = end;
	if (at == len)
		return NONE;
	if (word_is(s + at, end - at, "PORT"))
		return PORT;
	if (word_is(s + at, end - at, "EPRT"))
		return EPRT;
	if (word_is(s + at, end - at, "PASV"))
		return PASV;
	if (word_is(s + at, end - at, "AUTH"))
		return AUTH;
	if (word_is(s + at, end - at, "REIN"))
		return REIN;
	if (word_is(s + at, end - at, "ABOR"))
		return ABOR;
	if (!word_is(s + at, end - at, "EPSV"))
		return OTHER;
	all = skip_blanks(s, len, end);
	all_end = word_end(s, len, all);
	if (word_is(s + all, all_end - all, "ALL") && skip_blanks(s, len, all_end) == len)
		return EPSV_ALL;
	return EPSV;
}

/* ---- what the server says ---- */

/* RFC 1123: the first run of comma-separated numbers that has six of them, 0..255. */
static bool find_227(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	while (at < len) {
		size_t start = at, end = at, six;
		unsigned n[6];

		if (!isdigit(s[at])) {
			at++;
			continue;
		}
		while (end < len &&
		       (isdigit(s[end]) || (s[end] == ',' && isdigit(s[end - 1]))))
			end++;
		at = end;
		if (s[end - 1] == ',')
			end--;
		six = start;
		if (!six_numbers(s, end, &six, n) || six != end)
			continue;
		set_v4(&p->addr, n);
		return set_place(p, start, end, n[4] << 8 | n[5]);
	}
	return false;
}

/* RFC 2428: <d><d><d>port<d> */
static bool find_229(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	for (; at + 4 < len; at++) {
		size_t end = at + 3;
		uint8_t d = s[at];

		if (d < 33 || d > 126 || isdigit(d) || s[at + 1] != d || s[at + 2] != d)
			continue;
		while (end < len && isdigit(s[end]))
			end++;
		if (end == at + 3 || end >= len || s[end] != d)
			continue;
		return end - at - 3 <= 5 &&
		       set_place(p, at + 3, end,
				 (unsigned)atoi((const char *)s + at + 3));
	}
	return false;
}

/* ---- doors ---- */

static bool is_listen(const struct alg_model *m, const struct alg_door *door,
		      unsigned port)
{
	return m->config.listen_port == port && same(&door->public, &m->config.dialled);
}

static void write_address(char *text, const struct alg_addr *addr, char separator)
{
	char v6[INET6_ADDRSTRLEN];
	const uint8_t *b = addr->b + 12;

	if (is_v4(addr))
		sprintf(text, "%u%c%u%c%u%c%u", b[0], separator, b[1], separator, b[2],
			separator, b[3]);
	else
		strcpy(text, inet_ntop(AF_INET6, addr, v6, sizeof(v6)));
}

/* The port stays if it may; else any of the range. -1: none is free, -2: not to be known. */
static int choose_port(struct alg_model *m, const struct alg_door *door, unsigned wanted,
		       unsigned min, unsigned max, enum alg_side reader, size_t offset,
		       int numbers)
{
	int port;

	if (wanted >= min && wanted <= max && !is_listen(m, door, wanted))
		return (int)wanted;
	if (min == max && is_listen(m, door, min))
		return -1;
	port = m->port_told(m->arg, reader, offset, numbers);
	if (port < 0)
		return -2;
	/* a choice that must not be is no choice: what follows will differ */
	return port >= (int)min && port <= (int)max &&
			       !is_listen(m, door, (unsigned)port) ?
		       port :
		       (int)min;
}

/* What the reader has to be told for the address at *p, or why it is refused: -1, or the refusal. */
static int announce(struct alg_model *m, struct alg_door *door, const struct place *p,
		    const struct alg_addr *shown, unsigned min, unsigned max,
		    unsigned command, char *text)
{
	enum alg_side reader = door->active ? ALG_SERVER : ALG_CLIENT;
	struct alg_stream *stream = &m->stream[!reader];
	char addr[64];
	int port;

	m->door_open = false; /* a session has one at most, and this replaces it */
	if (m->config.no_room)
		return FULL;
	addr[0] = 0;
	if (shown) {
		write_address(addr, shown, p->delimiter ? '.' : ',');
		sprintf(addr + strlen(addr), "%c", p->delimiter ? p->delimiter : ',');
	}
	port = choose_port(m, door, p->port, min, max, reader,
			   stream->out_len + p->start + strlen(addr),
			   shown && !p->delimiter ? 2 : 1);
	if (port == -1)
		return NO_PORT;
	if (port == -2) {
		stream->unknown = true;
		return -1;
	}
	door->public_port = (uint16_t)port;
	m->door = *door;
	m->door_open = true;
	m->door_command = command;
	if ((!shown || same(shown, &p->addr)) && (unsigned)port == p->port)
		return -1;
	if (shown && !p->delimiter)
		sprintf(text, "%s%d,%d", addr, port >> 8, port & 255);
	else
		sprintf(text, "%s%d", addr, port);
	return -1;
}

/* PORT or EPRT: the server will connect to the client. */
static int announce_active(struct alg_model *m, const struct place *p, unsigned command,
			   char *text)
{
	const struct alg_config *c = &m->config;
	bool keep = same(&c->client, &c->seen);
	struct alg_door door = {
		.peer = c->server,
		.public = keep ? p->addr : c->seen,
		.to_src = c->dialled,
		.to_sport = c->publish ? 20 : 0,
		.to_dst = p->addr,
		.to_dport = (uint16_t)p->port,
		.active = true,
	};
	unsigned min = c->port_min, max = c->port_max;

	if (!c->active || m->epsv_only)
		return POLICY;
	if (!same(&p->addr, &c->client) &&
	    (!c->foreign || is_v4(&p->addr) != is_v4(&c->client)))
		return FOREIGN;
	if (p->port < FIRST_DATA_PORT)
		return POLICY;
	if (keep) {
		min = max = p->port;
	} else if (c->publish) {
		min = FIRST_DATA_PORT;
		max = 65535;
	}
	return announce(m, &door, p, &door.public, min, max, command, text);
}

/* 227 or 229: the client will connect to the server. */
static int announce_passive(struct alg_model *m, const struct place *p, bool is_227,
			    unsigned command, char *text)
{
	const struct alg_config *c = &m->config;
	const struct alg_addr *named = is_227 ? &p->addr : &c->server, *shown;
	struct alg_door door = {
		.peer = c->client,
		.to_src = c->seen,
		.to_dport = (uint16_t)p->port,
	};

	if (!c->passive || (is_227 && m->epsv_only))
		return POLICY;
	if (same(named, &c->dialled))
		named = &c->server; /* it may know its public address */
	if (!same(named, &c->server) &&
	    (!c->foreign || is_v4(named) != is_v4(&c->server)))
		return FOREIGN;
	if (p->port < FIRST_DATA_PORT)
		return POLICY;
	door.to_dst = *named;
	door.public = c->publish ? c->dialled : *named;
	shown = &door.public;
	if (c->publish && is_v4(&c->dialled) && !is_zero(&c->data_address))
		shown = &c->data_address;
	if (!is_227)
		shown = NULL;
	return announce(m, &door, p, shown, c->publish ? c->port_min : p->port,
			c->publish ? c->port_max : p->port, command, text);
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

static void client_line(struct alg_model *m, struct alg_stream *stream)
{
	const uint8_t *s = stream->line;
	size_t len = stream->line_len, args;
	struct alg_command *command;
	struct place p = { .start = 0 };
	char text[128] = "";
	int verb = verb_of(s, len, &args);

	if (verb == ABOR)
		m->aborted = true;
	if (verb != NONE) {
		if (m->commands == ALG_COMMANDS)
			memmove(m->command, m->command + 1,
				--m->commands * sizeof(*m->command));
		command = &m->command[m->commands++];
		*command = (struct alg_command){ verb, -1, ++m->commands_seen };
		if (len <= LINE_MAX_ADDRESS &&
		    ((verb == PORT && find_port(s, len, args, &p)) ||
		     (verb == EPRT && find_eprt(s, len, args, &p)))) {
			command->refusal = announce_active(m, &p, command->number, text);
			/* refused: the server has to read what it must refuse itself */
			if (command->refusal >= 0 && p.delimiter)
				sprintf(text, "::%c0", p.delimiter);
			else if (command->refusal >= 0)
				strcpy(text, "0,0,0,0,0,0");
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

/*
 * A reply answers the oldest command; but after an ABOR a 227 or 229 the oldest that
 * asked for it, if any did, and ends all before: servers differ in how many replies an
 * aborted transfer gets.
 */
static struct alg_command take_command(struct alg_model *m, unsigned code)
{
	struct alg_command taken = { NONE, -1, 0 };
	int asked = code == 227 ? PASV : code == 229 ? EPSV : NONE;
	unsigned n = 0;

	if (!m->commands)
		return taken;
	while (m->aborted && n < m->commands && m->command[n].verb != asked)
		n++;
	if (n == m->commands)
		n = 0;
	taken = m->command[n++];
	m->commands -= n;
	memmove(m->command, m->command + n, m->commands * sizeof(*m->command));
	return taken;
}

static void server_line(struct alg_model *m, struct alg_stream *stream)
{
	const uint8_t *s = stream->line;
	size_t len = stream->line_len, at = 0;
	bool several = m->reply; /* the reply has lines before this one */
	unsigned code = final_code(m, s, len, &at);
	struct alg_command command = { NONE, -1, 0 };
	struct place p = { .start = 0 };
	char text[128] = "";
	int refusal = -1;

	if (code >= 200 && m->greeted) /* the greeting answers nothing */
		command = take_command(m, code);
	if (code >= 200)
		m->greeted = true;
	if (code >= 400)
		refusal = command.refusal;
	if ((command.verb == PORT || command.verb == EPRT) && code >= 400 &&
	    m->door_command == command.number)
		m->door_open = false;
	if (command.verb == AUTH && code == 234)
		m->opaque = true;
	if (command.verb == EPSV_ALL && code < 300)
		m->epsv_only = true;
	if (command.verb == REIN && code < 300) { /* all over again */
		m->epsv_only = false;
		m->door_open = false;
	}
	if (((command.verb == PASV && code == 227 && find_227(s, len, at, &p)) ||
	     (command.verb == EPSV && code == 229 && find_229(s, len, at, &p))) &&
	    len <= LINE_MAX_ADDRESS &&
	    command.number <=
		    m->commands_before) /* none answers what came after its start */
		refusal = announce_passive(m, &p, code == 227, command.number, text);
	/* the last of several lines can't have another code than the first */
	if (refusal >= 0 && !several)
		say(stream, refusals[refusal], strlen(refusals[refusal]));
	else
		say_changed(stream, &p, text);
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
	m->greeted = false;
	m->aborted = false;
	m->opaque = false;
	m->epsv_only = false;
	m->door_open = false;
	m->door_command = 0;
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
	m->door_open = false;
}
