// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Random FTP conversations through the real programs over a bad network, compared with
 * the model: what each end received, which data connection is expected, that no packet
 * is malformed and that nothing stalls. See --help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs.h"
#include "trial.h"

#define DEFAULT_COUNT 100000

static struct jobs jobs = { .name = "conversations", .count = DEFAULT_COUNT, .seed = 1 };
static unsigned features_held = FEATURE_ALL;

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

/* NULL, or what went wrong. */
static const char *converse(uint64_t seed, unsigned steps, bool verbose)
{
	trial_make(&trial, seed, steps, features_held);
	return trial_hold(&trial, &gateway, 1, NULL, verbose ? stdout : NULL);
}

/* The shortest beginning of the conversation that still fails. */
static void shrink(uint64_t seed)
{
	const char *failure;

	for (unsigned steps = 0; steps < jobs.steps && steps <= 40; steps++) {
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
	for (uint64_t i = number; (!jobs.count || i < jobs.count) && !jobs.progress->stop;
	     i += jobs.number) {
		uint64_t seed = jobs.seed + i;
		const char *failure = converse(seed, jobs.steps, jobs.verbose);

		jobs_count(&jobs, trial.wire.packets, failure);
		if (!failure)
			continue;
		fprintf(stderr, "--seed %llu --count 1: %s\n", (unsigned long long)seed,
			failure);
		if (!jobs.verbose)
			shrink(seed);
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
			features_held & features[i].feature ? '+' : ' ',
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

static void see_option(int option, const char *argument)
{
	if (option == 'w')
		features_held &= ~feature(argument);
	else
		features_held |= feature(argument);
}

int main(int argc, char **argv)
{
	static const struct option more[] = {
		{ "without", required_argument, NULL, 'w' },
		{ "with", required_argument, NULL, 'W' },
	};
	bool passed;

	jobs_parse(&jobs, argc, argv, more, sizeof(more) / sizeof(*more), see_option,
		   usage);
	passed = jobs_run(&jobs, job) && !jobs.progress->failed;
	jobs_print(&jobs);
	printf(passed ? "[  PASSED  ] 1 test(s).\n" : "[  FAILED  ] 1 test(s).\n");
	return !passed;
}
