/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses, endpoints, prefixes and port ranges: text to the maps' layout and
 * back. An IPv4 address is kept as ::ffff:a.b.c.d, so one type serves both
 * families; text of that form is refused on input, as it would name an IPv4
 * address by another spelling.
 */
#ifndef FTPNAT_ADDR_H
#define FTPNAT_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/types.h>

#include "ftpnat_maps.h"

struct in_addr;
struct in6_addr;

#define FTPNAT_ADDR_STRLEN     46 /* longest IPv6 text and its NUL */
#define FTPNAT_ENDPOINT_STRLEN 56 /* "[IPv6]:65535" and its NUL */
#define FTPNAT_PREFIX_STRLEN   52 /* "IPv6/128" and its NUL */

struct ftpnat_endpoint {
	struct ftpnat_addr addr;
	__be16 port;
};

/* `len` counts within the family: 0..32 or 0..128; host bits of `addr` are zero. */
struct ftpnat_prefix {
	struct ftpnat_addr addr;
	uint8_t len;
};

/* Both ends included, host order. */
struct ftpnat_ports {
	uint16_t min;
	uint16_t max;
};

bool ftpnat_addr_is_v4(const struct ftpnat_addr *a);
/* All 16 bytes zero: what the maps mean by "none". Not the IPv4 address 0.0.0.0. */
bool ftpnat_addr_is_none(const struct ftpnat_addr *a);
/* The address of a single host: not 0.0.0.0/8, ::, multicast or broadcast. */
bool ftpnat_addr_is_unicast(const struct ftpnat_addr *a);
bool ftpnat_addr_equal(const struct ftpnat_addr *a, const struct ftpnat_addr *b);
/* FTPNAT_V4 or FTPNAT_V6: index of the per-family arrays of the maps. */
enum ftpnat_family ftpnat_addr_family(const struct ftpnat_addr *a);
/* Bits of an address of its family: 32 or 128. */
uint8_t ftpnat_addr_bits(const struct ftpnat_addr *a);
/* "IPv4" or "IPv6" */
const char *ftpnat_family_str(enum ftpnat_family family);

struct ftpnat_addr ftpnat_addr_from_in(const struct in_addr *in);
struct ftpnat_addr ftpnat_addr_from_in6(const struct in6_addr *in6);

/* All return `buf`. IPv6 is written as in RFC 5952. */
char *ftpnat_addr_str(char buf[static FTPNAT_ADDR_STRLEN], const struct ftpnat_addr *a);
char *ftpnat_endpoint_str(char buf[static FTPNAT_ENDPOINT_STRLEN],
			  const struct ftpnat_addr *a, __be16 port);
char *ftpnat_prefix_str(char buf[static FTPNAT_PREFIX_STRLEN],
			const struct ftpnat_prefix *prefix);

/* All return 0 or -EINVAL, and leave `out` alone on failure. */
int ftpnat_addr_parse(const char *text, struct ftpnat_addr *out);
/* "192.0.2.10:21" or "[2001:db8::10]:21"; the port is 1..65535 */
int ftpnat_endpoint_parse(const char *text, struct ftpnat_endpoint *out);
/*
 * "192.168.5.0/24", "2001:db8::/32", or a single address. -ERANGE: valid except for bits
 * set after the prefix length; `out` then has them cleared, so that the caller can
 * suggest it.
 */
int ftpnat_prefix_parse(const char *text, struct ftpnat_prefix *out);
/* "21": decimal digits only, 1..65535 */
int ftpnat_port_parse(const char *text, uint16_t *out);
/* "1024-65535" or "2121"; -ERANGE if reversed */
int ftpnat_ports_parse(const char *text, struct ftpnat_ports *out);

/* The mask of a prefix in the 16-byte form, network order. */
struct ftpnat_addr ftpnat_prefix_mask(const struct ftpnat_prefix *prefix);
bool ftpnat_prefix_equal(const struct ftpnat_prefix *a, const struct ftpnat_prefix *b);

#endif
