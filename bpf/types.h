/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What C and the kernel's headers leave out, for BPF and for the host (tests). */
#ifndef FTPNAT_BPF_TYPES_H
#define FTPNAT_BPF_TYPES_H

#include <linux/types.h>

#ifdef __bpf__
/* the target has no stdbool.h of its own */
typedef _Bool bool;
#define true 1
#define false 0
#else
#include <stdbool.h>
#endif

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif

#endif
