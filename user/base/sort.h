/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* --sort: what a listing can be sorted by. */
#ifndef FTPNAT_SORT_H
#define FTPNAT_SORT_H

#include <stddef.h>
#include <stdint.h>

struct sort_key {
	const char *name;
	int (*compare)(const void *one, const void *two); /* as of qsort() */
};

/*
 * The key of this name, NULL: the first one. `keys` ends with a name of NULL. NULL if
 * there is none, reported.
 */
const struct sort_key *sort_find(const struct sort_key *keys, const char *name);

void sort_by(const struct sort_key *key, void *list, size_t number, size_t size);

/* The smallest first; with the arguments swapped, the largest. */
static inline int sort_numbers(uint64_t one, uint64_t two)
{
	return (one > two) - (one < two);
}

#endif
