/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A SYN that a rule translates, and variants with one change. */
#ifndef FTPNAT_TEST_SYN_H
#define FTPNAT_TEST_SYN_H

#include "dataplane.h"

#define IP   14 /* offset of the IP header */
#define TCP  34 /* of the TCP header behind an IPv4 header without options */
#define TCP6 54

extern const struct packet_spec syn4, syn6;

/* The rule that both are for, number 0; fresh maps with it. */
extern const struct ftpnat_rule syn_rule;
void syn_publish(void);

void syn_build(struct packet *packet, const struct packet_spec *spec);
/* The SYN as the server gets it. */
void syn_build_translated(struct packet *packet, const struct packet_spec *spec);

/* The length fields of IPv4 and IPv6. */
void total_length(struct packet *packet, uint16_t len);
void payload_length(struct packet *packet, uint16_t len);

/* Byte-identical, TC_UNSPEC, counted so? The kernel may refuse a frame; then it is false. */
bool check_passes(const char *says, enum hook hook, enum side side,
		  const struct packet *packet, enum ftpnat_reason reason);
bool check_translated(const char *says, const struct packet *packet,
		      const struct packet *expected);

#endif
