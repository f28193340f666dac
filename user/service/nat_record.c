// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/nat_record.h"

#include <time.h>

#include "base/addr.h"
#include "events/print.h"

#define MILLISECOND 1000000ULL

static bool is_opened(const struct ftpnat_event *e)
{
	return e->reason == FTPNAT_CONTROL_OPENED || e->reason == FTPNAT_DATA_OPENED;
}

static bool is_closed(const struct ftpnat_event *e)
{
	return e->reason == FTPNAT_CONTROL_CLOSED || e->reason == FTPNAT_DATA_CLOSED;
}

/* Its packets have left with the translated source, too. */
static bool is_unanswered(const struct ftpnat_event *e)
{
	return e->reason == FTPNAT_CONTROL_UNANSWERED ||
	       e->reason == FTPNAT_DATA_UNANSWERED;
}

bool nat_record_wanted(const struct ftpnat_event *e, enum ftpnat_rule_kind kind)
{
	return kind != FTPNAT_TRACK && (is_opened(e) || is_closed(e) || is_unanswered(e));
}

json_t *nat_record_json(const struct ftpnat_event *e, const char *rule, bool destinations)
{
	json_t *entry = event_json(e, NULL, rule);

	json_object_set_new(entry, "protocol", json_string("tcp"));
	json_object_del(entry, "end");
	if (!destinations) {
		json_object_del(entry, "public");
		json_object_del(entry, "real");
	}
	return entry;
}

static enum ipfix_nat_event nat_event(const struct ftpnat_event *e, bool begins)
{
	bool before4 = ftpnat_addr_family(&e->client.src) == FTPNAT_V4;
	bool after4 = ftpnat_addr_family(&e->server.src) == FTPNAT_V4;

	if (before4 && after4)
		return begins ? IPFIX_NAT44_CREATE : IPFIX_NAT44_DELETE;
	if (!before4 && after4)
		return begins ? IPFIX_NAT64_CREATE : IPFIX_NAT64_DELETE;
	return begins ? IPFIX_NAT_CREATE : IPFIX_NAT_DELETE;
}

/* Clients of a masquerade rule are inside, those of a publish rule outside. */
static enum ipfix_realm realm(const struct ftpnat_event *e, enum ftpnat_rule_kind kind)
{
	bool by_client = e->dir == FTPNAT_FROM_CLIENT;

	return by_client == (kind == FTPNAT_MASQUERADE) ? IPFIX_REALM_PRIVATE :
							  IPFIX_REALM_PUBLIC;
}

void nat_record_export(struct ipfix_export *ex, const struct ftpnat_event *e,
		       enum ftpnat_rule_kind kind)
{
	__u64 ended = (event_clock_ns(CLOCK_REALTIME) - event_clock_ns(CLOCK_MONOTONIC) +
		       e->time) /
		      MILLISECOND;
	struct ipfix_record record = {
		.milliseconds = ended,
		.event = nat_event(e, true),
		.realm = realm(e, kind),
		.before = e->client,
		.after = e->server,
	};

	if (is_unanswered(e))
		record.milliseconds = ended - 1000ULL * e->duration;
	if (!is_closed(e))
		ipfix_export_add(ex, &record);
	if (is_opened(e))
		return;
	record.milliseconds = ended;
	record.event = nat_event(e, false);
	ipfix_export_add(ex, &record);
}
