// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tcp_send.h"

#include <string.h>

uint32_t tcp_clock(const struct tcp_end *end)
{
	return end->traits.clock + (uint32_t)(end->now / MS);
}

uint32_t tcp_send_end(const struct tcp_end *end)
{
	return end->out_len + end->fin_queued;
}

uint32_t tcp_receive_window(const struct tcp_end *end)
{
	uint32_t used = end->rcv_nxt - end->read;
	uint32_t window = end->traits.window > used ? end->traits.window - used : 0;

	/* RFC 9293 section 3.8.6.2.2: a window doesn't shrink */
	if (before(end->rcv_nxt + window, end->right_edge))
		window = end->right_edge - end->rcv_nxt;
	return window;
}

static void add_sacks(const struct tcp_end *end, struct segment *seg)
{
	uint32_t base = end->peer_isn + 1, at = end->rcv_nxt;

	while (before(at, end->rcv_end) && seg->sacks < (seg->has_ts ? 3 : 4)) {
		uint32_t left;

		while (before(at, end->rcv_end) && !end->have[at])
			at++;
		left = at;
		while (before(at, end->rcv_end) && end->have[at])
			at++;
		if (at != left)
			seg->sack[seg->sacks++] =
				(struct sack_block){ base + left, base + at };
	}
}

void tcp_emit(struct tcp_end *end, uint32_t offset, uint32_t len, uint8_t flags)
{
	int scale = end->peer_wscale >= 0 && !(flags & SYN) ? end->traits.wscale : 0;
	uint32_t window = tcp_receive_window(end);
	struct segment seg = {
		.src = end->local,
		.dst = end->remote,
		.sport = end->local_port,
		.dport = end->remote_port,
		.seq = end->traits.isn + 1 + offset,
		.flags = flags,
		.ttl = 64,
		.wscale = -1,
		.payload = end->out + (len ? offset : 0),
		.len = len,
	};
	unsigned mss = min32(end->traits.mss, end->peer_mss);

	if (flags & ACK)
		seg.ack = end->peer_isn + 1 + end->rcv_nxt + end->peer_fin;
	seg.window = (uint16_t)min32(window >> scale, 65535);
	if (flags & ACK && before(end->right_edge, end->rcv_nxt + (seg.window << scale)))
		end->right_edge = end->rcv_nxt + ((uint32_t)seg.window << scale);
	if (flags & SYN) {
		seg.seq--;
		seg.mss = end->traits.mss;
		seg.sack_permitted = end->sack;
		if (end->traits.wscale && (!(flags & ACK) || end->peer_wscale >= 0))
			seg.wscale = end->traits.wscale;
	}
	if (end->timestamps && !(flags & RST)) {
		seg.has_ts = true;
		seg.tsval = tcp_clock(end);
		seg.tsecr = flags & ACK ? end->ts_recent : 0;
	}
	if (end->sack && end->established && flags & ACK && !(flags & RST))
		add_sacks(end, &seg);
	if (flags & ACK) {
		end->last_ack_sent = end->rcv_nxt + end->peer_fin;
		end->unacked_segments = 0;
		end->ack_at = NEVER;
	}
	end->ops->send(end, &seg, len > mss ? mss - (seg.has_ts ? 12 : 0) : 0);
}

void tcp_send_ack(struct tcp_end *end)
{
	tcp_emit(end, end->max, 0, ACK);
}

/* [offset, offset + len) of the stream, where the last byte may be the FIN. */
static void send_range(struct tcp_end *end, uint32_t offset, uint32_t len)
{
	uint8_t flags = ACK;

	if (offset + len > end->out_len) {
		flags |= FIN;
		len = end->out_len - offset;
	}
	if (len && offset + len == end->out_len)
		flags |= PSH;
	tcp_emit(end, offset, len, flags);
	if (end->rto_at == NEVER)
		end->rto_at = end->now + end->rto;
}

static uint32_t max_payload(const struct tcp_end *end)
{
	return min32(end->traits.mss, end->peer_mss) - (end->timestamps ? 12 : 0);
}

void tcp_output(struct tcp_end *end)
{
	uint32_t edge = end->una + end->peer_window, mss = max_payload(end);

	if (!end->established || end->reset || end->closed)
		return;
	while (before(end->nxt, tcp_send_end(end))) {
		uint32_t len = end->out_len - min32(end->nxt, end->out_len);
		bool again = before(end->nxt, end->max);

		if (len > end->traits.burst * mss)
			len = end->traits.burst * mss;
		if (again && len && random_chance(end->random, 40))
			len = random_range(end->random, 1, len);
		if (len) {
			if (!before(end->nxt, edge))
				break;
			len = min32(len, edge - end->nxt);
			if (end->traits.nagle && len < mss && end->una != end->max &&
			    !again &&
			    !(end->fin_queued && end->nxt + len == end->out_len))
				break;
		}
		if (end->fin_queued && end->nxt + len == end->out_len &&
		    (!len || !end->fin_alone))
			len++;
		send_range(end, end->nxt, len);
		end->nxt += len;
		if (before(end->max, end->nxt))
			end->max = end->nxt;
	}
	if (end->una == end->max && before(end->nxt, tcp_send_end(end)) &&
	    end->persist_at == NEVER)
		end->persist_at = end->now + RTO_MIN;
}

uint32_t tcp_retransmit(struct tcp_end *end, uint32_t from)
{
	uint32_t until;

	while (before(from, end->max) && end->sacked[from])
		from++;
	if (!before(from, end->max))
		return from;
	until = from + 1;
	while (before(until, end->max) && !end->sacked[until] &&
	       until - from < max_payload(end))
		until++;
	if (random_chance(end->random, 50))
		until = from + random_range(end->random, 1, until - from);
	end->retransmissions++;
	send_range(end, from, until - from);
	return until;
}

void tcp_retransmit_timeout(struct tcp_end *end)
{
	end->rto_at = NEVER;
	end->rto = end->rto * 2 > RTO_MAX ? RTO_MAX : end->rto * 2;
	end->recovering = false;
	if (!end->established) {
		end->retransmissions++;
		if (end->syn_seen || !end->listening)
			tcp_emit(end, 0, 0, end->syn_seen ? SYN | ACK : SYN);
		end->rto_at = end->now + end->rto;
		return;
	}
	if (end->una == end->max)
		return;
	memset(end->sacked + end->una, 0,
	       end->max - end->una + 1); /* RFC 2018 section 8 */
	if (random_chance(end->random, 50) && end->peer_window) {
		end->retransmissions++;
		end->nxt = end->una;
		tcp_output(end);
	} else {
		tcp_retransmit(end, end->una);
	}
	if (end->rto_at == NEVER)
		end->rto_at = end->now + end->rto;
}

/*
 * A probe: the byte before the next one, or none. The peer ignores its ACK, so an ACK
 * that is due is sent separately.
 */
static void ask(struct tcp_end *end, bool with_byte)
{
	if (end->ack_at != NEVER)
		tcp_send_ack(end);
	tcp_emit(end, end->max - 1, with_byte, ACK);
}

/* Against a closed window: the next byte, or the one before as a question. */
void tcp_persist_timeout(struct tcp_end *end)
{
	end->persist_at = NEVER;
	if (end->una != end->max || !before(end->max, tcp_send_end(end)))
		return;
	if (end->traits.probe_data || !end->max) {
		send_range(end, end->max, 1);
		end->nxt = ++end->max;
		end->probed = true;
	} else {
		ask(end, false);
	}
	end->persist_at = end->now + RTO_MAX;
}

/* RFC 1122 section 4.2.3.6: before the next byte, with or without a byte. */
void tcp_keepalive_timeout(struct tcp_end *end)
{
	end->keepalive_at = NEVER;
	if (end->unanswered && end->traits.impatient)
		end->ops->fail(end, "keepalive was not answered", end->max, end->out_len);
	if (end->una != end->max || !end->max || end->fin_queued || end->peer_fin ||
	    end->keepalives >= end->traits.keepalives)
		return;
	end->keepalives++;
	end->unanswered = true;
	ask(end, end->traits.probe_data);
	end->keepalive_at = end->now + IDLE;
}
