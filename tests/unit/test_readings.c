// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* tests/readings/active, passive and verbs: the column of the grammar. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "ftp_grammar.h"

#define LINE_LEN 20000

/* C's escapes, and \R300;x for 300 times x; the length. */
static size_t unescape(const char *text, uint8_t *line)
{
	static const char names[] = "rntvf0\\", values[] = "\r\n\t\v\f\0\\";
	size_t len = 0;
	char *end;

	while (*text) {
		unsigned long times = 1;
		const char *name;

		assert_true(len < LINE_LEN);
		if (*text != '\\') {
			line[len++] = (uint8_t)*text++;
			continue;
		}
		text++;
		if (*text == 'x') {
			const char hex[] = { text[1], text[2], '\0' };

			line[len++] = (uint8_t)strtoul(hex, NULL, 16);
			text += 3;
		} else if (*text == 'R') {
			times = strtoul(text + 1, &end, 10);
			assert_true(*end == ';' && len + times < LINE_LEN);
			memset(line + len, end[1], times);
			len += times;
			text = end + 2;
		} else {
			name = strchr(names, *text);
			assert_non_null(name);
			line[len++] = (uint8_t)values[name - names];
			text++;
		}
	}
	return len;
}

static void reading_text(const struct ftp_line *l, bool host, char *text, size_t size)
{
	bool v4 = !l->addr[0] && !l->addr[1] && l->addr[2] == htonl(0xffff);
	char address[INET6_ADDRSTRLEN] = "";

	if (host)
		inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? &l->addr[3] : l->addr, address,
			  sizeof(address));
	if (l->form == FTP_FORM_ADDRESS)
		snprintf(text, size, "%s:%u", address, l->port);
	else if (l->form == FTP_FORM_AMBIGUOUS)
		snprintf(text, size, "?");
	else
		snprintf(text, size, "-");
}

/* As the table writes it, of the last line in the bytes. */
static void command_reading(const uint8_t *bytes, size_t len, char *text, size_t size)
{
	struct ftp_parser p = { 0 };

	snprintf(text, size, "-");
	for (size_t i = 0; i < len; i++) {
		if (!ftp_feed_command(&p, bytes[i]))
			continue;
		if (p.line.form == FTP_FORM_ADDRESS || p.line.form == FTP_FORM_AMBIGUOUS)
			reading_text(&p.line, true, text, size);
		ftp_line_start(&p);
	}
}

/* Of a reply: of its last line, if none before has something that clients may read. */
static void reply_reading(const uint8_t *bytes, size_t len, char *text, size_t size)
{
	struct ftp_parser p = { 0 };
	bool stray = false;

	snprintf(text, size, "-");
	for (size_t i = 0; i < len; i++) {
		if (!ftp_feed_reply(&p, bytes[i]))
			continue;
		stray |= !p.line.final && p.line.form == FTP_FORM_AMBIGUOUS;
		if (!p.line.final || p.line.code < 200) {
			ftp_line_start(&p);
			continue;
		}
		reading_text(&p.line, p.line.code != 229, text, size);
		break;
	}
	if (stray)
		snprintf(text, size, "?");
}

/* Does policy refuse the line in p, since servers take it for different commands? */
static bool verb_is_odd(const struct ftp_parser *p)
{
	uint64_t verb, word;
	bool site = !memcmp(p->line.verb, "SITE", 5);

	memcpy(&verb, p->line.verb, sizeof(verb));
	memcpy(&word, p->line.site, sizeof(word));
	return p->odd & FTP_ODD_VERB || ftp_verb_ends_synched(verb) ||
	       (site && (p->odd & FTP_ODD_WORD || ftp_verb_ends_synched(word)));
}

/* The commands of all lines in the bytes. */
static void verb_reading(const uint8_t *bytes, size_t len, char *text, size_t size)
{
	struct ftp_parser p = { 0 };

	*text = '\0';
	for (size_t i = 0; i < len; i++) {
		const char *site, *blank = *text ? " " : "";
		size_t at = strlen(text);

		if (!ftp_feed_command(&p, bytes[i]))
			continue;
		site = memcmp(p.line.verb, "SITE", 5) != 0 ? "" :
							     (const char *)p.line.site;
		if (verb_is_odd(&p))
			snprintf(text + at, size - at, "%s?", blank);
		else if (p.line.command != FTP_COMMAND_NONE)
			snprintf(text + at, size - at, "%s%.8s%s%.8s", blank,
				 (const char *)p.line.verb, *site ? " " : "", site);
		ftp_line_start(&p);
	}
	if (!*text)
		snprintf(text, size, "-");
}

typedef void (*reading_fn)(const uint8_t *bytes, size_t len, char *text, size_t size);

static void check_table(const char *table, unsigned int least, reading_fn reading_of)
{
	static char row[LINE_LEN];
	static uint8_t line[LINE_LEN];
	unsigned int rows = 0, wrong = 0;
	FILE *file = fopen(table, "re");

	assert_non_null(file);
	while (fgets(row, sizeof(row), file)) {
		char *rest = row, *text, *expected, reading[80];

		if (*row == '#')
			continue;
		text = strsep(&rest, "\t");
		expected = strsep(&rest, "\t");
		assert_non_null(expected);
		reading_of(line, unescape(text, line), reading, sizeof(reading));
		rows++;
		if (!strcmp(reading, expected))
			continue;
		printf("%s is read as %s, the table says %s\n", text, reading, expected);
		wrong++;
	}
	fclose(file);
	assert_true(rows > least);
	assert_int_equal(wrong, 0);
}

static void test_commands(void **state)
{
	(void)state;
	check_table("tests/readings/active", 800, command_reading);
}

static void test_replies(void **state)
{
	(void)state;
	check_table("tests/readings/passive", 200, reply_reading);
}

static void test_verbs(void **state)
{
	(void)state;
	check_table("tests/readings/verbs", 200, verb_reading);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_verbs),
	};

	return cmocka_run_group_tests_name("readings", tests, NULL, NULL);
}
