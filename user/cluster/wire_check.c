// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/wire_check.h"

#include <string.h>

static bool same(const struct ftpnat_tuple *a, const struct ftpnat_tuple *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Is `b` what the other end sends with? */
static bool answers(const struct ftpnat_tuple *a, const struct ftpnat_tuple *b)
{
	const struct ftpnat_tuple reply = {
		.src = b->dst, .dst = b->src, .sport = b->dport, .dport = b->sport
	};

	return same(a, &reply);
}

/* Both entries of ftpnat_flows lead to each other: else removing one would leave the other. */
static bool check_flows(const struct ftpnat_record *record)
{
	const struct ftpnat_flow *flow = &record->flow, *other = &record->other;

	return answers(&record->reverse, &flow->to) &&
	       answers(&record->key, &other->to) && record->key.sport &&
	       record->key.dport && record->reverse.sport && record->reverse.dport &&
	       flow->kind < FTPNAT_KIND_MAX && flow->kind == other->kind &&
	       flow->session == record->session && other->session == record->session &&
	       flow->flags & FTPNAT_FLOW_CLIENT && !(other->flags & FTPNAT_FLOW_CLIENT);
}

static bool check_stream(const struct ftpnat_stream *stream)
{
	return stream->edits <= FTPNAT_MAX_EDITS && stream->kept_len <= FTPNAT_KEPT_LEN &&
	       stream->held_len <= FTPNAT_HELD_LEN &&
	       stream->text_used <= FTPNAT_TEXT_LEN;
}

static bool check_session(const struct ftpnat_record *record)
{
	const struct ftpnat_session *state = &record->state;

	if (!(record->has & FTPNAT_RECORD_SESSION))
		return !(record->has & (FTPNAT_RECORD_LOGS | FTPNAT_RECORD_EXPECTED));
	if (record->has & FTPNAT_RECORD_EXPECTED &&
	    (record->expected.mode >= FTPNAT_MODE_MAX || !state->expectation.dport ||
	     state->expectation.pad))
		return false;
	for (int dir = 0; dir < FTPNAT_DIR_MAX; dir++)
		if (!check_stream(&state->stream[dir]))
			return false;
	return record->flow.kind == FTPNAT_CONTROL &&
	       same(&state->client, &record->key) &&
	       same(&state->server, &record->flow.to) &&
	       state->commands <= FTPNAT_MAX_COMMANDS;
}

bool wire_check(const struct ftpnat_record *record, bool end)
{
	if (!record->session)
		return false;
	return end || (check_flows(record) && check_session(record));
}
