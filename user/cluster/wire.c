// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/wire.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "cluster/wire_check.h"

enum wire_kind {
	WIRE_BYTES,   /* as they are: addresses, ports, text */
	WIRE_NUMBERS, /* in host order, of `unit` bytes each */
	WIRE_TIME,    /* seconds of CLOCK_MONOTONIC; its age is sent */
	WIRE_GROUP,   /* fields of another table */
};

struct wire_table;

/* A tag is never used again for something else. */
struct wire_field {
	uint16_t tag;
	uint16_t offset;
	uint16_t size;
	uint8_t unit;
	uint8_t kind; /* enum wire_kind */
	const struct wire_table *group;
};

struct wire_table {
	const struct wire_field *fields;
	size_t n;
};

#define FIELD(tag_, type, member, kind_, unit_, group_)                                  \
	{                                                                                \
		.tag = (tag_), .offset = offsetof(type, member),                         \
		.size = sizeof(((type *)0)->member), .kind = (kind_), .unit = (unit_),   \
		.group = (group_)                                                        \
	}
#define BYTES(tag, type, member) FIELD(tag, type, member, WIRE_BYTES, 1, NULL)
#define NUMBER(tag, type, member)                                                        \
	FIELD(tag, type, member, WIRE_NUMBERS, sizeof(((type *)0)->member), NULL)
#define ARRAY(tag, type, member)                                                         \
	FIELD(tag, type, member, WIRE_NUMBERS, sizeof(*((type *)0)->member), NULL)
/* The bits between two members, a byte. */
#define BITS(tag_, type, before, behind)                                                 \
	{                                                                                \
		.tag = (tag_), .offset = offsetof(type, before) + 1,                     \
		.size = offsetof(type, behind) - offsetof(type, before) - 1,             \
		.kind = WIRE_NUMBERS, .unit = 1                                          \
	}
#define TIME(tag, type, member)		FIELD(tag, type, member, WIRE_TIME, 4, NULL)
#define GROUP(tag, type, member, table) FIELD(tag, type, member, WIRE_GROUP, 1, table)
#define TABLE(fields_)                                                                   \
	{                                                                                \
		.fields = (fields_), .n = ARRAY_SIZE(fields_)                            \
	}

/* A new member of one of these is added below: else a gateway that takes over lacks it. */
_Static_assert(sizeof(struct ftp_line) == 28, "line_fields has all of it");
_Static_assert(sizeof(struct ftp_parser) == 52, "parser_fields has all of it");
_Static_assert(sizeof(struct ftpnat_stream) == 116, "stream_fields has all of it");
_Static_assert(sizeof(struct ftpnat_session) == 448, "session_fields has all of it");
_Static_assert(sizeof(struct ftpnat_flow) == 96, "flow_fields has all of it");

/* ---- what is sent of each struct; see ftpnat_*.h for what it means ---- */

#define T struct ftpnat_flow
static const struct wire_field flow_fields[] = {
	NUMBER(1, T, packets), NUMBER(2, T, bytes),   NUMBER(3, T, end),
	NUMBER(4, T, ack),     BYTES(5, T, to),	      NUMBER(6, T, session),
	TIME(7, T, created),   NUMBER(8, T, mss),     NUMBER(9, T, kind),
	NUMBER(10, T, flags),  NUMBER(11, T, wscale), NUMBER(12, T, offers),
	NUMBER(13, T, ttl),    NUMBER(14, T, tcp),
};
#undef T
static const struct wire_table flow_table = TABLE(flow_fields);

#define T struct ftpnat_record_expected
static const struct wire_field expected_fields[] = {
	BYTES(1, T, src),      BYTES(2, T, dst),    BYTES(3, T, sport),
	BYTES(4, T, dport),    TIME(5, T, created), NUMBER(6, T, mode),
	NUMBER(7, T, tracked),
};
#undef T
static const struct wire_table expected_table = TABLE(expected_fields);

#define T struct ftp_line
static const struct wire_field line_fields[] = {
	NUMBER(1, T, command),	 NUMBER(2, T, form), NUMBER(3, T, final),
	NUMBER(4, T, delimiter), NUMBER(5, T, code), NUMBER(6, T, span_start),
	NUMBER(7, T, span_len),	 NUMBER(8, T, port), BYTES(9, T, addr),
};
#undef T
static const struct wire_table line_table = TABLE(line_fields);

#define T struct ftp_parser
static const struct wire_field parser_fields[] = {
	GROUP(1, T, line, &line_table),
	NUMBER(2, T, length),
	NUMBER(3, T, value),
	NUMBER(4, T, reply),
	NUMBER(5, T, state),
	NUMBER(6, T, digits),
	NUMBER(7, T, number),
	NUMBER(8, T, fields),
	NUMBER(9, T, protocol),
	NUMBER(10, T, groups),
	NUMBER(11, T, gap),
	NUMBER(12, T, colons),
	NUMBER(13, T, separators),
	NUMBER(14, T, odd),
	NUMBER(17, T, word),
	NUMBER(18, T, unended),
};
#undef T
static const struct wire_table parser_table = TABLE(parser_fields);

/* But for `unknown`: its receiver knows all of it. */
#define T struct ftpnat_stream
static const struct wire_field stream_fields[] = {
	NUMBER(1, T, next),	   NUMBER(2, T, base),
	NUMBER(3, T, acked),	   NUMBER(4, T, taken),
	BYTES(5, T, tsval),	   BYTES(6, T, window),
	NUMBER(7, T, first),	   NUMBER(8, T, edits),
	NUMBER(9, T, text_head),   NUMBER(10, T, text_used),
	NUMBER(11, T, held_len),   NUMBER(12, T, reply),
	NUMBER(13, T, heard),	   NUMBER(14, T, tls),
	NUMBER(15, T, tls_header), NUMBER(16, T, fin),
	NUMBER(17, T, tls_record), NUMBER(18, T, tls_len),
	NUMBER(19, T, ttl),	   BITS(20, T, ttl, edge),
	NUMBER(21, T, edge),	   NUMBER(22, T, ts_recent),
	NUMBER(23, T, kept),	   NUMBER(24, T, kept_len),
	NUMBER(25, T, reply_told), GROUP(26, T, parser, &parser_table),
};
#undef T
static const struct wire_table stream_table = TABLE(stream_fields);

#define T struct ftpnat_session
static const struct wire_field session_fields[] = {
	TIME(1, T, created),
	TIME(2, T, spoken),
	NUMBER(3, T, flags),
	NUMBER(4, T, first),
	NUMBER(5, T, commands),
	NUMBER(6, T, awaiting),
	NUMBER(7, T, closing),
	NUMBER(8, T, greeted),
	NUMBER(9, T, again),
	NUMBER(10, T, busy),
	NUMBER(11, T, timestamps),
	ARRAY(12, T, wscale),
	ARRAY(13, T, told),
	NUMBER(14, T, late),
	BITS(15, T, gone, others),
	NUMBER(16, T, others),
	ARRAY(17, T, mss),
	BYTES(18, T, client),
	BYTES(19, T, server),
	BYTES(20, T, expectation),
	BYTES(21, T, command),
	ARRAY(22, T, ahead),
	NUMBER(23, T, epoch),
	GROUP(24, T, stream[FTPNAT_FROM_CLIENT], &stream_table),
	GROUP(25, T, stream[FTPNAT_FROM_SERVER], &stream_table),
};
#undef T
static const struct wire_table session_table = TABLE(session_fields);

#define T struct ftpnat_edit
static const struct wire_field edit_fields[] = {
	NUMBER(1, T, start),
	NUMBER(2, T, old_len),
	NUMBER(3, T, new_len),
	NUMBER(4, T, text),
};
#undef T
static const struct wire_table edit_table = TABLE(edit_fields);

#define T struct ftpnat_record
static const struct wire_field record_fields[] = {
	NUMBER(65, T, has),
	BYTES(66, T, key),
	BYTES(67, T, reverse),
	NUMBER(68, T, session),
	GROUP(69, T, flow, &flow_table),
	GROUP(70, T, other, &flow_table),
	GROUP(71, T, expected, &expected_table),
	GROUP(72, T, state, &session_table),
};
#undef T
static const struct wire_table record_table = TABLE(record_fields);

enum {
	TAG_RULE = 64,
	TAG_LOG_CLIENT = 80, /* + enum ftpnat_dir */
	TAG_EDIT = 1,	     /* of a log: number of it (1 byte), and its fields */
	TAG_KEPT = 2,	     /* offset (2 bytes) and bytes */
	TAG_TEXT = 3,	     /* the same */
};

/* ---- writing ---- */

static bool all_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Byte j of a number, the most significant one first. */
static size_t place(const struct wire_field *field, size_t j)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? j : field->unit - 1U - j;
}

/* Each number in network order. */
static void put_numbers(struct message_row *row, const struct wire_field *field,
			const uint8_t *at)
{
	uint8_t bytes[256];
	size_t n = 0;

	for (size_t i = 0; i < field->size; i += field->unit)
		for (size_t j = 0; j < field->unit; j++)
			bytes[n++] = at[i + place(field, j)];
	message_put(row, field->tag, bytes, n);
}

static void put_table(struct message_row *row, const struct wire_table *table,
		      const void *base, __u32 now)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct wire_field *field = &table->fields[i];
		const uint8_t *at = (const uint8_t *)base + field->offset;
		size_t group;
		__u32 time;

		if (all_zero(at, field->size))
			continue;
		switch (field->kind) {
		case WIRE_BYTES:
			message_put(row, field->tag, at, field->size);
			break;
		case WIRE_NUMBERS:
			put_numbers(row, field, at);
			break;
		case WIRE_TIME:
			memcpy(&time, at, sizeof(time));
			message_put_u32(row, field->tag, now - time);
			break;
		case WIRE_GROUP:
			group = message_group(row, field->tag);
			put_table(row, field->group, at, now);
			message_group_end(row, group);
			break;
		}
	}
}

/* The runs of a ring buffer's bytes that are not zero, in pieces. */
#define PIECE 64

static void put_ring(struct message_row *row, uint16_t tag, const uint8_t *ring,
		     size_t len)
{
	for (size_t at = 0; at < len; at += PIECE) {
		uint8_t piece[2 + PIECE] = { (uint8_t)(at >> 8), (uint8_t)at };

		if (all_zero(ring + at, PIECE))
			continue;
		memcpy(piece + 2, ring + at, PIECE);
		message_put(row, tag, piece, sizeof(piece));
	}
}

/* Only what the stream uses of its log. */
static void put_log(struct message_row *row, const struct ftpnat_stream *stream,
		    const struct ftpnat_log *log, enum ftpnat_dir dir)
{
	size_t group = message_group(row, (uint16_t)(TAG_LOG_CLIENT + dir));
	uint8_t kept[FTPNAT_KEPT_LEN] = { 0 };

	for (uint8_t i = 0; i < stream->edits && i < FTPNAT_MAX_EDITS; i++) {
		uint8_t number = (stream->first + i) & (FTPNAT_MAX_EDITS - 1);
		size_t edit = message_group(row, TAG_EDIT);

		message_put_u8(row, 0, number);
		put_table(row, &edit_table, &log->edit[number], 0);
		message_group_end(row, edit);
	}
	for (uint32_t i = 0; i < stream->kept_len && i < FTPNAT_KEPT_LEN; i++) {
		uint32_t at = (stream->kept + i) & (FTPNAT_KEPT_LEN - 1);

		kept[at] = log->kept[at];
	}
	put_ring(row, TAG_KEPT, kept, sizeof(kept));
	if (stream->text_used)
		put_ring(row, TAG_TEXT, log->text, sizeof(log->text));
	message_group_end(row, group);
}

void wire_put(struct message_row *row, const struct ftpnat_record *record,
	      const char *rule, __u32 now)
{
	message_put(row, TAG_RULE, rule, strlen(rule));
	put_table(row, &record_table, record, now);
	if (!(record->has & FTPNAT_RECORD_LOGS))
		return;
	for (enum ftpnat_dir dir = 0; dir < FTPNAT_DIR_MAX; dir++)
		put_log(row, &record->state.stream[dir], &record->logs.log[dir], dir);
}

/* ---- reading ---- */

static void get_numbers(const struct wire_field *field, const struct message_field *from,
			uint8_t *at)
{
	if (from->len != field->size)
		return;
	for (size_t i = 0; i < field->size; i += field->unit)
		for (size_t j = 0; j < field->unit; j++)
			at[i + place(field, j)] = from->value[i + j];
}

static const struct wire_field *find_field(const struct wire_table *table, uint16_t tag)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->fields[i].tag == tag)
			return &table->fields[i];
	return NULL;
}

static void get_table(const struct wire_table *table, const uint8_t *at,
		      const uint8_t *end, void *base, __u32 now)
{
	struct message_field from;

	while (message_field(&at, end, &from)) {
		const struct wire_field *field = find_field(table, from.tag);
		uint8_t *to = (uint8_t *)base + (field ? field->offset : 0);
		__u32 time = now - message_u32(&from);

		if (!field) /* of a later version */
			continue;
		switch (field->kind) {
		case WIRE_BYTES:
			if (from.len == field->size)
				memcpy(to, from.value, field->size);
			break;
		case WIRE_NUMBERS:
			get_numbers(field, &from, to);
			break;
		case WIRE_TIME:
			memcpy(to, &time, sizeof(time));
			break;
		case WIRE_GROUP:
			get_table(field->group, from.value, from.value + from.len, to,
				  now);
			break;
		}
	}
}

static void get_ring(const struct message_field *from, uint8_t *ring, size_t size)
{
	size_t at = from->len > 2 ? (size_t)(from->value[0] << 8 | from->value[1]) : size;

	if (at < size && from->len - 2U <= size - at)
		memcpy(ring + at, from->value + 2, from->len - 2U);
}

static void get_edit(const struct message_field *from, struct ftpnat_log *log)
{
	const uint8_t *at = from->value, *end = at + from->len;
	struct message_field number;

	if (message_field(&at, end, &number) && !number.tag &&
	    message_u32(&number) < FTPNAT_MAX_EDITS)
		get_table(&edit_table, at, end, &log->edit[message_u32(&number)], 0);
}

static void get_log(const struct message_field *log_field, struct ftpnat_log *log)
{
	const uint8_t *at = log_field->value, *end = at + log_field->len;
	struct message_field from;

	while (message_field(&at, end, &from))
		if (from.tag == TAG_EDIT)
			get_edit(&from, log);
		else if (from.tag == TAG_KEPT)
			get_ring(&from, log->kept, sizeof(log->kept));
		else if (from.tag == TAG_TEXT)
			get_ring(&from, log->text, sizeof(log->text));
}

bool wire_get(const struct message *message, struct ftpnat_record *record,
	      char rule[FTPNAT_NAME_LEN], __u32 now)
{
	const uint8_t *at = message->fields, *end = at + message->len;
	struct message_field from;

	memset(record, 0, sizeof(*record));
	rule[0] = '\0';
	get_table(&record_table, at, end, record, now);
	while (message_field(&at, end, &from))
		if (from.tag == TAG_RULE)
			message_text(&from, rule, FTPNAT_NAME_LEN);
		else if (from.tag >= TAG_LOG_CLIENT &&
			 from.tag < TAG_LOG_CLIENT + FTPNAT_DIR_MAX)
			get_log(&from, &record->logs.log[from.tag - TAG_LOG_CLIENT]);
	return wire_check(record, message->type == MESSAGE_END);
}
