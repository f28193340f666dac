// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/request.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/options.h"
#include "base/util.h"

#define ANSWER_LEN     1024
#define ANSWER_SECONDS 60 /* most that copying all takes */

struct requests {
	struct sockaddr_un address;
	int listen_fd;
	int fd; /* of the request at hand; -1: none */
	sd_event_source *listening;
	sd_event_source *reading;
	sd_event *event;
	void (*see)(void *arg, const char *word);
	void *arg;
};

/* Named after the folder, as the lock is. */
static int socket_address(const char *dir, struct sockaddr_un *address)
{
	int len = snprintf(address->sun_path, sizeof(address->sun_path), RUN_DIR "/ask%s",
			   dir);

	address->sun_family = AF_UNIX;
	if (len < 0 || (size_t)len >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	for (char *c = address->sun_path + strlen(RUN_DIR) + 1; *c; c++)
		if (*c == '/')
			*c = '-';
	return 0;
}

static void forget(struct requests *requests)
{
	requests->reading = sd_event_source_disable_unref(requests->reading);
	close_fd(&requests->fd);
}

static int see_word(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct requests *requests = arg;
	char word[REQUEST_LEN];
	ssize_t len = recv(fd, word, sizeof(word) - 1, 0);

	(void)source;
	(void)revents;
	if (len <= 0) { /* it doesn't wait any more */
		forget(requests);
		return 0;
	}
	word[len] = '\0';
	requests->see(requests->arg, word);
	return 0;
}

static int see_caller(sd_event_source *source, int listen_fd, uint32_t revents, void *arg)
{
	struct requests *requests = arg;
	_cleanup_close_ int fd =
		accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)revents;
	if (fd < 0 || requests->fd >= 0) /* closed without an answer: busy */
		return 0;
	if (sd_event_add_io(requests->event, &requests->reading, fd, EPOLLIN, see_word,
			    requests) >= 0)
		requests->fd = TAKE_FD(fd);
	return 0;
}

int requests_open(struct requests **requests, sd_event *event, const char *dir,
		  void (*see)(void *arg, const char *word), void *arg)
{
	struct requests *r = calloc(1, sizeof(*r));
	mode_t mask;
	int err;

	if (!r)
		return err_r(-ENOMEM, "out of memory");
	r->fd = -1;
	r->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r->event = event;
	r->see = see;
	r->arg = arg;
	err = r->listen_fd < 0 ? -errno : socket_address(dir, &r->address);
	if (!err) {
		unlink(r->address.sun_path); /* of a `run` that was killed */
		mask = umask(0077);
		if (bind(r->listen_fd, (struct sockaddr *)&r->address,
			 sizeof(r->address)) ||
		    listen(r->listen_fd, 4))
			err = -errno;
		umask(mask);
	}
	if (!err)
		err = sd_event_add_io(event, &r->listening, r->listen_fd, EPOLLIN,
				      see_caller, r);
	if (err < 0) {
		pr_err("can't listen at %s: %s", r->address.sun_path, strerror(-err));
		requests_close(r);
		return err;
	}
	*requests = r;
	return 0;
}

void requests_answer(struct requests *requests, json_t *answer)
{
	json_auto_t *taken = answer;
	char text[ANSWER_LEN];
	size_t len;

	if (!requests || requests->fd < 0 || !taken)
		return;
	len = json_dumpb(taken, text, sizeof(text), JSON_COMPACT);
	if (len && len <= sizeof(text) && send(requests->fd, text, len, MSG_NOSIGNAL) < 0)
		pr_warn("the command that asked has left");
	forget(requests);
}

void requests_close(struct requests *requests)
{
	if (!requests)
		return;
	forget(requests);
	requests->listening = sd_event_source_disable_unref(requests->listening);
	close_fd(&requests->listen_fd);
	unlink(requests->address.sun_path);
	free(requests);
}

int request_make(const char *dir, const char *word, json_t **answer)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	struct sockaddr_un address = { 0 };
	char text[ANSWER_LEN];
	ssize_t len;
	int err;

	if (fd < 0)
		return -errno;
	err = socket_address(dir, &address);
	if (err)
		return err;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    send(fd, word, strlen(word), MSG_NOSIGNAL) < 0)
		return errno == ENOENT ? -ECONNREFUSED : errno == EPIPE ? -EBUSY : -errno;
	len = recv(fd, text, sizeof(text), 0);
	if (len < 0)
		return errno == EAGAIN	   ? -ETIMEDOUT :
		       errno == ECONNRESET ? -EBUSY :
					     -errno;
	if (!len)
		return -EBUSY;
	*answer = json_loadb(text, (size_t)len, 0, NULL);
	return *answer ? 0 : -EPROTO;
}
