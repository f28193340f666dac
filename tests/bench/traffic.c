// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sends generated frames from one or more CPUs and counts them where they arrive.
 *
 *   traffic NETNS DEVICE COUNTS LENGTH CPU,... FLOWS spread|order SECONDS|xPACKETS <TEMPLATES
 *
 * NETNS and DEVICE: where frames leave; COUNTS: pinned map of the sink; LENGTH: of
 * a frame without FCS. Each line of TEMPLATES is `VARY HEX`, VARY the BENCH_* bits and
 * HEX the headers with both checksums zero, and up to BENCH_PAYLOAD bytes of payload; they are dealt out
 * to the CPUs in turn.
 * With a time they are counted for so long, a tenth of it after the first has come; with xPACKETS so many
 * are sent. Prints JSON: {"sent": n, "total": n of them that arrived, "received": n in
 * the time, "seconds": that time}.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "frame.h"

#include "bench/generate.skel.h"

#define MAX_CPUS  64
#define MIN_FRAME 60   /* Ethernet pads shorter ones */
#define MAX_FRAME 3336 /* a page less what live frames need around them, and BENCH_ROOM */
#define PATIENCE  5    /* seconds that the first frame may take to arrive */
#define LATE	  100  /* milliseconds that the last ones may take */

struct sender {
	pthread_t thread;
	struct generate *skel;
	int cpu;
	int ifindex;
	__u32 length;
	__u64 packets; /* 0: until stop() */
	int err;
	atomic_bool done;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(err));
	exit(1);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void nap(double length)
{
	struct timespec left = { .tv_sec = (time_t)length };

	left.tv_nsec = (long)((length - (double)left.tv_sec) * 1e9);
	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

static __u32 sum(const __u8 *bytes, size_t from, size_t to)
{
	__u32 total = 0;

	for (size_t i = from; i < to; i += 2)
		total += (__u32)bytes[i] << 8 | bytes[i + 1];
	return total;
}

/* Where the headers of a family have what the generator fills in, and what it sums. */
struct layout {
	size_t header;
	size_t payload; /* most that a template may have */
	size_t source;	/* its last four bytes */
	size_t destination, transport;
};

static const struct layout layouts[] = {
	{ BENCH_HEADER, BENCH_PAYLOAD, BENCH_IP_SOURCE, BENCH_IP_SOURCE + 4,
	  BENCH_TCP_SPORT },
	{ BENCH_HEADER_V6, 0, BENCH_V6_SOURCE, BENCH_V6_SOURCE + 4, BENCH_V6_SPORT },
};

/* What varies is left out of the sums: four bytes of the source address, and the ports. */
static int read_template(struct bench_template *t, const char *line, __u32 length)
{
	__u8 bytes[BENCH_HEADER_V6] = { 0 };
	const struct layout *at = &layouts[0];
	unsigned int vary, value;
	__u16 ip_len, tcp_len;
	int hex;

	if (sscanf(line, "%u %n", &vary, &hex) != 1)
		return -EINVAL;
	for (size_t i = 0; i < at->header + at->payload; i++) {
		if (sscanf(line + hex + 2 * i, "%2x", &value) != 1) {
			if (i >= at->header)
				break; /* no payload */
			return -EINVAL;
		}
		bytes[i] = (__u8)value;
		if (i == BENCH_ETH_TYPE && value == 0x86)
			at = &layouts[1];
	}
	if (length < at->header)
		return -EINVAL;
	t->v6 = at != layouts;
	tcp_len = (__u16)(length - at->transport);
	ip_len = t->v6 ? tcp_len : (__u16)(length - BENCH_ETH_HEADER);
	bytes[t->v6 ? 18 : 16] = (__u8)(ip_len >> 8);
	bytes[t->v6 ? 19 : 17] = (__u8)ip_len;
	memcpy(t->header, bytes, sizeof(t->header));
	memcpy(t->rest, bytes + sizeof(t->header), sizeof(t->rest));
	t->vary = vary;
	t->saddr = sum(bytes, at->source, at->source + 2) << 16 |
		   sum(bytes, at->source + 2, at->source + 4);
	t->sport = (__u16)sum(bytes, at->transport, at->transport + 2);
	t->dport = (__u16)sum(bytes, at->transport + 2, at->transport + 4);
	t->ip_sum = t->v6 ? 0 : sum(bytes, 14, 26) + sum(bytes, 30, 34);
	t->tcp_sum = IPPROTO_TCP + tcp_len + (t->v6 ? sum(bytes, 22, at->source) : 0) +
		     sum(bytes, at->destination, at->transport) +
		     sum(bytes, at->transport + 4, at->header + at->payload);
	return 0;
}

static void *send_frames(void *argument)
{
	static const __u8 blank[BENCH_ROOM + MAX_FRAME];
	struct sender *s = argument;
	const __u32 size = BENCH_ROOM + s->length; /* the generator takes the room off */
	struct xdp_md ctx = { .data_end = size, .ingress_ifindex = (__u32)s->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = blank, .data_size_in = size,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(s->cpu, &cpus);
	s->err = -pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	/* one call for all: setup and teardown are not part of a rate */
	opts.repeat = s->packets ? (int)s->packets : INT_MAX;
	if (!s->err &&
	    bpf_prog_test_run_opts(bpf_program__fd(s->skel->progs.generate), &opts) &&
	    errno != EINTR)
		s->err = -errno;
	s->done = true;
	return NULL;
}

/* Ends what a sender does, and also what it is about to begin. */
static void stop(struct sender *s)
{
	while (!s->done) {
		pthread_kill(s->thread, SIGUSR1);
		nap(0.001);
	}
}

static void interrupt(int signal)
{
	(void)signal;
}

static __u64 received(int fd)
{
	int cpus = libbpf_num_possible_cpus();
	struct bench_count value[cpus];
	const __u32 zero = 0;
	__u64 packets = 0;

	if (bpf_map_lookup_elem(fd, &zero, value))
		die("cannot read the sink's counters", errno);
	for (int i = 0; i < cpus; i++)
		packets += value[i].packets;
	return packets;
}

static void enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(netns, errno);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sender sender[MAX_CPUS] = { 0 };
	double start, length = 0;
	__u64 packets = 0, first, before, total, counted = 0, sent = 0;
	int n = 0, counts, ifindex, late = 0;
	struct sigaction action = { .sa_handler = interrupt };
	char line[512];
	__u32 frame;

	if (argc != 9) {
		fprintf(stderr, "usage: traffic NETNS DEVICE COUNTS LENGTH CPU,... FLOWS "
				"spread|order SECONDS|xPACKETS\n");
		return 2;
	}
	sigaction(SIGUSR1, &action, NULL);
	counts = bpf_obj_get(argv[3]);
	if (counts < 0)
		die(argv[3], errno);
	enter(argv[1]);
	ifindex = (int)if_nametoindex(argv[2]);
	if (!ifindex)
		die(argv[2], errno);
	frame = (__u32)atoi(argv[4]);
	if (frame < BENCH_HEADER || frame > MAX_FRAME)
		die("length of a frame", EINVAL);
	if (*argv[8] == 'x')
		packets = strtoull(argv[8] + 1, NULL, 10);
	else
		length = strtod(argv[8], NULL);

	for (char *cpu = strtok(argv[5], ","); cpu && n < MAX_CPUS;
	     cpu = strtok(NULL, ","), n++) {
		struct sender *s = &sender[n];

		s->cpu = atoi(cpu);
		s->ifindex = ifindex;
		s->length = frame < MIN_FRAME ? MIN_FRAME : frame;
		s->packets = packets;
		s->skel = generate__open_and_load();
		if (!s->skel)
			die("the generator does not load", errno);
		s->skel->bss->templates = 0;
		s->skel->data->flows = (__u32)atoi(argv[6]);
		s->skel->bss->in_order = *argv[7] == 'o';
	}
	for (int i = 0; fgets(line, sizeof(line), stdin); i++) {
		struct generate *skel = sender[i % n].skel;

		if (skel->bss->templates == BENCH_TEMPLATES)
			die("too many templates", E2BIG);
		if (read_template(&skel->bss->template[skel->bss->templates++], line,
				  frame))
			die(line, EINVAL);
	}

	first = before = received(counts);
	start = seconds();
	for (int i = 0; i < n; i++)
		if (pthread_create(&sender[i].thread, NULL, send_frames, &sender[i]))
			die("no thread", errno);
	if (!packets) {
		while (received(counts) == first && seconds() - start < PATIENCE)
			nap(0.001);
		nap(length / 10);
		before = received(counts);
		start = seconds();
		nap(length);
		counted = received(counts) - before;
		length = seconds() - start;
		for (int i = 0; i < n; i++)
			stop(&sender[i]);
	}
	for (int i = 0; i < n; i++) {
		pthread_join(sender[i].thread, NULL);
		if (sender[i].err)
			die("the kernel does not send live frames", -sender[i].err);
		sent += sender[i].skel->bss->sent;
		generate__destroy(sender[i].skel);
	}
	do { /* the last ones may still be on their way */
		total = received(counts) - first;
		nap(0.001);
	} while (total < sent && late++ < LATE);
	if (packets) {
		length = seconds() - start;
		counted = total;
	}
	printf("{\"sent\": %llu, \"total\": %llu, \"received\": %llu, \"seconds\": %.6f}\n",
	       sent, total, counted, length);
	return 0;
}
