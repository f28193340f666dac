// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/member_orders.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "cluster/member_note.h"
#include "cluster/member_send.h"
#include "cluster/request.h"
#include "cluster/share.h"
#include "dataplane/map_walk.h"

#define KEYS_A_MESSAGE 512
/* Without a packet here: its packets go elsewhere, or it has none. */
#define IDLE_SECONDS 2

static void answer(struct member *member, json_t *answer)
{
	requests_answer(member->requests, answer);
}

static void refuse(struct member *member, const char *text)
{
	answer(member, json_pack("{s:s}", "error", text));
}

/* ---- take ---- */

static void see_taken(void *arg, uint32_t asked)
{
	struct member *member = arg;
	size_t taken = share_number(member->taking);

	(void)asked;
	share_end(member->taking);
	member->taking = NULL;
	pr_info("cluster %s: took %zu sessions over", member->config.group, taken);
	answer(member, json_pack("{s:I}", "sessions", (json_int_t)taken));
}

static void set_drained(struct member *member, bool drained)
{
	member->drained = drained;
	if (member->engine)
		member_say_hello(member);
	member_write_note(member);
}

static void take(struct member *member)
{
	const struct share_calls calls = { member_is_busy, member_flush, see_taken,
					   member };

	if (!member->synced) {
		refuse(member, "this gateway isn't synced, it would lose what it doesn't "
			       "know: see `ftpnat-load cluster status`");
		return;
	}
	set_drained(member, false);
	share_end(member->taking);
	member->taking =
		share_begin(member->event, &member->exchange, &calls, SHARE_TAKE, 0);
	if (!member->taking)
		refuse(member, "out of memory");
}

/* ---- drain ---- */

struct giving {
	struct member *member;
	const struct peer *heir;
	__u32 now;
	__u32 idle; /* at least, seconds */
	size_t number;
};

static int see_flow(const void *key, const void *value, void *arg)
{
	const struct ftpnat_flow *flow = value;
	struct giving *giving = arg;
	struct message_row *row = &giving->member->row;

	if (flow->kind != FTPNAT_CONTROL || !(flow->flags & FTPNAT_FLOW_CLIENT) ||
	    flow->flags & FTPNAT_FLOW_REPLICA || giving->now - flow->seen < giving->idle)
		return 0;
	if (giving->number % KEYS_A_MESSAGE == 0) {
		if (giving->number)
			message_end(row);
		message_begin(row, MESSAGE_GIVE, member_next_number(giving->member));
		message_put_u32(row, TAG_SLOT, giving->heir->slot);
	}
	message_put(row, TAG_KEY, key, sizeof(struct ftpnat_tuple));
	giving->number++;
	return 0;
}

/* Gives all own sessions away that were idle for so long; their number. */
static size_t give(struct member *member, const struct peer *heir, __u32 idle)
{
	struct giving giving = { .member = member,
				 .heir = heir,
				 .now = (__u32)(member_now() / 1000000),
				 .idle = idle };

	/* the heir has all of them, as they are now */
	exchange_consume(&member->exchange);
	map_walk(member->exchange.flows_fd, see_flow, &giving);
	if (giving.number)
		message_end(&member->row);
	member_send(member);
	return giving.number;
}

static void drain(struct member *member)
{
	const struct peer *heir = member_heir(member);
	size_t given;

	if (!heir) {
		refuse(member, "no other member is synced and takes sessions: see "
			       "`ftpnat-load cluster status`");
		return;
	}
	set_drained(member, true);
	given = give(member, heir, 0);
	pr_info("cluster %s: drained, %zu sessions given to slot %u (%s)",
		member->config.group, given, heir->slot, heir->name);
	answer(member, json_pack("{s:I, s:i, s:s}", "sessions", (json_int_t)given, "to",
				 (int)heir->slot, "name", heir->name));
}

void member_orders_tend(struct member *member)
{
	const struct peer *heir = member_heir(member);

	if (member->drained && heir && member->exchange.dir)
		give(member, heir, IDLE_SECONDS);
}

void member_see_given(struct member *member, const struct message *message)
{
	const uint8_t *at = message->fields, *end = at + message->len;
	struct message_field field;
	struct ftpnat_tuple key;

	if (!message_field(&at, end, &field) || field.tag != TAG_SLOT ||
	    message_u32(&field) != member->config.slot || !member->exchange.dir)
		return;
	while (message_field(&at, end, &field)) {
		if (field.tag != TAG_KEY || field.len != sizeof(key))
			continue;
		memcpy(&key, field.value, sizeof(key));
		exchange_take(&member->exchange, &key);
	}
}

/* ---- resync ---- */

static void resync(struct member *member)
{
	struct peer *peer = member_lowest(member, true);

	if (!peer) {
		refuse(member, "no other member is synced: there is nobody to ask");
		return;
	}
	member->resyncing = true;
	member->applied = member->exchange.counts.applied;
	member->asked = 0;
	member_ask(member, peer);
}

void member_see_resynced(struct member *member)
{
	if (!member->resyncing)
		return;
	member->resyncing = false;
	answer(member, json_pack("{s:I}", "connections",
				 (json_int_t)(member->exchange.counts.applied -
					      member->applied)));
}

/* ---- what was asked ---- */

static void see_word(void *arg, const char *word)
{
	static const struct {
		const char *word;
		void (*obey)(struct member *member);
	} orders[] = { { "take", take }, { "drain", drain }, { "resync", resync } };
	struct member *member = arg;

	if (!member->engine || member->lost) {
		refuse(member, "this gateway is not in touch with its cluster: see "
			       "`ftpnat-load cluster status`");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		if (!strcmp(orders[i].word, word)) {
			orders[i].obey(member);
			return;
		}
	refuse(member, "unknown to the `run` at work: is it of another version?");
}

int member_orders_open(struct member *member)
{
	if (member->requests)
		return 0;
	return requests_open(&member->requests, member->event, member->options->pin,
			     see_word, member);
}

void member_orders_close(struct member *member)
{
	share_end(member->taking);
	member->taking = NULL;
	member->resyncing = member->drained = false;
	requests_close(member->requests);
	member->requests = NULL;
}
