// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Random FTP conversations through two or three gateways of a cluster, one of which is
 * powered off at a random instant: both streams must arrive whole, and the promised port is
 * open where it must be, once. Then the same while the cluster's rule is broken on purpose,
 * which must be found. See --help.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cluster.h"

#define DEFAULT_COUNT 150
#define FOUND_WITHIN  400  /* conversations until a broken rule shows */
#define TRACE_SHOWN   8000 /* bytes of the end of a trace */

/* What would look like a fault of the cluster: its packets take longer, and a reset is not replicated. */
#define FEATURES                                                                         \
	(FEATURE_ALL & ~(unsigned)(FEATURE_FORGED | FEATURE_PROMPT | FEATURE_KEEPALIVE | \
				   FEATURE_ABORT))

static struct {
	uint64_t seed, count; /* count 0: without end */
	unsigned steps, jobs;
	enum mutation mutation;
	bool verbose, keep_going;
} options = { .seed = 1, .count = DEFAULT_COUNT, .steps = ~0U };

static struct cluster cluster;
static struct trial trial;

/* Shared by all jobs. */
static struct {
	uint64_t done, packets, failed;
	uint64_t found[MUTATION_MAX]; /* first seed that showed it; 0: none yet */
	bool stop;
} * progress;

static void print_failure(uint64_t seed, const char *failure, const char *trace,
			  size_t len)
{
	const char *from = len > TRACE_SHOWN ? trace + len - TRACE_SHOWN : trace;

	fprintf(stderr, "%s--seed %llu --count 1: %s\n", from, (unsigned long long)seed,
		failure);
}

/* NULL, or what went wrong. */
static const char *converse(uint64_t seed, enum mutation mutation)
{
	const char *failure;
	char *trace = NULL;
	size_t len = 0;
	FILE *out = options.verbose ? stdout : open_memstream(&trace, &len);

	cluster.mutation = mutation;
	trial_make(&trial, seed, options.steps, FEATURES);
	cluster_make(&cluster, &trial);
	failure = cluster_hold(&cluster, &trial, out);
	__atomic_fetch_add(&progress->done, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&progress->packets, trial.wire.packets, __ATOMIC_RELAXED);
	if (!options.verbose)
		fclose(out);
	if (failure && (mutation == MUTATION_NONE || options.mutation == mutation))
		print_failure(seed, failure, trace ?: "", len);
	free(trace);
	return failure;
}

static void hold_the_rule(unsigned number)
{
	for (uint64_t i = number;
	     (!options.count || i < options.count) && !progress->stop;
	     i += options.jobs) {
		if (!converse(options.seed + i, options.mutation))
			continue;
		__atomic_fetch_add(&progress->failed, 1, __ATOMIC_RELAXED);
		if (!options.keep_going)
			progress->stop = true;
	}
}

static void break_the_rule(unsigned number)
{
	for (enum mutation m = MUTATION_NONE + 1; m < MUTATION_MAX; m++)
		for (uint64_t i = number; i < FOUND_WITHIN && !progress->found[m];
		     i += options.jobs)
			if (converse(options.seed + i, m))
				progress->found[m] = options.seed + i;
}

static void job(unsigned number, bool breaks)
{
	freopen("/dev/null", "r", stdin);
	if (cluster_open(&cluster))
		exit(1);
	hold_the_rule(number);
	if (breaks && !progress->failed) {
		freopen("/dev/null", "w", stderr); /* what the model says of it */
		break_the_rule(number);
	}
	cluster_close(&cluster);
	exit(0);
}

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: test_cluster_model [OPTION]...\n"
		"  --seed N      first seed (default: 1; with --count 0 from the clock)\n"
		"  --count N     conversations (default %d, and then the broken rules), 0: until\n"
		"                interrupted\n"
		"  --steps N     at most N exchanges in each\n"
		"  --jobs N      at the same time (default: one per CPU)\n"
		"  --keep-going  do not stop at the first failure\n"
		"  --verbose     show every packet\n"
		"  --break RULE  with this one broken:",
		DEFAULT_COUNT);
	for (enum mutation m = MUTATION_NONE + 1; m < MUTATION_MAX; m++)
		fprintf(out, " %s", mutation_names[m]);
	fprintf(out, "\n");
}

static enum mutation mutation(const char *name)
{
	for (enum mutation m = MUTATION_NONE; m < MUTATION_MAX; m++)
		if (!strcmp(mutation_names[m], name))
			return m;
	fprintf(stderr, "test_cluster_model: no such rule: %s\n", name);
	exit(2);
}

/* Are all defaults in force? */
static bool parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'c' },
		{ "steps", required_argument, NULL, 'n' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "keep-going", no_argument, NULL, 'k' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "break", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool seeded = false, counted = false;
	int o;

	while ((o = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (o) {
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			seeded = true;
			break;
		case 'c':
			options.count = strtoull(optarg, NULL, 0);
			counted = true;
			break;
		case 'n':
			options.steps = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'j':
			options.jobs = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'k':
			options.keep_going = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'b':
			options.mutation = mutation(optarg);
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (!seeded && !options.count)
		options.seed = (uint64_t)time(NULL) << 20;
	if (!options.jobs)
		options.jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (options.count && options.jobs > options.count)
		options.jobs = (unsigned)options.count;
	return !counted && !options.mutation;
}

/* How many tests have failed. */
static int report(bool broken, bool breaks, double seconds)
{
	int failed = progress->failed || broken;

	printf("%llu conversations from seed %llu, %llu packets, %.1f s, %llu failed\n",
	       (unsigned long long)progress->done, (unsigned long long)options.seed,
	       (unsigned long long)progress->packets, seconds,
	       (unsigned long long)progress->failed);
	for (enum mutation m = MUTATION_NONE + 1; breaks && m < MUTATION_MAX; m++) {
		if (progress->found[m])
			printf("%s: found by seed %llu\n", mutation_names[m],
			       (unsigned long long)progress->found[m]);
		else
			printf("%s: NOT FOUND\n", mutation_names[m]);
		failed += !progress->found[m];
	}
	if (failed)
		printf("[  FAILED  ] %d test(s).\n", failed);
	else
		printf("[  PASSED  ] %d test(s).\n", breaks ? MUTATION_MAX : 1);
	return failed;
}

int main(int argc, char **argv)
{
	bool breaks = parse_options(argc, argv), broken = false;
	struct timespec start, end;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("[ RUN      ] cluster_model\n");
	if (geteuid()) {
		printf("needs root\n[  SKIPPED ] cluster_model\n[  SKIPPED ] 1 test(s).\n");
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
			job(i, breaks);
	while (wait(&status) > 0 || errno == EINTR)
		broken |= !WIFEXITED(status) || WEXITSTATUS(status);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return !!report(broken, breaks,
			(double)(end.tv_sec - start.tv_sec) +
				(double)(end.tv_nsec - start.tv_nsec) / 1e9);
}
