/* SPDX-License-Identifier: GPL-2.0-only */
/* The state of a connection, from what its two directions have shown. */
#ifndef FTPNAT_BPF_CONNTRACK_STATE_H
#define FTPNAT_BPF_CONNTRACK_STATE_H

#include "ftpnat_maps.h"
#include "verifier.h"

/*
 * Both directions have ended, and that of one was acknowledged; or one was reset. RFC
 * 7857: a reset may be spoofed, so this ages too.
 */
static __always_inline bool flow_closing(__u32 one, __u32 other)
{
	return ((one | other) & FTPNAT_TCP_RST) ||
	       ((one & other) & FTPNAT_TCP_FIN && (one | other) & FTPNAT_TCP_FINISHED);
}

/* It was reset, or the ends of both directions were acknowledged: nothing follows. */
static __always_inline bool flow_over(__u32 one, __u32 other)
{
	return (one | other) & FTPNAT_TCP_RST || one & other & FTPNAT_TCP_FINISHED;
}

static __always_inline bool flow_established(__u32 one, __u32 other)
{
	return (one & other) & FTPNAT_TCP_ACK;
}

/* Seconds that a connection in this state may be idle. */
static __always_inline __u32 flow_timeout(const struct ftpnat_config *config, __u8 kind,
					  __u32 one, __u32 other)
{
	if (flow_closing(one, other) || !flow_established(one, other))
		return config->timeout_closing;
	return config->timeout[kind & 1];
}

#endif
