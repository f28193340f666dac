/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What main() passes to every verb. */
#ifndef FTPNAT_OPTIONS_H
#define FTPNAT_OPTIONS_H

#include <stdbool.h>

#include "base/filter.h"

#define RUN_DIR "/run/ftpnat" /* files of `run` */

/* Exit codes; 0 is done. */
enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_DEGRADED = 3 };

struct options {
	const char *config;
	const char *pin;   /* absolute, without a slash at the end */
	const char *netns; /* NULL: where we are */
	bool json;

	struct filter filter; /* flows, expected, events */
	bool delete_flows;    /* flows */
	bool wide;	      /* flows, expected, events: more than 80 columns */
	const char *sort;     /* flows, expected */

	struct {
		bool drain;	  /* or resume */
		bool now;	  /* end its connections, too */
		const char *rule; /* NULL: list them */
		const char *address;
	} servers;

	const char *cluster_order; /* take, drain, resync; NULL: status */

	struct { /* ban, unban; `filter.rule` is the rule */
		struct ftpnat_prefix prefix;
		__u32 seconds; /* 0: for good */
		const char *why;
		bool cut;
	} ban;

	unsigned int watch;    /* stats, seconds; 0: once */
	unsigned int count;    /* events; 0: no end */
	unsigned int delay_ms; /* top: between refreshes */
};

/* Verbs: an exit code each; they report their errors. */
int verb_check(const struct options *options);
int verb_up(const struct options *options);
int verb_reload(const struct options *options);
int verb_down(const struct options *options);
int verb_status(const struct options *options);
int verb_stats(const struct options *options);
int verb_flows(const struct options *options);
int verb_expected(const struct options *options);
int verb_servers(const struct options *options);
int verb_servers_drain(const struct options *options);
int verb_ban(const struct options *options);
int verb_unban(const struct options *options);
int verb_bans(const struct options *options);
int verb_events(const struct options *options);
int verb_top(const struct options *options);
int verb_cluster(const struct options *options);
int verb_cluster_order(const struct options *options);
int verb_metrics(const struct options *options);
int verb_run(const struct options *options);

#endif
