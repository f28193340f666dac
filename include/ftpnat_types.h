/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Capacities, addresses and enums that several maps share. See ftpnat_maps.h. */
#ifndef FTPNAT_TYPES_H
#define FTPNAT_TYPES_H

#include <linux/types.h>

/* Capacities that are part of the layout (limits: of the configuration are not). */
#define FTPNAT_MAX_RULES	256  /* rule ids 0..255, kept by name over a reload */
#define FTPNAT_MAX_SERVERS	1024 /* of all rules together */
#define FTPNAT_MAX_RULE_SERVERS 64   /* of one rule */
#define FTPNAT_MAX_SELECTORS	256  /* masquerade prefixes x control ports */
#define FTPNAT_MAX_LISTENS	1024 /* of all publish rules together */
#define FTPNAT_MAX_CLASSES	1024 /* of data_address_for of all rules together */
#define FTPNAT_MAX_CLOSED	16384 /* ended connections remembered for reuse, of each kind */
/* Newest control connections, of which some are half open. */
#define FTPNAT_MAX_HALF_OPEN 16384
#define FTPNAT_MAX_LINKS     1024 /* interfaces that the loader describes */
#define FTPNAT_MAX_HOPS	     4096 /* next hops remembered, power of two */
#define FTPNAT_NAME_LEN	     32	  /* rule name with its final NUL */

/* Third word of ::ffff:a.b.c.d: RFC 4291 section 2.5.5.2. */
#define FTPNAT_V4_MAPPED 0xffff

/* An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d: one code path for both. */
struct ftpnat_addr {
	union {
		__u8 octet[16]; /* first, for readers of `bpftool map dump` */
		__be32 w[4];
	};
};

/* A TCP connection as one direction of it looks on the wire. */
struct ftpnat_tuple {
	struct ftpnat_addr src;
	struct ftpnat_addr dst;
	__be16 sport;
	__be16 dport;
};

enum ftpnat_kind { FTPNAT_CONTROL, FTPNAT_DATA, FTPNAT_KIND_MAX };
enum ftpnat_dir { FTPNAT_FROM_CLIENT, FTPNAT_FROM_SERVER, FTPNAT_DIR_MAX };
enum ftpnat_mode { FTPNAT_PASSIVE, FTPNAT_ACTIVE, FTPNAT_MODE_MAX };
enum ftpnat_family { FTPNAT_V4, FTPNAT_V6, FTPNAT_FAMILY_MAX };

_Static_assert(sizeof(struct ftpnat_tuple) == 36, "no padding in a key");

#endif
