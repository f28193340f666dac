// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/reset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"

#define HOP_LIMIT 64
#define V4_OFFSET 12 /* of the IPv4 address in ::ffff:a.b.c.d */

static __u32 add_words(__u32 sum, const void *bytes, size_t len)
{
	const __u8 *byte = bytes;

	for (size_t i = 0; i < len; i += 2)
		sum += (__u32)byte[i] << 8 | byte[i + 1];
	return sum;
}

/* RFC 9293 section 3.1, RFC 8200 section 8.1 */
static __sum16 checksum(const struct tcphdr *tcp, const struct ftpnat_tuple *t)
{
	size_t skip = ftpnat_addr_is_v4(&t->src) ? V4_OFFSET : 0;
	__u32 sum = IPPROTO_TCP + sizeof(*tcp);

	sum = add_words(sum, t->src.octet + skip, sizeof(t->src) - skip);
	sum = add_words(sum, t->dst.octet + skip, sizeof(t->dst) - skip);
	sum = add_words(sum, tcp, sizeof(*tcp));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((__u16)~sum);
}

static struct tcphdr tcp_header(const struct reset *reset)
{
	struct tcphdr tcp = {
		.source = reset->tuple.sport,
		.dest = reset->tuple.dport,
		.seq = htonl(reset->seq),
		.ack_seq = htonl(reset->ack),
		.doff = sizeof(tcp) / 4,
		.rst = 1,
		.ack = 1,
	};

	tcp.check = checksum(&tcp, &reset->tuple);
	return tcp;
}

/* The kernel fills in the header's checksum, and its id. */
static ssize_t send_v4(int fd, const struct reset *reset)
{
	const struct ftpnat_tuple *t = &reset->tuple;
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_addr.s_addr = t->dst.w[3] };
	const struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} packet = {
		.ip = { .version = 4,
			.ihl = sizeof(packet.ip) / 4,
			.tot_len = htons(sizeof(packet)),
			.ttl = HOP_LIMIT,
			.protocol = IPPROTO_TCP,
			.saddr = t->src.w[3],
			.daddr = t->dst.w[3] },
		.tcp = tcp_header(reset),
	};

	return sendto(fd, &packet, sizeof(packet), 0, (const struct sockaddr *)&to,
		      sizeof(to));
}

static ssize_t send_v6(int fd, const struct reset *reset)
{
	const struct ftpnat_tuple *t = &reset->tuple;
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct {
		struct ip6_hdr ip;
		struct tcphdr tcp;
	} packet = {
		.ip = { .ip6_ctlun.ip6_un1 = { .ip6_un1_flow = htonl(6U << 28),
					       .ip6_un1_plen = htons(sizeof(packet.tcp)),
					       .ip6_un1_nxt = IPPROTO_TCP,
					       .ip6_un1_hlim = HOP_LIMIT } },
		.tcp = tcp_header(reset),
	};

	memcpy(&packet.ip.ip6_src, &t->src, sizeof(t->src));
	memcpy(&packet.ip.ip6_dst, &t->dst, sizeof(t->dst));
	memcpy(&to.sin6_addr, &t->dst, sizeof(t->dst));
	return sendto(fd, &packet, sizeof(packet), 0, (const struct sockaddr *)&to,
		      sizeof(to));
}

int reset_send(struct reset_sockets *sockets, const struct reset *reset)
{
	enum ftpnat_family family = ftpnat_addr_family(&reset->tuple.dst);
	int *fd = &sockets->fd[family];
	ssize_t sent;

	if (*fd < 0)
		*fd = socket(family == FTPNAT_V4 ? AF_INET : AF_INET6,
			     SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (*fd < 0)
		return -errno;
	sent = family == FTPNAT_V4 ? send_v4(*fd, reset) : send_v6(*fd, reset);
	return sent < 0 ? -errno : 0;
}

void reset_close(struct reset_sockets *sockets)
{
	close_fd(&sockets->fd[FTPNAT_V4]);
	close_fd(&sockets->fd[FTPNAT_V6]);
}
