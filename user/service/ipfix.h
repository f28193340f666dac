/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPFIX messages (RFC 7011) with NAT events (RFC 8158): only the encoding. One template for
 * each pair of families, all with or all without destinations.
 */
#ifndef FTPNAT_IPFIX_H
#define FTPNAT_IPFIX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

#define IPFIX_MESSAGE_LEN 1400 /* fits one packet, IPv6 and tunnels included */

/* natEvent, RFC 8158 section 4.3.1 */
enum ipfix_nat_event {
	IPFIX_NAT_CREATE = 1, /* of any kind: what has no value of its own */
	IPFIX_NAT_DELETE = 2,
	IPFIX_NAT44_CREATE = 4,
	IPFIX_NAT44_DELETE = 5,
	IPFIX_NAT64_CREATE = 6,
	IPFIX_NAT64_DELETE = 7,
};

/* natOriginatingAddressRealm, RFC 8158 section 4.3 */
enum ipfix_realm { IPFIX_REALM_PRIVATE = 1, IPFIX_REALM_PUBLIC = 2 };

struct ipfix_record {
	__u64 milliseconds; /* since 1970 */
	enum ipfix_nat_event event;
	enum ipfix_realm realm;	    /* that the connection was opened from */
	struct ftpnat_tuple before; /* as the client sends */
	struct ftpnat_tuple after;  /* as the server sees it */
};

/* A message under construction. */
struct ipfix_message {
	__u8 byte[IPFIX_MESSAGE_LEN];
	size_t len; /* 0: nothing in it */
	size_t set; /* offset of the set at hand; 0: none */
	unsigned int set_id;
	unsigned int records; /* data records */
};

/* The template sets, as the first in an empty message. */
void ipfix_add_templates(struct ipfix_message *message, bool destinations);

/* False: it is full, and unchanged. */
bool ipfix_add(struct ipfix_message *message, const struct ipfix_record *record,
	       bool destinations);

/* Its header; `sequence`: data records of this session before it (RFC 7011 section 3.1). */
void ipfix_finish(struct ipfix_message *message, __u32 seconds, __u32 sequence);

#endif
