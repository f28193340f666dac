/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One end of a TCP connection in simulated time: small, but correct in what its peer can
 * see, and strict about what it receives.
 */
#ifndef FTPNAT_MODEL_TCP_END_H
#define FTPNAT_MODEL_TCP_END_H

#include "frame.h"
#include "random.h"

#define TCP_STREAM 65536
#define NEVER	   UINT64_MAX
#define MS	   1000ULL /* of simulated time, in microseconds */

struct tcp_end;

/* What the end asks of its surroundings. */
struct tcp_ops {
	void (*send)(struct tcp_end *end, const struct segment *seg, unsigned gso_size);
	/* Does not return. */
	void (*fail)(struct tcp_end *end, const char *what, uint32_t a, uint32_t b);
};

struct tcp_traits {
	uint32_t isn;
	uint16_t mss;
	uint8_t wscale; /* 0: not offered */
	bool timestamps;
	bool sack;
	bool nagle;
	bool delayed_ack;
	bool probe_data; /* keepalives and zero window probes carry a byte */
	bool slow_reader;
	unsigned keepalives; /* so many, while idle */
	bool impatient;	     /* each of them has to be answered */
	unsigned burst;	     /* longest segment in units of MSS, above 1: GSO */
	uint32_t window;     /* receive buffer */
	uint32_t clock;	     /* of timestamps, at time 0 */
};

struct tcp_end {
	const char *name;
	struct tcp_traits traits;
	const struct tcp_ops *ops;
	struct random *random;
	void *arg; /* for the ops */
	uint64_t now;

	struct alg_addr local, remote;
	uint16_t local_port, remote_port;

	bool listening, syn_seen, established, closed, reset;
	bool timestamps, sack; /* agreed */
	int peer_wscale;
	uint16_t peer_mss;

	/* Sending: offsets into the stream; the FIN counts as the byte behind the last. */
	uint8_t out[TCP_STREAM];
	uint8_t sacked[TCP_STREAM];
	uint32_t out_len, una, nxt, max;
	uint32_t peer_window, peer_window_scaled;
	bool fin_queued, fin_alone;
	unsigned dup_acks;
	bool recovering;
	uint64_t rto, rto_at, persist_at, keepalive_at;
	unsigned retransmissions, keepalives;
	bool unanswered; /* keepalive */

	/* Receiving */
	uint32_t peer_isn;
	uint8_t in[TCP_STREAM];
	uint8_t have[TCP_STREAM];
	uint32_t rcv_nxt, rcv_end; /* rcv_end: highest byte that is there, plus one */
	uint32_t read;		   /* by the application */
	uint32_t right_edge;	   /* of the window ever offered */
	bool overrun;		   /* bytes came for which it had no window */
	bool probed; /* sent a byte for which the peer had no window, as it knew */
	bool peer_fin, fin_known;
	uint32_t fin_at;
	uint32_t ts_recent, last_ack_sent;
	uint32_t ack_known; /* highest ACK of ours that the gateway has seen */
	unsigned unacked_segments;
	uint64_t answers_until; /* RFC 5961 section 7: */
	unsigned answers;	/* ACKs for segments that are not accepted, until then */
	uint64_t ack_at, read_at;
};

void tcp_init(struct tcp_end *end, const struct tcp_traits *traits);
void tcp_connect(struct tcp_end *end);
void tcp_receive(struct tcp_end *end, const struct segment *seg);
/* Earliest timer, NEVER if none runs. */
uint64_t tcp_next_timer(const struct tcp_end *end);
void tcp_run_timers(struct tcp_end *end);
void tcp_write(struct tcp_end *end, const uint8_t *bytes, uint32_t len);
void tcp_close(struct tcp_end *end);
void tcp_abort(struct tcp_end *end);
/* All that was written has been acknowledged. */
bool tcp_all_acked(const struct tcp_end *end);

#endif
