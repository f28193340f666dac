/* SPDX-License-Identifier: GPL-2.0-only */
/* Which clients may open a control connection of a rule: its lists. */
#ifndef FTPNAT_BPF_ADMISSION_H
#define FTPNAT_BPF_ADMISSION_H

#include "config.h"
#include "verdict.h"

#define ADDR_BITS 128

/* By `clients` and `deny` of the rule. */
static __always_inline bool lists_admit(struct scratch *s, const struct ftpnat_rule *rule,
					__u16 id)
{
	__u32 at = (s->slot & 1) * FTPNAT_MAX_RULES + id;
	struct ftpnat_prefix_key *key = &s->prefix_key;
	__u32 *admitted;
	void *trie;

	if (!(rule->admission & FTPNAT_ADMIT_LISTS))
		return true;
	trie = bpf_map_lookup_elem(&ftpnat_lists, &at);
	if (!trie)
		return false;
	key->len = ADDR_BITS;
	key->addr = s->flow.key.src;
	admitted = bpf_map_lookup_elem(trie, key);
	return admitted ? *admitted : rule->admission & FTPNAT_ADMIT_DEFAULT;
}

/* May the client of the SYN that s->flow describes use the rule? GO_ON, or why not. */
static __always_inline enum ftpnat_reason admit(struct scratch *s,
						const struct ftpnat_rule *rule)
{
	if (!lists_admit(s, rule, s->flow.rule))
		return FTPNAT_CLIENT_DENIED;
	return GO_ON;
}

#endif
