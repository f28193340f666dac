// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "cluster/wire.h"

#define RULE "rule" /* scene_rule() */

static const __u32 zero;

/* Of the gateway with this slot. */
static struct member {
	struct ring_buffer *ring;
	int fd;
	size_t n;
	struct published published[PUBLISHED];
} members[GATEWAYS + 1];

static __u32 at_hand;

static __u32 now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u32)now.tv_sec;
}

/* ---- what is published ---- */

static int keep(void *arg, void *data, size_t size)
{
	const struct ftpnat_parked *parked = data;
	struct member *member = arg;
	struct published *to = &member->published[member->n++];

	assert_true(member->n <= PUBLISHED);
	memset(to, 0, sizeof(*to));
	if (parked->type == FTPNAT_RECORD_FRAME ||
	    parked->type == FTPNAT_RECORD_SENT_ON) {
		to->record.type = parked->type;
		to->owner = parked->owner;
		to->record.session = parked->session;
		to->ifindex = parked->ifindex;
		assert_int_equal(size, sizeof(*parked) + parked->len);
		assert_true(parked->len <= sizeof(to->frame.byte));
		to->frame.len = parked->len;
		memcpy(to->frame.byte, parked->frame, parked->len);
		return 0;
	}
	assert_true(size == sizeof(to->record) ||
		    size == offsetof(struct ftpnat_record, logs));
	memcpy(&to->record, data, size);
	return 0;
}

static void listen_to(__u32 slot)
{
	struct member *member = &members[slot];

	if (!member->ring) {
		member->fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, NULL, 0, 0,
					    FTPNAT_RECORDS_SIZE, NULL);
		assert_true(member->fd >= 0);
		member->ring = ring_buffer__new(member->fd, keep, member, NULL);
		assert_non_null(member->ring);
	}
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_records"), &zero,
					     &member->fd, BPF_ANY),
			 0);
	ring_buffer__consume(member->ring);
	member->n = 0;
}

size_t cluster_published(const struct published **published)
{
	struct member *member = &members[at_hand];

	member->n = 0;
	assert_true(ring_buffer__consume(member->ring) >= 0);
	*published = member->published;
	return member->n;
}

/* ---- the gateways ---- */

void cluster_go_to(__u32 slot)
{
	at_hand = slot;
	dataplane_gateway(slot);
}

void cluster_order(const struct ftpnat_cluster *order)
{
	struct ftpnat_cluster now = *order;

	if (!now.alive)
		now.alive = now_seconds();
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_cluster"), &zero, &now,
					     BPF_ANY),
			 0);
}

struct ftpnat_cluster cluster_told(void)
{
	struct ftpnat_cluster told;

	assert_int_equal(
		bpf_map_lookup_elem(dataplane_fd("ftpnat_cluster"), &zero, &told), 0);
	return told;
}

void cluster_configure(const struct scene *scene, const struct ftpnat_rule *rule)
{
	for (__u32 slot = GATEWAYS; slot; slot--) {
		cluster_go_to(slot);
		scene_configure(scene, rule);
		listen_to(slot);
		cluster_order(&(struct ftpnat_cluster){ .tell = 1 });
	}
}

void cluster_begin(struct talk *talk, enum scene_id id)
{
	cluster_configure(scene_get(id), NULL);
	talk_init(talk, scene_get(id));
	talk_open(talk);
	assert_int_equal(cluster_pass(SECOND).result[FTPNAT_APPLIED_FULL], 0);
}

/* ---- between them ---- */

void cluster_message(struct message_row *row, const struct ftpnat_record *record)
{
	struct ftpnat_record *sent = malloc(sizeof(*sent));

	assert_non_null(sent);
	*sent = *record;
	message_begin(
		row, record->type == FTPNAT_RECORD_END ? MESSAGE_END : MESSAGE_CONNECTION,
		1);
	if (record->type == FTPNAT_RECORD_END)
		*sent = (struct ftpnat_record){ .type = record->type,
						.key = record->key,
						.session = record->session };
	wire_put(row, sent, RULE, now_seconds());
	message_end(row);
	assert_false(row->failed);
	free(sent);
}

int cluster_apply_message(__u32 slot, const struct message *message)
{
	struct ftpnat_record *record = malloc(sizeof(*record));
	__u32 was = at_hand;
	char rule[FTPNAT_NAME_LEN];
	uint8_t frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame,
		    .data_size_in = sizeof(frame));
	int applied = -1;

	assert_non_null(record);
	cluster_go_to(slot);
	if (wire_get(message, record, rule, now_seconds())) {
		record->type = message->type == MESSAGE_END ? FTPNAT_RECORD_END :
							      FTPNAT_RECORD_CONNECTION;
		record->flow.rule = record->other.rule = record->state.rule = 0;
		assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_inbox"), &zero,
						     record, BPF_ANY),
				 0);
		assert_int_equal(
			bpf_prog_test_run_opts(dataplane_program("ftpnat_replica"), &run),
			0);
		applied = (int)run.retval;
	}
	cluster_go_to(was);
	free(record);
	return applied;
}

int cluster_apply(__u32 slot, const struct ftpnat_record *record)
{
	struct message_row row = { 0 };
	struct message message;
	const uint8_t *at;
	int applied;

	cluster_message(&row, record);
	at = row.bytes;
	assert_true(message_next(&at, at + row.len, &message));
	applied = cluster_apply_message(slot, &message);
	message_row_free(&row);
	return applied;
}

struct passed cluster_pass(__u32 slot)
{
	const struct published *published;
	size_t n = cluster_published(&published);
	struct passed passed = { 0 };

	for (size_t i = 0; i < n; i++) {
		int applied;

		if (published[i].record.type == FTPNAT_RECORD_FRAME ||
		    published[i].record.type == FTPNAT_RECORD_SENT_ON) {
			passed.frames++;
			continue;
		}
		applied = cluster_apply(slot, &published[i].record);
		assert_in_range(applied, 0, FTPNAT_APPLIED_FULL);
		passed.result[applied]++;
	}
	return passed;
}
