/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sysctls of the host that the programs follow as the kernel does. */
#ifndef FTPNAT_HOST_SYSCTL_H
#define FTPNAT_HOST_SYSCTL_H

#include "ftpnat_maps.h"

/*
 * rp_filter and accept_local of an interface, each together with `all` as the kernel
 * does it. 0, or -errno: /proc can't be read.
 */
int host_source_filter(const char *interface, struct ftpnat_ifaddr *out);

/* ip_local_port_range, where connect() of the host takes its ports; 0 or -errno. */
int host_local_ports(__u16 *min, __u16 *max);

#endif
