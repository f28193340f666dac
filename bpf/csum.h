/* SPDX-License-Identifier: GPL-2.0-only */
/* Internet checksums as ones' complement sums of words in memory order (RFC 1624). */
#ifndef FTPNAT_BPF_CSUM_H
#define FTPNAT_BPF_CSUM_H

#include <linux/types.h>

#include "verifier.h"

static __always_inline __u32 fold32(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (__u32)sum + (__u32)(sum >> 32);
}

static __always_inline __u16 fold16(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)(sum + (sum >> 16));
}

/* Effect of a changed word on a sum. */
static __always_inline __u64 word_change(__be32 old, __be32 new)
{
	return (__u64)(__u32)~old + new;
}

/* The checksum field after a change in the data that it covers. */
static __always_inline __u16 csum_changed(__u16 check, __u64 change)
{
	return (__u16)~fold16((__u16)~check + change);
}

#endif
