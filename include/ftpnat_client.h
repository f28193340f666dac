/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of clients: what each has of a rule, bans, and who may dial. */
#ifndef FTPNAT_CLIENT_H
#define FTPNAT_CLIENT_H

#include <linux/bpf.h>
#include <linux/types.h>

#include "ftpnat_types.h"

/* ---- ftpnat_clients: what a client has of a rule ---- */

struct ftpnat_client_key {
	struct ftpnat_addr addr; /* of an IPv6 client the first 64 bits */
	__u16 rule;
	__u16 pad;
};

enum ftpnat_client_has {
	FTPNAT_HAS_SESSIONS,
	FTPNAT_HAS_HALF_OPEN,
	FTPNAT_HAS_EXPECTED,
	FTPNAT_HAS_FAILED, /* logins, until failed_end */
	FTPNAT_HAS_DATA,   /* data connections, which may outlive its sessions */
	FTPNAT_HAS_MAX = 8 /* power of two */
};

#define FTPNAT_IDLE_CLIENTS 65536 /* clients without sessions that are remembered */

#define FTPNAT_CLIENT_GONE 0x80000000 /* in number[0]: about to be deleted */

/* It exists as long as it has connections, or `next` or `failed_end` is not over. */
struct ftpnat_client {
	struct bpf_timer timer; /* runs when both are over */
	__u64 failed_end; /* ns of CLOCK_MONOTONIC: until then failed logins add up */
	__u64 next; /* ns of CLOCK_MONOTONIC: when its new sessions would be used up evenly */
	__u32 number[FTPNAT_HAS_MAX]; /* by enum ftpnat_client_has */
};

/* ---- ftpnat_bans: a trie of the prefixes that are refused, changed at run time ---- */

#define FTPNAT_MAX_BANS	   65536
#define FTPNAT_BAN_FIXED   32 /* bits of its key in front of the address */
#define FTPNAT_BAN_WHY_LEN 64
#define FTPNAT_BAN_ALL	   0xffff /* of all rules */

struct ftpnat_ban_key {
	__u32 len;    /* bits, FTPNAT_BAN_FIXED and 96 before an IPv4 prefix included */
	__u16 rule;   /* or FTPNAT_BAN_ALL */
	__u16 family; /* enum ftpnat_family */
	struct ftpnat_addr addr;
};

/* When `until` is over it bans nobody, and the next command removes it. */
struct ftpnat_ban {
	__u64 refused; /* packets and lines */
	__u32 since;
	__u32 until; /* 0: for good */
	__u32 len;   /* as in its key */
	__u32 pad;
	char rule[FTPNAT_NAME_LEN]; /* empty: all */
	char why[FTPNAT_BAN_WHY_LEN];
};

/* ftpnat_banned[0]: are there any? Not 0 wherever there may be one. */
struct ftpnat_banned {
	__u32 all;   /* of all rules */
	__u32 rules; /* of one */
};

/*
 * ftpnat_lists[slot * FTPNAT_MAX_RULES + id]: a trie with the prefixes of `clients` and
 * `deny`. The longest prefix decides; its value (__u32) is 1 where it lets clients in.
 * What lies within a prefix of `deny` has 0.
 */
struct ftpnat_prefix_key {
	__u32 len; /* bits, of an IPv4 prefix 96 more */
	struct ftpnat_addr addr;
};

#endif
