// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/ipfix.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "base/util.h"

#define IPFIX_VERSION 10 /* RFC 7011 section 3.1 */
#define HEADER_LEN    16
#define SET_LEN	      4
#define TEMPLATE_SET  2	  /* section 3.3.2 */
#define TEMPLATES     256 /* first id, section 3.4.1 */
#define DOMAIN	      0	  /* section 3.1: none in particular */

/* Information elements: iana.org/assignments/ipfix */
enum {
	PROTOCOL = 4,
	SOURCE_PORT = 7,
	SOURCE_V4 = 8,
	DESTINATION_PORT = 11,
	DESTINATION_V4 = 12,
	SOURCE_V6 = 27,
	DESTINATION_V6 = 28,
	POST_SOURCE_V4 = 225,
	POST_DESTINATION_V4 = 226,
	POST_SOURCE_PORT = 227,
	POST_DESTINATION_PORT = 228,
	REALM = 229,
	NAT_EVENT = 230,
	POST_SOURCE_V6 = 281,
	POST_DESTINATION_V6 = 282,
	MILLISECONDS = 323,
};

struct element {
	__u16 id;
	__u16 len;
};

#define COMMON_ELEMENTS	     8
#define DESTINATION_ELEMENTS 4

static bool is_v4(const struct ftpnat_addr *addr)
{
	return ftpnat_addr_family(addr) == FTPNAT_V4;
}

static struct element address(bool v4, __u16 id4, __u16 id6)
{
	return (struct element){ v4 ? id4 : id6, v4 ? 4 : 16 };
}

/* What a template has, in its order; their number. */
static size_t elements(struct element *e, bool before4, bool after4, bool destinations)
{
	const struct element all[COMMON_ELEMENTS + DESTINATION_ELEMENTS] = {
		{ MILLISECONDS, 8 },
		{ NAT_EVENT, 1 },
		{ PROTOCOL, 1 },
		{ REALM, 1 },
		address(before4, SOURCE_V4, SOURCE_V6),
		{ SOURCE_PORT, 2 },
		address(after4, POST_SOURCE_V4, POST_SOURCE_V6),
		{ POST_SOURCE_PORT, 2 },
		address(before4, DESTINATION_V4, DESTINATION_V6),
		{ DESTINATION_PORT, 2 },
		address(after4, POST_DESTINATION_V4, POST_DESTINATION_V6),
		{ POST_DESTINATION_PORT, 2 },
	};
	size_t n = COMMON_ELEMENTS + (destinations ? DESTINATION_ELEMENTS : 0);

	memcpy(e, all, n * sizeof(*e));
	return n;
}

/* ---- writing ---- */

static void put(struct ipfix_message *m, const void *bytes, size_t len)
{
	memcpy(m->byte + m->len, bytes, len);
	m->len += len;
}

static void put8(struct ipfix_message *m, __u8 value)
{
	put(m, &value, sizeof(value));
}

static void put16(struct ipfix_message *m, size_t value)
{
	__be16 be = htons((__u16)value);

	put(m, &be, sizeof(be));
}

static void put_end(struct ipfix_message *m, const struct ftpnat_addr *addr, __be16 port)
{
	if (is_v4(addr))
		put(m, &addr->w[3], sizeof(addr->w[3]));
	else
		put(m, addr->octet, sizeof(addr->octet));
	put(m, &port, sizeof(port));
}

static void set_length(struct ipfix_message *m, size_t at, size_t len)
{
	__be16 be = htons((__u16)len);

	memcpy(m->byte + at, &be, sizeof(be));
}

static void begin_set(struct ipfix_message *m, unsigned int id)
{
	if (!m->len)
		m->len = HEADER_LEN;
	m->set = m->len;
	m->set_id = id;
	put16(m, id);
	put16(m, SET_LEN);
}

/* Its length, as far as it is now. */
static void end_set(struct ipfix_message *m)
{
	set_length(m, m->set + 2, m->len - m->set);
}

static unsigned int template_of(bool before4, bool after4)
{
	return TEMPLATES + (before4 ? 0 : 2) + (after4 ? 0 : 1);
}

void ipfix_add_templates(struct ipfix_message *message, bool destinations)
{
	struct element e[COMMON_ELEMENTS + DESTINATION_ELEMENTS];

	begin_set(message, TEMPLATE_SET);
	for (unsigned int id = 0; id < 4; id++) {
		size_t n = elements(e, !(id & 2), !(id & 1), destinations);

		put16(message, TEMPLATES + id);
		put16(message, n);
		for (size_t i = 0; i < n; i++) {
			put16(message, e[i].id);
			put16(message, e[i].len);
		}
	}
	end_set(message);
}

static size_t record_len(bool before4, bool after4, bool destinations)
{
	struct element e[COMMON_ELEMENTS + DESTINATION_ELEMENTS];
	size_t n = elements(e, before4, after4, destinations), len = 0;

	for (size_t i = 0; i < n; i++)
		len += e[i].len;
	return len;
}

bool ipfix_add(struct ipfix_message *message, const struct ipfix_record *record,
	       bool destinations)
{
	bool before4 = is_v4(&record->before.src), after4 = is_v4(&record->after.src);
	unsigned int id = template_of(before4, after4);
	__be64 milliseconds = htobe64(record->milliseconds);

	if ((message->len ?: HEADER_LEN) + SET_LEN +
		    record_len(before4, after4, destinations) >
	    sizeof(message->byte))
		return false;
	if (!message->set || message->set_id != id)
		begin_set(message, id);
	put(message, &milliseconds, sizeof(milliseconds));
	put8(message, (__u8)record->event);
	put8(message, IPPROTO_TCP);
	put8(message, (__u8)record->realm);
	put_end(message, &record->before.src, record->before.sport);
	put_end(message, &record->after.src, record->after.sport);
	if (destinations) {
		put_end(message, &record->before.dst, record->before.dport);
		put_end(message, &record->after.dst, record->after.dport);
	}
	end_set(message);
	message->records++;
	return true;
}

void ipfix_finish(struct ipfix_message *message, __u32 seconds, __u32 sequence)
{
	const __be32 words[] = { htonl(seconds), htonl(sequence), htonl(DOMAIN) };
	__be16 version = htons(IPFIX_VERSION);

	memcpy(message->byte, &version, sizeof(version));
	set_length(message, 2, message->len);
	memcpy(message->byte + 4, words, sizeof(words));
}
