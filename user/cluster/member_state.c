// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/member_state.h"

#include <string.h>
#include <time.h>

struct peer *member_peer(struct member *member, uint64_t id)
{
	for (size_t i = 0; i < member->peers; i++)
		if (member->peer[i].id == id)
			return &member->peer[i];
	return NULL;
}

bool member_is_self(const struct member *member, const struct peer *peer)
{
	return member->engine && peer->id == member->kind->self(member->engine);
}

bool member_has_peer(const struct member *member, bool synced)
{
	for (size_t i = 0; i < member->peers; i++)
		if (!member_is_self(member, &member->peer[i]) && member->peer[i].known &&
		    (member->peer[i].synced || !synced))
			return true;
	return false;
}

struct peer *member_lowest(struct member *member, bool synced)
{
	struct peer *found = NULL;

	for (size_t i = 0; i < member->peers; i++) {
		struct peer *peer = &member->peer[i];

		if (!member_is_self(member, peer) && peer->known &&
		    (peer->synced || !synced) && (!found || peer->slot < found->slot))
			found = peer;
	}
	return found;
}

/*
 * corosync that begins is a ring of its own until its links are up and it hears the others: with
 * its defaults 2 to 4 seconds.
 */
#define OTHERS_FOUND_USEC 10000000

bool member_waits_for_others(const struct member *member)
{
	return member->engine && member->peers == 1 &&
	       member_now() - member->joined_usec < OTHERS_FOUND_USEC;
}

bool member_knows_all(const struct member *member)
{
	for (size_t i = 0; i < member->peers; i++)
		if (!member->peer[i].known)
			return false;
	return member->peers > 0;
}

bool member_has_own_slot(const struct member *member)
{
	for (size_t i = 0; i < member->peers; i++) {
		const struct peer *peer = &member->peer[i];

		if (!member_is_self(member, peer) && peer->known &&
		    peer->slot == member->config.slot &&
		    (peer->synced || !member->synced))
			return false;
	}
	return member->peers > 0;
}

bool member_differs(const struct member *member, const struct peer *peer)
{
	return peer->known && !strcmp(peer->version, FTPNAT_VERSION) &&
	       strcmp(peer->form, member->form) != 0;
}

uint64_t member_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

const struct peer *member_heir(const struct member *member)
{
	const struct peer *heir = NULL;

	for (size_t i = 0; i < member->peers; i++) {
		const struct peer *peer = &member->peer[i];

		if (!member_is_self(member, peer) && peer->known && peer->synced &&
		    !peer->drained && (!heir || peer->slot < heir->slot))
			heir = peer;
	}
	return heir;
}
