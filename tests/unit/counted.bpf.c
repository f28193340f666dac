// SPDX-License-Identifier: GPL-2.0-only
/* For test_tc_lookups.c: the programs of bpf/, which count what they look up. */
#include "types.h"

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "counted.h"

__u64 lookups_counted[COUNTED_MAPS] SEC(COUNTED_SECTION);

#define COUNTED_IN(map)                                                                  \
	(!__builtin_strcmp(map, "&ftpnat_clients") ? IN_CLIENTS :                        \
	 !__builtin_strcmp(map, "&ftpnat_banned")  ? IN_BANNED :                         \
	 !__builtin_strcmp(map, "&ftpnat_bans")	   ? IN_BANS :                           \
	 !__builtin_strcmp(map, "&ftpnat_lists")   ? IN_LISTS :                          \
	 !__builtin_strcmp(map, "trie")		   ? IN_TRIE :                           \
	 !__builtin_strcmp(map, "&ftpnat_rules")   ? IN_RULES :                          \
	 !__builtin_strcmp(map, "&ftpnat_flows")   ? IN_FLOWS :                          \
						     COUNTED_MAPS)

/* Not those in all maps: that takes more stack than kernel 6.1 allows. */
#define count_lookup(map)                                                                \
	(COUNTED_IN(map) < COUNTED_MAPS ?                                                \
		 __sync_fetch_and_add(&lookups_counted[COUNTED_IN(map)], 1) :            \
		 0)

#define bpf_map_lookup_elem(map, key)                                                    \
	((void)count_lookup(#map), (bpf_map_lookup_elem)(map, key))

#include "ftpnat_tc.bpf.c"
