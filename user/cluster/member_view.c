// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/member_view.h"

#include <string.h>

#include "base/log.h"
#include "cluster/member_note.h"
#include "cluster/member_send.h"
#include "cluster/member_share.h"

/* The slots of those that go on with their sessions, and get what is sent on to them. */
static uint32_t others(const struct member *member)
{
	uint32_t slots = 0;

	for (size_t i = 0; i < member->peers; i++) {
		const struct peer *peer = &member->peer[i];

		if (!member_is_self(member, peer) && peer->known && peer->synced &&
		    peer->slot != member->config.slot)
			slots |= 1U << (peer->slot - 1);
	}
	return slots;
}

/* Tells the programs whether anybody listens, and whether to wait. */
static void member_order(struct member *member)
{
	struct ftpnat_cluster order = {
		.tell = member_has_peer(member, false),
		.commit = member->config.commit != FTPNAT_COMMIT_NONE &&
			  member_has_peer(member, true),
		.go_on = member->config.on_loss != FTPNAT_ON_LOSS_WAIT,
		.late = member->late,
		.refuse = member->config.on_loss == FTPNAT_ON_LOSS_REFUSE,
		.others = member->synced ? others(member) : 0,
	};

	if (member->exchange.dir)
		exchange_order(&member->exchange, &order);
}

static bool is_late(const struct member *member)
{
	if (member->config.on_loss == FTPNAT_ON_LOSS_WAIT)
		return false;
	if (!member->engine || member->lost)
		return true;
	return member_has_peer(member, true) &&
	       member_waits(member) > member->config.commit_timeout * 1000ULL;
}

void member_see_lateness(struct member *member)
{
	bool late = is_late(member);

	if (late != member->late) {
		member->late = late;
		pr_warn("cluster %s: the other members %s", member->config.group,
			late ? "are late, `on_loss` is in force" : "are on time again");
		member->counts.late += late;
		if (!late)
			member_share_unprotected(member);
		member_write_note(member);
	}
	member_order(member);
	if (late)
		exchange_release(&member->exchange, 0, UINT64_MAX);
}

/*
 * A member that isn't synced asks one that is; if none is, the lowest slot counts as synced. One
 * that has just joined and is alone waits: others may have sessions that it doesn't know. One that
 * is synced stays so when others join of which it knows nothing yet: they have to find it synced.
 */
static bool is_synced(struct member *member)
{
	const struct peer *synced = member_lowest(member, true),
			  *other = member_lowest(member, false);

	if (!member->exchange.dir || !member_has_own_slot(member))
		return false;
	if (member->synced)
		return true;
	if (!member_knows_all(member))
		return false;
	if (member->asked && !member_peer(member, member->asked))
		member->asked = 0;
	if (synced)
		member_ask(member, synced);
	else if (!member->asked && !member_waits_for_others(member) &&
		 (!other || member->config.slot < other->slot))
		return true;
	return false;
}

void member_settle(struct member *member)
{
	bool synced = is_synced(member);

	member_order(member);
	if (synced != member->synced) {
		member->synced = synced;
		pr_info("cluster %s: %s", member->config.group,
			synced ? "synced" : "not synced");
		member_say_hello(member);
	}
	member_write_note(member);
}

void member_see_view(void *arg, const uint64_t *ids, size_t n)
{
	struct member *member = arg;
	struct peer peers[ENGINE_MEMBERS] = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct peer *known = member_peer(member, ids[i]);

		if (known)
			peers[i] = *known;
		else /* nothing that was sent before is its business */
			peers[i] = (struct peer){ .id = ids[i],
						  .fresh = true,
						  .knows = member->number };
	}
	memcpy(member->peer, peers, sizeof(peers));
	member->peers = n;
	member->counts.views++;
	if (!n) {
		pr_warn("cluster %s: %s can't be reached any more", member->config.group,
			config_engine_names[member->config.engine]);
		member->counts.engine_lost++;
		member->lost = true;
	} else {
		pr_info("cluster %s: %zu member%s", member->config.group, n,
			n == 1 ? "" : "s");
		member_say_hello(member);
	}
	member_see_known(member);
	member_settle(member);
}

void member_see_hello(struct peer *peer, const struct message *message)
{
	const uint8_t *at = message->fields, *end = at + message->len;
	struct message_field field;

	while (message_field(&at, end, &field))
		switch (field.tag) {
		case TAG_SLOT:
			peer->slot = message_u32(&field);
			break;
		case TAG_NAME:
			message_text(&field, peer->name, sizeof(peer->name));
			break;
		case TAG_FORM:
			message_text(&field, peer->form, sizeof(peer->form));
			break;
		case TAG_SYNCED:
			peer->synced = field.len == 1 && field.value[0];
			break;
		case TAG_DRAINED:
			peer->drained = field.len == 1 && field.value[0];
			break;
		case TAG_VERSION:
			message_text(&field, peer->version, sizeof(peer->version));
			break;
		}
	peer->known = peer->slot >= 1 && peer->slot <= FTPNAT_SLOTS;
}

void member_see_other_part(struct member *member, struct peer *peer)
{
	bool was_fresh = peer->fresh;

	peer->fresh = false;
	if (!was_fresh || member_is_self(member, peer) || !peer->synced ||
	    !member->synced)
		return;
	member->synced = false;
	member->asked = 0;
	member_ask(member, peer);
}
