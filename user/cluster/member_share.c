// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/member_share.h"

#include "base/log.h"
#include "cluster/member_send.h"
#include "cluster/share.h"

static void see_shared(void *arg, uint32_t asked)
{
	struct member *member = arg;

	for (uint32_t slot = 1; slot <= FTPNAT_SLOTS; slot++) {
		if (!(asked & 1U << slot))
			continue;
		message_begin(&member->row, MESSAGE_ANSWERED, member_next_number(member));
		message_put_u32(&member->row, TAG_SLOT, slot);
		message_end(&member->row);
	}
	member_send(member);
	share_end(member->sharing);
	member->sharing = NULL;
}

static void share(struct member *member, enum share_what what, uint32_t asked)
{
	const struct share_calls calls = { member_is_busy, member_flush, see_shared,
					   member };

	if (!member->exchange.dir)
		return;
	share_end(member->sharing);
	member->sharing =
		share_begin(member->event, &member->exchange, &calls, what, asked);
	if (!member->sharing)
		pr_warn("cluster %s: out of memory, connections can't be copied to the "
			"other members",
			member->config.group);
}

void member_share_all(struct member *member, uint32_t slot)
{
	/* if another one has asked, too, from the start for both */
	share(member, SHARE_ALL, share_asked(member->sharing) | 1U << slot);
}

void member_share_unprotected(struct member *member)
{
	if (!share_asked(member->sharing)) /* else they are among all */
		share(member, SHARE_UNPROTECTED, 0);
}
