/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SYNs of several clients to the rule of lib/syn.h, and what the gateway counts of each. */
#ifndef FTPNAT_TEST_CLIENTS_H
#define FTPNAT_TEST_CLIENTS_H

#include "syn.h"

/* Clients, two of each in one /64, one elsewhere. */
#define NEAR4  "198.51.100.7"
#define OTHER4 "198.51.100.8"
#define NEAR6  "2001:db8:1::7"
#define SAME64 "2001:db8:1::8"
#define OTHER6 "2001:db8:1:9::7"

/* Fresh maps with the rule and these limits; 0: no limit. */
void clients_limit(struct ftpnat_per_client per_client, __u32 max_sessions);

/* A SYN of the client from this port: is it forwarded (0), or refused for this reason? */
bool client_dials(const char *client, uint16_t port, enum ftpnat_reason refused);
/* The same, counted with `also`. */
bool client_dials_also(const char *client, uint16_t port, enum ftpnat_reason refused,
		       const enum ftpnat_reason *also);

/* The client's key in ftpnat_clients, for rule 0. */
struct ftpnat_client_key client_key(const char *client);
/* What is counted of the client for rule 0; all zero if it isn't counted. */
struct ftpnat_client client_has(const char *client);
/* The control connections of rule 0. */
__u32 rule_sessions(void);

#endif
