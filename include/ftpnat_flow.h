/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of connections: flows, expectations, and how they expire. */
#ifndef FTPNAT_FLOW_H
#define FTPNAT_FLOW_H

#include <linux/bpf.h>
#include <linux/types.h>

#include "ftpnat_types.h"

/* ---- ftpnat_flows: tuple as a packet shows it -> what becomes of the packet ---- */

/* ftpnat_flow.flags */
/* Packets from the FTP client; removing this entry ends the connection. */
#define FTPNAT_FLOW_CLIENT 0x01
#define FTPNAT_FLOW_ACTIVE 0x02 /* data connection that the server opened */
/* Of a track rule: nothing is translated, the stack sends it on. */
#define FTPNAT_FLOW_TRACKED 0x80
/* Its ends are of different families: headers are translated. */
#define FTPNAT_FLOW_XLAT    0x04
#define FTPNAT_FLOW_REPLICA 0x08 /* another gateway of the cluster owns it */
/* Client's: went on while the peers did not know its newest change. */
#define FTPNAT_FLOW_UNPROTECTED 0x10
#define FTPNAT_FLOW_SERVED	0x20 /* control: its server is in ftpnat_served */
#define FTPNAT_FLOW_LEARNED	0x20 /* data: has a packet's numbers: replica_learn() */
#define FTPNAT_FLOW_COUNTED	0x40 /* control, client's: its client is in ftpnat_clients */

/* ftpnat_flow.offers */
#define FTPNAT_OFFERS_SHIFT	 0x0f /* of its windows, where both offer it (RFC 7323) */
#define FTPNAT_OFFERS_WINDOW	 0x10
#define FTPNAT_OFFERS_TIMESTAMPS 0x20

/* ftpnat_flow.tcp: what this direction has shown so far that its receiver accepts */
#define FTPNAT_TCP_SYN	       0x01
#define FTPNAT_TCP_ACK	       0x02
#define FTPNAT_TCP_FIN	       0x04
#define FTPNAT_TCP_RST	       0x08
#define FTPNAT_TCP_PEER	       0x10 /* the other direction has shown FIN or RST */
#define FTPNAT_TCP_FINISHED    0x20 /* the other direction has acknowledged its FIN */
#define FTPNAT_TCP_TOLD	       0x40 /* client's: its end was reported */
#define FTPNAT_TCP_OPENED      0x80 /* client's: `opened` was reported */
#define FTPNAT_TCP_ESTABLISHED (FTPNAT_TCP_SYN | FTPNAT_TCP_ACK)
/* In records and of replicas: the slot of the gateway that owns it; 0: not known. */
#define FTPNAT_TCP_OWNER_SHIFT 8
#define FTPNAT_TCP_OWNER       0x1f00

/*
 * One entry per direction; the other direction's key is `to` with its ends
 * swapped. Both are inserted with BPF_NOEXIST.
 */
struct ftpnat_flow {
	__u64 packets;
	__u64 bytes; /* IP length, headers included */
	__u32 end; /* host order; behind all that this direction has shown, see bpf/accept.h */
	__u32 ack; /* host order; the newest number that it has acknowledged */
	struct ftpnat_tuple to; /* tuple after translation */
	__u32 session;		/* id: key of ftpnat_sessions; 0: none */
	__u32 created;
	__u32 seen;    /* last packet */
	__u32 ifindex; /* on which its packets arrive; 0: none yet, or this host's own */
	__u32 queued;  /* client's: when its valid entry of ftpnat_expiry was entered */
	__u16 rule;
	__u16 mss; /* control: largest segment that its sender takes, 0: no SYN yet */
	__u16 hop; /* index into ftpnat_hops + 1, good in the second `seen` only; 0: none */
	__u8 kind; /* enum ftpnat_kind */
	__u8 flags;
	__u8 xdp;    /* enum ftpnat_xdp_state */
	__u8 wscale; /* shift of the larger window of both ends; before, of its sender's */
	__u8 offers; /* FTPNAT_OFFERS_* of its sender's SYN */
	__u8 ttl;    /* control: highest one of its sender's SYN */
	__u32 tcp;   /* FTPNAT_TCP_*, changed by atomic operations */
};

/* May XDP send packets of this direction to their next hop? */
enum ftpnat_xdp_state { FTPNAT_XDP_UNKNOWN, FTPNAT_XDP_YES, FTPNAT_XDP_NO };

/* ---- ftpnat_expiry[0], ftpnat_queue: connections by the time to look at them ---- */

/* Entries; an element then fits a page, with its headers. */
#define FTPNAT_EXPIRY_BLOCK 100

struct ftpnat_expiry_entry {
	/*
	 * of the client's entry of ftpnat_flows; dport 0, which none has: src.w[0] is the id of
	 * a session that has an expectation
	 */
	struct ftpnat_tuple key;
	__u32 since; /* when it was entered; 0: not written yet */
};

/* ftpnat_queue[number / FTPNAT_EXPIRY_BLOCK] */
struct ftpnat_expiry_block {
	struct ftpnat_expiry_entry entry[FTPNAT_EXPIRY_BLOCK];
};

struct ftpnat_expiry {
	struct bpf_timer timer;
	__u64 head;	  /* number of the first entry, changed by the timer only */
	__u64 tail;	  /* number of the next entry */
	__u32 running;	  /* the timer is armed */
	__u32 generation; /* of the programs whose code it runs */
	__u32 stuck;	  /* seconds that the first entry was waited for */
	__u32 pad;
};

/* ---- ftpnat_ending: connections that the loader ends, the timer removes them ---- */

#define FTPNAT_MAX_ENDING 4096

/* `created` and `session` as its entry has them: not another one with its tuple. */
struct ftpnat_ending {
	struct ftpnat_tuple key; /* of the client's entry of ftpnat_flows */
	__u32 created;
	__u32 session;
	__u32 expected; /* an expectation: `key` has its peer, dst and dport */
};

/* ---- ftpnat_hops: where packets leave, shared by all flows that leave there ---- */

/* Start of an Ethernet header. */
struct ftpnat_macs {
	union {
		struct {
			__u8 dst[6];
			__u8 src[6];
		};
		__u32 w[3];
	};
};

/*
 * An entry never changes while a flow may trust it: `used` is the last second in
 * which a route lookup led there, and a flow believes its `hop` for one second.
 */
struct ftpnat_hop {
	__u32 ifindex;
	__u32 mtu;
	__u32 used;
	__u32 confirmed; /* the neighbour layer last saw a packet for it */
	struct ftpnat_macs mac;
	__u32 pad;
};

/* ---- ftpnat_expected: where an announced data connection will come -> where it goes ---- */

struct ftpnat_expected_key {
	struct ftpnat_addr peer; /* the only host that may connect */
	struct ftpnat_addr dst;
	__be16 dport;
	__u16 pad;
};

struct ftpnat_expected {
	struct ftpnat_addr src; /* source after translation */
	struct ftpnat_addr dst; /* destination after translation: the real end */
	__be16 sport; /* source port after translation; 0: keep it where it is free */
	__be16 dport;
	__u32 session;
	__u32 created;
	__u16 rule;
	__u8 mode;		   /* enum ftpnat_mode */
	__u8 tracked;		   /* of a track rule */
	struct ftpnat_addr client; /* of its session */
	__u32 counted;		   /* in ftpnat_clients */
	__u32 pad;
};

_Static_assert(sizeof(struct ftpnat_expected_key) == 36, "no padding in a key");
_Static_assert(sizeof(struct ftpnat_flow) == 96, "layout 4");
_Static_assert(sizeof(struct ftpnat_expiry_block) <= 4096 - 64,
	       "one element fits a page");
_Static_assert(sizeof(struct ftpnat_expiry) == 48, "layout 4");
_Static_assert(sizeof(struct ftpnat_ending) == 48, "layout 8");
_Static_assert(sizeof(struct ftpnat_hop) == 32, "layout 4");
_Static_assert(sizeof(struct ftpnat_expected) == 72, "layout 14");

#endif
