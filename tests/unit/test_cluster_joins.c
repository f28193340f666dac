// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who of a cluster's members is synced, in whatever order their messages and views come: the
 * members are real, the engine is a total order of messages that is drawn at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "base/util.h"
#include "cluster/member_note.h"
#include "cluster/member_orders.h"
#include "cluster/member_receive.h"
#include "cluster/member_send.h"
#include "cluster/member_share.h"
#include "cluster/member_view.h"

#define MEMBERS 3
#define POSTS	512
#define SEEDS	3000
#define LONG	20000000 /* microseconds: longer than a member that is alone waits */

/* A message, or who the members are; all get them in one order. */
struct post {
	uint64_t from;
	uint64_t view[MEMBERS];
	size_t members; /* 0: a message */
	void *bytes;
	size_t len;
};

struct engine {
	uint64_t id;
	struct post out[POSTS]; /* has its place in the order only later */
	size_t first, last;
	size_t next; /* in the order */
};

static struct {
	struct engine engine[MEMBERS];
	struct member member[MEMBERS];
	struct post order[POSTS];
	size_t posts;
	bool alive[MEMBERS];
	bool told[MEMBERS]; /* all that a synced member knows, once its answer comes */
	bool must_stay[MEMBERS]; /* synced */
	unsigned random;
} world;

static size_t below(size_t n)
{
	world.random = world.random * 1103515245 + 12345;
	return (world.random >> 16) % n;
}

/* ---- the engine ---- */

static int publish(struct engine *engine, const void *bytes, size_t len)
{
	struct post *post = &engine->out[engine->last++];

	assert_true(engine->last < POSTS);
	*post = (struct post){ .from = engine->id, .bytes = malloc(len), .len = len };
	memcpy(post->bytes, bytes, len);
	return 0;
}

static uint64_t self(const struct engine *engine)
{
	return engine->id;
}

static const struct engine_kind kind = { .publish = publish, .self = self };

static void order(const struct post *post)
{
	assert_true(world.posts < POSTS);
	world.order[world.posts++] = *post;
}

static void view(void)
{
	struct post post = { 0 };

	for (size_t i = 0; i < MEMBERS; i++)
		if (world.alive[i])
			post.view[post.members++] = world.engine[i].id;
	order(&post);
}

static void join(size_t i)
{
	world.alive[i] = true;
	world.engine[i].next = world.posts;
	view();
}

static void die(size_t i)
{
	world.alive[i] = false;
	view();
}

/* One more message gets its place, or comes to one of the members. Is there more to do? */
static bool step(void)
{
	size_t choice[2 * MEMBERS], n = 0, i;
	struct post *post;

	for (i = 0; i < MEMBERS; i++) {
		if (world.alive[i] && world.engine[i].first < world.engine[i].last)
			choice[n++] = i;
		if (world.alive[i] && world.engine[i].next < world.posts)
			choice[n++] = MEMBERS + i;
	}
	if (!n)
		return false;
	i = choice[below(n)];
	if (i < MEMBERS) {
		order(&world.engine[i].out[world.engine[i].first++]);
		return true;
	}
	i -= MEMBERS;
	post = &world.order[world.engine[i].next++];
	if (post->members)
		member_see_view(&world.member[i], post->view, post->members);
	else
		member_see_message(&world.member[i], post->from, post->bytes, post->len);
	return true;
}

static void check(void)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		if (world.must_stay[i])
			assert_true(world.member[i].synced);
		else if (world.alive[i] && world.member[i].synced)
			assert_true(world.told[i]);
	}
}

static void run(size_t steps)
{
	while (steps-- && step())
		check();
}

static void begin(unsigned seed)
{
	for (size_t i = 0; i < world.posts; i++)
		free(world.order[i].bytes);
	for (size_t i = 0; i < MEMBERS; i++) {
		for (size_t at = world.engine[i].first; at < world.engine[i].last; at++)
			free(world.engine[i].out[at].bytes);
		message_row_free(&world.member[i].row);
	}
	memset(&world, 0, sizeof(world));
	world.random = seed;
	for (size_t i = 0; i < MEMBERS; i++) {
		struct member *member = &world.member[i];

		world.engine[i].id = i + 1;
		member->engine = &world.engine[i];
		member->kind = &kind;
		member->config.at.line = 1;
		member->config.slot = (uint32_t)i + 1;
		member->exchange.dir = "";
		member->joined_usec = member_now() - LONG;
	}
}

static void all_are_synced(void)
{
	run(SIZE_MAX);
	for (size_t i = 0; i < MEMBERS; i++)
		if (world.alive[i])
			assert_true(world.member[i].synced);
}

/* One has all sessions from now on. */
static void has_all(size_t i)
{
	join(i);
	world.told[i] = true;
	run(SIZE_MAX);
	world.must_stay[i] = true;
	check();
}

/* ---- in the place of what needs programs ---- */

static size_t index_of(const struct member *member)
{
	return member->config.slot - 1;
}

void member_share_all(struct member *member, uint32_t slot)
{
	world.told[slot - 1] |= world.told[index_of(member)];
	message_begin(&member->row, MESSAGE_ANSWERED, member_next_number(member));
	message_put_u32(&member->row, TAG_SLOT, slot);
	message_end(&member->row);
	member_send(member);
}

void member_share_unprotected(struct member *member)
{
	(void)member;
}

void member_write_note(struct member *member)
{
	(void)member;
}

void member_see_given(struct member *member, const struct message *message)
{
	(void)member;
	(void)message;
}

void member_see_resynced(struct member *member)
{
	(void)member;
}

void exchange_order(const struct exchange *x, const struct ftpnat_cluster *order)
{
	(void)x;
	(void)order;
}

void exchange_apply(struct exchange *x, const struct message *message)
{
	(void)x;
	(void)message;
}

void exchange_inject(struct exchange *x, const char *interface, uint32_t gso,
		     const uint8_t *frame, size_t len)
{
	(void)x;
	(void)interface;
	(void)gso;
	(void)frame;
	(void)len;
}

void exchange_consume(struct exchange *x)
{
	(void)x;
}

void exchange_release(struct exchange *x, uint64_t known, uint64_t usec)
{
	(void)x;
	(void)known;
	(void)usec;
}

/* ---- the tests ---- */

/* Whoever comes asks it, though its slot is lower, and it has all the time what it had. */
static void test_one_joins(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		begin(seed);
		has_all(1);
		join(0);
		all_are_synced();
	}
}

static void test_two_join(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		begin(seed);
		has_all(1);
		join(0);
		run(below(20));
		join(2);
		all_are_synced();
	}
}

/* One that was asked dies before it has answered, or after. */
static void test_the_asked_one_dies(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		begin(seed);
		has_all(0);
		join(1);
		all_are_synced();
		world.must_stay[1] = true;
		join(2);
		run(below(20));
		world.must_stay[0] = false;
		die(0);
		all_are_synced();
	}
}

/* None has anything: the lowest slot counts as synced, and the others ask it. */
static void test_all_begin(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		begin(seed);
		for (size_t i = 0; i < MEMBERS; i++)
			world.member[i].joined_usec = member_now(); /* a wait begins */
		world.told[0] = true;
		for (size_t i = MEMBERS; i-- > 0;)
			join(i);
		all_are_synced();
	}
}

/* Somebody comes with a slot that is taken: its own concern, until it has another one. */
static void test_a_slot_is_taken(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		begin(seed);
		has_all(1);
		world.member[0].config.slot = world.member[1].config.slot;
		join(0);
		run(SIZE_MAX);
		assert_false(world.member[0].synced);
		world.member[0].config.slot = 1;
		member_say_hello(&world.member[0]);
		all_are_synced();
	}
}

static int end(void **state)
{
	(void)state;
	begin(0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_joins),
		cmocka_unit_test(test_two_join),
		cmocka_unit_test(test_the_asked_one_dies),
		cmocka_unit_test(test_all_begin),
		cmocka_unit_test(test_a_slot_is_taken),
	};

	setlogmask(LOG_UPTO(LOG_ERR));
	return cmocka_run_group_tests(tests, NULL, end);
}
