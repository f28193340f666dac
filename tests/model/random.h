/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random numbers that are the same for the same seed (splitmix64). */
#ifndef FTPNAT_MODEL_RANDOM_H
#define FTPNAT_MODEL_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* 0 .. n-1 */
static inline unsigned random_below(struct random *r, unsigned n)
{
	return n ? (unsigned)((random_next(r) >> 32) * n >> 32) : 0;
}

/* min .. max */
static inline unsigned random_range(struct random *r, unsigned min, unsigned max)
{
	return min + random_below(r, max - min + 1);
}

/* true in `percent` of all cases */
static inline bool random_chance(struct random *r, unsigned percent)
{
	return random_below(r, 100) < percent;
}

#endif
