/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the ends of measured FTP sessions have in common. */
#ifndef BENCH_FTP_END_H
#define BENCH_FTP_END_H

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define FILE_SIZE (16 << 20) /* sent again and again where more is wanted */

static inline _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		strerror(errno));
	exit(1);
}

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* On this CPU alone, with a socket for each session. */
static inline void settle_down(int cpu)
{
	struct rlimit files;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("cannot stay on that CPU");
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* "::ffff:a.b.c.d" of IPv4 */
static inline bool read_address(struct in6_addr *addr, const char *text)
{
	char mapped[INET6_ADDRSTRLEN + 8];

	snprintf(mapped, sizeof(mapped), "%s%s",
		 strchr(text, ':') ? "" : "::ffff:", text);
	return inet_pton(AF_INET6, mapped, addr) == 1;
}

static inline bool is_v4(const struct sockaddr_in6 *server)
{
	return IN6_IS_ADDR_V4MAPPED(&server->sin6_addr);
}

static inline int open_socket(const struct sockaddr_in6 *to, int flags)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	const int on = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) && errno != EINPROGRESS)
		die("connect");
	return fd;
}

/* Where the server listens: of a 227, or of a 229 at its own address. */
static inline struct sockaddr_in6 announced(const char *line,
					    const struct sockaddr_in6 *server)
{
	const char *open = strchr(line, '(');
	struct sockaddr_in6 to = *server;
	unsigned int n[6];

	if (open && !is_v4(server) && sscanf(open, "(|||%u|)", &n[0]) == 1) {
		to.sin6_port = htons((uint16_t)n[0]);
		return to;
	}
	if (!open || sscanf(open, "(%u,%u,%u,%u,%u,%u", &n[0], &n[1], &n[2], &n[3], &n[4],
			    &n[5]) != 6) {
		fprintf(stderr, "%s: no address in %s\n", program_invocation_short_name,
			line);
		exit(1);
	}
	to.sin6_port = htons((uint16_t)(n[4] << 8 | n[5]));
	for (size_t i = 0; i < 4; i++)
		to.sin6_addr.s6_addr[12 + i] = (uint8_t)n[i];
	return to;
}

/* The file's content: bytes that are lost or doubled show. */
static inline uint8_t *file_content(void)
{
	uint64_t *content = malloc(FILE_SIZE);

	if (!content)
		die("memory");
	for (uint64_t i = 0; i < FILE_SIZE / sizeof(*content); i++)
		content[i] = (i + 1) * 0x9e3779b97f4a7c15;
	return (uint8_t *)content;
}

#endif
