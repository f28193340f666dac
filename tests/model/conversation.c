// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "conversation.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHOOSE(c, list)                                                                  \
	((list)[random_below(&(c)->random, sizeof(list) / sizeof(*(list)))])

/* Text under construction. */
struct text {
	size_t len;
	char byte[16384];
};

static void add(struct text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->byte + t->len, sizeof(t->byte) - t->len, format, args);
	va_end(args);
	if (n > 0 && t->len + (size_t)n < sizeof(t->byte))
		t->len += (size_t)n;
}

static void add_bytes(struct text *t, const void *bytes, size_t len)
{
	if (t->len + len > sizeof(t->byte))
		return;
	memcpy(t->byte + t->len, bytes, len);
	t->len += len;
}

static unsigned count_lines(const void *bytes, size_t len)
{
	const char *s = bytes;
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += s[i] == '\n';
	return n;
}

/* ---- speaking ---- */

void script_run(void *arg, struct tcp_end *end)
{
	struct script *s = arg;

	s->heard_lines += count_lines(end->in + s->heard, end->rcv_nxt - s->heard);
	s->heard = end->rcv_nxt;
	while (s->spoken < s->events && s->heard_lines >= s->event[s->spoken].wait) {
		s->ready = s->event[s->spoken].start + s->event[s->spoken].len;
		s->spoken++;
	}
	while (s->written < s->ready && s->at <= end->now) {
		uint32_t len = random_range(end->random, s->write_min, s->write_max);

		if (len > s->ready - s->written)
			len = s->ready - s->written;
		tcp_write(end, s->byte + s->written, len);
		s->written += len;
		if (s->pause)
			s->at = end->now + random_below(end->random, s->pause + 1) * MS;
	}
	if (s->ended || s->spoken < s->events || s->written < s->ready)
		return;
	s->ended = true;
	if (s->ending == ENDING_CLOSE)
		tcp_close(end);
	else if (s->ending == ENDING_ABORT)
		tcp_abort(end);
}

uint64_t script_next(const void *arg)
{
	const struct script *s = arg;

	return s->written < s->ready ? s->at : NEVER;
}

static void speak(struct script *s, unsigned wait, const struct text *t)
{
	if (s->events == SCRIPT_EVENTS || s->bytes + t->len > SCRIPT_BYTES)
		return;
	s->event[s->events++] = (struct script_event){ wait, s->bytes, (uint32_t)t->len };
	memcpy(s->byte + s->bytes, t->byte, t->len);
	s->bytes += (uint32_t)t->len;
	s->lines += count_lines(t->byte, t->len);
}

/* ---- addresses ---- */

static void set_v4(struct alg_addr *a, unsigned b0, unsigned b1, unsigned b2, unsigned b3)
{
	memset(a, 0, sizeof(*a));
	memset(a->b + 10, 0xff, 2);
	a->b[12] = (uint8_t)b0;
	a->b[13] = (uint8_t)b1;
	a->b[14] = (uint8_t)b2;
	a->b[15] = (uint8_t)b3;
}

/* Behind the device c0 (side 1) or s0 (side 2), short and long ones. */
static void random_address(struct conversation *c, struct alg_addr *a, unsigned side,
			   bool v6)
{
	struct random *r = &c->random;

	if (!v6) {
		if (random_chance(r, 30))
			set_v4(a, side, random_range(r, 1, 9), random_range(r, 1, 9),
			       random_range(r, 1, 9));
		else if (random_chance(r, 50))
			set_v4(a, 200 + side, random_range(r, 100, 255),
			       random_range(r, 100, 255), random_range(r, 100, 254));
		else
			set_v4(a, 10, side, random_below(r, 256),
			       random_range(r, 2, 254));
		return;
	}
	memset(a, 0, sizeof(*a));
	a->b[0] = 0xfd;
	a->b[1] = (uint8_t)side;
	for (unsigned i = 2; i < 16; i += 2)
		if (random_chance(r, 40)) {
			a->b[i] = random_chance(r, 70) ? (uint8_t)random_next(r) : 0;
			a->b[i + 1] = (uint8_t)random_next(r);
		}
	a->b[15] |= 2;
}

static bool is_v6(const struct alg_addr *a)
{
	return a->b[10] != 0xff || a->b[11] != 0xff || a->b[0];
}

static void add_address(struct text *t, const struct alg_addr *a, char separator)
{
	char v6[INET6_ADDRSTRLEN];
	const uint8_t *b = a->b + 12;

	if (is_v6(a))
		add(t, "%s", inet_ntop(AF_INET6, a, v6, sizeof(v6)));
	else
		add(t, "%u%c%u%c%u%c%u", b[0], separator, b[1], separator, b[2],
		    separator, b[3]);
}

static unsigned random_port(struct conversation *c)
{
	static const unsigned special[] = { 1, 20, 21, 255, 256, 1023, 1024, 1025, 65535 };

	if (random_chance(&c->random, 10))
		return CHOOSE(c, special);
	return random_range(&c->random, 1024, 65535);
}

/* ---- commands ---- */

static bool has(const struct conversation *c, unsigned feature)
{
	return c->features & feature;
}

static void add_verb(struct conversation *c, struct text *t, const char *verb)
{
	static const char *const telnet[] = {
		"\xff\xf4\xff\xf2", "\xff\xf2", "\xff\xfd\x06",
		"\xff\xfb\x01 ",    " ",	"\t  "
	};
	bool lower = random_chance(&c->random, 15), mixed = random_chance(&c->random, 5);

	if (random_chance(&c->random, 4))
		add(t, "%s", CHOOSE(c, telnet));
	for (; *verb; verb++) {
		bool low = mixed ? random_chance(&c->random, 50) : lower;

		add(t, "%c", low && *verb >= 'A' && *verb <= 'Z' ? *verb + 32 : *verb);
	}
}

static void add_end(struct conversation *c, struct text *t)
{
	static const char *const odd[] = { "\n", " \r\n", "  \n", "\r\r\n", "\t\r\n" };

	add(t, "%s", random_chance(&c->random, 12) ? CHOOSE(c, odd) : "\r\n");
}

static void add_space(struct conversation *c, struct text *t)
{
	add(t, "%s", random_chance(&c->random, 6) ? "   " : " ");
}

static const char *const plain_commands[] = {
	"USER anonymous",
	"PASS mozilla@example.com",
	"SYST",
	"FEAT",
	"PWD",
	"CWD pub/linux",
	"TYPE I",
	"LIST",
	"RETR linux-6.1.tar.xz",
	"STOR x",
	"NOOP",
	"OPTS UTF8 ON",
	"SIZE file 10,0,0,1,4,5",
	"MDTM file",
	"STAT",
	"ABOR",
	"REIN",
	"LPSV",
	"LPRT 4,4,10,0,0,1,2,4,5",
	"EPSV ALL",
	"CCC",
	"P",
	"PO",
	"PORTS 1,2,3,4,5,6",
	"XPORT",
	"EPRTX |1|10.0.0.1|2000|",
	"HELP PORT",
	"SITE PORT 10,0,0,1,4,5",
	"PASVX",
	"ALLO 5",
};

static void plain_command(struct conversation *c, struct text *t)
{
	add_verb(c, t, CHOOSE(c, plain_commands));
	add_end(c, t);
}

static void garbage(struct conversation *c, struct text *t)
{
	unsigned len =
		random_range(&c->random, 1, random_chance(&c->random, 15) ? 900 : 40);

	for (unsigned i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)random_next(&c->random);

		if (byte == '\n')
			byte = 'x';
		add_bytes(t, &byte, 1);
	}
	add_bytes(t, "x", 1); /* no empty line, which would have no reply */
	add_end(c, t);
}

static const char *const malformed_commands[] = {
	"PORT",
	"PORT ",
	"PORT 10,0,0,1,4",
	"PORT 10,0,0,1,4,5,6",
	"PORT 10,0,0,1,256,22",
	"PORT 10,0,0,256,4,5",
	"PORT 10,0,0,1,4,5 x",
	"PORT 10.0.0.1,4,5",
	"PORT 10,0,0,1,,5",
	"PORT 0010,0,0,1,4,5",
	"PORT a,b,c,d,e,f",
	"PORT 10,0,0,1,0,0",
	"PORT 10, 0,0,1,4,5",
	"EPRT",
	"EPRT |1|10.0.0.1|",
	"EPRT |1|10.0.0.1|2000",
	"EPRT |3|10.0.0.1|2000|",
	"EPRT |1|10.0.0.1|65536|",
	"EPRT |1|10.0.0.1|0|",
	"EPRT |1|10.0.0.1|020000|",
	"EPRT |1|010.0.0.1|2000|",
	"EPRT |1|10.0.0|2000|",
	"EPRT |2|fd01:::1|2000|",
	"EPRT |2|fd01::1::2|2000|",
	"EPRT |2|::ffff:10.0.0.1|2000|",
	"EPRT |1|10.0.0.1|2000|x",
	"EPRT 111.0.0.1120001",
	"EPRT |2|1:2:3:4:5:6:7:8:9|2000|",
	"EPRT a1a10.0.0.1a2000a",
	"EPRT |2|12345::1|2000|",
	"EPRT ||10.0.0.1|2000|",
	"EPRT |1||2000|",
};

static void malformed_command(struct conversation *c, struct text *t)
{
	add_verb(c, t, CHOOSE(c, malformed_commands));
	add_end(c, t);
}

/* A port number as two, or now and then with zeros in front. */
static void add_port_octets(struct conversation *c, struct text *t, unsigned port)
{
	if (random_chance(&c->random, 5))
		add(t, ",%03u,%03u", port >> 8, port & 255);
	else
		add(t, ",%u,%u", port >> 8, port & 255);
}

/* PORT or EPRT. */
static void active_command(struct conversation *c, struct text *t)
{
	static const char delimiters[] = "|||||||||||!,.:;$-gz~#'";
	struct alg_addr addr = c->config.client;
	unsigned port = random_port(c);

	if (random_chance(&c->random, 8))
		random_address(c, &addr, 1, is_v6(&addr));
	if (random_chance(&c->random, 3))
		addr = c->config.dialled;
	if (!is_v6(&addr) && random_chance(&c->random, 65)) {
		add_verb(c, t, "PORT");
		add_space(c, t);
		add_address(t, &addr, ',');
		add_port_octets(c, t, port);
	} else {
		char d = delimiters[random_below(&c->random, sizeof(delimiters) - 1)];

		if (d == ':' && is_v6(&addr))
			d = '|';
		if (d == '.' && !is_v6(&addr))
			d = '|';
		add_verb(c, t, "EPRT");
		add_space(c, t);
		add(t, "%c%c%c", d, is_v6(&addr) ? '2' : '1', d);
		if (is_v6(&addr) && random_chance(&c->random, 20))
			for (int i = 0; i < 16; i += 2)
				add(t, "%s%04x", i ? ":" : "",
				    addr.b[i] << 8 | addr.b[i + 1]);
		else
			add_address(t, &addr, '.');
		add(t, "%c%u%c", d, port, d);
	}
	if (has(c, FEATURE_STALE_REFUSAL) &&
	    random_chance(&c->random, 2)) /* too long a line */
		add(t, "%*s", 260, "");
	add_end(c, t);
}

/* ---- replies ---- */

static void misleading_lines(struct conversation *c, struct text *t)
{
	static const char *const lines[] = {
		" 227 Entering Passive Mode (10,2,0,9,4,5)\r\n",
		"227-Entering Passive Mode (10,2,0,9,4,5)\r\n",
		"229-x (|||2000|)\r\n",
		"  indented\r\n",
		"2277 no code\r\n",
		"22\r\n",
		"\r\n",
		"\n",
		"999 \r\n",
		"227\tEntering (10,2,0,9,4,5)\r\n",
		"227 Entering Passive Mode (10,2,0,9,4,5)\r\n",
		"229 Entering Extended Passive Mode (|||2000|)\r\n",
		"PORT 10,0,0,1,4,5\r\n",
	};
	unsigned n = random_below(&c->random, 4);

	while (n--)
		add(t, "%s", CHOOSE(c, lines));
}

static void reply(struct conversation *c, struct text *t, unsigned code, const char *says)
{
	if (random_chance(&c->random, 25)) {
		unsigned filler = random_chance(&c->random, 4) ?
					  random_below(&c->random, 120) :
					  random_below(&c->random, 3);

		add(t, "%u-%s:\r\n", code, says);
		/* inside a 227 a line "227 " would be its last */
		if (code != 227 && code != 229)
			misleading_lines(c, t);
		while (filler--)
			add(t, " line %u of %u,%u,%u\r\n", filler, code, filler, filler);
	}
	add(t, "%u %s", code, says);
	add_end(c, t);
}

static void short_reply(struct conversation *c, struct text *t, unsigned code)
{
	add(t, "%u %s", code, code < 400 ? "Command okay." : "Illegal or refused.");
	add_end(c, t);
}

static void plain_reply(struct conversation *c, struct text *t)
{
	static const struct {
		unsigned code;
		const char *text;
	} replies[] = {
		{ 200, "OK." },
		{ 500, "What?" },
		{ 331, "Password please" },
		{ 226, "Done." },
		{ 215, "UNIX Type: L8" },
		{ 257, "\"/\" is cwd (1,2,3,4,5,6)" },
		{ 502, "Not implemented" },
		{ 250, "Okay (|||2000|)" },
		{ 230, "Logged in" },
		{ 421, "" },
		{ 211, "End" },
		{ 550, "No such file 10,0,0,1,4,5" },
	};
	unsigned i = random_below(&c->random, sizeof(replies) / sizeof(*replies));

	if (random_chance(&c->random, 20))
		reply(c, t, 150, "Opening data connection");
	reply(c, t, replies[i].code, replies[i].text);
}

static const char *const odd_227[] = {
	"227 Entering Passive Mode (10,2,0,256,4,5)",
	"227 Entering Passive Mode (1,2,3,4,5)",
	"227 Entering Passive Mode",
	"227 (1,2,3,4,5,6,7)",
	"227 =1,2,3,4,0,0",
	"227 ",
	"227 (0010,2,3,4,5,6)",
	"227 (1,2,3,,4,5,6)",
};

static const char *const odd_229[] = {
	"229 Entering Extended Passive Mode (|||65536|)",
	"229 (|||0|)",
	"229 (||2000|)",
	"229 Entering Extended Passive Mode",
	"229 (|||020000|)",
	"229 (|||2000)",
	"229 (|||a|)",
};

static void add_227(struct conversation *c, struct text *t, const struct alg_addr *addr)
{
	static const char *const before[] = {
		"227 Entering Passive Mode (",
		"227 Entering Passive Mode ",
		"227 =",
		"227 ok (",
		"227 Server 2,0 at 10,2 says (",
		"227 (1,2,3,4,5,6,7) really (",
		"227\tat ",
		"227 Entering Passive Mode. ",
	};
	static const char *const after[] = { ").", ")", "", "", " ,", "," };
	unsigned i = random_chance(&c->random, 60) ? 0 : random_below(&c->random, 8);

	add(t, "%s", before[i]);
	add_address(t, addr, ',');
	add_port_octets(c, t, random_port(c));
	add(t, "%s", CHOOSE(c, after));
}

static void add_229(struct conversation *c, struct text *t)
{
	static const char delimiters[] = "||||||!,.:;$-gz~#'";
	char d = delimiters[random_below(&c->random, sizeof(delimiters) - 1)];
	bool bare = random_chance(&c->random, 15);

	add(t, "229 Entering Extended Passive Mode %s%c%c%c%u%c%s", bare ? "" : "(", d, d,
	    d, random_port(c), d, bare ? "" : ")");
}

/* 227 or 229, well formed or not. `plain`: one line only. */
static void passive_reply(struct conversation *c, struct text *t, bool is_227, bool plain)
{
	struct alg_addr addr = c->config.server;

	if (is_v6(&addr) || random_chance(&c->random, 6))
		random_address(c, &addr, 2, false);
	if (random_chance(&c->random, 8) && !is_v6(&c->config.dialled))
		addr = c->config.dialled;
	if (!plain && random_chance(&c->random, 8)) {
		add(t, "%u-Here it comes:\r\n Entering Passive Mode (10,2,0,9,4,5)\r\n",
		    is_227 ? 227 : 229);
		if (random_chance(&c->random, 50))
			add(t, "%u-(10,2,0,9,4,5) (|||2000|)\r\n", is_227 ? 227 : 229);
	}
	if (random_chance(&c->random, 8))
		add(t, "%s", is_227 ? CHOOSE(c, odd_227) : CHOOSE(c, odd_229));
	else if (is_227)
		add_227(c, t, &addr);
	else
		add_229(c, t);
	if (random_chance(&c->random, 3))
		add(t, "%*s", random_chance(&c->random, 50) ? 180 : 300, "");
	add_end(c, t);
}

/* ---- the dialogue ---- */

/* What passes between client and server; the next command waits for `answered` lines. */
struct dialogue {
	struct conversation *c;
	unsigned answered;
	bool announcing; /* an announcement is in flight */
	bool patient;	 /* the next command waits for all replies */
	bool flood;	 /* as many commands in flight as the gateway remembers */
	unsigned flying;
};

/* Might the gateway refuse announcements of this kind? */
static bool may_refuse(const struct conversation *c, bool active)
{
	return !(active ? c->config.active : c->config.passive) || !c->config.foreign ||
	       c->config.no_room || c->config.port_min == c->config.port_max || active;
}

static void exchange(struct dialogue *d, const struct text *command,
		     const struct text *answer, bool pipelined)
{
	struct script *client = &d->c->script[ALG_CLIENT],
		      *server = &d->c->script[ALG_SERVER];

	if (!pipelined)
		d->answered = server->lines;
	speak(client, d->answered, command);
	speak(server, client->lines, answer);
}

/* More than the gateway keeps in mind (FTPNAT_MAX_COMMANDS) nobody sends. */
#define COMMANDS_IN_FLIGHT 30

static void step(struct dialogue *d)
{
	struct conversation *c = d->c;
	struct random *r = &c->random;
	struct text command = { .len = 0 }, answer = { .len = 0 };
	unsigned kind = random_below(r, 100);
	bool pipelined = random_chance(r, 25), announces = kind < 70 || kind >= 93,
	     is_227;
	bool refused_ok = has(c, FEATURE_REFUSED_REPLIES);

	if (announces && !has(c, FEATURE_PIPELINED) && d->announcing)
		pipelined = false;
	if (d->flood)
		pipelined = d->flying < COMMANDS_IN_FLIGHT;
	if (d->patient || (!d->answered && !has(c, FEATURE_EAGER)))
		pipelined = false;
	d->flying = pipelined ? d->flying + 1 : 1;
	d->patient = false;
	if (!pipelined)
		d->announcing = false;
	if (kind < 35) {
		active_command(c, &command);
		if (random_chance(r, 80))
			short_reply(c, &answer, 200);
		else if (refused_ok && random_chance(r, 50))
			reply(c, &answer, 501, "Not with me");
		else
			short_reply(c, &answer, random_chance(r, 50) ? 500 : 425);
	} else if (kind < 70) {
		is_227 = random_chance(r, !is_v6(&c->config.server) ? 60 :
					  has(c, FEATURE_FAMILIES)  ? 10 :
								      0);
		add_verb(c, &command, is_227 ? "PASV" : "EPSV");
		if (!is_227 && random_chance(r, 20))
			add(&command, " %c", random_chance(r, 50) ? '1' : '2');
		add_end(c, &command);
		if (random_chance(r, 85))
			passive_reply(c, &answer,
				      random_chance(r, 3) && has(c, FEATURE_UNASKED) ?
					      !is_227 :
					      is_227,
				      !refused_ok && (is_227 || may_refuse(c, false)));
		else
			reply(c, &answer, random_chance(r, 50) ? 500 : 425, "No.");
	} else if (kind < 80) {
		plain_command(c, &command);
		plain_reply(c, &answer);
	} else if (kind < 85) {
		garbage(c, &command);
		short_reply(c, &answer, 500);
	} else if (kind < 90) {
		malformed_command(c, &command);
		if (has(c, FEATURE_STALE_REFUSAL))
			short_reply(c, &answer, 501);
		else
			short_reply(c, &answer, 200);
	} else if (kind < 93) {
		add_end(c, &command);
		exchange(d, &command, &answer, pipelined);
		return; /* nobody answers that */
	} else if (has(c, FEATURE_UNASKED)) {
		/* unasked, which must not be taken for the answer to what comes next */
		pipelined = false;
		d->patient = true;
		plain_command(c, &command);
		plain_reply(c, &answer);
		passive_reply(c, &answer, random_chance(r, 50), true);
	} else {
		plain_command(c, &command);
		plain_reply(c, &answer);
	}
	if (announces)
		d->announcing = true;
	exchange(d, &command, &answer, pipelined);
}

static void say_goodbye(struct dialogue *d)
{
	struct conversation *c = d->c;
	struct text command = { .len = 0 }, answer = { .len = 0 };

	if (has(c, FEATURE_OPAQUE) && random_chance(&c->random, 5)) {
		add(&command, "AUTH TLS\r\n");
		add(&answer, "234 Go ahead\r\n");
		exchange(d, &command, &answer,
			 !d->patient && random_chance(&c->random, 25));
		command.len = answer.len = 0;
		/* records that look like lines to someone who still reads */
		add(&command, "\x16\x03\x01 PORT 10,1,2,3,4,5\r\nPASV\r\nPORT 10");
		garbage(c, &command);
		add(&answer, "227 Entering Passive Mode (10,2,0,9,4,5)\r\n2");
		garbage(c, &answer);
		exchange(d, &command, &answer, false);
		return;
	}
	add_verb(c, &command, "QUIT");
	add_end(c, &command);
	reply(c, &answer, 221, "Bye");
	exchange(d, &command, &answer,
		 has(c, FEATURE_LATE) && !d->patient && random_chance(&c->random, 30));
	if (!has(c, FEATURE_PARTIAL) || !random_chance(&c->random, 10))
		return;
	/* last words that are never finished */
	command.len = answer.len = 0;
	add(&command, "%s", random_chance(&c->random, 50) ? "PORT 10,1,0,5" : "NOO");
	add(&answer, "%s", random_chance(&c->random, 50) ? "227 Ent" : "25");
	speak(&c->script[ALG_CLIENT], d->answered, &command);
	if (random_chance(&c->random, 50))
		speak(&c->script[ALG_SERVER], c->script[ALG_CLIENT].lines, &answer);
}

static void make_dialogue(struct conversation *c)
{
	struct dialogue d = { .c = c };
	struct text banner = { .len = 0 };
	unsigned steps =
		random_range(&c->random, 1, random_chance(&c->random, 10) ? 40 : 10);

	d.flood = has(c, FEATURE_PIPELINED) && random_chance(&c->random, 5);
	if (d.flood)
		steps += 40;
	reply(c, &banner, 220, "Service ready");
	speak(&c->script[ALG_SERVER], 0, &banner);
	for (unsigned i = 0; i < steps && i < c->steps; i++)
		step(&d);
	say_goodbye(&d);
}

/* ---- the surroundings ---- */

static void make_config(struct conversation *c)
{
	struct random *r = &c->random;
	struct alg_config *config = &c->config;
	bool v6 = random_chance(r, 30);
	unsigned kind = random_below(r, 3); /* keep, full NAT, masquerade */

	memset(config, 0, sizeof(*config));
	config->publish = kind < 2;
	config->active = random_chance(r, 93);
	config->passive = random_chance(r, 93);
	config->foreign = random_chance(r, 20);
	config->no_room = random_chance(r, 2);
	c->client_port = (uint16_t)random_range(r, 1024, 65535);
	c->server_port = 21;
	c->dialled_port = config->publish && random_chance(r, 50) ?
				  (uint16_t)random_range(r, 1, 65535) :
				  21;
	config->port_min = 1024;
	config->port_max = 65535;
	if (random_chance(r, 30)) {
		config->port_min = (uint16_t)random_range(r, 1024, 65000);
		config->port_max = (uint16_t)(config->port_min + random_below(r, 500));
	}
	random_address(c, &config->client, 1, v6);
	random_address(c, &config->server, 2, v6);
	config->seen = config->client;
	config->dialled = config->server;
	if (kind)
		random_address(c, &config->seen, 2, v6);
	if (config->publish) {
		random_address(c, &config->dialled, 1, v6);
		config->listen_port = c->dialled_port;
		if (random_chance(r, 3))
			config->port_min = config->port_max = c->dialled_port;
		if (!v6 && random_chance(r, 15))
			random_address(c, &config->data_address, 1, false);
	}
}

static void make_traits(struct conversation *c, struct tcp_traits *t)
{
	struct random *r = &c->random;

	t->isn = (uint32_t)random_next(r);
	if (random_chance(r, 30))
		t->isn = -random_below(r, 3000); /* wraps soon */
	t->mss = (uint16_t)(is_v6(&c->config.client) ? 1220 : 536);
	if (random_chance(r, 60))
		t->mss = is_v6(&c->config.client) ? 1440 : 1460;
	t->wscale = random_chance(r, 60) ? (uint8_t)random_range(r, 1, 7) : 0;
	t->timestamps = random_chance(r, 60);
	t->sack = random_chance(r, 70);
	t->nagle = random_chance(r, 60);
	t->delayed_ack = random_chance(r, 50);
	t->probe_data = has(c, FEATURE_PROBE_DATA) && random_chance(r, 50);
	t->slow_reader = has(c, FEATURE_CLOSED_WINDOW) && random_chance(r, 10);
	t->keepalives = random_chance(r, 15) ? 3 : 0;
	t->burst = has(c, FEATURE_GSO) && random_chance(r, 15) ? 2 : 1;
	t->window = t->slow_reader ? random_range(r, 2000, 5000) : 60000;
	t->clock = (uint32_t)random_next(r);
}

/* Whole, byte by byte, in small or in mixed pieces. */
static void make_speech(struct conversation *c, struct script *s)
{
	struct random *r = &c->random;

	memset(s, 0, offsetof(struct script, byte));
	memset(&s->bytes, 0, sizeof(*s) - offsetof(struct script, bytes));
	s->write_min = 1;
	s->write_max = 4096;
	switch (random_below(r, 5)) {
	case 0:
		s->write_min = 4096;
		break;
	case 1:
		s->write_max = 1;
		break;
	case 2:
		s->write_max = 30;
		break;
	case 3:
		s->write_max = 200;
		break;
	}
	s->pause = random_chance(r, 40) ? random_range(r, 1, 60) : 0;
}

static void make_network(struct conversation *c)
{
	static const unsigned losses[] = { 0, 1, 5, 20 };
	struct random *r = &c->random;

	memset(&c->network, 0, sizeof(c->network));
	if (random_chance(r, 60) && has(c, FEATURE_LOSS)) {
		c->network.loss = CHOOSE(c, losses);
		c->network.duplicate = random_chance(r, 50) ? random_below(r, 15) : 0;
	}
	if (random_chance(r, 50) && has(c, FEATURE_REORDER))
		c->network.jitter = random_range(r, 1, 5000);
	c->clean = !c->network.loss && !c->network.jitter;
	for (int i = 0; i < 2; i++)
		c->traits[i].impatient = c->clean && has(c, FEATURE_KEEPALIVE);
}

void conversation_make(struct conversation *c, uint64_t seed, unsigned steps,
		       unsigned features)
{
	c->random.state = seed;
	c->steps = steps;
	c->features = features;
	make_config(c);
	for (int i = 0; i < 2; i++) {
		make_traits(c, &c->traits[i]);
		make_speech(c, &c->script[i]);
	}
	make_network(c);
	make_dialogue(c);
	if (random_chance(&c->random, 10))
		c->script[0].ending = c->script[1].ending = ENDING_OPEN;
	else if (has(c, FEATURE_ABORT) && random_chance(&c->random, 7))
		c->script[random_below(&c->random, 2)].ending = ENDING_ABORT;
}
