/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps libbpf's messages instead of printing them: a refusal becomes one clear message
 * and the last lines of the verifier's log, not pages.
 */
#ifndef FTPNAT_KERNEL_LOG_H
#define FTPNAT_KERNEL_LOG_H

/* Forget earlier messages and keep those that come. */
void kernel_log_start(void);

struct bpf_object;

/* Say why the object (NULL: not even opened) was not loaded, with `err`; returns it. */
int kernel_log_explain(const struct bpf_object *object, int err);

/*
 * Why an XDP program of the object is missing, as part of a sentence: the kernel's
 * message if there is one.
 */
const char *kernel_log_reason(const struct bpf_object *object, int err);

#endif
