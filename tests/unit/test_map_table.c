// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* include/ftpnat_map_table.h names the maps of the objects, all of them and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/map_names.h"
#include "ftpnat_maps.h"
#include "ftpnat_tc.skel.h"
#include "ftpnat_xdp.skel.h"

static bool found[FTPNAT_MAP_MAX];

/* The compiler's own, .rodata say, have a dot in the name. */
static void see_maps(const struct bpf_object *object)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);
		enum ftpnat_map id = map_of_name(name);

		if (strchr(name, '.'))
			continue;
		if (id == FTPNAT_MAP_MAX)
			fail_msg("%s is not in include/ftpnat_map_table.h", name);
		else
			found[id] = true;
	}
}

static void table_names_the_maps_of_the_objects(void **state)
{
	struct ftpnat_tc *tc = ftpnat_tc__open();
	struct ftpnat_xdp *xdp = ftpnat_xdp__open();

	(void)state;
	assert_non_null(tc);
	assert_non_null(xdp);
	see_maps(tc->obj);
	see_maps(xdp->obj);
	for (enum ftpnat_map map = 0; map < FTPNAT_MAP_MAX; map++)
		if (!found[map])
			fail_msg("%s is a map of no object", map_name(map));
	ftpnat_tc__destroy(tc);
	ftpnat_xdp__destroy(xdp);
}

static void names_lead_back_to_their_maps(void **state)
{
	(void)state;
	for (enum ftpnat_map map = 0; map < FTPNAT_MAP_MAX; map++)
		assert_int_equal(map_of_name(map_name(map)), map);
	assert_int_equal(map_of_name(".rodata"), FTPNAT_MAP_MAX);
	assert_int_equal(map_of_name(""), FTPNAT_MAP_MAX);
}

/* What a connection needs is kept; what a program fills for each packet is not. */
static void table_says_what_survives(void **state)
{
	(void)state;
	assert_true(map_survives(FTPNAT_MAP_FLOWS));
	assert_true(map_survives(FTPNAT_MAP_SESSIONS));
	assert_true(map_survives(FTPNAT_MAP_STATE));
	assert_false(map_survives(FTPNAT_MAP_SCRATCH));
	assert_false(map_survives(FTPNAT_MAP_CLOCK));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_names_the_maps_of_the_objects),
		cmocka_unit_test(names_lead_back_to_their_maps),
		cmocka_unit_test(table_says_what_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
