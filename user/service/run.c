// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * run: up, then a metrics endpoint and an event log until a signal ends it. The
 * dataplane needs none of it and keeps working however `run` ends: a restart, for
 * example by a package upgrade, loses no connection. `down` takes it down.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/log.h"
#include "base/netns.h"
#include "cluster/member.h"
#include "config/load.h"
#include "dataplane/bans_file.h"
#include "dataplane/reload.h"
#include "dataplane/service_files.h"
#include "dataplane/up.h"
#include "service/cluster_metrics.h"
#include "service/drain_watch.h"
#include "service/health.h"
#include "service/host_watch.h"
#include "service/metrics.h"
#include "service/metrics_http.h"
#include "service/records.h"
#include "service/run_events.h"

#define TICK_USEC  1000000
#define BANS_TICKS 5 /* between looks for bans that the programs made */

struct service {
	struct options options; /* after --netns was entered: without it */
	struct config *config;	/* in force */
	sd_event *event;
	struct metrics_http *http; /* NULL: not asked for */
	struct run_events events;
	struct records records;
	struct health health;
	struct drain_watch drains;
	struct host_watch watch;
	struct member member; /* of a cluster */
	time_t reloaded;      /* when a configuration was put in force */
	unsigned int ticks;
	struct bans_kept bans; /* in the file */
	bool failed;	       /* the last reload did */
	int lock_fd; /* says that there is a `run`, and how its last reload ended */
};

static void service_end(struct service *service)
{
	metrics_http_close(service->http);
	health_close(&service->health);
	drain_watch_close(&service->drains);
	host_watch_close(&service->watch);
	member_close(&service->member);
	run_events_close(&service->events);
	records_close(&service->records);
	config_free(service->config);
	sd_event_unref(service->event);
	service_unlock(service->options.pin, &service->lock_fd);
}

/* ---- what the endpoint serves ---- */

static json_t *read_metrics(void *arg)
{
	const struct service *service = arg;
	json_t *families = NULL, *family;

	if (metrics_read(&service->options, &families))
		return NULL;
	family = metrics_family(
		families, "ftpnat_config_last_reload_successful", "gauge",
		"1: the configuration in force is the one last asked for; 0: that one "
		"failed, the one before is in force.");
	metrics_sample(family, NULL, !service->failed);
	family = metrics_family(families,
				"ftpnat_config_last_reload_success_timestamp_seconds",
				"gauge",
				"When a configuration was last put in force by `run`.");
	metrics_sample(family, NULL, (__u64)service->reloaded);
	health_metrics(&service->health, families);
	cluster_metrics(&service->member, families);
	records_metrics(&service->records, families);
	return families;
}

/* ---- configuration ---- */

static bool same_endpoint(const struct config *a, const struct config *b)
{
	return a && a->metrics == b->metrics &&
	       a->metrics_listen.port == b->metrics_listen.port &&
	       ftpnat_addr_equal(&a->metrics_listen.addr, &b->metrics_listen.addr);
}

/* All of it or nothing: an exit code. */
static int put_in_force(struct service *service, bool may_start)
{
	_cleanup_config_ struct config *config = NULL;
	_cleanup_metrics_http_ struct metrics_http *http = NULL;
	struct metrics_http *old = service->http;
	bool same;
	int err = config_load_or_report(service->options.config, &config);

	if (err)
		return err;
	same = same_endpoint(service->config, config);
	if (!same && config->metrics &&
	    metrics_http_open(&http, service->event, &config->metrics_listen,
			      read_metrics, service))
		return EXIT_RUNTIME;
	err = may_start ? up_apply(&service->options, config) :
			  reload_apply(&service->options, config);
	if (err)
		return err;
	if (!same) {
		service->http = TAKE_PTR(http);
		metrics_http_close(old);
	}
	config_free(service->config);
	service->config = TAKE_PTR(config);
	service->reloaded = time(NULL);
	return 0;
}

/* One line per rule. */
static void say_served(const struct config *config)
{
	for (size_t i = 0; i < config->publish_n; i++) {
		const struct config_publish *rule = &config->publish[i];
		char listen[FTPNAT_ENDPOINT_STRLEN], server[FTPNAT_ENDPOINT_STRLEN];

		ftpnat_endpoint_str(listen, &rule->listens[0].endpoint.addr,
				    rule->listens[0].endpoint.port);
		ftpnat_endpoint_str(server, &rule->servers[0].endpoint.addr,
				    rule->servers[0].endpoint.port);
		pr_info("publish %s: %s%s to %s%s", rule->rule.name, listen,
			rule->listens_n > 1 ? " and others" : "", server,
			rule->servers_n > 1 ? " and others" : "");
	}
	for (size_t i = 0; i < config->masquerade_n; i++) {
		const struct config_masquerade *rule = &config->masquerade[i];
		char clients[FTPNAT_PREFIX_STRLEN];

		pr_info("masquerade %s: clients of %s%s", rule->rule.name,
			ftpnat_prefix_str(clients, &rule->clients[0].prefix),
			rule->clients_n > 1 ? " and others" : "");
	}
	for (size_t i = 0; i < config->track_n; i++)
		pr_info("track %s", config->track[i].rule.name);
}

static void reload(struct service *service)
{
	sd_notify(0, "RELOADING=1");
	service->failed = put_in_force(service, false) != 0;
	service_note(service->lock_fd, service->failed);
	if (service->failed) {
		pr_err("reload failed: the previous configuration stays in force");
		sd_notify(0, "READY=1\nSTATUS=The last reload failed; the previous "
			     "configuration is in force.");
	} else if (records_configure(&service->records, &service->config->records)) {
		pr_warn("reloaded %s, but records can't be written: reload again",
			service->options.config);
		sd_notify(0, "READY=1\nSTATUS=The configuration is in force, but records "
			     "can't be written.");
	} else if (health_configure(&service->health, service->config)) {
		pr_warn("reloaded %s, but not all of its health checks could be started: "
			"reload again",
			service->options.config);
		sd_notify(0, "READY=1\nSTATUS=The configuration is in force, but not all "
			     "of its health checks are running.");
	} else {
		pr_info("reloaded %s", service->options.config);
		sd_notify(0, "READY=1\nSTATUS=Working.");
	}
	if (!service->failed)
		member_configure(&service->member, service->config);
}

static void follow_host(void *arg)
{
	pr_info("interfaces, addresses or rp_filter have changed: reloading");
	reload(arg);
}

/* ---- the loop ---- */

static int see_signal(sd_event_source *source, const struct signalfd_siginfo *signal,
		      void *arg)
{
	struct service *service = arg;

	(void)source;
	if (signal->ssi_signo == SIGHUP) {
		reload(service);
		return 0;
	}
	pr_info("exiting; the dataplane keeps working: `ftpnat-load down` takes it down");
	return sd_event_exit(service->event, 0);
}

static int see_tick(sd_event_source *source, uint64_t usec, void *arg)
{
	struct service *service = arg;

	(void)usec;
	if (!event_maps_up(&service->events.maps)) {
		pr_info("%s was taken down: exiting", service->options.pin);
		return sd_event_exit(service->event, 0);
	}
	if (service->http)
		metrics_http_tend(service->http);
	member_tend(&service->member);
	drain_watch_look(&service->drains, &service->options);
	if (++service->ticks % BANS_TICKS == 0)
		bans_keep(&service->options, &service->bans);
	if (run_events_tend(&service->events, service->event) ||
	    records_tend(&service->records))
		return sd_event_exit(service->event, EXIT_RUNTIME);
	return sd_event_source_set_time_relative(source, TICK_USEC) ?:
		       sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Before `up`: no signal is to end it half done. */
static int prepare(struct service *service)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGTERM };
	sigset_t signals;
	int err = sd_event_new(&service->event);

	signal(SIGPIPE, SIG_IGN);
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	sigemptyset(&signals);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&signals, numbers[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	for (size_t i = 0; err >= 0 && i < ARRAY_SIZE(numbers); i++)
		err = sd_event_add_signal(service->event, NULL, numbers[i], see_signal,
					  service);
	if (err >= 0)
		err = sd_event_add_time_relative(service->event, NULL, CLOCK_MONOTONIC,
						 TICK_USEC, 0, see_tick, service);
	return err < 0 ? err_r(err, "can't wait for signals: %s", strerror(-err)) : 0;
}

int verb_run(const struct options *options)
{
	_cleanup_(service_end) struct service service = { .options = *options,
							  .events = RUN_EVENTS_INIT,
							  .records = RECORDS_INIT,
							  .lock_fd = -1 };
	int err = 0;

	if (options->netns)
		err = netns_enter(options->netns);
	service.options.netns = NULL;
	if (err || service_lock(options->pin, &service.lock_fd) || prepare(&service))
		return EXIT_RUNTIME;
	err = put_in_force(&service, true);
	if (err)
		return err;
	if (bans_restore(&service.options))
		return EXIT_RUNTIME;
	if (run_events_open(&service.events, service.event, &service.options) ||
	    records_open(&service.records, service.event, &service.options) ||
	    records_configure(&service.records, &service.config->records))
		return EXIT_RUNTIME;
	health_open(&service.health, service.event, &service.options);
	if (health_configure(&service.health, service.config))
		return EXIT_RUNTIME;
	member_open(&service.member, service.event, &service.options);
	if (member_configure(&service.member, service.config))
		return EXIT_RUNTIME;
	if (host_watch_open(&service.watch, service.event, &service.options, follow_host,
			    &service))
		return EXIT_RUNTIME;
	if (!service.options.json) /* then events alone are logged */
		say_served(service.config);
	sd_notify(0, "READY=1\nSTATUS=Working.");
	err = sd_event_loop(service.event);
	sd_notify(0, "STOPPING=1");
	return err < 0 ? EXIT_RUNTIME : err;
}
