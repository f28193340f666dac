/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `top` shows: sessions with their rates, from one refresh to the next. */
#ifndef FTPNAT_TOP_MODEL_H
#define FTPNAT_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "ftpnat_maps.h"

#define TOP_LINE_LEN 96

/* Rates are averages over these, weighted like the load average. */
enum top_span { TOP_2S, TOP_10S, TOP_40S, TOP_SPANS };
extern const unsigned int top_span_seconds[TOP_SPANS];

enum top_mode { TOP_NO_DATA, TOP_PASSIVE, TOP_ACTIVE };

struct top_session {
	__u32 id;
	__u16 rule;
	struct ftpnat_addr client;
	struct ftpnat_addr server;
	__be16 client_port; /* 0: only its data connections are left */
	__be16 server_port;
	enum top_mode mode; /* of the newest data connection */
	__u32 created;
	__u32 mode_created;
	__u32 data;		     /* data connections open */
	__u64 bytes[FTPNAT_DIR_MAX]; /* of its data connections that are known */
	double rate[FTPNAT_DIR_MAX]; /* bytes per second, since the last refresh */
	double average[TOP_SPANS][FTPNAT_DIR_MAX];
	double known[TOP_SPANS]; /* how much of the span has been seen, 0..1 */
	bool open;		 /* the control connection is */
};

/* What is kept of an entry of ftpnat_flows. */
struct top_entry {
	struct ftpnat_tuple key;
	struct ftpnat_tuple to;
	__u32 session;
	__u32 created;
	__u64 bytes;
	__u16 rule;
	__u8 kind;
	__u8 flags;
	__u32 tcp;
};

struct top_entries {
	struct top_entry *entry;
	size_t number;
	size_t room;
};

/* The last line rewritten of some sessions: enough for all that a screen shows. */
#define TOP_LINES 4096

struct top_line {
	__u32 session;
	char text[TOP_LINE_LEN];
};

struct top_model {
	struct top_entries now;
	struct top_entries before;
	__u64 now_ns;
	__u64 before_ns;
	struct top_session *session; /* those that live, by id */
	size_t sessions;
	struct top_session *old; /* of the refresh before */
	size_t olds;
	struct top_line line[TOP_LINES];
};

/*
 * A refresh: begin, top_see_flow() for each entry of ftpnat_flows (`arg`: the model),
 * end.
 */
void top_begin(struct top_model *model, __u64 now_ns);
int top_see_flow(const void *key, const void *value, void *arg);
int top_end(struct top_model *model);

/* NULL: it has ended. */
const struct top_session *top_find(const struct top_model *model, __u32 id);

/* The session's entries, which lie together: the first one; NULL: there is none. */
const struct top_entry *top_entries_of(const struct top_model *model, __u32 id,
				       size_t *number);

void top_free(struct top_model *model);

/* An event of a line, to be remembered. */
void top_see_line(struct top_model *model, const struct ftpnat_line_event *e);

/* "" where none is known. */
const char *top_line(const struct top_model *model, __u32 session);

#endif
