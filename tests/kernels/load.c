// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel-load PINDIR OBJECT: load an object and pin its programs as
 * PINDIR/tc/NAME, PINDIR/xdp/NAME or PINDIR/other/NAME. Prints
 * "insns NAME COUNT", what the verifier went through, for each. When the kernel
 * refuses one, "refused NAME", and the last lines of the log on stderr. (bpftool 7.1 knows no such
 * count, and its -d has a log of every instruction of every path.)
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define TAIL_LINES 40
/*
 * Room for the log of a million instructions, touched only as far as it is
 * written. With a buffer of its own libbpf would verify again at each doubling.
 */
#define LOG_SIZE (512u << 20)

static char *log_buf;

static void print_tail(void)
{
	char *p = log_buf + strlen(log_buf);
	int lines = 0;

	for (; p > log_buf; p--)
		if (p[-1] == '\n' && ++lines > TAIL_LINES)
			break;
	fprintf(stderr, "%s%s", p > log_buf ? "[...]\n" : "", p);
}

static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[1024], name[128];
	int end = 0;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	fputs(text, stderr);
	if (sscanf(text, "libbpf: prog '%127[^']': BPF program load failed%n", name,
		   &end) == 1 &&
	    end) {
		printf("refused %s\n", name);
		print_tail();
	}
	return 0;
}

static const char *kind(const struct bpf_program *prog)
{
	switch (bpf_program__type(prog)) {
	case BPF_PROG_TYPE_SCHED_CLS:
		return "tc";
	case BPF_PROG_TYPE_XDP:
		return "xdp";
	default:
		return "other";
	}
}

static int fail(const char *what, const char *name, int err)
{
	fprintf(stderr, "kernel-load: %s %s: %s\n", what, name, strerror(err));
	return 1;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct bpf_program *prog;
	char path[512];

	if (argc != 3) {
		fprintf(stderr, "usage: kernel-load PINDIR OBJECT\n");
		return 2;
	}
	log_buf = calloc(1, LOG_SIZE);
	if (!log_buf)
		return fail("log", argv[2], errno);
	libbpf_set_print(print);
	/* Level 0: a log only once a program has been refused. */
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = argv[1],
		    .kernel_log_buf = log_buf, .kernel_log_size = LOG_SIZE);
	obj = bpf_object__open_file(argv[2], &opts);
	if (!obj)
		return fail("open", argv[2], errno);
	if (bpf_object__load(obj))
		return fail("load", argv[2], errno);

	bpf_object__for_each_program(prog, obj) {
		const char *name = bpf_program__name(prog);
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);
		int fd = bpf_program__fd(prog);

		if (fd < 0)
			continue; /* not autoloaded */
		if (bpf_obj_get_info_by_fd(fd, &info, &len))
			return fail("info", name, errno);
		snprintf(path, sizeof(path), "%s/%s", argv[1], kind(prog));
		mkdir(argv[1], 0700);
		mkdir(path, 0700);
		snprintf(path, sizeof(path), "%s/%s/%s", argv[1], kind(prog), name);
		if (bpf_program__pin(prog, path))
			return fail("pin", path, errno);
		printf("insns %s %u\n", name, info.verified_insns);
	}
	bpf_object__close(obj);
	return 0;
}
