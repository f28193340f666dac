// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tcp_send.h"

#include <string.h>

#define DELAYED_ACK (40 * MS)
#define READ_PAUSE  (30 * MS)

void tcp_init(struct tcp_end *end, const struct tcp_traits *traits)
{
	/* the buffers only as far as they were used */
	memset(end->sacked, 0, end->max + 1);
	memset(end->have, 0, end->rcv_end + 1);
	end->traits = *traits;
	end->now = 0;
	end->listening = end->syn_seen = end->established = end->closed = end->reset =
		false;
	end->timestamps = traits->timestamps;
	end->sack = traits->sack;
	end->peer_wscale = -1;
	end->peer_mss = 536;
	end->out_len = end->una = end->nxt = end->max = 0;
	end->peer_window = end->peer_window_scaled = 0;
	end->fin_queued = false;
	end->dup_acks = 0;
	end->recovering = false;
	end->rto = RTO_MIN;
	end->rto_at = end->persist_at = end->keepalive_at = NEVER;
	end->retransmissions = end->keepalives = 0;
	end->unanswered = false;
	end->peer_isn = 0;
	end->rcv_nxt = end->rcv_end = end->read = 0;
	end->right_edge = traits->window;
	end->overrun = false;
	end->probed = false;
	end->answers_until = 0;
	end->answers = 0;
	end->peer_fin = end->fin_known = false;
	end->fin_at = 0;
	end->ts_recent = end->last_ack_sent = end->ack_known = 0;
	end->unacked_segments = 0;
	end->ack_at = end->read_at = NEVER;
}

static void check_sacks(struct tcp_end *end, const struct segment *seg, uint32_t ack)
{
	uint32_t base = end->traits.isn + 1;

	for (int i = 0; i < seg->sacks; i++) {
		uint32_t left = seg->sack[i].left - base,
			 right = seg->sack[i].right - base;

		if (!before(left, right))
			end->ops->fail(end, "SACK block is empty", left, right);
		if (before(end->max, right))
			end->ops->fail(end, "SACK block beyond what was sent", right,
				       end->max);
		/* one that is all below the ACK belongs to an old ACK, or is a D-SACK */
		if (before(left, ack) && before(ack, right))
			end->ops->fail(end, "SACK block around the ACK", left, ack);
		if (!end->sack)
			end->ops->fail(end, "SACK block, but none was agreed", left,
				       right);
		/* a D-SACK of a keepalive may begin before the first byte */
		for (; before(left, right); left++)
			if (!before(left, 0))
				end->sacked[left] = 1;
	}
}

static void accept_ack(struct tcp_end *end, const struct segment *seg, uint32_t seg_len)
{
	uint32_t ack = seg->ack - (end->traits.isn + 1), window;

	if (before(end->max, ack))
		end->ops->fail(end, "ACK beyond what was sent", ack, end->max);
	end->unanswered = false;
	check_sacks(end, seg, ack);
	if (before(ack, end->una))
		return;
	window = (uint32_t)seg->window << (end->peer_wscale > 0 ? end->peer_wscale : 0);
	if (ack == end->una && !seg_len && end->una != end->max &&
	    window == end->peer_window) {
		end->dup_acks++;
	} else if (ack != end->una) {
		end->una = ack;
		end->rto = RTO_MIN;
		end->rto_at = ack == end->max ? NEVER : end->now + end->rto;
		end->persist_at = NEVER;
		end->dup_acks = 0;
		end->recovering = false;
		if (before(end->nxt, end->una))
			end->nxt = end->una;
	}
	end->peer_window = window;
	if (end->dup_acks >= 3 && !end->recovering) {
		uint32_t top = end->max, at = end->una;

		end->recovering = true;
		while (before(end->una, top) && !end->sacked[top - 1])
			top--;
		do {
			at = tcp_retransmit(end, at);
		} while (before(at, top));
	}
	if (end->una == end->max && end->traits.keepalives && end->keepalive_at == NEVER)
		end->keepalive_at = end->now + IDLE;
	tcp_output(end);
}

static void store(struct tcp_end *end, uint32_t at, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		uint32_t to = at + i;

		if (to + 1 >= TCP_STREAM)
			end->ops->fail(end, "more data than anyone sent", to, TCP_STREAM);
		if (end->have[to] && end->in[to] != bytes[i])
			end->ops->fail(end, "retransmitted byte differs", to, bytes[i]);
		end->in[to] = bytes[i];
		end->have[to] = 1;
	}
	if (len && before(end->rcv_end, at + len))
		end->rcv_end = at + len;
	while (before(end->rcv_nxt, end->rcv_end) && end->have[end->rcv_nxt])
		end->rcv_nxt++;
}

static void accept_data(struct tcp_end *end, const struct segment *seg, uint32_t at)
{
	uint32_t len = (uint32_t)seg->len, edge = end->rcv_nxt + tcp_receive_window(end),
		 was;
	const uint8_t *bytes = seg->payload;
	bool fin = seg->flags & FIN;

	if (!len && !fin)
		return;
	/* what was received before must be the same again, unless all know that it was */
	if (before(at, end->rcv_nxt)) {
		uint32_t old = min32(len, end->rcv_nxt - at);

		for (uint32_t i = 0; i < old; i++)
			if (!before(at + i, end->ack_known) &&
			    end->in[at + i] != bytes[i])
				end->ops->fail(end, "retransmitted byte differs", at + i,
					       bytes[i]);
		at += old;
		bytes += old;
		len -= old;
	}
	if (before(edge, at + len)) {
		end->overrun = true;
		len = before(at, edge) ? edge - at : 0;
		fin = false;
	}
	if (fin && end->fin_known && end->fin_at != at + len)
		end->ops->fail(end, "FIN at another place than before", at + len,
			       end->fin_at);
	if (fin && !before(at + len, end->rcv_nxt)) {
		end->fin_known = true;
		end->fin_at = at + len;
	}
	was = end->rcv_nxt;
	store(end, at, bytes, len);
	if (end->fin_known && before(end->fin_at, end->rcv_end))
		end->ops->fail(end, "data behind the FIN", end->rcv_end, end->fin_at);
	if (end->fin_known && end->rcv_nxt == end->fin_at)
		end->peer_fin = true;
	if (!end->traits.slow_reader)
		end->read = end->rcv_nxt;
	else if (end->read_at == NEVER)
		end->read_at = end->now + READ_PAUSE;
	end->unacked_segments++;
	if (!end->traits.delayed_ack || end->rcv_nxt == was ||
	    end->rcv_end != end->rcv_nxt || end->unacked_segments > 1 || end->peer_fin)
		tcp_send_ack(end);
	else if (end->ack_at == NEVER)
		end->ack_at = end->now + DELAYED_ACK;
}

static void agree(struct tcp_end *end, const struct segment *seg)
{
	end->peer_isn = seg->seq;
	end->syn_seen = true;
	end->timestamps &= seg->has_ts;
	end->sack &= seg->sack_permitted;
	end->peer_wscale = end->traits.wscale ? seg->wscale : -1;
	end->peer_mss = seg->mss ? seg->mss : 536;
	end->peer_window = seg->window;
	end->ts_recent = seg->tsval;
}

/* Until both SYNs are through. */
static void accept_syn(struct tcp_end *end, const struct segment *seg)
{
	bool synack = (seg->flags & (SYN | ACK)) == (SYN | ACK);

	if (end->listening) {
		if (seg->flags & SYN && !synack) {
			if (!end->syn_seen)
				agree(end, seg);
			tcp_emit(end, 0, 0, SYN | ACK);
			if (end->rto_at == NEVER)
				end->rto_at = end->now + end->rto;
			return;
		}
		if (!end->syn_seen || !(seg->flags & ACK))
			return;
	} else {
		if (!synack)
			return;
		if (seg->ack != end->traits.isn + 1)
			end->ops->fail(end, "SYN-ACK acknowledges what was not sent",
				       seg->ack, end->traits.isn + 1);
		agree(end, seg);
	}
	end->established = true;
	end->rto = RTO_MIN;
	end->rto_at = NEVER;
	if (end->listening) {
		tcp_receive(end, seg);
	} else {
		tcp_send_ack(end);
		tcp_output(end);
	}
}

/* RFC 5961 section 3.2 */
static void accept_rst(struct tcp_end *end, uint32_t at)
{
	if (at == end->rcv_nxt + end->peer_fin) {
		end->reset = true;
		end->rto_at = end->persist_at = end->keepalive_at = end->ack_at = NEVER;
	} else if (!before(at, end->rcv_nxt) &&
		   before(at, end->rcv_nxt + tcp_receive_window(end))) {
		tcp_send_ack(end);
	}
}

#define ANSWERS	     10
#define ANSWERS_TIME (500 * MS)

/*
 * RFC 5961 section 7: ACKs for segments that are not accepted are limited. Where ACKs are
 * duplicated and overtaken, two ends would answer each other's old ones for ever.
 */
static void answer(struct tcp_end *end)
{
	if (end->answers_until <= end->now) {
		end->answers_until = end->now + ANSWERS_TIME;
		end->answers = 0;
	}
	if (end->answers++ < ANSWERS)
		tcp_send_ack(end);
}

void tcp_receive(struct tcp_end *end, const struct segment *seg)
{
	uint32_t at = seg->seq - (end->peer_isn + 1), len = (uint32_t)seg->len;
	uint32_t next = end->rcv_nxt + end->peer_fin;

	if (seg->flags & FIN)
		len++;
	if (end->closed || end->reset) {
		if (end->closed && !(seg->flags & RST) && seg->flags & ACK) {
			end->nxt = seg->ack - (end->traits.isn + 1);
			tcp_emit(end, end->nxt, 0, RST);
		}
		return;
	}
	if (!end->established) {
		accept_syn(end, seg);
		return;
	}
	if (seg->flags & RST) {
		accept_rst(end, at);
		return;
	}
	if (seg->flags & SYN) {
		tcp_send_ack(end);
		return;
	}
	if (end->timestamps) {
		if (!seg->has_ts)
			end->ops->fail(end, "segment without timestamp", at, len);
		if (before(tcp_clock(end), seg->tsecr) ||
		    before(seg->tsecr, end->traits.clock))
			end->ops->fail(end, "echoed timestamp was never sent", seg->tsecr,
				       tcp_clock(end));
		if (before(seg->tsval, end->ts_recent)) { /* PAWS */
			if (len)
				tcp_send_ack(end);
			else
				answer(end);
			return;
		}
		if (!before(end->last_ack_sent, at))
			end->ts_recent = seg->tsval;
	} else if (seg->has_ts) {
		end->ops->fail(end, "timestamp, but none was agreed", at, len);
	}
	if (!(seg->flags & ACK))
		end->ops->fail(end, "segment without ACK", at, len);
	/*
	 * RFC 9293 section 3.10.7.4, as Linux does it: answered, and its ACK is ignored
	 */
	if (before(at + len, end->last_ack_sent) ||
	    before(next + tcp_receive_window(end), at)) {
		if (len)
			accept_data(end, seg, at);
		else
			answer(end);
		return;
	}
	/* old, but its ACK is new all the same */
	if (!len && before(at, next))
		answer(end);
	accept_ack(end, seg, len);
	accept_data(end, seg, at);
}

void tcp_connect(struct tcp_end *end)
{
	tcp_emit(end, 0, 0, SYN);
	end->rto_at = end->now + end->rto;
}

uint64_t tcp_next_timer(const struct tcp_end *end)
{
	uint64_t at = end->rto_at;

	if (end->persist_at < at)
		at = end->persist_at;
	if (end->keepalive_at < at)
		at = end->keepalive_at;
	if (end->ack_at < at)
		at = end->ack_at;
	return end->read_at < at ? end->read_at : at;
}

void tcp_run_timers(struct tcp_end *end)
{
	if (end->read_at <= end->now) {
		bool shut = !tcp_receive_window(end);

		end->read_at = NEVER;
		end->read = end->rcv_nxt;
		if (shut || random_chance(end->random, 50))
			tcp_send_ack(end); /* window update */
	}
	if (end->ack_at <= end->now)
		tcp_send_ack(end);
	if (end->rto_at <= end->now)
		tcp_retransmit_timeout(end);
	if (end->persist_at <= end->now)
		tcp_persist_timeout(end);
	if (end->keepalive_at <= end->now)
		tcp_keepalive_timeout(end);
}

void tcp_write(struct tcp_end *end, const uint8_t *bytes, uint32_t len)
{
	memcpy(end->out + end->out_len, bytes, len);
	end->out_len += len;
	tcp_output(end);
}

void tcp_close(struct tcp_end *end)
{
	end->fin_queued = true;
	end->fin_alone = random_chance(end->random, 50);
	tcp_output(end);
}

void tcp_abort(struct tcp_end *end)
{
	tcp_emit(end, end->max, 0, RST | ACK);
	end->closed = true;
	end->rto_at = end->persist_at = end->keepalive_at = end->ack_at = end->read_at =
		NEVER;
}

bool tcp_all_acked(const struct tcp_end *end)
{
	return end->una == tcp_send_end(end);
}
