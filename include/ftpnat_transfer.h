/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The map of transfers, and their event. */
#ifndef FTPNAT_TRANSFER_H
#define FTPNAT_TRANSFER_H

#include <linux/types.h>

#include "ftpnat_event.h"
#include "ftpnat_types.h"

/* ---- ftpnat_transfers: session id -> what its record needs, while `records` are on ---- */

#define FTPNAT_USER_LEN 64  /* bytes of a user's name that a record has, power of two */
#define FTPNAT_PATH_LEN 256 /* of a path, power of two */

/* ftpnat_transfer_event.flags */
/* It had a data connection: figures and mode are there. */
#define FTPNAT_TRANSFER_DATA   0x01
#define FTPNAT_TRANSFER_OPAQUE 0x02 /* under TLS: neither command nor user is known */

/*
 * A transfer is over. The event's figures are those of its data connection; its ends are
 * those of the control connection.
 */
struct ftpnat_transfer_event {
	struct ftpnat_event event;
	__u64 nanoseconds; /* from the command, or its connection's handshake, to the end */
	__u32 payload[FTPNAT_DIR_MAX]; /* bytes of TCP payload, modulo 2^32 */
	__u16 code;		       /* of the final reply; 0: none came */
	__u8 verb;		       /* enum ftp_transfer */
	__u8 mode;		       /* enum ftpnat_mode */
	__u8 flags;		       /* FTPNAT_TRANSFER_* */
	__u8 pad;
	__u16 user_len; /* as the line had it, its end included; may be more than `user` holds */
	__u16 path_len; /* the same */
	__u8 user[FTPNAT_USER_LEN];
	__u8 path[FTPNAT_PATH_LEN];
	__u8 pad_end[6];
};

enum ftpnat_transfer_data {
	FTPNAT_TRANSFER_NONE, /* no data connection */
	FTPNAT_TRANSFER_OPEN,
	FTPNAT_TRANSFER_ENDED, /* its figures are in the event */
};

/* Only the holder of the session's lock changes it. */
struct ftpnat_transfer {
	struct ftpnat_transfer_event done;
	__u64 begun;	  /* ns: when the command came */
	__u64 data_begun; /* ns: when both ends of the data connection had answered */
	__u64 data_ended; /* ns */
	struct ftpnat_tuple data; /* of the client's entry of its data connection */
	__u32 data_created;
	__u32 first[FTPNAT_DIR_MAX]; /* sequence number of its first byte */
	__u32 pending;	    /* a transfer's command has come, no record was made */
	__u16 data_state;   /* enum ftpnat_transfer_data */
	__u16 argument_len; /* of the client's line at hand, as far as it has come */
	__u8 argument[2 * FTPNAT_PATH_LEN]; /* the first half of it is used */
};

_Static_assert(sizeof(struct ftpnat_transfer_event) == 480, "layout 15");
_Static_assert(sizeof(struct ftpnat_transfer) == 1072, "layout 15");

#endif
