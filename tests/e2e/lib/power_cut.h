/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When a gateway's links are cut: the value of the map power_cut; also in power.py. */
#ifndef FTPNAT_TEST_POWER_CUT_H
#define FTPNAT_TEST_POWER_CUT_H

#include <linux/types.h>

/* Between these, `run` does something that others see. */
enum power_step {
	POWER_PUBLISHED,   /* a record or a frame of its programs is read from the ring */
	POWER_MULTICAST,   /* ... and about to be sent to the others */
	POWER_MULTICASTED, /* ... and given to corosync */
	POWER_APPLY,	   /* a record of another gateway is about to be applied */
	POWER_APPLIED,
	POWER_SEEN,	 /* "seen n" is about to be sent */
	POWER_SAID_SEEN, /* ... and given to corosync */
	POWER_INJECT,	 /* a frame is about to be injected */
	POWER_INJECTED,
	POWER_STEPS,
};

struct power_cut {
	__u64 at;    /* with this TCP packet; 0: never */
	__u64 seen;  /* TCP packets */
	__u32 after; /* that packet still passes */
	__u32 done;
	__u32 step;		  /* enum power_step */
	__u32 step_at;		  /* with this time that it comes; 0: never */
	__u64 steps[POWER_STEPS]; /* times that they came */
};

#endif
