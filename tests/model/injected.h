/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A frame that `run` lets come in again: of injected.bpf.c, for cluster.c. */
#ifndef FTPNAT_MODEL_INJECTED_H
#define FTPNAT_MODEL_INJECTED_H

#include <linux/types.h>

#define INJECTED_LEN 2048

struct injection {
	__u32 ifindex;
	__u32 sent_on; /* by another gateway */
	__u32 len;
	__u8 frame[INJECTED_LEN];
};

#endif
