// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which id a rule gets when the configuration changes while connections exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/rule_ids.h"
#include "base/util.h"

#define MAX_RULES 4

/* Rules by id; "-name": retired, "*name": a masquerade rule, NULL: none. */
struct row {
	const char *says;
	const char *old[MAX_RULES];
	bool in_use[MAX_RULES];
	const char *config[MAX_RULES];
	const char *next[MAX_RULES];
	bool reused[MAX_RULES];
};

static const struct row rows[] = {
	{ .says = "first up numbers in the order of the file",
	  .config = { "a", "b" },
	  .next = { "a", "b" } },
	{ .says = "the order of the file doesn't matter later",
	  .old = { "a", "b" },
	  .config = { "b", "a" },
	  .next = { "a", "b" } },
	{ .says = "a new rule takes a free id",
	  .old = { "a", "b" },
	  .config = { "c", "a", "b" },
	  .next = { "a", "b", "c" } },
	{ .says = "a removed rule retires even without connections: one may be just opening",
	  .old = { "a", "b" },
	  .config = { "b" },
	  .next = { "-a", "b" } },
	{ .says = "a retired rule keeps its id while a connection carries it",
	  .old = { "-a", "b" },
	  .in_use = { true },
	  .config = { "b", "c" },
	  .next = { "-a", "b", "c" } },
	{ .says = "its id is free after its last connection, and starts from zero",
	  .old = { "-a", "b" },
	  .config = { "b", "c" },
	  .next = { "c", "b" },
	  .reused = { true } },
	{ .says = "a retired rule that nobody needs is forgotten",
	  .old = { "-a", "b" },
	  .config = { "b" },
	  .next = { NULL, "b" } },
	{ .says = "a retired rule that comes back gets its id back",
	  .old = { "-a", "b" },
	  .in_use = { true },
	  .config = { "b", "a" },
	  .next = { "a", "b" } },
	{ .says = "the same name for another kind is another rule",
	  .old = { "a" },
	  .config = { "*a" },
	  .next = { "-a", "*a" } },
};

static void set_rule(struct ftpnat_rule *rule, const char *text)
{
	memset(rule, 0, sizeof(*rule));
	if (!text)
		return;
	rule->flags = *text == '-' ? FTPNAT_RULE_RETIRED : 0;
	rule->kind = *text == '*' ? FTPNAT_MASQUERADE : FTPNAT_PUBLISH;
	snprintf(rule->name, sizeof(rule->name), "%s", text + strspn(text, "-*"));
}

static void check_row(const struct row *row)
{
	static struct rule_ids ids;
	bool in_use[FTPNAT_MAX_RULES] = { false };

	printf("%s\n", row->says);
	memset(&ids, 0, sizeof(ids));
	for (int i = 0; i < MAX_RULES; i++) {
		set_rule(&ids.old[i], row->old[i]);
		in_use[i] = row->in_use[i];
	}
	rule_ids_begin(&ids, in_use);
	for (int i = 0; i < MAX_RULES && row->config[i]; i++)
		assert_non_null(rule_ids_take(
			&ids, row->config[i] + strspn(row->config[i], "*"),
			*row->config[i] == '*' ? FTPNAT_MASQUERADE : FTPNAT_PUBLISH));
	rule_ids_end(&ids);
	for (int i = 0; i < MAX_RULES; i++) {
		struct ftpnat_rule expected;

		set_rule(&expected, row->next[i]);
		assert_memory_equal(&ids.next[i], &expected, sizeof(expected));
		assert_int_equal(ids.reused[i], row->reused[i]);
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void test_all_ids_taken(void **state)
{
	static struct rule_ids ids;
	const bool in_use[FTPNAT_MAX_RULES] = { false };
	char name[FTPNAT_NAME_LEN];

	(void)state;
	rule_ids_begin(&ids, in_use);
	for (int i = 0; i < FTPNAT_MAX_RULES; i++) {
		snprintf(name, sizeof(name), "rule%d", i);
		assert_non_null(rule_ids_take(&ids, name, FTPNAT_PUBLISH));
	}
	assert_null(rule_ids_take(&ids, "one more", FTPNAT_PUBLISH));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_all_ids_taken),
	};

	return cmocka_run_group_tests_name("rule_ids", tests, NULL, NULL);
}
