// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/host_sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/util.h"

#define CONF  "/proc/sys/net/ipv4/conf/%s/%s"
#define PORTS "/proc/sys/net/ipv4/ip_local_port_range"

/* Of the current network namespace. */
static int read_conf(const char *interface, const char *name, int *value)
{
	char path[128], text[32];
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), CONF, interface, name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (!fgets(text, sizeof(text), file))
		return -EIO;
	*value = (int)strtol(text, NULL, 10);
	return 0;
}

/* The greater of the interface's value and that of `all`. */
static int read_max(const char *interface, const char *name, int *value)
{
	int own = 0, err = read_conf("all", name, value);

	/* an interface without IPv4 has none of its own */
	if (!err && !read_conf(interface, name, &own) && own > *value)
		*value = own;
	return err;
}

int host_source_filter(const char *interface, struct ftpnat_ifaddr *out)
{
	int rp_filter = 0, accept_local = 0;
	int err = read_max(interface, "rp_filter", &rp_filter) ?:
			  read_max(interface, "accept_local", &accept_local);

	if (err)
		return err;
	if (rp_filter <= 0)
		out->rp_filter = FTPNAT_RP_OFF;
	else
		out->rp_filter = rp_filter == 1 ? FTPNAT_RP_STRICT : FTPNAT_RP_LOOSE;
	out->accept_local = accept_local != 0;
	return 0;
}

int host_local_ports(__u16 *min, __u16 *max)
{
	_cleanup_fclose_ FILE *file = fopen(PORTS, "re");
	char text[32], *rest;

	if (!file)
		return -errno;
	if (!fgets(text, sizeof(text), file))
		return -EIO;
	*min = (__u16)strtoul(text, &rest, 10);
	*max = (__u16)strtoul(rest, NULL, 10);
	return 0;
}
