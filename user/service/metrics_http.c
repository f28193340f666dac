// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/metrics_http.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/hostaddr.h"
#include "base/log.h"
#include "base/util.h"
#include "service/metrics.h"

#define BACKLOG		32
#define MAX_CONNECTIONS 64U
#define MAX_WAITING	48U /* above, the one that is waited for longest goes first */
#define REQUEST_SECONDS 10U /* for a request, to its last byte */

/* A connection, and since when its next request is waited for. */
struct waiting {
	int fd; /* 0: none */
	time_t since;
};

struct metrics_http {
	struct MHD_Daemon *daemon;
	struct waiting waiting[MAX_CONNECTIONS];
	sd_event_source *source;
	metrics_http_fn read;
	void *arg;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int code,
			      const char *type, char *text, size_t len,
			      enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len, text, mode);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, code, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int code,
				   char *text)
{
	return answer(connection, code, "text/plain; charset=utf-8", text, strlen(text),
		      MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_metrics(const struct metrics_http *http,
				      struct MHD_Connection *connection)
{
	json_t *families = http->read(http->arg);
	size_t len = 0;
	char *text = NULL;
	FILE *out = families ? open_memstream(&text, &len) : NULL;

	if (out) {
		metrics_print(out, families);
		fclose(out);
	}
	json_decref(families);
	if (!text)
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
				   "the counters can't be read: see the log\n");
	return answer(connection, MHD_HTTP_OK, METRICS_CONTENT_TYPE, text, len,
		      MHD_RESPMEM_MUST_FREE);
}

/*
 * MHD's own timeout starts again with each byte. A client that sends a byte now and then must not
 * keep others out: it shuts the connection, and MHD then finds it closed.
 */
static void shut(struct waiting *waiting)
{
	shutdown(waiting->fd, SHUT_RDWR);
	waiting->fd = 0;
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int fd_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : 0;
}

static struct waiting *find_waiting(struct metrics_http *http, int fd)
{
	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		if (http->waiting[i].fd == fd)
			return &http->waiting[i];
	return NULL;
}

/* The next request of the connection may take as long again. */
static void answered(struct metrics_http *http, struct MHD_Connection *connection)
{
	struct waiting *waiting = find_waiting(http, fd_of(connection));

	if (waiting)
		waiting->since = seconds();
}

static void forget_waiting(struct metrics_http *http, struct MHD_Connection *connection)
{
	struct waiting *waiting = find_waiting(http, fd_of(connection));

	if (waiting)
		waiting->fd = 0;
}

static void begin_waiting(struct metrics_http *http, int fd)
{
	struct waiting *oldest = NULL, *place = find_waiting(http, 0);
	unsigned int n = 0;

	for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
		struct waiting *waiting = &http->waiting[i];

		if (!waiting->fd)
			continue;
		n++;
		if (!oldest || waiting->since < oldest->since)
			oldest = waiting;
	}
	if (n >= MAX_WAITING)
		shut(oldest);
	if (place)
		*place = (struct waiting){ .fd = fd, .since = seconds() };
}

static void see_connection(void *arg, struct MHD_Connection *connection, void **context,
			   enum MHD_ConnectionNotificationCode what)
{
	(void)context;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		begin_waiting(arg, fd_of(connection));
	else
		forget_waiting(arg, connection);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection,
			      const char *url, const char *method, const char *version,
			      const char *upload, size_t *upload_size, void **state)
{
	static char seen;

	(void)version;
	(void)upload;
	if (!*state) { /* an answer before the whole request would end the connection */
		*state = &seen;
		return MHD_YES;
	}
	*upload_size = 0;
	answered(arg, connection);
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				   "only GET and HEAD\n");
	if (!strcmp(url, "/metrics"))
		return answer_metrics(arg, connection);
	return answer_text(connection,
			   strcmp(url, "/") ? MHD_HTTP_NOT_FOUND : MHD_HTTP_OK,
			   "ftpnat: the counters are at /metrics\n");
}

static int see_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct metrics_http *http = arg;

	(void)source;
	(void)fd;
	(void)events;
	metrics_http_tend(http);
	return 0;
}

static int open_socket(const struct ftpnat_endpoint *listen_at)
{
	struct sockaddr_storage sa;
	socklen_t len = host_sockaddr(listen_at, &sa);
	_cleanup_close_ int fd =
		socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[FTPNAT_ENDPOINT_STRLEN];
	const int one = 1;

	ftpnat_endpoint_str(text, &listen_at->addr, listen_at->port);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&sa, len) || listen(fd, BACKLOG))
		return err_r(-errno,
			     "metrics: can't listen at %s: %s (set another "
			     "address or port in metrics.listen)",
			     text, strerror(errno));
	return TAKE_FD(fd);
}

int metrics_http_open(struct metrics_http **out, sd_event *event,
		      const struct ftpnat_endpoint *listen_at, metrics_http_fn read,
		      void *arg)
{
	_cleanup_metrics_http_ struct metrics_http *http = calloc(1, sizeof(*http));
	_cleanup_close_ int fd = open_socket(listen_at);
	const union MHD_DaemonInfo *info;
	int err;

	if (fd < 0)
		return fd;
	if (!http)
		return err_r(-ENOMEM, "out of memory");
	http->read = read;
	http->arg = arg;
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, http,
					MHD_OPTION_LISTEN_SOCKET, fd,
					MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
					MHD_OPTION_CONNECTION_TIMEOUT, REQUEST_SECONDS,
					MHD_OPTION_NOTIFY_CONNECTION, see_connection,
					http, MHD_OPTION_END);
	if (!http->daemon)
		return err_r(-EIO, "metrics: the HTTP server can't be started");
	TAKE_FD(fd); /* the daemon's now */
	info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	err = info ? sd_event_add_io(event, &http->source, info->epoll_fd, EPOLLIN,
				     see_io, http) :
		     -EIO;
	if (err < 0)
		return err_r(err, "metrics: can't wait for requests: %s", strerror(-err));
	*out = TAKE_PTR(http);
	return 0;
}

void metrics_http_close(struct metrics_http *http)
{
	if (!http)
		return;
	sd_event_source_disable_unref(http->source);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	free(http);
}

void metrics_http_tend(struct metrics_http *http)
{
	time_t now = seconds();

	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		if (http->waiting[i].fd && now - http->waiting[i].since > REQUEST_SECONDS)
			shut(&http->waiting[i]);
	MHD_run(http->daemon);
}
