/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration that a packet uses: one slot, from its first lookup to its last.
 */
#ifndef FTPNAT_BPF_CONFIG_H
#define FTPNAT_BPF_CONFIG_H

#include "scratch.h"

static __always_inline struct ftpnat_config *config_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ftpnat_config, &zero);
}

/* Called first by a packet that reads configuration: a reload may change the slot. */
static __always_inline void slot_take(struct scratch *s)
{
	struct ftpnat_config *config = config_get();

	s->slot = config ? config->slot & 1 : 0;
}

static __always_inline struct ftpnat_usage *usage_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ftpnat_usage, &zero);
}

static __always_inline struct ftpnat_rule *rule_get(const struct scratch *s, __u16 id)
{
	__u32 key = (s->slot & 1) * FTPNAT_MAX_RULES + id;

	return bpf_map_lookup_elem(&ftpnat_rules, &key);
}

/* The interface, if it is one of the configuration in force. */
static __always_inline struct ftpnat_ifaddr *ifaddr_get(const struct scratch *s,
							__u32 ifindex)
{
	struct ftpnat_ifaddr *own = bpf_map_lookup_elem(&ftpnat_ifaddrs, &ifindex);

	return own && own->slots & 1 << (s->slot & 1) ? own : 0;
}

#endif
