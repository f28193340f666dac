/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All maps of bpf/: X(symbol, name, what it holds, does it survive a reload). Those that
 * survive are pinned and shared by the TC and XDP programs; the others are a program's
 * own. Layouts are in ftpnat_maps.h.
 */
#ifndef FTPNAT_MAP_TABLE_H
#define FTPNAT_MAP_TABLE_H

/* clang-format off */
#define FTPNAT_MAPS(X)                                                                   \
	X(STATE,    "ftpnat_state",    "the loader's notes on the instance",         true)  \
	X(CONFIG,   "ftpnat_config",   "limits, timeouts, the slot in force",        true)  \
	X(PROGRAMS, "ftpnat_programs", "what the programs at tcx call",              true)  \
	X(RULES,    "ftpnat_rules",    "rules, by slot and id",                      true)  \
	X(SERVERS,  "ftpnat_servers",  "servers of publish rules, by slot",          true)  \
	X(SERVED,   "ftpnat_served",   "control connections of each server",         true)  \
	X(CLASSES,  "ftpnat_classes",  "data_address_for of publish rules, by slot", true)  \
	X(LISTENS,  "ftpnat_listens",  "addresses that publish rules listen on",     true)  \
	X(SELECT,   "ftpnat_select",   "clients of masquerade and track rules",      true)  \
	X(COMMANDS, "ftpnat_commands", "commands of rules, by slot",                 true)  \
	X(LISTS,    "ftpnat_lists",    "clients and deny of rules, by slot",         true)  \
	X(BANS,     "ftpnat_bans",     "clients that are refused for a time",       true)  \
	X(BANNED,   "ftpnat_banned",   "whether ftpnat_bans has any",               true)  \
	X(CLIENTS,  "ftpnat_clients",  "clients of rules, with what they have",      true)  \
	X(PACES,    "ftpnat_paces",    "departure times of rules with a rate",       true)  \
	X(CLIENT_PACES, "ftpnat_client_paces", "departure times of clients",         true)  \
	X(GUARDS,   "ftpnat_guards",   "guarded ports, by interface",                true)  \
	X(IFADDRS,  "ftpnat_ifaddrs",  "addresses of the interfaces",                true)  \
	X(LINKS,    "ftpnat_links",    "what an interface can do, for XDP",          true)  \
	X(HOPS,     "ftpnat_hops",     "next hops, for XDP",                         true)  \
	X(FLOWS,    "ftpnat_flows",    "connections, an entry per direction",        true)  \
	X(SESSIONS, "ftpnat_sessions", "control connections",                        true)  \
	X(LOGS,     "ftpnat_logs",     "bytes and edits not yet acknowledged",       true)  \
	X(SPARE,    "ftpnat_spare",    "logs that no session has",                   true)  \
	X(TRANSFERS, "ftpnat_transfers", "transfers of sessions, for their records",  true)  \
	X(EXPECTED, "ftpnat_expected", "announced data connections",                 true)  \
	X(TLS,      "ftpnat_tls",      "sessions under TLS, by client",              true)  \
	X(EXPIRY,   "ftpnat_expiry",   "the timer that removes connections",         true)  \
	X(QUEUE,    "ftpnat_queue",    "connections by the time to look at them",    true)  \
	X(CLOSED_C, "ftpnat_closed_c", "control connections that have ended",        true)  \
	X(CLOSED_D, "ftpnat_closed_d", "data connections that have ended",           true)  \
	X(HALF_OPEN, "ftpnat_half_open", "control connections by their SYNs",       true)  \
	X(ENDING,   "ftpnat_ending",   "connections that are to be ended",          true)  \
	X(USAGE,    "ftpnat_usage",    "exact number of entries of the tables",      true)  \
	X(STATS,    "ftpnat_stats",    "counters per rule",                          true)  \
	X(REASONS,  "ftpnat_reasons",  "counters per reason",                        true)  \
	X(EVENTS,   "ftpnat_events",   "a ring buffer of events for each reader",    true)  \
	X(READERS,  "ftpnat_readers",  "who reads events, and what they lost",       true)  \
	X(CLUSTER,  "ftpnat_cluster",  "what `run` knows of its cluster",           true)  \
	X(RECORDS,  "ftpnat_records",  "changes for the other gateways",            true)  \
	X(INBOX,    "ftpnat_inbox",    "a change of another gateway",               true)  \
	X(PROBES,   "ftpnat_probes",   "sockets of health checks",                   true)  \
	X(SCRATCH,  "ftpnat_scratch",  "what a packet needs while it is handled",    false) \
	X(PAYLOAD,  "ftpnat_payload",  "a packet's bytes while it is handled",       false) \
	X(RECORD,   "ftpnat_record",   "a change about to be published",            false) \
	X(BLANK,    "ftpnat_blank",    "an empty session, to begin with",            false) \
	X(NEW_LOGS, "ftpnat_new_logs",  "empty logs, to begin with",                   false) \
	X(EMPTY,    "ftpnat_empty",    "an empty block of the queue, to begin with", false) \
	X(CLOCK,    "ftpnat_clock",    "the time, for XDP",                          false)
/* clang-format on */

enum ftpnat_map {
#define X(symbol, name, holds, survives) FTPNAT_MAP_##symbol,
	FTPNAT_MAPS(X)
#undef X
		FTPNAT_MAP_MAX
};

#endif
