/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this gateway one of a cluster, and what is its own: ports and ids are cut into slices
 * by slot, so no two gateways choose the same. Without `cluster:` the verifier removes all
 * that asks clustered().
 */
#ifndef FTPNAT_BPF_CLUSTER_H
#define FTPNAT_BPF_CLUSTER_H

#include "config.h"

#define ID_SLOT_SHIFT 27 /* of a session's id: the slot is in the bits above */

const volatile __u32 ftpnat_slot = 0;	     /* 1..FTPNAT_SLOTS; 0: no cluster */
const volatile __u32 ftpnat_inject_mark = 0; /* in skb->cb of frames that have waited */
const volatile __u32 ftpnat_patience = 2;    /* seconds without a sign of life of `run` */

static __always_inline bool clustered(void)
{
	return ftpnat_slot;
}

static __always_inline struct ftpnat_cluster *cluster_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ftpnat_cluster, &zero);
}

/* Does `run` listen? */
static __always_inline bool cluster_alive(const struct ftpnat_cluster *cluster)
{
	__u32 now = (__u32)(bpf_ktime_get_ns() / SECOND);

	return now - cluster->alive <= ftpnat_patience;
}

/* Are the peers told too late, so that nothing waits for them? */
static __always_inline bool cluster_late(const struct ftpnat_cluster *cluster)
{
	return cluster->go_on && (cluster->late || !cluster_alive(cluster));
}

/* May nothing be announced now? */
static __noinline bool cluster_refuses(void)
{
	struct ftpnat_cluster *cluster = cluster_get();

	return cluster && cluster->refuse && cluster_late(cluster);
}

/* Does the gateway with this slot, another one, go on with its sessions, and can it be told? */
static __always_inline bool cluster_has(__u32 slot)
{
	struct ftpnat_cluster *cluster = cluster_get();

	return cluster && slot && cluster->others >> ((slot - 1) & 31) & 1 &&
	       cluster_alive(cluster) && !cluster->late;
}

/* Is the port, host order, of this gateway's slice? */
static __always_inline bool port_in_slice(__u16 port)
{
	return !clustered() || port < PORT_UNPRIVILEGED ||
	       (port & (FTPNAT_SLOTS - 1)) == ftpnat_slot - 1;
}

/* The port of the slice that is near this one, within min..max, which has at least one. */
static __always_inline __u16 port_to_slice(__u16 port, __u16 min, __u16 max)
{
	__u32 near = (port & ~(FTPNAT_SLOTS - 1U)) + ftpnat_slot - 1;

	if (!clustered())
		return port;
	if (near < min)
		near += FTPNAT_SLOTS;
	else if (near > max)
		near -= FTPNAT_SLOTS;
	return (__u16)near;
}

/* An id of this gateway's slice. */
static __always_inline __u32 id_to_slice(__u32 id)
{
	return clustered() ? (id & ((1U << ID_SLOT_SHIFT) - 1)) |
				     (ftpnat_slot - 1) << ID_SLOT_SHIFT :
			     id;
}

#endif
