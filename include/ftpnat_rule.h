/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of the configuration: two slots, the one in force named by ftpnat_config.slot. */
#ifndef FTPNAT_RULE_H
#define FTPNAT_RULE_H

#include <linux/types.h>

#include "ftpnat_ftp.h"
#include "ftpnat_types.h"

enum ftpnat_rule_kind { FTPNAT_PUBLISH, FTPNAT_MASQUERADE, FTPNAT_TRACK };
enum ftpnat_source { FTPNAT_SOURCE_KEEP, FTPNAT_SOURCE_ADDRESS };

/* ftpnat_rule.flags */
#define FTPNAT_RULE_RETIRED 0x01 /* removed, its sessions continue */
#define FTPNAT_RULE_FOREIGN 0x02 /* foreign_data: allow */
#define FTPNAT_RULE_NO_TLS  0x04 /* tls: deny */
#define FTPNAT_RULE_HEALTH  0x08 /* its servers are checked by `run` */
/* Its last server, without a weight, is for when none is left. */
#define FTPNAT_RULE_FALLBACK	0x10
#define FTPNAT_RULE_TLS_FIRST	0x20 /* tls: require */
#define FTPNAT_RULE_HIDE_BANNER 0x40 /* banner: hide */

/* publish: how a server is picked */
enum ftpnat_balance {
	FTPNAT_BALANCE_WEIGHT, /* at random, by weight */
	FTPNAT_BALANCE_SOURCE, /* by weight and a hash of the client's address */
	FTPNAT_BALANCE_LEAST,  /* the one with the fewest connections for its weight */
	FTPNAT_BALANCE_MAX
};

/* ftpnat_rule.admission: who may open a control connection, and how a SYN is refused */
#define FTPNAT_ADMIT_LISTS 0x0001 /* ftpnat_lists has a trie for it: `clients`, `deny` */
/* Clients that are not in it may come in: there is no `clients`. */
#define FTPNAT_ADMIT_DEFAULT 0x0002
#define FTPNAT_ADMIT_RESET   0x0004 /* refuse: reset */
/* Reset when no server is left: unless refuse: drop. */
#define FTPNAT_ADMIT_RESET_NO_SERVER 0x0008

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
#define FTPNAT_QOS_RATE 0x04

/* What the packets of a rule get, control and data. */
struct ftpnat_qos {
	__u32 mark; /* of the skb, in the bits of mark_mask; the others stay */
	__u32 mark_mask;
	__u8 does; /* FTPNAT_QOS_* */
	__u8 dscp;
	__u8 pad[6];
	__u64 rule_rate; /* bytes per second of its data packets, each direction; 0: no limit */
	__u64 client_rate; /* the same of each client */
};

/* Clients whose departure times are kept, of each direction. */
#define FTPNAT_MAX_PACES 16384

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
	__u16 commands; /* `commands`: its list in ftpnat_commands, from 1; 0: none */
	__u16 pad;
	struct ftpnat_per_client per_client;
	__u32 pad_end;
};

/* ---- ftpnat_commands: what a list of `commands` says of a command ---- */

#define FTPNAT_MAX_LISTED_COMMANDS 16384 /* entries of all lists of both slots */

struct ftpnat_command_key {
	__u16 slot;
	__u16 list;		 /* ftpnat_rule.commands */
	__u8 verb[FTP_VERB_LEN]; /* in upper case, the rest zero; all zero: any other */
	__u8 word[FTP_VERB_LEN]; /* the same of its first argument; all zero: any other */
};

enum ftpnat_command_policy {
	FTPNAT_COMMAND_PASS,
	FTPNAT_COMMAND_550, /* refused with this reply */
	FTPNAT_COMMAND_502,
};

struct ftpnat_command {
	__u8 policy;	/* enum ftpnat_command_policy */
	__u8 has_words; /* there are entries with a word for its verb */
	__u8 pad[2];
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
#define FTPNAT_SERVICE_CLUSTER 0x04 /* `cluster` */
#define FTPNAT_SERVICE_RECORDS 0x08 /* `records` */

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
	__u32 records; /* `records`: transfers are followed */
	__u32 tcx;     /* enum ftpnat_tcx */
	__u32 programs; /* half of ftpnat_programs in force, from 1; 0: no program at tcx acts */
};

_Static_assert(sizeof(struct ftpnat_listen_key) == 20, "no padding in a key");
_Static_assert(sizeof(struct ftpnat_served_key) == 20, "no padding in a key");

#endif
