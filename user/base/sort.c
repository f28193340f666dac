// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/sort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

const struct sort_key *sort_find(const struct sort_key *keys, const char *name)
{
	char all[128] = "";

	if (!name)
		return keys;
	for (const struct sort_key *key = keys; key->name; key++) {
		if (!strcmp(key->name, name))
			return key;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
			 *all ? ", " : "", key->name);
	}
	pr_err("--sort %s: one of %s is needed", name, all);
	return NULL;
}

void sort_by(const struct sort_key *key, void *list, size_t number, size_t size)
{
	if (number)
		qsort(list, number, size, key->compare);
}
