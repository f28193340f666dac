/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names what the running kernel lacks. Used after something has failed: features are
 * probed, not guessed from the version.
 */
#ifndef FTPNAT_KERNEL_LACKS_H
#define FTPNAT_KERNEL_LACKS_H

#include <stdbool.h>
#include <stddef.h>

struct bpf_object;

#define KERNEL_LOWEST "6.1" /* that is tested (scripts/get-kernels) */

/* Is the running kernel older? */
bool kernel_is_old(void);

/* Does it let softirqs interrupt each other (PREEMPT_RT)? */
bool kernel_is_realtime(void);

/* The first map type or helper of the object that is missing, into `what`; false: none is. */
bool kernel_lacks(const struct bpf_object *object, char *what, size_t size);

/* What an error of the bpf system call means. */
const char *kernel_bpf_strerror(int err);

#endif
