// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "utterance.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_add(struct text *t, const char *format, ...)
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

/* ---- addresses ---- */

void random_address(struct conversation *c, struct alg_addr *a, unsigned side, bool v6)
{
	struct random *r = &c->random;

	if (!v6) {
		if (random_chance(r, 30))
			alg_addr_set_v4(a, side, random_range(r, 1, 9),
					random_range(r, 1, 9), random_range(r, 1, 9));
		else if (random_chance(r, 50))
			alg_addr_set_v4(a, 200 + side, random_range(r, 100, 255),
					random_range(r, 100, 255),
					random_range(r, 100, 254));
		else
			alg_addr_set_v4(a, 10, side, random_below(r, 256),
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

static void add_address(struct text *t, const struct alg_addr *a, char separator)
{
	char addr[ALG_ADDR_STRLEN];

	text_add(t, "%s", alg_addr_str(addr, a, separator));
}

static unsigned random_port(struct conversation *c)
{
	static const unsigned special[] = { 1, 20, 21, 255, 256, 1023, 1024, 1025, 65535 };

	if (random_chance(&c->random, 10))
		return CHOOSE(c, special);
	return random_range(&c->random, 1024, 65535);
}

/* ---- commands ---- */

bool has(const struct conversation *c, unsigned feature)
{
	return c->features & feature;
}

void add_verb(struct conversation *c, struct text *t, const char *verb)
{
	static const char *const telnet[] = {
		"\xff\xf4\xff\xf2", "\xff\xf2", "\xff\xfd\x06",
		"\xff\xfb\x01 ",    " ",	"\t  "
	};
	bool lower = random_chance(&c->random, 15), mixed = random_chance(&c->random, 5);

	if (random_chance(&c->random, 4))
		text_add(t, "%s", CHOOSE(c, telnet));
	for (; *verb; verb++) {
		bool low = mixed ? random_chance(&c->random, 50) : lower;

		text_add(t, "%c",
			 low && *verb >= 'A' && *verb <= 'Z' ? *verb + 32 : *verb);
	}
}

void add_end(struct conversation *c, struct text *t)
{
	static const char *const odd[] = { "\n", " \r\n", "  \n", "\r\r\n", "\t\r\n" };

	text_add(t, "%s", random_chance(&c->random, 12) ? CHOOSE(c, odd) : "\r\n");
}

static void add_space(struct conversation *c, struct text *t)
{
	text_add(t, "%s", random_chance(&c->random, 6) ? "   " : " ");
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
	"ALGS STATUS64",
	"algs disable64",
	"ALGS ENABLE64",
	"ALGS",
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

void plain_command(struct conversation *c, struct text *t)
{
	add_verb(c, t, CHOOSE(c, plain_commands));
	add_end(c, t);
}

void garbage(struct conversation *c, struct text *t)
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
	"EPRT |01|10.0.0.1|2000|",
	"EPRT |1|10.0.0.1|116737|",
	"EPRT |1|10.0.0.1|65558|",
	"EPRT  1 10.0.0.1 2000 ",
	"EPRT |1|10.0.0.1.2|2000|",
	"PORT +10,0, +0,1,4,5",
	"PORT \"10,0,0,1,4,5\"",
	"PORT 10,0,0,1,4,4294967301",
	"PORT 10,0,0,1,4,",
	"PORT 10,0,0,1,4,5\xff\xfb\x01",
	"PO\xff\xf2RT 10,0,0,1,4,5",
	"PORT\r10,0,0,1,4,5",
};

void malformed_command(struct conversation *c, struct text *t)
{
	add_verb(c, t, CHOOSE(c, malformed_commands));
	add_end(c, t);
}

/* A port number as two, or now and then with zeros in front. */
static void add_port_octets(struct conversation *c, struct text *t, unsigned port)
{
	if (random_chance(&c->random, 5))
		text_add(t, ",%03u,%03u", port >> 8, port & 255);
	else
		text_add(t, ",%u,%u", port >> 8, port & 255);
}

void active_command(struct conversation *c, struct text *t)
{
	static const char delimiters[] = "|||||||||||!,.:;$-gz~#'";
	struct alg_addr addr = c->config.client;
	unsigned port = random_port(c);

	if (random_chance(&c->random, 8))
		random_address(c, &addr, 1, !alg_addr_is_v4(&addr));
	if (random_chance(&c->random, 3))
		addr = c->config.dialled;
	if (alg_addr_is_v4(&addr) && random_chance(&c->random, 65)) {
		add_verb(c, t, "PORT");
		add_space(c, t);
		add_address(t, &addr, ',');
		add_port_octets(c, t, port);
	} else {
		char d = delimiters[random_below(&c->random, sizeof(delimiters) - 1)];

		if (d == ':' && !alg_addr_is_v4(&addr))
			d = '|';
		if (d == '.' && alg_addr_is_v4(&addr))
			d = '|';
		add_verb(c, t, "EPRT");
		add_space(c, t);
		text_add(t, "%c%c%c", d, !alg_addr_is_v4(&addr) ? '2' : '1', d);
		if (!alg_addr_is_v4(&addr) && random_chance(&c->random, 20))
			for (int i = 0; i < 16; i += 2)
				text_add(t, "%s%04x", i ? ":" : "",
					 addr.b[i] << 8 | addr.b[i + 1]);
		else
			add_address(t, &addr, '.');
		text_add(t, "%c%u%c", d, port, d);
	}
	if (has(c, FEATURE_STALE_REFUSAL) &&
	    random_chance(&c->random, 2)) /* a long line */
		text_add(t, "%*s", 180, "");
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
		text_add(t, "%s", CHOOSE(c, lines));
}

void reply(struct conversation *c, struct text *t, unsigned code, const char *says)
{
	if (random_chance(&c->random, 25)) {
		unsigned filler = random_chance(&c->random, 4) ?
					  random_below(&c->random, 120) :
					  random_below(&c->random, 3);

		text_add(t, "%u-%s:\r\n", code, says);
		/* inside a 227 a line "227 " would be its last */
		if (code != 227 && code != 229)
			misleading_lines(c, t);
		while (filler--)
			text_add(t, " line %u of %u,%u,%u\r\n", filler, code, filler,
				 filler);
	}
	text_add(t, "%u %s", code, says);
	add_end(c, t);
}

void short_reply(struct conversation *c, struct text *t, unsigned code)
{
	text_add(t, "%u %s", code, code < 400 ? "Command okay." : "Illegal or refused.");
	add_end(c, t);
}

void plain_reply(struct conversation *c, struct text *t)
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

	text_add(t, "%s", before[i]);
	add_address(t, addr, ',');
	add_port_octets(c, t, random_port(c));
	text_add(t, "%s", CHOOSE(c, after));
}

static void add_229(struct conversation *c, struct text *t)
{
	static const char delimiters[] = "||||||!,.:;$-gz~#'";
	char d = delimiters[random_below(&c->random, sizeof(delimiters) - 1)];
	bool bare = random_chance(&c->random, 15);

	text_add(t, "229 Entering Extended Passive Mode %s%c%c%c%u%c%s", bare ? "" : "(",
		 d, d, d, random_port(c), d, bare ? "" : ")");
}

void passive_reply(struct conversation *c, struct text *t, bool is_227, bool plain)
{
	struct alg_addr addr = c->config.server;

	if (!alg_addr_is_v4(&addr) || random_chance(&c->random, 6))
		random_address(c, &addr, 2, false);
	if (random_chance(&c->random, 8) && alg_addr_is_v4(&c->config.dialled))
		addr = c->config.dialled;
	if (!plain && random_chance(&c->random, 8)) {
		text_add(t,
			 "%u-Here it comes:\r\n Entering Passive Mode (10,2,0,9,4,5)\r\n",
			 is_227 ? 227 : 229);
		if (random_chance(&c->random, 50))
			text_add(t, "%u-(10,2,0,9,4,5) (|||2000|)\r\n",
				 is_227 ? 227 : 229);
	}
	if (random_chance(&c->random, 8))
		text_add(t, "%s", is_227 ? CHOOSE(c, odd_227) : CHOOSE(c, odd_229));
	else if (is_227)
		add_227(c, t, &addr);
	else
		add_229(c, t);
	if (random_chance(&c->random,
			  3)) /* of a longer line it depends on the cuts what goes on */
		text_add(t, "%*s", 180, "");
	add_end(c, t);
}
