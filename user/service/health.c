// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/health.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/hostaddr.h"
#include "base/log.h"
#include "dataplane/map_names.h"
#include "dataplane/pin.h"
#include "dataplane/servers.h"
#include "service/metrics.h"

#define GREETING "220"
#define USEC	 1000000ULL
#define QUIT	 "QUIT\r\n"

struct health_target {
	struct health *health;
	char rule[FTPNAT_NAME_LEN];
	struct ftpnat_endpoint server;
	struct config_health config;
	bool down;
	unsigned int count; /* checks in a row that contradict `down` */

	/* the check under way */
	int fd; /* -1: none */
	bool connected;
	char got[sizeof(GREETING) - 1];
	size_t len;
	sd_event_source *io;
	sd_event_source *timer;
};

/* ---- verdicts ---- */

/* In the map, which remembers it over a reload and for the next `run`. */
static int put_verdict(const struct health_target *target, bool down)
{
	struct servers_drain drain = { .rule = target->rule,
				       .server = target->server,
				       .by = FTPNAT_DRAINED_BY_HEALTH,
				       .drain = down };

	return servers_drain(target->health->options, &drain);
}

static void say(const struct health_target *target, const char *what, const char *why)
{
	char text[FTPNAT_ENDPOINT_STRLEN];

	log_line(*why ? LOG_WARNING : LOG_INFO, "server %s of rule %s is %s%s%s",
		 ftpnat_endpoint_str(text, &target->server.addr, target->server.port),
		 target->rule, what, *why ? ": " : "", why);
}

static void close_check(struct health_target *target)
{
	target->io = sd_event_source_disable_unref(target->io);
	close_fd(&target->fd);
}

/* `why`: NULL when all was well. */
static void end_check(struct health_target *target, const char *why)
{
	bool good = !why;

	close_check(target);
	sd_event_source_set_time_relative(target->timer, target->config.interval * USEC);
	sd_event_source_set_enabled(target->timer, SD_EVENT_ONESHOT);
	if (good != target->down) { /* no news */
		target->count = 0;
		if (target->down)
			put_verdict(target, true); /* a reload may have put it back */
		return;
	}
	if (++target->count < (good ? target->config.rise : target->config.fall))
		return;
	if (put_verdict(target, !good))
		return; /* tried again after the next check */
	target->count = 0;
	target->down = !good;
	say(target, good ? "up" : "down", good ? "" : why);
}

/* ---- one check ---- */

static void see_greeting(struct health_target *target)
{
	ssize_t len = recv(target->fd, target->got + target->len,
			   sizeof(target->got) - target->len, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		end_check(target, len ? strerror(errno) :
					"it closed the connection without a greeting");
		return;
	}
	target->len += (size_t)len;
	if (memcmp(target->got, GREETING, target->len))
		end_check(target, "its greeting is not a 220");
	else if (target->len == sizeof(target->got)) {
		send(target->fd, QUIT, strlen(QUIT), MSG_DONTWAIT | MSG_NOSIGNAL);
		end_check(target, NULL);
	}
}

static int see_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct health_target *target = arg;
	socklen_t len = sizeof(int);
	int err = 0;

	(void)events;
	if (!target->connected) {
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err) {
			end_check(target, strerror(err));
			return 0;
		}
		target->connected = true;
		return sd_event_source_set_io_events(source, EPOLLIN);
	}
	see_greeting(target);
	return 0;
}

/* The programs know its connection by the socket: it is not a session of a rule. */
static int note_probe(const struct health_target *target)
{
	_cleanup_close_ int probes_fd =
		pin_open(target->health->options->pin, map_name(FTPNAT_MAP_PROBES));
	socklen_t len = sizeof(__u64);
	const __u32 yes = 1;
	__u64 cookie;

	if (probes_fd < 0)
		return probes_fd;
	if (getsockopt(target->fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ||
	    bpf_map_update_elem(probes_fd, &cookie, &yes, BPF_ANY))
		return -errno;
	return 0;
}

static void begin_check(struct health_target *target)
{
	struct sockaddr_storage sa;
	socklen_t len = host_sockaddr(&target->server, &sa);
	int err;

	target->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	target->connected = false;
	target->len = 0;
	sd_event_source_set_time_relative(target->timer, target->config.timeout * USEC);
	sd_event_source_set_enabled(target->timer, SD_EVENT_ONESHOT);
	if (target->fd < 0 || sd_event_add_io(target->health->event, &target->io,
					      target->fd, EPOLLOUT, see_io, target) < 0) {
		pr_err("can't check a server: %s", strerror(errno)); /* not its fault */
		close_check(target);
		return;
	}
	err = note_probe(target);
	if (err)
		pr_warn("a health check counts as a session: %s", strerror(-err));
	if (connect(target->fd, (struct sockaddr *)&sa, len) && errno != EINPROGRESS)
		end_check(target, strerror(errno));
}

/* Time for a check, or the end of the time for one. */
static int see_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct health_target *target = arg;

	(void)source;
	(void)usec;
	if (target->fd >= 0)
		end_check(target, target->connected ? "no greeting within the timeout" :
						      "no connection within the timeout");
	else
		begin_check(target);
	return 0;
}

/* ---- configuration ---- */

static void end_target(struct health_target *target)
{
	close_check(target);
	target->timer = sd_event_source_disable_unref(target->timer);
}

static struct health_target *find(struct health_target *targets, size_t number,
				  const char *rule, const struct ftpnat_addr *addr,
				  __be16 port)
{
	for (size_t i = 0; i < number; i++)
		if (!strcmp(targets[i].rule, rule) && targets[i].server.port == port &&
		    ftpnat_addr_equal(&targets[i].server.addr, addr))
			return &targets[i];
	return NULL;
}

struct recalling {
	struct health *health;
	struct view view;
};

static int see_verdict(const struct published_server *published, void *arg)
{
	const struct recalling *r = arg;
	const struct ftpnat_server *server = &published->server;
	struct health_target *target = find(r->health->target, r->health->number,
					    view_rule_name(&r->view, published->rule),
					    &server->addr, server->port);

	if (target)
		target->down = server->drained & FTPNAT_DRAINED_BY_HEALTH;
	return 0;
}

/* Servers that were down before the reload, or when an earlier run ended. */
static int recall(struct health *health)
{
	struct recalling r = { .health = health };
	int err = view_open(&r.view, health->options) ?:
			  servers_walk(&r.view, see_verdict, &r);

	view_close(&r.view);
	return err;
}

static int start(struct health *health, struct health_target *target)
{
	int err;

	target->health = health;
	err = sd_event_add_time_relative(health->event, &target->timer, CLOCK_MONOTONIC,
					 0, 0, see_timer, target);
	if (err < 0)
		return err_r(err, "can't check servers: %s", strerror(-err));
	return 0;
}

static size_t count_servers(const struct config *config)
{
	size_t number = 0;

	for (size_t i = 0; i < config->publish_n; i++)
		if (config->publish[i].health_checks)
			number += config->publish[i].servers_n;
	return number;
}

static void fill(struct health_target *targets, const struct config *config)
{
	for (size_t i = 0; i < config->publish_n; i++) {
		const struct config_publish *publish = &config->publish[i];

		for (size_t j = 0; publish->health_checks && j < publish->servers_n;
		     j++) {
			*targets = (struct health_target){
				.fd = -1,
				.server = publish->servers[j].endpoint,
				.config = publish->health,
			};
			memcpy(targets->rule, publish->rule.name, sizeof(targets->rule));
			targets++;
		}
	}
}

int health_configure(struct health *health, const struct config *config)
{
	size_t number = count_servers(config), old_number = health->number;
	_cleanup_free_ struct health_target *old = health->target;
	struct health_target *targets = calloc(number + 1, sizeof(*targets));
	int err;

	if (!targets) {
		TAKE_PTR(old);
		return err_r(-ENOMEM, "out of memory");
	}
	fill(targets, config);
	health->target = targets;
	health->number = number;
	err = number ? recall(health) : 0;
	for (size_t i = 0; i < old_number; i++) {
		const struct health_target *last = &old[i];
		struct health_target *heir = find(targets, number, last->rule,
						  &last->server.addr, last->server.port);

		if (heir && heir->down == last->down)
			heir->count = last->count;
		end_target(&old[i]);
	}
	for (size_t i = 0; !err && i < number; i++)
		err = start(health, &targets[i]);
	return err;
}

void health_open(struct health *health, sd_event *event, const struct options *options)
{
	health->event = event;
	health->options = options;
}

void health_close(struct health *health)
{
	for (size_t i = 0; i < health->number; i++)
		end_target(&health->target[i]);
	free(health->target);
}

void health_metrics(const struct health *health, json_t *families)
{
	json_t *family = metrics_family(
		families, "ftpnat_server_up", "gauge",
		"1: the server passes its health checks; 0: it gets no new connections.");
	char text[FTPNAT_ENDPOINT_STRLEN];

	for (size_t i = 0; i < health->number; i++) {
		const struct health_target *target = &health->target[i];

		metrics_sample(family,
			       json_pack("{s:s, s:s}", "rule", target->rule, "server",
					 ftpnat_endpoint_str(text, &target->server.addr,
							     target->server.port)),
			       !target->down);
	}
}
