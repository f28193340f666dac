// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every socket with SO_REUSEADDR. tnftp (`sendport` off) listens on the port of its control
 * connection, which Linux allows only if that one has the option, too; BSD asks for less.
 */
#include <dlfcn.h>
#include <sys/socket.h>

int socket(int family, int type, int protocol)
{
	int (*real)(int, int, int) = dlsym(RTLD_NEXT, "socket");
	int fd = real(family, type, protocol), on = 1;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd;
}
