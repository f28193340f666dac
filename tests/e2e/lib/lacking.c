// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * LD_PRELOAD: a kernel that lacks what the environment says, as an older one answers.
 *   LACKS=bpf | map:TYPE | helper:NUMBER | tcx | clsact | cls_bpf     RELEASE=5.10.0     VERSION="#1 SMP"
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "preload.h"

/* Is `what`, perhaps with a number, to be missing? */
static bool lacks(const char *what, unsigned int *number)
{
	const char *lack = getenv("LACKS");
	size_t len = strlen(what);

	if (!lack || strncmp(lack, what, len))
		return false;
	if (number && lack[len] == ':')
		*number = (unsigned int)atoi(lack + len + 1);
	return true;
}

static bool calls(const union bpf_attr *attr, unsigned int helper)
{
	const struct bpf_insn *insn = (const struct bpf_insn *)(unsigned long)attr->insns;

	for (__u32 i = 0; i < attr->insn_cnt; i++)
		if (insn[i].code == (BPF_JMP | BPF_CALL) && !insn[i].src_reg &&
		    insn[i].imm == (int)helper)
			return true;
	return false;
}

static int refused(int command, const union bpf_attr *attr)
{
	unsigned int number = 0;

	if (lacks("bpf", NULL))
		return ENOSYS;
	if (command == BPF_PROG_QUERY && lacks("tcx", NULL)) /* libxdp asks netlink */
		return EINVAL;
	if (command == BPF_MAP_CREATE && lacks("map", &number) &&
	    attr->map_type == number)
		return EINVAL;
	if (command == BPF_PROG_LOAD && lacks("helper", &number) && calls(attr, number)) {
		if (attr->log_buf && attr->log_size)
			snprintf((char *)(unsigned long)attr->log_buf, attr->log_size,
				 "unknown func #%u\n", number);
		return EINVAL;
	}
	return 0;
}

static long on_syscall(long number, const long a[6])
{
	if (number == SYS_bpf) {
		int err = refused((int)a[0], (const union bpf_attr *)a[1]);

		if (err) {
			errno = err;
			return -1;
		}
	}
	return next_syscall(number, a);
}

int uname(struct utsname *host)
{
	const char *release = getenv("RELEASE");
	int err = NEXT(uname)(host);

	if (!err && getenv("VERSION"))
		snprintf(host->version, sizeof(host->version), "%s", getenv("VERSION"));
	if (!err && release)
		snprintf(host->release, sizeof(host->release), "%s", release);
	return err;
}

int bpf_tc_hook_create(struct bpf_tc_hook *hook)
{
	return lacks("clsact", NULL) ? -ENOENT : NEXT(bpf_tc_hook_create)(hook);
}

/* Filters of kind bpf are asked for by a name that no kernel has. */
ssize_t send(int fd, const void *data, size_t len, int flags)
{
	static const char kind[] = { 8, 0, TCA_KIND, 0, 'b', 'p', 'f', 0 };
	char *copy = lacks("cls_bpf", NULL) ? malloc(len) : NULL;
	ssize_t sent;

	if (!copy)
		return NEXT(send)(fd, data, len, flags);
	memcpy(copy, data, len);
	for (char *at = copy;
	     (at = memmem(at, len - (size_t)(at - copy), kind, sizeof(kind)));)
		at[sizeof(kind) - 2] = '-';
	sent = NEXT(send)(fd, copy, len, flags);
	free(copy);
	return sent;
}
