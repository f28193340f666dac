// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Random FTP conversations through the real programs over a bad network, compared with
 * the model: what each end received, which data connection is expected, that no packet
 * is malformed and that nothing stalls. See --help.
 */
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

#include "trial.h"

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
static struct trial trial;

/* Shared by all jobs. */
static struct {
	uint64_t done, packets, failed;
	bool stop;
} * progress;

/* NULL, or what went wrong. */
static const char *converse(uint64_t seed, unsigned steps, bool verbose)
{
	trial_make(&trial, seed, steps, options.features);
	return trial_hold(&trial, &gateway, 1, NULL, verbose ? stdout : NULL);
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
	if (gateway_open(&gateway, 0, NULL))
		exit(1);
	for (uint64_t i = number; !options.count || i < options.count;
	     i += options.jobs) {
		uint64_t seed = options.seed + i;
		const char *failure;

		if (progress->stop)
			break;
		failure = converse(seed, options.steps, options.verbose);
		__atomic_fetch_add(&progress->done, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&progress->packets, trial.wire.packets,
				   __ATOMIC_RELAXED);
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
