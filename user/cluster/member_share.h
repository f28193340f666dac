/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a member tells the others once more. */
#ifndef FTPNAT_MEMBER_SHARE_H
#define FTPNAT_MEMBER_SHARE_H

#include "cluster/member_state.h"

/* All that it knows, for the member with this slot, which has asked. */
void member_share_all(struct member *member, uint32_t slot);
/* The sessions that went on before the others knew what they did. */
void member_share_unprotected(struct member *member);

#endif
