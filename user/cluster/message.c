// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/message.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC	0x4650 /* FP */
#define VERSION 1

_Static_assert(sizeof(struct message_header) == 16, "no padding");

static void add(struct message_row *row, const void *bytes, size_t len)
{
	if (row->len + len > row->size) {
		size_t size = 2 * (row->len + len) + 4096;
		uint8_t *more = realloc(row->bytes, size);

		if (!more) {
			row->failed = true;
			return;
		}
		row->bytes = more;
		row->size = size;
	}
	if (len)
		memcpy(row->bytes + row->len, bytes, len);
	row->len += len;
}

void message_begin(struct message_row *row, enum message_type type, uint64_t number)
{
	struct message_header header = { .magic = htons(MAGIC),
					 .version = VERSION,
					 .type = (uint8_t)type,
					 .number = htobe64(number) };

	row->begun = row->len;
	add(row, &header, sizeof(header));
}

void message_put(struct message_row *row, uint16_t tag, const void *value, size_t len)
{
	uint16_t head[] = { htons(tag), htons((uint16_t)len) };

	add(row, head, sizeof(head));
	add(row, value, len);
}

void message_put_u8(struct message_row *row, uint16_t tag, uint8_t value)
{
	message_put(row, tag, &value, sizeof(value));
}

void message_put_u32(struct message_row *row, uint16_t tag, uint32_t value)
{
	value = htonl(value);
	message_put(row, tag, &value, sizeof(value));
}

size_t message_group(struct message_row *row, uint16_t tag)
{
	size_t at = row->len;

	message_put(row, tag, NULL, 0);
	return at;
}

void message_group_end(struct message_row *row, size_t group)
{
	uint16_t len;

	if (row->failed)
		return;
	len = htons((uint16_t)(row->len - group - 2 * sizeof(len)));
	memcpy(row->bytes + group + sizeof(len), &len, sizeof(len));
}

/* Without memory nothing of it is left. */
void message_end(struct message_row *row)
{
	uint32_t len =
		htonl((uint32_t)(row->len - row->begun - sizeof(struct message_header)));

	if (row->failed) {
		row->len = row->begun;
		row->failed = false;
		return;
	}
	memcpy(row->bytes + row->begun + offsetof(struct message_header, len), &len,
	       sizeof(len));
}

void message_row_free(struct message_row *row)
{
	free(row->bytes);
	*row = (struct message_row){ 0 };
}

bool message_next(const uint8_t **at, const uint8_t *end, struct message *message)
{
	struct message_header header;

	if ((size_t)(end - *at) < sizeof(header))
		return false;
	memcpy(&header, *at, sizeof(header));
	header.len = ntohl(header.len);
	if (ntohs(header.magic) != MAGIC || header.version != VERSION ||
	    header.len > (size_t)(end - *at) - sizeof(header))
		return false;
	*message = (struct message){ .type = header.type,
				     .number = be64toh(header.number),
				     .fields = *at + sizeof(header),
				     .len = header.len };
	*at += sizeof(header) + header.len;
	return true;
}

bool message_field(const uint8_t **at, const uint8_t *end, struct message_field *field)
{
	uint16_t head[2];

	if ((size_t)(end - *at) < sizeof(head))
		return false;
	memcpy(head, *at, sizeof(head));
	field->tag = ntohs(head[0]);
	field->len = ntohs(head[1]);
	field->value = *at + sizeof(head);
	if (field->len > (size_t)(end - field->value))
		return false;
	*at = field->value + field->len;
	return true;
}

uint32_t message_u32(const struct message_field *field)
{
	uint32_t value = 0;

	for (size_t i = 0; field->len <= sizeof(value) && i < field->len; i++)
		value = value << 8 | field->value[i];
	return value;
}

void message_text(const struct message_field *field, char *text, size_t size)
{
	size_t len = field->len < size - 1 ? field->len : size - 1;

	for (size_t i = 0; i < len; i++) {
		char c = (char)field->value[i];

		text[i] = c < ' ' || c > '~' ? '?' : c;
	}
	text[len] = '\0';
}
