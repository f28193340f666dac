// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "events/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/util.h"
#include "dataplane/service_files.h"
#include "ftpnat_maps.h"

#define SEND_BUFFER (4 << 20) /* for each reader */

static struct sockaddr_un address_of(__u32 events_id)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	service_socket(events_id, address.sun_path, sizeof(address.sun_path));
	return address;
}

int event_relay_open(struct event_relay *relay, __u32 events_id)
{
	_cleanup_close_ int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = address_of(events_id);

	relay->events_id = events_id;
	for (int i = 0; i < EVENT_RELAY_READERS; i++)
		relay->reader[i] = (struct event_relay_reader){ .fd = -1 };
	if (fd < 0)
		return err_r(-errno, "can't make a socket: %s", strerror(errno));
	unlink(address.sun_path); /* of one that was killed: there is one reader at a time */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    chmod(address.sun_path, 0600) || listen(fd, EVENT_RELAY_READERS))
		return err_r(-errno, "can't listen at %s: %s", address.sun_path,
			     strerror(errno));
	relay->fd = TAKE_FD(fd);
	return 0;
}

void event_relay_close(struct event_relay *relay)
{
	struct sockaddr_un address = address_of(relay->events_id);

	if (relay->fd < 0)
		return;
	for (int i = 0; i < EVENT_RELAY_READERS; i++)
		close_fd(&relay->reader[i].fd);
	unlink(address.sun_path);
	close_fd(&relay->fd);
}

/* A reader for whom there is no room is disconnected at once. */
void event_relay_accept(struct event_relay *relay)
{
	_cleanup_close_ int fd =
		accept4(relay->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	const int size = SEND_BUFFER;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	for (int i = 0; i < EVENT_RELAY_READERS; i++)
		if (relay->reader[i].fd < 0) {
			relay->reader[i] =
				(struct event_relay_reader){ .fd = TAKE_FD(fd) };
			return;
		}
}

/* True if it was sent; a reader that is gone is dropped. */
static bool send_one(struct event_relay_reader *reader, const void *data, size_t size)
{
	if (send(reader->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno != EAGAIN && errno != ENOBUFS)
		close_fd(&reader->fd);
	return false;
}

static void tell_missed(struct event_relay_reader *reader)
{
	if (reader->told != reader->missed &&
	    send_one(reader, &reader->missed, sizeof(reader->missed)))
		reader->told = reader->missed;
}

void event_relay_send(struct event_relay *relay, const void *data, size_t size)
{
	for (int i = 0; i < EVENT_RELAY_READERS; i++) {
		struct event_relay_reader *reader = &relay->reader[i];

		if (reader->fd < 0)
			continue;
		tell_missed(reader); /* before what came after */
		if (reader->told != reader->missed || !send_one(reader, data, size))
			reader->missed++;
	}
}

void event_relay_tend(struct event_relay *relay)
{
	for (int i = 0; i < EVENT_RELAY_READERS; i++) {
		struct event_relay_reader *reader = &relay->reader[i];
		struct pollfd look = { .fd = reader->fd };

		if (reader->fd >= 0 && poll(&look, 1, 0) > 0)
			close_fd(&reader->fd); /* asked for nothing, so it hung up */
		if (reader->fd >= 0)
			tell_missed(reader);
	}
}

int event_relay_connect(__u32 events_id)
{
	_cleanup_close_ int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_un address = address_of(events_id);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return TAKE_FD(fd);
}

int event_relay_receive(int fd, int (*each)(void *arg, void *data, size_t size),
			void *arg, __u64 *missed)
{
	union {
		struct ftpnat_line_event event;
		__u64 missed;
	} message;
	int err = 0;

	while (!err) {
		ssize_t size = recv(fd, &message, sizeof(message), MSG_DONTWAIT);

		if (size < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (!size)
			return -ECONNRESET;
		if (size == sizeof(message.missed))
			*missed = message.missed;
		else
			err = each(arg, &message, (size_t)size);
	}
	return err;
}
