// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/ipfix_export.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/hostaddr.h"
#include "base/log.h"
#include "base/util.h"

#define QUEUE		4096 /* messages kept for a slow collector: 5 MiB, 100,000 records */
#define TEMPLATES_EVERY 60 /* seconds, over UDP (RFC 7011 section 8.1) */

static __u64 seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec;
}

static const char *collector_str(char buf[static FTPNAT_ENDPOINT_STRLEN],
				 const struct ipfix_export *ex)
{
	return ftpnat_endpoint_str(buf, &ex->collector.addr, ex->collector.port);
}

/* Only the first failure is logged. */
static void fails(struct ipfix_export *ex, int err)
{
	char text[FTPNAT_ENDPOINT_STRLEN];

	if (!ex->failed)
		pr_err("IPFIX collector %s: %s: records are %s, until it can be reached",
		       collector_str(text, ex), strerror(err),
		       ex->tcp ?
			       "kept, and those that are too many are lost and counted" :
			       "lost, and counted");
	ex->failed = err;
}

static void works(struct ipfix_export *ex)
{
	char text[FTPNAT_ENDPOINT_STRLEN];

	if (ex->failed)
		pr_info("IPFIX collector %s can be reached; %llu records were lost until "
			"now",
			collector_str(text, ex), ex->lost);
	ex->failed = 0;
}

/* ---- the connection ---- */

static void disconnect(struct ipfix_export *ex)
{
	close_fd(&ex->fd);
	ex->connecting = false;
	ex->sent = 0; /* a message that left in part is sent again as a whole */
}

/* A new transport session: its templates are to come, and its count begins again. */
static void connect_collector(struct ipfix_export *ex)
{
	struct sockaddr_storage to;
	socklen_t len = host_sockaddr(&ex->collector, &to);

	ex->sequence = 0;
	ex->templates_at = 0;
	ex->fd = socket(
		to.ss_family,
		(ex->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ex->fd < 0) {
		fails(ex, errno);
		return;
	}
	ex->connecting = ex->tcp;
	if (connect(ex->fd, (struct sockaddr *)&to, len) && errno != EINPROGRESS) {
		fails(ex, errno);
		disconnect(ex);
	}
}

/* Is the connection there? */
static bool connected(struct ipfix_export *ex)
{
	struct pollfd look = { .fd = ex->fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err = 0;

	if (ex->fd < 0)
		return false;
	if (!ex->connecting)
		return true;
	if (poll(&look, 1, 0) <= 0)
		return false;
	if (getsockopt(ex->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;
	if (err) {
		fails(ex, err);
		disconnect(ex);
		return false;
	}
	ex->connecting = false;
	return true;
}

/* ---- UDP ---- */

static void send_datagram(struct ipfix_export *ex, struct ipfix_message *m)
{
	ssize_t done;

	ipfix_finish(m, (__u32)time(NULL), ex->sequence);
	ex->sequence += m->records;
	done = ex->fd < 0 ? -1 : send(ex->fd, m->byte, m->len, MSG_NOSIGNAL);
	if (done < 0 && ex->fd >= 0 && errno == ECONNREFUSED) {
		/* that is the answer to an earlier one */
		fails(ex, errno);
		done = send(ex->fd, m->byte, m->len, MSG_NOSIGNAL);
	}
	if (done >= 0) {
		ex->written += m->records;
		return;
	}
	if (ex->fd >= 0)
		fails(ex, errno);
	ex->lost += m->records;
}

static void send_templates(struct ipfix_export *ex)
{
	struct ipfix_message m = { 0 };

	ipfix_add_templates(&m, ex->destinations);
	ipfix_finish(&m, (__u32)time(NULL), ex->sequence);
	ex->failed = 0; /* nobody says when it works again: it may be told once more */
	if (send(ex->fd, m.byte, m.len, MSG_NOSIGNAL) < 0)
		fails(ex, errno);
	else
		ex->templates_at = seconds_now();
}

/* ---- TCP ---- */

static void enqueue(struct ipfix_export *ex, const struct ipfix_message *m)
{
	if (ex->queued == QUEUE) {
		ex->lost += m->records;
		fails(ex, ENOBUFS);
		return;
	}
	ex->queue[(ex->first + ex->queued) % QUEUE] = *m;
	ex->queued++;
}

/* 0: all of it left; -EAGAIN: the rest has to wait; or another -errno. */
static int send_rest(struct ipfix_export *ex, const struct ipfix_message *m)
{
	ssize_t done = send(ex->fd, m->byte + ex->sent, m->len - ex->sent, MSG_NOSIGNAL);

	if (done < 0)
		return -errno;
	ex->sent += (size_t)done;
	return ex->sent == m->len ? 0 : -EAGAIN;
}

/* Templates go first in each connection; they are not part of the queue. */
static int send_stream_templates(struct ipfix_export *ex)
{
	struct ipfix_message m = { 0 };
	ssize_t done;

	if (ex->templates_at)
		return 0;
	ipfix_add_templates(&m, ex->destinations);
	ipfix_finish(&m, (__u32)time(NULL), 0);
	done = send(ex->fd, m.byte, m.len, MSG_NOSIGNAL);
	if (done != (ssize_t)m.len) /* into an empty buffer */
		return done < 0 ? -errno : -EIO;
	ex->templates_at = seconds_now();
	return 0;
}

static void send_queue(struct ipfix_export *ex)
{
	int rc = send_stream_templates(ex);

	while (!rc && ex->queued) {
		struct ipfix_message *m = &ex->queue[ex->first];

		if (!ex->sent)
			ipfix_finish(m, (__u32)time(NULL), ex->sequence);
		rc = send_rest(ex, m);
		if (rc)
			break;
		ex->sequence += m->records;
		ex->written += m->records;
		ex->sent = 0;
		ex->first = (ex->first + 1) % QUEUE;
		ex->queued--;
	}
	if (rc && rc != -EAGAIN) {
		fails(ex, -rc);
		disconnect(ex);
	} else if (!ex->queued) {
		works(ex);
	}
}

/* A collector says nothing; the end of the connection is all that can be read. */
static void look_for_end(struct ipfix_export *ex)
{
	char byte;
	ssize_t got;

	if (!ex->tcp || !connected(ex))
		return;
	got = recv(ex->fd, &byte, sizeof(byte), MSG_DONTWAIT);
	if (!got || (got < 0 && errno != EAGAIN)) {
		fails(ex, got ? errno : ECONNRESET);
		disconnect(ex);
	}
}

/* ---- for records ---- */

static void finish_message(struct ipfix_export *ex)
{
	if (!ex->message.records)
		return;
	if (ex->tcp)
		enqueue(ex, &ex->message);
	else
		send_datagram(ex, &ex->message);
	ex->message = (struct ipfix_message){ 0 };
}

void ipfix_export_flush(struct ipfix_export *ex)
{
	finish_message(ex);
	if (ex->tcp && connected(ex))
		send_queue(ex);
}

void ipfix_export_add(struct ipfix_export *ex, const struct ipfix_record *record)
{
	if (!ex->collector.port || ipfix_add(&ex->message, record, ex->destinations))
		return;
	finish_message(ex);
	ipfix_add(&ex->message, record, ex->destinations);
}

int ipfix_export_use(struct ipfix_export *ex, const struct ftpnat_endpoint *collector,
		     bool tcp, bool destinations)
{
	if (ex->collector.port == collector->port && ex->tcp == tcp &&
	    ex->destinations == destinations &&
	    ftpnat_addr_equal(&ex->collector.addr, &collector->addr))
		return 0;
	ipfix_export_close(ex);
	if (!collector->port)
		return 0;
	ex->queue = tcp ? calloc(QUEUE, sizeof(*ex->queue)) : NULL;
	if (tcp && !ex->queue)
		return err_r(-ENOMEM, "out of memory");
	ex->collector = *collector;
	ex->tcp = tcp;
	ex->destinations = destinations;
	ex->failed = 0;
	ipfix_export_tend(ex);
	return 0;
}

void ipfix_export_close(struct ipfix_export *ex)
{
	if (ex->collector.port)
		ipfix_export_flush(ex);
	for (; ex->queued; ex->queued--, ex->first = (ex->first + 1) % QUEUE)
		ex->lost += ex->queue[ex->first].records;
	disconnect(ex);
	free(ex->queue);
	ex->queue = NULL;
	ex->first = 0;
	ex->collector.port = 0;
}

void ipfix_export_tend(struct ipfix_export *ex)
{
	if (!ex->collector.port)
		return;
	look_for_end(ex);
	if (ex->fd < 0)
		connect_collector(ex);
	if (!ex->tcp && ex->fd >= 0 &&
	    (!ex->templates_at || seconds_now() - ex->templates_at >= TEMPLATES_EVERY))
		send_templates(ex);
	ipfix_export_flush(ex);
}
