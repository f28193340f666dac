// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Lines between the families, cut at every byte: wherever a line is cut, its reader gets the
 * same bytes as if it had come whole, the numbers of both ends fit, and the same data
 * connection is expected.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "lib/told.h"
#include "base/util.h"

#define LINES	   10
#define STREAM_MAX 2048
#define BYTEWISE   SIZE_MAX /* each byte in a segment of its own */

/* What one end says, and what the other one reads. */
struct said {
	char from; /* 'c', 's'; 0: the end */
	const char *text;
	const char *becomes; /* NULL: as it is */
};

struct talk_row {
	const char *says;
	unsigned int scenes;
	const char *expectation; /* NULL: none */
	struct said said[LINES];
};

#define TO_SERVER(...)                                                                   \
	{                                                                                \
		.from = 'c', .text = __VA_ARGS__                                         \
	}
#define TO_CLIENT(...)                                                                   \
	{                                                                                \
		.from = 's', .text = __VA_ARGS__                                         \
	}
#define IN_64	    (IN(NAT64) | IN(MASQ64))
#define ENTERS_229  "229 Entering Extended Passive Mode (|||2570|)\r\n"
#define ENTERS_227  "227 Entering Passive Mode ($d,10,10)\r\n"
#define DENIED	    "DENIED\r\n"
#define NO_MODE	    "500 This kind of data connection is refused.\r\n"
#define NO_HOST	    "500 Data connections to another host are refused.\r\n"
#define USE(family) "522 Network protocol not supported, use (" family ").\r\n"
#define NOT_FOR	    "504 Command not implemented for that parameter.\r\n"
#define WHAT	    TO_CLIENT("500 what?\r\n")
#define IN_STEP	    TO_SERVER("NOOP\r\n"), TO_CLIENT("200 ok\r\n")
#define FEATURES                                                                         \
	"211-Extensions supported:\r\n EPRT\r\n EPSV\r\n PASV\r\n MDTM\r\n"              \
	" 227 (1,2,3,4,5,6)\r\n211 End.\r\n"

static const struct talk_row rows[] = {
	{ "EPSV and its 227",
	  IN_64,
	  PASSIVE,
	  { TO_SERVER("EPSV\r\n", "PASV\r\n"),
	    TO_CLIENT("227 Entering Passive Mode ($s,10,10).\r\n", ENTERS_229),
	    TO_SERVER("LIST\r\n"), TO_CLIENT("150 here\r\n226 done\r\n"), IN_STEP } },
	{ "EPSV 2 and a 227 without text",
	  IN_64,
	  PASSIVE,
	  { TO_SERVER("epsv 2\r\n", "PASV\r\n"),
	    TO_CLIENT("227 =$s,10,10\r\n", ENTERS_229), IN_STEP } },
	{ "a 227 of several lines",
	  IN_64,
	  PASSIVE,
	  { TO_SERVER("EPSV\r\n", "PASV\r\n"),
	    TO_CLIENT("227-listen\r\n227 ($s,10,10)\r\n",
		      "229-Entering Extended Passive Mode:\r\n" ENTERS_229),
	    IN_STEP } },
	{ "PASV that the server refuses",
	  IN_64,
	  NULL,
	  { TO_SERVER("EPSV\r\n", "PASV\r\n"), TO_CLIENT("425 no\r\n"), IN_STEP } },
	{ "EPSV 1",
	  IN_64,
	  NULL,
	  { TO_SERVER("EPSV 1\r\n", DENIED), TO_CLIENT("500 what?\r\n", USE("2")),
	    IN_STEP } },
	{ "EPSV ALL, and EPSV after it",
	  IN_64,
	  PASSIVE,
	  { TO_SERVER("EPSV ALL\r\n", DENIED), TO_CLIENT("500 what?\r\n", NOT_FOR),
	    TO_SERVER("EPSV\r\n", "PASV\r\n"),
	    TO_CLIENT("227 ($s,10,10)\r\n", ENTERS_229), IN_STEP } },
	{ "ALGS",
	  IN_64,
	  NULL,
	  { TO_SERVER("ALGS STATUS64\r\n", DENIED),
	    TO_CLIENT("500 what?\r\n", "216 EPSVEPRT translated.\r\n"),
	    TO_SERVER("ALGS DISABLE64\r\n", DENIED),
	    TO_CLIENT("500 what?\r\n", "216 NONE translated.\r\n"),
	    TO_SERVER("ALGS ENABLE64\r\n", DENIED),
	    TO_CLIENT("500 what?\r\n", "216 EPSVEPRT translated.\r\n"), IN_STEP } },
	{ "ALGS with something else",
	  IN_64,
	  NULL,
	  { TO_SERVER("ALGS STATUS46\r\n", DENIED), TO_CLIENT("500 what?\r\n", NOT_FOR),
	    IN_STEP } },
	{ "EPRT, published",
	  IN(NAT64),
	  ACTIVE_PUBLISH,
	  { TO_SERVER("EPRT |2|$C|2000|\r\n", "PORT $p,7,208\r\n"),
	    TO_CLIENT("200 ok\r\n"), TO_SERVER("LIST\r\n"), TO_CLIENT("150 here\r\n") } },
	{ "EPRT, masqueraded",
	  IN(MASQ64),
	  ACTIVE_MASQUERADE,
	  { TO_SERVER("EPRT |2|$C|2000|\r\n", "PORT $p,7,208\r\n"),
	    TO_CLIENT("200 ok\r\n"), IN_STEP } },
	{ "EPRT of another host",
	  IN_64,
	  NULL,
	  { TO_SERVER("EPRT |2|2001:db8:66::1|2000|\r\n", "EPRT |2|::|0|\r\n"),
	    TO_CLIENT("522 no\r\n", NO_HOST), IN_STEP } },
	{ "EPRT with the other family's address",
	  IN(NAT64),
	  NULL,
	  { TO_SERVER("EPRT |1|10.9.0.10|2000|\r\n", "EPRT |1|::|0|\r\n"),
	    TO_CLIENT("522 no\r\n", NO_HOST), IN_STEP } },
	{ "PASV over IPv6",
	  IN(NAT64),
	  NULL,
	  { TO_SERVER("PASV\r\n"), TO_CLIENT("227 ($s,10,10)\r\n", NO_MODE), IN_STEP } },
	{ "PORT over IPv6",
	  IN(NAT64),
	  NULL,
	  { TO_SERVER("PORT 10,9,0,10,7,208\r\n", "PORT 0,0,0,0,0,0\r\n"),
	    TO_CLIENT("500 no\r\n", NO_HOST), IN_STEP } },
	{ "PASV and PORT of a client with a CLAT",
	  IN(MASQ64),
	  ACTIVE_MASQUERADE,
	  { TO_SERVER("PASV\r\n"), TO_CLIENT("227 ($s,10,10)\r\n"),
	    TO_SERVER("PORT 192,0,0,1,7,208\r\n", "PORT $p,7,208\r\n"),
	    TO_CLIENT("200 ok\r\n"), IN_STEP } },
	{ "EPRT of a client with a CLAT",
	  IN(MASQ64),
	  ACTIVE_MASQUERADE,
	  { TO_SERVER("EPRT |1|192.0.0.1|2000|\r\n", "PORT $p,7,208\r\n"),
	    TO_CLIENT("200 ok\r\n"), IN_STEP } },

	{ "PASV and its 229",
	  IN(NAT46),
	  PASSIVE,
	  { TO_SERVER("PASV\r\n", "EPSV\r\n"),
	    TO_CLIENT("229 ok (|||2570|)\r\n", ENTERS_227), TO_SERVER("LIST\r\n"),
	    TO_CLIENT("150 here\r\n226 done\r\n"), IN_STEP } },
	{ "a 229 of several lines",
	  IN(NAT46),
	  PASSIVE,
	  { TO_SERVER("PASV\r\n", "EPSV\r\n"),
	    TO_CLIENT("229-listen\r\n229 (|||2570|)\r\n",
		      "227-Entering Passive Mode:\r\n" ENTERS_227),
	    IN_STEP } },
	{ "EPSV to a server that takes it",
	  IN(NAT46),
	  PASSIVE,
	  { TO_SERVER("EPSV\r\n"), TO_CLIENT("229 ok (|||2570|)\r\n"), IN_STEP } },
	{ "EPSV 1 to an IPv6 server",
	  IN(NAT46),
	  PASSIVE,
	  { TO_SERVER("EPSV 1\r\n", "EPSV\r\n"), TO_CLIENT("229 ok (|||2570|)\r\n"),
	    IN_STEP } },
	{ "EPSV 2 of an IPv4 client",
	  IN(NAT46),
	  NULL,
	  { TO_SERVER("EPSV 2\r\n", DENIED), TO_CLIENT("500 what?\r\n", USE("1")),
	    IN_STEP } },
	{ "EPSV ALL, and PASV after it",
	  IN(NAT46),
	  NULL,
	  { TO_SERVER("EPSV ALL\r\n"), TO_CLIENT("200 ok\r\n"),
	    TO_SERVER("PASV\r\n", "EPSV\r\n"),
	    TO_CLIENT("229 ok (|||2570|)\r\n", NO_MODE), IN_STEP } },
	{ "PORT to an IPv6 server",
	  IN(NAT46),
	  ACTIVE_PUBLISH,
	  { TO_SERVER("PORT $c,7,208\r\n", "EPRT |2|$P|2000|\r\n"),
	    TO_CLIENT("200 ok\r\n"), TO_SERVER("LIST\r\n"), TO_CLIENT("150 here\r\n") } },
	{ "EPRT |1| to an IPv6 server",
	  IN(NAT46),
	  ACTIVE_PUBLISH,
	  { TO_SERVER("EPRT |1|$C|2000|\r\n", "EPRT |2|$P|2000|\r\n"),
	    TO_CLIENT("200 ok\r\n"), IN_STEP } },
	{ "ALGS where nothing 64 is translated",
	  IN(NAT46),
	  NULL,
	  { TO_SERVER("ALGS STATUS64\r\n"), WHAT, IN_STEP } },

	{ "LPRT and LPSV, which servers don't know",
	  IN_64 | IN(NAT46),
	  NULL,
	  { TO_SERVER("LPRT 4,4,10,1,1,7,2,7,208\r\n"), WHAT, TO_SERVER("LPSV\r\n"), WHAT,
	    IN_STEP } },
	{ "FEAT",
	  IN_64 | IN(NAT46),
	  NULL,
	  { TO_SERVER("FEAT\r\n"), TO_CLIENT(FEATURES), IN_STEP } },
	{ "HOST and LANG",
	  IN_64 | IN(NAT46),
	  NULL,
	  { TO_SERVER("HOST ftp.example.com\r\n"), TO_CLIENT("220 ok\r\n"),
	    TO_SERVER("LANG de\r\n"), TO_CLIENT("200 ok\r\n"), IN_STEP } },
	{ "Telnet commands and negotiation in front of lines",
	  IN_64,
	  PASSIVE,
	  { TO_SERVER("\377\373\001\377\375\006NOOP\r\n"), TO_CLIENT("200 ok\r\n"),
	    TO_SERVER("\377\364\377\362EPSV\r\n", "PASV\r\n"),
	    TO_CLIENT("\377\376\001227 ($s,10,10)\r\n", ENTERS_229), IN_STEP } },
	{ "Telnet negotiation towards an IPv6 server",
	  IN(NAT46),
	  PASSIVE,
	  { TO_SERVER("\377\375\001PASV\r\n", "EPSV\r\n"),
	    TO_CLIENT("\377\374\001229 (|||2570|)\r\n", ENTERS_227), IN_STEP } },
};

/* A control connection on which nothing gets lost. */
struct line {
	struct talk talk;
	char title[256];
	size_t heard[2]; /* bytes that came from each end */
	char got[2][STREAM_MAX];
	bool good;
};

static void wrong(struct line *line, const char *what)
{
	printf("%s: %s\n", line->title, what);
	line->good = false;
}

/* A packet that left the gateway: to the other end, or an ACK in its place. */
static void arrives(struct line *line, enum end from, const struct packet *packet)
{
	const struct packet_spec wanted = talk_heard(&line->talk, from);
	const uint8_t *tcp = packet->byte + packet_tcp(packet);
	size_t len = packet->len - packet_payload(packet);
	size_t at = get32(tcp + 4) - line->talk.isn[from] - 1;

	line->good &= packet_sane(line->title, packet);
	if (get16(tcp) != wanted.sport || get16(tcp + 2) != wanted.dport) {
		if (len || get32(tcp + 8) != line->talk.isn[from] + line->talk.sent[from])
			wrong(line,
			      "the sender gets an answer that acknowledges something else");
		return;
	}
	if (at > line->heard[from] || at + len >= STREAM_MAX) {
		wrong(line, "a segment leaves a gap");
		return;
	}
	if (at < line->heard[from] &&
	    memcmp(line->got[from] + at, packet->byte + packet_payload(packet),
		   at + len < line->heard[from] ? len : line->heard[from] - at))
		wrong(line, "bytes that were sent twice are others now");
	memcpy(line->got[from] + at, packet->byte + packet_payload(packet), len);
	if (at + len > line->heard[from])
		line->heard[from] = at + len;
}

/* One packet of an end, and whatever the gateway makes of it. */
static void sends(struct line *line, enum end from, const char *text, size_t len)
{
	struct talk *talk = &line->talk;
	struct packet_spec spec = talk_sent(talk, from);
	struct packet packet;
	struct run run;

	spec.flags = len ? PSH | ACK : ACK;
	spec.seq = talk->isn[from] + talk->sent[from];
	spec.ack = talk->isn[!from] + 1 + (uint32_t)line->heard[!from];
	spec.payload = len ? text : NULL;
	spec.payload_len = len;
	option_timestamps(&spec.options, ++talk->clock[from], talk->clock[!from]);
	packet_build(&packet, &spec);
	talk->sent[from] += (uint32_t)len;
	dataplane_run(&run, talk_hook(talk, from), talk_side(talk, from), &packet, 0);
	while (dataplane_copy(&packet))
		arrives(line, from, &packet);
	if (run.action == TC_REDIRECT)
		arrives(line, from, &run.packet);
	else
		wrong(line, "a packet is dropped");
}

/* In pieces, each of which the other end acknowledges before the next one comes. */
static void says(struct line *line, enum end from, const char *text, size_t cut)
{
	size_t len = strlen(text), piece;

	for (size_t at = 0; at < len && line->good; at += piece) {
		piece = len - at;
		if (cut == BYTEWISE)
			piece = 1;
		else if (at < cut && cut < piece)
			piece = cut;
		sends(line, from, text + at, piece);
		sends(line, !from, NULL, 0);
	}
}

/* The row in a scene, with its line number `cut_line` cut after `cut` bytes (0: whole). */
static bool plays(const struct talk_row *row, enum scene_id id, size_t cut_line,
		  size_t cut)
{
	static struct line line;
	const char *expectation;
	char want[2][STREAM_MAX] = { "", "" };

	memset(&line, 0, sizeof(line));
	line.good = true;
	dataplane_forget();
	talk_init(&line.talk, scene_get(id));
	talk_open(&line.talk);
	for (size_t i = 0; row->said[i].from && line.good; i++) {
		const struct said *said = &row->said[i];
		const char *text = talk_text(&line.talk, said->text);
		enum end from = said->from == 'c' ? CLIENT : SERVER;

		snprintf(line.title, sizeof(line.title),
			 "%s [%s]: line %zu, %zu cut at %zd", row->says,
			 line.talk.scene->name, i, cut_line, (ssize_t)cut);
		strcat(want[from],
		       said->becomes ? talk_text(&line.talk, said->becomes) : text);
		says(&line, from, text, cut == BYTEWISE || i == cut_line ? cut : 0);
		if (line.good && (line.heard[from] != strlen(want[from]) ||
				  memcmp(line.got[from], want[from], line.heard[from]))) {
			wrong(&line, "what is read is wrong");
			printf("    wanted %s\n    read   %.*s\n", want[from],
			       (int)line.heard[from], line.got[from]);
		}
	}
	expectation = row->expectation ? talk_text(&line.talk, row->expectation) : "none";
	if (line.good && strcmp(expectation, talk_expectation())) {
		wrong(&line, "another data connection is expected");
		printf("    wanted %s\n    found  %s\n", expectation, talk_expectation());
	}
	return line.good;
}

static void test_cuts(void **state)
{
	const struct talk_row *row = *state;
	struct talk talk;

	for (enum scene_id id = NAT64; id <= MASQ64; id++) {
		if (!(row->scenes & IN(id)))
			continue;
		scene_configure(scene_get(id), NULL);
		talk_init(&talk, scene_get(id));
		assert_true(plays(row, id, LINES, 0));
		assert_true(plays(row, id, LINES, BYTEWISE));
		for (size_t i = 0; row->said[i].from; i++) {
			size_t len = strlen(talk_text(&talk, row->said[i].text));

			for (size_t cut = 1; cut < len; cut++)
				assert_true(plays(row, id, i, cut));
		}
	}
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(rows)];
	size_t n = rows_as_tests(tests, rows, ARRAY_SIZE(rows), sizeof(*rows), test_cuts);

	return _cmocka_run_group_tests("tc_xlat_cuts", tests, n, dataplane_setup,
				       dataplane_teardown);
}
