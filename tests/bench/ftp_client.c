// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * FTP clients for measuring, all in one process on one CPU; prints JSON.
 *
 * ADDRESS: IPv4, or IPv6, where EPSV and EPRT take the place of PASV and PORT.
 *
 *   ftp_client sessions ADDRESS PORT CPU CLIENTS SECONDS
 *       sessions from connect to the end of QUIT with one PASV file of 1000 bytes,
 *       so many at once, and one at least: {"sessions", "failed", "seconds", "p50", "p99"}
 *   ftp_client bulk ADDRESS PORT CPU BYTES
 *       one file by PASV, thrown away: {"bytes", "seconds", "cpu"}, cpu being what
 *       all CPUs of the machine did meanwhile
 *   ftp_client idle ADDRESS PORT CPU COUNT
 *       so many sessions log in and then say nothing; {"sessions"} once all have, and
 *       then waits to be killed
 *   ftp_client echo ADDRESS PORT CPU COUNT
 *       round trips of one byte over a data connection, without sleeping:
 *       {"count", "p50", "p99", "p999"}
 *   ftp_client line ADDRESS PORT CPU passive|active COUNT [sleep]
 *       round trips of PASV and its 227, or of PORT and its 200, without sleeping but
 *       where told so: {"count", "p50", "p99"}
 *
 * All times in seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>

#include "ftp_end.h"

#define MAX_CLIENTS 1024
#define SMALL_FILE  "1000"

enum { IDLE_BATCH = 256 };
enum { PATIENCE = 10 }; /* seconds without any event: nothing will come any more */

struct times {
	double *value;
	size_t n;
	size_t room;
};

struct client {
	int control;
	int data; /* -1: none */
	double started;
	bool data_over;
	bool said_226;
	size_t filled;
	char input[512];
};

struct run {
	int epoll;
	struct sockaddr_in6 server; /* IPv4 as ::ffff:a.b.c.d */
	struct client client[MAX_CLIENTS];
	struct times times;
	size_t failed;
	bool ending; /* no new sessions */
	int living;
};

/* ---- times ---- */

static void keep(struct times *times, double value)
{
	if (times->n == times->room) {
		times->room = times->room ? 2 * times->room : 4096;
		times->value = realloc(times->value, times->room * sizeof(double));
		if (!times->value)
			die("memory");
	}
	times->value[times->n++] = value;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(struct times *times, double percent)
{
	if (!times->n)
		return 0;
	qsort(times->value, times->n, sizeof(double), ascending);
	return times->value[(size_t)((double)(times->n - 1) * percent / 100)];
}

/* ---- pieces ---- */

static void say(int fd, const char *line)
{
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		die("send");
}

static void say_passive(int fd, const struct sockaddr_in6 *server)
{
	say(fd, is_v4(server) ? "PASV\r\n" : "EPSV\r\n");
}

/* ---- sessions ---- */

static void watch(const struct run *run, int fd, size_t index)
{
	struct epoll_event event = { .events = EPOLLIN,
				     .data.u64 = (uint64_t)index << 32 | (uint32_t)fd };

	if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

static void begin(struct run *run, size_t index)
{
	struct client *c = &run->client[index];

	*c = (struct client){ .data = -1, .started = seconds() };
	c->control = open_socket(&run->server, SOCK_NONBLOCK);
	watch(run, c->control, index);
	run->living++;
}

static void end(struct run *run, size_t index, bool good)
{
	struct client *c = &run->client[index];

	close(c->control);
	if (c->data >= 0)
		close(c->data);
	c->control = c->data = -1;
	run->living--;
	if (!good)
		run->failed++;
	else if (!run->ending)
		keep(&run->times, seconds() - c->started);
	if (!run->ending)
		begin(run, index);
}

/* The answer to each reply; 0 when the session ends. */
static int reply(struct run *run, size_t index, const char *line)
{
	struct client *c = &run->client[index];
	struct sockaddr_in6 to;

	switch (atoi(line)) {
	case 220:
		say(c->control, "USER bench\r\n");
		return 1;
	case 331:
		say(c->control, "PASS bench\r\n");
		return 1;
	case 230:
		say_passive(c->control, &run->server);
		return 1;
	case 227:
	case 229:
		to = announced(line, &run->server);
		c->data = open_socket(&to, SOCK_NONBLOCK);
		watch(run, c->data, index);
		say(c->control, "RETR " SMALL_FILE "\r\n");
		return 1;
	case 150:
		return 1;
	case 226:
		c->said_226 = true;
		if (c->data_over)
			say(c->control, "QUIT\r\n");
		return 1;
	case 221:
		return 0;
	default:
		return -1;
	}
}

static void data_input(struct run *run, size_t index)
{
	struct client *c = &run->client[index];
	char sunk[4096];
	ssize_t n = recv(c->data, sunk, sizeof(sunk), 0);

	if (n > 0 || (n < 0 && errno == EAGAIN))
		return;
	if (n < 0) {
		end(run, index, false);
		return;
	}
	close(c->data);
	c->data = -1;
	c->data_over = true;
	if (c->said_226)
		say(c->control, "QUIT\r\n");
}

static void control_input(struct run *run, size_t index)
{
	struct client *c = &run->client[index];
	ssize_t n = recv(c->control, c->input + c->filled,
			 sizeof(c->input) - 1 - c->filled, 0);
	char *line = c->input, *stop;
	int rc;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		end(run, index, false);
		return;
	}
	c->filled += (size_t)n;
	c->input[c->filled] = '\0';
	while ((stop = strstr(line, "\r\n"))) {
		*stop = '\0';
		rc = reply(run, index, line);
		if (rc <= 0) {
			end(run, index, !rc);
			return;
		}
		line = stop + 2;
	}
	c->filled -= (size_t)(line - c->input);
	memmove(c->input, line, c->filled);
}

static void sessions(struct run *run, size_t clients, double length)
{
	double start, stop;
	struct epoll_event event[256];
	size_t index;
	int n, fd;

	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (index = 0; index < clients; index++)
		begin(run, index);
	start = seconds();
	for (stop = start + length; run->living;) {
		n = epoll_wait(run->epoll, event, 256, PATIENCE * 1000);
		if (!n) {
			run->failed += (size_t)run->living;
			break;
		}
		for (int i = 0; i < n; i++) {
			index = event[i].data.u64 >> 32;
			fd = (int)(uint32_t)event[i].data.u64;
			if (fd == run->client[index].data)
				data_input(run, index);
			else if (fd == run->client[index].control)
				control_input(run, index);
		}
		if (!run->ending && seconds() >= stop && run->times.n + run->failed) {
			run->ending = true;
			length = seconds() - start;
		}
	}
	printf("{\"sessions\": %zu, \"failed\": %zu, \"seconds\": %.6f, \"p50\": %.9f, "
	       "\"p99\": %.9f}\n",
	       run->times.n, run->failed, length, percentile(&run->times, 50),
	       percentile(&run->times, 99));
}

/* ---- one client that waits for each reply ---- */

/* The next whole line. flags: MSG_DONTWAIT, to look for it without sleeping */
static void hear_by(int flags, int fd, char *line, size_t size, const char *code)
{
	double until = seconds() + PATIENCE;
	size_t filled = 0;
	ssize_t n;

	do {
		n = recv(fd, line + filled, size - 1 - filled, flags);
		if (n > 0)
			filled += (size_t)n;
		else if (!n || errno != EAGAIN || seconds() > until)
			break;
	} while (n < 0 || line[filled - 1] != '\n');
	line[filled] = '\0';
	if (!filled || strncmp(line, code, 3) != 0) {
		fprintf(stderr, "ftp_client: expected %s, heard: %s\n", code, line);
		exit(1);
	}
}

static void hear(int fd, char *line, size_t size, const char *code)
{
	hear_by(MSG_DONTWAIT, fd, line, size, code);
}

static int log_in(const struct sockaddr_in6 *server)
{
	int fd = open_socket(server, 0);
	char line[512];

	hear(fd, line, sizeof(line), "220");
	say(fd, "USER bench\r\n");
	hear(fd, line, sizeof(line), "331");
	say(fd, "PASS bench\r\n");
	hear(fd, line, sizeof(line), "230");
	return fd;
}

/* Seconds that all CPUs have worked. */
static double worked(void)
{
	unsigned long long user, nice, sys, idle, iowait, irq, softirq;
	FILE *file = fopen("/proc/stat", "re");

	if (!file || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice,
			    &sys, &idle, &iowait, &irq, &softirq) != 7)
		die("/proc/stat");
	fclose(file);
	return (double)(user + nice + sys + irq + softirq) / (double)sysconf(_SC_CLK_TCK);
}

static void bulk(const struct sockaddr_in6 *server, const char *size)
{
	static char sunk[1 << 20];
	int control = log_in(server), data;
	long long bytes = 0;
	double start, busy;
	struct sockaddr_in6 to;
	char line[512];
	ssize_t n;

	say_passive(control, server);
	hear(control, line, sizeof(line), is_v4(server) ? "227" : "229");
	to = announced(line, server);
	data = open_socket(&to, 0);
	snprintf(line, sizeof(line), "RETR %s\r\n", size);
	busy = worked();
	start = seconds();
	say(control, line);
	while ((n = recv(data, sunk, sizeof(sunk), MSG_TRUNC)) > 0)
		bytes += n;
	printf("{\"bytes\": %lld, \"seconds\": %.6f, \"cpu\": %.3f}\n", bytes,
	       seconds() - start, worked() - busy);
}

/* Some at a time, as many as the server's queue of new connections has room for. */
static void log_in_silent(const struct sockaddr_in6 *server, size_t count)
{
	static const char *const says[][2] = { { "220", "USER bench\r\n" },
					       { "331", "PASS bench\r\n" },
					       { "230", NULL } };
	int fd[IDLE_BATCH];
	char line[512];

	for (size_t i = 0; i < count; i++)
		fd[i] = open_socket(server, 0);
	for (size_t step = 0; step < sizeof(says) / sizeof(*says); step++)
		for (size_t i = 0; i < count; i++) {
			hear_by(0, fd[i], line, sizeof(line), says[step][0]);
			if (says[step][1])
				say(fd[i], says[step][1]);
		}
}

static void idle(const struct sockaddr_in6 *server, size_t count)
{
	for (size_t left = count; left; left -= left < IDLE_BATCH ? left : IDLE_BATCH)
		log_in_silent(server, left < IDLE_BATCH ? left : IDLE_BATCH);
	printf("{\"sessions\": %zu}\n", count);
	fflush(stdout);
	for (;;)
		pause();
}

/* Over a new data connection. */
static void echo(const struct sockaddr_in6 *server, size_t count)
{
	int control = log_in(server), data;
	struct times times = { 0 };
	struct sockaddr_in6 to;
	char line[512], byte = 'x';
	double start;

	say_passive(control, server);
	hear(control, line, sizeof(line), is_v4(server) ? "227" : "229");
	to = announced(line, server);
	data = open_socket(&to, 0);
	say(control, "STOR echo\r\n");
	hear(control, line, sizeof(line), "150");
	for (size_t i = 0; i < count; i++) {
		start = seconds();
		if (send(data, &byte, 1, MSG_NOSIGNAL) != 1)
			die("send");
		while (recv(data, &byte, 1, MSG_DONTWAIT) != 1)
			if (errno != EAGAIN || seconds() - start > PATIENCE)
				die("no echo");
		keep(&times, seconds() - start);
	}
	printf("{\"count\": %zu, \"p50\": %.9f, \"p99\": %.9f, \"p999\": %.9f}\n",
	       times.n, percentile(&times, 50), percentile(&times, 99),
	       percentile(&times, 99.9));
}

/* PORT or EPRT, with another port each time. */
static void say_active(int fd, const struct sockaddr_in6 *own, unsigned int i)
{
	unsigned int port = 8192 + i % 32768;
	const uint8_t *a = own->sin6_addr.s6_addr + 12;
	char command[96], address[INET6_ADDRSTRLEN];

	if (is_v4(own))
		snprintf(command, sizeof(command), "PORT %u,%u,%u,%u,%u,%u\r\n", a[0],
			 a[1], a[2], a[3], port / 256, port % 256);
	else
		snprintf(command, sizeof(command), "EPRT |2|%s|%u|\r\n",
			 inet_ntop(AF_INET6, &own->sin6_addr, address, sizeof(address)),
			 port);
	say(fd, command);
}

static void lines(const struct sockaddr_in6 *server, bool active, unsigned int count,
		  bool sleeps)
{
	struct sockaddr_in6 own;
	socklen_t size = sizeof(own);
	int fd = log_in(server);
	struct times times = { 0 };
	char line[512];
	double start;

	getsockname(fd, (struct sockaddr *)&own, &size);
	for (unsigned int i = 0; i < count; i++) {
		start = seconds();
		if (active)
			say_active(fd, &own, i);
		else
			say_passive(fd, server);
		hear_by(sleeps ? 0 : MSG_DONTWAIT, fd, line, sizeof(line),
			active	      ? "200" :
			is_v4(server) ? "227" :
					"229");
		keep(&times, seconds() - start);
	}
	printf("{\"count\": %zu, \"p50\": %.9f, \"p99\": %.9f}\n", times.n,
	       percentile(&times, 50), percentile(&times, 99));
}

int main(int argc, char **argv)
{
	static struct run run;
	size_t clients;

	run.server.sin6_family = AF_INET6;
	if (argc < 6 || !read_address(&run.server.sin6_addr, argv[2]))
		goto usage;
	run.server.sin6_port = htons((uint16_t)atoi(argv[3]));
	settle_down(atoi(argv[4]));
	if (!strcmp(argv[1], "sessions") && argc == 7) {
		clients = (size_t)atoi(argv[5]);
		sessions(&run, clients < MAX_CLIENTS ? clients : MAX_CLIENTS,
			 strtod(argv[6], NULL));
	} else if (!strcmp(argv[1], "bulk") && argc == 6) {
		bulk(&run.server, argv[5]);
	} else if (!strcmp(argv[1], "idle") && argc == 6) {
		idle(&run.server, strtoul(argv[5], NULL, 10));
	} else if (!strcmp(argv[1], "echo") && argc == 6) {
		echo(&run.server, strtoul(argv[5], NULL, 10));
	} else if (!strcmp(argv[1], "line") && argc >= 7) {
		lines(&run.server, !strcmp(argv[5], "active"),
		      (unsigned int)atoi(argv[6]), argc > 7);
	} else {
		goto usage;
	}
	return 0;
usage:
	fprintf(stderr, "usage: see the top of tests/bench/ftp_client.c\n");
	return 2;
}
