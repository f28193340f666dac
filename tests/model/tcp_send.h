/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sending half of struct tcp_end. Offsets are those of the streams, from 0. */
#ifndef FTPNAT_MODEL_TCP_SEND_H
#define FTPNAT_MODEL_TCP_SEND_H

#include "tcp_end.h"

#define RTO_MIN (200 * MS)
#define RTO_MAX (1600 * MS)
#define IDLE	(90 * MS)

static inline uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Does stream offset a come before b? Offsets of strangers may be anything. */
static inline bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* Of timestamps. */
uint32_t tcp_clock(const struct tcp_end *end);
/* One beyond all data and the FIN, if there is one. */
uint32_t tcp_send_end(const struct tcp_end *end);
uint32_t tcp_receive_window(const struct tcp_end *end);

/* One segment, whatever the window is. */
void tcp_emit(struct tcp_end *end, uint32_t offset, uint32_t len, uint8_t flags);
void tcp_send_ack(struct tcp_end *end);
/* Sends what window, Nagle and MSS allow. */
void tcp_output(struct tcp_end *end);
/* One segment of random length from the first hole at or after `from`; its end. */
uint32_t tcp_retransmit(struct tcp_end *end, uint32_t from);

void tcp_retransmit_timeout(struct tcp_end *end);
void tcp_persist_timeout(struct tcp_end *end);
void tcp_keepalive_timeout(struct tcp_end *end);

#endif
