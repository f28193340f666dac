// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ::ffff:0:0/96 */
#define V4_MAPPED htonl(FTPNAT_V4_MAPPED)
#define V4_PREFIX 96
#define V4_BITS	  32
#define V6_BITS	  128

bool ftpnat_addr_is_v4(const struct ftpnat_addr *a)
{
	return a->w[0] == 0 && a->w[1] == 0 && a->w[2] == V4_MAPPED;
}

bool ftpnat_addr_is_none(const struct ftpnat_addr *a)
{
	return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) == 0;
}

bool ftpnat_addr_is_unicast(const struct ftpnat_addr *a)
{
	uint8_t first;

	if (ftpnat_addr_is_v4(a)) {
		/* 224.0.0.0/4 is multicast, 240.0.0.0/4 reserved, its last broadcast */
		first = ntohl(a->w[3]) >> 24;
		return first > 0 && first < 224;
	}
	first = ntohl(a->w[0]) >> 24;
	return !ftpnat_addr_is_none(a) && first != 0xff;
}

bool ftpnat_addr_equal(const struct ftpnat_addr *a, const struct ftpnat_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

enum ftpnat_family ftpnat_addr_family(const struct ftpnat_addr *a)
{
	return ftpnat_addr_is_v4(a) ? FTPNAT_V4 : FTPNAT_V6;
}

uint8_t ftpnat_addr_bits(const struct ftpnat_addr *a)
{
	return ftpnat_addr_is_v4(a) ? V4_BITS : V6_BITS;
}

const char *ftpnat_family_str(enum ftpnat_family family)
{
	return family == FTPNAT_V4 ? "IPv4" : "IPv6";
}

struct ftpnat_addr ftpnat_addr_from_in(const struct in_addr *in)
{
	return (struct ftpnat_addr){ .w = { 0, 0, V4_MAPPED, in->s_addr } };
}

struct ftpnat_addr ftpnat_addr_from_in6(const struct in6_addr *in6)
{
	struct ftpnat_addr a;

	_Static_assert(sizeof(a) == sizeof(*in6), "16 bytes");
	memcpy(&a, in6, sizeof(a));
	return a;
}

char *ftpnat_addr_str(char buf[static FTPNAT_ADDR_STRLEN], const struct ftpnat_addr *a)
{
	_Static_assert(FTPNAT_ADDR_STRLEN >= INET6_ADDRSTRLEN, "the longest text fits");
	if (ftpnat_addr_is_v4(a))
		inet_ntop(AF_INET, &a->w[3], buf, FTPNAT_ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, a->w, buf, FTPNAT_ADDR_STRLEN);
	return buf;
}

char *ftpnat_endpoint_str(char buf[static FTPNAT_ENDPOINT_STRLEN],
			  const struct ftpnat_addr *a, __be16 port)
{
	char text[FTPNAT_ADDR_STRLEN];

	snprintf(buf, FTPNAT_ENDPOINT_STRLEN, ftpnat_addr_is_v4(a) ? "%s:%u" : "[%s]:%u",
		 ftpnat_addr_str(text, a), ntohs(port));
	return buf;
}

char *ftpnat_prefix_str(char buf[static FTPNAT_PREFIX_STRLEN],
			const struct ftpnat_prefix *prefix)
{
	char text[FTPNAT_ADDR_STRLEN];

	snprintf(buf, FTPNAT_PREFIX_STRLEN, "%s/%u", ftpnat_addr_str(text, &prefix->addr),
		 prefix->len);
	return buf;
}

int ftpnat_addr_parse(const char *text, struct ftpnat_addr *out)
{
	struct ftpnat_addr v6;
	struct in6_addr in6;
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) == 1) {
		*out = ftpnat_addr_from_in(&in);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6) != 1)
		return -EINVAL;
	v6 = ftpnat_addr_from_in6(&in6);
	if (ftpnat_addr_is_v4(&v6))
		return -EINVAL;
	*out = v6;
	return 0;
}

/* Decimal digits only, at most `max`; anything longer than five digits is too much anyway. */
static int parse_number(const char *text, size_t len, uint32_t max, uint32_t *out)
{
	uint32_t number = 0;

	if (len == 0 || len > 5)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		number = number * 10 + (uint32_t)(text[i] - '0');
	}
	if (number > max)
		return -EINVAL;
	*out = number;
	return 0;
}

static int parse_port(const char *text, size_t len, uint16_t *out)
{
	uint32_t port;

	if (parse_number(text, len, UINT16_MAX, &port) || port == 0)
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

/* A slice of text as an address of the family it must have. */
static int parse_slice(const char *text, size_t len, enum ftpnat_family family,
		       struct ftpnat_addr *out)
{
	char copy[FTPNAT_ADDR_STRLEN];
	struct ftpnat_addr addr;

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (ftpnat_addr_parse(copy, &addr) || ftpnat_addr_family(&addr) != family)
		return -EINVAL;
	*out = addr;
	return 0;
}

int ftpnat_endpoint_parse(const char *text, struct ftpnat_endpoint *out)
{
	const char *colon = strrchr(text, ':');
	struct ftpnat_addr addr;
	uint16_t port;
	int ret;

	if (!colon || parse_port(colon + 1, strlen(colon + 1), &port))
		return -EINVAL;
	if (text[0] == '[') {
		if (colon < text + 2 || colon[-1] != ']')
			return -EINVAL;
		ret = parse_slice(text + 1, (size_t)(colon - text) - 2, FTPNAT_V6, &addr);
	} else {
		ret = parse_slice(text, (size_t)(colon - text), FTPNAT_V4, &addr);
	}
	if (ret)
		return ret;
	*out = (struct ftpnat_endpoint){ .addr = addr, .port = htons(port) };
	return 0;
}

struct ftpnat_addr ftpnat_prefix_mask(const struct ftpnat_prefix *prefix)
{
	unsigned int bits =
		prefix->len + (ftpnat_addr_is_v4(&prefix->addr) ? V4_PREFIX : 0);
	struct ftpnat_addr mask = { 0 };

	for (int i = 0; i < 4; i++) {
		unsigned int here = bits > 32 ? 32 : bits;

		bits -= here;
		mask.w[i] = here ? htonl(UINT32_MAX << (32 - here)) : 0;
	}
	return mask;
}

bool ftpnat_prefix_equal(const struct ftpnat_prefix *a, const struct ftpnat_prefix *b)
{
	return a->len == b->len && ftpnat_addr_equal(&a->addr, &b->addr);
}

int ftpnat_prefix_parse(const char *text, struct ftpnat_prefix *out)
{
	size_t len = strcspn(text, "/");
	struct ftpnat_prefix prefix;
	struct ftpnat_addr mask;
	uint32_t bits, most;
	bool beyond = false;

	if (parse_slice(text, len, FTPNAT_V4, &prefix.addr) == 0)
		most = V4_BITS;
	else if (parse_slice(text, len, FTPNAT_V6, &prefix.addr) == 0)
		most = V6_BITS;
	else
		return -EINVAL;
	bits = most;
	if (text[len] == '/' &&
	    parse_number(text + len + 1, strlen(text + len + 1), most, &bits))
		return -EINVAL;

	prefix.len = (uint8_t)bits;
	mask = ftpnat_prefix_mask(&prefix);
	for (int i = 0; i < 4; i++) {
		beyond |= (prefix.addr.w[i] & ~mask.w[i]) != 0;
		prefix.addr.w[i] &= mask.w[i];
	}
	*out = prefix;
	return beyond ? -ERANGE : 0;
}

int ftpnat_port_parse(const char *text, uint16_t *out)
{
	return parse_port(text, strlen(text), out);
}

int ftpnat_ports_parse(const char *text, struct ftpnat_ports *out)
{
	size_t len = strcspn(text, "-");
	struct ftpnat_ports ports;

	if (parse_port(text, len, &ports.min))
		return -EINVAL;
	ports.max = ports.min;
	if (text[len] == '-' &&
	    parse_port(text + len + 1, strlen(text + len + 1), &ports.max))
		return -EINVAL;
	if (ports.min > ports.max)
		return -ERANGE;
	*out = ports;
	return 0;
}
