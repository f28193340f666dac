/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages of the other members, and one's own as they come back. */
#ifndef FTPNAT_MEMBER_RECEIVE_H
#define FTPNAT_MEMBER_RECEIVE_H

#include "cluster/member_state.h"

/* From the engine; `arg` is the member. */
void member_see_message(void *arg, uint64_t from, const void *bytes, size_t len);

#endif
