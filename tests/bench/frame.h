/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the generator, the sink and the programs that drive them agree on. */
#ifndef FTPNAT_BENCH_FRAME_H
#define FTPNAT_BENCH_FRAME_H

#include <linux/types.h>

/*
 * IPv4 identification of every generated frame, and, where that is lost on the way to
 * IPv6, its urgent pointer, which means nothing without URG
 */
#define BENCH_MARK	 0xbe9c
#define BENCH_HEADER	 54 /* Ethernet, IPv4 and TCP without options */
#define BENCH_PAYLOAD	 6 /* bytes behind them that a template may have; the rest is zero */
#define BENCH_TEMPLATES	 256
#define BENCH_LOW_BITS	 15 /* of a flow's number: the rest is its high part */
#define BENCH_HEADER_V6	 74 /* the same behind a gateway to IPv6 */
#define BENCH_CAPTURE	 80
#define BENCH_IP_ID	 18
#define BENCH_IP_CHECK	 24
#define BENCH_IP_SOURCE	 26
#define BENCH_TCP_SPORT	 34
#define BENCH_TCP_DPORT	 36
#define BENCH_TCP_CHECK	 50
#define BENCH_ETH_HEADER 14
#define BENCH_ETH_TYPE	 12
#define BENCH_URGENT_V6	 72
#define BENCH_V6_SOURCE	 34 /* its last four bytes, which vary */
#define BENCH_V6_SPORT	 54
#define BENCH_V6_DPORT	 56
#define BENCH_V6_CHECK	 70

/*
 * A gateway to IPv6 puts 20 bytes in front. veth copies a packet to an XDP program if it has
 * no headroom of 256 bytes left, as cards do not: so all frames have some more.
 */
#define BENCH_ROOM 64

/* enum of bits: what the low and the high part of a flow's number are added to */
#define BENCH_SADDR_HIGH 0x01
#define BENCH_SPORT_HIGH 0x02
#define BENCH_SPORT_LOW	 0x04
#define BENCH_DPORT_HIGH 0x08
#define BENCH_DPORT_LOW	 0x10

/* A frame with both checksums zero, and the sums of all that is constant in it. */
struct bench_template {
	__u64 header[7]; /* BENCH_HEADER bytes and two of the payload */
	__u64 rest[2]; /* of an IPv6 one, but for its urgent pointer; or four more of the payload */
	__u32 ip_sum;
	__u32 tcp_sum;
	__u32 saddr;
	__u16 sport;
	__u16 dport;
	__u32 vary; /* BENCH_* bits */
	__u32 v6;
};

struct bench_count {
	__u64 packets;
	__u64 bytes;
};

/* The last frame that came, where `armed`. */
struct bench_capture {
	__u32 armed;
	__u32 length;
	__u8 frame[BENCH_CAPTURE];
};

#endif
