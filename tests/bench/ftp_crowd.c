// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * FTP sessions that stand while a gateway dies, all in one process on one CPU.
 *
 *   ftp_crowd ADDRESS PORT CPU SESSIONS TALKERS TRANSFERS BYTES RATE
 *
 * So many sessions log in at that IPv4 address. The last TRANSFERS of them fetch a file of BYTES by PASV and
 * read RATE bytes of it a second each; the TALKERS before them say PASV again and again,
 * TALK_PAUSE after the reply to the one before; the rest is silent. Once all
 * are there: {"standing": SESSIONS}.
 *
 * A line on standard input says that the gateway has died. From then on transfers read as
 * fast as they can, and each session must complete what it does and one command more.
 * Then: {"sessions": how many did, "transfers": of how many transfers all bytes came, and
 * no others, "gap": the longest time of any transfer between two reads that found
 * something, "why": of the first that did not}. Times in seconds.
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

enum { LOGINS = 256 }; /* at once: the server's queue of new connections is as long */
enum { EVENTS = 256 };
enum { TICK_MS = 10 };	/* between reads of the transfers */
enum { PATIENCE = 60 }; /* seconds without anything: nothing will come any more */
#define TALK_PAUSE 1.0

enum kind { SILENT, TALKER, TRANSFER };

struct session {
	enum kind kind;
	int control;
	int data;    /* -1: none */
	int expects; /* code of the reply that it waits for; 0: none */
	bool stands;
	bool said_226;
	bool whole; /* the file */
	bool last;  /* the reply to the last command is awaited */
	bool over;
	double spoke;
	double read; /* something of its file was */
	double began;
	long long got;
	size_t filled;
	char input[256];
};

struct crowd {
	struct sockaddr_in6 server;
	struct session *session;
	size_t n;
	size_t begun;
	size_t standing;
	size_t over;
	size_t good;
	size_t whole;
	size_t first_transfer;
	long long bytes;
	double rate;
	double moved; /* anything did */
	double gap;
	bool died; /* the gateway */
	int epoll;
	const uint8_t *content;
	char why[160];
};

static void end(struct crowd *crowd, struct session *s, const char *why)
{
	if (s->over)
		return;
	s->over = true;
	crowd->over++;
	if (!why)
		crowd->good++;
	else if (!*crowd->why)
		snprintf(crowd->why, sizeof(crowd->why), "session %zu: %.120s",
			 (size_t)(s - crowd->session), why);
	close(s->control);
	if (s->data >= 0)
		close(s->data);
	s->data = -1;
}

static void say(struct crowd *crowd, struct session *s, const char *line, int expects)
{
	s->expects = expects;
	s->spoke = seconds();
	if (send(s->control, line, strlen(line), MSG_NOSIGNAL) < 0)
		end(crowd, s, strerror(errno));
}

/* Each says one command more, when it has nothing else to do. */
static void go_on(struct crowd *crowd, struct session *s)
{
	bool busy = s->expects || (s->kind == TRANSFER && !s->whole);

	if (!crowd->died || s->over || s->last || busy)
		return;
	s->last = true;
	say(crowd, s, "NOOP\r\n", 200);
}

static void stand(struct crowd *crowd, struct session *s)
{
	crowd->standing += !s->stands;
	s->stands = true;
}

static void dial(struct crowd *crowd, struct session *s, const char *line)
{
	struct sockaddr_in6 to = announced(line, &crowd->server);
	char command[32];

	s->data = open_socket(&to, SOCK_NONBLOCK);
	s->began = seconds();
	snprintf(command, sizeof(command), "RETR %lld\r\n", crowd->bytes);
	say(crowd, s, command, 150);
}

static void logged_in(struct crowd *crowd, struct session *s)
{
	if (s->kind != SILENT)
		say(crowd, s, "PASV\r\n", 227);
	else
		stand(crowd, s);
}

static void reply(struct crowd *crowd, struct session *s, const char *line)
{
	int code = atoi(line);

	if (code != s->expects) {
		end(crowd, s, line);
		return;
	}
	s->expects = 0;
	switch (code) {
	case 220:
		say(crowd, s, "USER bench\r\n", 331);
		break;
	case 331:
		say(crowd, s, "PASS bench\r\n", 230);
		break;
	case 230:
		logged_in(crowd, s);
		break;
	case 227:
		if (s->kind == TRANSFER)
			dial(crowd, s, line);
		else
			stand(crowd, s);
		break;
	case 150:
		s->expects = 226;
		break;
	case 226:
		s->said_226 = true;
		break;
	case 200:
		end(crowd, s, NULL);
		break;
	}
	go_on(crowd, s);
}

static void control_input(struct crowd *crowd, struct session *s)
{
	ssize_t n = recv(s->control, s->input + s->filled,
			 sizeof(s->input) - 1 - s->filled, 0);
	char *line = s->input, *stop;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		end(crowd, s, n ? strerror(errno) : "closed by the server");
		return;
	}
	s->filled += (size_t)n;
	s->input[s->filled] = '\0';
	while (!s->over && (stop = strstr(line, "\r\n"))) {
		*stop = '\0';
		reply(crowd, s, line);
		line = stop + 2;
	}
	s->filled -= (size_t)(line - s->input);
	memmove(s->input, line, s->filled);
}

/* ---- transfers ---- */

static void file_over(struct crowd *crowd, struct session *s, ssize_t n)
{
	if (n < 0) {
		end(crowd, s, strerror(errno));
	} else if (s->got != crowd->bytes) {
		end(crowd, s, "its file was cut off");
	} else {
		s->whole = true;
		crowd->whole++;
		close(s->data);
		s->data = -1;
		go_on(crowd, s);
	}
}

static bool is_right(const struct crowd *crowd, const struct session *s,
		     const uint8_t *bytes, size_t n)
{
	size_t at = (size_t)(s->got % FILE_SIZE);
	size_t head = n < FILE_SIZE - at ? n : FILE_SIZE - at;

	return s->got + (long long)n <= crowd->bytes &&
	       !memcmp(crowd->content + at, bytes, head) &&
	       !memcmp(crowd->content, bytes + head, n - head);
}

/* Up to so many bytes of its file. */
static void data_input(struct crowd *crowd, struct session *s, long long most)
{
	static uint8_t bytes[1 << 18];
	double now = seconds();
	ssize_t n = 1;

	while (n > 0 && most > 0 && s->data >= 0) {
		n = recv(s->data, bytes,
			 most < (long long)sizeof(bytes) ? (size_t)most : sizeof(bytes),
			 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			file_over(crowd, s, n);
			return;
		}
		if (!is_right(crowd, s, bytes, (size_t)n)) {
			end(crowd, s, "wrong bytes");
			return;
		}
		if (s->stands && now - s->read > crowd->gap)
			crowd->gap = now - s->read;
		s->read = crowd->moved = now;
		s->got += n;
		most -= n;
		stand(crowd, s);
	}
}

static void read_files(struct crowd *crowd)
{
	double now = seconds();

	for (size_t i = crowd->first_transfer; i < crowd->begun; i++) {
		struct session *s = &crowd->session[i];
		double due = crowd->rate * (now - s->began) - (double)s->got;

		if (s->data >= 0)
			data_input(crowd, s, crowd->died ? crowd->bytes : (long long)due);
	}
}

/* ---- all of them ---- */

static void begin(struct crowd *crowd, size_t talkers, size_t index)
{
	struct session *s = &crowd->session[index];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };

	*s = (struct session){ .data = -1, .expects = 220 };
	if (index >= crowd->first_transfer)
		s->kind = TRANSFER;
	else if (index + talkers >= crowd->first_transfer)
		s->kind = TALKER;
	s->control = open_socket(&crowd->server, SOCK_NONBLOCK);
	if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, s->control, &event))
		die("epoll_ctl");
}

static void talk(struct crowd *crowd)
{
	double now = seconds();

	for (size_t i = 0; i < crowd->begun; i++) {
		struct session *s = &crowd->session[i];

		if (s->kind == TALKER && s->stands && !s->over && !s->expects &&
		    now - s->spoke > TALK_PAUSE)
			say(crowd, s, "PASV\r\n", 227);
	}
}

static void see_events(struct crowd *crowd)
{
	struct epoll_event event[EVENTS];
	int n = epoll_wait(crowd->epoll, event, EVENTS, TICK_MS);

	for (int i = 0; i < n; i++) {
		struct session *s = event[i].data.ptr;
		char line[16];

		crowd->moved = seconds();
		if (s) {
			if (!s->over)
				control_input(crowd, s);
		} else if (read(STDIN_FILENO, line, sizeof(line)) > 0) {
			crowd->died = true;
			for (size_t k = 0; k < crowd->n; k++)
				go_on(crowd, &crowd->session[k]);
		} else {
			exit(1); /* whoever started us has ended */
		}
	}
	read_files(crowd);
	if (!crowd->died)
		talk(crowd);
}

static bool is_moving(const struct crowd *crowd)
{
	return seconds() - crowd->moved < PATIENCE;
}

static void run(struct crowd *crowd, size_t talkers)
{
	struct epoll_event input = { .events = EPOLLIN };

	crowd->moved = seconds();
	while (crowd->standing < crowd->n && !crowd->over && is_moving(crowd)) {
		while (crowd->begun < crowd->n && crowd->begun - crowd->standing < LOGINS)
			begin(crowd, talkers, crowd->begun++);
		see_events(crowd);
	}
	printf("{\"standing\": %zu, \"why\": \"%s\"}\n", crowd->standing, crowd->why);
	fflush(stdout);
	if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input))
		die("epoll_ctl");
	while (!crowd->died)
		see_events(crowd);
	while (crowd->over < crowd->n && is_moving(crowd))
		see_events(crowd);
	for (size_t i = 0; i < crowd->n; i++)
		end(crowd, &crowd->session[i], "it stands still");
	printf("{\"sessions\": %zu, \"transfers\": %zu, \"gap\": %.6f, \"why\": \"%s\"}\n",
	       crowd->good, crowd->whole, crowd->gap, crowd->why);
}

int main(int argc, char **argv)
{
	static struct crowd crowd;
	size_t talkers, transfers;

	crowd.server.sin6_family = AF_INET6;
	if (argc != 9 || !read_address(&crowd.server.sin6_addr, argv[1])) {
		fprintf(stderr, "usage: see the top of tests/bench/ftp_crowd.c\n");
		return 2;
	}
	crowd.server.sin6_port = htons((uint16_t)atoi(argv[2]));
	settle_down(atoi(argv[3]));
	crowd.n = strtoul(argv[4], NULL, 10);
	talkers = strtoul(argv[5], NULL, 10);
	transfers = strtoul(argv[6], NULL, 10);
	if (talkers + transfers > crowd.n)
		transfers = crowd.n - talkers;
	crowd.first_transfer = crowd.n - transfers;
	crowd.bytes = atoll(argv[7]);
	crowd.rate = strtod(argv[8], NULL);
	crowd.content = file_content();
	crowd.session = calloc(crowd.n, sizeof(*crowd.session));
	crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!crowd.session || crowd.epoll < 0)
		die("memory");
	run(&crowd, talkers);
	return 0;
}
