/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP flags and sequence arithmetic, modulo 2^32; for BPF and for the host (tests). */
#ifndef FTPNAT_BPF_TCP_H
#define FTPNAT_BPF_TCP_H

#include "ftpnat_maps.h"
#include "verifier.h"

#define TH_FIN 0x01
#define TH_SYN 0x02
#define TH_RST 0x04
#define TH_PSH 0x08
#define TH_ACK 0x10
#define TH_URG 0x20
#define TH_CWR 0x80

#define WINDOW_MAX_SHIFT 14  /* RFC 7323 section 2.3 */
#define MSS_DEFAULT	 536 /* RFC 9293 section 3.7.1, of an end that names none */

static __always_inline bool seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/* Is `a` at most `distance` before or behind `b`? distance: up to 2^30 */
static __always_inline bool seq_near(__u32 a, __u32 b, __u32 distance)
{
	return a - b + distance <= 2 * distance;
}

#endif
