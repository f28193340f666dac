// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Preloaded into ftpnat-load: SIGKILL before step KILLER_STEP, counted from 1. A step is a
 * system call that changes something outside of the process. KILLER_LOG gets their names.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload.h"

static void step(const char *name, const char *what)
{
	static long steps;
	const char *at = getenv("KILLER_STEP"), *log = getenv("KILLER_LOG");
	int fd = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	steps++;
	if (fd >= 0) {
		dprintf(fd, "%ld %s %s\n", steps, name, what);
		close(fd);
	}
	if (at && steps == atol(at))
		kill(getpid(), SIGKILL);
}

static const char *bpf_change(long command)
{
	switch (command) {
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_DELETE_BATCH:
		return "map";
	case BPF_OBJ_PIN:
		return "pin";
	case BPF_PROG_ATTACH:
	case BPF_PROG_DETACH:
	case BPF_PROG_BIND_MAP:
	case BPF_PROG_TEST_RUN: /* of ftpnat_wake: starts the timer */
	case BPF_LINK_CREATE:
	case BPF_LINK_UPDATE:
		return "program";
	default:
		return NULL;
	}
}

static long on_syscall(long number, const long a[6])
{
	if (number == SYS_bpf && bpf_change(a[0]))
		step("bpf", bpf_change(a[0]));
	return next_syscall(number, a);
}

static void see_message(int fd, const struct nlmsghdr *msg, size_t len)
{
	int protocol = -1, domain = -1;
	socklen_t size = sizeof(int);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
	if (domain != AF_NETLINK && protocol == IPPROTO_RAW) {
		step("reset", "");
		return;
	}
	if (domain == AF_NETLINK && protocol == NETLINK_ROUTE && len >= sizeof(*msg) &&
	    (msg->nlmsg_type & 3) != (RTM_GETLINK & 3))
		step("netlink", msg->nlmsg_type == RTM_NEWTFILTER ? "filters put" :
				msg->nlmsg_type == RTM_DELTFILTER ? "filters removed" :
								    "");
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	see_message(fd, data, len);
	return NEXT(send)(fd, data, len, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
	       socklen_t to_len)
{
	see_message(fd, data, len);
	return NEXT(sendto)(fd, data, len, flags, to, to_len);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (msg->msg_iovlen)
		see_message(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len);
	return NEXT(sendmsg)(fd, msg, flags);
}

int mkdir(const char *path, mode_t mode)
{
	step("mkdir", path);
	return NEXT(mkdir)(path, mode);
}

int rmdir(const char *path)
{
	step("rmdir", path);
	return NEXT(rmdir)(path);
}

int unlink(const char *path)
{
	step("unlink", path);
	return NEXT(unlink)(path);
}

int fsync(int fd)
{
	step("fsync", "");
	return NEXT(fsync)(fd);
}

int rename(const char *from, const char *to)
{
	step("rename", to);
	return NEXT(rename)(from, to);
}

int mount(const char *what, const char *path, const char *type, unsigned long flags,
	  const void *data)
{
	step("mount", path);
	return NEXT(mount)(what, path, type, flags, data);
}
