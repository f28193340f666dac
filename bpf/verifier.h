/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hints that the verifier needs. No other file uses inline assembly. Each hint names the
 * compiler and the kernel that needed it.
 */
#ifndef FTPNAT_BPF_VERIFIER_H
#define FTPNAT_BPF_VERIFIER_H

#include "types.h"

#ifdef __bpf__
#include <bpf/bpf_helpers.h>
#else
#define barrier_var(var) ((void)(var))
#endif

/*
 * libbpf's barrier_var(v) is for a value whose bounds the compiler knows and
 * therefore drops, but which the verifier has to see checked (clang 14 and 19,
 * all kernels).
 */

/*
 * A __noinline function that isn't static is verified once for itself, with
 * nothing known of its arguments, and not again on each path to it: what keeps
 * these programs far below the verifier's limit. Its pointers may be NULL,
 * and for 6.1 they are not good as keys and values of maps.
 */

/*
 * The context of a bpf_loop callback is a pointer on the stack to memory that
 * the verifier doesn't track (a map value), never a struct with numbers on the
 * stack: 6.18 gives up on such ("verifier bug: stack slot 6, total slots 0").
 */

/* index, kept below the power of two `size` by a mask the compiler can't drop */
static __always_inline __u32 bounded(__u32 index, __u32 size)
{
	barrier_var(index);
	return index & (size - 1);
}

/*
 * length of 1..size, size a power of two, for a helper that takes no empty
 * buffer: 6.1 and 6.12 see no lower bound in a comparison.
 */
static __always_inline __u32 bounded_len(__u32 len, __u32 size)
{
	return bounded(len - 1, size) + 1;
}

#ifdef __bpf__
/*
 * This CPU's element of a per-CPU array, or NULL. From 6.10 on the kernel puts a
 * bpf_map_lookup_elem() of such an array in line and then copies what the verifier knows of
 * the whole program: with 250 of them `up` took a third longer on 6.18. Those that every
 * packet passes are left to it.
 */
static __always_inline void *percpu_elem(void *map, __u32 index)
{
	return bpf_map_lookup_percpu_elem(map, &index, bpf_get_smp_processor_id());
}
#endif

#endif
