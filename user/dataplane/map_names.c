// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/map_names.h"

#include <string.h>

static const struct {
	const char *name;
	bool survives;
} maps[FTPNAT_MAP_MAX] = {
#define X(symbol, name_, holds, survives_)                                               \
	[FTPNAT_MAP_##symbol] = { .name = (name_), .survives = (survives_) },
	FTPNAT_MAPS(X)
#undef X
};

const char *map_name(enum ftpnat_map map)
{
	return maps[map].name;
}

bool map_survives(enum ftpnat_map map)
{
	return maps[map].survives;
}

enum ftpnat_map map_of_name(const char *name)
{
	enum ftpnat_map map = 0;

	while (map < FTPNAT_MAP_MAX && strcmp(name, maps[map].name))
		map++;
	return map;
}
