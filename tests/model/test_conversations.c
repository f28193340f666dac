// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Random FTP conversations through the real programs over a bad network, compared with
 * the model: what each end received, which data connection is expected, that no packet
 * is malformed and that nothing stalls. See --help.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conversation.h"

#define DEFAULT_COUNT 100000

static struct {
	uint64_t seed, count; /* count 0: without end */
	unsigned steps, features, jobs;
	bool verbose, keep_going;
} options = { .count = DEFAULT_COUNT, .steps = ~0U, .features = FEATURE_ALL };

static const struct {
	const char *name;
	unsigned feature;
} features[] = {
	{ "refused-replies", FEATURE_REFUSED_REPLIES },
	{ "pipelined", FEATURE_PIPELINED },
	{ "opaque", FEATURE_OPAQUE },
	{ "gso", FEATURE_GSO },
	{ "partial", FEATURE_PARTIAL },
	{ "abort", FEATURE_ABORT },
	{ "loss", FEATURE_LOSS },
	{ "reorder", FEATURE_REORDER },
	{ "probe-data", FEATURE_PROBE_DATA },
	{ "closed-window", FEATURE_CLOSED_WINDOW },
	{ "stale-refusal", FEATURE_STALE_REFUSAL },
	{ "unasked", FEATURE_UNASKED },
	{ "miscount", FEATURE_MISCOUNT },
	{ "forged", FEATURE_FORGED },
	{ "eager", FEATURE_EAGER },
	{ "late", FEATURE_LATE },
	{ "families", FEATURE_FAMILIES },
	{ "across", FEATURE_ACROSS },
	{ "all-across", FEATURE_ALL_ACROSS },
	{ "prompt", FEATURE_PROMPT },
	{ "keepalive", FEATURE_KEEPALIVE },
};

/* Too large for the stack; one conversation at a time. */
static struct gateway gateway;
static struct conversation conversation;
static struct wire wire;
static struct alg_model model;

/* Shared by all jobs. */
static struct {
	uint64_t done, packets, failed;
	bool stop;
} * progress;

static int told_port(void *arg, enum alg_side reader, size_t offset, int numbers)
{
	const struct tcp_end *end = &wire.end[reader];
	unsigned value[2] = { 0 };

	(void)arg;
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

static void print_bytes(const char *title, const uint8_t *bytes, size_t len)
{
	fprintf(stderr, "%s\"", title);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			fprintf(stderr, "\\n");
		else if (bytes[i] == '\r')
			fprintf(stderr, "\\r");
		else if (isprint(bytes[i]))
			fprintf(stderr, "%c", bytes[i]);
		else
			fprintf(stderr, "\\x%02x", bytes[i]);
	}
	fprintf(stderr, "\"\n");
}

static void print_near(const char *title, const uint8_t *bytes, size_t len, size_t at)
{
	size_t from = at > 60 ? at - 60 : 0, to = len < at + 60 ? len : at + 60;

	print_bytes(title, bytes + from, to - from);
}

/* What `side` read must match the model, completely unless it was cut short. */
static void check_stream(enum alg_side side)
{
	const struct alg_stream *want = &model.stream[!side];
	const struct tcp_end *got = &wire.end[side];
	size_t at = 0, all = want->out_len, more = 0;
	bool cut = wire.end[0].closed || wire.end[1].closed || want->unknown;

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
	wire_fail(&wire, "%s received %u bytes, the model says %zu, they differ at %zu",
		  got->name, got->rcv_nxt, all, at);
}

static void check_expectations(const struct gateway_rest *rest)
{
	if (rest->expectations != model.expecting)
		wire_fail(&wire, "%u expectations stand, the model says %d (port %u)",
			  rest->expectations, model.expecting,
			  rest->expectations ? rest->expectation.public_port :
					       model.expectation.public_port);
	if (rest->expectations &&
	    memcmp(&rest->expectation, &model.expectation, sizeof(rest->expectation)))
		wire_fail(
			&wire,
			"the expectation is another than the model's: port %u to %u, not %u to %u",
			rest->expectation.public_port, rest->expectation.to_dport,
			model.expectation.public_port, model.expectation.to_dport);
}

static void check_ends(void)
{
	bool aborted = wire.end[0].closed || wire.end[1].closed;

	for (int side = 0; side < 2; side++) {
		const struct tcp_end *end = &wire.end[side];
		const struct script *script = &conversation.script[side];

		if (conversation.clean && !conversation.network.duplicate &&
		    !wire.dropped && options.features & FEATURE_PROMPT &&
		    /* a line that grows may not fit a window that is nearly closed */
		    !wire.end[!side].overrun &&
		    /* the gateway, which has seen no wider window, keeps the byte of a probe */
		    !end->probed && end->retransmissions && !aborted)
			wire_fail(&wire, "%s sent again although nothing was lost",
				  end->name);
		if (aborted)
			continue;
		if (!script->ended || !tcp_all_acked(end))
			wire_fail(
				&wire,
				"stalled: %s is at %u of %u events, %u of %u bytes acknowledged",
				end->name, script->spoken, script->events, end->una,
				end->out_len);
		if (conversation.script[!side].ending == ENDING_CLOSE && !end->peer_fin)
			wire_fail(&wire, "stalled: %s never got the FIN", end->name);
	}
	if (aborted && conversation.clean && !wire.end[0].reset && !wire.end[1].reset)
		wire_fail(&wire, "the reset never arrived");
	/* one that overtakes data is believed by the end that has the data first, and not by the gateway */
	if ((wire.end[0].reset || wire.end[1].reset) && !wire.reset_seen &&
	    !conversation.network.jitter)
		wire_fail(&wire, "the gateway doesn't know of the reset");
}

/* The model gets what the gateway received, in that order. */
static void run_model(void)
{
	uint32_t fed[2] = { 0 };

	alg_init(&model, &conversation.config, told_port, NULL);
	model.client_port = conversation.client_port;
	model.dialled_port = conversation.dialled_port;
	model.seen_port = wire.seen_port;
	for (unsigned i = 0; i < wire.events; i++) {
		const struct wire_event *e = &wire.event[i];

		if (e->until < fed[e->from])
			wire_fail(&wire, "parsed backwards");
		alg_feed(&model, e->from, wire.end[e->from].out + fed[e->from],
			 e->until - fed[e->from]);
		fed[e->from] = e->until;
	}
	if (wire.end[0].closed || wire.end[1].closed) {
		if (wire.reset_seen)
			alg_close(&model);
	} else if (conversation.script[0].ending == ENDING_CLOSE) {
		for (int side = 0; side < 2; side++)
			if (fed[side] != wire.end[side].out_len)
				wire_fail(&wire, "%s's stream was parsed up to %u of %u",
					  wire.end[side].name, fed[side],
					  wire.end[side].out_len);
		alg_close(&model);
	}
}

static void set_up(void)
{
	struct conversation *c = &conversation;
	struct tcp_end *client = &wire.end[ALG_CLIENT], *server = &wire.end[ALG_SERVER];

	gateway_configure(&gateway, &c->config, c->dialled_port, c->server_port);
	wire.config = c->config;
	wire.dialled_port = c->dialled_port;
	for (int i = 0; i < 2; i++) {
		tcp_init(&wire.end[i], &c->traits[i]);
		wire.talker[i] =
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

static void describe(void)
{
	const struct conversation *c = &conversation;
	static const char *const side[] = { "client", "server" };

	printf("%s%s, source %s, ports %u-%u, modes%s%s%s%s\n",
	       c->config.publish ? "publish" : "masquerade",
	       alg_across(&c->config) ? " across families" : "",
	       memcmp(&c->config.client, &c->config.seen, 16) ? "another" : "keep",
	       c->config.port_min, c->config.port_max, c->config.active ? " active" : "",
	       c->config.passive ? " passive" : "", c->config.foreign ? ", foreign" : "",
	       c->config.no_room ? ", no room" : "");
	printf("loss %u%%, duplicates %u%%, jitter %u us\n", c->network.loss,
	       c->network.duplicate, c->network.jitter);
	for (int i = 0; i < 2; i++) {
		const struct tcp_traits *t = &c->traits[i];

		printf("%s: isn %u mss %u window %u%s%s%s%s%s%s, writes %u-%u pause %u ms\n",
		       side[i], t->isn, t->mss, t->window, t->timestamps ? " ts" : "",
		       t->sack ? " sack" : "", t->nagle ? " nagle" : "",
		       t->delayed_ack ? " delayed-ack" : "",
		       t->slow_reader ? " slow" : "", t->burst > 1 ? " gso" : "",
		       c->script[i].write_min, c->script[i].write_max,
		       c->script[i].pause);
	}
	for (int i = 0; i < 2; i++)
		for (unsigned j = 0; j < c->script[i].events; j++) {
			const struct script_event *e = &c->script[i].event[j];

			printf("%s, after %u lines: ", side[i], e->wait);
			fflush(stdout);
			print_bytes("", c->script[i].byte + e->start, e->len);
		}
}

/* NULL, or what went wrong. */
static const char *converse(uint64_t seed, unsigned steps, bool verbose)
{
	struct gateway_rest rest;

	conversation_make(&conversation, seed, steps, options.features);
	wire_init(&wire, &gateway, &conversation.network, ~seed, verbose);
	if (verbose)
		describe();
	set_up();
	if (setjmp(wire.failed)) {
		gateway_forget(&gateway, &rest);
		return wire.failure;
	}
	wire_run(&wire);
	run_model();
	check_stream(ALG_CLIENT);
	check_stream(ALG_SERVER);
	check_ends();
	gateway_forget(&gateway, &rest);
	check_expectations(&rest);
	return NULL;
}

/* The shortest beginning of the conversation that still fails. */
static void shrink(uint64_t seed)
{
	const char *failure;

	for (unsigned steps = 0; steps < options.steps && steps <= 40; steps++) {
		failure = converse(seed, steps, false);
		if (!failure)
			continue;
		fprintf(stderr, "  with --steps %u: %s\n", steps, failure);
		return;
	}
}

static void job(unsigned number)
{
	if (gateway_open(&gateway))
		exit(1);
	for (uint64_t i = number; !options.count || i < options.count;
	     i += options.jobs) {
		uint64_t seed = options.seed + i;
		const char *failure;

		if (progress->stop)
			break;
		failure = converse(seed, options.steps, options.verbose);
		__atomic_fetch_add(&progress->done, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&progress->packets, wire.packets, __ATOMIC_RELAXED);
		if (!failure)
			continue;
		__atomic_fetch_add(&progress->failed, 1, __ATOMIC_RELAXED);
		fprintf(stderr, "--seed %llu --count 1: %s\n", (unsigned long long)seed,
			failure);
		if (!options.verbose)
			shrink(seed);
		if (!options.keep_going)
			progress->stop = true;
	}
	gateway_close(&gateway);
	exit(0);
}

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: test_conversations [OPTION]...\n"
		"  --seed N      first seed (default: 1; with --count 0 from the clock)\n"
		"  --count N     conversations (default %d), 0: until interrupted\n"
		"  --steps N     at most N exchanges in each\n"
		"  --jobs N      at the same time (default: one per CPU)\n"
		"  --without F   leave a kind out, --with F: put one in; may be repeated;\n"
		"                all, or (+: in by default):\n",
		DEFAULT_COUNT);
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++)
		fprintf(out, "                %c %s\n",
			options.features & features[i].feature ? '+' : ' ',
			features[i].name);
	fprintf(out, "  --keep-going  do not stop at the first failure\n"
		     "  --verbose     show every packet\n");
}

static unsigned feature(const char *name)
{
	if (!strcmp(name, "all"))
		return FEATURE_ALL;
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++)
		if (!strcmp(features[i].name, name))
			return features[i].feature;
	fprintf(stderr, "test_conversations: no such kind: %s\n", name);
	exit(2);
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'c' },
		{ "steps", required_argument, NULL, 'n' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "without", required_argument, NULL, 'w' },
		{ "with", required_argument, NULL, 'W' },
		{ "keep-going", no_argument, NULL, 'k' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool seeded = false;
	int o;

	while ((o = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (o) {
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			seeded = true;
			break;
		case 'c':
			options.count = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			options.steps = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'j':
			options.jobs = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'w':
			options.features &= ~feature(optarg);
			break;
		case 'W':
			options.features |= feature(optarg);
			break;
		case 'k':
			options.keep_going = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (!seeded)
		options.seed = options.count ? 1 : (uint64_t)time(NULL) << 20;
	if (!options.jobs)
		options.jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (options.count && options.jobs > options.count)
		options.jobs = (unsigned)options.count;
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	bool broken = false;
	double seconds;
	int status;

	parse_options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("[ RUN      ] conversations\n");
	if (geteuid()) {
		printf("needs root\n[  SKIPPED ] conversations\n[  SKIPPED ] 1 test(s).\n");
		return 0;
	}
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &start);
	fflush(stdout);
	for (unsigned i = 0; i < options.jobs; i++)
		if (!fork())
			job(i);
	while (wait(&status) > 0 || errno == EINTR)
		broken |= !WIFEXITED(status) || WEXITSTATUS(status);
	clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double)(end.tv_sec - start.tv_sec) +
		  (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	printf("%llu conversations from seed %llu, %llu packets, %.1f s, %llu failed\n",
	       (unsigned long long)progress->done, (unsigned long long)options.seed,
	       (unsigned long long)progress->packets, seconds,
	       (unsigned long long)progress->failed);
	if (progress->failed || broken) {
		printf("[  FAILED  ] 1 test(s).\n");
		return 1;
	}
	printf("[  PASSED  ] 1 test(s).\n");
	return 0;
}
