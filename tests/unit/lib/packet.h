/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames for the tests of the BPF programs: built from a description, with both
 * checksums computed in full, and compared byte by byte.
 */
#ifndef FTPNAT_TEST_PACKET_H
#define FTPNAT_TEST_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX     4096 /* more than BPF_PROG_TEST_RUN takes */
#define PACKET_OPTIONS 40

/* TCP flags */
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20
#define ECE 0x40
#define CWR 0x80

struct options {
	size_t len; /* a multiple of 4 */
	uint8_t byte[PACKET_OPTIONS];
};

/* A TCP packet. What is left zero becomes what an ordinary packet has. */
struct packet_spec {
	const char *src; /* "192.0.2.1" or "2001:db8::1" */
	const char *dst;
	uint16_t sport;
	uint16_t dport;
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	uint8_t ttl;		   /* 0: 64 */
	uint8_t tos;		   /* or traffic class */
	uint16_t window;	   /* 0: the widest of a control connection */
	bool shut;		   /* whatever it is, it is closed */
	struct options ip_options; /* IPv4 */
	struct options options;	   /* TCP */
	const char *payload;
	size_t payload_len;	/* 0: up to the NUL of `payload` */
	size_t padding;		/* bytes behind the IP packet */
	const uint8_t *dst_mac; /* NULL: 02:00:00:00:00:d5 */
	const uint8_t *src_mac; /* NULL: 02:00:00:00:00:5c */
};

struct packet {
	size_t len;
	uint8_t byte[PACKET_MAX];
};

/* ---- building ---- */

void packet_build(struct packet *packet, const struct packet_spec *spec);

/*
 * A frame of packet_build() as a translator of the other family sends it (RFC 7915): DF by
 * its size, no flow label. A number that is the translator's to choose is taken from `from`.
 */
void packet_translated(struct packet *packet, const struct packet *from);

/* Offsets in a frame that packet_build() made. */
size_t packet_tcp(const struct packet *packet);
size_t packet_payload(const struct packet *packet);

/*
 * Recomputes both checksums after bytes were changed by hand. The headers must be valid.
 */
void packet_checksums(struct packet *packet);

/* These append to *options and pad with NOPs in front to a multiple of 4, as Linux does. */
void option_mss(struct options *options, uint16_t mss);
void option_window(struct options *options, uint8_t shift);
void option_timestamps(struct options *options, uint32_t value, uint32_t echo);
/* `blocks` pairs of edges */
void option_sack(struct options *options, const uint32_t *edges, size_t blocks);

/* ---- looking ---- */

/*
 * Are they the same, byte by byte? If not: prints `says` and the lines of both
 * in which they differ, layer by layer.
 */
bool packet_same(const char *says, const struct packet *expected,
		 const struct packet *actual);

/* Are both checksums right? Prints what they should be if not. */
bool packet_sane(const char *says, const struct packet *packet);

/* The packet in text, a field on each line, for messages. */
void packet_print(const char *title, const struct packet *packet);

#endif
