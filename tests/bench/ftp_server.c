// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The least FTP server, so that the server isn't what is measured: one process, one
 * epoll loop, passive sockets that stay open. Anyone may log in; `RETR 1000` sends
 * 1000 bytes of file_content(), `STOR x` takes whatever comes, `STOR echo` sends it back.
 *
 *   ftp_server ADDRESS PORT CPU [spin]     spin: never sleep, for short round trips
 *
 * ADDRESS: IPv4, or IPv6, where EPSV and EPRT take the place of PASV and PORT.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "ftp_end.h"

#define EVENTS	   256
#define FIRST_PORT 50000

enum watched { CONTROL_LISTENER, CONTROL, PASSIVE, DATA };

struct session;

struct watch {
	enum watched what;
	int fd;
	struct session *session;
};

/* A listening data socket; those without a session wait in a list. */
struct passive {
	struct watch watch;
	uint16_t port;
	struct passive *next;
};

struct session {
	struct watch control;
	struct watch data;
	struct passive *passive;
	struct sockaddr_in6 active; /* from PORT or EPRT; IPv4 as ::ffff:a.b.c.d */
	bool storing;
	bool echo;   /* storing: what comes is sent back */
	bool wanted; /* a transfer is asked for */
	off_t left;  /* RETR: bytes still to send */
	off_t at;    /* ... from here in the file */
	size_t filled;
	char input[512];
	struct session *next_dead;
};

struct server {
	int epoll;
	int file;
	struct in6_addr addr; /* the same */
	uint16_t next_port;
	struct watch listener;
	struct passive *spare;
	struct session *dead; /* freed when no event can name them any more */
};

static void watch(struct server *server, struct watch *w, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = w };

	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, w->fd, &event))
		die("epoll_ctl");
}

/* -1: another server has this port */
static int listener(const struct server *server, uint16_t port)
{
	struct sockaddr_in6 sin = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port),
				    .sin6_addr = server->addr };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1, off = 0;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (!bind(fd, (struct sockaddr *)&sin, sizeof(sin)) && !listen(fd, 1024))
		return fd;
	if (errno != EADDRINUSE)
		die("cannot listen");
	close(fd);
	return -1;
}

static void say(const struct session *s, const char *line)
{
	/* replies are short and a client that reads them leaves room for the next */
	if (send(s->control.fd, line, strlen(line), MSG_NOSIGNAL) < 0 && errno == EAGAIN)
		fprintf(stderr, "ftp_server: a client does not read its replies\n");
}

static void end_data(struct session *s)
{
	if (s->data.fd >= 0)
		close(s->data.fd);
	s->data.fd = -1;
	s->wanted = false;
}

static void release_passive(struct server *server, struct session *s)
{
	struct passive *p = s->passive;

	if (!p)
		return;
	s->passive = NULL;
	p->watch.session = NULL;
	p->next = server->spare;
	server->spare = p;
}

static void end_session(struct server *server, struct session *s)
{
	end_data(s);
	release_passive(server, s);
	close(s->control.fd);
	s->control.fd = -1;
	s->next_dead = server->dead;
	server->dead = s;
}

/* Moves what can be moved now; at its end, says so. */
static void transfer(const struct server *server, struct session *s)
{
	static char sunk[1 << 20];
	ssize_t n = 1;

	if (!s->wanted || s->data.fd < 0)
		return;
	while (n > 0 && s->storing) {
		n = recv(s->data.fd, sunk, sizeof(sunk), s->echo ? 0 : MSG_TRUNC);
		if (n > 0 && s->echo) /* one byte at a time: there is room */
			n = send(s->data.fd, sunk, (size_t)n, MSG_NOSIGNAL);
	}
	while (n > 0 && s->left > 0) {
		n = sendfile(s->data.fd, server->file, &s->at,
			     (size_t)(s->left < FILE_SIZE - s->at ? s->left :
								    FILE_SIZE - s->at));
		s->left -= n > 0 ? n : 0;
		s->at %= FILE_SIZE;
	}
	if (n < 0 && errno == EAGAIN)
		return;
	end_data(s);
	say(s, n < 0 ? "426 Broken.\r\n" : "226 Done.\r\n");
}

static void have_data(struct server *server, struct session *s, int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	end_data(s);
	s->data.fd = fd;
	watch(server, &s->data, EPOLLIN | EPOLLOUT | EPOLLET);
}

static void passive_command(struct server *server, struct session *s)
{
	const uint8_t *a = server->addr.s6_addr + 12;
	struct passive *p = s->passive ? s->passive : server->spare;
	char line[64];

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			die("memory");
		do {
			p->port = server->next_port++;
			p->watch.fd = listener(server, p->port);
		} while (p->watch.fd < 0);
		p->watch.what = PASSIVE;
		watch(server, &p->watch, EPOLLIN);
	} else if (!s->passive) {
		server->spare = p->next;
	}
	s->passive = p;
	p->watch.session = s;
	if (IN6_IS_ADDR_V4MAPPED(&server->addr))
		snprintf(line, sizeof(line), "227 Passive (%u,%u,%u,%u,%u,%u).\r\n", a[0],
			 a[1], a[2], a[3], p->port >> 8, p->port & 255);
	else
		snprintf(line, sizeof(line), "229 Passive (|||%u|)\r\n", p->port);
	say(s, line);
}

static bool connect_to(struct session *s, const char *address, unsigned int port)
{
	s->active = (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port),
	};
	return read_address(&s->active.sin6_addr, address);
}

static void extended_command(struct session *s, const char *text)
{
	char address[INET6_ADDRSTRLEN];
	unsigned int port;

	if (sscanf(text, "|2|%45[^|]|%u|", address, &port) != 2 ||
	    !connect_to(s, address, port))
		say(s, "501 What?\r\n");
	else
		say(s, "200 EPRT ok.\r\n");
}

static void active_command(struct session *s, const char *text)
{
	char address[INET_ADDRSTRLEN];
	unsigned int n[6];

	if (sscanf(text, "%u,%u,%u,%u,%u,%u", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5]) !=
	    6) {
		say(s, "501 What?\r\n");
		return;
	}
	snprintf(address, sizeof(address), "%u.%u.%u.%u", n[0] & 255, n[1] & 255,
		 n[2] & 255, n[3] & 255);
	connect_to(s, address, n[4] << 8 | n[5]);
	say(s, "200 PORT ok.\r\n");
}

static void transfer_command(struct server *server, struct session *s, const char *size)
{
	s->storing = !size;
	s->left = size ? atoll(size) : 0;
	s->at = 0;
	s->wanted = true;
	say(s, "150 Here.\r\n");
	if (s->active.sin6_port) {
		int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0)
			die("socket");
		(void)connect(fd, (struct sockaddr *)&s->active, sizeof(s->active));
		s->active.sin6_port = 0;
		s->wanted = false; /* have_data() forgets an older transfer */
		have_data(server, s, fd);
		s->wanted = true;
		return; /* the edge that connects it starts it */
	}
	transfer(server, s);
}

static void store_command(struct server *server, struct session *s, const char *name)
{
	s->echo = !strcmp(name, "echo");
	transfer_command(server, s, NULL);
}

/* false: the session is over */
static bool command(struct server *server, struct session *s, const char *line)
{
	if (!strncmp(line, "USER", 4))
		say(s, "331 Password?\r\n");
	else if (!strncmp(line, "PASS", 4))
		say(s, "230 Hello.\r\n");
	else if (!strncmp(line, "PASV", 4) || !strncmp(line, "EPSV", 4))
		passive_command(server, s);
	else if (!strncmp(line, "EPRT ", 5))
		extended_command(s, line + 5);
	else if (!strncmp(line, "PORT ", 5))
		active_command(s, line + 5);
	else if (!strncmp(line, "RETR ", 5))
		transfer_command(server, s, line + 5);
	else if (!strncmp(line, "STOR ", 5))
		store_command(server, s, line + 5);
	else if (!strncmp(line, "QUIT", 4))
		say(s, "221 Bye.\r\n");
	else
		say(s, "200 Fine.\r\n");
	return strncmp(line, "QUIT", 4) != 0;
}

static void control_input(struct server *server, struct session *s)
{
	ssize_t n = recv(s->control.fd, s->input + s->filled,
			 sizeof(s->input) - 1 - s->filled, 0);
	char *line = s->input, *end;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		end_session(server, s);
		return;
	}
	s->filled += (size_t)n;
	s->input[s->filled] = '\0';
	while ((end = strstr(line, "\r\n"))) {
		*end = '\0';
		if (!command(server, s, line)) {
			end_session(server, s);
			return;
		}
		line = end + 2;
	}
	s->filled -= (size_t)(line - s->input);
	memmove(s->input, line, s->filled);
}

static void accept_control(struct server *server)
{
	const int on = 1;
	struct session *s;
	int fd;

	while ((fd = accept4(server->listener.fd, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		s = calloc(1, sizeof(*s));
		if (!s)
			die("memory");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		s->control = (struct watch){ CONTROL, fd, s };
		s->data = (struct watch){ DATA, -1, s };
		watch(server, &s->control, EPOLLIN);
		say(s, "220 Ready.\r\n");
	}
}

static void accept_data(struct server *server, const struct watch *w)
{
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct session *s = w->session;
	bool wanted;

	if (fd < 0)
		return;
	if (!s) {
		close(fd);
		return;
	}
	wanted = s->wanted;
	have_data(server, s, fd);
	s->wanted = wanted;
	transfer(server, s);
}

static void handle(struct server *server, const struct watch *w)
{
	switch (w->what) {
	case CONTROL_LISTENER:
		accept_control(server);
		break;
	case CONTROL:
		if (w->fd >= 0)
			control_input(server, w->session);
		break;
	case PASSIVE:
		accept_data(server, w);
		break;
	case DATA:
		transfer(server, w->session);
		break;
	}
}

static void serve(struct server *server, int timeout)
{
	struct epoll_event event[EVENTS];
	struct session *dead;
	int n;

	for (;;) {
		n = epoll_wait(server->epoll, event, EVENTS, timeout);
		for (int i = 0; i < n; i++)
			handle(server, event[i].data.ptr);
		while ((dead = server->dead)) {
			server->dead = dead->next_dead;
			free(dead);
		}
	}
}

int main(int argc, char **argv)
{
	struct server server = { .next_port = FIRST_PORT };
	uint8_t *content;

	if (argc < 4 || !read_address(&server.addr, argv[1])) {
		fprintf(stderr, "usage: ftp_server ADDRESS PORT CPU [spin]\n");
		return 2;
	}
	settle_down(atoi(argv[3]));
	content = file_content();
	server.file = memfd_create("file", MFD_CLOEXEC);
	if (server.file < 0 || write(server.file, content, FILE_SIZE) != FILE_SIZE)
		die("no memory for the file");
	free(content);
	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	server.listener.what = CONTROL_LISTENER;
	server.listener.fd = listener(&server, (uint16_t)atoi(argv[2]));
	if (server.listener.fd < 0)
		die("cannot listen");
	watch(&server, &server.listener, EPOLLIN);
	serve(&server, argc > 4 ? 0 : -1);
	return 0;
}
