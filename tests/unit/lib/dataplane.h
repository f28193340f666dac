/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The real programs, loaded, in a network namespace of the test's own: their
 * configuration written straight into the maps, packets run through them with
 * BPF_PROG_TEST_RUN, state and counters read back.
 *
 * The gateway of this namespace has two interfaces: OUTER towards 198.51.100.0/24,
 * 203.0.113.0/24 and 2001:db8:1::/48, INNER towards 10.0.0.0/8, 192.168.0.0/16 and
 * fd00::/8; both know all neighbours. Its own addresses are 198.51.100.1, 203.0.113.7,
 * 2001:db8:1::1 outside and 10.9.0.1, 192.168.5.1, fd00:9::1 inside.
 */
#ifndef FTPNAT_TEST_DATAPLANE_H
#define FTPNAT_TEST_DATAPLANE_H

#include <linux/bpf.h>

#include "ftpnat_maps.h"
#include "packet.h"

enum side { OUTER, INNER, SIDES };
enum hook { INGRESS, EGRESS };

#define TC_UNSPEC   (-1)
#define TC_SHOT	    2
#define TC_REDIRECT 7

/*
 * Namespace and programs, once for a test binary; as a cmocka group fixture. Where
 * that can't work (not root), the tests are skipped with the reason.
 */
int dataplane_setup(void **state);
int dataplane_teardown(void **state);

/* The programs of another object, which has all that ours has; before any of them runs. */
void dataplane_object(const void *elf, size_t size);

/*
 * Called first by every test: fresh programs and maps, no rules, limits of 64. May skip.
 */
void dataplane_fresh(void);

#define GATEWAYS    2	     /* of a cluster */
#define INJECT_MARK 0x1a9ec7 /* skb->cb[4] of a frame that has waited */

/*
 * From now on all these functions are about the gateway with this slot of a cluster; 0, as at
 * the start: about one without a cluster. What is sent is seen by
 * dataplane_copy(), whoever sends it.
 */
void dataplane_gateway(__u32 slot);

/* No connection, no expectation any more; the rules stay. */
void dataplane_forget(void);

/* A command for the namespace; the test fails when it fails. */
__attribute__((format(printf, 1, 2))) void dataplane_sh(const char *fmt, ...);

/* ---- configuration ---- */

struct ftpnat_addr address(const char *text);
struct ftpnat_config *dataplane_config(void); /* change, then dataplane_apply() */
void dataplane_apply(void);
void dataplane_rule(__u16 id, const struct ftpnat_rule *rule);
/* ftpnat_rule.commands: lists that dataplane_rule() writes as the loader does. */
enum commands_list {
	COMMANDS_NONE,
	COMMANDS_READ_ONLY,
	COMMANDS_DENY,	/* DELE, MKD, PASV, EPRT, XSHA256, SITE CHMOD */
	COMMANDS_ALLOW, /* RETR, LIST, PWD, PORT, SITE HELP */
	COMMANDS_DENY_STAT,
	COMMANDS_LISTS
};

/* What the programs believe of the rule before they look it up; dataplane_rule() sets it. */
void dataplane_qos(__u16 id, __u8 does);
void dataplane_listen(const char *addr, uint16_t port, __u16 rule);
/* index: among all servers; NULL source: none. Its connections are counted for rule 0. */
void dataplane_server(__u16 index, const char *addr, uint16_t port, const char *source,
		      __u16 weight);
/* The connections of this server of rule 0; the test fails if the rule hasn't this server. */
struct ftpnat_served dataplane_served(const char *addr, uint16_t port);
void dataplane_server_drained(__u16 index, const char *addr, uint16_t port);
void dataplane_select(__u16 index, const char *prefix, uint16_t port, __u16 rule);
/* NULL: all clients, all servers */
void dataplane_track(__u16 index, const char *clients, const char *servers, uint16_t port,
		     __u16 rule);
/*
 * The lists of a rule, as the loader writes them; each ends with NULL, and NULL stands
 * for an empty one. Gives the bits for ftpnat_rule.admission.
 */
__u16 dataplane_lists(__u16 rule, const char *const *clients, const char *const *deny);
void dataplane_guard(enum side side, const struct ftpnat_guard *guard);
void dataplane_class(__u16 index, const char *prefix, const char *addr);
void dataplane_ifaddr(enum side side, const char *v4, const char *v6);
void dataplane_no_ifaddr(enum side side);
/* Without address; one bit for each slot of the configuration that it belongs to. */
void dataplane_attached(enum side side, unsigned int slots);

/* ---- packets ---- */

const uint8_t *dataplane_mac(enum side side);
int dataplane_ifindex(enum side side);

struct run {
	int action; /* what the program returned */
	/*
	 * Packets leave with the MAC addresses of their next hop, except the first of
	 * each second, which leaves through the neighbour layer. Here they are always as
	 * received.
	 */
	bool at_once;
	struct packet packet;
	struct __sk_buff ctx;
};

/* Runs a frame; `gso_size` 0: no GSO frame. */
void dataplane_run(struct run *run, enum hook hook, enum side side,
		   const struct packet *packet, uint32_t gso_size);
/* The same; -errno when the kernel takes no such frame. `cb4`: skb->cb[4]. */
int dataplane_try(struct run *run, enum hook hook, enum side side,
		  const struct packet *packet, uint32_t gso_size, uint32_t cb4);

/*
 * The next TCP packet that the programs sent by themselves through a next hop, with the
 * MAC addresses of one that came in on the other side; false: there is none.
 */
bool dataplane_copy(struct packet *copy);

/* The same as dataplane_run() for a packet with this mark; run->ctx.mark has the new one. */
void dataplane_run_marked(struct run *run, enum hook hook, enum side side,
			  const struct packet *packet, uint32_t mark);

/* At egress of `side`, as the stack forwards what came in on `from`. */
int dataplane_forwarded(struct run *run, enum side side, enum side from,
			const struct packet *packet);

/* ---- state ---- */

struct counters {
	__u64 reason[FTPNAT_REASON_MAX];
};

const char *reason_name(enum ftpnat_reason reason);
void dataplane_counters(struct counters *counters);

/*
 * Did exactly these reasons rise, each by the number of times it is named? `also` ends
 * with FTPNAT_REASON_MAX or is NULL. Prints the differences.
 */
bool dataplane_counted(const char *says, const struct counters *before,
		       enum ftpnat_reason reason, const enum ftpnat_reason *also);

/* Readers of events: so many slots have a ring buffer. */
#define READERS	    2
#define EVENTS_SIZE 4096 /* of the second one's ring buffer */

/* Which of them read, one bit each; dataplane_fresh(): the first. Forgets what they got. */
void dataplane_readers(__u32 slots);
/* What this reader got since then, at most 64 events; their number. */
size_t dataplane_events(__u32 slot, const struct ftpnat_line_event **events);
/* Events that found no room, ever. */
__u64 dataplane_events_lost(__u32 slot);

/* Descriptor of a map or a program, for what there is no function for. */
int dataplane_fd(const char *map);
int dataplane_program(const char *name);

void dataplane_stats(__u16 rule, struct ftpnat_rule_stats *stats);
void dataplane_usage(struct ftpnat_usage *usage);
bool dataplane_flow(const struct ftpnat_tuple *key, struct ftpnat_flow *flow);
bool dataplane_expected(const struct ftpnat_expected_key *key,
			struct ftpnat_expected *expected);
/* As if nobody had said anything for so many seconds more. */
void dataplane_silence(__u32 seconds);
bool dataplane_session(__u32 id, struct ftpnat_session *session);
/* Number of entries. */
size_t dataplane_flows(void);
size_t dataplane_sessions(void);
size_t dataplane_expectations(void);
size_t dataplane_logs(void);	  /* that a session has */
size_t dataplane_logs_made(void); /* used or not */
/* As if all logs had been entered a second earlier. */
void dataplane_age_logs(void);
/* The only expectation; the test fails unless there is exactly one. */
void dataplane_expectation(struct ftpnat_expected_key *key,
			   struct ftpnat_expected *expected);
struct ftpnat_tuple tuple(const char *src, uint16_t sport, const char *dst,
			  uint16_t dport);

/* ---- rows ---- */

struct CMUnitTest;

/*
 * Fills `test` (room for `n`) so that each of `n` rows of `size` bytes, whose first
 * member is the `const char *` that names it, is one test of `function`; returns `n`.
 */
size_t rows_as_tests(struct CMUnitTest *test, const void *rows, size_t n, size_t size,
		     void (*function)(void **state));

#endif
