// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sessions and rates that top makes of the flows it sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "show/top_model.h"

#define SECOND 1000000000ULL

/* One direction of a connection; the client's port tells them apart. */
struct seen {
	enum ftpnat_kind kind;
	__u16 port;
	__u32 session;
	__u64 bytes;
	bool from_server;
	bool active;
	__u8 tcp;
	__u32 created;
};

#define CONTROL(session_, ...)                                                           \
	{                                                                                \
		.kind = FTPNAT_CONTROL, .port = (session_), .session = (session_),       \
		.bytes = 500, ##__VA_ARGS__                                              \
	}
#define DATA(port_, session_, bytes_, ...)                                               \
	{                                                                                \
		.kind = FTPNAT_DATA, .port = (port_), .session = (session_),             \
		.bytes = (bytes_), ##__VA_ARGS__                                         \
	}

static int make_model(void **state)
{
	*state = calloc(1, sizeof(struct top_model));
	return *state ? 0 : -1;
}

static int free_model(void **state)
{
	top_free(*state);
	free(*state);
	return 0;
}

static void look(struct top_model *model, __u64 seconds, const struct seen *seen,
		 size_t number)
{
	top_begin(model, seconds * SECOND);
	for (size_t i = 0; i < number; i++) {
		const struct ftpnat_tuple key = { .sport = seen[i].port,
						  .dport = seen[i].from_server };
		const struct ftpnat_flow flow = {
			.bytes = seen[i].bytes,
			.session = seen[i].session,
			.created = seen[i].created,
			.kind = (__u8)seen[i].kind,
			.flags = (seen[i].from_server ? 0 : FTPNAT_FLOW_CLIENT) |
				 (seen[i].active ? FTPNAT_FLOW_ACTIVE : 0),
			.tcp = seen[i].tcp ?: FTPNAT_TCP_ESTABLISHED,
			.to.dport = 21,
		};

		assert_int_equal(top_see_flow(&key, &flow, model), 0);
	}
	assert_int_equal(top_end(model), 0);
}

#define LOOK(model, seconds, ...)                                                        \
	look(model, seconds, (const struct seen[]){ __VA_ARGS__ },                       \
	     sizeof((const struct seen[]){ __VA_ARGS__ }) / sizeof(struct seen))

static void assert_rate(const struct top_session *session, int up, int down)
{
	assert_int_equal((int)session->rate[FTPNAT_FROM_CLIENT], up);
	assert_int_equal((int)session->rate[FTPNAT_FROM_SERVER], down);
}

static void first_look_has_no_rate(void **state)
{
	struct top_model *model = *state;

	LOOK(model, 10, CONTROL(1), DATA(5, 1, 1000));
	assert_int_equal(model->sessions, 1);
	assert_rate(&model->session[0], 0, 0);
	assert_int_equal(model->session[0].bytes[FTPNAT_FROM_CLIENT], 1000);
	assert_int_equal(model->session[0].data, 1);
}

static void rate_is_growth_of_data_over_time(void **state)
{
	struct top_model *model = *state;

	LOOK(model, 10, CONTROL(1), DATA(5, 1, 1000),
	     DATA(5, 1, 70, .from_server = true));
	LOOK(model, 12, CONTROL(1), DATA(5, 1, 4000),
	     DATA(5, 1, 90, .from_server = true));
	assert_rate(&model->session[0], 1500, 10);
	LOOK(model, 13, CONTROL(1), DATA(5, 1, 4000),
	     DATA(5, 1, 90, .from_server = true));
	assert_rate(&model->session[0], 0, 0);
}

static void assert_average(const struct top_model *model, enum top_span span, int from,
			   int to)
{
	double average = model->session[0].average[span][FTPNAT_FROM_CLIENT];

	if (average < from || average > to)
		fail_msg("average over %us is %f, not %d..%d", top_span_seconds[span],
			 average, from, to);
}

static void averages_follow_the_rate(void **state)
{
	struct top_model *model = *state;
	__u64 bytes = 0;

	LOOK(model, 10, CONTROL(1), DATA(5, 1, bytes));
	for (__u64 now = 11; now <= 20; now++)
		LOOK(model, now, CONTROL(1), DATA(5, 1, bytes += 1000));
	for (int span = 0; span < TOP_SPANS; span++) /* also those longer than we look */
		assert_average(model, span, 999, 1000);
	LOOK(model, 22, CONTROL(1), DATA(5, 1, bytes));
	assert_average(model, TOP_2S, 400, 600);
	assert_average(model, TOP_10S, 700, 850);
	assert_average(model, TOP_40S, 800, 900);
	for (__u64 now = 23; now <= 40; now++)
		LOOK(model, now, CONTROL(1), DATA(5, 1, bytes));
	assert_average(model, TOP_2S, 0, 1);
	assert_average(model, TOP_40S, 200, 500);
	/* another session with the same place in the list knows nothing of it */
	LOOK(model, 41, CONTROL(2), DATA(6, 2, 300));
	for (int span = 0; span < TOP_SPANS; span++)
		assert_average(model, span, 299, 301);
}

static void entries_of_a_session_are_found(void **state)
{
	struct top_model *model = *state;
	const struct top_entry *entry;
	size_t number;

	LOOK(model, 10, CONTROL(1), DATA(5, 2, 0), CONTROL(2), CONTROL(3));
	entry = top_entries_of(model, 2, &number);
	assert_int_equal(number, 2);
	assert_int_equal(entry[0].session, 2);
	assert_int_equal(entry[1].session, 2);
	assert_null(top_entries_of(model, 4, &number));
	assert_int_equal(number, 0);
	assert_ptr_equal(top_find(model, 3), &model->session[2]);
	assert_null(top_find(model, 4));
}

static void one_connection_after_another_is_no_step_back(void **state)
{
	struct top_model *model = *state;

	LOOK(model, 10, CONTROL(1), DATA(5, 1, 9000));
	LOOK(model, 11, CONTROL(1), DATA(6, 1, 300));
	assert_rate(&model->session[0], 300, 0);
	LOOK(model, 12, CONTROL(1), DATA(6, 1, 100, .created = 11));
	assert_rate(&model->session[0], 100, 0);
}

static void sessions_are_kept_apart(void **state)
{
	struct top_model *model = *state;

	LOOK(model, 10, DATA(5, 2, 0), CONTROL(1), DATA(6, 1, 0), CONTROL(2));
	LOOK(model, 11, DATA(6, 1, 10), CONTROL(2), DATA(5, 2, 20), CONTROL(1));
	assert_int_equal(model->sessions, 2);
	assert_int_equal(model->session[0].id, 1);
	assert_rate(&model->session[0], 10, 0);
	assert_int_equal(model->session[1].id, 2);
	assert_rate(&model->session[1], 20, 0);
}

static void mode_is_that_of_the_newest_data_connection(void **state)
{
	struct top_model *model = *state;

	LOOK(model, 10, CONTROL(1));
	assert_int_equal(model->session[0].mode, TOP_NO_DATA);
	LOOK(model, 11, CONTROL(1), DATA(7, 1, 0, .created = 5, .active = true),
	     DATA(8, 1, 0, .created = 4));
	assert_int_equal(model->session[0].mode, TOP_ACTIVE);
}

static void ended_sessions_are_not_shown(void **state)
{
	struct top_model *model = *state;

	LOOK(model, 10, CONTROL(1, .tcp = FTPNAT_TCP_ACK | FTPNAT_TCP_FIN),
	     CONTROL(2, .tcp = FTPNAT_TCP_ACK | FTPNAT_TCP_RST),
	     CONTROL(3, .tcp = FTPNAT_TCP_ACK), CONTROL(4, .tcp = FTPNAT_TCP_SYN),
	     CONTROL(5, .tcp = FTPNAT_TCP_ACK | FTPNAT_TCP_TOLD));
	assert_int_equal(model->sessions, 1);
	assert_int_equal(model->session[0].id, 3);
}

static void data_outlives_its_control_connection(void **state)
{
	struct top_model *model = *state;

	LOOK(model, 10, DATA(5, 1, 10));
	assert_int_equal(model->sessions, 1);
	assert_false(model->session[0].open);
	LOOK(model, 11, DATA(5, 1, 10, .tcp = FTPNAT_TCP_FIN));
	assert_int_equal(model->sessions, 0);
	LOOK(model, 12, CONTROL(1, .tcp = FTPNAT_TCP_FIN), DATA(5, 1, 10));
	assert_int_equal(model->sessions, 1);
}

static void last_line_is_the_one_rewritten(void **state)
{
	static const char line[] = "PORT 10,1,1,2,4,1\r\n", text[] = "9,9,9,9,9,\x01";
	struct top_model *model = *state;
	struct ftpnat_line_event e = {
		.event = { .session = 7, .reason = FTPNAT_LINE_REWRITTEN },
		.line_len = sizeof(line) - 1,
		.span_start = 5,
		.span_len = 12,
		.text_len = sizeof(text) - 1,
	};

	memcpy(e.line, line, sizeof(line) - 1);
	memcpy(e.text, text, sizeof(text) - 1);
	assert_string_equal(top_line(model, 7), "");
	top_see_line(model, &e);
	assert_string_equal(top_line(model, 7), "PORT 9,9,9,9,9,?");
	assert_string_equal(top_line(model, 7 + TOP_LINES), "");
	e.event.reason = FTPNAT_LINE_FOREIGN;
	e.event.session = 8;
	top_see_line(model, &e);
	assert_string_equal(top_line(model, 8), "");
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, make_model, free_model)
	const struct CMUnitTest tests[] = {
		ROW(first_look_has_no_rate),
		ROW(rate_is_growth_of_data_over_time),
		ROW(averages_follow_the_rate),
		ROW(entries_of_a_session_are_found),
		ROW(one_connection_after_another_is_no_step_back),
		ROW(sessions_are_kept_apart),
		ROW(mode_is_that_of_the_newest_data_connection),
		ROW(ended_sessions_are_not_shown),
		ROW(data_outlives_its_control_connection),
		ROW(last_line_is_the_one_rewritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
