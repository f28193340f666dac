/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a member says to the others, and what they have dealt with. */
#ifndef FTPNAT_MEMBER_SEND_H
#define FTPNAT_MEMBER_SEND_H

#include "cluster/member_state.h"

/* Upper bounds of member_counts.latency but the last, in seconds. */
extern const double member_latencies[MEMBER_LATENCIES];

/* Sends the row; what the engine doesn't take now is offered again soon. */
void member_send(struct member *member);
/* For share_begin(); `arg` is the member. */
bool member_is_busy(void *arg);
void member_flush(void *arg);
/* The number of the next message, from now on the newest. */
uint64_t member_next_number(struct member *member);
void member_say_hello(struct member *member);
/* Tells the others which of their messages have been dealt with. */
void member_say_seen(struct member *member);
/* Asks this member for all that it knows, once. */
void member_ask(struct member *member, const struct peer *peer);
/* Some of the others have dealt with more: frames that waited for that are released. */
void member_see_known(struct member *member);
/* Microseconds since when a message waits that fewer members know than `commit` asks for. */
uint64_t member_waits(const struct member *member);
/* Age of the oldest message that some member hasn't dealt with, in seconds. */
double member_lag(const struct member *member);

#endif
