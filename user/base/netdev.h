/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a network device is and can do. */
#ifndef FTPNAT_NETDEV_H
#define FTPNAT_NETDEV_H

#include <linux/types.h>
#include <stdbool.h>

#define NETDEV_DRIVER_LEN 32

/* Bits of netdev_xdp_features(), as in linux/netdev.h, which Debian 12 doesn't have. */
#define NETDEV_XDP_BASIC 0x1 /* native XDP */
#define NETDEV_XDP_XMIT	 0x4 /* transmits frames redirected by native XDP */

/* The driver's name as `ethtool -i` shows it; empty if it has none. */
void netdev_driver(const char *name, char driver[NETDEV_DRIVER_LEN]);

/* Is there no interface with this index in the network namespace? */
bool netdev_is_gone(__u32 ifindex);

/* Is it a VLAN, macvlan or ipvlan on top of another device? */
bool netdev_is_upper(const char *name);

/* Is it `lo`? */
bool netdev_is_loopback(const char *name);

/* Is a VLAN of this network namespace on top of it? */
bool netdev_has_vlan(const char *name);

enum netdev_link { NETDEV_LINK_UP, NETDEV_LINK_DOWN, NETDEV_LINK_NO_CARRIER };

/* Up also where the kernel can't be asked. */
enum netdev_link netdev_link(const char *name);

/*
 * What TC programs see in front of the IP header. `lo` has an Ethernet header, too; PPP,
 * WireGuard, tun, and GRE, IPIP and SIT with a remote end have nothing. -errno;
 * -EDESTADDRREQ: a tunnel without a remote end; -EAFNOSUPPORT: something else (xfrm).
 */
enum netdev_header { NETDEV_HEADER_ETHERNET, NETDEV_HEADER_NONE };
int netdev_header(const char *name);

/* 0 or -errno; -EAFNOSUPPORT: not an Ethernet device. */
int netdev_mac(const char *name, __u8 mac[6]);

/*
 * NETDEV_XDP_* as they are at this moment (some drivers change them with their settings).
 * 0 or -errno; -ENOENT: this kernel does not say (before 6.3).
 */
int netdev_xdp_features(__u32 ifindex, __u64 *features);

#endif
