/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP resets in the name of a connection's other end, by raw sockets. */
#ifndef FTPNAT_RESET_H
#define FTPNAT_RESET_H

#include "base/util.h"
#include "ftpnat_maps.h"

struct reset {
	struct ftpnat_tuple tuple; /* from the end in whose name it is sent */
	__u32 seq;		   /* host order: what the receiver expects next */
	__u32 ack;		   /* host order: for one that awaits its SYN's answer */
};

struct reset_sockets {
	int fd[FTPNAT_FAMILY_MAX];
};

#define RESET_SOCKETS_INIT                                                               \
	{                                                                                \
		.fd = { -1, -1 }                                                         \
	}

/* Sockets are opened when needed. 0 or -errno. */
int reset_send(struct reset_sockets *sockets, const struct reset *reset);
void reset_close(struct reset_sockets *sockets);

#endif
