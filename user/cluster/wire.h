/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record of the programs as a message, and back: field by field, whatever the layouts. */
#ifndef FTPNAT_WIRE_H
#define FTPNAT_WIRE_H

#include "cluster/message.h"
#include "ftpnat_maps.h"

/*
 * The record's fields, added to a message; zero ones are left out. Times become ages at
 * `now`, and the rule's id its name.
 */
void wire_put(struct message_row *row, const struct ftpnat_record *record,
	      const char *rule, __u32 now);

/*
 * Fills in the record, and the rule's name. False: it makes no sense. Its rules' ids are the
 * caller's business.
 */
bool wire_get(const struct message *message, struct ftpnat_record *record,
	      char rule[FTPNAT_NAME_LEN], __u32 now);

#endif
