/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time: seconds of CLOCK_MONOTONIC in 32 bits, like all ages and times in the maps.
 */
#ifndef FTPNAT_BPF_CLOCK_H
#define FTPNAT_BPF_CLOCK_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "verifier.h"

#define CLOCK_MONOTONIC 1 /* for timers, see bpf_timer_init() */
#define SECOND		1000000000ULL
#define MILLISECOND	1000000ULL

/* Of one CPU, where a program keeps it. */
struct ftpnat_clock {
	__u64 tick; /* jiffies */
	__u32 seconds;
	__u32 pad;
};

/*
 * Seconds of CLOCK_MONOTONIC, like all ages and clocks in the maps. Read once per tick,
 * so another CPU may be a second ahead for a tick.
 */
static __always_inline __u32 clock_seconds(struct ftpnat_clock *clock)
{
	__u64 tick = bpf_jiffies64();

	if (clock->tick != tick) {
		clock->seconds = (__u32)(bpf_ktime_get_coarse_ns() / SECOND);
		clock->tick = tick;
	}
	return clock->seconds;
}

/* Seconds between a time in a map and now. */
static __always_inline __u32 seconds_since(__u32 then, __u32 now)
{
	return (__s32)(now - then) > 0 ? now - then : 0;
}

#endif
