// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Random FTP conversations through two or three gateways of a cluster, one of which is
 * powered off at a random instant: both streams must arrive whole, and the promised port is
 * open where it must be, once. Then the same while the cluster's rule is broken on purpose,
 * which must be found. See --help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cluster.h"
#include "jobs.h"

#define DEFAULT_COUNT 150
#define FOUND_WITHIN  400  /* conversations until a broken rule shows */
#define TRACE_SHOWN   8000 /* bytes of the end of a trace */

/* What would look like a fault of the cluster: its packets take longer, and a reset is not replicated. */
#define FEATURES                                                                         \
	(FEATURE_ALL & ~(unsigned)(FEATURE_FORGED | FEATURE_PROMPT | FEATURE_KEEPALIVE | \
				   FEATURE_ABORT))

static struct jobs jobs = { .name = "cluster_model", .count = DEFAULT_COUNT, .seed = 1 };
static enum mutation broken_rule; /* --break */

static struct cluster cluster;
static struct trial trial;

/* Shared by all jobs: the first seed that showed each broken rule; 0: none yet. */
static uint64_t *found;

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
	FILE *out = jobs.verbose ? stdout : open_memstream(&trace, &len);

	cluster.mutation = mutation;
	trial_make(&trial, seed, jobs.steps, FEATURES);
	cluster_make(&cluster, &trial);
	failure = cluster_hold(&cluster, &trial, out);
	jobs_count(&jobs, trial.wire.packets, failure && mutation == broken_rule);
	if (!jobs.verbose)
		fclose(out);
	if (failure && (mutation == MUTATION_NONE || broken_rule == mutation))
		print_failure(seed, failure, trace ?: "", len);
	free(trace);
	return failure;
}

static void hold_the_rule(unsigned number)
{
	for (uint64_t i = number; (!jobs.count || i < jobs.count) && !jobs.progress->stop;
	     i += jobs.number)
		converse(jobs.seed + i, broken_rule);
}

static void break_the_rule(unsigned number)
{
	for (enum mutation m = MUTATION_NONE + 1; m < MUTATION_MAX; m++)
		for (uint64_t i = number; i < FOUND_WITHIN && !found[m]; i += jobs.number)
			if (converse(jobs.seed + i, m))
				found[m] = jobs.seed + i;
}

/* With all defaults the rules are broken, too. */
static bool breaks_rules(void)
{
	return !jobs.counted && !broken_rule;
}

static void job(unsigned number)
{
	freopen("/dev/null", "r", stdin);
	if (cluster_open(&cluster))
		exit(1);
	hold_the_rule(number);
	if (breaks_rules() && !jobs.progress->failed) {
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

static void see_option(int option, const char *argument)
{
	(void)option; /* there is one */
	broken_rule = mutation(argument);
}

/* How many tests have failed. */
static int report(bool whole)
{
	int failed = jobs.progress->failed || !whole;

	jobs_print(&jobs);
	for (enum mutation m = MUTATION_NONE + 1; breaks_rules() && m < MUTATION_MAX;
	     m++) {
		if (found[m])
			printf("%s: found by seed %llu\n", mutation_names[m],
			       (unsigned long long)found[m]);
		else
			printf("%s: NOT FOUND\n", mutation_names[m]);
		failed += !found[m];
	}
	if (failed)
		printf("[  FAILED  ] %d test(s).\n", failed);
	else
		printf("[  PASSED  ] %d test(s).\n", breaks_rules() ? MUTATION_MAX : 1);
	return failed;
}

int main(int argc, char **argv)
{
	static const struct option more[] = {
		{ "break", required_argument, NULL, 'b' },
	};

	jobs_parse(&jobs, argc, argv, more, sizeof(more) / sizeof(*more), see_option,
		   usage);
	found = mmap(NULL, MUTATION_MAX * sizeof(*found), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (found == MAP_FAILED)
		return 1;
	return !!report(jobs_run(&jobs, job));
}
