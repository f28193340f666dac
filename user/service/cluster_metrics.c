// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/cluster_metrics.h"

#include <string.h>

#include "cluster/member_send.h"
#include "service/metrics.h"

static void gauge(json_t *families, const char *name, const char *help, __u64 value)
{
	metrics_sample(metrics_family(families, name, "gauge", help), NULL, value);
}

static void counter(json_t *families, const char *name, const char *help, __u64 value)
{
	metrics_sample(metrics_family(families, name, "counter", help), NULL, value);
}

/* How long it took until all other members had dealt with a message. */
static void add_latency(json_t *families, const struct member *member)
{
	json_t *family =
		metrics_family(families, "ftpnat_cluster_commit_seconds", "histogram",
			       "Time until all other members had dealt with a message.");
	__u64 sum = 0;
	char bound[32];

	for (int i = 0; i <= MEMBER_LATENCIES; i++) {
		sum += member->counts.latency[i];
		if (i < MEMBER_LATENCIES)
			snprintf(bound, sizeof(bound), "%g", member_latencies[i]);
		else
			snprintf(bound, sizeof(bound), "+Inf");
		metrics_part(family, "_bucket", json_pack("{s:s}", "le", bound),
			     (double)sum);
	}
	metrics_part(family, "_sum", NULL, (double)member->counts.latency_usec / 1e6);
	metrics_part(family, "_count", NULL, (double)sum);
}

/* Changes of connections: told to the others, and heard of them. */
static void add_records(json_t *families, const struct exchange *exchange)
{
	const struct exchange_counts *counts = &exchange->counts;
	const struct {
		const char *what;
		__u64 number;
	} records[] = {
		{ "published", counts->published },  { "applied", counts->applied },
		{ "stale", counts->stale },	     { "full", counts->full },
		{ "unknown_rule", counts->unknown },
	};
	struct ftpnat_cluster told = { 0 };
	json_t *family;

	exchange_told(exchange, &told);
	family = metrics_family(families, "ftpnat_cluster_records_total", "counter",
				"Changes of connections: published to the other members; "
				"of theirs: applied, stale (older than what was known), "
				"full (no room), unknown_rule.");
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		metrics_sample(family, json_pack("{s:s}", "what", records[i].what),
			       records[i].number);
	counter(families, "ftpnat_cluster_records_lost_total",
		"Changes for which the ring had no room; they are repeated.", told.lost);
	counter(families, "ftpnat_cluster_released_total",
		"Frames that went on after waiting for the other members.",
		counts->released);
	counter(families, "ftpnat_cluster_unprotected_total",
		"Frames that went on before the other members knew what they did.",
		counts->unprotected + told.unprotected);
	gauge(families, "ftpnat_cluster_parked",
	      "Frames that wait for the other members.", exchange->waiting);
	counter(families, "ftpnat_cluster_given_up_total",
		"Connections that another member has taken over.", counts->demoted);
}

/* Members with other rules, limits or timeouts than this gateway. */
static __u64 others_that_differ(const struct member *member)
{
	__u64 n = 0;

	for (size_t i = 0; i < member->peers; i++)
		n += member_differs(member, &member->peer[i]);
	return n;
}

/* Packets of connections that another member owns. */
static void add_sent_on(json_t *families, const struct exchange *exchange)
{
	json_t *family = metrics_family(families, "ftpnat_cluster_sent_on_total",
					"counter",
					"Packets sent on to the member that owns their "
					"connection, and got so from others.");

	metrics_sample(family, json_pack("{s:s}", "direction", "sent"),
		       exchange->counts.sent_on);
	metrics_sample(family, json_pack("{s:s}", "direction", "received"),
		       exchange->counts.injected);
}

void cluster_metrics(const struct member *member, json_t *families)
{
	json_t *family;

	if (!member->config.at.line)
		return;
	gauge(families, "ftpnat_cluster_members", "Members of the cluster now.",
	      member->peers);
	gauge(families, "ftpnat_cluster_synced",
	      "1: this gateway has all that its peers have; 0: not yet.", member->synced);
	gauge(families, "ftpnat_cluster_engine_up",
	      "1: the engine of the cluster is reached; 0: it is not.",
	      member->engine && !member->lost);
	gauge(families, "ftpnat_cluster_configurations_differ",
	      "Members with other rules, limits or timeouts than this gateway.",
	      others_that_differ(member));
	counter(families, "ftpnat_cluster_view_changes_total",
		"Times that the members of the cluster changed.", member->counts.views);
	counter(families, "ftpnat_cluster_engine_lost_total",
		"Times that the engine of the cluster could not be reached any more.",
		member->counts.engine_lost);
	gauge(families, "ftpnat_cluster_late",
	      "1: the other members are late, what on_loss says is in force.",
	      member->late);
	counter(families, "ftpnat_cluster_late_total",
		"Times that the other members were late.", member->counts.late);
	family = metrics_family(families, "ftpnat_cluster_messages_total", "counter",
				"Messages sent to the other members, and got from them.");
	metrics_sample(family, json_pack("{s:s}", "direction", "sent"),
		       member->counts.sent);
	metrics_sample(family, json_pack("{s:s}", "direction", "received"),
		       member->counts.got);
	add_records(families, &member->exchange);
	add_sent_on(families, &member->exchange);
	family = metrics_family(families, "ftpnat_cluster_lag_seconds", "gauge",
				"Age of the oldest message that a member has not dealt "
				"with.");
	metrics_part(family, "", NULL, member_lag(member));
	add_latency(families, member);
}
