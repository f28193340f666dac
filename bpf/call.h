/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * At tcx there is one small program per hook, attached once: each attachment is a call of its
 * own, so it is not by them that all hooks get new programs at the same time, but by one write
 * to ftpnat_config.
 */
#ifndef FTPNAT_CALL_H
#define FTPNAT_CALL_H

#include "config.h"

/* Go on with the program in force. Constant indices are calls that the kernel patches in. */
static __always_inline int call_in_force(struct __sk_buff *skb, enum ftpnat_entry entry)
{
	const struct ftpnat_config *config = config_get();

	if (config && config->programs == 1)
		bpf_tail_call_static(skb, &ftpnat_programs, entry);
	else if (config && config->programs == 2)
		bpf_tail_call_static(skb, &ftpnat_programs, FTPNAT_ENTRY_MAX + entry);
	return TC_ACT_UNSPEC;
}

#endif
