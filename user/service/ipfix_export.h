/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An exporter of IPFIX: to one collector, over UDP or TCP, never waiting for it. What
 * the collector doesn't take is kept up to a limit over TCP, and then counted and lost.
 */
#ifndef FTPNAT_IPFIX_EXPORT_H
#define FTPNAT_IPFIX_EXPORT_H

#include "service/ipfix.h"

struct ipfix_export {
	struct ftpnat_endpoint collector; /* port 0: none */
	bool tcp;
	bool destinations;
	int fd;			      /* -1: not connected */
	bool connecting;	      /* TCP: not established yet */
	int failed;		      /* errno that was told; 0: it works */
	__u32 sequence;		      /* data records sent in this session */
	__u64 templates_at;	      /* seconds: when they were sent last; 0: not yet */
	struct ipfix_message message; /* under construction */
	struct ipfix_message *queue;  /* TCP: messages to be sent, a ring */
	size_t first;
	size_t queued;
	size_t sent; /* bytes of the first one */
	__u64 written;
	__u64 lost;
};

#define IPFIX_EXPORT_INIT                                                                \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* To this collector from now on; port 0: to none. 0 or -ENOMEM, reported. */
int ipfix_export_use(struct ipfix_export *ex, const struct ftpnat_endpoint *collector,
		     bool tcp, bool destinations);
void ipfix_export_close(struct ipfix_export *ex);

void ipfix_export_add(struct ipfix_export *ex, const struct ipfix_record *record);

/* Sends what there is: after a run of records, and every second. */
void ipfix_export_flush(struct ipfix_export *ex);

/* Every second: connects again, repeats templates. */
void ipfix_export_tend(struct ipfix_export *ex);

#endif
