/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lookups that the programs of counted.bpf.c count, by map. */
#ifndef FTPNAT_TEST_COUNTED_H
#define FTPNAT_TEST_COUNTED_H

enum counted_map {
	IN_CLIENTS, /* ftpnat_clients */
	IN_BANNED,  /* ftpnat_banned: are there bans? */
	IN_BANS,    /* ftpnat_bans */
	IN_LISTS,   /* ftpnat_lists, and then the trie of the rule */
	IN_TRIE,
	IN_RULES, /* ftpnat_rules */
	IN_FLOWS, /* ftpnat_flows */
	COUNTED_MAPS
};

#define COUNTED_SECTION ".data.counted"

#endif
