// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "health.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "hostaddr.h"
#include "log.h"
#include "metrics.h"
#include "server_weight.h"

#define GREETING "220"
#define USEC	 1000000ULL
#define QUIT	 "QUIT\r\n"

struct health_target {
	struct health *health;
	char rule[FTPNAT_NAME_LEN];
	struct ftpnat_endpoint server;
	__u16 weight;
	struct config_health config;
	bool down;
	bool drained;	    /* by us */
	unsigned int count; /* checks in a row that say otherwise than `down` */

	/* the check under way */
	int fd; /* -1: none */
	bool connected;
	char got[sizeof(GREETING) - 1];
	size_t len;
	sd_event_source *io;
	sd_event_source *timer;
};

/* ---- what outlives us: the servers that we have drained ---- */

static void remember(const struct health *health)
{
	_cleanup_fclose_ FILE *file = NULL;
	char fresh[sizeof(health->path) + 4], text[FTPNAT_ENDPOINT_STRLEN];
	size_t drained = 0;

	snprintf(fresh, sizeof(fresh), "%s.new", health->path);
	file = fopen(fresh, "we");
	if (!file)
		return;
	for (size_t i = 0; i < health->number; i++) {
		const struct health_target *target = &health->target[i];

		if (!target->drained)
			continue;
		drained++;
		fprintf(file, "%s %s\n", target->rule,
			ftpnat_endpoint_str(text, &target->server.addr,
					    target->server.port));
	}
	if (fflush(file) || !drained)
		unlink(fresh);
	if (drained)
		rename(fresh, health->path);
	else
		unlink(health->path);
}

/* An earlier run's, as targets without checks. */
static void recall(struct health *health)
{
	_cleanup_fclose_ FILE *file = fopen(health->path, "re");
	char rule[FTPNAT_NAME_LEN], text[FTPNAT_ENDPOINT_STRLEN];

	while (file && health->number < FTPNAT_MAX_SERVERS &&
	       fscanf(file, "%31s %55s", rule, text) == 2) {
		struct health_target *more =
			realloc(health->target, (health->number + 1) * sizeof(*more));
		struct health_target target = { .fd = -1, .down = true, .drained = true };

		if (!more)
			return;
		health->target = more;
		memcpy(target.rule, rule, sizeof(rule));
		if (!ftpnat_endpoint_parse(text, &target.server))
			more[health->number++] = target;
	}
}

/* ---- verdicts ---- */

static void drain(struct health_target *target)
{
	if (server_weight(target->health->options, target->rule, &target->server, 0) > 0)
		target->drained = true;
}

static void say(const struct health_target *target, const char *what, const char *why)
{
	char text[FTPNAT_ENDPOINT_STRLEN];

	pr_err("server %s of rule %s is %s%s%s",
	       ftpnat_endpoint_str(text, &target->server.addr, target->server.port),
	       target->rule, what, *why ? ": " : "", why);
}

static void go_down(struct health_target *target, const char *why)
{
	target->down = true;
	drain(target);
	say(target, "down", why);
	remember(target->health);
}

static void come_up(struct health_target *target)
{
	target->down = false;
	if (target->drained)
		server_weight(target->health->options, target->rule, &target->server,
			      target->weight);
	target->drained = false;
	say(target, "up", "");
	remember(target->health);
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
			drain(target); /* a reload may have put it back */
		return;
	}
	if (++target->count < (good ? target->config.rise : target->config.fall))
		return;
	target->count = 0;
	if (good)
		come_up(target);
	else
		go_down(target, why);
}

/* ---- one check ---- */

static void see_greeting(struct health_target *target)
{
	ssize_t len = recv(target->fd, target->got + target->len,
			   sizeof(target->got) - target->len, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		end_check(target,
			  len ? strerror(errno) : "it hung up without a greeting");
		return;
	}
	target->len += (size_t)len;
	if (memcmp(target->got, GREETING, target->len))
		end_check(target, "its greeting is no 220");
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

static void begin_check(struct health_target *target)
{
	struct sockaddr_storage sa;
	socklen_t len = host_sockaddr(&target->server, &sa);

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
		end_check(target, target->connected ? "no greeting in time" :
						      "no connection in time");
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

static bool is_same(const struct health_target *a, const struct health_target *b)
{
	return !strcmp(a->rule, b->rule) && a->server.port == b->server.port &&
	       ftpnat_addr_equal(&a->server.addr, &b->server.addr);
}

static struct health_target *find(struct health_target *targets, size_t number,
				  const struct health_target *wanted)
{
	for (size_t i = 0; i < number; i++)
		if (is_same(&targets[i], wanted))
			return &targets[i];
	return NULL;
}

/* The weight that the configuration gives to the server; 0: it has none. */
static __u16 configured_weight(const struct config *config,
			       const struct health_target *target)
{
	for (size_t i = 0; i < config->publish_n; i++) {
		const struct config_publish *publish = &config->publish[i];

		if (strcmp(publish->rule.name, target->rule))
			continue;
		for (size_t j = 0; j < publish->servers_n; j++) {
			const struct config_server *server = &publish->servers[j];

			if (server->endpoint.port == target->server.port &&
			    ftpnat_addr_equal(&server->endpoint.addr,
					      &target->server.addr))
				return (__u16)server->weight;
		}
	}
	return 0;
}

static int start(struct health *health, struct health_target *target)
{
	int err;

	target->health = health;
	err = sd_event_add_time_relative(health->event, &target->timer, CLOCK_MONOTONIC,
					 0, 0, see_timer, target);
	if (err < 0)
		return err_r(err, "can't check servers: %s", strerror(-err));
	if (target->down)
		drain(target);
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
				.weight = (__u16)publish->servers[j].weight,
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
	int err = 0;

	if (!targets) {
		TAKE_PTR(old);
		return err_r(-ENOMEM, "out of memory");
	}
	fill(targets, config);
	for (size_t i = 0; i < old_number; i++) {
		struct health_target *heir = find(targets, number, &old[i]);
		__u16 weight = configured_weight(config, &old[i]);

		end_target(&old[i]);
		if (heir) {
			heir->down = old[i].down;
			heir->drained = old[i].drained;
			heir->count = old[i].count;
		} else if (old[i].drained && weight) { /* no longer checked */
			server_weight(health->options, old[i].rule, &old[i].server,
				      weight);
		}
	}
	health->target = targets;
	health->number = number;
	for (size_t i = 0; !err && i < number; i++)
		err = start(health, &targets[i]);
	remember(health);
	return err;
}

void health_open(struct health *health, sd_event *event, const struct options *options,
		 __u32 id)
{
	health->event = event;
	health->options = options;
	snprintf(health->path, sizeof(health->path), RUN_DIR "/drained-%u", id);
	recall(health);
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
