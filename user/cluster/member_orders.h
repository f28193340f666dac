/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cluster take, drain and resync, as `run` carries them out. */
#ifndef FTPNAT_MEMBER_ORDERS_H
#define FTPNAT_MEMBER_ORDERS_H

#include "cluster/member_state.h"

/* Listens for them. 0, or reported. */
int member_orders_open(struct member *member);
void member_orders_close(struct member *member);

/* Drained, once a second: what has come back and is idle is given away again. */
void member_orders_tend(struct member *member);
/* A member that is drained gives sessions to us. */
void member_see_given(struct member *member, const struct message *message);
/* All that was asked for has come. */
void member_see_resynced(struct member *member);

#endif
