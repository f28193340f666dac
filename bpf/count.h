/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of reasons and rules: per CPU, so nothing is shared or atomic. */
#ifndef FTPNAT_BPF_COUNT_H
#define FTPNAT_BPF_COUNT_H

#include "maps.h"
#include "verifier.h"

static __always_inline void count(enum ftpnat_reason reason)
{
	__u64 *n = percpu_elem(&ftpnat_reasons, reason);

	if (n)
		*n += 1;
}

/* The same, in line: for the exit of every packet. */
static __always_inline void count_exit(enum ftpnat_reason reason)
{
	__u32 key = reason;
	__u64 *n = bpf_map_lookup_elem(&ftpnat_reasons, &key);

	if (n)
		*n += 1;
}

static __always_inline struct ftpnat_rule_stats *rule_stats(__u16 rule)
{
	__u32 key = rule;

	return bpf_map_lookup_elem(&ftpnat_stats, &key);
}

static __always_inline void count_packet(__u16 rule, enum ftpnat_dir dir, __u32 bytes)
{
	struct ftpnat_rule_stats *stats = rule_stats(rule);

	if (!stats)
		return;
	stats->packets[dir & 1] += 1;
	stats->bytes[dir & 1] += bytes;
}

#endif
