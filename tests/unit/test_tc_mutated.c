// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Random bytes and mutated packets of others through TC and XDP stay as they are. Of the
 * session's own, those that are in no window change nothing: it and its data connection
 * work afterwards. The same random numbers every time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "bytes.h"
#include "lib/xdp.h"
#include "model/random.h"

#define ETH	   14 /* bytes of an Ethernet header */
#define FRAMES	   4000
#define FRAME_MIN  ETH
#define GARBAGE	   300
#define MUTATIONS  8
#define FAR	   (1u << 20)
#define PORTS	   4	 /* bytes */
#define OTHERS_MIN 20000 /* ports that neither the talk nor a rule has */
#define OTHERS_MAX 29999

static struct random random_numbers = { .state = 14 };

static unsigned below(unsigned n)
{
	return random_below(&random_numbers, n);
}

/* Anything at all behind our MAC address, most of it said to be IP. */
static void garbage(struct packet *packet, enum side side)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8 };

	packet->len = FRAME_MIN + below(GARBAGE);
	for (size_t i = 0; i < packet->len; i++)
		packet->byte[i] = (uint8_t)below(256);
	memcpy(packet->byte, dataplane_mac(side), 6);
	put16(packet->byte + 12, types[below(ARRAY_SIZE(types))]);
	if (below(2) && packet->len > ETH)
		packet->byte[ETH] = (packet->byte[12] == 0x86) ? 0x60 : 0x45;
}

/* A packet of the session, between other ports, and with some bytes changed. */
static void others(struct packet *packet, const struct talk *talk, enum end from)
{
	struct packet_spec spec = below(2) ? talk_sent(talk, from) :
					     data_sent(talk, from);
	size_t tcp, at;

	spec.flags = (uint8_t)below(256);
	spec.payload = "PORT 10,0,0,7,31,144\r\n";
	packet_build(packet, &spec);
	tcp = packet_tcp(packet);
	for (unsigned i = below(MUTATIONS); i > 0; i--) {
		at = ETH + below((unsigned)(packet->len - ETH));
		/* addresses may change; the length of the headers in front of the ports may not */
		if (at >= tcp + PORTS || (at > ETH && at < tcp))
			packet->byte[at] = (uint8_t)below(256);
	}
	put16(packet->byte + tcp,
	      (uint16_t)random_range(&random_numbers, OTHERS_MIN, OTHERS_MAX));
	put16(packet->byte + tcp + 2,
	      (uint16_t)random_range(&random_numbers, OTHERS_MIN, OTHERS_MAX));
	if (below(3) == 0)
		packet->len = ETH + below((unsigned)(packet->len - ETH));
}

/* One of the session's own, too far ahead or behind for any window: forwarded or not. */
static void blind(const struct talk *talk, enum end from)
{
	struct packet_spec spec = below(2) ? talk_sent(talk, from) :
					     data_sent(talk, from);
	struct packet packet;
	struct run run;

	spec.seq += FAR + below(UINT32_MAX - 2 * FAR);
	spec.flags = (uint8_t)below(256);
	spec.window = (uint16_t)below(65536);
	spec.payload = below(2) ? "PORT 10,0,0,7,31,144\r\n" : NULL;
	packet_build(&packet, &spec);
	dataplane_run(&run, talk_hook(talk, from), talk_side(talk, from), &packet, 0);
	while (dataplane_copy(&packet))
		;
}

static bool stays(const char *says, enum side side, const struct packet *packet)
{
	struct xdp_run through;
	struct run run;
	bool good = true;

	for (enum hook hook = INGRESS; hook <= EGRESS; hook++) {
		if (dataplane_try(&run, hook, side, packet, 0, 0))
			continue; /* the kernel makes no frame of it */
		if (run.action != TC_UNSPEC) {
			printf("%s: TC returns %d\n", says, run.action);
			good = false;
		}
		good &= packet_same(says, packet, &run.packet);
	}
	if (packet->len <= ETH)
		return good;
	for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++) {
		xdp_run(&through, mode, side, packet);
		good &= packet_same(says, packet, &through.packet);
	}
	return good;
}

static const struct step noop[] = { C("NOOP\r\n"), S("200 ok\r\n"), { 0 } };

static void test_scene(void **state)
{
	enum scene_id id = (enum scene_id)(uintptr_t)*state;
	struct packet packet;
	struct talk talk;
	bool good = true;

	xdp_begin(&talk, id);
	for (unsigned i = 0; i < FRAMES && good; i++) {
		enum end from = below(2) ? CLIENT : SERVER;
		enum side side = below(4) ? talk_side(&talk, from) :
					    (enum side)below(SIDES);
		bool any = below(3) == 0;

		if (below(3) == 0)
			blind(&talk, from);
		if (any)
			garbage(&packet, side);
		else
			others(&packet, &talk, from);
		good &= stays(any ? "random bytes" : "another's packet", side, &packet);
		if (!good)
			packet_print("it was", &packet);
	}
	good &= talk_steps(&talk, "the session", noop);
	good &= data_check("its data", &talk, CLIENT, ACK, "abc", NULL);
	good &= data_check("its data", &talk, SERVER, ACK, "abc", NULL);
	assert_true(good);
	assert_int_equal(dataplane_flows(), 4);
	assert_int_equal(dataplane_sessions(), 1);
}

int main(void)
{
	static struct CMUnitTest tests[SERVER4];

	for (enum scene_id id = 0; id < SERVER4; id++)
		tests[id] = (struct CMUnitTest){ .name = scene_name(id),
						 .test_func = test_scene,
						 .initial_state = (void *)(uintptr_t)id };
	return cmocka_run_group_tests(tests, dataplane_setup, xdp_teardown);
}
