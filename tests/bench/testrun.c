// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Nanoseconds per packet with BPF_PROG_TEST_RUN, of programs that are attached; JSON.
 *
 *   testrun NETNS replay DEVICE PROGRAM_ID[,NEXT_ID] LENGTH REPEAT HEX
 *       the same packet again and again: {"ns": of the program, "instructions": of it, or
 *       null where the machine doesn't count them, "replay": what putting the packet back
 *       costs, already taken off, "verdict": its last one}; NEXT_ID: of
 *       the program that gets what the first passes on, as it may the first of a second
 *   testrun NETNS lines DEVICE SERVER_DEVICE PROGRAM_ID COUNT HEX SERVER_HEX ADDRESS
 *       new PORT lines, each with its reply: {"p50", "p99", "null": what an empty program
 *       takes in such a run, already taken off, "growth": of the last line}
 *
 * HEX: headers of a client's packet, Ethernet, IPv4 and TCP, with both checksums zero;
 * SERVER_HEX: of the server's; ADDRESS: in the words of PORT.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "frame.h"

#include "bench/replay.skel.h"

#define MAX_FRAME 2048

struct frame {
	__u8 byte[MAX_FRAME];
	__u32 len;
};

static void die(const char *what)
{
	fprintf(stderr, "testrun: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned int device(const char *name)
{
	unsigned int index = if_nametoindex(name);

	if (!index)
		die(name);
	return index;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

/* ---- frames ---- */

static void read_hex(struct frame *f, const char *hex)
{
	unsigned int value;

	memset(f, 0, sizeof(*f));
	for (f->len = 0; f->len < BENCH_HEADER; f->len++) {
		if (sscanf(hex + 2 * f->len, "%2x", &value) != 1) {
			errno = EINVAL;
			die(hex);
		}
		f->byte[f->len] = (__u8)value;
	}
}

static void put16(struct frame *f, size_t at, __u16 value)
{
	f->byte[at] = (__u8)(value >> 8);
	f->byte[at + 1] = (__u8)value;
}

static __u32 get32(const struct frame *f, size_t at)
{
	return (__u32)f->byte[at] << 24 | (__u32)f->byte[at + 1] << 16 |
	       (__u32)f->byte[at + 2] << 8 | f->byte[at + 3];
}

static void put32(struct frame *f, size_t at, __u32 value)
{
	put16(f, at, (__u16)(value >> 16));
	put16(f, at + 2, (__u16)value);
}

static __u32 sum(const struct frame *f, size_t from, size_t to)
{
	__u32 total = 0;

	for (size_t i = from; i < to; i++)
		total += i % 2 ? f->byte[i] : (__u32)f->byte[i] << 8;
	return total;
}

static __u16 folded(__u32 total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (__u16)~total;
}

/* Length and checksums; all offsets are even. */
static void finish(struct frame *f)
{
	put16(f, 16, (__u16)(f->len - BENCH_ETH_HEADER));
	put16(f, BENCH_IP_CHECK, 0);
	put16(f, BENCH_IP_CHECK, folded(sum(f, 14, 34)));
	put16(f, BENCH_TCP_CHECK, 0);
	put16(f, BENCH_TCP_CHECK, folded(sum(f, 26, f->len) + IPPROTO_TCP + f->len - 34));
}

/* ---- the same packet again and again ---- */

/* Of one run of a program. */
struct cost {
	__u32 ns;
	double instructions;
};

/* A counter of the instructions that this thread retires in the kernel; -1: the machine has none. */
static int instruction_counter(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_HW_INSTRUCTIONS,
					.disabled = 1,
					.exclude_user = 1,
					.exclude_hv = 1 };

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static struct cost repeat(int fd, const struct frame *f, bool xdp, unsigned int ifindex,
			  int times, int counter, int *verdict)
{
	struct __sk_buff skb = { .ifindex = ifindex };
	struct xdp_md md = { .data_end = f->len, .ingress_ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->byte, .data_size_in = f->len,
		    .ctx_in = xdp ? (void *)&md : &skb,
		    .ctx_size_in = xdp ? sizeof(md) : sizeof(skb), .repeat = times);
	__u64 instructions = 0;

	if (counter >= 0 && (ioctl(counter, PERF_EVENT_IOC_RESET, 0) ||
			     ioctl(counter, PERF_EVENT_IOC_ENABLE, 0)))
		die("counting instructions");
	if (bpf_prog_test_run_opts(fd, &opts))
		die("test run");
	if (counter >= 0 &&
	    (ioctl(counter, PERF_EVENT_IOC_DISABLE, 0) ||
	     read(counter, &instructions, sizeof(instructions)) != sizeof(instructions)))
		die("counting instructions");
	*verdict = (int)opts.retval;
	return (struct cost){ opts.duration, (double)instructions / times };
}

static struct replay *load_null(void)
{
	struct replay *skel = replay__open();

	if (!skel)
		die("the empty programs");
	bpf_program__set_autoload(skel->progs.replay_tc, false);
	bpf_program__set_autoload(skel->progs.replay_xdp, false);
	if (replay__load(skel))
		die("the empty programs");
	return skel;
}

/* An XDP program that takes frames in pieces may only be called by one that does. */
static struct replay *load_replay(int target, bool xdp)
{
	const __u32 zero = 0;
	struct replay *skel;

	for (int frags = 0; frags < 2; frags++) {
		skel = replay__open();
		if (!skel)
			die("replay");
		if (frags)
			bpf_program__set_flags(skel->progs.replay_xdp,
					       BPF_F_XDP_HAS_FRAGS);
		bpf_program__set_autoload(skel->progs.replay_tc, !xdp);
		bpf_program__set_autoload(skel->progs.replay_xdp, xdp);
		if (!replay__load(skel) &&
		    !bpf_map_update_elem(bpf_map__fd(skel->maps.target), &zero, &target,
					 BPF_ANY))
			return skel;
		replay__destroy(skel);
	}
	die("the program can't be called by the benchmark's own");
	return NULL;
}

static struct cost replay(int target, const struct frame *f, bool xdp,
			  unsigned int ifindex, int times, int counter, int *verdict)
{
	struct replay *skel = load_replay(target, xdp);
	struct cost cost;

	memcpy(skel->bss->header, f->byte, sizeof(skel->bss->header));
	cost = repeat(bpf_program__fd(xdp ? skel->progs.replay_xdp :
					    skel->progs.replay_tc),
		      f, xdp, ifindex, times, counter, verdict);
	replay__destroy(skel);
	return cost;
}

/* XDP hands on the first packet of each second, and TC tells the neighbour layer of it. */
static void pass_once(int fd, int next_fd, const struct frame *f, unsigned int ifindex)
{
	int ignored;

	repeat(fd, f, true, ifindex, 1, -1, &ignored);
	repeat(next_fd, f, false, ifindex, 1, -1, &ignored);
}

static void replays(char **argv)
{
	unsigned int ifindex = device(argv[0]);
	const char *next = strchr(argv[1], ',');
	int fd = bpf_prog_get_fd_by_id((__u32)atoi(argv[1]));
	int next_fd = next ? bpf_prog_get_fd_by_id((__u32)atoi(next + 1)) : -1;
	int times = atoi(argv[3]), verdict, ignored;
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);
	struct replay *null = load_null();
	int counter = instruction_counter();
	struct cost whole, empty;
	struct frame f;
	bool xdp;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		die("no such program");
	xdp = info.type == BPF_PROG_TYPE_XDP;
	read_hex(&f, argv[4]);
	f.len = (__u32)atoi(argv[2]);
	if (f.len < BENCH_HEADER || f.len > MAX_FRAME) {
		errno = EINVAL;
		die("length of the packet");
	}
	finish(&f);
	if (next_fd >= 0)
		pass_once(fd, next_fd, &f, ifindex);
	whole = replay(fd, &f, xdp, ifindex, times, counter, &verdict);
	empty = replay(bpf_program__fd(xdp ? null->progs.null_xdp : null->progs.null_tc),
		       &f, xdp, ifindex, times, counter, &ignored);
	replay__destroy(null);
	printf("{\"ns\": %d, \"replay\": %u, \"verdict\": %d, \"instructions\": ",
	       (int)whole.ns - (int)empty.ns, empty.ns, verdict);
	if (counter >= 0)
		printf("%.1f}\n", whole.instructions - empty.instructions);
	else
		printf("null}\n");
}

/* ---- new lines ---- */

static int ascending(const void *a, const void *b)
{
	__u32 x = *(const __u32 *)a, y = *(const __u32 *)b;

	return (x > y) - (x < y);
}

static __u32 once(int fd, struct frame *f, unsigned int ifindex, struct frame *out,
		  int *verdict)
{
	struct __sk_buff ctx = { .ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->byte, .data_size_in = f->len,
		    .data_out = out->byte, .data_size_out = sizeof(out->byte),
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = 1);

	finish(f);
	if (bpf_prog_test_run_opts(fd, &opts))
		die("test run");
	out->len = opts.data_size_out;
	*verdict = (int)opts.retval;
	return opts.duration;
}

static void set_text(struct frame *f, const char *text)
{
	f->len = BENCH_HEADER + (__u32)strlen(text);
	memcpy(f->byte + BENCH_HEADER, text, strlen(text));
}

static void must_redirect(int verdict)
{
	if (verdict == 7) /* TC_ACT_REDIRECT */
		return;
	fprintf(stderr, "testrun: a control packet was not forwarded: verdict %d\n",
		verdict);
	exit(1);
}

static void lines(char **argv)
{
	unsigned int near = device(argv[0]), far = device(argv[1]);
	int fd = bpf_prog_get_fd_by_id((__u32)atoi(argv[2])), count = atoi(argv[3]);
	struct replay *null = load_null();
	__u32 *ns = calloc((size_t)count, sizeof(*ns)), *empty;
	const char *reply = "200 PORT ok.\r\n";
	struct frame client, server, out;
	int verdict, growth = 0;
	char text[128];

	empty = calloc((size_t)count, sizeof(*empty));
	if (fd < 0 || !ns || !empty)
		die("cannot begin");
	read_hex(&client, argv[4]);
	read_hex(&server, argv[5]);
	for (int i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "PORT %s,%d,%d\r\n", argv[6],
			 32 + i / 256 % 128, i % 256);
		set_text(&client, text);
		empty[i] = once(bpf_program__fd(null->progs.null_tc), &client, near, &out,
				&verdict);
		ns[i] = once(fd, &client, near, &out, &verdict);
		must_redirect(verdict);
		growth = (int)out.len - (int)client.len;
		put32(&server, 42, get32(&server, 42) + out.len - BENCH_HEADER);
		put32(&client, 38, get32(&client, 38) + client.len - BENCH_HEADER);

		set_text(&server, reply);
		once(fd, &server, far, &out, &verdict);
		must_redirect(verdict);
		put32(&server, 38, get32(&server, 38) + (__u32)strlen(reply));
		put32(&client, 42, get32(&client, 42) + (__u32)strlen(reply));
	}
	qsort(ns, (size_t)count, sizeof(*ns), ascending);
	qsort(empty, (size_t)count, sizeof(*empty), ascending);
	printf("{\"p50\": %d, \"p99\": %d, \"null\": %u, \"growth\": %d}\n",
	       (int)ns[count / 2] - (int)empty[count / 2],
	       (int)ns[count * 99 / 100] - (int)empty[count / 2], empty[count / 2],
	       growth);
	free(ns);
	free(empty);
	replay__destroy(null);
}

int main(int argc, char **argv)
{
	int netns;

	if (argc != 8 && argc != 10) {
		fprintf(stderr, "usage: see the top of tests/bench/testrun.c\n");
		return 2;
	}
	netns = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (netns < 0 || setns(netns, CLONE_NEWNET))
		die(argv[1]);
	libbpf_set_print(quiet);
	if (argc == 8 && !strcmp(argv[2], "replay"))
		replays(argv + 3);
	else if (argc == 10 && !strcmp(argv[2], "lines"))
		lines(argv + 3);
	else
		return 2;
	return 0;
}
