/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses that the host knows: names, its own, the one it would use towards a peer. */
#ifndef FTPNAT_HOSTADDR_H
#define FTPNAT_HOSTADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/addr.h"

/* The address for bind() and connect(); returns its length. */
socklen_t host_sockaddr(const struct ftpnat_endpoint *endpoint,
			struct sockaddr_storage *sa);

/*
 * First address of each family that the name resolves to; one of IPv4 is needed.
 * Else -errno, and *why in words.
 */
int host_resolve(const char *name, struct ftpnat_addr family[FTPNAT_FAMILY_MAX],
		 const char **why);

/* Source address that the kernel chooses towards `to`; -errno: no route. */
int host_source_towards(const struct ftpnat_endpoint *to, struct ftpnat_addr *source);

/* First address of the interface in each family, link-local ones last. */
int host_interface_addrs(const char *interface,
			 struct ftpnat_addr family[FTPNAT_FAMILY_MAX]);

/* Is it an address of this host? */
bool host_is_local(const struct ftpnat_addr *addr);

/* Is it a link-local address (RFC 3927, RFC 4291)? */
bool host_is_link_local(const struct ftpnat_addr *addr);

#endif
