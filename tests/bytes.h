/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers in network order and checksums, without code in common with the programs. */
#ifndef FTPNAT_TEST_BYTES_H
#define FTPNAT_TEST_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static inline void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

/* RFC 1071, word by word and from nothing; not inverted. */
static inline uint16_t sum16(uint32_t seed, const uint8_t *at, size_t len)
{
	uint64_t total = seed;

	for (size_t i = 0; i < len; i++)
		total += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

#endif
