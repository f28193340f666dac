// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "packet.h"
#include "ftpnat_maps.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define OFF_FLAGS    13
#define OFF_CHECKSUM 16

static const uint8_t default_dst[ETH_ALEN] = { 2, 0, 0, 0, 0, 0xd5 };
static const uint8_t default_src[ETH_ALEN] = { 2, 0, 0, 0, 0, 0x5c };

static bool is_v6(const struct packet *packet)
{
	return get16(packet->byte + 12) == ETH_P_IPV6;
}

static size_t ip_len(const struct packet *packet)
{
	const uint8_t *ip = packet->byte + ETH_HLEN;

	return is_v6(packet) ? sizeof(struct ipv6hdr) + get16(ip + 4) : get16(ip + 2);
}

size_t packet_tcp(const struct packet *packet)
{
	return ETH_HLEN + (is_v6(packet) ? sizeof(struct ipv6hdr) :
					   (packet->byte[ETH_HLEN] & 15) * 4u);
}

size_t packet_payload(const struct packet *packet)
{
	size_t tcp = packet_tcp(packet);

	return tcp + (packet->byte[tcp + 12] >> 4) * 4u;
}

/* Of the TCP segment and its pseudo header, with the checksum field as it is. */
static uint16_t tcp_sum(const struct packet *packet)
{
	const uint8_t *ip = packet->byte + ETH_HLEN;
	size_t tcp = packet_tcp(packet);
	size_t len = ETH_HLEN + ip_len(packet) - tcp;
	uint32_t pseudo = IPPROTO_TCP + (uint32_t)len;

	pseudo = is_v6(packet) ? sum16(pseudo, ip + 8, 32) : sum16(pseudo, ip + 12, 8);
	return sum16(pseudo, packet->byte + tcp, len);
}

void packet_checksums(struct packet *packet)
{
	uint8_t *ip = packet->byte + ETH_HLEN;
	uint8_t *tcp = packet->byte + packet_tcp(packet);

	if (!is_v6(packet)) {
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~sum16(0, ip, (ip[0] & 15) * 4u));
	}
	put16(tcp + OFF_CHECKSUM, 0);
	put16(tcp + OFF_CHECKSUM, (uint16_t)~tcp_sum(packet));
}

static void build_v4(uint8_t *ip, const struct packet_spec *spec, size_t l4_len)
{
	size_t header = sizeof(struct iphdr) + spec->ip_options.len;

	ip[0] = (uint8_t)(4 << 4 | header / 4);
	ip[1] = spec->tos;
	put16(ip + 2, (uint16_t)(header + l4_len));
	put16(ip + 4, 0x1d1d);
	put16(ip + 6, 0x4000);
	ip[8] = spec->ttl ? spec->ttl : 64;
	ip[9] = IPPROTO_TCP;
	if (inet_pton(AF_INET, spec->src, ip + 12) != 1 ||
	    inet_pton(AF_INET, spec->dst, ip + 16) != 1)
		abort();
	memcpy(ip + sizeof(struct iphdr), spec->ip_options.byte, spec->ip_options.len);
}

static void build_v6(uint8_t *ip, const struct packet_spec *spec, size_t l4_len)
{
	put32(ip, 6u << 28 | (uint32_t)spec->tos << 20 | 0x12345);
	put16(ip + 4, (uint16_t)l4_len);
	ip[6] = IPPROTO_TCP;
	ip[7] = spec->ttl ? spec->ttl : 64;
	if (inet_pton(AF_INET6, spec->src, ip + 8) != 1 ||
	    inet_pton(AF_INET6, spec->dst, ip + 24) != 1)
		abort();
}

void packet_build(struct packet *packet, const struct packet_spec *spec)
{
	bool v6 = strchr(spec->src, ':') != NULL;
	size_t payload_len = spec->payload_len;
	size_t header = sizeof(struct tcphdr) + spec->options.len;
	uint8_t *ip = packet->byte + ETH_HLEN;
	uint8_t *tcp = ip + (v6 ? sizeof(struct ipv6hdr) :
				  sizeof(struct iphdr) + spec->ip_options.len);

	if (!payload_len && spec->payload)
		payload_len = strlen(spec->payload);
	memset(packet, 0, sizeof(*packet));
	packet->len = (size_t)(tcp - packet->byte) + header + payload_len + spec->padding;
	if (packet->len > sizeof(packet->byte))
		abort();

	memcpy(packet->byte, spec->dst_mac ? spec->dst_mac : default_dst, ETH_ALEN);
	memcpy(packet->byte + ETH_ALEN, spec->src_mac ? spec->src_mac : default_src,
	       ETH_ALEN);
	put16(packet->byte + 12, v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (v6)
		build_v6(ip, spec, header + payload_len);
	else
		build_v4(ip, spec, header + payload_len);

	put16(tcp, spec->sport);
	put16(tcp + 2, spec->dport);
	put32(tcp + 4, spec->seq);
	put32(tcp + 8, spec->ack);
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[OFF_FLAGS] = spec->flags;
	if (!spec->shut)
		put16(tcp + 14, spec->window ? spec->window : FTPNAT_KEPT_LEN);
	memcpy(tcp + sizeof(struct tcphdr), spec->options.byte, spec->options.len);
	if (payload_len)
		memcpy(tcp + header, spec->payload, payload_len);
	/* nonzero: bytes that nobody may count in */
	memset(tcp + header + payload_len, 0xee, spec->padding);
	packet_checksums(packet);
}

void packet_translated(struct packet *packet, const struct packet *from)
{
	uint8_t *ip = packet->byte + ETH_HLEN;

	if (is_v6(packet)) {
		put32(ip, get32(ip) & 0xfff00000);
		return;
	}
	put16(ip + 4, 0);
	if (ip_len(packet) <= 1260) {
		memcpy(ip + 4, from->byte + ETH_HLEN + 4, 2);
		put16(ip + 6, 0);
	}
	packet_checksums(packet);
}

/* Room for an option of `len` bytes that ends at a multiple of 4. */
static uint8_t *option_add(struct options *options, size_t len)
{
	uint8_t *at = options->byte + options->len;
	size_t padding = -len & 3;

	if (options->len + padding + len > sizeof(options->byte))
		abort();
	memset(at, 1, padding);
	options->len += padding + len;
	return at + padding;
}

void option_mss(struct options *options, uint16_t mss)
{
	uint8_t *at = option_add(options, 4);

	at[0] = 2;
	at[1] = 4;
	put16(at + 2, mss);
}

void option_window(struct options *options, uint8_t shift)
{
	uint8_t *at = option_add(options, 3);

	at[0] = 3;
	at[1] = 3;
	at[2] = shift;
}

void option_timestamps(struct options *options, uint32_t value, uint32_t echo)
{
	uint8_t *at = option_add(options, 10);

	at[0] = 8;
	at[1] = 10;
	put32(at + 2, value);
	put32(at + 6, echo);
}

void option_sack(struct options *options, const uint32_t *edges, size_t blocks)
{
	uint8_t *at = option_add(options, 2 + 8 * blocks);

	at[0] = 5;
	at[1] = (uint8_t)(2 + 8 * blocks);
	for (size_t i = 0; i < 2 * blocks; i++)
		put32(at + 2 + 4 * i, edges[i]);
}

/* ---- in text ---- */

#define TEXT_LINES 256
#define TEXT_WIDTH 96

struct text {
	size_t lines;
	char line[TEXT_LINES][TEXT_WIDTH];
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *fmt,
						      ...)
{
	va_list args;

	if (text->lines == TEXT_LINES)
		return;
	va_start(args, fmt);
	vsnprintf(text->line[text->lines++], TEXT_WIDTH, fmt, args);
	va_end(args);
}

static void say_bytes(struct text *text, const char *name, const struct packet *packet,
		      size_t from, size_t end)
{
	for (size_t at = from; at < end && at < packet->len; at += 16) {
		char hex[3 * 16 + 1] = "", chars[17] = "";

		for (size_t i = 0; i < 16 && at + i < end && at + i < packet->len; i++) {
			uint8_t byte = packet->byte[at + i];

			snprintf(hex + 3 * i, 4, "%02x ", byte);
			chars[i] = isprint(byte) ? (char)byte : '.';
		}
		say(text, "%-8s +%-4zu %-48s %s", name, at - from, hex, chars);
	}
}

static void say_flags(struct text *text, uint8_t flags)
{
	static const char names[] = "FSRPAUEC";
	char shown[9] = "";

	for (size_t i = 0, n = 0; i < 8; i++)
		if (flags & 1 << i)
			shown[n++] = names[i];
	say(text, "tcp.flags    %s", shown);
}

static void say_tcp(struct text *text, const struct packet *packet, size_t at, size_t end)
{
	const uint8_t *tcp = packet->byte + at;
	size_t payload;

	if (at + sizeof(struct tcphdr) > packet->len) {
		say_bytes(text, "rest", packet, at, packet->len);
		return;
	}
	payload = at + (tcp[12] >> 4) * 4u;
	say(text, "tcp.sport    %u", get16(tcp));
	say(text, "tcp.dport    %u", get16(tcp + 2));
	say(text, "tcp.seq      %u (%08x)", get32(tcp + 4), get32(tcp + 4));
	say(text, "tcp.ack      %u (%08x)", get32(tcp + 8), get32(tcp + 8));
	say(text, "tcp.offset   %02x", tcp[12]);
	say_flags(text, tcp[OFF_FLAGS]);
	say(text, "tcp.window   %u", get16(tcp + 14));
	say(text, "tcp.check    %04x", get16(tcp + OFF_CHECKSUM));
	say(text, "tcp.urgent   %u", get16(tcp + 18));
	say_bytes(text, "tcp.opt", packet, at + sizeof(struct tcphdr), payload);
	say_bytes(text, "payload", packet, payload, end);
	say_bytes(text, "padding", packet, end, packet->len);
}

static void say_v4(struct text *text, const struct packet *packet)
{
	const uint8_t *ip = packet->byte + ETH_HLEN;
	char src[INET_ADDRSTRLEN], dst[INET_ADDRSTRLEN];

	say(text, "ip.version   %u, ihl %u, tos %02x", ip[0] >> 4, ip[0] & 15, ip[1]);
	say(text, "ip.length    %u", get16(ip + 2));
	say(text, "ip.id        %04x, fragment %04x", get16(ip + 4), get16(ip + 6));
	say(text, "ip.ttl       %u", ip[8]);
	say(text, "ip.protocol  %u", ip[9]);
	say(text, "ip.check     %04x", get16(ip + 10));
	say(text, "ip.src       %s", inet_ntop(AF_INET, ip + 12, src, sizeof(src)));
	say(text, "ip.dst       %s", inet_ntop(AF_INET, ip + 16, dst, sizeof(dst)));
	say_bytes(text, "ip.opt", packet, ETH_HLEN + sizeof(struct iphdr),
		  packet_tcp(packet));
	say_tcp(text, packet, packet_tcp(packet), ETH_HLEN + ip_len(packet));
}

static void say_v6(struct text *text, const struct packet *packet)
{
	const uint8_t *ip = packet->byte + ETH_HLEN;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	say(text, "ip6.first    %08x", get32(ip));
	say(text, "ip6.payload  %u", get16(ip + 4));
	say(text, "ip6.next     %u", ip[6]);
	say(text, "ip6.hops     %u", ip[7]);
	say(text, "ip6.src      %s", inet_ntop(AF_INET6, ip + 8, src, sizeof(src)));
	say(text, "ip6.dst      %s", inet_ntop(AF_INET6, ip + 24, dst, sizeof(dst)));
	say_tcp(text, packet, packet_tcp(packet), ETH_HLEN + ip_len(packet));
}

static void describe(struct text *text, const struct packet *packet)
{
	const uint8_t *e = packet->byte;

	text->lines = 0;
	say(text, "length       %zu", packet->len);
	say(text, "eth.dst      %02x:%02x:%02x:%02x:%02x:%02x", e[0], e[1], e[2], e[3],
	    e[4], e[5]);
	say(text, "eth.src      %02x:%02x:%02x:%02x:%02x:%02x", e[6], e[7], e[8], e[9],
	    e[10], e[11]);
	say(text, "eth.type     %04x", get16(e + 12));
	if (get16(e + 12) == ETH_P_IP && packet->len >= ETH_HLEN + sizeof(struct iphdr) &&
	    (e[ETH_HLEN] & 15) >= 5)
		say_v4(text, packet);
	else if (is_v6(packet) && packet->len >= ETH_HLEN + sizeof(struct ipv6hdr))
		say_v6(text, packet);
	else
		say_bytes(text, "bytes", packet, ETH_HLEN, packet->len);
}

void packet_print(const char *title, const struct packet *packet)
{
	static struct text text;

	describe(&text, packet);
	printf("%s\n", title);
	for (size_t i = 0; i < text.lines; i++)
		printf("    %s\n", text.line[i]);
}

static bool has_line(const struct text *text, const char *line)
{
	for (size_t i = 0; i < text->lines; i++)
		if (!strcmp(text->line[i], line))
			return true;
	return false;
}

bool packet_same(const char *says, const struct packet *expected,
		 const struct packet *actual)
{
	static struct text wanted, got;

	if (expected->len == actual->len &&
	    !memcmp(expected->byte, actual->byte, actual->len))
		return true;
	describe(&wanted, expected);
	describe(&got, actual);
	printf("%s: the packet differs\n", says);
	for (size_t i = 0; i < wanted.lines; i++)
		if (!has_line(&got, wanted.line[i]))
			printf("  expected  %s\n", wanted.line[i]);
	for (size_t i = 0; i < got.lines; i++)
		if (!has_line(&wanted, got.line[i]))
			printf("  got       %s\n", got.line[i]);
	return false;
}

bool packet_sane(const char *says, const struct packet *packet)
{
	struct packet right = *packet;

	packet_checksums(&right);
	return packet_same(says, &right, packet);
}
