/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of control connections: what has been said, and how it was edited. */
#ifndef FTPNAT_SESSION_H
#define FTPNAT_SESSION_H

#include <linux/types.h>

#include "ftpnat_flow.h"
#include "ftpnat_ftp.h"
#include "ftpnat_types.h"

/* ---- ftpnat_sessions: id, never 0 -> one control connection ---- */

#define FTPNAT_MAX_EDITS 32   /* unacknowledged edits of one direction, power of two */
#define FTPNAT_TEXT_LEN	 1024 /* their replacement bytes, ring, power of two */
/* Unacknowledged bytes of one direction, ring, power of two. */
#define FTPNAT_KEPT_LEN 2048
/* Longest start of an address line that is held back, power of two. */
#define FTPNAT_HELD_LEN 256
/* Of windows: most, so that one unit is within what is kept. */
#define FTPNAT_KEPT_SHIFT 10

/* The sender's bytes [start, start + old_len) became new_len bytes of the text ring. */
struct ftpnat_edit {
	__u32 start; /* sender's sequence space */
	__u16 old_len;
	__u16 new_len;
	__u16 text; /* offset in ftpnat_log.text */
	__u16 pad;
};

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
	__u8 tls_header;   /* bytes seen of the record's header */
	__u8 fin;	   /* the sender has finished: held bytes left with its FIN */
	__u32 tls_record;  /* sender's: start of the TLS record at hand */
	__u16 tls_len;	   /* of its body, as far as the header says yet */
	__u8 ttl;	   /* sender's: the highest that was seen */
	__u8 clocked : 1;  /* ts_recent is known */
	__u8 dropping : 1; /* of the line at hand what has come was taken out */
	__s8 owed : 6;	 /* client's: PASS without a reply of its own, see bpf/logins.h */
	__u32 edge;	 /* sender's: end of the widest window that it was told */
	__u32 ts_recent; /* sender's timestamp, as its receiver keeps it (RFC 7323) */
	__u32 kept; /* sender's: bytes [kept, kept + kept_len) are in ftpnat_log.kept */
	__u16 kept_len; /* what the receiver hasn't acknowledged of the bytes before `next` */
	__u16 reply_told; /* server's: `reply` as the client has read it; 0: the same */
	__u32 unknown; /* bytes before `next` that the peers of a cluster don't know yet */
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

/* Kept for the next sessions, at most; `up` makes so many: bursts need memory. */
#define FTPNAT_LOGS_SPARE 128

/*
 * ftpnat_logs: any number -> the logs of a session, which it has from its first byte that is
 * not acknowledged until all are, or, if it needs some twice within a second, for the rest of
 * that. Only the holder of the session's lock may use them. 0: empty ones for all others.
 * ftpnat_spare: the numbers of those that no session has; nothing is in them, whatever they
 * contain.
 */
struct ftpnat_logs {
	struct ftpnat_log log[FTPNAT_DIR_MAX];
};

/* In flight that matter, power of two; others are counted. */
#define FTPNAT_MAX_COMMANDS 16

/* ftpnat_session.command: enum ftp_command, with */
#define COMMAND_REFUSED 0x80 /* it was changed so that the server refuses it */
#define COMMAND_EXPECTS 0x40 /* the session's expectation belongs to it */
#define COMMAND_ALONE	0x20 /* with one of these: no reply was missing when it was sent */

/* ftpnat_session.flags */
#define FTPNAT_SESSION_EXPECTS 0x01 /* `expectation` may still be in ftpnat_expected */
#define FTPNAT_SESSION_OPAQUE  0x02 /* TLS: not parsed */
#define FTPNAT_SESSION_EPSV    0x04 /* EPSV ALL was accepted: no other mode from now on */
#define FTPNAT_SESSION_SPOKEN  0x08 /* the client has sent something */
#define FTPNAT_SESSION_TRACKED 0x10 /* of a track rule: read, never changed or held */
#define FTPNAT_SESSION_HELLO   0x20 /* the client's ClientHello has no answer yet */
#define FTPNAT_SESSION_LINES   0x40 /* the client has said a line */
#define FTPNAT_SESSION_NOT_FTP 0x80 /* the client speaks another protocol */

/* Has a line announced where data connections go (PORT, PASV and the like)? */
enum ftpnat_announced {
	FTPNAT_ANNOUNCED_NEVER, /* since login or REIN */
	FTPNAT_ANNOUNCED,	/* for the next transfer */
	FTPNAT_ANNOUNCED_USED,	/* for one before */
};

struct ftpnat_session {
	__u32 lock; /* 0, or the id while a CPU works on it, see bpf/session.h */
	__u32 id;
	__u32 data_flows; /* data connections in ftpnat_flows */
	__u32 created;	  /* its control connection */
	__u32 spoken;	  /* when either end last finished a line */
	__u32 log;	  /* key of its logs in ftpnat_logs; 0: it has none */
	__u32 logged;	  /* when it last got some */
	__u32 queued; /* when its entry of ftpnat_expiry was entered; 0: it has none */
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
	__u8 untranslated : 1; /* ALGS DISABLE64: lines stay in the client's family */
	__u8 announced : 2;    /* enum ftpnat_announced */
	__u8 keeps_logs : 1;   /* it got logs twice within the second `logged` */
	__u8 pad : 4;
	__u16 others; /* commands in flight that don't matter, behind all of them */
	__u16 mss[FTPNAT_DIR_MAX];  /* largest segment that each sender takes itself */
	struct ftpnat_tuple client; /* client -> what it dialled */
	struct ftpnat_tuple server; /* the same connection as the server sees it */
	struct ftpnat_expected_key expectation;
	__u8 command[FTPNAT_MAX_COMMANDS]; /* with COMMAND_* */
	__u16 ahead[FTPNAT_MAX_COMMANDS]; /* others in front of it, behind the one before */
	struct ftpnat_stream stream[FTPNAT_DIR_MAX];
	__u32 epoch; /* of its owner in a cluster: raised by a gateway that takes it over */
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

_Static_assert(sizeof(struct ftpnat_edit) == 12, "layout 4");
_Static_assert(1 << FTPNAT_KEPT_SHIFT <= FTPNAT_KEPT_LEN - FTPNAT_HELD_LEN,
	       "a window of one unit fits beside what is held back");
/*
 * The kernel allocates an entry as one object: struct htab_elem with 48 bytes, the key in 8,
 * the value, and 8 for a list of free ones. More than 448 would take one of 1024.
 */
_Static_assert(48 + 8 + sizeof(struct ftpnat_session) + 8 <= 512,
	       "an idle session takes an object of 512 bytes");

#endif
