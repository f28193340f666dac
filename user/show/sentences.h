/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `status` says in words: each sentence with what to do about it. */
#ifndef FTPNAT_SENTENCES_H
#define FTPNAT_SENTENCES_H

#include <jansson.h>

#include "base/sentence.h"
#include "dataplane/view.h"

/* Kinds of what is wrong, for metrics; their names stay. */
enum fault_cause {
	FAULT_INTERFACE,   /* gone, recreated, down or without a carrier */
	FAULT_FILTER,	   /* a TC filter of ours was removed */
	FAULT_XDP,	   /* the fast path is not used as configured, or loses packets */
	FAULT_ADDRESS,	   /* of a rule, and not one of this host */
	FAULT_FORWARDING,  /* is off */
	FAULT_ROUTE,	   /* none to a server */
	FAULT_SERVER_DOWN, /* by its health checks */
	FAULT_UNANSWERED,  /* sessions */
	FAULT_REFUSED,	   /* sessions, by a server */
	FAULT_NO_SERVER,   /* is left of a rule */
	FAULT_TABLE_FULL,
	FAULT_RELOAD_FAILED, /* of `run` */
	FAULT_NO_RUN,	     /* though health or metrics are configured */
	FAULT_INTERRUPTED,   /* a command */
	FAULT_PROGRAM,	     /* not pinned, or interpreted */
	FAULT_NAMESPACE,     /* the interfaces are in another one */
	FAULT_KERNEL,	     /* older than those tested */
	FAULT_CLUSTER,	     /* not synced, or its members differ */
	FAULT_RATE,	     /* nobody delays what a rule's rate is for */
	FAULT_MAX
};

const char *fault_cause_str(enum fault_cause cause);

/* Adds {cause, sentence}. */
void __attribute__((format(printf, 3, 4)))
fault(json_t *degraded, enum fault_cause cause, const char *format, ...);

/*
 * Look for what is wrong with forwarding, the servers, addresses and the service of the
 * rules in force, from inside the instance's network namespace. `hints` gets what may be
 * intended. Reports its errors.
 */
int sentences_forwarding(const struct view *view, json_t *degraded);
int sentences_servers(const struct view *view, json_t *degraded);
int sentences_addresses(const struct view *view, json_t *degraded, json_t *hints);
void sentences_service(const struct view *view, json_t *degraded);
void sentences_cluster(const struct view *view, json_t *degraded);
void sentences_rate(const struct view *view, json_t *degraded);

#endif
