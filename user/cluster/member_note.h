/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a member says of its cluster, for `cluster status`. */
#ifndef FTPNAT_MEMBER_NOTE_H
#define FTPNAT_MEMBER_NOTE_H

#include "cluster/member_state.h"

/* Writes it to the file that `cluster status` reads. */
void member_write_note(struct member *member);

#endif
