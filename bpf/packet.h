/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parsing: what a frame is, in host order where it is arithmetic, in network
 * order where it is only compared and copied. Parsers return data and change
 * nothing.
 */
#ifndef FTPNAT_BPF_PACKET_H
#define FTPNAT_BPF_PACKET_H

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "tcp.h"
#include "verdict.h"

#define FTP_DATA_PORT	  20   /* RFC 959 section 3.2 */
#define PORT_UNPRIVILEGED 1024 /* the lowest source port to choose */
#define PORT_MAX	  65535

#define TCP_OFF_SEQ    4
#define TCP_OFF_FLAGS  13
#define TCP_OFF_WINDOW 14
#define TCP_OFF_CSUM   16
#define TCP_OFF_URGENT 18

#define IP_DONT_FRAGMENT 0x4000
#define IP_MORE		 0x2000
#define IP_OFFSET	 0x1fff /* of a fragment, in units of 8 bytes: RFC 791 section 3.1 */
#define IP_FRAGMENTED	 (IP_MORE | IP_OFFSET)

#define IP_HEADER_MAX  60 /* four bits of 4 byte words */
#define TCP_HEADER_MAX 60
#define TCP_WINDOW_MAX 65535 /* in units of the shift: RFC 9293 section 3.1 */

#define VLAN_ID_MASK 0x0fff /* of a tag; 0: a priority tag, no VLAN */

/* enough for Ethernet, the longest IPv4 header and the longest TCP header */
#define HEADERS_MAX (ETH_HLEN + IP_HEADER_MAX + TCP_HEADER_MAX)

struct packet {
	struct ftpnat_tuple tuple;
	__u32 seq;
	__u32 ack;
	__u32 ip_len;  /* IP packet, headers included, without Ethernet padding */
	__u32 len;     /* TCP payload */
	__u32 l3;      /* offset of the IP header in the frame: ETH_HLEN, or 0 */
	__u32 l4;      /* offset of the TCP header in the frame */
	__u32 payload; /* offset of the TCP payload in the frame */
	__u16 window;  /* in units of its sender's shift */
	__u16 told;    /* the window as it leaves */
	__u8 flags;    /* TH_* */
	__u8 ttl;
	__u8 v6;
	__u8 df;   /* must not be cut on its way */
	__u16 gso; /* size of its segments; 0: it is one (as it came) */
};

/*
 * The first 16 bits of an IP header with another DSCP (RFC 2474). The ECN bits behind it
 * stay (RFC 3168).
 */
static __always_inline __be16 dscp_word(__be16 word, bool v6, __u8 dscp)
{
	__u16 shift = v6 ? 6 : 2, mask = (__u16)(0x3f << shift);

	return (__be16)((word & ~bpf_htons(mask)) | bpf_htons((__u16)(dscp << shift)));
}

/* May a stack take this for the first packet of a connection, whatever other flags it has? */
static __always_inline bool may_begin(__u8 flags)
{
	return (flags & (TH_SYN | TH_ACK)) == TH_SYN;
}

/*
 * The kernel takes a priority tag off after TC. What we send on must not have it, either.
 * All packet pointers are stale after it.
 */
static __always_inline long untag(struct __sk_buff *skb)
{
	return skb->vlan_present ? bpf_skb_vlan_pop(skb) : 0;
}

/* Makes the headers linear and writable; all packet pointers are stale after it. */
static __always_inline long pull_headers(struct __sk_buff *skb)
{
	__u32 len = skb->len;

	return bpf_skb_pull_data(skb, len < HEADERS_MAX ? len : HEADERS_MAX);
}

/*
 * Fills *p from a frame of frame_len bytes, readable up to data_end, whose IP header is at
 * l3: GO_ON, or why it is not for us: PASS (not TCP), FRAGMENT, TRUNCATED.
 */
static __always_inline enum ftpnat_reason parse_frame(void *data, void *data_end,
						      __be16 protocol, __u32 frame_len,
						      __u16 gso, __u32 l3,
						      struct packet *p)
{
	const struct tcphdr *tcp;
	__u32 l4, doff;

	p->l3 = l3;
	p->gso = gso;
	if (protocol == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = data + l3;

		if ((void *)(ip + 1) > data_end)
			return FTPNAT_TRUNCATED;
		if (ip->version != 4 || ip->ihl < 5)
			return FTPNAT_TRUNCATED;
		if (ip->protocol != IPPROTO_TCP)
			return FTPNAT_PASS;
		if (ip->frag_off & bpf_htons(IP_FRAGMENTED))
			return FTPNAT_FRAGMENT;
		l4 = l3 + ip->ihl * 4;
		p->ip_len = bpf_ntohs(ip->tot_len);
		if (!p->ip_len && gso) /* BIG TCP */
			p->ip_len = frame_len - l3;
		p->ttl = ip->ttl;
		p->v6 = 0;
		p->df = !!(ip->frag_off & bpf_htons(IP_DONT_FRAGMENT));
		addr_from_v4(&p->tuple.src, ip->saddr);
		addr_from_v4(&p->tuple.dst, ip->daddr);
	} else if (protocol == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip6 = data + l3;

		if ((void *)(ip6 + 1) > data_end)
			return FTPNAT_TRUNCATED;
		if (ip6->version != 6)
			return FTPNAT_TRUNCATED;
		if (ip6->nexthdr == IPPROTO_FRAGMENT)
			return FTPNAT_FRAGMENT;
		if (ip6->nexthdr != IPPROTO_TCP)
			return FTPNAT_PASS;
		l4 = l3 + sizeof(*ip6);
		p->ip_len = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
		p->ttl = ip6->hop_limit;
		p->v6 = 1;
		p->df = 1;
		addr_from_v6(&p->tuple.src, &ip6->saddr);
		addr_from_v6(&p->tuple.dst, &ip6->daddr);
		/* not valid on the wire (RFC 4038); we use them for IPv4 */
		if (addr_is_v4(&p->tuple.src) || addr_is_v4(&p->tuple.dst))
			return FTPNAT_PASS;
	} else {
		return FTPNAT_PASS;
	}

	tcp = data + l4;
	if ((void *)(tcp + 1) > data_end)
		return FTPNAT_TRUNCATED;
	doff = tcp->doff * 4;
	if (doff < sizeof(*tcp) || l3 + p->ip_len < l4 + doff ||
	    l3 + p->ip_len > frame_len)
		return FTPNAT_TRUNCATED;

	p->tuple.sport = tcp->source;
	p->tuple.dport = tcp->dest;
	p->seq = bpf_ntohl(tcp->seq);
	p->ack = bpf_ntohl(tcp->ack_seq);
	p->window = bpf_ntohs(tcp->window);
	p->told = p->window;
	p->flags = ((const __u8 *)tcp)[TCP_OFF_FLAGS];
	p->l4 = l4;
	p->payload = l4 + doff;
	p->len = l3 + p->ip_len - p->payload;
	return GO_ON;
}

static __always_inline enum ftpnat_reason parse_packet(struct __sk_buff *skb, __u32 l3,
						       struct packet *p)
{
	return parse_frame((void *)(long)skb->data, (void *)(long)skb->data_end,
			   (__be16)skb->protocol, skb->len, (__u16)skb->gso_size, l3, p);
}

#endif
