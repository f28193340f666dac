/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers as people read them: three digits or so. All return `buf`. */
#ifndef FTPNAT_HUMAN_H
#define FTPNAT_HUMAN_H

#include <linux/types.h>

#define HUMAN_STRLEN 16

/* "70", "5.0K", "1.5M": of 1000 each */
char *human_size(char buf[static HUMAN_STRLEN], double size);

/* The same with a decimal where it is small: "0.5" */
char *human_rate(char buf[static HUMAN_STRLEN], double per_second);

/* "99s", "12m05s", "26h40m" */
char *human_time(char buf[static HUMAN_STRLEN], __u32 seconds);

#endif
