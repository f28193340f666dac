// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "syn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

const struct packet_spec syn4 = {
	.src = "198.51.100.7",
	.dst = "192.0.2.10",
	.sport = 40000,
	.dport = 21,
	.seq = 0xffffff00,
	.flags = SYN,
};

const struct packet_spec syn6 = {
	.src = "2001:db8:1::7",
	.dst = "2001:db8:2::10",
	.sport = 40000,
	.dport = 21,
	.seq = 0xffffff00,
	.flags = SYN,
};

const struct ftpnat_rule syn_rule = {
	.name = "files",
	.kind = FTPNAT_PUBLISH,
	.modes = 3,
	.data_port_min = 1024,
	.data_port_max = 65535,
	.servers = 2,
	.weight = { 1, 1 },
};

void syn_publish(void)
{
	dataplane_fresh();
	dataplane_rule(0, &syn_rule);
	dataplane_server(0, "10.9.0.10", 2121, NULL, 1);
	dataplane_server(1, "fd00:9::10", 2121, NULL, 1);
	dataplane_listen("192.0.2.10", 21, 0);
	dataplane_listen("2001:db8:2::10", 21, 0);
}

void syn_build(struct packet *packet, const struct packet_spec *spec)
{
	struct packet_spec copy = *spec;

	if (!copy.dst_mac)
		copy.dst_mac = dataplane_mac(OUTER);
	packet_build(packet, &copy);
}

void syn_build_translated(struct packet *packet, const struct packet_spec *spec)
{
	struct packet_spec copy = *spec;

	copy.dst = strchr(copy.src, ':') ? "fd00:9::10" : "10.9.0.10";
	copy.dport = 2121;
	copy.ttl = 63;
	syn_build(packet, &copy);
}

bool check_passes(const char *says, enum hook hook, enum side side,
		  const struct packet *packet, enum ftpnat_reason reason)
{
	struct counters before;
	struct run run;
	bool good = true;
	int err;

	dataplane_counters(&before);
	err = dataplane_try(&run, hook, side, packet, 0, 0);
	if (err) {
		printf("%s: the kernel refuses the frame: %s\n", says, strerror(-err));
		return false;
	}
	if (run.action != TC_UNSPEC) {
		printf("%s: returned %d\n", says, run.action);
		good = false;
	}
	good &= packet_same(says, packet, &run.packet);
	good &= dataplane_counted(says, &before, reason, NULL);
	return good;
}

bool check_translated(const char *says, const struct packet *packet,
		      const struct packet *expected)
{
	struct counters before;
	struct run run;
	bool good = true;

	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, packet, 0);
	if (run.action != TC_REDIRECT) {
		printf("%s: returned %d\n", says, run.action);
		good = false;
	}
	good &= packet_same(says, expected, &run.packet);
	good &= dataplane_counted(says, &before, FTPNAT_FORWARDED, NULL);
	return good;
}

void total_length(struct packet *packet, uint16_t len)
{
	packet->byte[IP + 2] = (uint8_t)(len >> 8);
	packet->byte[IP + 3] = (uint8_t)len;
}

void payload_length(struct packet *packet, uint16_t len)
{
	packet->byte[IP + 4] = (uint8_t)(len >> 8);
	packet->byte[IP + 5] = (uint8_t)len;
}
