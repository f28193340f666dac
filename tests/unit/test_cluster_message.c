// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Messages of a cluster: what one member writes another reads, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/message.h"

/* Two messages: a hello with three fields, and one without any. */
static void write_row(struct message_row *row)
{
	message_begin(row, MESSAGE_HELLO, 7);
	message_put_u32(row, TAG_SLOT, 3);
	message_put(row, TAG_NAME, "gw\001three", 8);
	message_put_u8(row, 0x7fff, 1); /* of a later version */
	message_end(row);
	message_begin(row, MESSAGE_SEEN, 0);
	message_end(row);
}

static void test_read_as_written(void **state)
{
	struct message_row row = { 0 };
	struct message_field field;
	struct message message;
	const uint8_t *at, *end, *in;
	char text[16];

	(void)state;
	write_row(&row);
	at = row.bytes;
	end = at + row.len;
	assert_true(message_next(&at, end, &message));
	assert_int_equal(message.type, MESSAGE_HELLO);
	assert_int_equal(message.number, 7);
	in = message.fields;
	assert_true(message_field(&in, message.fields + message.len, &field));
	assert_int_equal(field.tag, TAG_SLOT);
	assert_int_equal(message_u32(&field), 3);
	assert_true(message_field(&in, message.fields + message.len, &field));
	assert_int_equal(field.tag, TAG_NAME);
	message_text(&field, text, sizeof(text));
	assert_string_equal(text, "gw?three");
	message_text(&field, text, 4);
	assert_string_equal(text, "gw?");
	assert_int_equal(message_u32(&field), 0); /* no number of that length */
	assert_true(message_field(&in, message.fields + message.len, &field));
	assert_int_equal(field.tag, 0x7fff);
	assert_false(message_field(&in, message.fields + message.len, &field));
	assert_true(message_next(&at, end, &message));
	assert_int_equal(message.type, MESSAGE_SEEN);
	assert_int_equal(message.len, 0);
	assert_ptr_equal(at, end);
	assert_false(message_next(&at, end, &message));
	message_row_free(&row);
}

/* Whatever is cut off or changed, nothing behind the end is read. */
static void test_broken(void **state)
{
	struct message_row row = { 0 };
	struct message_field field;
	struct message message;

	(void)state;
	write_row(&row);
	for (size_t len = 0; len < row.len; len++)
		for (int bit = -1; bit < 8; bit++) {
			uint8_t *copy = malloc(len ? len : 1);
			const uint8_t *at = copy, *end = copy + len, *in;
			int messages = 0;

			memcpy(copy, row.bytes, len);
			if (bit >= 0 && len)
				copy[len / 2] ^= (uint8_t)(1 << bit);
			while (message_next(&at, end, &message)) {
				messages++;
				in = message.fields;
				assert_true(message.fields + message.len <= end);
				while (message_field(&in, message.fields + message.len,
						     &field))
					assert_true(field.value + field.len <= end);
			}
			assert_true(messages <= 2);
			free(copy);
		}
	message_row_free(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_as_written),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests_name("cluster_message", tests, NULL, NULL);
}
