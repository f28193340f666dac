/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-CPU working memory for what doesn't fit the 512 bytes of BPF stack. The
 * programs run with bottom halves off and are never entered twice on one CPU.
 */
#ifndef FTPNAT_BPF_SCRATCH_H
#define FTPNAT_BPF_SCRATCH_H

#include "accept.h"
#include "clock.h"
#include "ftp_grammar.h"
#include "maps.h"
#include "options.h"
#include "verifier.h"

/* Of a piece, a power of two: a map's value per CPU is 32 KiB at most. */
#define PAYLOAD_LEN 16384

/* State of the search for an unused key of a map. */
enum search { SEARCH_ON, SEARCH_FOUND, SEARCH_NO_MEMORY };

/* A connection about to be entered into ftpnat_flows, and the result. */
struct flow_new {
	struct ftpnat_tuple key;     /* as the first packet shows it */
	struct ftpnat_tuple to;	     /* as it will be */
	struct ftpnat_tuple reverse; /* key of the other direction */
	struct ftpnat_tuple closed; /* client's key of a connection that has to make room */
	struct ftpnat_tuple closed_other; /* key of its other direction */
	__u32 session;
	__u32 isn;
	__u16 rule;
	__u16 port_min; /* source ports to choose from */
	__u16 port_max;
	__be16 had; /* source port that a connection of this tuple had before; 0: none */
	__u8 kind;
	__u8 flags;    /* of the entry of the first packet */
	__u32 ifindex; /* that the first packet came in by; 0: this host's own */
	bool own;      /* the translated source is an address of the gateway */
	__u32 now;
	enum search done; /* for a port */
	/* zeroed image of an entry; not a struct ftpnat_flow, whose timer only hashes may hold */
	__u64 entry[sizeof(struct ftpnat_flow) / 8];
};

/* The bytes of a segment that are new, from scan to compose. */
struct scanning {
	__u32 held_from; /* sender's: first byte not yet delivered that it may carry */
	__u32 line;	 /* first byte of the line being scanned */
	__u32 fresh;	 /* first byte that was not parsed before */
	__u32 first;	 /* the same, also where TLS has ended behind it */
	__u16 held_len;	 /* bytes that were held back when the segment came */
	bool full;	 /* the edit log is full: the line at `line` has to come again */
	bool releasing;	 /* held bytes are in front of the line being scanned */
	bool broken;	 /* the packet could not be read */
	struct ftp_parser before; /* the parser as it was when the segment came */
};

/* What a segment repeats of the bytes that are kept, see kept.h. */
struct overlap {
	__u32 from; /* sender's */
	__u32 until;
	bool differs;
};

/* The result of a complete line, from lines.h to segment.h. */
struct outcome {
	enum ftpnat_reason why; /* PASS: no event */
	__u32 text_len;		/* replacement of the address or of the line; 0: none */
	__u8 text[64];
	bool drops;  /* all of the line goes, also what has been taken out of it before */
	bool secret; /* its event shows the verb only */
};

/* The edit about to be entered into the log: text_len bytes of `outcome.text`. */
struct editing {
	__u32 from; /* sender's: the edit, ... */
	__u32 to;
	__u32 text_from; /* ... and the part of it that the text stands for */
	__u32 text_to;
	__u32 text_len;
};

/* The payload that the receiver gets, in parts if it is too long. */
struct composing {
	__u32 at;	    /* sender's: next byte */
	__u32 until;	    /* sender's: end of what may be sent in this part */
	__u32 end_of_parts; /* sender's: end of what may be sent at all */
	__u32 len;	    /* of this part so far */
	__u32 limit;	    /* most bytes that fit */
	__u32 edit;	    /* index of the edit at or after `at` */
	__u32 text_done;    /* bytes of its replacement already out */
	__u32 in_sum;	    /* checksum of the payload that is in the packet */
	bool broken;	    /* the packet could not be written */
};

/* How the segment, or the ACK instead of it, leaves. */
struct sending {
	enum ftpnat_reason routed; /* as route() found it */
	bool egress;
	__u32 seq;  /* receiver's: of the part at hand */
	__u32 ack;  /* receiver's */
	__u32 upto; /* sender's: may be acknowledged if nothing is forwarded */
	bool news;  /* its ACK tells the receiver something new */
	bool twice; /* the receiver must acknowledge it at once */
};

/* A control segment on its way through the edit log; each part is set by the phase that it names. */
struct segment {
	__u32 start; /* sender's sequence number of payload.byte[0] */
	__u32 end;
	__u32 len;     /* payload as it came */
	__u32 session; /* id */
	__u32 now;
	__u8 dir;	/* enum ftpnat_dir */
	__u8 tcp_flags; /* as they came */
	struct overlap overlap;
	struct scanning scan;
	struct outcome outcome;
	struct editing edit;
	struct composing compose;
	struct sending send;
};

/* An expectation about to be opened: ports to search, and what came of it. */
struct expectation_new {
	struct ftpnat_expected_key key;
	struct ftpnat_tuple incoming; /* what leads to it, but for the source port */
	union { /* questions about it, see host_ports.h: too large for the stack */
		struct bpf_sock_tuple socket;
		struct bpf_fib_lookup route;
	} asked;
	__u16 port_min;
	__u16 port_max;
	bool own; /* the ports are of the end's own address, perhaps in another form */
	enum search done;
	__u64 value[sizeof(struct ftpnat_expected) /
		    8]; /* zeroed image, as flow_new.entry */
};

/* A client that is counted in: the result of client_more(). */
struct client_new {
	__u32 had; /* sessions before this one */
	__u32 half_open;
	bool counted;
	/* zeroed image of an entry, as flow_new.entry */
	__u64 entry[sizeof(struct ftpnat_client) / 8];
};

/* Searches of tables, each from `first` on; `found` is WALK_NONE until it is. */
struct server_walk {
	__u32 first;
	__u32 number;
	__u32 ticket; /* weight still to walk past */
	bool v4;      /* the family of the servers */
	__u32 weight; /* of the one found and those that have no more connections for theirs */
	__u64 least;	    /* connections of the one found ... */
	__u64 least_weight; /* ... and its weight */
	__u32 found;	    /* key of ftpnat_servers */
};

struct selector_walk {
	__u32 first;
	__u32 number;
	__u32 found; /* rule */
};

struct class_walk {
	struct ftpnat_addr client;
	__u32 first;
	__u32 number;
	__u32 found; /* key of ftpnat_classes */
};

/* What the rule of the session at hand says of lines, see policy.h. */
struct policy {
	__u8 has; /* POLICY_*; 0: nothing */
	struct ftpnat_command_key key;
};

struct command_search {
	__u32 number; /* of commands to take: in memory, see verifier.h */
	__u8 found;   /* the last of them */
};

#define WALK_NONE (~0U)

/* The packet that an ICMP error quotes. */
struct quoted {
	struct ftpnat_tuple tuple;
	__u32 ip; /* offset of its IP header in the frame */
	__u32 l4; /* offset of its TCP header */
	__u32 seq;
	struct ftpnat_tuple replies; /* key of the direction that answers it */
	struct ftpnat_tuple sent;    /* as its sender sent it */
};

/* Where the current packet leaves, see route(). */
struct route {
	__u32 hop;  /* index + 1 of its next hop in ftpnat_hops, or 0 */
	bool known; /* packets may go there without the neighbour layer */
	__u32 ifindex;
	__u32 mtu;
	struct bpf_redir_neigh next_hop;
};

/* IPv4 options, source_routed() */
struct ip_options {
	__u32 len;
	__u32 at;
	bool routed;
	__u8 byte[64]; /* power of two */
};

/* A connection that may have to make room for another. */
struct making_room {
	struct ftpnat_tuple key;
	struct ftpnat_tuple other;
};

struct payload_sum {
	__u32 len;
	__u32 sum;
};

/* What a change of TCP state means for its connection. */
struct tcp_turn {
	bool opened;   /* both ends have answered */
	bool over;     /* nothing follows */
	bool closing;  /* it ages from now on */
	bool ends;     /* one of its ends does, or both have */
	bool lives_on; /* an end that had ended has not */
};

/* The event at hand, see events.h. */
struct event_making {
	__u32 readers; /* bit per slot */
	bool is_line;  /* all of `line`, not only its first part */
	struct ftpnat_line_event line;
};

/* Rate limit of the events of refused strangers. */
struct refused_events {
	__u32 second;
	__u32 number;
};

/* A packet's source in question. */
struct source {
	struct ftpnat_tuple back; /* as of a packet the other way: its dst is the source */
	struct ftpnat_tuple on;	  /* as the packet goes on */
	bool found;		  /* by another next hop of the route */
};

/* Of the ICMP errors that are sent, see answer_allowed(). */
struct answer_ration {
	__u64 since; /* nanoseconds */
	__u32 tokens;
	__u32 pad;
};

struct scratch {
	/* most packets need only these few cache lines */
	struct packet packet;
	struct route route;
	struct ftpnat_clock clock;
	__u32 slot; /* of the configuration, the same for all that a packet asks for */

	struct ftpnat_tuple to;	  /* translation of the packet at hand */
	struct ftpnat_tuple came; /* tuple of the packet at hand, as it came */
	struct segment segment;
	struct tcp_options options;
	struct ip_options ip_options;
	struct tcp_change change; /* flow_change() */
	struct tcp_turn turn;	  /* the same */
	struct flow_new flow;
	struct expectation_new expectation;
	struct client_new client;
	struct ftpnat_ban ban;	     /* login_ban() */
	struct ftpnat_ending ending; /* login_ban() */
	struct server_walk server_walk;
	struct selector_walk selector_walk;
	struct class_walk class_walk;
	struct policy policy;
	struct command_search command_search;
	struct quoted quoted;
	struct payload_sum payload_sum;
	struct event_making event;
	struct refused_events refused_events;
	struct source source;
	struct {
		struct answer_ration hops;
		struct answer_ration size;
	} answer_ration;
	struct ftpnat_addr addr_none; /* always zero: an address that no server accepts */
	struct ftpnat_transfer no_transfer; /* always zero: an entry to begin with */
	struct ftpnat_tls tls; /* zeroed image of an entry, but for its first id */
	__u8 shown_line[256];  /* start of a line, for its event; power of two */
	/* start of a packet that an ICMP error quotes */
	__u8 answer[192] __attribute__((aligned(8)));

	/* keys, each of the one function that is named */
	struct ftpnat_expected_key expected_key;       /* data_open() */
	struct ftpnat_expected_key closed_expectation; /* expectation_close() */
	struct ftpnat_expected_key gone_expectation;   /* expectation_remove() */
	struct ftpnat_expected_key due_expectation;    /* expectation_lives() */
	struct ftpnat_prefix_key prefix_key;	       /* lists_admit() */
	struct ftpnat_ban_key ban_key;	     /* client_banned(), but for its address */
	struct ftpnat_client_key client_key; /* client_*(), set by client_of() */
	struct ftpnat_served_key served_key; /* served_find() */
	__u32 transfer;			     /* id of its session: transfers.h */
	struct ftpnat_tuple transfer_other;  /* transfer_measure_open() */
	struct ftpnat_tls_key tls_expected;  /* tls_expects() */
	struct ftpnat_tls_key tls_forgotten; /* tls_forget() */
	struct ftpnat_tls_key tls_claimed;   /* tls_claim() */
	struct ftpnat_addr left;	     /* control_left(): the client */
	struct ftpnat_tuple queued_session;  /* expiry_put_session() */
	struct ftpnat_tuple removing; /* removing_remove(): the client's direction, ... */
	struct ftpnat_tuple removed;  /* ... the other one, ... */
	__u32 removed_session;	      /* ... and the id */
	struct ftpnat_tuple undo;     /* flow_undo(): the other direction */
	struct ftpnat_tuple changed;  /* flow_change(): the other direction */
	struct ftpnat_tuple looked;   /* flow_look(): the other direction */
	struct ftpnat_tuple session_other; /* session_get(): the other direction */
	struct ftpnat_tuple hairpin;	   /* is_hairpin() */
	struct ftpnat_tuple acknowledged;  /* acknowledge(): to whom */
	struct ftpnat_tuple answered;	   /* answer_error(): to whom */
	struct ftpnat_tuple refused;	   /* flow_begin(): as its event shows it */
	struct making_room room;	   /* flow_makes_room() */
	struct ftpnat_tuple record_key;	   /* record_publish(): of the client's entry */
	struct ftpnat_expected_key record_expectation;	/* record_publish() */
	struct ftpnat_expected_key replica_expectation; /* replica_expects() */
	__u32 record_has;				/* control_claim() */
	bool waits;    /* the packet at hand goes on only when others know */
	bool tells;    /* the control segment at hand may have changed its session */
	bool injected; /* the packet at hand has waited for the peers already */
	bool sent_on;  /* another gateway has sent it on to this one */
	bool shared;   /* it is another gateway's, and goes on here all the same */
};

struct payload {
	__u8 byte[PAYLOAD_LEN];
	__u8 behind[256]; /* start of the next piece, for events */
};

#define PAYLOAD_PIECES 4   /* of the longest frame, power of two */
#define KEPT_RUN       256 /* bytes kept at once, power of two, at most payload.behind */

/*
 * A control segment with its session and streams: the context of all code that reads or
 * composes it.
 */
struct scan {
	struct __sk_buff *skb;
	struct ftpnat_session *session;
	struct ftpnat_stream *stream; /* of the packet's direction */
	struct ftpnat_log *log;	      /* NULL if nothing is in it, until logs_take() */
	struct ftpnat_log *other_log;
	struct scratch *s;
	struct payload *in; /* as it came: the first piece */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} ftpnat_scratch SEC(".maps");

/* the payload as it came in pieces, and behind them as it leaves */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PAYLOAD_PIECES + 1);
	__type(key, __u32);
	__type(value, struct payload);
} ftpnat_payload SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_record);
} ftpnat_record SEC(".maps");

/* zeroed image of a session about to be entered */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_session);
} ftpnat_blank SEC(".maps");

/* zeroed image of logs about to be entered */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_logs);
} ftpnat_new_logs SEC(".maps");

/* zeroed image of a block about to be entered */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_expiry_block);
} ftpnat_empty SEC(".maps");

static __always_inline struct scratch *scratch_get(void)
{
	return percpu_elem(&ftpnat_scratch, 0);
}

/* The same, in line: for what every packet passes. */
static __always_inline struct scratch *scratch_of_packet(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ftpnat_scratch, &zero);
}

/* The stream against the direction of the segment at hand. */
static __always_inline struct ftpnat_stream *other_stream(const struct scan *c)
{
	return &c->session->stream[!(c->s->segment.dir & 1)];
}

/* Room for a payload as it leaves. NULL never happens, but the verifier can't know. */
static __always_inline struct payload *payload_out(void)
{
	__u32 key = PAYLOAD_PIECES;

	return bpf_map_lookup_elem(&ftpnat_payload, &key);
}

static __always_inline __u32 now_seconds(void)
{
	struct scratch *s = scratch_get();

	return s ? clock_seconds(&s->clock) : 0;
}

#endif
