// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void one_port(struct ftpnat_rule *rule)
{
	rule->data_port_min = 50000;
	rule->data_port_max = 50000;
}

void test_row(void **state)
{
	const struct row *row = *state;
	bool good = true;

	for (enum scene_id id = 0; id < SCENES; id++) {
		const struct scene *scene = scene_get(id);
		struct ftpnat_rule rule;
		const char *expectation;
		struct talk talk;

		if (!(row->scenes & IN(id)))
			continue;
		rule = scene_rule(scene);
		if (row->rule)
			row->rule(&rule);
		scene_configure(scene, &rule);
		talk_init(&talk, scene);
		talk_open(&talk);
		if (!talk_steps(&talk, row->says, row->steps)) {
			good = false;
			continue;
		}
		expectation = row->expectation ? talk_text(&talk, row->expectation) :
						 "none";
		if (strcmp(expectation, talk_expectation())) {
			printf("%s [%s]: the expectation is\n    %s, expected\n    %s\n",
			       row->says, scene->name, talk_expectation(), expectation);
			good = false;
		}
	}
	assert_true(good);
}
