/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A cluster of gateways, see docs/cluster.md. */
#ifndef FTPNAT_CLUSTER_H
#define FTPNAT_CLUSTER_H

#include "ftpnat_flow.h"
#include "ftpnat_session.h"

#define FTPNAT_SLOTS 16 /* gateways of a cluster; power of two */

/* `commit`: how many peers must know a change before anybody else sees it */
enum ftpnat_commit {
	FTPNAT_COMMIT_NONE,
	FTPNAT_COMMIT_ONE,
	FTPNAT_COMMIT_ALL,
	FTPNAT_COMMIT_MAX
};

/* `on_loss`: what happens while the peers can't be informed */
enum ftpnat_on_loss {
	FTPNAT_ON_LOSS_WAIT,
	FTPNAT_ON_LOSS_GO_ON,
	FTPNAT_ON_LOSS_REFUSE,
	FTPNAT_ON_LOSS_MAX
};

/* ftpnat_cluster[0]: what `run` lets the programs know */
struct ftpnat_cluster {
	__u32 tell;   /* changes are published */
	__u32 commit; /* ... and wait until peers know them */
	__u32 alive;  /* second of CLOCK_MONOTONIC in which `run` was last seen */
	__u32 go_on;  /* what can't wait goes on, unprotected */
	__u32 late;   /* peers have not known a change for longer than commit_timeout */
	__u32 refuse; /* while they don't, nothing new is announced */
	__u32 others; /* bit slot - 1: another member that goes on with its sessions */
	__u32 pad;
	__u64 lost; /* records for which the ring had no room; changed by the programs */
	__u64 unprotected; /* frames that went on before a peer knew; the same */
};

/* What an item of the ring in ftpnat_records[0], or ftpnat_inbox[0], is about. */
enum ftpnat_record_type {
	FTPNAT_RECORD_CONNECTION, /* a connection, as it is now */
	FTPNAT_RECORD_END,   /* a connection is gone; only `key` and `session` are set */
	FTPNAT_RECORD_FRAME, /* struct ftpnat_parked: waits for the records before it */
	FTPNAT_RECORD_SENT_ON, /* the same, for the gateway that owns its connection */
};

/* ftpnat_record.has */
#define FTPNAT_RECORD_SESSION  0x01
#define FTPNAT_RECORD_LOGS     0x02
#define FTPNAT_RECORD_EXPECTED 0x04
#define FTPNAT_RECORD_CLAIMED  0x08 /* its sender owns it from now on */
/* ... of a data connection: it was of the gateway with this slot, placed as FTPNAT_TCP_OWNER */
#define FTPNAT_RECORD_FROM_SHIFT FTPNAT_TCP_OWNER_SHIFT
#define FTPNAT_RECORD_FROM	 FTPNAT_TCP_OWNER

/* Of the session's expectation; its key is the session's. */
struct ftpnat_record_expected {
	struct ftpnat_addr src;
	struct ftpnat_addr dst;
	__be16 sport;
	__be16 dport;
	__u32 created;
	__u8 mode;
	__u8 tracked;
	__u8 pad[6];
};

/* All times are of the gateway whose memory it is in. */
struct ftpnat_record {
	__u32 type;		     /* enum ftpnat_record_type */
	__u32 has;		     /* FTPNAT_RECORD_* */
	struct ftpnat_tuple key;     /* of the client's entry of ftpnat_flows */
	struct ftpnat_tuple reverse; /* of the other */
	__u32 session;		     /* id */
	__u32 pad;
	struct ftpnat_flow flow; /* the client's entry */
	struct ftpnat_flow other;
	struct ftpnat_record_expected expected;
	struct ftpnat_session state; /* FTPNAT_RECORD_SESSION */
	struct ftpnat_logs logs; /* FTPNAT_RECORD_LOGS; without them the item ends before */
};

#define FTPNAT_PARKED_LEN 16000 /* of the longest frame that waits */

/* A frame that came in by `ifindex`, unchanged. */
struct ftpnat_parked {
	__u32 type; /* FTPNAT_RECORD_FRAME or _SENT_ON */
	__u32 ifindex;
	__u32 session; /* id */
	__u32 gso;     /* payload of a segment, where it has several; 0: it is one */
	__u32 owner;   /* slot, of FTPNAT_RECORD_SENT_ON */
	__u32 len;
	__u8 frame[];
};

/* What ftpnat_replica makes of ftpnat_inbox[0]: its return value. */
enum ftpnat_applied {
	FTPNAT_APPLIED,
	FTPNAT_APPLIED_STALE,	/* what is here is newer */
	FTPNAT_APPLIED_DEMOTED, /* it is no longer owned here */
	FTPNAT_APPLIED_FULL,	/* no room */
};

#define FTPNAT_RECORDS_SIZE (8 << 20) /* of the ring, power of two and of pages */

_Static_assert(sizeof(struct ftpnat_cluster) == 48, "layout 22");
_Static_assert(sizeof(struct ftpnat_record_expected) == 48, "layout 17");
_Static_assert(sizeof(struct ftpnat_parked) == 24, "layout 22");

#endif
