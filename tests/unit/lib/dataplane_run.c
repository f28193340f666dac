// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets through the programs, and what they send by themselves. */
#include "dataplane_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

static int tap = -1; /* sees what the programs send */

void dataplane_open_tap(void)
{
	tap = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
		     htons(ETH_P_ALL));
	if (tap < 0)
		fail_msg("packet socket: %s", strerror(errno));
}

static int run_program(struct run *run, enum hook hook, const struct packet *packet,
		       const struct __sk_buff *ctx)
{
	const struct bpf_program *program =
		hook == INGRESS ? dataplane_skel()->progs.ftpnat_ingress :
				  dataplane_skel()->progs.ftpnat_egress;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->byte,
		    .data_size_in = (__u32)packet->len, .data_out = run->packet.byte,
		    .data_size_out = sizeof(run->packet.byte), .ctx_in = ctx,
		    .ctx_size_in = sizeof(*ctx), .ctx_out = &run->ctx,
		    .ctx_size_out = sizeof(run->ctx));

	memset(run, 0, sizeof(*run));
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &opts))
		return -errno;
	run->action = (int)opts.retval;
	run->packet.len = opts.data_size_out;
	return 0;
}

/* Do the MAC addresses send it from the other side's interface to one of the neighbours there? */
static bool has_next_hop(const struct packet *packet, enum side side)
{
	const uint8_t *other = dataplane_mac(side == OUTER ? INNER : OUTER);

	return !memcmp(packet->byte + 6, other, 6) && packet->byte[0] == 0x02 &&
	       packet->byte[4] == (side == OUTER ? 2 : 1);
}

int dataplane_try(struct run *run, enum hook hook, enum side side,
		  const struct packet *packet, uint32_t gso_size, uint32_t cb4)
{
	const struct __sk_buff ctx = {
		.ifindex = (__u32)dataplane_ifindex(side),
		.gso_size = gso_size,
		.cb = { 0x11, 0x22, 0x33, 0x44, cb4 },
	};

	return run_program(run, hook, packet, &ctx);
}

int dataplane_forwarded(struct run *run, enum side side, enum side from,
			const struct packet *packet)
{
	const struct __sk_buff ctx = { .ifindex = (__u32)dataplane_ifindex(side),
				       .ingress_ifindex =
					       (__u32)dataplane_ifindex(from) };

	return run_program(run, EGRESS, packet, &ctx);
}

void dataplane_run_marked(struct run *run, enum hook hook, enum side side,
			  const struct packet *packet, uint32_t mark)
{
	const struct __sk_buff ctx = { .ifindex = (__u32)dataplane_ifindex(side),
				       .mark = mark };
	int err = run_program(run, hook, packet, &ctx);

	if (err)
		fail_msg("the kernel refuses a frame of %zu bytes: %s", packet->len,
			 strerror(-err));
}

void dataplane_run(struct run *run, enum hook hook, enum side side,
		   const struct packet *packet, uint32_t gso_size)
{
	int err = dataplane_try(run, hook, side, packet, gso_size, 0);

	run->at_once = !err && run->action == TC_REDIRECT &&
		       has_next_hop(&run->packet, side);
	if (run->at_once)
		memcpy(run->packet.byte, packet->byte, 12);

	if (err)
		fail_msg("the kernel refuses a frame of %zu bytes: %s", packet->len,
			 strerror(-err));
}

/*
 * Was this sent by a program? The stack sends RSTs on its own when it processes a copy.
 */
static bool is_copy(const struct packet *packet, const struct sockaddr_ll *from)
{
	bool v6 = ntohs(from->sll_protocol) == ETH_P_IPV6;

	return from->sll_pkttype == PACKET_OUTGOING &&
	       packet->byte[v6 ? 20 : 23] == IPPROTO_TCP &&
	       !(packet->byte[packet_tcp(packet) + 13] & RST);
}

bool dataplane_copy(struct packet *copy)
{
	struct sockaddr_ll from;
	socklen_t len;
	ssize_t size;

	do {
		len = sizeof(from);
		size = recvfrom(tap, copy->byte, sizeof(copy->byte), 0,
				(struct sockaddr *)&from, &len);
		if (size < 0)
			return false;
		copy->len = (size_t)size;
	} while (!is_copy(copy, &from));
	for (enum side side = 0; side < SIDES; side++)
		if (has_next_hop(copy, side)) {
			memcpy(copy->byte, dataplane_mac(side), 6);
			memcpy(copy->byte + 6, "\2\0\0\0\0\x5c", 6);
		}
	return true;
}
