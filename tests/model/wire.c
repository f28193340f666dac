// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire.h"

#include <linux/pkt_cls.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "forger.h"
#include "tcp_send.h"

#define LINK_DELAY 500 /* microseconds */
#define TIME_LIMIT (900 * 1000 * MS)
#define WORK_LIMIT 60000 /* packets of one conversation */
#define ROUTER_TTL 63

static const char *const side_name[] = { "client", "server" };

void wire_fail(struct wire *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(w->failure, sizeof(w->failure), format, args);
	va_end(args);
	longjmp(w->failed, 1);
}

/* ---- the queue: a heap by time ---- */

static bool earlier(const struct wire *w, unsigned a, unsigned b)
{
	const struct wire_frame *x = &w->frame[a], *y = &w->frame[b];

	return x->at < y->at || (x->at == y->at && x->serial < y->serial);
}

static void heap_add(struct wire *w, unsigned frame)
{
	unsigned at = w->queued++;

	while (at && earlier(w, frame, w->heap[(at - 1) / 2])) {
		w->heap[at] = w->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	w->heap[at] = frame;
}

static unsigned heap_take(struct wire *w)
{
	unsigned first = w->heap[0], last = w->heap[--w->queued], at = 0, child;

	while ((child = 2 * at + 1) < w->queued) {
		if (child + 1 < w->queued &&
		    earlier(w, w->heap[child + 1], w->heap[child]))
			child++;
		if (!earlier(w, w->heap[child], last))
			break;
		w->heap[at] = w->heap[child];
		at = child;
	}
	w->heap[at] = last;
	return first;
}

static void put_on_link(struct wire *w, const struct wire_frame *from)
{
	struct wire_frame *f;
	unsigned i;

	if (random_chance(&w->random, w->traits.loss))
		return;
	if (!w->spares) {
		w->dropped = true;
		return;
	}
	i = w->spare[--w->spares];
	f = &w->frame[i];
	f->at = w->now + LINK_DELAY + random_below(&w->random, w->traits.jitter + 1);
	f->serial = w->serial++;
	f->arriving = from->arriving;
	f->forged = from->forged;
	f->side = from->side;
	f->gso_size = from->gso_size;
	f->len = from->len;
	memcpy(f->byte, from->byte, from->len);
	heap_add(w, i);
}

static void send_frame(struct wire *w, const struct wire_frame *f)
{
	put_on_link(w, f);
	if (random_chance(&w->random, w->traits.duplicate))
		put_on_link(w, f);
}

/* ---- the ends ---- */

static void end_send(struct tcp_end *end, const struct segment *seg, unsigned gso_size)
{
	static const uint8_t host_mac[6] = { 2, 0, 0, 0, 0, 1 };
	static struct wire_frame f;
	struct wire *w = end->arg;

	f.arriving = false;
	f.forged = false;
	f.side = end == &w->end[ALG_SERVER] ? ALG_SERVER : ALG_CLIENT;
	f.gso_size = gso_size;
	f.len = frame_build(f.byte, seg, w->gateway->mac[f.side], host_mac);
	send_frame(w, &f);
}

static void end_fail(struct tcp_end *end, const char *what, uint32_t a, uint32_t b)
{
	wire_fail(end->arg, "%s: %s (%d, %d)", end->name, what, (int)a, (int)b);
}

static const struct tcp_ops wire_ops = { .send = end_send, .fail = end_fail };

/* ---- the gateway ---- */

static void trace(const struct wire *w, const char *what, enum alg_side from,
		  enum alg_side to, const struct segment *seg)
{
	char text[512];

	if (!w->trace)
		return;
	frame_text(text, sizeof(text), seg, w->end[from].traits.isn + 1,
		   w->end[!from].traits.isn + 1);
	fprintf(w->trace, "%9.3f ms  %-6s %s %-6s %s\n", (double)w->now / MS,
		side_name[from], what, side_name[to], text);
}

/* Where somebody looks on, and it may take its time. */
static void trace_reasons(const struct wire *w, struct gateway *gateway)
{
	char text[256];

	if (w->trace != stdout)
		return;
	gateway_reasons(gateway, text, sizeof(text));
	fprintf(w->trace, "%*s gateway %u:%s\n", 12, "", gateway->slot, text);
}

static bool same_end(const struct alg_addr *a, uint16_t port, const struct alg_addr *b,
		     uint16_t other)
{
	return !memcmp(a, b, sizeof(*a)) && port == other;
}

/*
 * The destination of a packet that left the gateway, by the addresses that it must have.
 */
static enum alg_side destination(struct wire *w, const struct segment *seg)
{
	const struct tcp_end *client = &w->end[ALG_CLIENT], *server = &w->end[ALG_SERVER];

	if (same_end(&seg->dst, seg->dport, &client->local, client->local_port) &&
	    same_end(&seg->src, seg->sport, &w->config.dialled, w->dialled_port))
		return ALG_CLIENT;
	if (!same_end(&seg->dst, seg->dport, &server->local, server->local_port) ||
	    memcmp(&seg->src, &w->config.seen, sizeof(seg->src)))
		wire_fail(w, "a packet has wrong addresses");
	if (!w->seen_port) {
		w->seen_port = seg->sport;
		w->end[ALG_SERVER].remote_port = seg->sport;
	}
	if (seg->sport != w->seen_port)
		wire_fail(w, "source port changed from %u to %u", w->seen_port,
			  seg->sport);
	return ALG_SERVER;
}

static bool parsed(const struct wire *w, struct gateway *gateway, uint32_t until[2])
{
	uint32_t next[2];

	until[0] = until[1] = 0;
	if (!gateway_progress(gateway, next))
		return false;
	for (int i = 0; i < 2; i++)
		until[i] = next[i] - (w->end[i].traits.isn + 1);
	return true;
}

/* What has the gateway learned from the packet? */
static void note_progress(struct wire *w, struct gateway *gateway, enum alg_side from,
			  const uint32_t before[2])
{
	struct wire_event *last = w->events ? &w->event[w->events - 1] : NULL;
	uint32_t until[2];

	if (!parsed(w, gateway, until) || until[from] == before[from])
		return;
	if (until[from] > w->end[from].max)
		wire_fail(w, "%s's stream parsed up to %u of %u", side_name[from],
			  until[from], w->end[from].max);
	if (last && last->from == from && last->until == before[from] &&
	    last->before[!from] == before[!from]) {
		last->until = until[from];
		return;
	}
	if (w->events == WIRE_EVENTS)
		wire_fail(w, "too many events");
	w->event[w->events++] =
		(struct wire_event){ from, { before[0], before[1] }, until[from] };
}

/* Does the step lead to this point, or past it? */
static bool leads_to(const struct wire_event *e, const uint32_t point[2])
{
	return e->before[!e->from] == point[!e->from] &&
	       e->before[e->from] < point[e->from] && e->until >= point[e->from];
}

/* The newest of those, at best before this one. */
static unsigned step_to(struct wire *w, unsigned before, const uint32_t point[2])
{
	for (unsigned i = before; i-- > 0;)
		if (leads_to(&w->event[i], point))
			return i;
	for (unsigned i = w->events; i-- > before;)
		if (leads_to(&w->event[i], point))
			return i;
	wire_fail(w, "a gateway is where none has ever been: %u, %u", point[0], point[1]);
}

unsigned wire_path(struct wire *w, struct wire_event *path)
{
	unsigned n = 0, at = w->events;
	uint32_t point[2] = { 0 }, here[2];

	for (unsigned i = 0; i < w->gateways; i++)
		if (!w->gateway[i].dead && parsed(w, &w->gateway[i], here) &&
		    here[0] + here[1] > point[0] + point[1])
			memcpy(point, here, sizeof(point));
	while (point[0] || point[1]) {
		at = step_to(w, at, point);
		path[n] = w->event[at];
		path[n++].until = point[w->event[at].from];
		memcpy(point, w->event[at].before, sizeof(point));
	}
	for (unsigned i = 0; i < n / 2; i++) {
		struct wire_event last = path[n - 1 - i];

		path[n - 1 - i] = path[i];
		path[i] = last;
	}
	return n;
}

static void note_ack(struct tcp_end *end, const struct segment *seg)
{
	uint32_t ack = seg->ack - (end->peer_isn + 1);

	if ((int32_t)(ack - end->ack_known) > 0 && !(seg->flags & SYN))
		end->ack_known = ack < end->rcv_nxt ? ack : end->rcv_nxt;
}

static void check_size(struct wire *w, const struct wire_frame *f,
		       const struct segment *seg, enum alg_side to)
{
	unsigned most = w->end[to].traits.mss;

	if (f->gso_size)
		return;
	if (f->len > 14 + GATEWAY_MTU)
		wire_fail(w, "packet of %zu bytes", f->len);
	if (seg->len + seg->options_len > most)
		wire_fail(w, "segment of %zu + %zu bytes for an MSS of %u",
			  seg->options_len, seg->len, most);
}

/* A packet leaves the gateway. */
static void leaves(struct wire *w, struct wire_frame *f, enum alg_side from)
{
	struct segment seg;
	enum alg_side to;
	const char *wrong = frame_parse(&seg, f->byte, f->len);

	if (wrong)
		wire_fail(w, "%s", wrong);
	to = destination(w, &seg);
	trace(w, "|  ->", to == from ? !from : from, to, &seg);
	if (seg.ttl != (to == from ? 64 : ROUTER_TTL))
		wire_fail(w, "TTL %u", seg.ttl);
	check_size(w, f, &seg, to);
	f->arriving = true;
	f->side = to;
	send_frame(w, f);
}

/* Bytes of `from` that the gateway has parsed; false: it has no session yet. */
static bool parsed_up_to(const struct wire *w, enum alg_side from, uint32_t *next)
{
	uint32_t both[2];

	if (!gateway_progress(w->gateway, both))
		return false;
	*next = both[from];
	return true;
}

/* Both ends are in the middle of it: nothing forged could be a legal beginning or end. */
static bool may_forge(const struct wire *w)
{
	for (int i = 0; i < 2; i++)
		if (!w->end[i].established || w->end[i].fin_queued || w->end[i].closed ||
		    w->end[i].reset)
			return false;
	return true;
}

/* A segment in the name of the sender of `real` changes nothing, and nothing answers it. */
static void attack(struct wire *w, enum alg_side from, const struct segment *real)
{
	static const uint8_t host_mac[6] = { 2, 0, 0, 0, 0, 1 };
	static struct wire_frame f, own;
	static struct forgery forgery;
	uint32_t before = 0, after = 0;
	struct segment check;
	int verdict;

	if (!parsed_up_to(w, from, &before))
		return;
	forge(&forgery, &w->random, real, real->seq + (uint32_t)real->len == before);
	f.forged = true;
	f.gso_size = 0;
	f.len = frame_build(f.byte, &forgery.segment, w->gateway->mac[from], host_mac);
	if (f.len > 14 + GATEWAY_MTU)
		return; /* the copy of a GSO frame: too long for the wire */
	if (forgery.damaged)
		f.byte[f.len - 1] ^= 1;
	trace(w, "~> | ", from, !from, &forgery.segment);
	verdict = gateway_run(w->gateway, from, f.byte, &f.len, 0, 0);
	w->forged++;
	if (!parsed_up_to(w, from, &after) || after != before)
		wire_fail(w, "a forged segment was parsed");
	if (!w->reset_seen && gateway_reset(w->gateway))
		wire_fail(w, "a forged segment has ended the connection");
	if (gateway_sent(w->gateway, own.byte, &own.len))
		wire_fail(w, "a forged segment was answered, or sent in parts");
	if (verdict == TC_ACT_SHOT)
		return;
	if (frame_parse(&check, f.byte, f.len))
		wire_fail(w, "a forged segment left damaged");
	if (forgery.segment.len && check.len && forgery.segment.seq != real->seq)
		wire_fail(w, "a forged line went on");
	leaves(w, &f, from);
}

static void at_gateway(struct wire *w, struct gateway *gateway, struct wire_frame *f,
		       unsigned mark)
{
	static struct wire_frame own;
	enum alg_side from = f->side;
	struct segment seg;
	uint32_t before[2];
	size_t was = f->len;
	uint8_t copy[FRAME_MAX];
	bool reads;
	int verdict;

	memcpy(copy, f->byte, was);
	frame_parse(&seg, copy, was);
	/* of what isn't FTP any more, a FIN may come before the last bytes */
	reads = seg.len || seg.flags & FIN;
	if (++w->packets > WORK_LIMIT)
		wire_fail(w, "stalled: %llu packets", (unsigned long long)w->packets);
	if (reads)
		parsed(w, gateway, before);
	verdict = gateway_run(gateway, from, f->byte, &f->len, f->gso_size, mark);
	trace(w, verdict == TC_ACT_SHOT ? "->  x" : "-> | ", from, !from, &seg);
	trace_reasons(w, gateway);
	if (gateway_log_full(gateway))
		w->dropped = true;
	if (reads)
		note_progress(w, gateway, from, before);
	if (seg.flags & RST)
		w->reset_seen |= gateway_reset(gateway);
	if (seg.flags & ACK && !(seg.flags & RST))
		note_ack(&w->end[from], &seg);
	while (gateway_sent(gateway, own.byte, &own.len))
		leaves(w, &own, from);
	if (verdict != TC_ACT_SHOT && verdict != TC_ACT_REDIRECT)
		wire_fail(w, "verdict %d", verdict);
	if (verdict == TC_ACT_REDIRECT)
		leaves(w, f, from);
	if (w->cluster.pick)
		w->cluster.ran(w->cluster.arg, gateway, from, &seg, verdict);
	if (w->traits.forged && random_chance(&w->random, w->traits.forged) &&
	    may_forge(w))
		attack(w, from, &seg);
}

static void arrive_at_gateway(struct wire *w, struct wire_frame *f)
{
	struct gateway *gateway = w->cluster.pick ? w->cluster.pick(w->cluster.arg) :
						    w->gateway;

	if (gateway)
		at_gateway(w, gateway, f, 0);
}

void wire_inject(struct wire *w, struct gateway *gateway, enum alg_side from,
		 const uint8_t *frame, size_t len, unsigned mark)
{
	static struct wire_frame f;

	f.side = from;
	f.gso_size = 0;
	f.forged = false;
	f.len = len;
	memcpy(f.byte, frame, len);
	at_gateway(w, gateway, &f, mark);
}

void wire_deliver(struct wire *w, enum alg_side to, const struct segment *seg)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	static struct wire_frame f;

	f.arriving = true;
	f.forged = false;
	f.gso_size = 0;
	f.side = to;
	f.len = frame_build(f.byte, seg, mac, w->gateway->mac[to]);
	trace(w, "|  ->", !to, to, seg);
	send_frame(w, &f);
}

static void run_end(struct wire *w, enum alg_side side)
{
	if (w->end[side].established && !w->end[side].reset && !w->end[side].closed)
		w->talker[side].run(w->talker[side].arg, &w->end[side]);
}

static uint64_t next_timer(struct wire *w, enum alg_side side)
{
	uint64_t at = tcp_next_timer(&w->end[side]), talk = NEVER;

	if (w->end[side].established && !w->end[side].reset && !w->end[side].closed)
		talk = w->talker[side].next(w->talker[side].arg);
	return talk < at ? talk : at;
}

static bool step(struct wire *w)
{
	uint64_t at[2] = { next_timer(w, ALG_CLIENT), next_timer(w, ALG_SERVER) };
	uint64_t frame_at = w->queued ? w->frame[w->heap[0]].at : NEVER;
	enum alg_side side = at[ALG_SERVER] < at[ALG_CLIENT] ? ALG_SERVER : ALG_CLIENT;
	uint64_t told_at = w->cluster.next ? w->cluster.next(w->cluster.arg) : NEVER;
	struct segment seg;
	unsigned i;

	if (frame_at == NEVER && at[side] == NEVER && told_at == NEVER)
		return false;
	if (told_at <= frame_at && told_at <= at[side]) {
		w->now = told_at;
		w->end[0].now = w->end[1].now = w->now;
		w->cluster.run(w->cluster.arg);
		return true;
	}
	w->now = frame_at <= at[side] ? frame_at : at[side];
	w->end[0].now = w->end[1].now = w->now;
	if (frame_at > at[side]) {
		tcp_run_timers(&w->end[side]);
		run_end(w, side);
		return true;
	}
	i = heap_take(w);
	if (w->frame[i].arriving) {
		side = w->frame[i].side;
		frame_parse(&seg, w->frame[i].byte, w->frame[i].len);
		if (!w->frame[i].forged)
			tcp_receive(&w->end[side], &seg);
		else if (may_forge(w) && random_chance(&w->random, 50))
			tcp_send_ack(&w->end[side]); /* RFC 5961: a challenge */
		run_end(w, side);
	} else {
		arrive_at_gateway(w, &w->frame[i]);
	}
	w->spare[w->spares++] = i;
	return true;
}

void wire_init(struct wire *w, struct gateway *gateway, const struct wire_traits *traits,
	       uint64_t seed, FILE *trace)
{
	w->gateway = gateway;
	w->traits = *traits;
	w->random.state = seed;
	w->trace = trace;
	w->gateways = 1;
	memset(&w->cluster, 0, sizeof(w->cluster));
	w->now = w->serial = w->packets = w->forged = 0;
	w->queued = w->events = 0;
	w->seen_port = 0;
	w->reset_seen = false;
	w->dropped = false;
	w->failure[0] = 0;
	for (int i = 0; i < 2; i++) {
		w->end[i].name = side_name[i];
		w->end[i].ops = &wire_ops;
		w->end[i].random = &w->random;
		w->end[i].arg = w;
	}
	w->spares = WIRE_FRAMES;
	for (unsigned i = 0; i < WIRE_FRAMES; i++)
		w->spare[i] = i;
}

void wire_run(struct wire *w)
{
	tcp_connect(&w->end[ALG_CLIENT]);
	while (step(w))
		if (w->now > TIME_LIMIT)
			wire_fail(w, "stalled: %llu s",
				  (unsigned long long)(w->now / (1000 * MS)));
}
