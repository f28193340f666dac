/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All maps, shared by the TC and XDP objects; layouts in include/ftpnat_maps.h, a table
 * of them in include/ftpnat_map_table.h.
 */
#ifndef FTPNAT_BPF_MAPS_H
#define FTPNAT_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "ftpnat_maps.h"

/*
 * Flows, sessions and expectations are allocated on demand (NO_PREALLOC): memory follows
 * use. max_entries, set by the loader from `limits`, only backs up the exact count in
 * ftpnat_usage.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2); /* loader: 2 * (limits.control + limits.data) */
	__type(key, struct ftpnat_tuple);
	__type(value, struct ftpnat_flow);
} ftpnat_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* loader: limits.control */
	__type(key, __u32);
	__type(value, struct ftpnat_session);
} ftpnat_sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries,
	       1); /* loader: limits.control, and room for those without session */
	__type(key, __u32);
	__type(value, struct ftpnat_logs);
} ftpnat_logs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, FTPNAT_LOGS_SPARE);
	__type(value, __u32);
} ftpnat_spare SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* loader: limits.control */
	__type(key, __u32);
	__type(value, struct ftpnat_transfer);
} ftpnat_transfers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* loader: limits.expected */
	__type(key, struct ftpnat_expected_key);
	__type(value, struct ftpnat_expected);
} ftpnat_expected SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* loader: limits.control */
	__type(key, struct ftpnat_tls_key);
	__type(value, struct ftpnat_tls);
} ftpnat_tls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_expiry);
} ftpnat_expiry SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* loader: by the limits of connections */
	__type(key, __u32);
	__type(value, struct ftpnat_expiry_block);
} ftpnat_queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_config);
} ftpnat_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2 * FTPNAT_ENTRY_MAX);
	__type(key, __u32);
	__type(value, __u32);
} ftpnat_programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * FTPNAT_MAX_RULES);
	__type(key, __u32);
	__type(value, struct ftpnat_rule);
} ftpnat_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * FTPNAT_MAX_SERVERS);
	__type(key, __u32);
	__type(value, struct ftpnat_server);
} ftpnat_servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FTPNAT_MAX_SERVED);
	__type(key, struct ftpnat_served_key);
	__type(value, struct ftpnat_served);
} ftpnat_served SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * FTPNAT_MAX_CLASSES);
	__type(key, __u32);
	__type(value, struct ftpnat_class);
} ftpnat_classes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * FTPNAT_MAX_LISTENS);
	__type(key, struct ftpnat_listen_key);
	__type(value, struct ftpnat_listen);
} ftpnat_listens SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * FTPNAT_MAX_SELECTORS);
	__type(key, __u32);
	__type(value, struct ftpnat_selector);
} ftpnat_select SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FTPNAT_MAX_LISTED_COMMANDS);
	__type(key, struct ftpnat_command_key);
	__type(value, struct ftpnat_command);
} ftpnat_commands SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FTPNAT_MAX_BANS);
	__type(key, struct ftpnat_ban_key);
	__type(value, struct ftpnat_ban);
} ftpnat_bans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_banned);
} ftpnat_banned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries,
	       1); /* loader: limits.control, and room for those without sessions */
	__type(key, struct ftpnat_client_key);
	__type(value, struct ftpnat_client);
} ftpnat_clients SEC(".maps");

/* [rule * FTPNAT_DIR_MAX + direction]: ns of CLOCK_MONOTONIC when the next may leave */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FTPNAT_DIR_MAX *FTPNAT_MAX_RULES);
	__type(key, __u32);
	__type(value, __u64);
} ftpnat_paces SEC(".maps");

/* The same by client; `pad` is the direction. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FTPNAT_DIR_MAX *FTPNAT_MAX_PACES);
	__type(key, struct ftpnat_client_key);
	__type(value, __u64);
} ftpnat_client_paces SEC(".maps");

/* The loader puts in a trie for each rule that has lists. */
struct ftpnat_prefixes {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	/* clang 14 leaves the types out of an inner map's BTF */
	__uint(key_size, sizeof(struct ftpnat_prefix_key));
	__uint(value_size, sizeof(__u32));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2 * FTPNAT_MAX_RULES);
	__type(key, __u32);
	__array(values, struct ftpnat_prefixes);
} ftpnat_lists SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * FTPNAT_MAX_INTERFACES);
	__type(key, struct ftpnat_guard_key);
	__type(value, struct ftpnat_guard);
} ftpnat_guards SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FTPNAT_MAX_LINKS);
	__type(key, __u32);
	__type(value, struct ftpnat_ifaddr);
} ftpnat_ifaddrs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FTPNAT_MAX_PROBES);
	__type(key, __u64);
	__type(value, __u32);
} ftpnat_probes SEC(".maps");

struct ftpnat_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, FTPNAT_EVENTS_SIZE);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, FTPNAT_READERS);
	__type(key, __u32);
	__array(values, struct ftpnat_ring);
} ftpnat_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_readers);
} ftpnat_readers SEC(".maps");

/*
 * Connections that have ended, oldest first, by the key of their client's entry. When a
 * table is full, only these make room.
 */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, FTPNAT_MAX_CLOSED);
	__type(value, struct ftpnat_tuple);
} ftpnat_closed_c SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, FTPNAT_MAX_CLOSED);
	__type(value, struct ftpnat_tuple);
} ftpnat_closed_d SEC(".maps");

/*
 * Control connections in the order of their SYNs, by the key of their client's entry.
 * Those still half open make room in a full table. The newest push out the oldest.
 */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, FTPNAT_MAX_HALF_OPEN);
	__type(value, struct ftpnat_tuple);
} ftpnat_half_open SEC(".maps");

/* Connections that the loader ends; the timer takes them out. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, FTPNAT_MAX_ENDING);
	__type(value, struct ftpnat_ending);
} ftpnat_ending SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_usage);
} ftpnat_usage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FTPNAT_MAX_RULES);
	__type(key, __u32);
	__type(value, struct ftpnat_rule_stats);
} ftpnat_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FTPNAT_REASON_MAX);
	__type(key, __u32);
	__type(value, __u64);
} ftpnat_reasons SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FTPNAT_MAX_HOPS);
	__type(key, __u32);
	__type(value, struct ftpnat_hop);
} ftpnat_hops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FTPNAT_MAX_LINKS);
	__type(key, __u32);
	__type(value, struct ftpnat_link);
} ftpnat_links SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_cluster);
} ftpnat_cluster SEC(".maps");

/* `run` puts in its ring. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ftpnat_ring);
} ftpnat_records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_record);
} ftpnat_inbox SEC(".maps");

/* Only the loader reads and writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_state);
} ftpnat_state SEC(".maps");

/*
 * Inserts an entry that does not exist yet. 0 or -errno, as an int: before 6.4 the
 * kernel calls the map's own function, which leaves the upper half of the register zero.
 */
static __always_inline int map_insert(void *map, const void *key, const void *value)
{
	return (int)bpf_map_update_elem(map, key, value, BPF_NOEXIST);
}

#endif
