/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For libraries that tests preload: what they stand in front of, and all that calls syscall(). */
#ifndef FTPNAT_TEST_PRELOAD_H
#define FTPNAT_TEST_PRELOAD_H

#include <dlfcn.h>
#include <stdarg.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The including library's: what becomes of a call. */
static long on_syscall(long number, const long a[6]);

static long next_syscall(long number, const long a[6])
{
	return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

long syscall(long number, ...)
{
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	return on_syscall(number, a);
}

#endif
