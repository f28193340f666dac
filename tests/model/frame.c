// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "frame.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"

#define ETH   14
#define IPV4  20
#define IPV6  40
#define TCP   20
#define PROTO 6

static uint16_t tcp_sum(const uint8_t *addrs, size_t addrs_len, const uint8_t *tcp,
			size_t len)
{
	return sum16(sum16(PROTO + (uint32_t)len, addrs, addrs_len), tcp, len);
}

static size_t build_options(uint8_t *o, const struct segment *seg)
{
	uint8_t *start = o;

	if (seg->mss) {
		put16(o, 0x0204);
		put16(o + 2, seg->mss);
		o += 4;
	}
	if (seg->sack_permitted) {
		put32(o, 0x01010402);
		o += 4;
	}
	if (seg->wscale >= 0) {
		put32(o, 0x01030300 | (uint32_t)seg->wscale);
		o += 4;
	}
	if (seg->has_ts) {
		put32(o, 0x0101080a);
		put32(o + 4, seg->tsval);
		put32(o + 8, seg->tsecr);
		o += 12;
	}
	if (seg->sacks) {
		put32(o, 0x01010500 | (2 + 8 * (uint32_t)seg->sacks));
		o += 4;
		for (int i = 0; i < seg->sacks; i++, o += 8) {
			put32(o, seg->sack[i].left);
			put32(o + 4, seg->sack[i].right);
		}
	}
	return (size_t)(o - start);
}

size_t frame_build(uint8_t *frame, const struct segment *seg, const uint8_t *dmac,
		   const uint8_t *smac)
{
	bool v4 = alg_addr_is_v4(&seg->src);
	uint8_t *ip = frame + ETH, *tcp = ip + (v4 ? IPV4 : IPV6),
		*addrs = ip + (v4 ? 12 : 8);
	size_t header = TCP + build_options(tcp + TCP, seg), len = header + seg->len;

	memcpy(frame, dmac, 6);
	memcpy(frame + 6, smac, 6);
	put16(frame + 12, v4 ? 0x0800 : 0x86dd);
	memset(ip, 0, IPV4);
	if (v4) {
		ip[0] = 0x45;
		put16(ip + 2, (unsigned)(IPV4 + len));
		put16(ip + 6, 0x4000);
		ip[8] = seg->ttl;
		ip[9] = PROTO;
		memcpy(addrs, seg->src.b + 12, 4);
		memcpy(addrs + 4, seg->dst.b + 12, 4);
		put16(ip + 10, (uint16_t)~sum16(0, ip, IPV4));
	} else {
		ip[0] = 0x60;
		put16(ip + 4, (unsigned)len);
		ip[6] = PROTO;
		ip[7] = seg->ttl;
		memcpy(addrs, &seg->src, 16);
		memcpy(addrs + 16, &seg->dst, 16);
	}
	put16(tcp, seg->sport);
	put16(tcp + 2, seg->dport);
	put32(tcp + 4, seg->seq);
	put32(tcp + 8, seg->ack);
	tcp[12] = (uint8_t)(header << 2);
	tcp[13] = seg->flags;
	put16(tcp + 14, seg->window);
	put32(tcp + 16, 0);
	memcpy(tcp + header, seg->payload, seg->len);
	put16(tcp + 16, (uint16_t)~tcp_sum(addrs, v4 ? 8 : 32, tcp, len));
	return (size_t)(tcp - frame) + len;
}

static const char *parse_options(struct segment *seg, const uint8_t *o, size_t len)
{
	size_t at = 0;

	while (at < len && o[at]) {
		size_t size = at + 1 < len ? o[at + 1] : 0;

		if (o[at] == 1)
			size = 1;
		if (!size || at + size > len)
			return "TCP options broken";
		switch (o[at]) {
		case 2:
			seg->mss = get16(o + at + 2);
			break;
		case 3:
			seg->wscale = o[at + 2];
			break;
		case 4:
			seg->sack_permitted = true;
			break;
		case 5:
			for (size_t i = at + 2; i + 8 <= at + size && seg->sacks < 4;
			     i += 8)
				seg->sack[seg->sacks++] =
					(struct sack_block){ get32(o + i),
							     get32(o + i + 4) };
			break;
		case 8:
			seg->has_ts = true;
			seg->tsval = get32(o + at + 2);
			seg->tsecr = get32(o + at + 6);
			break;
		}
		at += size;
	}
	return NULL;
}

const char *frame_parse(struct segment *seg, const uint8_t *frame, size_t len)
{
	bool v4 = get16(frame + 12) == 0x0800;
	const uint8_t *ip = frame + ETH, *tcp = ip + (v4 ? IPV4 : IPV6);
	const uint8_t *addrs = ip + (v4 ? 12 : 8);
	size_t header, tcp_len = len - (size_t)(tcp - frame);

	memset(seg, 0, sizeof(*seg));
	seg->wscale = -1;
	if (len < (size_t)(tcp - frame) + TCP)
		return "frame too short";
	if (v4) {
		if (ip[0] != 0x45 || get16(ip + 2) != len - ETH)
			return "wrong IP length";
		if (sum16(0, ip, IPV4) != 0xffff)
			return "wrong IP checksum";
		for (int i = 0; i < 2; i++) {
			struct alg_addr *a = i ? &seg->dst : &seg->src;

			memset(a->b + 10, 0xff, 2);
			memcpy(a->b + 12, addrs + 4 * i, 4);
		}
		seg->ttl = ip[8];
	} else {
		if (get16(ip + 4) != tcp_len)
			return "wrong IPv6 length";
		memcpy(&seg->src, addrs, 16);
		memcpy(&seg->dst, addrs + 16, 16);
		seg->ttl = ip[7];
	}
	if (tcp_sum(addrs, v4 ? 8 : 32, tcp, tcp_len) != 0xffff)
		return "wrong TCP checksum";
	header = (size_t)(tcp[12] >> 4) * 4;
	if (header < TCP || header > tcp_len)
		return "wrong TCP header length";
	seg->sport = get16(tcp);
	seg->dport = get16(tcp + 2);
	seg->seq = get32(tcp + 4);
	seg->ack = get32(tcp + 8);
	seg->flags = tcp[13];
	seg->window = get16(tcp + 14);
	seg->options_len = header - TCP;
	seg->payload = tcp + header;
	seg->len = tcp_len - header;
	return parse_options(seg, tcp + TCP, header - TCP);
}

void frame_text(char *text, size_t size, const struct segment *seg, uint32_t seq_base,
		uint32_t ack_base)
{
	size_t n;

	n = (size_t)snprintf(text, size, "%s%s%s%s%s seq %d len %zu ack %d win %u",
			     seg->flags & SYN ? "S" : "", seg->flags & FIN ? "F" : "",
			     seg->flags & RST ? "R" : "", seg->flags & PSH ? "P" : "",
			     seg->flags & ACK ? "." : "", (int)(seg->seq - seq_base),
			     seg->len, (int)(seg->ack - ack_base), seg->window);
	for (int i = 0; i < seg->sacks && n + 40 < size; i++)
		n += (size_t)snprintf(text + n, size - n, " sack %d-%d",
				      (int)(seg->sack[i].left - ack_base),
				      (int)(seg->sack[i].right - ack_base));
	if (!seg->len || n + 8 > size)
		return;
	n += (size_t)snprintf(text + n, size - n, " \"");
	for (size_t i = 0; i < seg->len && n + 6 < size; i++) {
		uint8_t c = seg->payload[i];

		if (c == '\r' || c == '\n')
			n += (size_t)snprintf(text + n, size - n,
					      c == '\r' ? "\\r" : "\\n");
		else
			n += (size_t)snprintf(text + n, size - n,
					      isprint(c) ? "%c" : "\\x%02x", c);
	}
	snprintf(text + n, size - n, "\"");
}
