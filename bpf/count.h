/* SPDX-License-Identifier: GPL-2.0-only */
/* Reasons, per-rule counters and the clock: per CPU, so nothing is shared or atomic. */
#ifndef FTPNAT_BPF_COUNT_H
#define FTPNAT_BPF_COUNT_H

#include "maps.h"
#include "verifier.h"

/* Of one CPU, where a program keeps it. */
struct ftpnat_clock {
	__u64 tick; /* jiffies */
	__u32 seconds;
	__u32 pad;
};

static __always_inline void count(enum ftpnat_reason reason)
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

/*
 * Seconds of CLOCK_MONOTONIC, as all ages and clocks in the maps. What moves with the
 * tick is asked for once per tick; for as long, another CPU may be a second ahead.
 */
static __always_inline __u32 clock_seconds(struct ftpnat_clock *clock)
{
	__u64 tick = bpf_jiffies64();

	if (clock->tick != tick) {
		clock->seconds = (__u32)(bpf_ktime_get_coarse_ns() / 1000000000ULL);
		clock->tick = tick;
	}
	return clock->seconds;
}

/* Seconds that have passed between a time in a map and now. */
static __always_inline __u32 seconds_since(__u32 then, __u32 now)
{
	return (__s32)(now - then) > 0 ? now - then : 0;
}

#endif
