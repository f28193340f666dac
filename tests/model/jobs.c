// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct option common[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "count", required_argument, NULL, 'c' },
	{ "steps", required_argument, NULL, 'n' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "keep-going", no_argument, NULL, 'k' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
};
#define COMMON (sizeof(common) / sizeof(*common))

void jobs_parse(struct jobs *jobs, int argc, char **argv, const struct option *more,
		size_t n, void (*see)(int option, const char *argument),
		void (*usage)(FILE *out))
{
	struct option known[JOBS_OPTIONS_MAX] = { 0 };
	bool seeded = false;
	int o;

	if (COMMON + n >= JOBS_OPTIONS_MAX)
		abort();
	memcpy(known, common, sizeof(common));
	memcpy(known + COMMON, more, n * sizeof(*more));
	jobs->steps = ~0U;
	while ((o = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (o) {
		case 's':
			jobs->seed = strtoull(optarg, NULL, 0);
			seeded = true;
			break;
		case 'c':
			jobs->count = strtoull(optarg, NULL, 0);
			jobs->counted = true;
			break;
		case 'n':
			jobs->steps = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'j':
			jobs->number = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'k':
			jobs->keep_going = true;
			break;
		case 'v':
			jobs->verbose = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case '?':
			usage(stderr);
			exit(2);
		default:
			see(o, optarg);
		}
	}
	if (!seeded && !jobs->count)
		jobs->seed = (uint64_t)time(NULL) << 20;
	if (!jobs->number)
		jobs->number = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (jobs->count && jobs->number > jobs->count)
		jobs->number = (unsigned)jobs->count;
}

bool jobs_run(struct jobs *jobs, void (*job)(unsigned number))
{
	struct timespec start, end;
	bool whole = true;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("[ RUN      ] %s\n", jobs->name);
	if (geteuid()) {
		printf("needs root\n[  SKIPPED ] %s\n[  SKIPPED ] 1 test(s).\n",
		       jobs->name);
		exit(0);
	}
	jobs->progress = mmap(NULL, sizeof(*jobs->progress), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (jobs->progress == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	fflush(stdout);
	for (unsigned i = 0; i < jobs->number; i++)
		if (!fork())
			job(i);
	while (wait(&status) > 0 || errno == EINTR)
		whole &= WIFEXITED(status) && !WEXITSTATUS(status);
	clock_gettime(CLOCK_MONOTONIC, &end);
	jobs->seconds = (double)(end.tv_sec - start.tv_sec) +
			(double)(end.tv_nsec - start.tv_nsec) / 1e9;
	return whole;
}

void jobs_count(const struct jobs *jobs, uint64_t packets, bool failed)
{
	struct jobs_progress *progress = jobs->progress;

	__atomic_fetch_add(&progress->done, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&progress->packets, packets, __ATOMIC_RELAXED);
	if (!failed)
		return;
	__atomic_fetch_add(&progress->failed, 1, __ATOMIC_RELAXED);
	if (!jobs->keep_going)
		progress->stop = true;
}

void jobs_print(const struct jobs *jobs)
{
	const struct jobs_progress *progress = jobs->progress;

	printf("%llu conversations from seed %llu, %llu packets, %.1f s, %llu failed\n",
	       (unsigned long long)progress->done, (unsigned long long)jobs->seed,
	       (unsigned long long)progress->packets, jobs->seconds,
	       (unsigned long long)progress->failed);
}
