// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/hostaddr.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"

static bool from_sockaddr(const struct sockaddr *sa, struct ftpnat_addr *addr)
{
	const void *any = sa;

	if (sa && sa->sa_family == AF_INET)
		*addr = ftpnat_addr_from_in(&((const struct sockaddr_in *)any)->sin_addr);
	else if (sa && sa->sa_family == AF_INET6)
		*addr = ftpnat_addr_from_in6(
			&((const struct sockaddr_in6 *)any)->sin6_addr);
	else
		return false;
	return true;
}

socklen_t host_sockaddr(const struct ftpnat_endpoint *endpoint,
			struct sockaddr_storage *sa)
{
	struct sockaddr_in *in = (void *)sa;
	struct sockaddr_in6 *in6 = (void *)sa;

	memset(sa, 0, sizeof(*sa));
	if (ftpnat_addr_is_v4(&endpoint->addr)) {
		in->sin_family = AF_INET;
		in->sin_port = endpoint->port;
		in->sin_addr.s_addr = endpoint->addr.w[3];
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = endpoint->port;
	memcpy(&in6->sin6_addr, &endpoint->addr, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}

static void free_list(struct addrinfo **list)
{
	if (*list)
		freeaddrinfo(*list);
}

int host_resolve(const char *name, struct ftpnat_addr family[FTPNAT_FAMILY_MAX],
		 const char **why)
{
	_cleanup_(free_list) struct addrinfo *list = NULL;
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM };
	int err = getaddrinfo(name, NULL, &hints, &list);

	if (err) {
		*why = gai_strerror(err);
		return -EHOSTUNREACH;
	}
	memset(family, 0, sizeof(family[0]) * FTPNAT_FAMILY_MAX);
	for (const struct addrinfo *i = list; i; i = i->ai_next) {
		struct ftpnat_addr addr;

		if (from_sockaddr(i->ai_addr, &addr) && ftpnat_addr_is_unicast(&addr) &&
		    ftpnat_addr_is_none(&family[ftpnat_addr_family(&addr)]))
			family[ftpnat_addr_family(&addr)] = addr;
	}
	if (!ftpnat_addr_is_none(&family[FTPNAT_V4]))
		return 0;
	*why = "no IPv4 address, and a 227 can name no other";
	return -EADDRNOTAVAIL;
}

int host_source_towards(const struct ftpnat_endpoint *to, struct ftpnat_addr *source)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_storage sa;
	socklen_t len = host_sockaddr(to, &sa);

	/* A connected UDP socket sends nothing: it only looks up the route. */
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, len))
		return -errno;
	len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len))
		return -errno;
	return from_sockaddr((struct sockaddr *)&sa, source) ? 0 : -EAFNOSUPPORT;
}

static void free_ifaddrs(struct ifaddrs **list)
{
	if (*list)
		freeifaddrs(*list);
}

bool host_is_link_local(const struct ftpnat_addr *addr)
{
	const __u8 *byte = (const __u8 *)addr;

	if (ftpnat_addr_is_v4(addr))
		return byte[12] == 169 && byte[13] == 254;
	return byte[0] == 0xfe && (byte[1] & 0xc0) == 0x80;
}

int host_interface_addrs(const char *interface,
			 struct ftpnat_addr family[FTPNAT_FAMILY_MAX])
{
	_cleanup_(free_ifaddrs) struct ifaddrs *list = NULL;

	memset(family, 0, sizeof(family[0]) * FTPNAT_FAMILY_MAX);
	if (getifaddrs(&list))
		return -errno;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct ftpnat_addr addr, *best;

		if (strcmp(i->ifa_name, interface) || !from_sockaddr(i->ifa_addr, &addr))
			continue;
		best = &family[ftpnat_addr_family(&addr)];
		if (ftpnat_addr_is_none(best) ||
		    (host_is_link_local(best) && !host_is_link_local(&addr)))
			*best = addr;
	}
	return 0;
}

bool host_is_local(const struct ftpnat_addr *addr)
{
	_cleanup_(free_ifaddrs) struct ifaddrs *list = NULL;

	if (getifaddrs(&list))
		return false;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct ftpnat_addr own;

		if (from_sockaddr(i->ifa_addr, &own) && ftpnat_addr_equal(&own, addr))
			return true;
	}
	return false;
}
