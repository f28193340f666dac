// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cluster/message.h"
#include "dataplane/map_names.h"
#include "ftpnat_tc.skel.h"
#include "injected.h"
#include "model/injected.skel.h"

#define BPFFS	   "/sys/fs/bpf"
#define TAG_LOGS   80 /* wire.c: TAG_LOG_CLIENT and the server's */
#define JOIN_USEC  1000
#define JOIN_TRIES 20000

const char *const mutation_names[MUTATION_MAX] = {
	[MUTATION_NONE] = "none",
	[MUTATION_NO_COMMIT] = "no-commit",
	[MUTATION_SEEN_EARLY] = "seen-early",
	[MUTATION_LOGS_LOST] = "logs-lost",
	[MUTATION_ACK_EARLY] = "ack-early",
};

static void say(const struct cluster *c, const char *what, unsigned number)
{
	if (c->wire && c->wire->trace)
		fprintf(c->wire->trace, "%9.3f ms  gateway %u %s\n",
			(double)c->wire->now / MS, number + 1, what);
}

/* ---- the engine ---- */

static uint64_t now(const struct cluster *c)
{
	return c->wire ? c->wire->now : 0;
}

/* All get it after what was posted before. */
static struct post *post(struct cluster *c, unsigned from)
{
	struct post *p = &c->post[c->posts++];

	if (c->posts == POSTS)
		abort();
	memset(p, 0, sizeof(*p));
	p->from = from;
	for (unsigned i = 0; i < c->gateways; i++) {
		struct cluster_member *m = &c->member[i];

		p->at[i] = now(c);
		if (!c->joining)
			p->at[i] += random_below(&c->random, c->delay + 1);
		if (p->at[i] < m->last_at)
			p->at[i] = m->last_at;
		m->last_at = p->at[i];
	}
	return p;
}

static unsigned living(const struct cluster *c)
{
	unsigned members = 0;

	for (unsigned i = 0; i < c->gateways; i++)
		if (c->member[i].joined && !c->gateway[i].dead)
			members |= 1U << i;
	return members;
}

static int engine_open(struct engine **engine, sd_event *event, const char *group,
		       const struct engine_calls *calls)
{
	struct member *member = calls->arg;
	struct cluster_member *m = (struct cluster_member *)member;

	(void)event;
	(void)group;
	m->engine.calls = *calls;
	m->next = m->engine.cluster->posts;
	m->joined = true;
	post(m->engine.cluster, m->engine.number)->members = living(m->engine.cluster);
	*engine = &m->engine;
	return 0;
}

static uint64_t engine_self(const struct engine *engine)
{
	return engine->number + 1;
}

static void engine_close(struct engine *engine)
{
	if (engine)
		engine->cluster->member[engine->number].joined = false;
}

/* MUTATION_LOGS_LOST */
static void without_logs(struct post *p)
{
	const uint8_t *at = p->bytes, *end = at + p->len;
	struct message_row row = { 0 };
	struct message message;

	while (message_next(&at, end, &message)) {
		const uint8_t *field_at = message.fields;
		struct message_field field;

		message_begin(&row, message.type, message.number);
		while (message_field(&field_at, message.fields + message.len, &field))
			if (message.type != MESSAGE_CONNECTION || field.tag < TAG_LOGS ||
			    field.tag >= TAG_LOGS + FTPNAT_DIR_MAX)
				message_put(&row, field.tag, field.value, field.len);
		message_end(&row);
	}
	free(p->bytes);
	p->bytes = row.bytes;
	p->len = row.len;
}

static uint64_t newest_number(const struct post *p)
{
	const uint8_t *at = p->bytes, *end = at + p->len;
	struct message message;
	uint64_t number = 0;

	while (message_next(&at, end, &message))
		if (message.number)
			number = message.number;
	return number;
}

static int engine_publish(struct engine *engine, const void *bytes, size_t len)
{
	struct cluster *c = engine->cluster;
	struct post *p = post(c, engine->number);
	uint64_t number;

	p->bytes = malloc(len);
	p->len = len;
	memcpy(p->bytes, bytes, len);
	number = newest_number(p);
	if (c->mutation == MUTATION_SEEN_EARLY && number)
		c->member[engine->number].pretends = number;
	if (c->mutation == MUTATION_LOGS_LOST)
		without_logs(p);
	return 0;
}

/* In place of the real one. */
const struct engine_kind engine_corosync = {
	.open = engine_open,
	.publish = engine_publish,
	.self = engine_self,
	.close = engine_close,
};

/* ---- a member at work ---- */

static void pretend(struct cluster *c, unsigned i)
{
	struct cluster_member *m = &c->member[i];
	uint64_t pair[] = { htobe64(i + 1ULL), htobe64(m->pretends) };
	struct message_row row = { 0 };

	m->pretends = 0;
	message_begin(&row, MESSAGE_SEEN, 0);
	message_put(&row, TAG_SEEN, pair, sizeof(pair));
	message_end(&row);
	for (unsigned j = 0; j < c->gateways; j++)
		if (j != i)
			m->engine.calls.deliver(m->engine.calls.arg, j + 1ULL, row.bytes,
						row.len);
	message_row_free(&row);
}

static int see_injected(void *arg, void *data, size_t size)
{
	struct cluster *c = arg;

	if (c->frames == INJECTIONS)
		abort();
	memcpy(&c->frame[c->frames++], data, size);
	return 0;
}

/* What `run` has injected comes in. */
static void after(struct cluster *c, unsigned i)
{
	struct gateway *g = &c->gateway[i];

	if (c->member[i].pretends)
		pretend(c, i);
	c->frames = 0;
	ring_buffer__consume(c->injections);
	for (unsigned n = 0; n < c->frames; n++) {
		const struct injection *frame = &c->frame[n];

		say(c, frame->sent_on ? "gets what was sent on" : "goes on", i);
		wire_inject(c->wire, g, frame->ifindex == g->ifindex[ALG_SERVER],
			    frame->frame, frame->len, GATEWAY_INJECT + frame->sent_on);
	}
}

static void wake(struct cluster *c, unsigned i)
{
	c->member[i].wake_at = NEVER;
	while (sd_event_run(c->member[i].event, 0) > 0)
		;
	after(c, i);
}

static void deliver(struct cluster *c, unsigned i)
{
	struct cluster_member *m = &c->member[i];
	const struct post *p = &c->post[m->next++];
	const struct engine_calls *calls = &m->engine.calls;
	uint64_t ids[GATEWAYS];
	size_t n = 0;

	for (unsigned j = 0; j < c->gateways; j++)
		if (p->members & 1U << j)
			ids[n++] = j + 1;
	if (p->lost)
		return;
	if (n) {
		say(c, "sees who the members are", i);
		calls->view(calls->arg, ids, n);
	} else {
		calls->deliver(calls->arg, p->from + 1ULL, p->bytes, p->len);
	}
	after(c, i);
}

/* ---- power off ---- */

/* Those that are still on their way from it: the first of them come, or none. */
static void lose_posts(struct cluster *c, unsigned i)
{
	unsigned first = 0;

	for (unsigned j = 0; j < c->gateways; j++)
		if (!c->gateway[j].dead && c->member[j].next > first)
			first = c->member[j].next;
	for (unsigned at = first; at < c->posts; at++) {
		struct post *p = &c->post[at];

		if (p->from != i || p->members)
			continue;
		if (random_chance(&c->random, 50)) {
			for (; at < c->posts; at++)
				c->post[at].lost |= c->post[at].from == i;
			return;
		}
	}
}

static void die(struct cluster *c)
{
	unsigned i = c->victim = c->moves > 50 ? random_below(&c->random, c->gateways) :
						 c->current;
	struct post *p;

	say(c, "dies", i);
	c->death_at = NEVER;
	c->gateway[i].dead = true;
	c->gap_until = c->wire->now + random_below(&c->random, c->gap + 1);
	lose_posts(c, i);
	p = post(c, i);
	p->members = living(c);
	for (unsigned j = 0; j < c->gateways; j++) {
		p->at[j] += random_below(&c->random, c->notice + 1);
		c->member[j].last_at = p->at[j];
	}
}

/* ---- between wire and members ---- */

static unsigned any_living(struct cluster *c)
{
	unsigned i;

	do
		i = random_below(&c->random, c->gateways);
	while (c->gateway[i].dead);
	return i;
}

static struct gateway *pick(void *arg)
{
	struct cluster *c = arg;

	if (random_chance(&c->random, c->moves))
		c->current = random_below(&c->random, c->gateways);
	if (c->gateway[c->current].dead) {
		if (c->wire->now < c->gap_until)
			return NULL;
		c->current = any_living(c);
	}
	if (++c->packets == c->dies)
		c->death_at =
			c->wire->now + random_below(&c->random, 3 * c->delay + 1000);
	return &c->gateway[c->current];
}

/* MUTATION_ACK_EARLY */
static void acknowledge(struct cluster *c, enum alg_side from, const struct segment *seg)
{
	const struct segment ack = {
		.src = seg->dst,
		.dst = seg->src,
		.sport = seg->dport,
		.dport = seg->sport,
		.seq = seg->ack,
		.ack = seg->seq + (uint32_t)seg->len,
		.flags = ACK,
		.ttl = 64,
		.window = seg->window,
		.wscale = -1,
		.has_ts = seg->has_ts,
		.tsval = seg->tsecr,
		.tsecr = seg->tsval,
	};

	wire_deliver(c->wire, from, &ack);
}

static void ran(void *arg, struct gateway *gateway, enum alg_side from,
		const struct segment *seg, int verdict)
{
	struct cluster *c = arg;
	struct cluster_member *m = &c->member[gateway->slot - 1];
	uint64_t at = c->wire->now + random_below(&c->random, c->delay + 1);
	uint64_t parked;

	if (m->wake_at > at)
		m->wake_at = at;
	if (c->wire->trace && c->wire->trace != stdout)
		fprintf(c->wire->trace, "%*s gateway %u%s\n", 12, "", gateway->slot,
			verdict == TC_ACT_SHOT ? ", stays" : "");
	if (c->mutation != MUTATION_ACK_EARLY || !seg->len)
		return;
	parked = gateway_counted(gateway, FTPNAT_PARKED);
	if (parked != m->parked)
		acknowledge(c, from, seg);
	m->parked = parked;
}

/* What is next: its time, and whose it is. */
static uint64_t soonest(const struct cluster *c, unsigned *whose)
{
	uint64_t soonest = c->death_at;

	*whose = GATEWAYS;
	for (unsigned i = 0; i < c->gateways; i++) {
		const struct cluster_member *m = &c->member[i];
		uint64_t at = m->next < c->posts ? c->post[m->next].at[i] : NEVER;

		if (c->gateway[i].dead || !m->joined)
			continue;
		if (m->wake_at < at)
			at = m->wake_at;
		if (at < soonest) {
			soonest = at;
			*whose = i;
		}
	}
	return soonest;
}

static uint64_t next(const void *arg)
{
	unsigned whose;

	return soonest(arg, &whose);
}

static void run(void *arg)
{
	struct cluster *c = arg;
	unsigned i;
	uint64_t at = soonest(c, &i);

	if (i == GATEWAYS)
		die(c);
	else if (c->member[i].next < c->posts && c->post[c->member[i].next].at[i] == at)
		deliver(c, i);
	else
		wake(c, i);
}

/* ---- a conversation ---- */

static bool all_synced(const struct cluster *c)
{
	for (unsigned i = 0; i < c->gateways; i++)
		if (!c->member[i].member.synced || c->member[i].next < c->posts)
			return false;
	return true;
}

/* They find each other, before the first packet. */
static void join_all(struct cluster *c)
{
	struct config *config = &c->config;

	c->joining = true;
	c->posts = 0;
	for (unsigned i = 0; i < c->gateways; i++) {
		c->gateway[i].dead = false;
		c->member[i].last_at = 0;
		c->member[i].wake_at = NEVER;
		config->cluster.slot = i + 1;
		if (member_configure(&c->member[i].member, config))
			exit(1);
	}
	for (int n = 0; !all_synced(c); n++) {
		if (n == JOIN_TRIES) {
			fprintf(stderr, "the members don't find each other\n");
			exit(1);
		}
		for (unsigned i = 0; i < c->gateways; i++) {
			while (c->member[i].next < c->posts)
				deliver(c, i);
			sd_event_run(c->member[i].event, n ? JOIN_USEC : 0);
		}
	}
	c->joining = false;
}

static void begin(void *arg, struct wire *wire)
{
	struct cluster *c = arg;

	join_all(c);
	c->wire = wire;
}

void cluster_make(struct cluster *c, struct trial *trial)
{
	static const unsigned delays[] = { 100, 1000, 10000, 100000 };
	static const unsigned moves[] = { 0, 0, 2, 100 };
	struct conversation *conversation = &trial->conversation;
	struct random *r = &c->random;

	r->state = ~trial->seed * 0x9e3779b9;
	c->gateways = random_chance(r, 60) ? 2 : 3;
	c->config.cluster.commit = FTPNAT_COMMIT_ALL;
	c->moves = moves[random_below(r, 4)];
	if (!c->moves && random_chance(r, 40))
		c->config.cluster.commit = FTPNAT_COMMIT_ONE;
	if (c->mutation == MUTATION_NO_COMMIT)
		c->config.cluster.commit = FTPNAT_COMMIT_NONE;
	c->delay = delays[random_below(r, 4)];
	c->gap = random_chance(r, 50) ? 300 * MS : 0;
	c->notice = random_chance(r, 50) ? 3000 * MS : 0;
	c->dies = random_range(r, 1, 1U << random_range(r, 1, 9));
	c->current = c->packets = 0;
	c->death_at = NEVER;
	c->gap_until = 0;
	/* so narrow that each gateway has one port: what it chooses follows from the seed */
	conversation->config.port_min &= (uint16_t)~15;
	if (conversation->config.port_min > 65000)
		conversation->config.port_min = 64992;
	conversation->config.port_max = conversation->config.port_min + 15;
	conversation->config.slots = c->gateways;
	conversation->clean = false;
	if (random_chance(r, 50))
		conversation->script[0].ending = conversation->script[1].ending =
			ENDING_OPEN;
}

const char *cluster_hold(struct cluster *c, struct trial *trial, FILE *trace)
{
	const struct wire_cluster calls = { begin, pick, ran, next, run, c, c->moves };
	const struct config none = { .cluster.at.line = 0 };
	const char *failure;

	c->wire = NULL;
	failure = trial_hold(trial, c->gateway, c->gateways, &calls, trace);
	c->wire = NULL;
	for (unsigned i = 0; i < c->gateways; i++)
		member_configure(&c->member[i].member, &none);
	for (unsigned i = 0; i < c->posts; i++)
		free(c->post[i].bytes);
	c->posts = 0;
	return failure;
}

/* ---- opening ---- */

static int pin(const char *dir, const char *name, int fd)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!bpf_obj_pin(fd, path))
		return 0;
	fprintf(stderr, "can't pin %s: %s\n", path, strerror(errno));
	return -1;
}

/* As exchange_open() wants it. */
static int pin_gateway(const struct cluster *c, const struct gateway *g, const char *dir)
{
	static const enum ftpnat_map maps[] = {
		FTPNAT_MAP_CLUSTER, FTPNAT_MAP_RECORDS, FTPNAT_MAP_INBOX,
		FTPNAT_MAP_FLOWS,   FTPNAT_MAP_RULES,	FTPNAT_MAP_CONFIG,
	};
	int err = mkdir(dir, 0700);

	for (size_t i = 0; !err && i < sizeof(maps) / sizeof(*maps); i++)
		err = pin(dir, map_name(maps[i]),
			  bpf_object__find_map_fd_by_name(g->skel->obj,
							  map_name(maps[i])));
	if (!err)
		err = pin(dir, "ftpnat_replica",
			  bpf_program__fd(g->skel->progs.ftpnat_replica));
	if (!err)
		err = pin(dir, "ftpnat_tell",
			  bpf_program__fd(g->skel->progs.ftpnat_tell));
	return err   ?:
		       pin(dir, "ftpnat_inject",
			   bpf_program__fd(c->injected->progs.inject));
}

/* Of its own, so that nothing is left and two runs don't meet. */
static int make_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) || mkdir(RUN_DIR, 0700) ||
	    mount("bpf", BPFFS, "bpf", 0, NULL)) {
		fprintf(stderr, "can't make a mount namespace: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}

int cluster_open(struct cluster *c)
{
	setlogmask(LOG_UPTO(LOG_ERR));
	if (make_mounts())
		return -1;
	c->injected = injected__open_and_load();
	if (!c->injected)
		return -1;
	c->injections = ring_buffer__new(bpf_map__fd(c->injected->maps.injected),
					 see_injected, c, NULL);
	if (!c->injections)
		return -1;
	c->config.cluster = (struct config_cluster){
		.at.line = 1,
		.group = "model",
		.on_loss = FTPNAT_ON_LOSS_WAIT,
		.commit_timeout = 1000,
	};
	for (unsigned i = 0; i < GATEWAYS; i++) {
		struct cluster_member *m = &c->member[i];

		snprintf(m->dir, sizeof(m->dir), BPFFS "/model%u", i + 1);
		m->options.pin = m->dir;
		m->engine.cluster = c;
		m->engine.number = i;
		if (gateway_open(&c->gateway[i], i + 1, i ? &c->gateway[0] : NULL) ||
		    pin_gateway(c, &c->gateway[i], m->dir) || sd_event_new(&m->event) < 0)
			return -1;
		member_open(&m->member, m->event, &m->options);
	}
	return 0;
}

void cluster_close(struct cluster *c)
{
	for (unsigned i = 0; i < GATEWAYS; i++) {
		member_close(&c->member[i].member);
		sd_event_unref(c->member[i].event);
		gateway_close(&c->gateway[i]);
	}
	ring_buffer__free(c->injections);
	injected__destroy(c->injected);
}
