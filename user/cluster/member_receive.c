// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/member_receive.h"

#include <endian.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "cluster/member_orders.h"
#include "cluster/member_send.h"
#include "cluster/member_share.h"
#include "cluster/member_view.h"

static void see_asked(struct member *member, struct peer *peer,
		      const struct message *message)
{
	const uint8_t *at = message->fields, *end = at + message->len;
	struct message_field field;

	while (message_field(&at, end, &field)) {
		if (field.tag != TAG_SLOT || message_u32(&field) != member->config.slot ||
		    member_is_self(member, peer))
			continue;
		if (message->type == MESSAGE_ASK) {
			member_share_all(member, peer->slot);
		} else if (peer->id == member->asked) {
			member->asked = 0;
			member->synced = true;
			pr_info("cluster %s: synced", member->config.group);
			member_say_hello(member);
			member_settle(member);
			member_see_resynced(member);
		}
	}
}

static void see_seen(struct member *member, struct peer *peer,
		     const struct message *message)
{
	const uint8_t *at = message->fields, *end = at + message->len;
	struct message_field field;
	uint64_t pair[2];

	while (message_field(&at, end, &field)) {
		if (field.tag != TAG_SEEN || field.len != sizeof(pair))
			continue;
		memcpy(pair, field.value, sizeof(pair));
		if (be64toh(pair[0]) == member->kind->self(member->engine) &&
		    peer->knows < be64toh(pair[1]))
			peer->knows = be64toh(pair[1]);
	}
	member_see_known(member);
}

static void see_frame(struct member *member, const struct message *message)
{
	const uint8_t *at = message->fields, *end = at + message->len;
	struct message_field field, frame = { 0 };
	char interface[IF_NAMESIZE] = "";
	uint32_t slot = 0, gso = 0;

	while (message_field(&at, end, &field))
		switch (field.tag) {
		case TAG_SLOT:
			slot = message_u32(&field);
			break;
		case TAG_INTERFACE:
			message_text(&field, interface, sizeof(interface));
			break;
		case TAG_GSO:
			gso = message_u32(&field);
			break;
		case TAG_FRAME:
			frame = field;
			break;
		}
	if (slot == member->config.slot && frame.len)
		exchange_inject(&member->exchange, interface, gso, frame.value,
				frame.len);
}

void member_see_message(void *arg, uint64_t from, const void *bytes, size_t len)
{
	const uint8_t *at = bytes, *end = at + len;
	struct member *member = arg;
	struct peer *peer = member_peer(member, from);
	struct message message;

	if (!peer)
		return;
	while (message_next(&at, end, &message)) {
		switch (message.type) {
		case MESSAGE_HELLO:
			member_see_hello(peer, &message);
			member_see_other_part(member, peer);
			break;
		case MESSAGE_SEEN:
			if (!member_is_self(member, peer))
				see_seen(member, peer, &message);
			break;
		case MESSAGE_CONNECTION:
		case MESSAGE_END:
			if (!member_is_self(member, peer) && member->exchange.dir)
				exchange_apply(&member->exchange, &message);
			break;
		case MESSAGE_FRAME:
			if (!member_is_self(member, peer) && member->exchange.dir)
				see_frame(member, &message);
			break;
		case MESSAGE_GIVE:
			if (!member_is_self(member, peer))
				member_see_given(member, &message);
			break;
		case MESSAGE_ASK:
		case MESSAGE_ANSWERED:
			see_asked(member, peer, &message);
			break;
		}
		if (message.number)
			peer->got = message.number;
		if (message.type == MESSAGE_HELLO)
			member_settle(member);
		if (!member_is_self(member, peer))
			member->counts.got++;
	}
	if (!member->exchange.dir) {
		member_say_seen(member);
		return;
	}
	/* what the programs published before goes before, such as a takeover */
	exchange_consume(&member->exchange);
	member_say_seen(member);
	member_send(member);
}
