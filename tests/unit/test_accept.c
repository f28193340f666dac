// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What of a connection's segments its receivers accept, without programs (bpf/accept.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accept.h"
#include "conntrack_state.h"
#include "base/util.h"

#define FIN TH_FIN
#define SYN TH_SYN
#define RST TH_RST
#define ACK TH_ACK

#define AWAY 0x1000000 /* more than any window of these tests */

enum { OPENER, ANSWERER };

enum state { NEW, ESTABLISHED, CLOSING };

/* A segment; numbers count from the ISN of whose they are. */
struct row {
	char from; /* 'o' or 'a', 0: the end */
	uint8_t flags;
	uint32_t seq, ack, len;
	bool ignored;
	enum state state; /* of the connection behind it */
	uint8_t wscale;
};

#define O(...)                                                                           \
	{                                                                                \
		.from = 'o', __VA_ARGS__                                                 \
	}
#define A(...)                                                                           \
	{                                                                                \
		.from = 'a', __VA_ARGS__                                                 \
	}
#define HANDSHAKE O(SYN, 0), A(SYN | ACK, 0, 1), O(ACK, 1, 1, UP)
#define IGNORED	  .ignored = true
#define UP	  .state = ESTABLISHED
#define OVER	  .state = CLOSING

static const struct conversation {
	const char *says;
	struct row rows[12];
} conversations[] = {
	/* ---- the handshake ---- */
	{ "data with the first ACK",
	  { O(SYN, 0), A(SYN | ACK, 0, 1), O(ACK, 1, 1, 10, UP) } },
	{ "SYN and SYN-ACK come twice",
	  { O(SYN, 0), O(SYN, 0), A(SYN | ACK, 0, 1), A(SYN | ACK, 0, 1), O(SYN, 0),
	    O(ACK, 1, 1, UP), A(SYN | ACK, 0, 1, UP) } },
	{ "a SYN-ACK that acknowledges another SYN",
	  { O(SYN, 0), A(SYN | ACK, 77, 2, IGNORED), A(SYN | ACK, 77, 0, IGNORED),
	    A(SYN | ACK, 0, 1), O(ACK, 1, 1, UP) } },
	{ "another SYN-ACK, of a server that has forgotten its first",
	  { O(SYN, 0), A(SYN | ACK, 0, 1), A(SYN | ACK, AWAY, 1), O(ACK, 1, 1, IGNORED),
	    O(ACK, 1, AWAY + 1, UP) } },
	{ "another SYN, and the answer to it",
	  { O(SYN, 0), O(SYN, AWAY, IGNORED), A(SYN | ACK, 0, AWAY + 1),
	    O(ACK, 1, 1, IGNORED), O(ACK, AWAY + 1, 1, UP),
	    A(ACK, 1, AWAY + 1, 5, UP) } },
	{ "another SYN, which nobody answers",
	  { O(SYN, 0), O(SYN, AWAY, IGNORED), A(SYN | ACK, 0, 1),
	    A(SYN | ACK, 99, AWAY + 1, IGNORED), O(ACK, 1, 1, UP) } },
	{ "another SYN and its answer, both forged, before the true one",
	  { O(SYN, 0), O(SYN, AWAY, IGNORED), A(SYN | ACK, 99, AWAY + 1),
	    A(SYN | ACK, 0, 1), O(ACK, 1, 1, UP) } },
	{ "another SYN behind the SYN-ACK",
	  { O(SYN, 0), A(SYN | ACK, 0, 1), O(SYN, AWAY, IGNORED), O(ACK, 1, 1, UP) } },
	{ "a first ACK of another number",
	  { O(SYN, 0), A(SYN | ACK, 0, 1), O(ACK, 1, 2, IGNORED), O(ACK, 1, 0, IGNORED),
	    O(ACK, AWAY, 1, IGNORED), O(ACK, 1, 1, UP) } },
	{ "the answerer speaks before its SYN",
	  { O(SYN, 0), A(ACK, 500, AWAY, IGNORED), A(ACK, 1, 1, 9, IGNORED),
	    O(RST, AWAY, IGNORED), O(SYN, 0), A(SYN | ACK, 0, 1), O(ACK, 1, 1, UP) } },
	{ "a SYN of the answerer", { O(SYN, 0), A(SYN, 0, IGNORED) } },
	{ "a SYN-ACK of the opener",
	  { O(SYN, 0), O(SYN | ACK, 0, 0, IGNORED), O(SYN | ACK, 0, 1, IGNORED),
	    A(SYN | ACK, 0, 1), O(SYN | ACK, 0, 1, IGNORED) } },
	{ "SYN and FIN, SYN and RST",
	  { O(SYN, 0), A(SYN | ACK | FIN, 0, 1, IGNORED),
	    A(SYN | ACK | RST, 0, 1, IGNORED), A(SYN | ACK, 0, 1), O(ACK, 1, 1, UP),
	    O(SYN | FIN, 1, 1, IGNORED, UP), O(SYN | RST | ACK, 1, 1, IGNORED, UP) } },

	/* ---- resets ---- */
	{ "refused", { O(SYN, 0), A(RST | ACK, 0, 1, OVER) } },
	{ "refused, with another number",
	  { O(SYN, 0), A(RST | ACK, 0, 2, IGNORED), A(RST | ACK, 0, AWAY, IGNORED),
	    A(RST, 0, 1, IGNORED), A(RST, 1, 0, IGNORED) } },
	{ "refused, the SYN of somebody else",
	  { O(SYN, 0), O(SYN, AWAY, IGNORED), A(RST | ACK, 0, AWAY + 1, IGNORED) } },
	{ "given up", { O(SYN, 0), O(RST, 1, OVER) } },
	{ "given up after the SYN-ACK",
	  { O(SYN, 0), A(SYN | ACK, 0, 1), O(RST, 1, OVER) } },
	{ "the SYN-ACK's sender gives up",
	  { O(SYN, 0), A(SYN | ACK, 0, 1), A(RST, 1, OVER) } },
	{ "reset behind all that was sent",
	  { HANDSHAKE, O(ACK, 1, 1, 100, UP), O(RST, 101, OVER) } },
	{ "reset where the other one has got to",
	  { HANDSHAKE, O(ACK, 1, 1, 100, UP), A(ACK, 1, 51, UP), O(RST, 51, OVER) } },
	{ "reset in the window",
	  { HANDSHAKE, O(ACK, 1, 1, 100, UP), A(ACK, 1, 51, UP), O(RST, 52, IGNORED, UP),
	    O(RST, 50, IGNORED, UP), O(RST | ACK, 102, 1, IGNORED, UP),
	    A(RST, 0, IGNORED, UP), A(RST | ACK, AWAY, 1, IGNORED, UP),
	    A(RST | ACK, 2, 101, IGNORED, UP) } },
	{ "a reset, whose sender goes on",
	  { HANDSHAKE, O(RST, 1, OVER), A(ACK, 1, 1, 9, OVER), O(ACK, 1, 1, OVER),
	    O(ACK, 1, 10, UP), A(ACK, 10, 1, 9, UP) } },
	{ "a server that was restarted: challenged, reset",
	  { HANDSHAKE, A(ACK, 1, 1, 9, UP), O(SYN, AWAY, IGNORED, UP), A(ACK, 10, 1, UP),
	    O(RST, 1, OVER) } },

	/* ---- FIN ---- */
	{ "FIN of both",
	  { HANDSHAKE, O(FIN | ACK, 1, 1, UP), A(FIN | ACK, 1, 2, OVER),
	    O(ACK, 2, 2, OVER) } },
	{ "FIN of both at once",
	  { HANDSHAKE, O(FIN | ACK, 1, 1, UP), A(FIN | ACK, 1, 1, UP),
	    O(ACK, 2, 2, OVER) } },
	{ "half closed, data go on",
	  { HANDSHAKE, O(FIN | ACK, 1, 1, 10, UP), A(ACK, 1, 12, 99, UP),
	    O(ACK, 12, 100, UP), A(FIN | ACK, 100, 12, 50, OVER) } },
	{ "two FINs far away",
	  { HANDSHAKE, O(FIN | ACK, AWAY, 1, IGNORED, UP),
	    A(FIN | ACK, AWAY, 1, IGNORED, UP), O(FIN | ACK, 1, AWAY, IGNORED, UP),
	    A(FIN | ACK, 1, AWAY, IGNORED, UP) } },
	{ "two FINs within the window, that nobody acknowledges",
	  { HANDSHAKE, O(FIN | ACK, 500, 1, UP), A(FIN | ACK, 700, 1, UP),
	    O(ACK, 1, 1, 9, UP), A(ACK, 1, 10, UP) } },
	{ "an end speaks on behind its FIN",
	  { HANDSHAKE, O(FIN | ACK, 1, 1, UP), A(ACK, 1, 2, UP), O(ACK, 1, 1, 99, UP),
	    A(FIN | ACK, 1, 100, UP) } },

	/* ---- and else ---- */
	{ "far away, or without ACK",
	  { HANDSHAKE, O(ACK, AWAY, 1, 9, IGNORED, UP),
	    O(ACK, -(uint32_t)AWAY, 1, IGNORED, UP), O(ACK, 1, AWAY, IGNORED, UP),
	    O(0, 1, 1, 9, IGNORED, UP), O(FIN, 1, 1, IGNORED, UP) } },
	{ "a window without an option for it",
	  { HANDSHAKE, O(ACK, 0xffff, 1, 1, UP), A(ACK, 1, 0x10000, UP),
	    A(ACK, 0x10002, 0x10000, IGNORED, UP) } },
	{ "the larger window of both",
	  { O(SYN, 0, .wscale = 2), A(SYN | ACK, 0, 1, .wscale = 7), O(ACK, 1, 1, UP),
	    O(ACK, 0x7fffff, 1, 1, UP), A(ACK, 1, 0x800000, UP) } },
};

static enum state state_of(const struct ftpnat_flow *one, const struct ftpnat_flow *two)
{
	if (flow_closing(one->tcp, two->tcp))
		return CLOSING;
	return flow_established(one->tcp, two->tcp) ? ESTABLISHED : NEW;
}

static bool run_row(const char *says, int n, const struct row *row,
		    struct ftpnat_flow flow[2], const uint32_t isn[2])
{
	int from = row->from == 'o' ? OPENER : ANSWERER;
	const struct tcp_segment seg = {
		.seq = isn[from] + row->seq,
		.end = isn[from] + row->seq + row->len + !!(row->flags & SYN) +
		       !!(row->flags & FIN),
		.ack = row->flags & ACK ? isn[!from] + row->ack : 0,
		.flags = row->flags,
		.offers = row->wscale,
	};
	struct tcp_change change;
	bool ignored = !flow_accepts(&seg, &flow[from], &flow[!from], &change);

	if (!ignored) {
		flow[from].tcp = (flow[from].tcp & ~change.take) | change.add;
		flow[!from].tcp = (flow[!from].tcp & ~change.take_other) |
				  change.add_other;
	}
	if (ignored == row->ignored && state_of(&flow[0], &flow[1]) == row->state)
		return true;
	printf("%s: segment %d is %s, and the state %d\n", says, n,
	       ignored ? "ignored" : "accepted", state_of(&flow[0], &flow[1]));
	return false;
}

static void test_conversations(void **state)
{
	static const uint32_t isns[][2] = { { 1000, 5000 },
					    { 0xfffffffe, 0x7ffffff0 },
					    { 0x80000000, 0xffffffff } };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(conversations); i++) {
		for (size_t n = 0; n < ARRAY_SIZE(isns); n++) {
			const struct row *row = conversations[i].rows;
			struct ftpnat_flow flow[2] = {
				[OPENER] = { .tcp = FTPNAT_TCP_SYN,
					     .end = isns[n][OPENER] + 1,
					     .ack = isns[n][OPENER] + 1 },
			};

			for (int at = 0; row->from; row++, at++)
				good &= run_row(conversations[i].says, at, row, flow,
						isns[n]);
		}
	}
	assert_true(good);
}

/* A blind attacker has to guess: how many of a million random segments change anything? */
static void test_blind(void **state)
{
	const struct ftpnat_flow before[2] = {
		{ .tcp = FTPNAT_TCP_ESTABLISHED, .end = 12345, .ack = 98765, .wscale = 7 },
		{ .tcp = FTPNAT_TCP_ESTABLISHED, .end = 98765, .ack = 12345, .wscale = 7 },
	};
	static const uint8_t flags[] = { ACK, FIN | ACK, RST, RST | ACK, SYN, SYN | ACK };
	uint64_t random = 88172645463325252u;
	unsigned int believed = 0;

	(void)state;
	for (unsigned int i = 0; i < 1000000; i++) {
		struct ftpnat_flow flow[2];
		struct tcp_change change;
		struct tcp_segment seg = { .flags = flags[i % ARRAY_SIZE(flags)] };

		memcpy(flow, before, sizeof(flow));
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		seg.seq = (uint32_t)random;
		seg.end = seg.seq + i % 1000;
		seg.ack = (uint32_t)(random >> 32);
		if (!flow_accepts(&seg, &flow[i & 1], &flow[!(i & 1)], &change))
			assert_memory_equal(flow, before, sizeof(flow));
		else
			believed++;
	}
	assert_in_range(believed, 0, 100); /* a third of 2^-16 is 5 */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_blind),
	};

	return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
