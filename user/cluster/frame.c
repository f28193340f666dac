// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A TCP frame as the kernel has it, perhaps of several segments and without its checksums,
 * as the frames that a card could have received.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>

#include "cluster/exchange.h"

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static uint32_t sum(const void *bytes, size_t len, uint32_t start)
{
	const uint8_t *at = bytes;
	uint64_t total = start;

	for (size_t i = 0; i + 1 < len; i += 2)
		total += (uint32_t)(at[i] << 8 | at[i + 1]);
	if (len % 2)
		total += (uint32_t)(at[len - 1] << 8);
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint32_t)total;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       at[3];
}

/* Lengths and checksums of a frame whose IP header is of this family. */
static void finish(uint8_t *frame, size_t l4, size_t len, bool v6)
{
	uint8_t *ip = frame + ETH_HLEN, *tcp = frame + l4;
	uint32_t tcp_len = (uint32_t)(len - l4), pseudo;

	put16(tcp + 16, 0);
	if (v6) {
		put16(ip + 4, (uint32_t)(len - ETH_HLEN - sizeof(struct ip6_hdr)));
		pseudo = sum(ip + 8, 32, tcp_len + IPPROTO_TCP);
	} else {
		put16(ip + 2, (uint32_t)(len - ETH_HLEN));
		put16(ip + 10, 0);
		put16(ip + 10, ~sum(ip, l4 - ETH_HLEN, 0));
		pseudo = sum(ip + 12, 8, tcp_len + IPPROTO_TCP);
	}
	put16(tcp + 16, ~sum(tcp, tcp_len, pseudo));
}

/* Where the TCP header is; 0: it isn't TCP. */
static size_t find_tcp(const uint8_t *frame, size_t len, bool *v6)
{
	size_t l4;

	if (len < ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr))
		return 0;
	*v6 = frame[12] == 0x86 && frame[13] == 0xdd;
	if (!*v6 && (frame[12] != 0x08 || frame[13] != 0x00))
		return 0;
	l4 = ETH_HLEN + (*v6 ? sizeof(struct ip6_hdr) : 4UL * (frame[ETH_HLEN] & 15));
	if (frame[ETH_HLEN + (*v6 ? 6 : 9)] != IPPROTO_TCP ||
	    len < l4 + sizeof(struct tcphdr))
		return 0;
	return l4;
}

size_t frame_cut(const uint8_t *frame, size_t len, size_t most,
		 void (*each)(void *arg, uint8_t *piece, size_t len), void *arg)
{
	uint8_t piece[2048];
	bool v6;
	size_t l4 = find_tcp(frame, len, &v6), head, total, n = 0;

	if (!l4)
		return 0;
	/* what lies behind the packet fills up a short frame */
	total = ETH_HLEN +
		(v6 ? sizeof(struct ip6_hdr) + (size_t)(frame[ETH_HLEN + 4] << 8 |
							frame[ETH_HLEN + 5]) :
		      (size_t)(frame[ETH_HLEN + 2] << 8 | frame[ETH_HLEN + 3]));
	if (total < len && total > l4)
		len = total;
	head = l4 + 4UL * (frame[l4 + 12] >> 4);
	if (head > len || head + most > sizeof(piece))
		return 0;
	for (size_t at = head; at < len || !n; at += most, n++) {
		size_t part = len - at < most ? len - at : most;
		uint32_t seq = get32(frame + l4 + 4) + (uint32_t)(at - head);

		memcpy(piece, frame, head);
		memcpy(piece + head, frame + at, part);
		put16(piece + l4 + 4, seq >> 16);
		put16(piece + l4 + 6, seq);
		if (at + part < len)
			piece[l4 + 13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		if (n)
			piece[l4 + 13] &= (uint8_t)~TCP_CWR;
		finish(piece, l4, head + part, v6);
		each(arg, piece, head + part);
	}
	return n;
}
