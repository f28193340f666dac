// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/member_note.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sentence.h"
#include "cluster/member_send.h"
#include "cluster/note.h"

/* Is another one to have the sessions? */
static bool is_drained(const struct member *member)
{
	return member->drained && member_heir(member);
}

static void compare(const struct member *member, const struct peer *peer, json_t *wrong)
{
	if (!peer->known)
		return;
	if (member_differs(member, peer))
		sentence(
			wrong,
			"Slot %u (%s) has other rules, limits or timeouts than this gateway: "
			"compare `ftpnat-load check` of both.",
			peer->slot, peer->name);
	for (size_t i = 0; i < member->peers; i++) {
		const struct peer *other = &member->peer[i];

		if (other < peer && other->known && other->slot == peer->slot)
			sentence(
				wrong,
				"Two members say that they are slot %u (%s and %s): give "
				"each its own `slot`.",
				peer->slot, other->name, peer->name);
	}
}

static json_t *wrong_of(const struct member *member)
{
	json_t *wrong = json_array();

	if (!member->engine)
		sentence(
			wrong,
			"%s can't be reached: `systemctl start corosync`, and see its log.",
			config_engine_names[member->config.engine]);
	for (size_t i = 0; i < member->peers; i++)
		compare(member, &member->peer[i], wrong);
	if (member->late && member->engine)
		sentence(wrong,
			 "The other members answer late: %s (`on_loss`). Look at their "
			 "load and at the network between them.",
			 member->config.on_loss == FTPNAT_ON_LOSS_REFUSE ?
				 "new data connections are refused" :
				 "lines go on before they know them");
	if (is_drained(member))
		sentence(wrong,
			 "This gateway is drained: its sessions are given to slot %u. "
			 "`ftpnat-load cluster take` ends that.",
			 member_heir(member)->slot);
	if (member->engine && !member->synced && !json_array_size(wrong))
		sentence(
			wrong,
			member_waits_for_others(member) ?
				"Not synced yet: looking for other members. Without any, this "
				"gateway is synced ten seconds after it has joined." :
				"Not synced yet: wait for the other members.");
	return wrong;
}

/*
 * Should this gateway have packets? Rules that differ and peers that are late count for nothing
 * here: all members have them, and all would lose their addresses.
 */
static bool is_ready(const struct member *member)
{
	return member->synced && !is_drained(member);
}

static json_t *member_note(const struct member *member)
{
	json_t *members = json_array();

	for (size_t i = 0; i < member->peers; i++) {
		const struct peer *peer = &member->peer[i];

		if (peer->known)
			json_array_append_new(
				members,
				json_pack("{s:s, s:i, s:b, s:b, s:s, s:s}", "name",
					  peer->name, "slot", (int)peer->slot, "synced",
					  peer->synced, "drained", peer->drained,
					  "configuration", peer->form, "version",
					  peer->version));
	}
	return json_pack("{s:s, s:i, s:b, s:b, s:o, s:f, s:s, s:s, s:o}", "group",
			 member->config.group, "slot", (int)member->config.slot, "synced",
			 member->synced, "ready", is_ready(member), "members", members,
			 "lag", member_lag(member), "commit",
			 config_commit_names[member->config.commit], "on_loss",
			 config_on_loss_names[member->config.on_loss], "degraded",
			 wrong_of(member));
}

void member_write_note(struct member *member)
{
	json_t *value = member_note(member);
	int err = value ? cluster_note_write(member->options->pin, value) : -ENOMEM;

	if (err && !member->note_failed)
		pr_err("can't write to a file in " RUN_DIR ": %s; until that is mended, "
		       "`cluster status` shows no members. Sessions go on.",
		       strerror(-err));
	member->note_failed = err;
	json_decref(value);
}
