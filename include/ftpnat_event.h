/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters and events. */
#ifndef FTPNAT_EVENT_H
#define FTPNAT_EVENT_H

#include <linux/types.h>

#include "ftpnat_types.h"

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
	__u8 dir;	/* enum ftpnat_dir: whose line; of a connection, who opened it */
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

_Static_assert(sizeof(struct ftpnat_event) == 128, "layout 9");
_Static_assert(sizeof(struct ftpnat_line_event) == 400, "layout 9");

#endif
