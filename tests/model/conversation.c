// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "conversation.h"

#include <string.h>

#include "utterance.h"

static void speak(struct script *s, unsigned wait, const struct text *t)
{
	script_add(s, wait, t->byte, t->len);
}

/* ---- the dialogue ---- */

/* What passes between client and server; the next command waits for `answered` lines. */
struct dialogue {
	struct conversation *c;
	unsigned answered;
	bool announcing; /* an address line is in flight */
	bool patient;	 /* the next command waits for all replies */
	bool flood;	 /* as many commands in flight as the gateway remembers */
	unsigned flying;
};

/* Might the gateway refuse address lines of this kind? */
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

/* No client sends more than the gateway remembers (FTPNAT_MAX_COMMANDS). */
#define COMMANDS_IN_FLIGHT 14

/* PASV or EPSV, and the reply of a server of its family. */
static void passive_exchange(struct conversation *c, struct text *command,
			     struct text *answer)
{
	struct random *r = &c->random;
	bool refused_ok = has(c, FEATURE_REFUSED_REPLIES);
	bool server_v4 = alg_addr_is_v4(&c->config.server);
	bool across = alg_across(&c->config), refused = false, is_227;
	unsigned odd_227 = has(c, FEATURE_FAMILIES) ? 10 : 0; /* of an IPv6 server */
	char argument;

	if (across)
		is_227 = random_chance(r, server_v4 ? 10 : 60);
	else
		is_227 = random_chance(r, server_v4 ? 60 : odd_227);
	add_verb(c, command, is_227 ? "PASV" : "EPSV");
	if (!is_227 && random_chance(r, 20)) {
		argument = (char)('1' + random_below(r, 3));
		text_add(command, " %c", argument);
		refused = across && argument != (server_v4 ? '2' : '1');
	}
	add_end(c, command);
	if (across)
		is_227 = server_v4; /* whatever it was, this is what the server reads */
	if (refused)
		short_reply(c, answer, 500);
	else if (random_chance(r, 85))
		passive_reply(c, answer,
			      random_chance(r, 3) && has(c, FEATURE_UNASKED) ? !is_227 :
									       is_227,
			      !refused_ok && (is_227 || may_refuse(c, false)));
	else
		reply(c, answer, random_chance(r, 50) ? 500 : 425, "No.");
}

static const unsigned one_too_many[] = { 150, 200, 226, 421, 426, 500, 550 };

static void step(struct dialogue *d)
{
	struct conversation *c = d->c;
	struct random *r = &c->random;
	struct text command = { .len = 0 }, answer = { .len = 0 };
	unsigned kind = random_below(r, 100);
	bool pipelined = random_chance(r, 25), announces = kind < 70 || kind >= 93;
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
		passive_exchange(c, &command, &answer);
	} else if (kind < 80) {
		plain_command(c, &command);
		if (!has(c, FEATURE_MISCOUNT) || !random_chance(r, 15))
			plain_reply(c, &answer);
		if (has(c, FEATURE_MISCOUNT) && random_chance(r, 10))
			short_reply(c, &answer, CHOOSE(c, one_too_many));
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
		text_add(&command, "AUTH TLS\r\n");
		text_add(&answer, "234 Go ahead\r\n");
		exchange(d, &command, &answer,
			 !d->patient && random_chance(&c->random, 25));
		command.len = answer.len = 0;
		/* records that look like lines to a parser that still reads */
		text_add(&command, "\x16\x03\x01 PORT 10,1,2,3,4,5\r\nPASV\r\nPORT 10");
		garbage(c, &command);
		text_add(&answer, "227 Entering Passive Mode (10,2,0,9,4,5)\r\n2");
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
	text_add(&command, "%s", random_chance(&c->random, 50) ? "PORT 10,1,0,5" : "NOO");
	text_add(&answer, "%s", random_chance(&c->random, 50) ? "227 Ent" : "25");
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

/* Two hosts have two addresses; a host that sends to its own forges packets. */
static void another_address(struct conversation *c, struct alg_addr *a, unsigned side,
			    const struct alg_addr *than)
{
	do
		random_address(c, a, side, !alg_addr_is_v4(than));
	while (!memcmp(a, than, sizeof(*a)));
}

/* A server of the other family: published, or behind a prefix. */
static void make_across(struct conversation *c, const struct random *own)
{
	struct random others = c->random; /* seeds keep their other conversations */
	struct alg_config *config = &c->config;
	bool v6 = !alg_addr_is_v4(&config->client); /* the client */

	c->random = *own;
	config->publish = !v6 || random_chance(&c->random, 60);
	random_address(c, &config->server, 2, !v6);
	another_address(c, &config->seen, 2, &config->server);
	if (config->publish) {
		another_address(c, &config->dialled, 1, &config->client);
		config->listen_port = c->dialled_port;
	} else {
		/* 64:ff9b:1::/96, RFC 8215 */
		memcpy(config->dialled.b, (uint8_t[12]){ 0, 0x64, 0xff, 0x9b, 0, 1 }, 12);
		memcpy(config->dialled.b + 12, config->server.b + 12, 4);
		config->listen_port = 0;
		c->dialled_port = c->server_port;
	}
	if (v6)
		memset(&config->data_address, 0, sizeof(config->data_address));
	c->random = others;
}

static void make_config(struct conversation *c)
{
	struct random *r = &c->random;
	struct alg_config *config = &c->config;
	bool v6 = random_chance(r, 30);
	unsigned kind = random_below(r, 3);	       /* keep, full NAT, masquerade */
	struct random across = { .state = ~r->state }; /* of its own, as the forger's */

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
		another_address(c, &config->seen, 2, &config->server);
	if (config->publish) {
		another_address(c, &config->dialled, 1, &config->client);
		config->listen_port = c->dialled_port;
		if (random_chance(r, 3))
			config->port_min = config->port_max = c->dialled_port;
		if (!v6 && random_chance(r, 15))
			random_address(c, &config->data_address, 1, false);
	}
	if (has(c, FEATURE_ALL_ACROSS) ||
	    (has(c, FEATURE_ACROSS) && random_chance(&across, 20)))
		make_across(c, &across);
}

static void make_traits(struct conversation *c, struct tcp_traits *t)
{
	struct random *r = &c->random;

	t->isn = (uint32_t)random_next(r);
	if (random_chance(r, 30))
		t->isn = -random_below(r, 3000); /* wraps soon */
	t->mss = (uint16_t)(!alg_addr_is_v4(&c->config.client) ? 1220 : 536);
	if (random_chance(r, 60))
		t->mss = !alg_addr_is_v4(&c->config.client) ? 1440 : 1460;
	t->wscale = random_chance(r, 60) ? (uint8_t)random_range(r, 1, 7) : 0;
	t->timestamps = random_chance(r, 60);
	t->sack = random_chance(r, 70);
	t->nagle = random_chance(r, 60);
	t->delayed_ack = random_chance(r, 50);
	t->probe_data = has(c, FEATURE_PROBE_DATA) && random_chance(r, 50);
	t->slow_reader = has(c, FEATURE_CLOSED_WINDOW) && random_chance(r, 10);
	t->keepalives = random_chance(r, 15) ? 3 : 0;
	t->burst = has(c, FEATURE_GSO) && random_chance(r, 15) ? 2 : 1;
	if (alg_across(&c->config))
		t->burst = 1; /* a test run's GSO frames have no family to change */
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
	struct random forger = *r; /* of its own: seeds keep their conversations */

	memset(&c->network, 0, sizeof(c->network));
	if (random_chance(r, 60) && has(c, FEATURE_LOSS)) {
		c->network.loss = CHOOSE(c, losses);
		c->network.duplicate = random_chance(r, 50) ? random_below(r, 15) : 0;
	}
	if (random_chance(r, 50) && has(c, FEATURE_REORDER))
		c->network.jitter = random_range(r, 1, 5000);
	/* where nothing overtakes: a reset that does is taken back, which the model doesn't know */
	if (has(c, FEATURE_FORGED) && !c->network.jitter && random_chance(&forger, 50))
		c->network.forged = random_range(&forger, 1, 50);
	/* challenges look like signs of a loss */
	c->clean = !c->network.loss && !c->network.jitter && !c->network.forged;
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
