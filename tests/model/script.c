// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "script.h"

#include <string.h>

static unsigned count_lines(const void *bytes, size_t len)
{
	const char *s = bytes;
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += s[i] == '\n';
	return n;
}

void script_add(struct script *s, unsigned wait, const void *bytes, size_t len)
{
	if (s->events == SCRIPT_EVENTS || s->bytes + len > SCRIPT_BYTES)
		return;
	s->event[s->events++] = (struct script_event){ wait, s->bytes, (uint32_t)len };
	memcpy(s->byte + s->bytes, bytes, len);
	s->bytes += (uint32_t)len;
	s->lines += count_lines(bytes, len);
}

void script_run(void *arg, struct tcp_end *end)
{
	struct script *s = arg;

	s->heard_lines += count_lines(end->in + s->heard, end->rcv_nxt - s->heard);
	s->heard = end->rcv_nxt;
	while (s->spoken < s->events && s->heard_lines >= s->event[s->spoken].wait) {
		s->ready = s->event[s->spoken].start + s->event[s->spoken].len;
		s->spoken++;
	}
	while (s->written < s->ready && s->at <= end->now) {
		uint32_t len = random_range(end->random, s->write_min, s->write_max);

		if (len > s->ready - s->written)
			len = s->ready - s->written;
		tcp_write(end, s->byte + s->written, len);
		s->written += len;
		if (s->pause)
			s->at = end->now + random_below(end->random, s->pause + 1) * MS;
	}
	if (s->ended || s->spoken < s->events || s->written < s->ready)
		return;
	s->ended = true;
	if (s->ending == ENDING_CLOSE)
		tcp_close(end);
	else if (s->ending == ENDING_ABORT)
		tcp_abort(end);
}

uint64_t script_next(const void *arg)
{
	const struct script *s = arg;

	return s->written < s->ready ? s->at : NEVER;
}
