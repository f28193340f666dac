/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is a member, who has all, and what follows from that for the programs. */
#ifndef FTPNAT_MEMBER_VIEW_H
#define FTPNAT_MEMBER_VIEW_H

#include "cluster/member_state.h"

/* The engine's view has changed; `arg` is the member. */
void member_see_view(void *arg, const uint64_t *ids, size_t n);
void member_see_hello(struct peer *peer, const struct message *message);
/* Two parts of a cluster have found each other: each has what the other lacks. */
void member_see_other_part(struct member *member, struct peer *peer);
/* Is this member synced now? Tells the programs, the others and `cluster status`. */
void member_settle(struct member *member);
/* Are the peers too late for commit_timeout, or is the engine away? What `on_loss` then says. */
void member_see_lateness(struct member *member);

#endif
