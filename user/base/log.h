/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages for people: one line on standard error, printed once, where the cause is known. */
#ifndef FTPNAT_LOG_H
#define FTPNAT_LOG_H

#include <stdio.h>

#define pr_err(fmt, ...) fprintf(stderr, "ftpnat-load: " fmt "\n", ##__VA_ARGS__)

/* Say what failed and return the error: return err_r(-ENOENT, "no interface %s", name); */
#define err_r(code, fmt, ...)                                                            \
	({                                                                               \
		pr_err(fmt, ##__VA_ARGS__);                                              \
		(code);                                                                  \
	})

#endif
