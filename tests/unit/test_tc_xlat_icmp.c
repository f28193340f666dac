// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ICMP errors between a client and a server of different families (RFC 7915). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "lib/talk.h"
#include "base/util.h"

struct icmp {
	uint8_t type;
	uint8_t code;
	uint32_t rest; /* MTU or pointer */
};

/* An error with the addresses of `outer` that quotes headers of `about`, without options. */
static void icmp_build(struct packet *error, const struct packet_spec *outer,
		       const struct icmp *icmp, const struct packet *about)
{
	bool v6 = strchr(outer->src, ':');
	size_t ip = v6 ? 40 : 20, len = ip + 20, at = 14 + ip;
	uint8_t *out = error->byte;

	packet_build(error, outer);
	error->len = at + 8 + len;
	out[at] = icmp->type;
	out[at + 1] = icmp->code;
	put16(out + at + 2, 0);
	put32(out + at + 4, icmp->rest);
	memcpy(out + at + 8, about->byte + 14, len);
	if (v6) {
		put32(out + 14, 6u << 28 | (uint32_t)outer->tos << 20);
		put16(out + 18, (uint16_t)(8 + len));
		out[20] = 58;
		put16(out + at + 2,
		      (uint16_t)~sum16(58 + 8 + (uint32_t)len, out + 22, 32 + 8 + len));
		return;
	}
	put16(out + 16, (uint16_t)(28 + len));
	put16(out + 18, 0);
	put16(out + 20, 0);
	out[23] = 1;
	put16(out + 24, 0);
	put16(out + 24, (uint16_t)~sum16(0, out + 14, 20));
	put16(out + at + 2, (uint16_t)~sum16(0, out + at, 8 + len));
}

/* The client's last packet as its sender's error quotes it: what is quoted was translated. */
static void quoted_build(struct packet *quoted, const struct talk *talk,
			 const struct packet *error)
{
	struct packet_spec spec = talk_sent(talk, CLIENT);
	bool v6 = strchr(spec.src, ':');
	size_t ip = v6 ? 40 : 20;

	spec.seq = talk->isn[CLIENT] + talk->sent[CLIENT];
	spec.ttl = 63;
	spec.flags = ACK;
	packet_build(quoted, &spec);
	if (v6) {
		put32(quoted->byte + 14, 6u << 28);
	} else {
		put16(quoted->byte + 18, 0);
		put16(quoted->byte + 24, 0);
		put16(quoted->byte + 24, (uint16_t)~sum16(0, quoted->byte + 14, 20));
	}
	/* of a checksum nobody looks at, and of numbers that only the other side has seen */
	memcpy(quoted->byte + 14 + ip + 8, error->byte + 14 + ip + 8 + ip + 8, 12);
}

static const struct icmp_row {
	const char *says;
	enum scene_id id;
	struct icmp in;
	struct icmp out; /* type 0: it is dropped */
	uint16_t len;	 /* of the quoted packet, 0: without payload */
} icmp_rows[] = {
	{ "host unreachable", NAT64, { 3, 1, 0 }, { 1, 0, 0 }, 0 },
	{ "protocol unreachable", NAT64, { 3, 2, 0 }, { 4, 1, 6 }, 0 },
	{ "port unreachable", NAT64, { 3, 3, 0 }, { 1, 4, 0 }, 0 },
	{ "fragmentation needed", NAT64, { 3, 4, 1400 }, { 2, 0, 1420 }, 0 },
	{ "fragmentation needed, below IPv6's minimum",
	  NAT64,
	  { 3, 4, 600 },
	  { 2, 0, 1280 },
	  0 },
	{ "fragmentation needed, of an old router",
	  NAT64,
	  { 3, 4, 0 },
	  { 2, 0, 1280 },
	  0 },
	{ "fragmentation needed, of an old router, a longer packet",
	  NAT64,
	  { 3, 4, 0 },
	  { 2, 0, 1512 },
	  1500 },
	{ "fragmentation needed, of an old router, a jumbo packet",
	  NAT64,
	  { 3, 4, 0 },
	  { 2, 0, 8186 },
	  9000 },
	{ "an unknown kind of unreachable", NAT64, { 3, 16, 0 }, { 0, 0, 0 }, 0 },
	{ "prohibited", NAT64, { 3, 13, 0 }, { 1, 1, 0 }, 0 },
	{ "precedence violation", NAT64, { 3, 14, 0 }, { 0, 0, 0 }, 0 },
	{ "time exceeded", NAT64, { 11, 0, 0 }, { 3, 0, 0 }, 0 },
	{ "parameter problem: TTL", NAT64, { 12, 0, 8u << 24 }, { 4, 0, 7 }, 0 },
	{ "parameter problem: destination", NAT64, { 12, 0, 17u << 24 }, { 4, 0, 24 }, 0 },
	{ "parameter problem: identification",
	  NAT64,
	  { 12, 0, 4u << 24 },
	  { 0, 0, 0 },
	  0 },
	{ "parameter problem: an option is missing", NAT64, { 12, 1, 0 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: bad length", NAT64, { 12, 2, 2u << 24 }, { 4, 0, 4 }, 0 },
	{ "parameter problem: unknown code", NAT64, { 12, 3, 2u << 24 }, { 0, 0, 0 }, 0 },
	{ "network unreachable", NAT64, { 3, 0, 0 }, { 1, 0, 0 }, 0 },
	{ "source route failed", NAT64, { 3, 5, 0 }, { 1, 0, 0 }, 0 },
	{ "network unknown", NAT64, { 3, 6, 0 }, { 1, 0, 0 }, 0 },
	{ "host unknown", NAT64, { 3, 7, 0 }, { 1, 0, 0 }, 0 },
	{ "host isolated", NAT64, { 3, 8, 0 }, { 1, 0, 0 }, 0 },
	{ "network prohibited", NAT64, { 3, 9, 0 }, { 1, 1, 0 }, 0 },
	{ "host prohibited", NAT64, { 3, 10, 0 }, { 1, 1, 0 }, 0 },
	{ "network unreachable for this TOS", NAT64, { 3, 11, 0 }, { 1, 0, 0 }, 0 },
	{ "host unreachable for this TOS", NAT64, { 3, 12, 0 }, { 1, 0, 0 }, 0 },
	{ "precedence cutoff", NAT64, { 3, 15, 0 }, { 1, 1, 0 }, 0 },
	{ "reassembly time exceeded", NAT64, { 11, 1, 0 }, { 3, 1, 0 }, 0 },
	{ "parameter problem: pointer 0", NAT64, { 12, 0, 0u << 24 }, { 4, 0, 0 }, 0 },
	{ "parameter problem: pointer 1", NAT64, { 12, 0, 1u << 24 }, { 4, 0, 1 }, 0 },
	{ "parameter problem: pointer 2", NAT64, { 12, 0, 2u << 24 }, { 4, 0, 4 }, 0 },
	{ "parameter problem: pointer 3", NAT64, { 12, 0, 3u << 24 }, { 4, 0, 4 }, 0 },
	{ "parameter problem: pointer 5", NAT64, { 12, 0, 5u << 24 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: pointer 6", NAT64, { 12, 0, 6u << 24 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: pointer 7", NAT64, { 12, 0, 7u << 24 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: pointer 9", NAT64, { 12, 0, 9u << 24 }, { 4, 0, 6 }, 0 },
	{ "parameter problem: pointer 10", NAT64, { 12, 0, 10u << 24 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: pointer 11", NAT64, { 12, 0, 11u << 24 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: pointer 12", NAT64, { 12, 0, 12u << 24 }, { 4, 0, 8 }, 0 },
	{ "parameter problem: pointer 15", NAT64, { 12, 0, 15u << 24 }, { 4, 0, 8 }, 0 },
	{ "parameter problem: pointer 16", NAT64, { 12, 0, 16u << 24 }, { 4, 0, 24 }, 0 },
	{ "parameter problem: pointer 19", NAT64, { 12, 0, 19u << 24 }, { 4, 0, 24 }, 0 },
	{ "parameter problem: pointer 20", NAT64, { 12, 0, 20u << 24 }, { 0, 0, 0 }, 0 },
	{ "no route", NAT46, { 1, 0, 0 }, { 3, 1, 0 }, 0 },
	{ "prohibited", NAT46, { 1, 1, 0 }, { 3, 10, 0 }, 0 },
	{ "port unreachable", NAT46, { 1, 4, 0 }, { 3, 3, 0 }, 0 },
	{ "source address failed policy", NAT46, { 1, 5, 0 }, { 0, 0, 0 }, 0 },
	{ "too big", NAT46, { 2, 0, 1400 }, { 3, 4, 1380 }, 0 },
	{ "hop limit exceeded", NAT46, { 3, 0, 0 }, { 11, 0, 0 }, 0 },
	{ "next header unknown", NAT46, { 4, 1, 6 }, { 3, 2, 0 }, 0 },
	{ "parameter problem: length", NAT46, { 4, 0, 5 }, { 12, 0, 2u << 24 }, 0 },
	{ "parameter problem: source", NAT46, { 4, 0, 9 }, { 12, 0, 12u << 24 }, 0 },
	{ "parameter problem: flow label", NAT46, { 4, 0, 2 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: an option", NAT46, { 4, 2, 0 }, { 0, 0, 0 }, 0 },
	{ "beyond scope of source", NAT46, { 1, 2, 0 }, { 3, 1, 0 }, 0 },
	{ "address unreachable", NAT46, { 1, 3, 0 }, { 3, 1, 0 }, 0 },
	{ "reject route", NAT46, { 1, 6, 0 }, { 0, 0, 0 }, 0 },
	{ "reassembly time exceeded", NAT46, { 3, 1, 0 }, { 11, 1, 0 }, 0 },
	{ "parameter problem: pointer 0", NAT46, { 4, 0, 0 }, { 12, 0, 0u << 24 }, 0 },
	{ "parameter problem: pointer 1", NAT46, { 4, 0, 1 }, { 12, 0, 1u << 24 }, 0 },
	{ "parameter problem: pointer 3", NAT46, { 4, 0, 3 }, { 0, 0, 0 }, 0 },
	{ "parameter problem: pointer 4", NAT46, { 4, 0, 4 }, { 12, 0, 2u << 24 }, 0 },
	{ "parameter problem: pointer 6", NAT46, { 4, 0, 6 }, { 12, 0, 9u << 24 }, 0 },
	{ "parameter problem: pointer 7", NAT46, { 4, 0, 7 }, { 12, 0, 8u << 24 }, 0 },
	{ "parameter problem: pointer 8", NAT46, { 4, 0, 8 }, { 12, 0, 12u << 24 }, 0 },
	{ "parameter problem: pointer 23", NAT46, { 4, 0, 23 }, { 12, 0, 12u << 24 }, 0 },
	{ "parameter problem: pointer 24", NAT46, { 4, 0, 24 }, { 12, 0, 16u << 24 }, 0 },
	{ "parameter problem: pointer 39", NAT46, { 4, 0, 39 }, { 12, 0, 16u << 24 }, 0 },
	{ "parameter problem: pointer 40", NAT46, { 4, 0, 40 }, { 0, 0, 0 }, 0 },
};

static void test_icmp_errors(void **state)
{
	static const enum ftpnat_reason icmp[] = { FTPNAT_ICMP, FTPNAT_REASON_MAX };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(icmp_rows); i++) {
		const struct icmp_row *row = &icmp_rows[i];
		struct packet_spec outer = { .tos = 0xc0, .window = 1 }, about;
		struct packet error, quoted, expected;
		struct counters before;
		struct talk talk;
		struct run run;

		talk_begin(&talk, row->id);
		about = talk_heard(&talk, CLIENT);
		about.seq = talk.isn[CLIENT] + talk.heard[CLIENT];
		about.flags = ACK;
		packet_build(&quoted, &about);
		packet_translated(&quoted, &quoted);
		if (row->len)
			put16(quoted.byte + 16, row->len);
		outer.src = row->id == NAT64 ? "10.9.0.254" : "fd00:9::fe";
		outer.dst = about.src;
		outer.dst_mac = dataplane_mac(INNER);
		icmp_build(&error, &outer, &row->in, &quoted);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, INNER, &error, 0);
		if (!row->out.type) {
			good &= dataplane_counted(row->says, &before, FTPNAT_ICMP_DROPPED,
						  NULL);
			continue;
		}
		outer.src = scene_get(row->id)->dialled;
		outer.dst = scene_get(row->id)->client;
		outer.ttl = 63;
		outer.tos = row->id == NAT64 ? 0 : 0xc0; /* as of our own errors */
		quoted_build(&quoted, &talk, &run.packet);
		if (row->len)
			put16(quoted.byte + 18, (uint16_t)(row->len - 20));
		icmp_build(&expected, &outer, &row->out, &quoted);
		good &= packet_same(row->says, &expected, &run.packet);
		good &= dataplane_counted(row->says, &before, FTPNAT_FORWARDED, icmp);
	}
	assert_true(good);
}

/*
 * Too long for the link behind us: the sender is told what it may send, which is more or less
 * than that link carries by what headers differ.
 */
static void test_too_big(void **state)
{
	static const struct {
		enum scene_id id;
		uint8_t type;
		uint32_t mtu;
	} rows[] = { { NAT64, 2, 1420 }, { NAT46, 3, 1380 } };
	static char payload[1440];

	(void)state;
	memset(payload, 'x', sizeof(payload) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet_spec in;
		struct packet packet;
		struct counters before;
		struct talk talk;
		struct run run;
		size_t icmp;

		dataplane_fresh();
		dataplane_sh("ip link set inner0 mtu 1400");
		talk_begin(&talk, rows[i].id);
		data_announce(&talk);
		assert_true(data_check("SYN", &talk, CLIENT, SYN, NULL, data_arrives));
		in = data_sent(&talk, CLIENT);
		in.payload = payload;
		packet_build(&packet, &in);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, OUTER, &packet, 0);
		dataplane_sh("ip link set inner0 mtu 1500");
		assert_true(dataplane_counted(
			"too big", &before, FTPNAT_TOO_BIG,
			(enum ftpnat_reason[]){ FTPNAT_IGNORED, FTPNAT_REASON_MAX }));
		icmp = 14 + (rows[i].id == NAT64 ? 40 : 20);
		assert_int_equal(run.packet.byte[icmp], rows[i].type);
		assert_int_equal(get32(run.packet.byte + icmp + 4), rows[i].mtu);
	}
}

/* Puts an extension header of 8 bytes behind the quoted IPv6 header of an error. */
static void quoted_extend(struct packet *error, uint8_t kind, const uint8_t more[3])
{
	uint8_t *ip = error->byte + 14, *icmp = ip + 40, *quoted = icmp + 8;
	size_t len = error->len - 14 - 40 - 8;

	memmove(quoted + 48, quoted + 40, len - 40);
	memcpy(quoted + 40, (uint8_t[8]){ quoted[6], more[0], more[1], more[2] }, 8);
	quoted[6] = kind;
	put16(quoted + 4, (uint16_t)(get16(quoted + 4) + 8));
	put16(ip + 4, (uint16_t)(get16(ip + 4) + 8));
	error->len += 8;
	put16(icmp + 2, 0);
	len = error->len - 14 - 40;
	put16(icmp + 2, (uint16_t)~sum16(58 + (uint32_t)len, ip + 8, 32 + len));
}

/*
 * A router on the IPv6 side may have put headers into what it quotes. They are ignored as
 * in packets (RFC 7915 section 5.1), and an error that quotes anything else is not ours.
 */
static void test_quoted_extension_headers(void **state)
{
	static const struct {
		const char *says;
		uint8_t kind;
		uint8_t more[3]; /* length, and two bytes */
		bool ours;
	} rows[] = {
		{ "hop-by-hop options", 0, { 0, 1, 4 }, true },
		{ "destination options", 60, { 0, 1, 4 }, true },
		{ "a routing header that is used up", 43, { 0, 4, 0 }, true },
		{ "a routing header in use", 43, { 0, 4, 1 }, false },
		{ "a fragment header of what is whole", 44, { 0, 0, 0 }, true },
		{ "a first fragment", 44, { 0, 0, 1 }, false },
		{ "a later fragment", 44, { 0, 0, 8 }, false },
		{ "a header beyond the end", 60, { 200, 1, 4 }, false },
		{ "an unknown header", 135, { 0, 0, 0 }, false },
	};
	static const enum ftpnat_reason icmp[] = { FTPNAT_ICMP, FTPNAT_REASON_MAX };
	static const struct icmp in = { 2, 0, 1400 }, out = { 3, 4, 1380 };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet_spec outer = { .tos = 0xc0, .window = 1 }, about;
		struct packet error, quoted, expected;
		struct counters before;
		struct talk talk;
		struct run run;

		talk_begin(&talk, NAT46);
		about = talk_heard(&talk, CLIENT);
		about.seq = talk.isn[CLIENT] + talk.heard[CLIENT];
		about.flags = ACK;
		packet_build(&quoted, &about);
		packet_translated(&quoted, &quoted);
		outer.src = "fd00:9::fe";
		outer.dst = about.src;
		outer.dst_mac = dataplane_mac(INNER);
		icmp_build(&error, &outer, &in, &quoted);
		quoted_extend(&error, rows[i].kind, rows[i].more);
		dataplane_counters(&before);
		dataplane_run(&run, INGRESS, INNER, &error, 0);
		if (!rows[i].ours) {
			good &= packet_same(rows[i].says, &error, &run.packet);
			good &= dataplane_counted(rows[i].says, &before, FTPNAT_PASS,
						  NULL);
			continue;
		}
		outer.src = scene_get(NAT46)->dialled;
		outer.dst = scene_get(NAT46)->client;
		outer.ttl = 63;
		quoted_build(&quoted, &talk, &run.packet);
		icmp_build(&expected, &outer, &out, &quoted);
		good &= packet_same(rows[i].says, &expected, &run.packet);
		good &= dataplane_counted(rows[i].says, &before, FTPNAT_FORWARDED, icmp);
	}
	assert_true(good);
}

/* More of the quoted packet, as routers send it (RFC 1812 section 4.3.2.3). */
static void quoted_lengthen(struct packet *error, size_t more)
{
	uint8_t *ip = error->byte + 14;
	bool v6 = ip[0] >> 4 == 6;
	uint8_t *icmp = ip + (v6 ? 40 : 20);
	size_t len;

	for (size_t i = 0; i < more; i++)
		error->byte[error->len++] = (uint8_t)(i * 7 + 1);
	len = error->len - (size_t)(icmp - error->byte);
	put16(icmp + 2, 0);
	if (v6) {
		put16(ip + 4, (uint16_t)len);
		put16(icmp + 2, (uint16_t)~sum16(58 + (uint32_t)len, ip + 8, 32 + len));
		return;
	}
	put16(ip + 2, (uint16_t)(20 + len));
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~sum16(0, ip, 20));
	put16(icmp + 2, (uint16_t)~sum16(0, icmp, len));
}

/* An error is written anew, so a wrong checksum would become a right one: then it is none. */
static void test_checksum(void **state)
{
	static const struct {
		enum scene_id id;
		struct icmp in;
	} rows[] = { { NAT64, { 3, 3, 0 } }, { NAT46, { 1, 4, 0 } } };
	static const size_t quoted_more[] = { 0, 1, 3, 500, 1200 };
	static const enum ftpnat_reason icmp[] = { FTPNAT_ICMP, FTPNAT_REASON_MAX };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet_spec outer = { .tos = 0xc0, .window = 1 }, about;
		struct talk talk;

		talk_begin(&talk, rows[i].id);
		about = talk_heard(&talk, CLIENT);
		about.seq = talk.isn[CLIENT] + talk.heard[CLIENT];
		about.flags = ACK;
		outer.src = rows[i].id == NAT64 ? "10.9.0.254" : "fd00:9::fe";
		outer.dst = about.src;
		outer.dst_mac = dataplane_mac(INNER);
		for (size_t j = 0; j < ARRAY_SIZE(quoted_more); j++) {
			struct packet error, quoted;
			struct counters before;
			char says[64];
			struct run run;

			snprintf(says, sizeof(says), "%s, %zu bytes more",
				 scene_name(rows[i].id), quoted_more[j]);
			packet_build(&quoted, &about);
			packet_translated(&quoted, &quoted);
			icmp_build(&error, &outer, &rows[i].in, &quoted);
			quoted_lengthen(&error, quoted_more[j]);
			dataplane_counters(&before);
			dataplane_run(&run, INGRESS, INNER, &error, 0);
			good &= dataplane_counted(says, &before, FTPNAT_FORWARDED, icmp);

			error.byte[error.len - 1] ^= 0x40;
			dataplane_counters(&before);
			dataplane_run(&run, INGRESS, INNER, &error, 0);
			good &= run.action == TC_SHOT;
			good &= dataplane_counted(says, &before, FTPNAT_ICMP_DROPPED,
						  NULL);
		}
	}
	assert_true(good);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_icmp_errors),
		cmocka_unit_test(test_quoted_extension_headers),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_checksum),
	};

	return cmocka_run_group_tests_name("tc_xlat_icmp", tests, dataplane_setup,
					   dataplane_teardown);
}
