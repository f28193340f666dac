// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "forger.h"

#include <string.h>

#define NEAR (1U << 24) /* beyond any window of the model */

static const char *const lines[] = {
	"PORT 10,9,0,1,12,234\r\n",
	"EPRT |1|10.9.0.1|3306|\r\n",
	"PASV\r\n",
	"QUIT\r\n",
	"227 (10,9,0,10,12,234)\r\n",
	"229 (|||3306|)\r\n",
	"550 no\r\n",
	"234 go\r\n",
};

/* A number in no window: blind attackers have no better one. */
static uint32_t far(struct random *r, uint32_t from)
{
	uint32_t away = (uint32_t)random_next(r);

	return from + NEAR + away % (0U - 2 * NEAR);
}

static void say(struct forgery *f, struct random *r)
{
	const char *line =
		lines[random_below(r, (unsigned)(sizeof(lines) / sizeof(*lines)))];

	f->segment.flags = PSH | ACK;
	f->segment.len = strlen(line);
	memcpy(f->payload, line, f->segment.len);
}

void forge(struct forgery *f, struct random *r, const struct segment *real, bool parsed)
{
	static const uint8_t bare[] = { RST, RST | ACK, FIN | ACK,
					SYN, SYN | ACK, FIN | RST | ACK };
	struct segment *seg = &f->segment;
	uint32_t next = real->seq + (uint32_t)real->len;

	*seg = *real;
	seg->mss = 0;
	seg->wscale = -1;
	seg->sack_permitted = false;
	seg->sacks = 0;
	seg->payload = f->payload;
	seg->len = 0;
	seg->seq = next;
	f->damaged = false;
	switch (random_below(r, parsed && real->len ? 6 : 5)) {
	case 0: /* what ends a connection, or begins one */
		seg->flags = bare[random_below(r, sizeof(bare))];
		seg->seq = far(r, next);
		break;
	case 1: /* a line, in no window */
		say(f, r);
		seg->seq = far(r, next);
		break;
	case 2: /* the right place, and an ACK of what was never sent */
		say(f, r);
		seg->ack = far(r, real->ack);
		break;
	case 3: /* without ACK */
		say(f, r);
		seg->flags = random_chance(r, 50) ? PSH : 0;
		break;
	case 4:
		say(f, r);
		f->damaged = true;
		break;
	default: /* the last bytes again, and other ones */
		memcpy(f->payload, real->payload, real->len);
		f->payload[random_below(r, (unsigned)real->len)] ^= 0x20;
		seg->seq = real->seq;
		seg->len = real->len;
		seg->flags = PSH | ACK;
		break;
	}
}
