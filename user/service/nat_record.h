/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * NAT records: what RFC 6888 (REQ-12, section 4) has a gateway log of each connection that
 * it translates, when it is opened and when it has ended.
 */
#ifndef FTPNAT_NAT_RECORD_H
#define FTPNAT_NAT_RECORD_H

#include <jansson.h>

#include "ftpnat_maps.h"
#include "service/ipfix_export.h"

/* Is it the event of such a connection? `kind` is that of its rule. */
bool nat_record_wanted(const struct ftpnat_event *e, enum ftpnat_rule_kind kind);

/* NULL: no memory. */
json_t *nat_record_json(const struct ftpnat_event *e, const char *rule,
			bool destinations);

/* One record, of an attempt that nobody answered both. */
void nat_record_export(struct ipfix_export *ex, const struct ftpnat_event *e,
		       enum ftpnat_rule_kind kind);

#endif
