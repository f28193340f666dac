// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The network of the gateway. */
#include "dataplane_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const interface[SIDES] = { "outer0", "inner0" };
static uint8_t mac[SIDES][6];
static int ifindex[SIDES];

void dataplane_sh(const char *fmt, ...)
{
	char command[4096];
	va_list args;
	int len;

	va_start(args, fmt);
	len = snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin; ");
	vsnprintf(command + len, sizeof(command) - (size_t)len, fmt, args);
	va_end(args);
	if (system(command))
		fail_msg("failed: %s", command);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

static void read_interface(enum side side)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface[side]);
	ifindex[side] = (int)if_nametoindex(interface[side]);
	assert_true(ifindex[side] > 0);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(mac[side], request.ifr_hwaddr.sa_data, sizeof(mac[side]));
	close(fd);
}

/*
 * A permanent address for each neighbour, so that none is resolved; the router behind
 * each interface represents all other hosts.
 */
void dataplane_make_network(void)
{
	dataplane_sh("ip link set lo up && ip -batch - <<'END'\n"
		     "link add outer0 address 02:00:00:00:01:01 type veth peer outer1\n"
		     "link add inner0 address 02:00:00:00:02:01 type veth peer inner1\n"
		     "link set outer1 up\n"
		     "link set inner1 up\n"
		     "link set outer0 up\n"
		     "link set inner0 up\n"
		     "addr add 198.51.100.1/24 dev outer0\n"
		     "addr add 203.0.113.7/32 dev outer0\n"
		     "addr add 10.9.0.1/24 dev inner0\n"
		     "addr add 192.168.5.1/22 dev inner0\n"
		     "addr add 2001:db8:1::1/64 dev outer0 nodad\n"
		     "addr add fd00:9::1/64 dev inner0 nodad\n"
		     "neigh add 198.51.100.254 lladdr 02:00:00:00:01:fe dev outer0\n"
		     "neigh add 10.9.0.254 lladdr 02:00:00:00:02:fe dev inner0\n"
		     "neigh add 2001:db8:1::fe lladdr 02:00:00:00:01:fe dev outer0\n"
		     "neigh add fd00:9::fe lladdr 02:00:00:00:02:fe dev inner0\n"
		     "neigh add 198.51.100.7 lladdr 02:00:00:00:01:07 dev outer0\n"
		     "neigh add 198.51.100.8 lladdr 02:00:00:00:01:08 dev outer0\n"
		     "neigh add 198.51.100.21 lladdr 02:00:00:00:01:21 dev outer0\n"
		     "neigh add 10.9.0.10 lladdr 02:00:00:00:02:10 dev inner0\n"
		     "neigh add 10.9.0.11 lladdr 02:00:00:00:02:11 dev inner0\n"
		     "neigh add 2001:db8:1::7 lladdr 02:00:00:00:01:07 dev outer0\n"
		     "neigh add fd00:9::10 lladdr 02:00:00:00:02:10 dev inner0\n"
		     "neigh add 192.168.5.7 lladdr 02:00:00:00:02:07 dev inner0\n"
		     "route add 203.0.113.0/24 via 198.51.100.254\n"
		     "route add unreachable 192.0.2.160/28\n"
		     "route add 10.0.0.0/8 via 10.9.0.254\n"
		     "route add 192.168.0.0/16 via 10.9.0.254\n"
		     "route add 2001:db8:1::/48 via 2001:db8:1::fe\n"
		     "route add fd00::/8 via fd00:9::fe\n"
		     "END\n");
	write_file("/proc/sys/net/ipv4/ip_forward", "1");
	write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	read_interface(OUTER);
	read_interface(INNER);
}

const uint8_t *dataplane_mac(enum side side)
{
	return mac[side];
}

int dataplane_ifindex(enum side side)
{
	return ifindex[side];
}
