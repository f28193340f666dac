// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A client's commands through a rewriting gateway, over a lossy network and a TCP with
 * random segments and retransmissions: in the end the server has what was sent,
 * rewritten, and no byte was ever acknowledged that it does not have. Each run is the
 * same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/talk.h"
#include "base/util.h"

#define TEXT_MAX  1800
#define LINES	  40
#define RUNS	  60
#define MAX_STEPS 20000

struct line {
	const char *said, *heard;
};

static const struct line v4[] = {
	{ "NOOP\r\n", "NOOP\r\n" },
	{ "PORT $c,7,208\r\n", "PORT $p,7,208\r\n" },
	{ "EPRT |1|$C|2000|\r\n", "EPRT |1|$P|2000|\r\n" },
	{ "PORT 10,66,66,66,7,208\r\n", "PORT 0,0,0,0,0,0\r\n" },
	{ "PORT 1,2,3\r\n", "PORT 1,2,3\r\n" },
	{ "P\r\n", "P\r\n" },
	{ "\r\n", "\r\n" },
	{ "POX\r\n", "POX\r\n" },
	{ "\xff\xf4\xff\xf2"
	  "ABOR\r\n",
	  "\xff\xf4\xff\xf2"
	  "ABOR\r\n" },
	{ "RETR a file with a longer name than most, to have some bulk\r\n",
	  "RETR a file with a longer name than most, to have some bulk\r\n" },
};

static const struct line v6[] = {
	{ "NOOP\r\n", "NOOP\r\n" },
	{ "EPRT |2|$C|2000|\r\n", "EPRT |2|$P|2000|\r\n" },
	{ "eprt |2|2001:db8:66::66|2000| \n", "eprt |2|::|0| \n" },
	{ "EPRT |2|$C|2000\r\n", "EPRT |2|$P|2000\r\n" },
	{ "EPSV\r\n", "EPSV\r\n" },
	{ "E\r\n", "E\r\n" },
};

/* All offsets from the ISN; 1 is the first byte. */
struct world {
	struct talk talk;
	uint32_t random;
	char said[TEXT_MAX], expected[TEXT_MAX], got[TEXT_MAX];
	uint32_t said_len;
	uint32_t acked, sent; /* the client's: first not acknowledged, next to send */
	uint32_t heard;	      /* the server's next */
	uint32_t settled; /* what the server has acknowledged, and the gateway seen so */
};

static uint32_t pick(struct world *w, uint32_t below)
{
	w->random = w->random * 1664525 + 1013904223;
	return (w->random >> 8) % below;
}

static void write_script(struct world *w, const struct line *lines, size_t n)
{
	w->said[0] = w->expected[0] = '\0';
	for (size_t i = 0; i < LINES; i++) {
		const struct line *line = &lines[pick(w, (uint32_t)n)];
		const char *said = talk_text(&w->talk, line->said);
		const char *heard = talk_text(&w->talk, line->heard);

		if (strlen(w->said) + strlen(said) >= TEXT_MAX ||
		    strlen(w->expected) + strlen(heard) >= TEXT_MAX)
			break;
		strcat(w->said, said);
		strcat(w->expected, heard);
	}
	w->said_len = (uint32_t)strlen(w->said);
}

/* The client is told that all before `ack` has arrived. */
static bool take_ack(struct world *w, uint32_t ack)
{
	if ((int32_t)(ack - w->sent) > 0) {
		printf("%u is acknowledged, only %u was sent\n", ack, w->sent);
		return false;
	}
	if ((int32_t)(ack - w->acked) > 0)
		w->acked = ack;
	return true;
}

/* The server gets a segment; it keeps nothing that is out of order. */
static bool take_segment(struct world *w, const struct packet *packet)
{
	size_t payload = packet_payload(packet);
	size_t len = packet->len - payload;
	const uint8_t *tcp = packet->byte + packet_tcp(packet);
	uint32_t seq = ((uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 |
			(uint32_t)tcp[6] << 8 | tcp[7]) -
		       w->talk.isn[CLIENT];

	for (size_t i = 0; i < len; i++, seq++) {
		char byte = (char)packet->byte[payload + i];

		if ((int32_t)(seq - w->heard) > 0)
			return true;
		/* of what is settled the gateway has forgotten how it was rewritten */
		if ((int32_t)(seq - w->settled) < 0)
			continue;
		if (!seq || seq > strlen(w->expected)) {
			printf("a byte at %u, where nothing should be\n", seq);
			return false;
		}
		if (byte != w->expected[seq - 1]) {
			printf("byte %u is %02x, expected %02x, %s\n", seq, (uint8_t)byte,
			       (uint8_t)w->expected[seq - 1],
			       seq == w->heard ? "for the first time" : "again");
			return false;
		}
		if (seq == w->heard)
			w->heard++;
	}
	return true;
}

static bool send_segment(struct world *w, uint32_t from, uint32_t len, bool arrives)
{
	struct packet_spec spec = talk_sent(&w->talk, CLIENT);
	struct packet packet;
	struct run run;

	spec.seq = w->talk.isn[CLIENT] + from;
	spec.ack = w->talk.isn[SERVER] + 1;
	spec.flags = PSH | ACK;
	spec.payload = w->said + from - 1;
	spec.payload_len = len;
	if ((int32_t)(from + len - w->sent) > 0)
		w->sent = from + len;
	packet_build(&packet, &spec);
	dataplane_run(&run, talk_hook(&w->talk, CLIENT), talk_side(&w->talk, CLIENT),
		      &packet, 0);
	if (run.action == TC_SHOT)
		return true;
	if (!packet_sane("a segment", &run.packet))
		return false;
	/* our own ACK goes back to the client's port */
	if (run.packet.byte[packet_tcp(&run.packet) + 2] == CLIENT_PORT >> 8 &&
	    run.packet.byte[packet_tcp(&run.packet) + 3] == (CLIENT_PORT & 255)) {
		const uint8_t *tcp = run.packet.byte + packet_tcp(&run.packet);
		uint32_t ack = ((uint32_t)tcp[8] << 24 | (uint32_t)tcp[9] << 16 |
				(uint32_t)tcp[10] << 8 | tcp[11]) -
			       w->talk.isn[CLIENT];

		return arrives ? take_ack(w, ack) : true;
	}
	return arrives ? take_segment(w, &run.packet) : true;
}

static bool send_ack(struct world *w, uint32_t ack, bool arrives)
{
	struct packet_spec spec = talk_sent(&w->talk, SERVER);
	struct packet packet;
	const uint8_t *tcp;
	struct run run;

	spec.seq = w->talk.isn[SERVER] + 1;
	spec.ack = w->talk.isn[CLIENT] + ack;
	spec.flags = ACK;
	w->settled = ack;
	packet_build(&packet, &spec);
	dataplane_run(&run, talk_hook(&w->talk, SERVER), talk_side(&w->talk, SERVER),
		      &packet, 0);
	if (run.action == TC_SHOT) {
		printf("an ACK is dropped\n");
		return false;
	}
	tcp = run.packet.byte + packet_tcp(&run.packet);
	ack = ((uint32_t)tcp[8] << 24 | (uint32_t)tcp[9] << 16 | (uint32_t)tcp[10] << 8 |
	       tcp[11]) -
	      w->talk.isn[CLIENT];
	return arrives ? take_ack(w, ack) : true;
}

struct network {
	const char *says;
	uint32_t loss;	  /* percent, of each packet on each side of the gateway */
	uint32_t longest; /* segment */
	bool random_cuts; /* of retransmissions; else from the first byte, as much as fits */
	uint32_t in_flight; /* bytes */
};

static bool step(struct world *w, const struct network *n)
{
	uint32_t end = w->said_len + 1, from = w->sent, len = 1 + pick(w, n->longest);
	bool arrives = pick(w, 100) >= n->loss;

	switch (pick(w, 4)) {
	case 0:
		return send_ack(w, w->heard, arrives);
	case 1:
		if (w->sent == w->acked)
			return true;
		from = w->acked;
		len = n->longest;
		if (n->random_cuts) {
			if (pick(w, 2))
				from += pick(w, w->sent - w->acked);
			len = 1 + pick(w, n->longest);
		}
		if ((int32_t)(from + len - w->sent) > 0)
			len = w->sent - from;
		break;
	default:
		if (w->sent == end || w->sent - w->acked >= n->in_flight)
			return true;
		if (len > end - w->sent)
			len = end - w->sent;
		break;
	}
	if (pick(w, 100) < n->loss) { /* before it came to the gateway */
		if ((int32_t)(from + len - w->sent) > 0)
			w->sent = from + len;
		return true;
	}
	return send_segment(w, from, len, arrives);
}

static bool run_world(const struct network *n, enum scene_id id, uint32_t seed)
{
	static struct world w;
	unsigned int steps;

	memset(&w, 0, sizeof(w));
	scene_configure(scene_get(id), NULL);
	talk_init(&w.talk, scene_get(id));
	w.talk.timestamps = false;
	talk_open(&w.talk);
	w.random = seed;
	w.acked = w.sent = w.heard = w.settled = 1;
	if (IN(id) & IN_V6)
		write_script(&w, v6, ARRAY_SIZE(v6));
	else
		write_script(&w, v4, ARRAY_SIZE(v4));
	for (steps = 0; steps < MAX_STEPS && w.acked != w.said_len + 1; steps++)
		if (!step(&w, n))
			break;
	/* bytes that the gateway has taken over have to come out with their line */
	if (w.acked == w.said_len + 1 && w.heard == strlen(w.expected) + 1)
		return true;
	printf("%s [%s], seed %u: after %u steps %u of %u bytes acknowledged, %u of %zu "
	       "heard\n",
	       n->says, scene_name(id), seed, steps, w.acked - 1, w.said_len, w.heard - 1,
	       strlen(w.expected));
	return false;
}

static const struct network networks[] = {
	{ "no loss, long segments", 0, 400, false, 1200 },
	{ "no loss, short segments", 0, 12, false, 60 },
	{ "no loss, one segment in flight", 0, 30, false, 1 },
	{ "a byte at a time", 0, 1, false, 40 },
	{ "loss", 20, 60, false, 400 },
	{ "loss, retransmissions cut differently", 20, 60, true, 400 },
	{ "heavy loss, short segments cut differently", 50, 40, true, 200 },
	{ "much in flight, cut differently", 10, 300, true, 1700 },
	{ "all again and again", 0, 100, true, 1700 },
};

static void test_network(void **state)
{
	static const enum scene_id ids[] = { GROW4, SHRINK4, MASQ4,   FULL4,  KEEP4,
					     FULL6, MASQ6,   CLIENT4, SERVER4 };
	const struct network *n = *state;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		for (uint32_t seed = 1; good && seed <= RUNS; seed++)
			good &= run_world(n, ids[i], seed * 2654435761u);
	assert_true(good);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(networks)];
	size_t n = rows_as_tests(tests, networks, ARRAY_SIZE(networks), sizeof(*networks),
				 test_network);

	return _cmocka_run_group_tests("tc_stream", tests, n, dataplane_setup,
				       dataplane_teardown);
}
