/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What libbpf says while it loads, kept instead of printed: a refusal becomes one
 * clear message and the last lines of the verifier's log, not pages.
 */
#ifndef FTPNAT_KERNEL_LOG_H
#define FTPNAT_KERNEL_LOG_H

/* Forget what was said and keep what comes. */
void kernel_log_start(void);

/* Say why bpf_object__load() failed with `err`; returns it. */
int kernel_log_explain(int err);

/* Why something else was refused, for a sentence: the kernel's words if it said any. */
const char *kernel_log_reason(int err);

#endif
