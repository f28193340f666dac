/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one contract between the BPF programs and user space: layouts of all
 * pinned maps. Plain data only, fixed widths, explicit padding (always zero).
 * Any change of a layout raises FTPNAT_LAYOUT; the loader refuses maps that
 * carry another.
 *
 * Byte order: __be16/__be32 are network order, all else is host order.
 * Times are whole seconds of CLOCK_MONOTONIC.
 */
#ifndef FTPNAT_MAPS_H
#define FTPNAT_MAPS_H

#include <linux/bpf.h>
#include <linux/types.h>

#include "ftpnat_reasons.h"

#define FTPNAT_LAYOUT 12

/* Capacities that are part of the layout (limits: of the configuration are not). */
#define FTPNAT_MAX_RULES	256  /* rule ids 0..255, kept by name over a reload */
#define FTPNAT_MAX_SERVERS	1024 /* of all rules together */
#define FTPNAT_MAX_RULE_SERVERS 64   /* of one rule */
#define FTPNAT_MAX_SELECTORS	256  /* masquerade prefixes x control ports */
#define FTPNAT_MAX_LISTENS	1024 /* of all publish rules together */
#define FTPNAT_MAX_CLASSES	1024 /* of data_address_for of all rules together */
#define FTPNAT_MAX_CLOSED	16384 /* ended connections remembered for reuse, of each kind */
#define FTPNAT_MAX_HALF_OPEN                                                             \
	16384		     /* newest control connections, of which some are half open */
#define FTPNAT_MAX_HOPS 4096 /* next hops remembered, power of two */
#define FTPNAT_NAME_LEN 32   /* rule name with its final NUL */

/* An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d: one code path for both. */
struct ftpnat_addr {
	union {
		__u8 octet[16]; /* first, for readers of `bpftool map dump` */
		__be32 w[4];
	};
};

/* A TCP connection as one direction of it looks on the wire. */
struct ftpnat_tuple {
	struct ftpnat_addr src;
	struct ftpnat_addr dst;
	__be16 sport;
	__be16 dport;
};

/* ---- ftpnat_flows: tuple as a packet shows it -> what becomes of the packet ---- */

enum ftpnat_kind { FTPNAT_CONTROL, FTPNAT_DATA, FTPNAT_KIND_MAX };

/* ftpnat_flow.flags */
#define FTPNAT_FLOW_CLIENT                                                               \
	0x01 /* packets from the FTP client; removing this entry ends the connection */
#define FTPNAT_FLOW_ACTIVE 0x02 /* data connection that the server opened */
#define FTPNAT_FLOW_TRACKED                                                              \
	0x80 /* of a track rule: nothing is translated, the stack sends it on */
#define FTPNAT_FLOW_XLAT                                                                 \
	0x04 /* its ends are of different families: headers are translated */
#define FTPNAT_FLOW_SERVED  0x20 /* control: its server is in ftpnat_served */
#define FTPNAT_FLOW_COUNTED 0x40 /* control, client's: its client is in ftpnat_clients */

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
#define FTPNAT_TCP_TOLD	       0x40 /* client's: that the connection is over was told */
#define FTPNAT_TCP_OPENED      0x80 /* client's: that both ends have answered was told */
#define FTPNAT_TCP_ESTABLISHED (FTPNAT_TCP_SYN | FTPNAT_TCP_ACK)

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
	__u32 ifindex; /* that its packets come in by; 0: none yet, or this host's own */
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

#define FTPNAT_EXPIRY_BLOCK                                                              \
	100 /* entries; an element then fits a page, with its headers */

struct ftpnat_expiry_entry {
	struct ftpnat_tuple key; /* of the client's entry of ftpnat_flows */
	__u32 since;		 /* when it was entered; 0: not written yet */
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

/* ---- ftpnat_links: ifindex -> what the loader found out about an interface ---- */

#define FTPNAT_LINK_XMIT 0x01 /* its driver sends frames that native XDP redirects */

struct ftpnat_link {
	__u32 flags;
};

/* Constants of the XDP program, which is loaded once per interface. */
struct ftpnat_xdp_self {
	__u8 mac[6];
	__u8 generic; /* in generic mode any interface takes what is redirected */
	__u8 pad;
	__u8 qos[FTPNAT_MAX_RULES]; /* FTPNAT_QOS_* of each rule */
};

/* ---- ftpnat_expected: where an announced data connection will come -> where it goes ---- */

struct ftpnat_expected_key {
	struct ftpnat_addr peer; /* the only host that may connect */
	struct ftpnat_addr dst;
	__be16 dport;
	__u16 pad;
};

enum ftpnat_mode { FTPNAT_PASSIVE, FTPNAT_ACTIVE, FTPNAT_MODE_MAX };

struct ftpnat_expected {
	struct bpf_timer timer;
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

/* ---- ftpnat_sessions: id, never 0 -> one control connection ---- */

enum ftpnat_dir { FTPNAT_FROM_CLIENT, FTPNAT_FROM_SERVER, FTPNAT_DIR_MAX };

#define FTPNAT_MAX_EDITS 32   /* unacknowledged edits of one direction, power of two */
#define FTPNAT_TEXT_LEN	 1024 /* their replacement bytes, ring, power of two */
#define FTPNAT_KEPT_LEN                                                                  \
	2048 /* unacknowledged bytes of one direction, ring, power of two */
#define FTPNAT_HELD_LEN                                                                  \
	256 /* longest start of an address line that is held back, power of two */
#define FTPNAT_KEPT_SHIFT                                                                \
	10 /* of windows: most, so that one unit is within what is kept */

/* The sender's bytes [start, start + old_len) became new_len bytes of the text ring. */
struct ftpnat_edit {
	__u32 start; /* sender's sequence space */
	__u16 old_len;
	__u16 new_len;
	__u16 text; /* offset in ftpnat_log.text */
	__u16 pad;
};

#include "ftpnat_ftp.h"

/* What one direction of a control connection carries. */
enum ftpnat_tls_state {
	FTPNAT_TLS_NONE,    /* lines */
	FTPNAT_TLS_BEGINS,  /* TLS is agreed on, no record seen yet */
	FTPNAT_TLS_RECORDS, /* TLS, its records are followed */
	FTPNAT_TLS_LOST,    /* can't be followed, until the end */
};

/*
 * One direction of a control connection. The sender's sequence number s is the
 * receiver's s + base + the growth of all edits before it. Only packets of this
 * direction change it, but for `acked` and `window`, which come from the other.
 */
struct ftpnat_stream {
	__u32 next;	 /* sender's: everything before it was parsed */
	__u32 base;	 /* growth of the edits that are acknowledged and gone */
	__u32 acked;	 /* receiver's: highest acknowledgement seen */
	__u32 taken;	 /* sender's: acknowledged to the sender by us up to here */
	__be32 tsval;	 /* receiver's newest timestamp; 0: sends none */
	__be16 window;	 /* receiver's newest window */
	__u8 first;	 /* oldest edit */
	__u8 edits;	 /* number of edits */
	__u16 text_head; /* next free byte of the text ring */
	__u16 text_used;
	__u16 held_len; /* bytes [next - held_len, next) are held back from the receiver */
	__u16 reply;	/* server's: multi-line reply that was open when the line began */
	__u8 heard;	/* the receiver has sent something: tsval and window are known */
	__u8 tls;	/* enum ftpnat_tls_state */
	__u8 tls_header;  /* bytes seen of the record's header */
	__u8 fin;	  /* the sender has finished: held bytes left with its FIN */
	__u32 tls_record; /* sender's: start of the TLS record at hand */
	__u16 tls_len;	  /* of its body, as far as the header says yet */
	__u8 ttl;	  /* sender's: the highest that was seen */
	__u8 clocked;	  /* ts_recent is known */
	__u32 edge;	  /* sender's: end of the widest window that it was told */
	__u32 ts_recent;  /* sender's timestamp, as its receiver keeps it (RFC 7323) */
	__u32 kept; /* sender's: bytes [kept, kept + kept_len) are in ftpnat_log.kept */
	__u16 kept_len; /* what the receiver hasn't acknowledged of the bytes before `next` */
	__u16 pad;
	struct ftp_parser parser;
};

/*
 * What a stream needs while bytes of it are unacknowledged: the bytes, as they were parsed
 * (byte s is kept[s modulo FTPNAT_KEPT_LEN]), and what became of them.
 */
struct ftpnat_log {
	struct ftpnat_edit edit[FTPNAT_MAX_EDITS];
	__u8 kept[FTPNAT_KEPT_LEN];
	__u8 text[FTPNAT_TEXT_LEN];
};

/*
 * ftpnat_logs: session id -> its logs. Entered with the first byte that is not
 * acknowledged, removed when all are and some time has passed. Only who holds the
 * session's lock may use it. Id 0, which no session has: empty ones for all others.
 */
struct ftpnat_logs {
	__u32 begun; /* when it was entered */
	__u32 pad;
	struct ftpnat_log log[FTPNAT_DIR_MAX];
};

#define FTPNAT_MAX_COMMANDS                                                              \
	32 /* in flight that matter, power of two; others are counted */

/* ftpnat_session.command: enum ftp_command, with */
#define COMMAND_REFUSED 0x80 /* it was changed so that the server refuses it */
#define COMMAND_EXPECTS 0x40 /* the session's expectation belongs to it */
#define COMMAND_ALONE	0x20 /* with one of these: no reply was missing when it was sent */

/* ftpnat_session.flags */
#define FTPNAT_SESSION_EXPECTS 0x01 /* `expectation` may still be in ftpnat_expected */
#define FTPNAT_SESSION_OPAQUE  0x02 /* TLS: not parsed */
#define FTPNAT_SESSION_EPSV    0x04 /* EPSV ALL was accepted: no other mode from now on */
#define FTPNAT_SESSION_SPOKEN  0x08 /* the client has sent something */
#define FTPNAT_SESSION_TRACKED                                                           \
	0x10 /* of a track rule: lines are read, never changed nor held back */
#define FTPNAT_SESSION_HELLO                                                             \
	0x20 /* the client began with a ClientHello, the server hasn't answered yet */
#define FTPNAT_SESSION_LINES 0x40 /* the client has said a line */
#define FTPNAT_SESSION_NOT_FTP                                                           \
	0x80 /* the client speaks another protocol: opens nothing */

struct ftpnat_session {
	__u32 lock; /* 0, or the id while a CPU works on it, see bpf/session.h */
	__u32 id;
	__u32 data_flows; /* data connections in ftpnat_flows */
	__u32 created;	  /* its control connection */
	__u32 spoken;	  /* when either end last finished a line */
	__u16 rule;
	__u8 flags;
	__u8 first;	 /* oldest command that matters and has no final reply yet */
	__u8 commands;	 /* number of them */
	__u8 awaiting;	 /* of these, PASV, EPSV and refused ones */
	__u8 closing;	 /* both ends have finished: nothing can be announced any more */
	__u8 greeted;	 /* the greeting, a reply to nothing, has come */
	__u8 again;	 /* PASV, EPSV or AUTH: was refused, perhaps by another's reply */
	__u8 busy;	 /* a preliminary reply has come, and no final one since */
	__u8 timestamps; /* both ends send them */
	__u8 wscale[FTPNAT_DIR_MAX]; /* shift of each sender's windows, ... */
	__u8 told[FTPNAT_DIR_MAX];   /* ... and as the other end knows it */
	__u8 late; /* newest of `commands`, younger than the server's present line */
	__u8 gone; /* about to be removed */
	__u8 untranslated; /* ALGS DISABLE64: lines stay in the client's family */
	__u16 others;	   /* commands in flight that don't matter, behind all of them */
	__u16 mss[FTPNAT_DIR_MAX];  /* largest segment that each sender takes itself */
	struct ftpnat_tuple client; /* client -> what it dialled */
	struct ftpnat_tuple server; /* the same connection as the server sees it */
	struct ftpnat_expected_key expectation;
	__u8 command[FTPNAT_MAX_COMMANDS]; /* with COMMAND_* */
	__u16 ahead[FTPNAT_MAX_COMMANDS]; /* others in front of it, behind the one before */
	struct ftpnat_stream stream[FTPNAT_DIR_MAX];
};

/*
 * ftpnat_tls: client and what it dialled -> ids of their sessions under TLS, the one
 * whose server spoke last in front, 0: none. As long as one lives, `tls_data_ports` of
 * its rule lead to its server. Of more sessions, those that spoke first are left out.
 */
struct ftpnat_tls_key {
	struct ftpnat_addr peer;
	struct ftpnat_addr dst;
};

#define FTPNAT_TLS_SESSIONS 8

struct ftpnat_tls {
	__u32 session[FTPNAT_TLS_SESSIONS];
};

/* ---- configuration: two slots, the one in force named by ftpnat_config.slot ---- */

enum ftpnat_rule_kind { FTPNAT_PUBLISH, FTPNAT_MASQUERADE, FTPNAT_TRACK };
enum ftpnat_source { FTPNAT_SOURCE_KEEP, FTPNAT_SOURCE_ADDRESS };

/* ftpnat_rule.flags */
#define FTPNAT_RULE_RETIRED 0x01 /* removed, its sessions continue */
#define FTPNAT_RULE_FOREIGN 0x02 /* foreign_data: allow */
#define FTPNAT_RULE_NO_TLS  0x04 /* tls: deny */
#define FTPNAT_RULE_HEALTH  0x08 /* its servers are checked by `run` */
#define FTPNAT_RULE_FALLBACK                                                             \
	0x10 /* its last server, without a weight, is for when none is left */

/* publish: how a server is picked */
enum ftpnat_balance {
	FTPNAT_BALANCE_WEIGHT, /* at random, by weight */
	FTPNAT_BALANCE_SOURCE, /* by weight and a hash of the client's address */
	FTPNAT_BALANCE_LEAST,  /* the one with the fewest connections for its weight */
	FTPNAT_BALANCE_MAX
};

/* ftpnat_rule.admission: who may open a control connection, and how a SYN is refused */
#define FTPNAT_ADMIT_LISTS 0x0001 /* ftpnat_lists has a trie for it: `clients`, `deny` */
#define FTPNAT_ADMIT_DEFAULT                                                             \
	0x0002			  /* who isn't in it may come in: there is no `clients` */
#define FTPNAT_ADMIT_RESET 0x0004 /* refuse: reset */
#define FTPNAT_ADMIT_RESET_NO_SERVER                                                     \
	0x0008 /* reset when no server is left: unless refuse: drop */

/* What one client (an IPv4 address, an IPv6 /64) may have or do of a rule; 0: no limit. */
struct ftpnat_per_client {
	__u32 sessions;	    /* control connections at once */
	__u32 half_open;    /* of these, without a complete handshake */
	__u32 expected;	    /* announced data connections at once */
	__u32 new_sessions; /* control connections in new_time seconds */
	__u32 new_time;
	__u32 failed_logins; /* in failed_time seconds, and then a ban of ban_time seconds */
	__u32 failed_time;
	__u32 ban_time;
};

/* ftpnat_qos.does, and what a program knows of each rule before any lookup */
#define FTPNAT_QOS_MARK 0x01
#define FTPNAT_QOS_DSCP 0x02

/* What the packets of a rule get, control and data. */
struct ftpnat_qos {
	__u32 mark; /* of the skb, in the bits of mark_mask; the others stay */
	__u32 mark_mask;
	__u8 does; /* FTPNAT_QOS_* */
	__u8 dscp;
	__u8 pad[6];
};

enum ftpnat_family { FTPNAT_V4, FTPNAT_V6, FTPNAT_FAMILY_MAX };

/* ftpnat_rules[slot * FTPNAT_MAX_RULES + id]; an all-zero name is an unused id */
struct ftpnat_rule {
	char name[FTPNAT_NAME_LEN];
	struct ftpnat_qos qos;
	__u8 kind;   /* enum ftpnat_rule_kind */
	__u8 source; /* publish: enum ftpnat_source */
	__u8 modes;  /* bit 1 << enum ftpnat_mode: allowed */
	__u8 flags;
	__u16 data_port_min; /* host order, both included */
	__u16 data_port_max;
	__u16 servers;	    /* publish: number of servers */
	__u16 first_server; /* publish: first index within the slot of ftpnat_servers */
	__u32 weight[FTPNAT_FAMILY_MAX]; /* publish: sum over the servers in use */
	struct ftpnat_addr
		address[FTPNAT_FAMILY_MAX]; /* masquerade `to`; 0: the interface's own */
	struct ftpnat_addr
		data_address[FTPNAT_FAMILY_MAX]; /* named in 227; 0: what was dialled */
	__u16 tls_port_min; /* tls_data_ports, host order, both included; 0: none */
	__u16 tls_port_max;
	__u16 classes;	   /* publish: number of data_address_for */
	__u16 first_class; /* publish: first index within the slot of ftpnat_classes */
	__u32 data_host; /* hash of the name that data_address was resolved from; 0: none */
	__u16 admission;	     /* FTPNAT_ADMIT_* */
	__u8 balance;		     /* publish: enum ftpnat_balance */
	__u8 prefix64_len;	     /* masquerade: bits; 0: none */
	struct ftpnat_addr prefix64; /* IPv4 servers are behind it (RFC 6052) */
	__u32 max_sessions;	     /* control connections at once; 0: no limit */
	struct ftpnat_per_client per_client;
};

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
	FTPNAT_HAS_MAX = 4 /* power of two */
};

#define FTPNAT_IDLE_CLIENTS 65536 /* clients without sessions that are remembered */

#define FTPNAT_CLIENT_GONE 0x80000000 /* in number[0]: about to be deleted */

/* It exists as long as it has sessions, or `next` or `failed_end` is not over. */
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

/* ftpnat_server.drained: by whom */
#define FTPNAT_DRAINED_BY_HAND	 0x01
#define FTPNAT_DRAINED_BY_HEALTH 0x02 /* it failed its health checks */

/* ftpnat_servers[slot * FTPNAT_MAX_SERVERS + index] */
struct ftpnat_server {
	struct ftpnat_addr addr;
	struct ftpnat_addr
		source; /* FTPNAT_SOURCE_ADDRESS: what this server sees as the client */
	__be16 port;
	__u16 weight;	   /* for new connections: 0 while drained, else full_weight */
	__u16 full_weight; /* as configured */
	__u16 drained;
};

/*
 * ftpnat_served: a server of a rule -> its control connections now. An entry for each
 * server of both slots, and as long as it has any.
 */
#define FTPNAT_MAX_SERVED 4096

struct ftpnat_served_key {
	struct ftpnat_addr addr;
	__u16 rule;
	__be16 port;
};

struct ftpnat_served {
	__s32 present; /* that are not over, attempts included */
	__s32 open;    /* of these, both ends have answered */
};

/* ftpnat_classes[slot * FTPNAT_MAX_CLASSES + index]: data_address_for, first match wins */
struct ftpnat_class {
	struct ftpnat_addr addr; /* clients' prefix */
	struct ftpnat_addr mask;
	struct ftpnat_addr address; /* named in 227 */
};

/* ftpnat_listens: what a client dials -> rule */
struct ftpnat_listen_key {
	struct ftpnat_addr addr;
	__be16 port;
	__u16 slot;
};

struct ftpnat_listen {
	__u16 rule;
	__u16 pad;
};

/* ftpnat_select[slot * FTPNAT_MAX_SELECTORS + index], first match wins */
struct ftpnat_selector {
	struct ftpnat_addr addr; /* clients' prefix */
	struct ftpnat_addr mask;
	struct ftpnat_addr server_addr; /* track: servers' prefix */
	struct ftpnat_addr server_mask;
	__be16 port; /* control port */
	__u16 rule;
	__u8 any_client; /* the clients' prefix doesn't matter */
	__u8 by_server;	 /* the servers' prefix does */
	__u16 pad;
};

#define FTPNAT_MAX_GUARD_PORTS 64 /* ranges of one guard */

/* ftpnat_guards: interface -> ports of connections that must have been announced */
struct ftpnat_guard_key {
	__u32 ifindex;
	__u32 slot;
};

struct ftpnat_guard_ports {
	__u16 min; /* host order, both included */
	__u16 max;
};

struct ftpnat_guard {
	__u32 number;
	struct ftpnat_guard_ports ports[FTPNAT_MAX_GUARD_PORTS];
};

/* ftpnat_ifaddr.rp_filter, as the kernel has it (ip-sysctl): must a source be reachable, and how? */
enum ftpnat_rp_filter { FTPNAT_RP_OFF, FTPNAT_RP_STRICT, FTPNAT_RP_LOOSE };

/* ftpnat_ifaddrs: ifindex of what has our programs -> what the configuration says of it */
struct ftpnat_ifaddr {
	struct ftpnat_addr addr[FTPNAT_FAMILY_MAX]; /* its own, for `to: interface` */
	__u32 slots; /* bit per slot: is it in `interfaces`? Else nothing begins there. */
	__u8 rp_filter;	   /* enum ftpnat_rp_filter: the host's, for both families */
	__u8 accept_local; /* the host's own addresses are sources there */
	__u8 pad[2];
};

/* ftpnat_config.service */
#define FTPNAT_SERVICE_HEALTH  0x01 /* `health` of a rule */
#define FTPNAT_SERVICE_METRICS 0x02 /* `metrics` */

/* ftpnat_config[0] */
struct ftpnat_config {
	__u32 layout;	    /* FTPNAT_LAYOUT */
	__u32 slot;	    /* 0 or 1: the half in force of all configuration tables */
	__u32 selectors[2]; /* number per slot */
	__u32 guards[2];    /* number per slot */
	__u32 limit[FTPNAT_KIND_MAX]; /* connections */
	__u32 limit_expected;
	__u32 timeout[FTPNAT_KIND_MAX]; /* idle, seconds */
	__u32 timeout_closing;
	__u32 timeout_expected;
	__u16 local_port_min; /* ip_local_port_range, both included; 0: not known */
	__u16 local_port_max;
	__u32 period;  /* shortest of them: seconds between checks */
	__u32 service; /* FTPNAT_SERVICE_*: what only `run` does */
};

/* ---- what is counted ---- */

/* ftpnat_usage[0], changed when something is created or removed */
struct ftpnat_usage {
	__u32 flows[FTPNAT_KIND_MAX]; /* connections */
	__u32 expected;
	__u32 last_session; /* id that was given out last; they come again after 2^32 */
	__u32 sessions[FTPNAT_MAX_RULES]; /* control connections of each rule */
	__u32 open[FTPNAT_MAX_RULES]; /* of these, both ends have answered, and not over */
};

enum ftpnat_line {
	FTPNAT_LINE_PORT,
	FTPNAT_LINE_EPRT,
	FTPNAT_LINE_227,
	FTPNAT_LINE_229,
	FTPNAT_LINE_MAX
};

/* ftpnat_stats[rule], per CPU */
struct ftpnat_rule_stats {
	__u64 sessions;
	__u64 data_connections;
	__u64 lines[FTPNAT_LINE_MAX]; /* read and understood */
	__u64 packets[FTPNAT_DIR_MAX];
	__u64 bytes[FTPNAT_DIR_MAX];
};

/* ftpnat_reasons[enum ftpnat_reason], per CPU: __u64 */

/* ftpnat_probes: cookie (SO_COOKIE) of a socket of a health check -> 1 */

#define FTPNAT_MAX_PROBES 2048 /* the oldest make room */

/* ---- ftpnat_events[slot]: a ring buffer for each reader, made by it ---- */

#define FTPNAT_READERS	   16	     /* slots */
#define FTPNAT_EVENTS_SIZE (1 << 20) /* of a ring buffer, power of two and of pages */
#define FTPNAT_EVENT_LINE  192	     /* bytes of a line that an event shows, at most */
#define FTPNAT_EVENT_TEXT  64

#define FTPNAT_NO_RULE 0xffff /* in an event: the guard's */

/* A connection or a line; of a connection, only this much is there, and figures at its end. */
struct ftpnat_event {
	__u64 time;		    /* nanoseconds of CLOCK_MONOTONIC */
	__u32 reason;		    /* enum ftpnat_reason */
	__u32 session;		    /* id */
	struct ftpnat_tuple client; /* client -> what it dialled */
	struct ftpnat_tuple server; /* the same connection as the server sees it */
	__u16 rule;
	__u8 kind;	/* enum ftpnat_kind */
	__u8 dir;	/* enum ftpnat_dir, of a line */
	__u32 duration; /* seconds since its first packet */
	__u64 packets[FTPNAT_DIR_MAX];
	__u64 bytes[FTPNAT_DIR_MAX]; /* IP length, headers included */
};

struct ftpnat_line_event {
	struct ftpnat_event event;
	__u16 line_len;	  /* of the whole line, which may be longer than what is shown */
	__u16 line_from;  /* first byte of it that is shown: what came earlier is gone */
	__u16 span_start; /* the bytes that `text` replaced; an empty text: nothing was */
	__u16 span_len;
	__u16 text_len;
	__u16 pad[3];
	__u8 line[FTPNAT_EVENT_LINE];
	__u8 text[FTPNAT_EVENT_TEXT];
};

/* ftpnat_readers[0], mapped by readers; changed by atomic operations only */
struct ftpnat_readers {
	__u32 slots; /* bit per slot that has a reader; 0: no event is made */
	__u32 pad;
	__u64 lost[FTPNAT_READERS]; /* events for which a ring buffer had no room, ever */
};

/* ---- the loader's own notes: ftpnat_state[0], for the next up, reload or down ---- */

#define FTPNAT_MAX_INTERFACES 32
#define FTPNAT_IFNAME_LEN     16
#define FTPNAT_XDP_WHY_LEN    128

/* `xdp` of the configuration; also kept in the pinned state, so never renumber */
enum ftpnat_xdp_mode {
	FTPNAT_XDP_MODE_AUTO,
	FTPNAT_XDP_MODE_NATIVE,
	FTPNAT_XDP_MODE_GENERIC,
	FTPNAT_XDP_MODE_OFF,
	FTPNAT_XDP_MODE_MAX
};

struct ftpnat_interface {
	char name[FTPNAT_IFNAME_LEN];
	__u32 ifindex;
	__u32 made_clsact;		  /* the qdisc is ours to remove */
	__u8 mac[6];			  /* to which XDP takes frames */
	__u8 xdp_asked;			  /* enum ftpnat_xdp_mode */
	__u8 bare;			  /* its packets have no link-layer header */
	char xdp_why[FTPNAT_XDP_WHY_LEN]; /* why data connections go through TC */
};

/*
 * Bound to every program of the instance: a tc filter is ours if its program uses this
 * map, and the map lives as long as one of our filters. Written before the step that it
 * announces, so that a killed `up` can be cleaned up. It does not change with
 * FTPNAT_LAYOUT: every version can take down every other's instance.
 */
struct ftpnat_state {
	__u32 layout;
	__u32 interfaces;
	__u64 netns;	 /* cookie of the network namespace */
	__u64 bpffs;	 /* device of the bpffs that holds the pins */
	__u32 config_id; /* map ids, for the other instances to look into */
	__u32 listens_id;
	__u32 complete;	 /* all is created; before that, `up` starts afresh */
	__u32 select_id; /* 0: of a version without it */
	char pin[128];
	struct ftpnat_interface interface[FTPNAT_MAX_INTERFACES];
};

_Static_assert(sizeof(struct ftpnat_tuple) == 36, "no padding in a key");
_Static_assert(sizeof(struct ftpnat_expected_key) == 36, "no padding in a key");
_Static_assert(sizeof(struct ftpnat_listen_key) == 20, "no padding in a key");
_Static_assert(sizeof(struct ftpnat_served_key) == 20, "no padding in a key");
_Static_assert(sizeof(struct ftpnat_state) == 5288, "of all layouts");
_Static_assert(sizeof(struct ftpnat_flow) == 96, "layout 4");
_Static_assert(sizeof(struct ftpnat_expiry_block) <= 4096 - 64,
	       "one element fits a page");
_Static_assert(sizeof(struct ftpnat_expiry) == 48, "layout 4");
_Static_assert(sizeof(struct ftpnat_ending) == 48, "layout 8");
_Static_assert(sizeof(struct ftpnat_hop) == 32, "layout 4");
_Static_assert(sizeof(struct ftpnat_expected) == 88, "layout 6");
_Static_assert(sizeof(struct ftpnat_event) == 128, "layout 9");
_Static_assert(sizeof(struct ftpnat_line_event) == 400, "layout 9");
_Static_assert(sizeof(struct ftpnat_edit) == 12, "layout 4");
_Static_assert(1 << FTPNAT_KEPT_SHIFT <= FTPNAT_KEPT_LEN - FTPNAT_HELD_LEN,
	       "a window of one unit fits beside what is held back");
_Static_assert(sizeof(struct ftpnat_session) <= 512, "what an idle session takes");

#endif
