// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records on the wire: what one member has another gets; frames that are cut into segments. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/exchange.h"
#include "cluster/wire.h"

#define NOW 5000

static void fill(void *at, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)at)[i] = (uint8_t)(seed + i * 7 % 251 + 1);
}

static struct ftpnat_tuple reply_to(const struct ftpnat_tuple *tuple)
{
	return (struct ftpnat_tuple){ .src = tuple->dst,
				      .dst = tuple->src,
				      .sport = tuple->dport,
				      .dport = tuple->sport };
}

/* Every byte of what is sent has a value of its own. */
static void fill_record(struct ftpnat_record *record)
{
	memset(record, 0, sizeof(*record));
	fill(&record->key, sizeof(record->key), 1);
	fill(&record->flow.to, sizeof(record->flow.to), 3);
	record->reverse = reply_to(&record->flow.to);
	record->session = 0x08000007;
	record->has = FTPNAT_RECORD_SESSION | FTPNAT_RECORD_LOGS | FTPNAT_RECORD_EXPECTED;
	record->flow = (struct ftpnat_flow){ .to = record->flow.to,
					     .packets = 1ULL << 40,
					     .bytes = 77,
					     .end = 0x80000001,
					     .ack = 3,
					     .session = 0x08000007,
					     .created = NOW - 100,
					     .mss = 1400,
					     .flags = FTPNAT_FLOW_CLIENT,
					     .wscale = 7,
					     .tcp = 0x83 };
	record->other = record->flow;
	record->other.to = reply_to(&record->key);
	record->other.flags = 0;
	record->other.ttl = 63;
	fill(&record->expected.src, sizeof(record->expected.src), 4);
	record->expected.dport = htons(50001);
	record->expected.created = NOW - 3;
	record->expected.mode = FTPNAT_ACTIVE;
	record->state.created = NOW - 101;
	record->state.flags = FTPNAT_SESSION_EXPECTS | FTPNAT_SESSION_SPOKEN;
	record->state.commands = 2;
	record->state.mss[1] = 1380;
	record->state.epoch = 17;
	record->state.client = record->key;
	record->state.server = record->flow.to;
	record->state.expectation.dport = htons(50002);
	record->state.ahead[15] = 0x1234;
	fill(record->state.command, sizeof(record->state.command), 5);
	for (int dir = 0; dir < FTPNAT_DIR_MAX; dir++) {
		struct ftpnat_stream *stream = &record->state.stream[dir];
		struct ftpnat_log *log = &record->logs.log[dir];

		stream->next = 0xfffffff0U + (unsigned int)dir;
		stream->base = 5;
		stream->first = 31;
		stream->edits = 2;
		stream->text_used = 20;
		stream->kept = 0xffffff00;
		stream->kept_len = 240;
		stream->held_len = 9;
		stream->parser.length = 9;
		stream->parser.line.port = 21;
		fill(stream->parser.line.addr, sizeof(stream->parser.line.addr), 8);
		stream->clocked = 1;
		stream->parser.word = 0x50415356;
		stream->parser.unended = 4;
		log->edit[31] = (struct ftpnat_edit){ 0xffffff10, 22, 24, 1000, 0 };
		log->edit[0] = (struct ftpnat_edit){ 0xffffff90, 1, 0, 0, 0 };
		for (uint32_t i = 0; i < stream->kept_len; i++)
			log->kept[(stream->kept + i) % FTPNAT_KEPT_LEN] =
				(uint8_t)(i + 1);
		fill(log->text + 1000, 24, 6);
	}
}

static void write_row(struct message_row *row, const struct ftpnat_record *record)
{
	message_begin(row, MESSAGE_CONNECTION, 1);
	wire_put(row, record, "files", NOW);
	message_end(row);
}

static void read_row(const struct message_row *row, struct message *message)
{
	const uint8_t *at = row->bytes;

	assert_true(message_next(&at, at + row->len, message));
	assert_ptr_equal(at, row->bytes + row->len);
}

static void test_same_on_the_other_side(void **state)
{
	struct ftpnat_record *record = calloc(1, sizeof(*record));
	struct ftpnat_record *got = calloc(1, sizeof(*got));
	struct message_row row = { 0 };
	char rule[FTPNAT_NAME_LEN];
	struct message message;

	(void)state;
	fill_record(record);
	write_row(&row, record);
	read_row(&row, &message);
	assert_true(wire_get(&message, got, rule, NOW + 1000));
	assert_string_equal(rule, "files");
	/* the other's clock */
	assert_int_equal(got->flow.created, NOW + 1000 - 100);
	assert_int_equal(got->expected.created, NOW + 1000 - 3);
	assert_int_equal(got->state.created, NOW + 1000 - 101);
	got->flow.created = got->other.created = NOW - 100;
	got->expected.created = NOW - 3;
	got->state.created = NOW - 101;
	assert_memory_equal(got, record, sizeof(*got));
	message_row_free(&row);
	free(record);
	free(got);
}

/* Tags of a later version, in a group too, are skipped. */
static void test_later_version(void **state)
{
	struct ftpnat_record *record = calloc(1, sizeof(*record));
	struct ftpnat_record *got = calloc(1, sizeof(*got));
	struct message_row row = { 0 };
	char rule[FTPNAT_NAME_LEN];
	struct message message;
	size_t group;

	(void)state;
	fill_record(record);
	message_begin(&row, MESSAGE_CONNECTION, 1);
	message_put_u32(&row, 999, 1);
	wire_put(&row, record, "files", NOW);
	group = message_group(&row, 69); /* flow */
	message_put_u32(&row, 998, 1);
	message_put_u8(&row, 13, 65); /* ttl */
	message_group_end(&row, group);
	message_end(&row);
	read_row(&row, &message);
	assert_true(wire_get(&message, got, rule, NOW));
	assert_int_equal(got->flow.ttl, 65);
	got->flow.ttl = record->flow.ttl;
	assert_memory_equal(got, record, sizeof(*got));
	message_row_free(&row);
	free(record);
	free(got);
}

/* The fields of `from` without one of a group. */
static void leave_out(struct message_row *row, const struct message *from, uint16_t group,
		      uint16_t tag)
{
	const uint8_t *at = from->fields, *end = at + from->len;
	struct message_field field, inner;

	while (message_field(&at, end, &field)) {
		const uint8_t *in = field.value;
		size_t begun;

		if (field.tag != group) {
			message_put(row, field.tag, field.value, field.len);
			continue;
		}
		begun = message_group(row, group);
		while (message_field(&in, field.value + field.len, &inner))
			if (inner.tag != tag)
				message_put(row, inner.tag, inner.value, inner.len);
		message_group_end(row, begun);
	}
}

/* What an earlier version doesn't send is zero, whatever was there. */
static void test_earlier_version(void **state)
{
	struct ftpnat_record *record = calloc(1, sizeof(*record));
	struct ftpnat_record *got = malloc(sizeof(*got));
	struct message_row row = { 0 }, earlier = { 0 };
	char rule[FTPNAT_NAME_LEN];
	struct message message;

	(void)state;
	fill_record(record);
	write_row(&row, record);
	read_row(&row, &message);
	message_begin(&earlier, MESSAGE_CONNECTION, 1);
	leave_out(&earlier, &message, 72, 22); /* ahead */
	message_end(&earlier);
	read_row(&earlier, &message);
	memset(got, 0xff, sizeof(*got));
	assert_true(wire_get(&message, got, rule, NOW));
	assert_int_equal(got->state.ahead[15], 0);
	assert_int_equal(record->state.ahead[15], 0x1234);
	memcpy(got->state.ahead, record->state.ahead, sizeof(got->state.ahead));
	assert_memory_equal(got, record, sizeof(*got));
	message_row_free(&earlier);
	message_row_free(&row);
	free(record);
	free(got);
}

/* An end is a key and an id. */
static void test_end(void **state)
{
	struct ftpnat_record *record = calloc(1, sizeof(*record));
	struct ftpnat_record *got = calloc(1, sizeof(*got));
	struct message_row row = { 0 };
	char rule[FTPNAT_NAME_LEN];
	struct message message;

	(void)state;
	for (int id = 0; id < 2; id++) {
		record->session = (__u32)id;
		fill(&record->key, sizeof(record->key), 1);
		row.len = 0;
		message_begin(&row, MESSAGE_END, 1);
		wire_put(&row, record, "", NOW);
		message_end(&row);
		read_row(&row, &message);
		assert_int_equal(wire_get(&message, got, rule, NOW), id);
	}
	assert_memory_equal(got, record, sizeof(*got));
	message_row_free(&row);
	free(record);
	free(got);
}

static void refused(void (*spoil)(struct ftpnat_record *record))
{
	struct ftpnat_record *record = calloc(1, sizeof(*record));
	struct ftpnat_record *got = calloc(1, sizeof(*got));
	struct message_row row = { 0 };
	char rule[FTPNAT_NAME_LEN];
	struct message message;

	fill_record(record);
	spoil(record);
	write_row(&row, record);
	read_row(&row, &message);
	assert_false(wire_get(&message, got, rule, NOW));
	message_row_free(&row);
	free(record);
	free(got);
}

static void no_session(struct ftpnat_record *record)
{
	record->session = 0;
}

static void many_edits(struct ftpnat_record *record)
{
	record->state.stream[1].edits = FTPNAT_MAX_EDITS + 1;
}

static void many_held(struct ftpnat_record *record)
{
	record->state.stream[0].held_len = FTPNAT_HELD_LEN + 1;
}

static void many_commands(struct ftpnat_record *record)
{
	record->state.commands = FTPNAT_MAX_COMMANDS + 1;
}

static void strange_kind(struct ftpnat_record *record)
{
	record->flow.kind = FTPNAT_KIND_MAX;
}

/* Removing one entry would leave the other. */
static void other_way_back(struct ftpnat_record *record)
{
	record->reverse.sport++;
}

static void other_client(struct ftpnat_record *record)
{
	record->other.to.dport++;
}

static void no_port(struct ftpnat_record *record)
{
	record->key.dport = record->other.to.sport = record->state.client.dport = 0;
}

static void two_kinds(struct ftpnat_record *record)
{
	record->other.kind = FTPNAT_DATA;
}

static void two_sessions(struct ftpnat_record *record)
{
	record->other.session++;
}

static void two_clients(struct ftpnat_record *record)
{
	record->other.flags |= FTPNAT_FLOW_CLIENT;
}

static void session_of_another(struct ftpnat_record *record)
{
	record->state.client.sport++;
}

static void session_of_data(struct ftpnat_record *record)
{
	record->flow.kind = record->other.kind = FTPNAT_DATA;
}

static void logs_of_nobody(struct ftpnat_record *record)
{
	record->has = FTPNAT_RECORD_LOGS;
}

static void strange_mode(struct ftpnat_record *record)
{
	record->expected.mode = FTPNAT_MODE_MAX;
}

static void test_nonsense_is_refused(void **state)
{
	(void)state;
	refused(other_way_back);
	refused(other_client);
	refused(no_port);
	refused(two_kinds);
	refused(two_sessions);
	refused(two_clients);
	refused(session_of_another);
	refused(session_of_data);
	refused(logs_of_nobody);
	refused(strange_mode);
	refused(no_session);
	refused(many_edits);
	refused(many_held);
	refused(many_commands);
	refused(strange_kind);
}

/* Whatever is cut off, nothing behind the end is read. */
static void test_cut_off(void **state)
{
	struct ftpnat_record *record = calloc(1, sizeof(*record));
	struct ftpnat_record *got = calloc(1, sizeof(*got));
	struct message_row row = { 0 };
	char rule[FTPNAT_NAME_LEN];
	struct message whole;

	(void)state;
	fill_record(record);
	write_row(&row, record);
	read_row(&row, &whole);
	for (size_t len = 0; len < whole.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		struct message part = { .fields = copy, .len = len };

		memcpy(copy, whole.fields, len);
		wire_get(&part, got, rule, NOW);
		free(copy);
	}
	message_row_free(&row);
	free(record);
	free(got);
}

/* ---- frames ---- */

struct pieces {
	size_t n;
	size_t len[8];
	uint8_t piece[8][2048];
};

static void keep_piece(void *arg, uint8_t *piece, size_t len)
{
	struct pieces *pieces = arg;

	assert_true(pieces->n < 8 && len <= 2048);
	memcpy(pieces->piece[pieces->n], piece, len);
	pieces->len[pieces->n++] = len;
}

static uint32_t sum(const uint8_t *at, size_t len, uint32_t total)
{
	for (size_t i = 0; i < len; i++)
		total += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

/* An IPv4 or IPv6 frame with `len` bytes of payload, FIN and PSH, and wrong checksums. */
static size_t make_frame(uint8_t *frame, bool v6, size_t len)
{
	size_t l4 = v6 ? 54 : 34, total = l4 + 20 + len;

	fill(frame, total, 9);
	frame[12] = v6 ? 0x86 : 0x08;
	frame[13] = v6 ? 0xdd : 0x00;
	if (v6) {
		frame[14 + 4] = (uint8_t)((20 + len) >> 8);
		frame[14 + 5] = (uint8_t)(20 + len);
		frame[14 + 6] = 6;
	} else {
		frame[14] = 0x45;
		frame[14 + 2] = (uint8_t)((40 + len) >> 8);
		frame[14 + 3] = (uint8_t)(40 + len);
		frame[14 + 9] = 6;
	}
	memcpy(frame + l4 + 4, "\xff\xff\xff\xf0", 4);
	frame[l4 + 12] = 0x50;
	frame[l4 + 13] = 0x19; /* ACK, PSH, FIN */
	return total;
}

static void check_piece(const uint8_t *piece, size_t len, bool v6, uint32_t seq,
			uint8_t flags)
{
	size_t l4 = v6 ? 54 : 34;
	uint32_t at;

	memcpy(&at, piece + l4 + 4, 4);
	assert_int_equal(ntohl(at), seq);
	assert_int_equal(piece[l4 + 13], flags);
	if (!v6)
		assert_int_equal(sum(piece + 14, 20, 0), 0xffff);
	assert_int_equal(sum(piece + l4, len - l4,
			     sum(v6 ? piece + 22 : piece + 26, v6 ? 32 : 8,
				 (uint32_t)(len - l4) + 6)),
			 0xffff);
}

static void test_frame_is_cut(void **state)
{
	uint8_t frame[4096];

	(void)state;
	for (int v6 = 0; v6 <= 1; v6++) {
		struct pieces pieces = { 0 };
		size_t head = v6 ? 74 : 54, len = make_frame(frame, v6, 2500);

		assert_int_equal(frame_cut(frame, len, 1000, keep_piece, &pieces), 3);
		check_piece(pieces.piece[0], pieces.len[0], v6, 0xfffffff0, 0x10);
		check_piece(pieces.piece[1], pieces.len[1], v6, 0xfffffff0 + 1000, 0x10);
		check_piece(pieces.piece[2], pieces.len[2], v6, 0xfffffff0 + 2000, 0x19);
		assert_int_equal(pieces.len[2], head + 500);
		assert_memory_equal(pieces.piece[1] + head, frame + head + 1000, 1000);
		assert_memory_equal(pieces.piece[2] + head, frame + head + 2000, 500);
	}
}

static void test_frame_without_payload_and_with_padding(void **state)
{
	struct pieces pieces = { 0 };
	uint8_t frame[128];

	(void)state;
	make_frame(frame, false, 0);
	assert_int_equal(frame_cut(frame, 60, 1000, keep_piece, &pieces), 1);
	assert_int_equal(pieces.len[0], 54);
	check_piece(pieces.piece[0], 54, false, 0xfffffff0, 0x19);
}

static void test_what_is_no_tcp_goes_nowhere(void **state)
{
	struct pieces pieces = { 0 };
	uint8_t frame[4096];
	size_t len = make_frame(frame, false, 100);

	(void)state;
	for (size_t cut = 0; cut < 54; cut++)
		assert_int_equal(frame_cut(frame, cut, 1000, keep_piece, &pieces), 0);
	frame[14 + 9] = 17;
	assert_int_equal(frame_cut(frame, len, 1000, keep_piece, &pieces), 0);
	frame[14 + 9] = 6;
	frame[34 + 12] = 0xf0; /* options behind the end */
	assert_int_equal(frame_cut(frame, 60, 1000, keep_piece, &pieces), 0);
	assert_int_equal(pieces.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_on_the_other_side),
		cmocka_unit_test(test_later_version),
		cmocka_unit_test(test_earlier_version),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_nonsense_is_refused),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_frame_is_cut),
		cmocka_unit_test(test_frame_without_payload_and_with_padding),
		cmocka_unit_test(test_what_is_no_tcp_goes_nowhere),
	};

	return cmocka_run_group_tests_name("cluster_wire", tests, NULL, NULL);
}
