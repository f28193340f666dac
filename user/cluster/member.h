/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* This gateway as a member of its cluster. */
#ifndef FTPNAT_MEMBER_H
#define FTPNAT_MEMBER_H

#include "cluster/member_state.h"

void member_open(struct member *member, sd_event *event, const struct options *options);
/* Joins, leaves, or tells the others of the new configuration. 0, or reported. */
int member_configure(struct member *member, const struct config *config);
void member_tend(struct member *member); /* once a second */
void member_close(struct member *member);

#endif
