/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ownership by scope: what a function acquires it releases on every return, or hands over. */
#ifndef FTPNAT_UTIL_H
#define FTPNAT_UTIL_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void free_ptr(void *ptr)
{
	free(*(void **)ptr);
}

static inline void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define _cleanup_(fn)	 __attribute__((cleanup(fn)))
#define _cleanup_close_	 _cleanup_(close_fd)
#define _cleanup_free_	 _cleanup_(free_ptr)
#define _cleanup_fclose_ _cleanup_(close_file)

/* Hand the descriptor over: the cleanup of `fd` then has nothing to close. */
#define TAKE_FD(fd)                                                                      \
	({                                                                               \
		int taken_ = (fd);                                                       \
		(fd) = -1;                                                               \
		taken_;                                                                  \
	})

#define TAKE_PTR(ptr)                                                                    \
	({                                                                               \
		__typeof__(ptr) taken_ = (ptr);                                          \
		(ptr) = NULL;                                                            \
		taken_;                                                                  \
	})

#endif
