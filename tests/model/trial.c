// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "trial.h"

#include <ctype.h>
#include <string.h>

static int told_port(void *arg, enum alg_side reader, size_t offset, int numbers)
{
	const struct trial *t = arg;
	const struct tcp_end *end = &t->wire.end[reader];
	unsigned value[2] = { 0 };

	for (int i = 0; i < numbers; i++, offset++) {
		size_t digits = 0;

		for (; offset < end->rcv_nxt && isdigit(end->in[offset]) && digits < 5;
		     digits++)
			value[i] = value[i] * 10 + end->in[offset++] - '0';
		if (offset >= end->rcv_nxt)
			return -1;
	}
	return (int)(numbers == 2 ? value[0] << 8 | value[1] : value[0]) & 0xffff;
}

static void print_bytes(FILE *out, const char *title, const uint8_t *bytes, size_t len)
{
	fprintf(out, "%s\"", title);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			fprintf(out, "\\n");
		else if (bytes[i] == '\r')
			fprintf(out, "\\r");
		else if (isprint(bytes[i]))
			fprintf(out, "%c", bytes[i]);
		else
			fprintf(out, "\\x%02x", bytes[i]);
	}
	fprintf(out, "\"\n");
}

static void print_near(const char *title, const uint8_t *bytes, size_t len, size_t at)
{
	size_t from = at > 60 ? at - 60 : 0, to = len < at + 60 ? len : at + 60;

	print_bytes(stderr, title, bytes + from, to - from);
}

/* What `side` read must match the model, completely unless it was cut short. */
static void check_stream(struct trial *t, enum alg_side side)
{
	const struct alg_stream *want = &t->model.stream[!side];
	const struct tcp_end *got = &t->wire.end[side];
	size_t at = 0, all = want->out_len, more = 0;
	bool cut = t->wire.end[0].closed || t->wire.end[1].closed || want->unknown;

	while (at < all && at < got->rcv_nxt && want->out[at] == got->in[at])
		at++;
	/* of an unfinished line as much as the gateway likes */
	while (at == all && all + more < got->rcv_nxt && more < want->line_len &&
	       want->line[more] == got->in[all + more])
		more++;
	if (at == all && at + more == got->rcv_nxt)
		return;
	if (cut && (at == got->rcv_nxt || (want->unknown && at == all)))
		return;
	print_near("  model:    ", want->out, all, at);
	print_near("  received: ", got->in, got->rcv_nxt, at);
	wire_fail(&t->wire,
		  "%s received %u bytes, the model says %zu, they differ at %zu",
		  got->name, got->rcv_nxt, all, at);
}

static void check_expectations(struct trial *t, unsigned gateway)
{
	const struct gateway_rest *rest = &t->rest[gateway];
	bool orphans = t->wire.cluster.orphans;

	for (unsigned i = 0; i < t->wire.gateways; i++)
		orphans |=
			t->wire.gateway[i].dead; /* and could not say that it is over */
	if (orphans && t->over)
		return;

	if (rest->expectations != t->model.expecting)
		wire_fail(&t->wire,
			  "gateway %u has %u expectations, the model says %d (port %u)",
			  gateway + 1, rest->expectations, t->model.expecting,
			  rest->expectations ? rest->expectation.public_port :
					       t->model.expectation.public_port);
	if (rest->expectations &&
	    memcmp(&rest->expectation, &t->model.expectation, sizeof(rest->expectation)))
		wire_fail(
			&t->wire,
			"gateway %u has another expectation than the model: port %u to %u, not %u to %u",
			gateway + 1, rest->expectation.public_port,
			rest->expectation.to_dport, t->model.expectation.public_port,
			t->model.expectation.to_dport);
}

static void check_ends(struct trial *t)
{
	bool aborted = t->wire.end[0].closed || t->wire.end[1].closed;

	for (int side = 0; side < 2; side++) {
		const struct tcp_end *end = &t->wire.end[side];
		const struct script *script = &t->conversation.script[side];

		if (t->conversation.clean && !t->conversation.network.duplicate &&
		    !t->wire.dropped && t->conversation.features & FEATURE_PROMPT &&
		    /* a line that grows may not fit a window that is nearly closed */
		    !t->wire.end[!side].overrun &&
		    /* the gateway, which has seen no wider window, keeps the byte of a probe */
		    !end->probed && end->retransmissions && !aborted)
			wire_fail(&t->wire, "%s sent again although nothing was lost",
				  end->name);
		if (aborted)
			continue;
		if (!script->ended || !tcp_all_acked(end))
			wire_fail(
				&t->wire,
				"stalled: %s is at %u of %u events, %u of %u bytes acknowledged",
				end->name, script->spoken, script->events, end->una,
				end->out_len);
		if (t->conversation.script[!side].ending == ENDING_CLOSE &&
		    !end->peer_fin)
			wire_fail(&t->wire, "stalled: %s never got the FIN", end->name);
	}
	if (aborted && t->conversation.clean && !t->wire.end[0].reset &&
	    !t->wire.end[1].reset)
		wire_fail(&t->wire, "the reset never arrived");
	/* one that overtakes data is believed by the end that has the data first, and not by the gateway */
	if ((t->wire.end[0].reset || t->wire.end[1].reset) && !t->wire.reset_seen &&
	    !t->conversation.network.jitter)
		wire_fail(&t->wire, "the gateway doesn't know of the reset");
}

/* The model gets what the gateway received, in that order. */
static void run_model(struct trial *t)
{
	uint32_t fed[2] = { 0 };
	unsigned n = wire_path(&t->wire, t->path);

	t->over = false;
	alg_init(&t->model, &t->conversation.config, told_port, t);
	t->model.client_port = t->conversation.client_port;
	t->model.dialled_port = t->conversation.dialled_port;
	t->model.seen_port = t->wire.seen_port;
	for (unsigned i = 0; i < n; i++) {
		const struct wire_event *e = &t->path[i];

		alg_feed(&t->model, e->from, t->wire.end[e->from].out + fed[e->from],
			 e->until - fed[e->from]);
		fed[e->from] = e->until;
	}
	if (t->wire.end[0].closed || t->wire.end[1].closed) {
		t->over = t->wire.reset_seen;
	} else if (t->conversation.script[0].ending == ENDING_CLOSE) {
		for (int side = 0; side < 2; side++)
			if (fed[side] != t->wire.end[side].out_len)
				wire_fail(&t->wire,
					  "%s's stream was parsed up to %u of %u",
					  t->wire.end[side].name, fed[side],
					  t->wire.end[side].out_len);
		t->over = true;
	}
	if (t->over)
		alg_close(&t->model);
}

static void set_up(struct trial *t)
{
	struct conversation *c = &t->conversation;
	struct tcp_end *client = &t->wire.end[ALG_CLIENT],
		       *server = &t->wire.end[ALG_SERVER];

	for (unsigned i = 0; i < t->wire.gateways; i++)
		gateway_configure(&t->wire.gateway[i], &c->config, c->dialled_port,
				  c->server_port);
	t->wire.config = c->config;
	t->wire.dialled_port = c->dialled_port;
	for (int i = 0; i < 2; i++) {
		tcp_init(&t->wire.end[i], &c->traits[i]);
		t->wire.talker[i] =
			(struct wire_talker){ script_run, script_next, &c->script[i] };
	}
	client->local = c->config.client;
	client->remote = c->config.dialled;
	client->local_port = c->client_port;
	client->remote_port = c->dialled_port;
	server->local = c->config.server;
	server->remote = c->config.seen;
	server->local_port = c->server_port;
	server->listening = true;
}

static void describe(const struct trial *t, FILE *out)
{
	const struct conversation *c = &t->conversation;
	static const char *const side[] = { "client", "server" };

	fprintf(out, "%s%s, source %s, ports %u-%u, modes%s%s%s%s\n",
		c->config.publish ? "publish" : "masquerade",
		alg_across(&c->config) ? " across families" : "",
		memcmp(&c->config.client, &c->config.seen, 16) ? "another" : "keep",
		c->config.port_min, c->config.port_max, c->config.active ? " active" : "",
		c->config.passive ? " passive" : "", c->config.foreign ? ", foreign" : "",
		c->config.no_room ? ", no room" : "");
	fprintf(out, "loss %u%%, duplicates %u%%, jitter %u us\n", c->network.loss,
		c->network.duplicate, c->network.jitter);
	for (int i = 0; i < 2; i++) {
		const struct tcp_traits *traits = &c->traits[i];

		fprintf(out,
			"%s: isn %u mss %u window %u%s%s%s%s%s%s, writes %u-%u pause %u ms\n",
			side[i], traits->isn, traits->mss, traits->window,
			traits->timestamps ? " ts" : "", traits->sack ? " sack" : "",
			traits->nagle ? " nagle" : "",
			traits->delayed_ack ? " delayed-ack" : "",
			traits->slow_reader ? " slow" : "",
			traits->burst > 1 ? " gso" : "", c->script[i].write_min,
			c->script[i].write_max, c->script[i].pause);
	}
	for (int i = 0; i < 2; i++)
		for (unsigned j = 0; j < c->script[i].events; j++) {
			const struct script_event *e = &c->script[i].event[j];

			fprintf(out, "%s, after %u lines: ", side[i], e->wait);
			print_bytes(out, "", c->script[i].byte + e->start, e->len);
		}
}

void trial_make(struct trial *t, uint64_t seed, unsigned steps, unsigned features)
{
	t->seed = seed;
	conversation_make(&t->conversation, seed, steps, features);
}

static void forget(struct trial *t)
{
	for (unsigned i = 0; i < t->wire.gateways; i++)
		gateway_forget(&t->wire.gateway[i], &t->rest[i]);
}

const char *trial_hold(struct trial *t, struct gateway *gateways, unsigned n,
		       const struct wire_cluster *cluster, FILE *trace)
{
	wire_init(&t->wire, gateways, &t->conversation.network, ~t->seed, trace);
	t->wire.gateways = n;
	if (cluster)
		t->wire.cluster = *cluster;
	if (trace)
		describe(t, trace);
	set_up(t);
	if (setjmp(t->wire.failed)) {
		forget(t);
		return t->wire.failure;
	}
	if (cluster)
		cluster->begin(cluster->arg, &t->wire);
	wire_run(&t->wire);
	run_model(t);
	check_stream(t, ALG_CLIENT);
	check_stream(t, ALG_SERVER);
	check_ends(t);
	forget(t);
	for (unsigned i = 0; i < n; i++)
		if (!gateways[i].dead)
			check_expectations(t, i);
	return NULL;
}
