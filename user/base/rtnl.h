/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is attached to an interface: queries that libbpf's bpf_tc_* don't offer. */
#ifndef FTPNAT_RTNL_H
#define FTPNAT_RTNL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

enum tc_hook { TC_HOOK_INGRESS, TC_HOOK_EGRESS, TC_HOOK_MAX };

enum tc_qdisc { TC_QDISC_NONE, TC_QDISC_CLSACT, TC_QDISC_INGRESS };

struct tc_filter {
	enum tc_hook hook;
	__u32 handle;
	__u32 priority;
	__u32 prog_id; /* 0: not a BPF filter */
};

/* What occupies the handle of clsact (ffff:), or -errno. */
int rtnl_qdisc(int ifindex);

/* Does the interface send packets at their departure times (fq, under mq, too)? Or -errno. */
int rtnl_paces(int ifindex);

/*
 * Calls `each` for every filter of the interface's clsact; a return other than 0 ends
 * the walk and is returned. -errno if the request fails.
 */
int rtnl_filters(int ifindex, int (*each)(const struct tc_filter *filter, void *arg),
		 void *arg);

/* More than IP's length field counts is BIG TCP, which the programs can't read. */
#define RTNL_PACKET_MAX 65536

/* The largest packet that the interface's GSO or GRO may make, in bytes (BIG TCP); or -errno. */
int rtnl_largest_packet(int ifindex);

/* One filter to put on an interface, to replace (`handle`) or, without program, to remove. */
struct tc_change {
	__u32 ifindex;
	enum tc_hook hook;
	__u32 handle; /* 0: it is new */
	__u32 priority;
	int prog_fd; /* -1: none */
	int err;     /* what the kernel answered */
};

/*
 * Makes all changes with one message to the kernel, so that a killed command has made
 * all of them or none. 0: each has its answer; -errno if the request fails.
 */
int rtnl_change(struct tc_change *changes, size_t n);

#endif
